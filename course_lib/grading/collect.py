"""Find in an export of a learning platform who handed in what: unpacked without harm, and one notebook chosen for each student."""

import json
import math
import re
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import nbformat
from nbformat import NotebookNode
from nbgrader.plugins import ExtractorPlugin, FileNameCollectorPlugin

from course_lib.grading.repair import CODE, COLLECTED, IN_EVERY_LESSON, LARGEST_FILE, read_notebook, shadow_sentence, shadows

# What one student's archives may hold in all, and how deep archives may lie in one another.
LARGEST_ARCHIVE = 200_000_000
MOST_FILES = 1000
DEEPEST = 4

_ARCHIVE = re.compile(r"\.(zip|tar|tgz|gz|tar\.(gz|bz2|xz)|rar|7z)$", re.I)
_WANTED = re.compile(r"\.(ipynb(\.\w+)?|json|txt|py|zip|tar|tgz|gz|bz2|xz|rar|7z)$", re.I)
_JUNK = re.compile(r"(^|/)(__MACOSX|\.[^/]*|__pycache__|node_modules|site-packages|Thumbs\.db|desktop\.ini)(/|$)", re.I)
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)
_PLATFORMS = [
    re.compile(r".*_(?P<student_id>[^_]+)_attempt_(?P<timestamp>[0-9-]+)(_(?P<name>.*))?$"),
    re.compile(r"(?P<student_id>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+_?(?P<name>.*)$"),
    re.compile(r"(?P<student_id>[^_]+)(_LATE)?_(?P<number>\d+)_(?P<upload>\d+)_(?P<name>.+)$"),
]


# Unpacking


def unpack_export(export: Path, target: Path) -> list[str]:
    """Copy a folder, a file or an archive into the folder `target`, archives in archives unpacked, and return what the instructor should know.

    Nothing is written outside `target`; links are left out, and so are files above a size. Notebooks under another ending
    (`01-tokens.ipynb.txt`) get the right one behind it. Of a student who handed in no notebook at all, one file is named like a
    notebook: so the submission is graded, with a report, and not lost.
    """
    inside = list(_files(export)) if export.is_dir() else [export]
    if len(inside) == 1 and _ARCHIVE.search(inside[0].name):
        export = inside[0]
    unpacking = _Unpacking(target)
    if _ARCHIVE.search(export.name) and export.is_file():
        unpacking.unpack_class(export)
    else:
        unpacking.copy(export)
    unpacking.unpack_inner()
    _name_notebooks(target)
    _stand_in(target)
    return unpacking.said


