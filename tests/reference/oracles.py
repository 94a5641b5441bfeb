"""Models of `transformers` as oracles in double precision: they cast to float32 inside, which alone would stop agreement near 1e-7."""

import torch
from torch.overrides import TorchFunctionMode


class InDouble(TorchFunctionMode):
    """Within it, what asks for float32 gets float64."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function is torch.Tensor.float:
            return args[0].double()
        args = tuple(torch.float64 if value is torch.float32 else value for value in args)
        kwargs = {name: torch.float64 if value is torch.float32 else value for name, value in kwargs.items()}
        return function(*args, **kwargs)
