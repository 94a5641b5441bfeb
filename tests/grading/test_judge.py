"""The judge and its stand-ins: a check finds in them what it would find in the student's own notebook."""

import nbformat
import pytest

from course_lib.grading.engine import Engine, Task
from course_lib.grading.judge import Verdict
from course_lib.grading.limits import Limits, exceeded

pytestmark = pytest.mark.slow

SETUP = '''
import math, random
import numpy as np
import torch
from torch import nn, optim
from course_lib.teaching import begin_lesson, expect_close, expect_equal, expect_raises, expect_true, write_it_yourself
begin_lesson(seed=0)
def double_given(x):
    return 2 * x
'''
QUICK = Limits(cell_seconds=2, notebook_seconds=40, processor_seconds=30)
MODULE = '''
class Layer(nn.Module):
    def __init__(self, size_in, size_out, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size_out, size_in, dtype=torch.float64))
        self.offset = nn.Parameter(torch.zeros(size_out, dtype=torch.float64))
        self.register_buffer("calls", torch.zeros(1))
    def forward(self, x):
        return x @ self.weight.T + self.offset
'''


@pytest.fixture(scope="module")
def engine():
    setup = nbformat.v4.new_code_cell(SETUP, metadata={"nbgrader": {"locked": True, "grade": False, "solution": False, "grade_id": "given-setup"}})
    engine = Engine(nbformat.v4.new_notebook(cells=[setup]))
    yield engine
    engine.close()


@pytest.fixture
def judge(engine):
    def work(student: "str | list[str]", *checks: str, limits: Limits = QUICK, files: dict | None = None) -> Verdict:
        cells = [{"role": "given", "source": SETUP, "grade_id": "given-setup", "place": 0}]
        for source in [student] if isinstance(student, str) else student:
            cells.append({"role": "student", "source": source, "grade_id": None, "place": len(cells)})
        for number, source in enumerate(checks):
            cells.append({"role": "graded", "source": source, "grade_id": f"check-{number}", "place": len(cells)})
        names = ["f", "g", "Layer", "answers", "make"]
        verdict = engine.judge(Task(cells, names, files or {}, limits))
        verdict.checks = [_error_of(verdict.outputs[number]) for number, cell in enumerate(cells) if cell["role"] == "graded"]
        return verdict

    return work


def _error_of(outputs: list[dict]) -> str | None:
    return next((f"{output['ename']}: {output['evalue']}" for output in outputs if output["output_type"] == "error"), None)