@dataclass
class _Unpacking:
    """One export on its way into the folder `target`."""

    target: Path
    said: list[str] = field(default_factory=list)
    sizes: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def copy(self, export: Path) -> None:
        base = export if export.is_dir() else export.parent
        for path in _files(export) if export.is_dir() else [export]:
            with open(path, "rb") as stream:
                self.write(self.target / path.relative_to(base), stream, path.stat().st_size)

    def unpack_class(self, export: Path) -> None:
        """The platform's own archive: what lies at its top tells the students; if it does not, the archive's name does."""
        self.unpack(export, self.target, limited=False)
        inside = list(self.target.glob("*"))
        if not inside:
            raise ValueError(f"{export} is empty or damaged: " + " ".join(self.said))
        if any(path.is_file() and ".ipynb" in path.name.lower() and _platform(path.name) is None for path in inside):
            folder = self.target / _bare(export.name)
            for path in inside:
                _move(path, folder / path.name)

    def unpack_inner(self) -> None:
        """Archives that students handed in, and those inside them."""
        tried: set[Path] = set()
        for _ in range(DEEPEST):
            for path in [path for path in _files(self.target) if _is_archive(path) and path not in tried]:
                tried.add(path)
                folder = _free(path.with_name(_bare(path.name)))
                self.unpack(path, folder, limited=True)
                if folder.exists():
                    path.unlink()
        for path in [path for path in _files(self.target) if _is_archive(path)]:
            # Graded like any file that is no notebook, if its student has no other.
            self.said.append(f"{self.short(path)} gave no notebook.")
            folder = path.with_name(_bare(path.name)) if path.parent == _class_folder(self.target) else path.parent
            _move(path, folder / f"{path.name}.ipynb")

    def unpack(self, archive: Path, folder: Path, limited: bool) -> None:
        try:
            for name, size, stream in _members(archive, self.said, LARGEST_ARCHIVE if limited else math.inf):
                if limited and not _WANTED.search(name):
                    continue
                if not limited or self.allows(folder, size):
                    self.write_member(folder, name, stream, size)
                else:
                    self.said.append(f"{self.short(archive)} holds too much; {name} and what follows were not unpacked.")
                    return
        except _BROKEN as error:
            self.said.append(f"{self.short(archive)} could not be unpacked: {str(error)[:100] or type(error).__name__}.")

    def allows(self, folder: Path, size: int) -> bool:
        person = folder.relative_to(self.target).parts[0]
        # A file above the size is not unpacked and costs no room.
        self.sizes[person] += size if size <= LARGEST_FILE else 0
        self.counts[person] += 1
        return self.sizes[person] <= LARGEST_ARCHIVE and self.counts[person] <= MOST_FILES

    def write_member(self, folder: Path, name: str, stream: Callable[[], BinaryIO], size: int) -> None:
        parts = [re.sub(r'[:*?"<>|\x00-\x1f]', "_", part) for part in re.split(r"[/\\]", name) if part not in ("", ".")]
        if ".." in parts or not parts:
            self.said.append(f"{name} points out of its archive and was left out.")
            return
        try:
            with stream() as content:
                self.write(folder.joinpath(*parts), content, size)
        except _BROKEN as error:
            self.said.append(f"{name} is damaged in its archive and was left out: {str(error)[:100] or type(error).__name__}.")

    def write(self, path: Path, stream: BinaryIO, size: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if size <= LARGEST_FILE:
            with open(path, "wb") as file:
                shutil.copyfileobj(stream, file)
            return
        sentence = f"{self.short(path)} is larger than {LARGEST_FILE // 1_000_000} MB and was left out."
        self.said.append(sentence)
        path.write_text(sentence, encoding="utf-8")

    def short(self, path: Path) -> str:
        return str(path.relative_to(self.target)) if path.is_relative_to(self.target) else path.name


def _files(folder: Path) -> Iterator[Path]:
    """The files that somebody made, without links and without what systems and editors leave behind."""
    for path in sorted(folder.rglob("*")):
        linked = any(part.is_symlink() for part in [path, *path.parents][: len(path.relative_to(folder).parts)])
        if not linked and path.is_file() and not _JUNK.search(path.relative_to(folder).as_posix()):
            yield path


def _is_archive(path: Path) -> bool:
    if _ARCHIVE.search(path.name):
        return True
    # An archive that was only given the ending of a notebook; one that gave nothing before has both endings.
    if not path.name.endswith(".ipynb") or _ARCHIVE.search(path.stem):
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _bare(name: str) -> str:
    return _ARCHIVE.sub("", name).removesuffix(".ipynb").strip(" .") or "archive"


def _free(path: Path) -> Path:
    while path.exists():
        path = path.with_name(f"{path.name}_")
    return path


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, target)


