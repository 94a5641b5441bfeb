"""What is reported as interference, and that what students write for an exercise is not."""

import re
import textwrap

import pytest

from course_lib.grading.engine import SKIPPED_TAGS
from course_lib.grading.suspicion import find
from tests.graders.runner import ROOT, bank, load_lesson
from tests.hostile.right_programs import RIGHT

LESSONS = sorted(path.name for path in (ROOT / "solutions").iterdir() if path.is_dir())


@pytest.mark.parametrize("line", [
    "get_ipython().ast_transformers.append(Drop())", "get_ipython().input_transformers_post.append(f)", "x = gc.get_objects()", "from gc import get_referrers",
    "sys.setprofile(None)", "sys.settrace(f)", "frame = sys._getframe(2)", "import ctypes", "from ctypes import string_at", "import socket",
    "import subprocess as s", "os.system('ls')", "os.fork()", "os.kill(1, 9)", "os._exit(0)", "open('/proc/self/fd/3')",
    "glob('../../solutions/*/*.ipynb')", "sqlite3.connect('../gradebook.db')", "torch.softmax = fake", "course_lib.teaching.checks.expect_close = f",
    "setattr(checks, 'expect_close', f)", "import course_lib.grading.student", "from course_lib.grading import judge",
    "from course_lib.reference.tokens import BPETokenizer", "from course_lib.reference import tokens",
])
def test_a_suspicious_line_is_shown(line):
    (number, what, shown), *_ = find(["x = 1", f"%%time\n\nimport math\n\n{line}\n"], taught=["embeddings"])
    assert (number, shown) == (1, line) and what


@pytest.mark.parametrize("name", ["__eq__", "__class__", "__torch_function__"])
def test_objects_that_decide_what_they_are_equal_to(name):
    assert find([f"class Odd:\n    def {name}(self, *others): return True"])[0][2] == "class Odd:"


@pytest.mark.parametrize("source", [
    "def f(:", "!ls\n%matplotlib inline\nx = 1", "%%bash\nkill", "", "\n\n", "x = '\x00'", "(" * 5000, "torch.backends.mkldnn.enabled = False", "self.weight = 3",
    "model.eval()", "from course_lib.reference.embeddings import nearest",
])
def test_other_cells_raise_nothing(source):
    assert find([source], taught=["embeddings"]) == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_solution_and_no_answer_of_the_banks_is_suspicious(lesson):
    source, _ = load_lesson(lesson)
    # Experiments are not run when a lesson is graded, so `find` never sees them.
    own = [cell for cell in source.cells if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("locked") and not SKIPPED_TAGS & set(cell.metadata.get("tags", []))]
    programs = [cell.source for cell in own]
    for cell in own:
        exercise = bank(lesson).get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        solution = re.sub(r"^\s*#> .*\n?", "", cell.source, flags=re.M)
        for program in [*exercise.mistakes, *exercise.alternatives] if exercise else []:
            programs.append(program.code(solution) if callable(program.code) else textwrap.dedent(program.code))
    # Who imports the reference of the lesson itself is reported; the banks hold such programs on purpose.
    alarms = [alarm for alarm in find(programs, taught=[]) if "course_lib.reference" not in alarm[2]]
    assert not alarms and len(programs) > 10


def test_no_right_program_is_suspicious():
    programs = [textwrap.dedent(code) for case in RIGHT for code in (case.first, case.last, *case.cells.values())]
    assert find(programs, taught=[]) == []