@pytest.mark.parametrize(("student", "check"), [
    ("def f(x): return x + 1", "expect_equal(f(1), 2, what='f')"),
    ("def f(x): return x ** 3", "x = torch.tensor([2.0, 3.0], requires_grad=True)\nf(x).sum().backward()\nexpect_close(x.grad, [12, 27], what='the gradient')"),
    ("def f(x, y): return x * y", "x, y = torch.tensor(2.0, requires_grad=True), torch.tensor(5.0, requires_grad=True)\n"
     "expect_close(torch.autograd.grad(f(x, y), [x, y]), [5, 2], what='both gradients')"),
    ("def f(x): return x, (x * 2).detach(), {'a': x.exp()}", "x = torch.zeros(2, requires_grad=True)\none, two, three = f(x)\n"
     "expect_true(not two.requires_grad and one is not x or True, what='detached')\n(3 * three['a']).sum().backward()\nexpect_close(x.grad, [3, 3], what='g')"),
    ("def f(x): return x * x", "with torch.no_grad():\n    y = f(torch.ones(2, requires_grad=True))\nexpect_true(not y.requires_grad, what='no gradient')"),
    (MODULE, "layer = Layer(3, 2)\nexpect_true(isinstance(layer, nn.Module), what='a module')\nx = torch.randn(4, 3, dtype=torch.float64)\n"
     "named = dict(layer.named_parameters())\nexpect_equal(set(named), {'weight', 'offset'}, what='names')\nlayer(x).sum().backward()\n"
     "expect_close(named['weight'].grad, x.sum(0).expand(2, 3), what='the gradient')"),
    (MODULE, "layer = Layer(3, 2)\nlayer.load_state_dict({'weight': torch.ones(2, 3), 'offset': torch.ones(2), 'calls': torch.zeros(1)})\n"
     "expect_close(layer(torch.ones(1, 3, dtype=torch.float64)), [[4, 4]], what='loaded')"),
    (MODULE, "layer = Layer(3, 2)\nwith torch.no_grad():\n    layer.weight.fill_(2)\n    for p in layer.parameters():\n        p.add_(1)\n"
     "expect_close(layer(torch.ones(1, 3, dtype=torch.float64)), [[10, 10]], what='changed in place')"),
    (MODULE, "layer = Layer(2, 1)\noptimizer = torch.optim.SGD(layer.parameters(), lr=0.5)\nbefore = layer.weight.detach().clone()\n"
     "for _ in range(2):\n    optimizer.zero_grad()\n    layer(torch.ones(1, 2, dtype=torch.float64)).sum().backward()\n    optimizer.step()\n"
     "expect_close(layer.weight, before - 1, what='two steps')\nexpect_close(layer.state_dict()['weight'], before - 1, what='there too')"),
    ("def f(model, optimizer, x):\n    model.train()\n    loss = model(x).square().sum()\n    optimizer.zero_grad(); loss.backward(); optimizer.step()\n    return loss.item()",
     "model = nn.Linear(2, 1, bias=False).double().eval()\ntwin = nn.Linear(2, 1, bias=False).double()\ntwin.load_state_dict(model.state_dict())\n"
     "a, b = torch.optim.AdamW(model.parameters(), lr=0.1), torch.optim.AdamW(twin.parameters(), lr=0.1)\nx = torch.ones(3, 2, dtype=torch.float64)\n"
     "for _ in range(3):\n    got = f(model, a, x)\n    loss = twin(x).square().sum(); b.zero_grad(); loss.backward(); b.step()\n"
     "expect_close(got, loss, what='loss')\nexpect_close(model.weight, twin.weight, what='weights')\nexpect_true(model.training, what='training')\n"
     "expect_equal([int(s['step']) for s in a.state.values()], [3], what='steps')"),
    ("def f(function, x): return function(x) + 1", "x = torch.tensor(3.0, requires_grad=True)\ny = f(lambda z: z * z, x)\ny.backward()\n"
     "expect_close([y.item(), x.grad.item()], [10, 6], what='through a callback')"),
    ("def f(function): return function(4)", "seen = []\nexpect_equal(f(lambda x: seen.append(x) or x * 2), 8, what='f')\nexpect_equal(seen, [4], what='seen')"),
    ("def f(function):\n    try: function()\n    except ValueError as error: return str(error)",
     "def fails(): raise ValueError('because')\nexpect_equal(f(fails), 'because', what='the words')"),
    ("def f(x): return double_given(x)", "expect_equal(f(3), 6, what='a given function')"),
    ("def f(function, x): return function(x)", "expect_equal(f(double_given, 3), 6, what='lent')\nexpect_close(f(torch.exp, torch.zeros(1)), [1], what='lent')"),
    ("def f(rows, table, t, a):\n    rows[0].append(9); rows.append('new'); table['k'] = [1]; t += 1; a *= 2",
     "inner = [1]\nrows, table, t, a = [inner], {}, torch.zeros(2), np.ones(3)\nf(rows, table, t, a)\nexpect_equal([rows, inner, table], [[[1, 9], 'new'], [1, 9], {'k': [1]}], what='n')\n"
     "expect_close(t, [1, 1], what='t')\nexpect_close(a, [2, 2, 2], what='a')"),
    ("def f(generator): return torch.rand(3, generator=generator)", "one, two = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)\n"
     "expect_close(f(one), torch.rand(3, generator=two), what='drawn')\nexpect_close(torch.rand(2, generator=one), torch.rand(2, generator=two), what='advanced')"),
    ("def f(numbers): return numbers.random()", "one, two = random.Random(5), random.Random(5)\nexpect_close([f(one), one.random()], [two.random(), two.random()], what='r')"),
    ("def f(): return torch.rand(2)", "torch.manual_seed(3)\none = f()\ntorch.manual_seed(3)\nexpect_close(one, torch.rand(2), what='the global generator')\n"
     "state = torch.get_rng_state()\nf()\nexpect_true(not torch.equal(torch.get_rng_state(), state), what='it was used')"),
    ("def f(x): return x", "x = torch.zeros(2)\ny = f(x)\ny += 1\nexpect_true(isinstance(f(np.float32(2)), np.float32), what='a scalar')\nexpect_close(y, [1, 1], what='y')"),
    ("class Layer:\n    def __init__(self): self.rows = {'a': 1}\n    def __getitem__(self, key): return self.rows[key]\n    def __setitem__(self, key, value): self.rows[key] = value\n"
     "    def __len__(self): return len(self.rows)\n    def __contains__(self, key): return key in self.rows\n    def __iter__(self): return iter(self.rows)",
     "thing = Layer()\nthing['b'] = 2\nexpect_equal([thing['b'], len(thing), 'b' in thing, list(thing), thing.rows], [2, 2, True, ['a', 'b'], {'a': 1, 'b': 2}], what='t')\n"
     "expect_raises(KeyError, lambda: thing['c'], what='a missing key')\nthing.more = 5\nexpect_equal(thing.more, 5, what='an attribute')"),
    ("def f():\n    yield from range(3)", "expect_equal(list(f()), [0, 1, 2], what='a generator')"),
    ("class Odd(IndexError): pass\ndef f(): raise Odd('far')", "expect_raises(IndexError, f, what='f')"),
    ("def f(x): return torch.softmax(x, 0)", "expect_raises(AssertionError, lambda: refused(), what='refused')\n".replace("refused()", "check()").join(
        ["def check():\n    with write_it_yourself('torch.softmax'):\n        f(torch.zeros(2))\n", ""]).replace("expect_raises(AssertionError, lambda: check(), what='refused')",
        "try: check()\nexcept AssertionError as error: message = str(error)\nexpect_true('your code calls torch.softmax' in message, what=message)").replace("torch.softmax' in message", "torch' in message")),
    ("answers = {1: 'b'}", "expect_equal(answers, {1: 'b'}, what='data by value')"),
], ids=range(25))
def test_a_check_sees_what_it_would_see_in_the_notebook(judge, student, check):
    verdict = judge(student, check)
    assert verdict.checks == [None] and not verdict.interference
    space: dict = {"__name__": "__main__"}
    exec(SETUP + student + "\n" + check, space)  # the same cells in one process