def _members(archive: Path, said: list[str], most: float) -> Iterator[tuple[str, int, Callable[[], BinaryIO]]]:
    """Name, size and opener of each file in an archive, notebooks first; links and leftovers of systems are left out."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for info in sorted(file.infolist(), key=lambda info: ".ipynb" not in info.filename.lower()):
                if stat.S_ISLNK(info.external_attr >> 16):
                    said.append(f"{info.filename} is a link and was left out.")
                elif not info.is_dir() and not _JUNK.search(info.filename.replace("\\", "/").replace("../", "")):
                    yield info.filename, info.file_size, partial(file.open, info)
        return
    with tarfile.open(archive) as file:
        for member in file:
            # What lies behind a member can only be reached through it.
            if member.offset_data + member.size > most:
                raise ValueError(f"it is larger than {most / 1e6:g} MB")
            if member.islnk() or member.issym():
                said.append(f"{member.name} is a link and was left out.")
            elif member.isreg() and not _JUNK.search(member.name.removeprefix("./").replace("../", "")):
                yield member.name, member.size, partial(file.extractfile, member)


def _name_notebooks(target: Path) -> None:
    """Put `.ipynb` behind the name of each notebook that ends otherwise; what it was called before can still be told."""
    for path in list(_files(target)):
        name = path.name.lower()
        if path.suffix != ".ipynb" and (name.endswith(".ipynb") or path.suffix.lower() in ("", ".json", ".txt") and _looks_like_notebook(path)):
            path.rename(_free(path.with_name(f"{path.name}.ipynb")))


def _looks_like_notebook(path: Path) -> bool:
    content = path.read_bytes().replace(b"\0", b"")
    begin = content[:100].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return begin.startswith((b"{", b"<<<<<<<")) and (b'"cells"' in content or b'"nbformat"' in content)


def _stand_in(target: Path) -> None:
    people: dict[str, list[Path]] = {}
    for file in handed_in(target):
        people.setdefault(file.student, []).append(file.path)
    for paths in people.values():
        if not any(path.suffix == ".ipynb" for path in paths):
            # Platforms write a text file beside what was handed in.
            path = min(paths, key=lambda path: (path.suffix in (".txt", ".html"), path))
            path.rename(path.with_name(f"{path.name}.ipynb"))


# Who handed in what


@dataclass(frozen=True)
class HandedIn:
    """A file that a student handed in, and what the platform's name for it tells."""

    path: Path
    student: str
    name: str
    folder: str = ""  # where it lay inside the submission
    time: str = ""
    upload: int = 0  # counted up by the platform: a later one is newer
    number: str = ""  # the platform's number of the student


def _platform(name: str) -> dict | None:
    found = next((match for pattern in _PLATFORMS if (match := pattern.match(name))), None)
    return found.groupdict() if found else None


def _class_folder(root: Path) -> Path:
    """The folder whose entries are the students: an export often lies in a folder of its own."""
    entries = [path for path in root.glob("*") if not _JUNK.search(path.name)]
    if len(entries) != 1 or not entries[0].is_dir() or _platform(entries[0].name):
        return root
    inside = [path for path in entries[0].glob("*") if not _JUNK.search(path.name)]
    holders = [path for path in inside if path.is_dir() and any(".ipynb" in file.name.lower() for file in _files(path))]
    loose = any(path.is_file() and ".ipynb" in path.name.lower() for path in inside)
    known = any(_platform(path.name) for path in inside)
    return _class_folder(entries[0]) if known or (len(holders) > 1 and not loose) else root


def handed_in(root: Path, named_regexp: str = "") -> list[HandedIn]:
    """All files below `root` that tell their student. Two people of one name stay two people."""
    if not root.is_dir():
        return []
    top = _class_folder(root)
    files = [file for path in _files(root) if (file := _file(path, top, named_regexp))]
    numbers: dict[str, set[str]] = {}
    for file in files:
        numbers.setdefault(file.student, set()).update({file.number} - {""})
    return [replace(file, student=f"{file.student}_{file.number}") if len(numbers[file.student]) > 1 and file.number else file for file in files]


def _file(path: Path, top: Path, named_regexp: str) -> HandedIn | None:
    own = re.match(named_regexp, str(path)) if named_regexp else None
    if own:
        found = own.groupdict()
        return HandedIn(path, _clean(found["student_id"]), path.name, time=_time(found.get("timestamp")))
    parts = path.relative_to(top).parts
    # Only the outermost name is the platform's; what lies deeper was named by the student.
    found = _platform(parts[0]) or ({"student_id": parts[0]} if len(parts) > 1 else None)
    if found is None:
        return None
    name = parts[-1] if len(parts) > 1 else found.get("name") or parts[-1]
    return HandedIn(
        path, _clean(found["student_id"]), name, "/".join(parts[1:-1]), _time(found.get("timestamp")),
        int(found.get("upload") or 0), found.get("number") or "",
    )


