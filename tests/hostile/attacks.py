"""Submissions that attack, are damaged or unlucky, with what each deserves.

In most, softmax is wrong and a trick is to earn its points: it earns none, and nothing else is lost. In others the
program is right and does harm beside it: it keeps its points, or loses those of the exercise that it harms.
"""

from course_lib.grading.engine import COURSE
from course_lib.grading.limits import Limits
from tests.hostile.court import Case

NONE = {"softmax": 0.0}
PATIENT = Limits(cell_seconds=30, notebook_seconds=150)
HANGS = Limits(cell_seconds=1.5, notebook_seconds=60)
FULL = Limits(cell_seconds=6, notebook_seconds=60, memory_bytes=2**29, scratch_bytes=2**26, file_bytes=2**25)
WRONG = "def softmax(logits): return torch.zeros_like(logits)\n"
RIGHT = "def softmax(logits):\n    powers = torch.exp(logits - logits.amax(-1, keepdim=True))\n    return powers / powers.sum(-1, keepdim=True)\n"

#: Finds the student's side of the judge's connection, as any code in its process can.
FIND_SIDE = '''
import gc
from course_lib.grading.student import StudentSide
side = next(thing for thing in gc.get_objects() if isinstance(thing, StudentSide))
'''


def trick(name: str, code: str, **more) -> Case:
    """A wrong softmax, and something to hide it."""
    # Where the course really is: an attack that looks elsewhere proves nothing.
    return Case(name, {"softmax": WRONG + _plain(code).replace("COURSE_FOLDER", str(COURSE.parent))}, loses=NONE, **more)


def costs(name: str, code: str, **more) -> Case:
    """A softmax that harms: its own exercise is lost, and no other."""
    return Case(name, {"softmax": _plain(code)}, loses=NONE, **more)


def harmless(name: str, code: str, **more) -> Case:
    """A right softmax, and something that is to change nothing."""
    return Case(name, {"softmax": RIGHT + _plain(code)}, **more)


def body(code: str) -> str:
    """A softmax of this body."""
    return "def softmax(logits):\n" + "\n".join("    " + line for line in _plain(code).strip("\n").split("\n"))


def _plain(code: str) -> str:
    import textwrap

    return textwrap.dedent(code)


CHECKS_OFF = [
    trick("a syntax tree without asserts", '''
        import ast
        class NoAsserts(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
            def visit_Expr(self, node): return ast.Pass()
        get_ipython().ast_transformers.append(NoAsserts())
    ''', suspect="ast_transformers"),
    trick("an input transformer", '''
        get_ipython().input_transformers_cleanup.append(lambda lines: ["print('passed')\\n"] if any("expect" in line for line in lines) else lines)
    ''', suspect="input_transformers"),
    trick("errors are not shown", '''
        shell = get_ipython()
        shell.showtraceback = shell._showtraceback = lambda *args, **kwargs: None
        shell.set_custom_exc((Exception,), lambda *args, **kwargs: [])
    '''),
    Case("run_cell replaced, so that no later cell runs", {"softmax": WRONG + _plain('''
        from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult
        shell = get_ipython()
        type(shell).run_cell = lambda self, source, **kwargs: ExecutionResult(ExecutionInfo(source, False, False, True, None))
    ''')}, loses=dict.fromkeys(("softmax", "standardize", "quiz"), 0.0)),
    trick("checks that pass", '''
        import course_lib.teaching.checks as checks, course_lib.teaching as teaching
        for module in (checks, teaching, __import__("__main__")):
            for name in ("expect_close", "expect_shape", "expect_raises", "expect_equal", "expect_true"):
                setattr(module, name, lambda *args, **kwargs: None)
    ''', suspect="setattr"),
    trick("allclose is always true", '''
        import numpy
        torch.allclose = numpy.allclose = lambda *args, **kwargs: True
        numpy.isclose = lambda a, *args, **kwargs: numpy.ones_like(a, dtype=bool)
    ''', suspect="allclose"),
    trick("the oracle made wrong", "torch.softmax = torch.nn.functional.softmax = lambda x, *args, **kwargs: torch.zeros_like(x)", suspect="torch.softmax"),
    trick("builtins", "import builtins\nbuiltins.AssertionError = type('Fine', (BaseException,), {})\nbuiltins.abs = lambda x: 0"),
    trick("exit handlers and signals", '''
        import atexit, signal, os
        atexit.register(lambda: print("passed"))
        for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGXCPU):
            signal.signal(number, lambda *args: None)
    '''),
    trick("profile and trace functions", "import sys, threading\nsys.setprofile(lambda *args: None)\nsys.settrace(None)\nthreading.setprofile(None)", suspect="setprofile"),
]