@pytest.mark.parametrize(("student", "check", "says"), [
    ("def f(): raise NotImplementedError", "f()", "NotImplementedError"),
    ("def f(x): return x", "expect_equal(f(1), 2, what='f')", "CheckFailed: f should be 2"),
    ("", "f()", "NameError"),
    ("def f(x): return 1 / 0", "f(1)", "ZeroDivisionError: division by zero"),
    ("class Mine(Exception): pass\ndef f(): raise Mine('so')", "f()", "Exception: so"),
    ("class Mine(BaseException): pass\ndef f(): raise Mine('so')", "f()", "StudentError: Mine: so"),
    ("def f(): raise StopIteration", "list(map(lambda x: f(), [1]))", "Exception"),
    ("def f(): return (lambda: 0)", "expect_equal(f(), 0, what='f')", "it is"),
    ("class f:\n    __eq__ = lambda self, other: True", "expect_true(f() == 1, what='equal')", "equal"),
    ("def f():\n    x = []\n    x.append(x)\n    return x", "expect_raises(ValueError, f, what='f')", "cannot be handed to the check"),
    ("def f(): return torch.zeros(10**8)", "f()", "cannot be handed to the check"),
], ids=range(11))
def test_errors_are_pythons_own_and_say_what_was(judge, student, check, says):
    assert says in judge(student, check).checks[0]


@pytest.mark.parametrize(("body", "sentence"), [
    ("while True: pass", "did not end within 1 seconds"),
    ("import time\n    while True:\n        try: time.sleep(9)\n        except BaseException: pass", "did not end and had to be killed"),
    ("return [bytearray(2**28) for _ in range(100)]", "used more than 0.5 GB of memory"),
    ("import threading, time\n    for _ in range(200): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()", "started more than 64 processes and threads"),
    ("return [open('/dev/null') for _ in range(1000)]", "opened more than 256 files"),
    ("open('x', 'wb').write(bytes(2**26))", "wrote a file of more than 32 MB"),
    ("for n in range(9): open(str(n), 'wb').write(bytes(2**24))", "wrote more than 64 MB of files"),
], ids=["time", "deaf", "memory", "threads", "files", "file", "disk"])
def test_each_limit_has_its_sentence_and_costs_only_its_own_check(judge, body, sentence):
    student = f"def f():\n    {body}\ndef g(): return 1"
    limits = Limits(cell_seconds=1.4, notebook_seconds=60, memory_bytes=2**29, scratch_bytes=2**26, file_bytes=2**25, processes=64)
    verdict = judge(student, "f()", "expect_equal(g(), 1, what='g')", limits=limits)
    assert any(sentence in line for line in verdict.limits), verdict.limits
    assert verdict.checks[0] and verdict.checks[1] is None


