"""The command `course`: what `make` calls for students, authors, instructors and CI."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

DEMO_FOLDER = Path("build") / "demo-class"
DEMO_DUE = "2026-11-08 18:00 UTC"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="course", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_commands(commands)
    options, others = parser.parse_known_args(arguments)
    if others and options.run is not _lab:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    options.for_jupyter = others
    try:
        if not any(Path(name).is_dir() for name in ("lessons", "solutions")):
            raise FileNotFoundError(f"{Path.cwd()} is not the course's folder: there is neither lessons/ nor solutions/ in it")
        return options.run(options)
    except KeyboardInterrupt:
        print("\ncourse: stopped. What is done is kept: the same command goes on from here.", file=sys.stderr)
        return 130
    except (OSError, ValueError, RuntimeError) as error:
        print(f"course: {error}", file=sys.stderr)
        return 1


def _add_commands(commands) -> None:
    _add(commands, "lab", _lab, "open JupyterLab on lesson 00; other options go to JupyterLab, for example --no-browser")
    lessons = _add(commands, "lessons", _lessons, "generate lessons/ from solutions/")
    lessons.add_argument("names", nargs="*", metavar="LESSON")
    lessons.add_argument("--check", action="store_true", help="write nothing; fail where lessons/ differs")
    for name, run, words in (
        ("edit", _edit, "write a lesson as text into scratch/"),
        ("notebook", _notebook, "turn the text in scratch/ into an executed notebook and its release"),
    ):
        _add(commands, name, run, words).add_argument("names", nargs="+", metavar="LESSON")
    grade = _add(commands, "grade", _grade, "collect, autograde, give feedback, show the scores")
    grade.add_argument("lesson", metavar="LESSON", help="for example 01-tokens")
    grade.add_argument("--export", type=lambda name: Path(name).expanduser(), help="what the learning platform exported; without it a demo class is graded")
    grade.add_argument("--due", help='when it was due, for example "2026-11-08 18:00 UTC"')
    report = _add(commands, "report", _report, "write a page about how a class did in a lesson")
    report.add_argument("lesson", metavar="LESSON")
    report.add_argument("--to", type=Path, help="the file to write; report/LESSON.html if it is not given")
    grade.add_argument("--workers", type=int, default=os.cpu_count(), help="judges at once on this machine; one a core if it is not given")
    grade.add_argument("--scheduler", help="address of a Dask scheduler, for example tcp://10.0.0.5:8786: its workers judge")
    grade.add_argument("--unprotected", action="store_true", help="grade although students' code could do harm on this machine: see `course doctor`")
    _add(commands, "doctor", _doctor, "say which protections against students' code this machine has, and try them")
    bundle = _add(commands, "bundle", _bundle, "write the zip that a class receives")
    bundle.add_argument("--to", type=Path, default=Path("dist") / "course.zip")
    _add(commands, "map", _map, "draw the course map of the README").add_argument("--to", type=Path, default=Path(".github/course-map.png"))
    _add(commands, "bench", _bench, "run the speed measurements")
    _add(commands, "test", _test, "run all tests")
    _add(commands, "test-fast", _test_fast, "run the quick tests")
    _add(commands, "test-browser", _test_browser, "drive JupyterLab, the Assignment List and the formgrader in Chromium; pictures in build/browser")


def _add(commands, name: str, run, words: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=words)
    parser.set_defaults(run=run)
    return parser


def _lab(options: argparse.Namespace) -> int:
    first = "lessons/00-start-here/00-start-here.ipynb"
    print(f"Opening JupyterLab on {first}; end it with Ctrl-C here.", flush=True)
    # As an address, not as a file: JupyterLab would take the file's folder for its root, and hide the other lessons.
    # In a container one is root as a rule; JupyterLab would refuse to start.
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return subprocess.call([sys.executable, "-m", "jupyter", "lab", f"--LabApp.default_url=/lab/tree/{first}", *root, *options.for_jupyter])


def _lessons(options: argparse.Namespace) -> int:
    from course_lib.grading.release import lesson_names, update_lessons

    _require_sources(options.names)
    names = options.names or lesson_names(Path.cwd())
    stale = update_lessons(Path.cwd(), names, options.check)
    for name in dict.fromkeys([*names, *stale]):
        state = ("differs" if options.check else "written") if name in stale else "up to date"
        print(f"lessons/{name}: {state}")
    if options.check and stale:
        print("Run `make lessons` and commit the result.")
    return int(options.check and bool(stale))


def _edit(options: argparse.Namespace) -> int:
    import nbformat

    from course_lib.grading.authoring import text_from_notebook

    _require_sources(options.names)
    Path("scratch").mkdir(exist_ok=True)
    for name in options.names:
        target = Path("scratch") / f"{name}.py"
        if target.exists():
            target.replace(target.with_suffix(".py.old"))  # somebody's unfinished work
        target.write_text(text_from_notebook(nbformat.read(_source(name), as_version=4)), encoding="utf-8")
        print(f"{target}: written")
    return 0


def _notebook(options: argparse.Namespace) -> int:
    import nbformat
    from nbclient.exceptions import CellExecutionError

    from course_lib.grading.authoring import execute, notebook_from_text
    from course_lib.grading.release import update_lessons

    for name in options.names:
        text = Path("scratch") / f"{name}.py"
        if not text.exists():
            raise FileNotFoundError(f"there is no {text}: `make edit LESSON={name}` writes it from the notebook")
        notebook = notebook_from_text(text.read_text(encoding="utf-8"))
        target = _source(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            nbformat.write(notebook, target)  # a lesson may look at its own file
        print(f"{target}: running", flush=True)
        try:
            execute(notebook, target.parent)
        except CellExecutionError as error:
            print(error, file=sys.stderr)
            return 1
        nbformat.write(notebook, target)
        update_lessons(Path.cwd(), [name], check=False)
        print(f"{target}: written, and its release")
    return 0


def _grade(options: argparse.Namespace) -> int:
    from course_lib.grading.cycle import Means, grade, of_other_lessons, table

    _require_sources([options.lesson])
    if options.workers < 1:
        raise ValueError(f"--workers should be at least 1, but it is {options.workers}")
    root, export, due = Path.cwd(), options.export, options.due
    if export is None:
        (root, export), due = _make_demo_class(options.lesson), DEMO_DUE
    scores = grade(root, options.lesson, export, due, Means(options.workers, options.scheduler, options.unprotected))
    print(f"\n{table(scores)}\n\nScores: {root / 'grades.csv'}\nFeedback: {root / 'feedback'}")
    for other, count in of_other_lessons(scores).items():
        print(f"warning: {count} of {len(scores)} handed in the lesson {other}; was {options.lesson} meant?", file=sys.stderr)
    return 0


def _make_demo_class(lesson: str) -> tuple[Path, Path]:
    """A course folder of its own, so that a demonstration never touches a real gradebook."""
    shutil.rmtree(DEMO_FOLDER, ignore_errors=True)
    DEMO_FOLDER.mkdir(parents=True)
    shutil.copytree(Path("solutions") / lesson, DEMO_FOLDER / "solutions" / lesson)
    shutil.copy(Path("nbgrader_config.py"), DEMO_FOLDER)
    export = DEMO_FOLDER / "export"
    print(f"$ python -m tests.graders.demo_class {lesson} {export}", flush=True)
    subprocess.run([sys.executable, "-m", "tests.graders.demo_class", lesson, str(export)], check=True)
    return DEMO_FOLDER, export


def _report(options: argparse.Namespace) -> int:
    from course_lib.grading.report import write_report

    _require_sources([options.lesson])
    root = Path.cwd()
    if not (root / "gradebook.db").exists() and (DEMO_FOLDER / "gradebook.db").exists():
        root = DEMO_FOLDER
        print("No class was graded here; this is the report on the demo class.")
    target = options.to or Path("report") / f"{options.lesson}.html"
    submissions = write_report(root, options.lesson, target)
    print(f"{target}: {submissions} submissions, {target.stat().st_size / 1e3:.0f} kB")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from course_lib.grading.doctor import examine

    lines, safe = examine()
    print("\n".join(lines))
    print(f"\n{'Grading is protected here.' if safe else 'Grading is not protected here: `course grade` stops unless it is told --unprotected.'}")
    return 0 if safe else 1


def _bundle(options: argparse.Namespace) -> int:
    from course_lib.grading.bundle import write_bundle

    names = write_bundle(Path.cwd(), options.to)
    print(f"{options.to}: {len(names)} files, {options.to.stat().st_size / 1e6:.1f} MB")
    return 0


def _map(options: argparse.Namespace) -> int:
    # In a process of its own: this floor loads neither torch nor matplotlib.
    code = (
        "import sys; from course_lib.teaching.course_map import draw_course_map; "
        "from course_lib.teaching.figures import figure_png, use_course_style; "
        "use_course_style(); open(sys.argv[1], 'wb').write(figure_png(draw_course_map()))"
    )
    return subprocess.call([sys.executable, "-c", code, str(options.to)])


def _bench(options: argparse.Namespace) -> int:
    files = sorted(Path("benchmarks").glob("[!_]*.py"))
    return max(subprocess.call([sys.executable, str(file)]) for file in files)


def _test(options: argparse.Namespace) -> int:
    return _pytest("tests") or _pytest("--nbval", "--dist", "loadfile", "solutions")


def _test_fast(options: argparse.Namespace) -> int:
    return _pytest("-m", "not slow", "tests")


def _test_browser(options: argparse.Namespace) -> int:
    # One after the other: each has a browser and two JupyterLabs.
    return _pytest("-n", "0", "tests/browser")


def _pytest(*arguments: str) -> int:
    # One thread a process, also where a notebook asks for more: two processes with two threads each would fight over two cores.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1", "MPLBACKEND": "agg"}
    return subprocess.call([sys.executable, "-m", "pytest", "-n", "auto", *arguments], env=environment)


def _require_sources(names: list[str]) -> None:
    from course_lib.grading.release import lesson_names

    known = lesson_names(Path.cwd())
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"there is no lesson {', '.join(unknown)} in solutions/; there are {', '.join(known) or 'none'}")


def _source(name: str) -> Path:
    return Path("solutions") / name / f"{name}.ipynb"


if __name__ == "__main__":
    sys.exit(main())