STRANGE_OBJECTS = [
    costs("equal to everything", '''
        class Same:
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __array__(self, *args, **kwargs): raise SystemExit
            shape, dtype, ndim = (2, 3), torch.float32, 2
        def softmax(logits): return Same()
    ''', suspect="__eq__"),
    costs("a tensor that answers as it likes", '''
        class Liar(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                return True if function in (torch.allclose, torch.equal) else super().__torch_function__(function, types, args, kwargs or {})
            def __eq__(self, other): return torch.ones(2, 3, dtype=torch.bool)
            def tolist(self): return [[0.125, 0.25, 0.625]]
        def softmax(logits): return torch.zeros_like(logits).as_subclass(Liar)
    ''', suspect="__torch_function__"),
    costs("says that it is a tensor", '''
        class Pretender:
            __class__ = property(lambda self: torch.Tensor)
            layout, is_quantized, device, shape, dtype = torch.strided, False, torch.device("cpu"), (2, 3), torch.float32
            def __getattr__(self, name): return self
            def __call__(self, *args, **kwargs): return self
        def softmax(logits): return Pretender()
    ''', suspect="__class__"),
    costs("a sequence that changes", '''
        class Sequence:
            def __len__(self): return 2
            def __iter__(self): return iter([self, self])
            def __getitem__(self, place): return self
            def __float__(self): return 0.5
        def softmax(logits): return Sequence()
    '''),
    costs("a class of the judge's name", '''
        class StandIn:
            _about = (None, 0, "tensor", "thing")
        def softmax(logits): return StandIn()
    '''),
    costs("a function whose attributes lie", '''
        def softmax(logits): return torch.zeros_like(logits)
        softmax.__name__ = softmax.__qualname__ = "softmax"; softmax.__module__ = "torch"; softmax.__wrapped__ = torch.softmax
    '''),
    costs("not a number everywhere", body("return torch.full_like(logits, math.nan)")),
    costs("infinite", body("return torch.full_like(logits, math.inf)")),
    costs("nothing", body("return None")),
    costs("itself", body("return softmax")),
    costs("an empty table", body("return logits[..., :0]")),
    costs("the wrong type of number", body("return torch.softmax_ if False else logits.bool()")),
    costs("text", body("return str(logits)")),
    costs("an endless generator", body("while True:\n    yield logits"), limits=HANGS),
    costs("a list that holds itself", body("row = []\nrow.append(row)\nreturn row")),
    costs("ten thousand lists deep", body("row = 0.0\nfor _ in range(10_000):\n    row = [row]\nreturn row")),
    costs("few lists that stand for endlessly many", body("row = [0.0]\nfor _ in range(60):\n    row = [row, row]\nreturn row")),
    costs("a range without end", body("return range(10**15)")),
    costs("an integer of a million digits", body("return 10**1_000_000")),
    costs("a tensor of 1 GB", body("return torch.zeros(2**28)")),
    costs("a dict of ten million", body("return dict.fromkeys(range(10_000_000))"), limits=Limits(cell_seconds=10, notebook_seconds=60)),
    costs("a shape of 10**12 over one number", body("return torch.zeros(1).expand(10**12)")),
    costs("sparse and meta tensors", body("return logits.to_sparse() if logits.dim() > 1 else logits.to('meta')")),
    Case("quiz answers that are every letter", {"quiz": '''
        class Every(str):
            def __eq__(self, other): return True
            def __hash__(self): return 0
            def strip(self, *args): return self
            def lower(self): return self
        answers = {number: Every("b") for number in range(1, 5)}
    '''}, loses={"quiz": 0.0}, suspect="__eq__"),
    Case("quiz answers that hold themselves", {"quiz": "answers = {}\nanswers[1] = answers"}, loses={"quiz": 0.0}),
    Case("quiz answers of 200 MB", {"quiz": "answers = {1: torch.zeros(50_000_000)}"}, loses={"quiz": 0.0}),
]

