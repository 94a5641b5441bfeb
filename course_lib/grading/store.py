"""Verdicts that have been reached are kept, so that a run that was stopped goes on where it was."""

import json
import os
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from course_lib.grading.judge import Verdict

FOLDER = "judged"


class Busy(RuntimeError):
    """Another run is at work in this course folder."""


class VerdictStore:
    """One file for each verdict, named by its task's key; a file is there whole or not at all."""

    def __init__(self, folder: Path):
        self.folder = folder

    @classmethod
    def of_lesson(cls, root: Path, lesson: str) -> "VerdictStore":
        return cls(root / FOLDER / lesson)

    def get(self, key: str) -> Verdict | None:
        """The verdict of a task, None where there is none that can be read."""
        try:
            return Verdict.from_plain(json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    @contextmanager
    def being_filled(self):
        """While this context is open, `wait` waits for verdicts that are not there yet."""
        import fcntl

        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / ".filling", "a") as file:
            # A lock, not a file's being there: it ends with this process, however that ends.
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def wait(self, key: str) -> Verdict | None:
        """The verdict of a task, as soon as another process has put it here; None if none is to be expected."""
        while (verdict := self.get(key)) is None and self._is_being_filled():
            time.sleep(0.05)
        return verdict or self.get(key)

    def _is_being_filled(self) -> bool:
        import fcntl

        try:
            with open(self.folder / ".filling") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return False
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def put(self, key: str, verdict: Verdict) -> None:
        """Keep a verdict; raises OSError where the disk is full, and leaves nothing behind then."""
        self.folder.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
        try:
            with open(number, "w", encoding="utf-8") as file:
                json.dump(verdict.as_plain(), file)
                file.flush()
                os.fsync(number)
            os.replace(name, self.folder / f"{key}.json")
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def only_one(root: Path):
    """Hold the course folder `root` for one grading run; raises Busy where another one holds it.

    The lock ends with the process that holds it, however that ends. A command that this run starts shares it.
    """
    import fcntl

    path = root / ".grading-lock"
    if os.environ.get("COURSE_GRADING_LOCK") == str(path.resolve()):
        yield
        return
    with open(path, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy(f"another grading run is at work in {root}: wait for its end, or stop it") from None
        os.environ["COURSE_GRADING_LOCK"] = str(path.resolve())
        try:
            yield
        finally:
            del os.environ["COURSE_GRADING_LOCK"]
