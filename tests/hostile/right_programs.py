"""Right programs that a hasty judge would reject: each must get full marks."""

from course_lib.grading.limits import Limits
from tests.hostile.court import Case

PATIENT = Limits(cell_seconds=20, notebook_seconds=100)

RIGHT = [
    Case("the model solution"),
    Case("warns at each call", {"softmax": '''
        import warnings
        {solution}
        _plain = softmax
        def softmax(logits):
            warnings.simplefilter("always")
            warnings.warn("slow")
            return _plain(logits)
    '''}),
    Case("prints and logs at each call", {"softmax": '''
        import logging, sys
        logging.basicConfig(level=logging.DEBUG)
        def softmax(logits):
            print("called with", logits)
            print("to standard error", file=sys.stderr)
            logging.getLogger("mine").warning("hot")
            powers = torch.exp(logits - logits.amax(-1, keepdim=True))
            return powers / powers.sum(-1, keepdim=True)
    '''}),
    Case("a global constant, a counter and a cache", {"softmax": '''
        BASE, calls, cache = math.e, 0, {}
        def softmax(logits):
            global calls
            calls += 1
            cache[calls] = logits
            powers = BASE ** (logits - logits.amax(-1, keepdim=True))
            return powers / powers.sum(-1, keepdim=True)
    '''}),
    Case("helpers in a cell of their own", {"softmax": "def softmax(logits): return normalise(shift(logits).exp())"}, first='''
        def shift(x): return x - x.amax(-1, keepdim=True)
        def normalise(x): return x / x.sum(-1, keepdim=True)
    '''),
    Case("the course's helpers redefined", first='''
        def expect_close(*args, **kwargs): pass
        def show(*args, **kwargs): pass
        def begin_lesson(seed): pass
    '''),
    Case("takes its time", {"standardize": '''
        import time
        {solution}
        _quick = standardize
        def standardize(table):
            time.sleep(0.25)
            return _quick(table)
    '''}, limits=PATIENT),
    Case("NumPy inside", {"softmax": '''
        import numpy as np
        def softmax(logits):
            x = logits.detach().numpy()
            powers = np.exp(x - x.max(-1, keepdims=True))
            return torch.from_numpy(powers / powers.sum(-1, keepdims=True))
    '''}),
    Case("an array comes back", {"softmax": '''
        import numpy as np
        def softmax(logits):
            powers = np.exp(logits.numpy() - logits.numpy().max(-1, keepdims=True))
            return powers / powers.sum(-1, keepdims=True)
    '''}),
    Case("statistics and fractions", {"standardize": '''
        import statistics
        from fractions import Fraction
        def standardize(table):
            if len(table) == 0:
                raise ValueError("empty")
            columns = []
            for column in table.T.tolist():
                exact = [Fraction(number) for number in column]
                mean = sum(exact) / len(exact)
                spread = float(sum((x - mean) ** 2 for x in exact) / len(exact)) ** 0.5
                columns.append([float(x - mean) / spread if spread else 0.0 for x in exact])
            return torch.tensor(columns, dtype=table.dtype).T
    '''}),
    Case("seeds and draws inside", {"softmax": '''
        import random
        import numpy as np
        def softmax(logits):
            torch.manual_seed(3); random.seed(3); np.random.seed(3); torch.rand(5); random.random(); np.random.rand()
            powers = torch.exp(logits - logits.amax(-1, keepdim=True))
            return powers / powers.sum(-1, keepdim=True)
    '''}),
    Case("another default type", first="torch.set_default_dtype(torch.float64); torch.set_num_threads(1); torch.manual_seed(11)"),
    Case("plots while it computes", {"softmax": '''
        %matplotlib inline
        {solution}
        _plain = softmax
        def softmax(logits):
            figure, axes = plt.subplots()
            axes.plot(logits.flatten().tolist())
            plt.show()
            plt.close(figure)
            return _plain(logits)
    '''}, limits=PATIENT),
    Case("magics", first='''
        %matplotlib inline
        %precision 3
        !echo done
        squares = %timeit -n 1 -r 1 -o -q sum(range(10))
    ''', last="%%time\nprint('timed')"),
    Case("a timed cell", {"softmax": "%%time\n{solution}"}),
    Case("waits for a coroutine", {"softmax": '''
        import asyncio
        async def shifted(logits):
            await asyncio.sleep(0)
            return logits - logits.amax(-1, keepdim=True)
        one = await shifted(torch.zeros(3))
        def softmax(logits):
            powers = asyncio.run(shifted(logits)).exp()
            return powers / powers.sum(-1, keepdim=True)
    '''}),
    Case("displays tables and pictures", first='''
        from IPython.display import HTML, Markdown, display
        display(HTML("<b>bold</b>"), Markdown("*x*"))
        plt.plot([1, 2, 3])
        plt.show()
        {"a": 1}
    '''),
    Case("writes a file and reads it", {"softmax": '''
        import json, tempfile
        with open("notes.json", "w") as file:
            json.dump({"shift": 1}, file)
        def softmax(logits):
            with tempfile.NamedTemporaryFile("w+") as file:
                torch.save(logits, file.name)
                logits = torch.load(file.name) * json.load(open("notes.json"))["shift"]
            powers = torch.exp(logits - logits.amax(-1, keepdim=True))
            return powers / powers.sum(-1, keepdim=True)
    '''}),
    Case("a helper module beside the notebook", {"softmax": "import sys\nsys.path.insert(0, '.')\nfrom my_helpers import softmax"},
         files={"my_helpers.py": b"def softmax(x):\n    powers = (x - x.amax(-1, keepdim=True)).exp()\n    return powers / powers.sum(-1, keepdim=True)\n"}),
    Case("threads", {"softmax": '''
        from concurrent.futures import ThreadPoolExecutor
        def one(row):
            powers = torch.exp(row - row.max())
            return powers / powers.sum()
        def softmax(logits):
            with ThreadPoolExecutor(4) as pool:
                rows = list(pool.map(one, logits.reshape(-1, logits.shape[-1])))
            return torch.stack(rows).reshape(logits.shape)
    '''}),
    Case("cached", {"softmax": '''
        from functools import lru_cache
        @lru_cache(maxsize=None)
        def weight(value): return math.exp(value)
        def softmax(logits):
            top = logits.amax(-1, keepdim=True)
            powers = torch.tensor([weight(x) for x in (logits - top).flatten().tolist()], dtype=logits.dtype).reshape(logits.shape)
            return powers / powers.sum(-1, keepdim=True)
    '''}),
    Case("dataclass with __call__", {"softmax": '''
        from dataclasses import dataclass
        @dataclass
        class Softmax:
            dim: int = -1
            def __call__(self, logits: torch.Tensor) -> torch.Tensor:
                powers = torch.exp(logits - logits.amax(self.dim, keepdim=True))
                return powers / powers.sum(self.dim, keepdim=True)
        softmax = Softmax()
    '''}),
    Case("a module", {"softmax": '''
        class Softmax(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.base = torch.nn.Parameter(torch.tensor(math.e, dtype=torch.float64))
            def forward(self, logits):
                powers = torch.exp(logits - logits.amax(-1, keepdim=True))
                return powers / powers.sum(-1, keepdim=True)
        softmax = Softmax()
    '''}),
    Case("a scripted-like lambda and partial", {"softmax": '''
        from functools import partial
        def along(logits, dim, keep=True):
            powers = torch.exp(logits - logits.amax(dim, keepdim=keep))
            return powers / powers.sum(dim, keepdim=keep)
        softmax = partial(along, dim=-1)
    ''', "standardize": '''
        def refuse(message): raise ValueError(message)
        spread = lambda table: table.std(0, correction=0)
        standardize = lambda table: refuse("empty") if len(table) == 0 else (
            (table - table.mean(0)) / torch.where(spread(table) == 0, torch.ones_like(spread(table)), spread(table)))
    '''}),
    Case("decorated, annotated, a generator within", {"softmax": '''
        from __future__ import annotations
        from functools import wraps
        from collections.abc import Iterator
        def logged(function):
            @wraps(function)
            def inner(*args, **kwargs):
                return function(*args, **kwargs)
            return inner
        def rows(logits: Tensor) -> Iterator[Tensor]:
            for row in logits.reshape(-1, logits.shape[-1]):
                powers = (row - row.max()).exp()
                yield powers / powers.sum()
        @logged
        def softmax(logits: "Tensor") -> "Tensor":
            return torch.stack([*rows(logits)]).reshape(logits.shape)
    '''}),
    Case("recursion", {"softmax": '''
        def softmax(logits):
            if logits.dim() > 1:
                return torch.stack([softmax(part) for part in logits])
            powers = torch.exp(logits - logits.max())
            return powers / powers.sum()
    '''}),
    Case("a subclass of its own error", {"standardize": '''
        class EmptyTable(ValueError):
            """No rows."""
        {solution}
        _full = standardize
        def standardize(table):
            if not len(table):
                raise EmptyTable("no rows", 0)
            return _full(table)
    '''}),
    Case("an error elsewhere in the notebook", first="1 / 0", last="raise KeyboardInterrupt"),
    Case("quiz answers in another container", {"quiz": '''
        from collections import OrderedDict, defaultdict
        answers = defaultdict(str)
        answers.update(OrderedDict({1: "B", 2: "(a)", 3: "c ", 4: "b"}))
    '''}),
    Case("half of a surrogate pair is printed", first='print("\\ud83d"); "\\udc00"'),
    Case("the same cell twice", {"softmax": "{solution}\nlast = 1"}, first="last = 1", last="last = 1"),
    Case("NumPy scalars where numbers are asked", {"lr_schedule": '''
        import numpy as np
        def lr_schedule(step, warmup_steps, total_steps, max_lr, min_lr):
            if step < warmup_steps:
                return np.float64(max_lr * (step + 1) / warmup_steps)
            t = np.clip((step - warmup_steps) / (total_steps - warmup_steps), 0, 1)
            return min_lr + (max_lr - min_lr) * (1 + np.cos(np.pi * t)) / 2
    ''', "bits_per_byte": "def bits_per_byte(nats, tokens, text): return torch.tensor(nats * tokens / math.log(2) / len(text.encode('utf-8')))"},
         lesson="03-language-models", only=("lr_schedule", "bits_per_byte"), limits=PATIENT),
    Case("a training step by hand", {"train_step": '''
        def train_step(model, optimizer, inputs, targets, lr, max_norm):
            model.train()
            optimizer.zero_grad(set_to_none=False)
            for group in optimizer.param_groups:
                group.update(lr=lr)
            logits = model(inputs)
            loss = cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))
            loss.backward()
            weights = [weight for weight in model.parameters() if weight.grad is not None]
            norm = math.sqrt(sum(float(weight.grad.square().sum()) for weight in weights))
            if norm > max_norm:
                for weight in weights:
                    weight.grad *= max_norm / norm
            optimizer.step()
            return float(loss.detach())
    '''}, lesson="03-language-models", only=("train_step",), limits=PATIENT),
]