ERRORS = [
    costs("exits", body("import sys\nsys.exit(0)")),
    costs("raises KeyboardInterrupt", body("raise KeyboardInterrupt")),
    costs("raises GeneratorExit's child", "class Out(GeneratorExit): pass\n" + body("raise Out()")),
    costs("ends the check's loop", body("raise StopIteration")),
    costs("an error without words", '''
        class Evil(Exception):
            def __str__(self): raise SystemExit
            __repr__ = __str__
        def softmax(logits): raise Evil
    '''),
    costs("an error by a name of the course", '''
        class CheckFailed(AssertionError): pass
        CheckFailed.__name__ = "NotImplementedError"
        def softmax(logits): raise CheckFailed("passed " * 1000)
    '''),
    costs("an error whose class is strange", '''
        class Meta(type):
            __name__ = property(lambda cls: 1 / 0)
            def mro(cls): return [cls, Exception, BaseException, object]
        def softmax(logits): raise Meta("Odd", (Exception,), {})("x")
    '''),
    costs("raises what an empty table should raise", body("raise ValueError('table is empty')")),
    Case("only raises", {"standardize": "def standardize(table): raise ValueError('empty')"}, loses={"standardize": 0.0}),
    Case("answers with nonsense where an error is asked", {"standardize": '''
        {solution}
        _full = standardize
        def standardize(table):
            if len(table):
                return _full(table)
            row = []
            row.append(row)
            return row
    '''}, loses={"standardize": 2.0}),
]

DEATHS = [
    costs("ends its process", "import os\n" + body("os._exit(0)"), suspect="_exit"),
    costs("ends its process at once", "import os\nos._exit(0)"),
    costs("kills all that it sees, then itself", "import os, signal\n" + body('''
        for pid in (-1, os.getppid(), *range(2, 400), 1):
            try: os.kill(pid, signal.SIGKILL)
            except OSError: pass
        os.abort()
    '''), suspect="kill"),
    costs("reads at address 0", body("import ctypes\nctypes.string_at(0)"), suspect="ctypes"),
    costs("recurses without end", "import sys\nsys.setrecursionlimit(10**9)\n" + body("return softmax(logits)")),
    costs("recurses in C", "import sys\nsys.setrecursionlimit(10**9)\n" + body("row = []\nfor _ in range(10**6):\n    row = [row]\nrepr(row)\nreturn row")),
    costs("loops", body("while True: pass"), limit="did not end", limits=HANGS),
    costs("loops in the cell", "while True: pass", limit="did not end", limits=HANGS),
    costs("loops and swallows everything", body("import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass"), limit="killed", limits=HANGS),
    costs("sleeps", body("import time\ntime.sleep(10**6)"), limit="did not end", limits=HANGS),
    costs("a regular expression without end", body("import re\nre.match('(a+)+$', 'a' * 64 + 'b')"), limit="did not end", limits=HANGS),
    costs("sleeps deaf to signals", '''
        import signal, time
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        def softmax(logits):
            time.sleep(10**6)
    ''', limit="killed", limits=HANGS),
    costs("uses all memory", body("rows = []\nwhile True:\n    rows.append(torch.ones(2**24))"), limit="memory", limits=FULL),
    costs("all memory in one list", body("return [0] * 10**11"), limit="memory", limits=FULL),
    costs("memory in files without names", body("import os\nfiles = []\nwhile True:\n    files.append(os.memfd_create('x'))\n    os.write(files[-1], b'x')"), limit="files"),
    Case("dies in every exercise, in check and hidden test", {
        "softmax": "import os\ndef softmax(logits): os._exit(1)", "standardize": "import os\ndef standardize(table): os._exit(1)",
    }, loses={"softmax": 0.0, "standardize": 0.0}),
    Case("dies for an empty table only", {"standardize": '''
        import os
        {solution}
        _full = standardize
        def standardize(table): return _full(table) if len(table) else os._exit(0)
    '''}, loses={"standardize": 2.0}),
    Case("dies in one of two equal cells", first="import os; os.environ.get('x')", cells={"softmax": RIGHT, "standardize": "import os; os._exit(1)"},
         loses={"standardize": 0.0}),
]