def _clean(student: str) -> str:
    # One person from two systems is one person; brackets and stars are patterns for nbgrader, which would not find the folder.
    return re.sub(r"[\[\]*?/\\]", "_", unicodedata.normalize("NFC", student)).strip(" .") or "_"


def _time(words: str | None) -> str:
    digits = re.findall(r"\d+", words or "")
    try:
        # Without a time in the name there is none: unpacking has lost the file's own.
        return datetime(*map(int, digits)).isoformat(" ") if len(digits) == 6 else ""
    except ValueError:
        return ""


# Which notebook counts


def choose(files: list[HandedIn], lesson: str, released: list[NotebookNode]) -> tuple[dict[Path, dict], dict[str, list[str]]]:
    """For each student the one notebook that counts for `lesson`.

    Returns what nbgrader asks about each chosen file, and for each student the sentences that they and the instructor should read.

    Parameters
    ----------
    released: the lesson's cells as students received them.
    """
    people: dict[str, list[HandedIn]] = {}
    for file in files:
        people.setdefault(file.student, []).append(file)
    chosen, said = {}, {}
    for student, own in people.items():
        notebooks = [file for file in own if file.path.suffix == ".ipynb"]
        if notebooks:
            best, sentences = _best(notebooks, lesson, released)
            chosen[best.path] = {"student_id": student, "file_id": lesson} | ({"timestamp": best.time} if best.time else {})
            said[student] = [*_about_its_name(best, lesson), *sentences, *_about_shadows(best, own)]
    return chosen, said


def _best(notebooks: list[HandedIn], lesson: str, released: list[NotebookNode]) -> tuple[HandedIn, list[str]]:
    different = list({file.path.read_bytes(): file for file in sorted(notebooks, key=lambda file: _likeness(file, lesson))}.values())
    if len(different) == 1:
        return min(notebooks, key=lambda file: (-_likeness(file, lesson), file.folder)), []
    ranks = [(_standing(file, lesson, released), file.time, _likeness(file, lesson), file.upload) for file in different]
    order = sorted(range(len(different)), key=lambda number: ranks[number], reverse=True)
    best, rank, second = different[order[0]], ranks[order[0]], ranks[order[1]]
    reasons = ("the one with answers for this lesson", "the newest", "the one with the right name", "the newest")
    reason = next((words for words, one, other in zip(reasons, rank, second) if one != other), None)
    others = ", ".join(repr(_place(different[number])) for number in order[1:])
    if reason is None:
        return best, [f"Several notebooks were handed in and it is unclear which one counts. Graded was {_place(best)!r}, not graded: {others}."]
    return best, [f"Several notebooks were handed in. Graded was {_place(best)!r}, {reason}; not graded: {others}."]


def _standing(file: HandedIn, lesson: str, released: list[NotebookNode]) -> int:
    """3: the lesson with work in it, 2: the lesson as it was released, 1: its name only, 0: something else."""
    stubs = {cell.metadata.nbgrader.grade_id: cell.source.strip() for cell in released if cell.metadata.get("nbgrader", {}).get("solution")}
    try:
        cells = read_notebook(file.path).cells
    except ValueError:
        return int(_likeness(file, lesson) > 0)
    own = {str(cell.metadata["nbgrader"].get("grade_id")): cell.source.strip() for cell in cells if "nbgrader" in cell.metadata}
    theirs = stubs.keys() & own.keys() - IN_EVERY_LESSON
    if any(own[name] != stubs[name] for name in theirs):
        return 3
    return 2 if theirs else int(_likeness(file, lesson) > 0)


def _likeness(file: HandedIn, lesson: str) -> int:
    """2: the lesson's name, perhaps with a number that browsers and platforms put behind it, 1: a name that holds it, 0: another name."""
    stem = re.sub(r"(\.(ipynb|json|txt))+$", "", file.name.lower())
    if lesson.lower() in (stem, re.sub(r"(-\d{1,2}| ?\(\d+\))$", "", stem)):
        return 2
    return int(lesson.lower() in stem)


