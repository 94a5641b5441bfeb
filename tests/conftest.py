"""Skip what this machine cannot run, and print at the end what the graders were measured to do."""

from pathlib import Path

import pytest

from course_lib.grading.sandbox import protection

#: They judge submissions for real.
JUDGING = {f"tests/grading/test_{name}.py" for name in ("judge", "sandbox", "classroom", "cycle")}


def pytest_collection_modifyitems(config, items):
    missing = protection().missing()
    skip = pytest.mark.skip(reason=f"a submission cannot be judged safely here: it could {', and '.join(missing)}")
    for item in items:
        place = item.path.relative_to(Path(config.rootpath)).as_posix()
        if missing and (place in JUDGING or place.startswith("tests/hostile/")):
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter):
    found = [
        value
        for report in terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
        for key, value in getattr(report, "user_properties", [])
        if key == "grader" and report.when == "call"
    ]
    if not found:
        return
    write = terminalreporter.write_line
    terminalreporter.section("measured graders")
    write(f"{'lesson':20} {'exercise':24} mistakes  alternatives  mutants  rejected  score")
    for lesson, name, mistakes, alternatives, made, killed in sorted(map(tuple, found)):
        write(f"{lesson:20} {name:24} {mistakes:8}  {alternatives:12}  {made:7}  {killed:8}  {killed / made:.3f}")
    made, killed = sum(row[4] for row in found), sum(row[5] for row in found)
    write(f"{'all':20} {'':24} {'':8}  {'':12}  {made:7}  {killed:8}  {killed / made:.3f}")