FLOODS = [
    harmless("prints 100 MB", "for _ in range(100): print('x' * 10**6)", limit="longer than"),
    harmless("prints for each call", "def softmax(logits, real=softmax):\n    for _ in range(10): print('x' * 10**6)\n    return real(logits)"),
    harmless("shows 500 pictures", "from IPython.display import display, HTML\nfor _ in range(500): display(HTML('x' * 400_000))"),
    costs("a fork bomb", "import os\n" + body("while True:\n    try: os.fork()\n    except OSError: pass"), limit="did not end", limits=HANGS),
    costs("a thousand threads", body('''
        import threading, time
        for _ in range(1000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        return logits
    '''), limit="processes and threads"),
    costs("a hundred thousand files", body("files = [open('/dev/null') for _ in range(100_000)]\nreturn logits"), limit="opened more than"),
    costs("fills the disk", body('''
        for number in range(100):
            with open(f"/tmp/{number}", "wb") as file: file.write(bytes(2**24))
    '''), limit="MB of files", limits=FULL),
    costs("one file too long", body("with open('x', 'wb') as file:\n    for _ in range(400): file.write(bytes(2**20))"), limit="a file of more than", limits=FULL),
    costs("limits raised", body('''
        import resource
        for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_NOFILE", "RLIMIT_NPROC"):
            resource.setrlimit(getattr(resource, name), (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ''')),
    harmless("threads that go on", '''
        import threading
        def burn():
            while True: pass
        threading.Thread(target=burn, daemon=True).start()
    '''),
    harmless("a process that goes on", "import subprocess\nsubprocess.Popen(['sleep', '1000'])\n", suspect="subprocess"),
]

