"""The folders of an instructor and a student, and a JupyterLab in each, apart from those of whoever runs the tests."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LESSON = "00-start-here"
COURSE = "from-tokens"
TOKEN = "browser-test"
SECONDS = 60


class Room:
    """A course folder, a student's folder and an nbgrader exchange, all in the folder `root`."""

    def __init__(self, root: Path):
        self.exchange = root / "exchange"
        self.exchange.mkdir()
        self.exchange.chmod(0o777)  # as nbgrader demands; it creates none from the formgrader
        self.instructor = Desk("instructor", root / "instructor")
        self.student = Desk("student", root / "student")
        shutil.copytree(ROOT / "solutions" / LESSON, self.instructor.folder / "solutions" / LESSON)
        course = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
        own = f'c.CourseDirectory.course_id = "{COURSE}"\nc.Exchange.root = {str(self.exchange)!r}\n'
        (self.instructor.folder / "nbgrader_config.py").write_text(course + own, encoding="utf-8")
        (self.student.folder / "nbgrader_config.py").write_text(f"c = get_config()\n{own}", encoding="utf-8")


class Desk:
    """A folder, a home of its own, and at most one JupyterLab."""

    def __init__(self, name: str, folder: Path):
        self.name, self.folder = name, folder
        self.home = folder.with_name(f"home-of-{name}")
        for path in (folder, self.home):
            path.mkdir()
        self.server: subprocess.Popen | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the user who runs the tests is read or written: settings, workspaces, histories, submitted copies."""
        private = {f"JUPYTER_{kind}_DIR": str(self.home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
        path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
        return os.environ | private | {"HOME": str(self.home), "PATH": path, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}

    def run(self, *command: str) -> subprocess.CompletedProcess:
        """Run `python -m command` in the folder, as in a terminal of one's own."""
        return subprocess.run(
            [sys.executable, "-m", *command], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=SECONDS,
        )

    def nbgrader(self, *command: str) -> str:
        """Run an nbgrader command that must succeed; returns what it said."""
        result = self.run("nbgrader", *command)
        assert result.returncode == 0, f"nbgrader {' '.join(command)}:\n{result.stdout}"
        return result.stdout

    def start(self) -> None:
        """Start JupyterLab and wait until it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        options = [f"--port={self.port}", "--no-browser", f"--IdentityProvider.token={TOKEN}", "--LabApp.expose_app_in_browser=True"]
        # In a container one is root as a rule; Jupyter would refuse to start.
        options += ["--allow-root"] if os.geteuid() == 0 else []
        with open(self.home / "jupyter.log", "w") as log:
            command = [sys.executable, "-m", "jupyterlab", *options]
            self.server = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait_until_it_answers()

    def address(self, path: str) -> str:
        """The address of a page of this desk's JupyterLab."""
        return f"http://127.0.0.1:{self.port}{path}?token={TOKEN}"

    def close(self) -> None:
        """End JupyterLab, which ends its kernels."""
        if self.server is not None:
            self.server.terminate()
            try:
                self.server.wait(SECONDS)
            finally:
                self.server.kill()

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + SECONDS
        while True:
            try:
                urllib.request.urlopen(self.address("/api/status"), timeout=5).close()
                return
            except OSError:
                if time.monotonic() > end or self.server.poll() is not None:
                    raise AssertionError(f"JupyterLab did not start:\n{(self.home / 'jupyter.log').read_text()[-2000:]}") from None
                time.sleep(0.5)