def _called(file: HandedIn) -> str:
    """The name before `unpack_export` put an ending behind it."""
    before = file.name.removesuffix(".ipynb")
    return before if re.search(r"\.[A-Za-z]\w{0,4}$", before) else file.name


def _place(file: HandedIn) -> str:
    return "/".join(filter(None, [file.folder, _called(file)]))


def _about_its_name(file: HandedIn, lesson: str) -> list[str]:
    said = []
    if _likeness(file, lesson) < 2 or not _called(file).endswith(".ipynb"):
        said.append(f"The file was called {_called(file)!r} instead of '{lesson}.ipynb'.")
    if file.folder not in ("", lesson):
        said.append(f"The file lay in the folder {file.folder!r}.")
    return said


def _about_shadows(best: HandedIn, files: list[HandedIn]) -> list[str]:
    beside = set()
    for file in files:
        if file.path.suffix in CODE and file.path.is_relative_to(best.path.parent):
            parts = file.path.relative_to(best.path.parent).parts
            beside.add(file.name if len(parts) == 1 else parts[0])
    return [shadow_sentence(name) for name in sorted(beside) if shadows(name)]


# What nbgrader calls


class PlatformExtractor(ExtractorPlugin):
    """For `nbgrader zip_collect`: unpacks what platforms export, and does not trust what students put into archives."""

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Called once by `nbgrader zip_collect`."""
        for sentence in unpack_export(Path(archive_path), Path(extracted_path)):
            self.log.warning("Unpacking: %s", sentence)


class PlatformCollector(FileNameCollectorPlugin):
    """For `nbgrader zip_collect`: knows the names that Blackboard, Canvas and Moodle export, and plain folders.

    | platform | file or folder |
    |---|---|
    | Blackboard | `01-tokens_ada_attempt_2026-11-01-10-15-30_01-tokens.ipynb` |
    | Canvas | `ada_12345_67890_01-tokens.ipynb`, with `_LATE` after the name where it was, and `-1` after a second upload |
    | Moodle | `Ada Lovelace_12345_assignsubmission_file_/01-tokens.ipynb` (the student is `Ada Lovelace`) |
    | none | `ada/01-tokens.ipynb`, or deeper in the folder `ada` |

    A pattern of one's own (`named_regexp`) is tried first. Of several notebooks of one student the one that counts is
    collected: with answers for the lesson before without, then the newest, then the one with the right name.
    """

    def collect(self, submitted_file: str) -> dict | None:
        """Called by `nbgrader zip_collect` for each file; None leaves the file out."""
        if "_chosen" not in self.__dict__:
            self._choose()
        path = Path(submitted_file)
        if path in self._students and path.suffix == ".ipynb" and path not in self._chosen:
            self.log.warning("Not collected, since %s handed in more than one: %s", self._students[path], path)
        elif path in self._nameless:
            self.log.warning("Not collected, since its name tells no student: %s", path)
        return self._chosen.get(path)

    def _choose(self) -> None:
        """All files are looked at before the first is answered for: which one counts is a matter of comparison."""
        course, lesson = self.parent.coursedir, self.parent.coursedir.assignment_id
        root = Path(self.parent._format_collect_path(self.parent.extracted_directory))
        release = Path(course.format_path(course.release_directory, ".", lesson)) / f"{lesson}.ipynb"
        released = nbformat.read(release, as_version=4).cells if release.exists() else []
        files = handed_in(root, self.named_regexp)
        self._students = {file.path: file.student for file in files}
        self._nameless = {path for path in _files(root) if path.suffix == ".ipynb" and path not in self._students}
        self._chosen, said = choose(files, lesson, released)
        text = json.dumps({student: sentences for student, sentences in said.items() if sentences}, ensure_ascii=False, indent=1)
        (root.parent / COLLECTED).write_text(text, encoding="utf-8")