BREAK_OUTS = [
    trick("the instructor's source", '''
        import json, pathlib
        for folder in (pathlib.Path("COURSE_FOLDER"), *pathlib.Path.cwd().parents, *pathlib.Path("/").glob("*")):
            for path in folder.glob("**/solutions/*/*.ipynb"):
                for cell in json.loads(path.read_text())["cells"]:
                    if "BEGIN SOLUTION" in "".join(cell["source"]): exec("".join(cell["source"]))
    ''', suspect="solutions"),
    trick("another submission, the gradebook, the lesson's tests", '''
        import glob, os
        found = [path for name in ("**/submitted/**", "**/gradebook.db", "**/autograded/**", "**/tests/graders/*.py") for path in glob.glob(f"/**/{name}", recursive=True)]
        assert not found, found
        WON = bool(found)
        if WON: softmax = lambda logits: torch.softmax(logits, -1)
    ''', suspect="gradebook"),
    Case("the reference of the lesson", {"get_batch": "from course_lib.reference.language_model import get_batch"},
         lesson="03-language-models", loses={"get_batch": 0.0}, only=("get_batch", "lr_schedule"), suspect="course_lib.reference.language_model",
         limits=PATIENT),
    trick("the network", '''
        import socket, urllib.request
        def reach():
            for family in (socket.AF_INET, socket.AF_INET6):
                socket.create_connection(("192.0.2.1", 80), 0.3)
            return urllib.request.urlopen("http://192.0.2.1/answer").read()
        try:
            answer = reach()
            softmax = lambda logits: torch.softmax(logits, -1)
        except OSError: pass
    ''', suspect="socket"),
    trick("writes wherever it can", '''
        import os
        for folder in ("/", "/usr", "/usr/lib", "/etc", "COURSE_FOLDER", "/root", "/home", "/dev", "/var", os.path.dirname(torch.__file__)):
            try:
                with open(folder + "/written-by-a-student", "w") as file: file.write("x")
                softmax = lambda logits: torch.softmax(logits, -1)
            except OSError: pass
    '''),
    trick("leaves something for the next process", '''
        import os
        for folder in ("/dev/shm", "/tmp", "/dev", "/dev/mqueue", "/run"):
            path = folder + "/left"
            if os.path.exists(path):
                softmax = lambda logits: (logits - logits.amax(-1, keepdim=True)).exp() / (logits - logits.amax(-1, keepdim=True)).exp().sum(-1, keepdim=True)
            try: open(path, "w").write("x")
            except OSError: pass
    '''),
    trick("files that are open already", '''
        import os
        WON = []
        for number in range(3, 256):
            try: WON.append((number, os.readlink(f"/proc/self/fd/{number}"), os.lseek(number, 0, 0)))
            except OSError: pass
        if WON: softmax = lambda logits: logits.exp() / logits.exp().sum(-1, keepdim=True)
    ''', suspect="/proc"),
]