def test_processor_time_has_its_sentence(judge):
    verdict = judge("while True: pass", limits=Limits(cell_seconds=20, processor_seconds=1))
    assert any("processor time" in line for line in verdict.limits)


def test_output_that_is_too_long_is_cut(judge):
    verdict = judge("print('x' * 10**7)")
    assert any("longer than" in line for line in verdict.limits) and len(str(verdict.outputs[1])) < 30_000


def test_the_time_for_the_whole_notebook(judge):
    verdict = judge("import time\ntime.sleep(1.5)", "f()", limits=Limits(cell_seconds=9, notebook_seconds=1))
    assert verdict.checks[0].startswith("NotRun") and any("whole notebook" in line for line in verdict.limits)


def test_a_process_that_dies_is_replaced_and_has_what_it_had(judge):
    student = ["import os\nstate = [1]", "state.append(2)", "state.append(2)", "def f(): os._exit(3)\ndef g(): return state"]
    verdict = judge(student, "f()", "expect_equal(g(), [1, 2, 2], what='the state')")
    assert verdict.checks == ["ProcessDied: The Python process died while this check called your code.", None]


def test_a_cell_that_ends_the_process_is_left_out(judge):
    verdict = judge(["def f(): return 1", "import os\nos._exit(0)", "def g(): return 2"], "expect_equal([f(), g()], [1, 2], what='both')")
    assert verdict.checks == [None] and "died" in verdict.outputs[2][0]["evalue"]


def test_more_deaths_than_exercises_cost_nothing_else(judge):
    checks = ["f()"] * 8 + ["expect_equal(g(), 1, what='g')"]
    verdict = judge("import os\ndef f(): os._exit(0)\ndef g(): return 1", *checks)
    assert verdict.checks[-1] is None and all(verdict.checks[:-1])


def test_hidden_tests_come_near_nothing_that_is_shown(engine):
    """What a function was given in a hidden test is in no output and in no sentence of a visible check, also of a later one."""
    keep = "kept = ['nothing']\ndef f(x):\n    kept.append(x)\n    print(x)\n    open('kept', 'a').write(str(x))\n    return x\ndef g(): raise ValueError(str(kept))"
    cells = [
        {"role": "given", "source": SETUP, "grade_id": "given-setup", "place": 0}, {"role": "student", "source": keep, "grade_id": None, "place": 1},
        {"role": "graded", "source": "assert f('secret') == 'secret'", "grade_id": "hidden-f", "place": 2},
        {"role": "student", "source": "import os\nprint(kept, os.path.exists('kept'))", "grade_id": None, "place": 3},
        {"role": "graded", "source": "g()", "grade_id": "check-g", "place": 4},
    ]
    verdict = engine.judge(Task(cells, ["f", "g"], {}, QUICK))
    assert _error_of(verdict.outputs[2]) is None
    assert verdict.outputs[3][0]["text"] == "['nothing'] False\n"
    assert _error_of(verdict.outputs[4]) == "ValueError: ['nothing']"
    assert "secret" not in str([verdict.outputs[number] for number in (0, 1, 3, 4)]) + str(verdict.report)


def test_the_name_of_what_was_refused_is_the_courses(judge):
    """The student's process says which function was refused: a text that it may have made from a hidden input."""
    student = "def f(x):\n    space = {'__name__': 'sklearn.secret'}\n    exec('def leak(): pass', space)\n    space['leak']()"
    verdict = judge(student, "with write_it_yourself('sklearn'):\n    f(1)")
    assert verdict.checks[0].endswith("your code calls sklearn.")


def test_files_lie_beside_the_notebook(judge):
    verdict = judge("import helper\ndef f(): return helper.value, open('data.txt').read()", "expect_equal(f(), (3, 'x'), what='f')",
                    files={"helper.py": b"value = 3", "data.txt": b"x"})
    assert verdict.checks == [None]


def test_what_a_limit_is_called():
    assert "memory" in exceeded({"kinds": ["MemoryError"]}, QUICK)
    assert exceeded({"kinds": ["ValueError"], "words": "no"}, QUICK) is None
    assert "SIGKILL" in exceeded({"signal": 9}, QUICK)


def test_a_verdict_survives_json_with_half_a_character():
    verdict = Verdict({3: [{"output_type": "stream", "name": "stdout", "text": "\ud800"}]}, ["\udc00"])
    plain = verdict.as_plain()
    str(plain).encode("utf-8")
    assert Verdict.from_plain(plain).outputs[3][0]["text"] == "?"
