"""Grading a class: stock nbgrader and the course's judge, side by side on the same submissions; same marks, or it fails.

    python benchmarks/grading.py [--lesson 03-language-models] [--stock 12] [--class 100]

Stock nbgrader is nbgrader without the course's plug-ins (but told to skip the experiments too), one submission after
the other, as it does. The course grades with everything on: repair, sandbox, gradebook, all cores. Prints seconds a
submission for both, the ratio, how the cost grows with the size of the class, and the memory of the grader.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook

ROOT = Path(__file__).resolve().parents[1]
STOCK_CONFIG = '''
c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "lessons"
c.Execute.skip_cells_with_tag = "experiment"
c.ExecutePreprocessor.timeout = 120
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lesson", default="00-start-here")
    parser.add_argument("--stock", type=int, default=8, help="submissions graded by stock nbgrader")
    parser.add_argument("--class", type=int, default=60, dest="size", help="submissions graded by the course")
    options = parser.parse_args()
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), options.lesson, options.stock, options.size)


def compare(folder: Path, lesson: str, stock_size: int, size: int) -> None:
    """Grade twice and print what it took."""
    stock = make_course(folder / "stock", lesson, stock_size, STOCK_CONFIG)
    empty = timed(["nbgrader", "--version"], stock)[0]
    stock_seconds = (timed(["nbgrader", "autograde", lesson], stock)[0] - empty) / stock_size
    print(f"{lesson}, {os.cpu_count()} cores; stock nbgrader graded {stock_size}, the course {size} submissions, each different")
    print(f"stock nbgrader          {stock_seconds:6.2f} s a submission")
    times, memory = {}, {}
    for part in (size // 4, size):
        course = make_course(folder / f"course-{part}", lesson, part, (ROOT / "nbgrader_config.py").read_text())
        code = f"from pathlib import Path; from course_lib.grading.cycle import Means, judge_and_mark; judge_and_mark(Path('.'), {lesson!r}, Means())"
        times[part], memory[part] = timed([sys.executable, "-c", code], course)
        print(f"the course, {part:4d}        {times[part] / part:6.2f} s a submission with its start")
    each = (times[size] - times[size // 4]) / (size - size // 4)
    print(f"the course, each more   {each:6.2f} s a submission")
    print(f"ratio                   {stock_seconds / (times[size] / size):6.1f} with the start, {stock_seconds / each:.1f} for each more (the goal: 10)")
    print(f"memory of the grader    {memory[size // 4] / 2**20:.0f} MB for {size // 4}, {memory[size] / 2**20:.0f} MB for {size} submissions")
    marks = {score(path, lesson) for path in (stock, folder / f"course-{size}")}
    print("same marks" if len(marks) == 1 else f"OTHER MARKS: {marks}")


def make_course(root: Path, lesson: str, size: int, config: str) -> Path:
    """A course folder with `size` submissions, all right and each different."""
    shutil.copytree(ROOT / "solutions" / lesson, root / "solutions" / lesson)
    (root / "nbgrader_config.py").write_text(config)
    subprocess.run([sys.executable, "-m", "nbgrader", "generate_assignment", lesson], cwd=root, check=True, capture_output=True)
    source = nbformat.read(root / "solutions" / lesson / f"{lesson}.ipynb", as_version=4)
    answers = {cell.metadata.nbgrader.grade_id: cell.source for cell in source.cells if cell.metadata.get("nbgrader", {}).get("solution")}
    notebook = nbformat.read(root / "lessons" / lesson / f"{lesson}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code" and (name := cell.metadata.get("nbgrader", {}).get("grade_id")) in answers:
            cell.source = "\n".join(line for line in answers[name].split("\n") if not line.strip().startswith("#> "))
    notebook.cells.append(nbformat.v4.new_code_cell(""))
    for number in range(size):
        notebook.cells[-1].source = f"number = {number}"
        folder = root / "submitted" / f"student-{number:04d}" / lesson
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{lesson}.ipynb")
    return root


def timed(command: list[str], folder: Path) -> tuple[float, int]:
    """Seconds that a command takes, and the most memory (resident, bytes) that it and its children had at once."""
    if command[0] == "nbgrader":
        command = [sys.executable, "-m", *command]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    most = [0]
    watcher = threading.Thread(target=watch, args=(process, most))
    watcher.start()
    if process.wait():
        raise RuntimeError(f"{' '.join(command)} failed in {folder}")
    watcher.join()
    return time.perf_counter() - began, most[0]


def watch(process: subprocess.Popen, most: list[int]) -> None:
    """Add up, twice a second, the memory of a process and its descendants; shared pages count once (PSS)."""
    while process.poll() is None:
        most[0] = max(most[0], sum(map(share, descendants(process.pid))))
        time.sleep(0.5)


def descendants(pid: int) -> list[int]:
    try:
        children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(below for child in children for below in descendants(child))]


def share(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def score(root: Path, lesson: str) -> float:
    """The mark of the first submission."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        return gradebook.find_submission(lesson, "student-0000").score


if __name__ == "__main__":
    main()