CHANNEL = [
    Case("the student's side says that all is well", {"softmax": WRONG + FIND_SIDE + _plain('''
        side._perform = lambda message, arguments, options: (None, None, None)
        type(side)._rules = lambda *args: __import__("contextlib").nullcontext()
        side.answer = lambda message, buffers: ({"outputs": [], "raised": None, "value": True, "names": {}}, [])
    ''')}, loses=dict.fromkeys(("softmax", "standardize", "quiz"), 0.0), suspect="gc.get_objects"),
] + [
    Case(f"answers with {name}", {"softmax": FIND_SIDE + f'''
real = side._call
def forge(message, buffers):
    global reply
    {code}
    return reply
def softmax(logits): return logits
side._call = lambda message, buffers: forge(message, buffers) if message["function"] == "call" and softmax is side.objects.get(message["args"][1][1] if type(message["args"][1]) is list else None) else real(message, buffers)
'''}, loses=NONE, suspect="gc.get_objects")
    for name, code in {
        "nothing": "reply = {}, []",
        "True": 'reply = {"value": True}, []',
        "an unknown kind": 'reply = {"value": ["eval", "print(1)"]}, []',
        "a name of a class": 'reply = {"value": ["object", 0, "Tensor", "module"]}, []',
        "a module's number": 'reply = {"value": ["object", -5, ["x"], {}]}, []',
        "a borrowed thing": 'reply = {"value": ["borrowed", 0]}, []',
        "a callback": 'reply = {"value": ["callback", -1]}, []',
        "a tensor without numbers": 'reply = {"value": ["tensor", "float32", [10**9, 10**9], 0]}, [b"1234"]',
        "an unknown dtype": 'reply = {"value": ["tensor", "load", [1], 0]}, [b"1234"]',
        "quantized numbers": 'reply = {"value": ["tensor", "qint8", [4], 0]}, [b"1234"]',
        "an array of objects": 'reply = {"value": ["array", "O", [1], 0]}, [bytes(8)]',
        "forged truth values": 'reply = {"value": ["tensor", "bool", [2, 3], 0]}, [bytes([2] * 6)]',
        "a zero generator": 'reply = {"value": ["generator", 0]}, [bytes(5056)]',
        "forged graphs": 'reply = {"value": ["graph", 0], "graphs": [["tensor", "float32", [1], 0]], "leaves": [["parameter", 99]], "record": 0}, [b"1234"]',
        "forged parameters": 'reply = {"value": 1, "parameters": [[{}, 3, []]]}, []',
        "other arguments": 'reply = {"value": ["same", 0], "after": ["list", ["list"], ["dict"]], "borrowed": [7]}, []',
        "random numbers drawn": 'reply = {"value": 1, "advanced": [True, "x", {}, 4]}, []',
        "a strange refusal": 'reply = {"value": 1, "refused": {"a": []}}, []',
        "a strange error": 'reply = {"raised": {"kinds": 5, "words": {}, "errno": [], "line": [1]}}, []',
        "an error of no form": 'reply = {"raised": 7}, []',
        "a question": 'reply = {"op": "callback", "number": 3, "args": 7, "kwargs": None}, []',
        "an unknown question": 'reply = {"op": ["run"], "source": "print(1)"}, []',
        "a gradient's question": 'reply = {"op": "gradient", "record": [], "gradients": 1}, []',
        "a number": "reply = 7, []",
    }.items()
] + [
    costs(f"bytes on the connection: {name}", "import os, struct\n" + body(f'''
        for number in range(3, 256):
            try: os.write(number, {data})
            except OSError: pass
        return logits
    ''')) for name, data in {
        "garbage": "b'garbage' * 100",
        "a length of 4 GB": "struct.pack('!II', 2**32 - 1, 2**32 - 1)",
        "a right answer without an end": "struct.pack('!II', 100, 0) + b'[['",
        "deep JSON": "struct.pack('!II', 60_000, 0) + b'[' * 60_000",
        "a verdict": "struct.pack('!II', 40, 0) + b'[{\"verdict\":{\"outputs\":{},\"report\":[]}},[]]'[:40]",
    }.items()
]

IN_THE_OPEN = [
    costs("the arguments made what the answer would fit", body("logits.zero_()\nreturn torch.full_like(logits, 1 / logits.shape[-1])")),
    Case("a table made zero", {"standardize": "def standardize(table):\n    table.zero_()\n    return torch.zeros_like(table)"}, loses={"standardize": 0.0}),
    trick("the judge's random numbers", "torch.manual_seed(0)\ntorch.set_default_dtype(torch.float64)\ntorch.Generator.manual_seed = None"),
    trick("another device by default", "torch.set_default_device('meta')", ),
    Case("a generator set to zero", {"get_batch": '''
        def get_batch(ids, batch_size, length, generator):
            generator.set_state(torch.zeros_like(generator.get_state()))
            starts = torch.zeros(batch_size, dtype=torch.long)
            rows = ids[starts[:, None] + torch.arange(length + 1)]
            return rows[:, :-1], rows[:, 1:]
    '''}, lesson="03-language-models", loses={"get_batch": 0.0}, only=("get_batch", "lr_schedule"), limits=PATIENT),
    Case("a model made to fit", {"train_step": '''
        def train_step(model, optimizer, inputs, targets, lr, max_norm):
            with torch.no_grad():
                for weight in model.parameters(): weight.zero_()
            model.forward = lambda x: 0
            optimizer.step = lambda: None
            return 0.0
    '''}, lesson="03-language-models", loses={"train_step": 0.0}, only=("train_step", "lr_schedule"), limits=PATIENT),
    costs("the ready-made function", body("return torch.softmax(logits, -1)")),
]

ATTACKS = CHECKS_OFF + STRANGE_OBJECTS + ERRORS + DEATHS + FLOODS + BREAK_OUTS + CHANNEL + IN_THE_OPEN
