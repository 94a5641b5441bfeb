"""Wrong and right programs for lesson 07."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

SINUSOIDAL = Exercise(
    mistakes=[
        Mistake("sines first, then cosines", edit("table[:, 0::2], table[:, 1::2] =", "table[:, : width // 2], table[:, width // 2 :] ="), says="they should alternate"),
        Mistake("sine and cosine swapped", edit("= angles.sin(), angles.cos()", "= angles.cos(), angles.sin()"), says="changed places"),
        Mistake("from 1", edit("torch.arange(length)[:, None]", "torch.arange(1, length + 1)[:, None]"), says="count from 0"),
        Mistake("i over width", edit("torch.arange(0, width, 2) / width", "torch.arange(width // 2) / width"), says="the exponent is -2i/width"),
        Mistake("2 doubled", edit("torch.arange(0, width, 2) / width", "2 * torch.arange(0, width, 2) / width"), says="do not double the 2"),
        Mistake("positive exponent", edit("(-torch.arange(0, width, 2) / width)", "(torch.arange(0, width, 2) / width)"), says="later clocks turn slower"),
        Mistake("another base", edit("10_000", "1000"), says="the tiny example"),
        Mistake("width first", edit("    return table", "    return table.T"), says="should have shape"),
        Mistake("sine only", edit("angles.sin(), angles.cos()", "angles.sin(), angles.sin()"), says="the tiny example"),
        Mistake("degrees", edit("table[:, 0::2]", "angles = angles * math.pi / 180\n    table[:, 0::2]"), says="the tiny example"),
        Mistake("exponent from 0 to 1", edit("torch.arange(0, width, 2) / width", "torch.linspace(0, 1, width // 2)"), says="the tiny example"),
        Mistake("of the second pair only once", edit("torch.arange(0, width, 2) / width", "torch.arange(width // 2) / (width // 2 + 1e-9 + (width > 4))"), says="the table of 7"),
        Mistake("each number its own frequency", """
            def sinusoidal_positions(length, width):
                angles = torch.arange(length)[:, None] * 10_000 ** (-torch.arange(width) / width)
                return torch.where(torch.arange(width) % 2 == 0, angles.sin(), angles.cos())
        """, says="the tiny example"),
        Mistake("double precision", edit("return table", "return table.double()"), says="float32"),
        Mistake("whole numbers", edit("torch.empty(length, width)", "torch.empty(length, width, dtype=torch.long)"), says="the tiny example"),
        Mistake("scaled", edit("return table", "return table / width ** 0.5"), says="the tiny example"),
    ],
    alternatives=[
        Alternative("with loops", """
            def sinusoidal_positions(length, width):
                rows = []
                for p in range(length):
                    row = []
                    for i in range(width // 2):
                        a = p / 10000 ** (2 * i / width)
                        row += [math.sin(a), math.cos(a)]
                    rows.append(row)
                return torch.tensor(rows)
        """),
        Alternative("stacked, by logarithms", """
            def sinusoidal_positions(length, width):
                rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
                angle = torch.outer(torch.arange(length, dtype=torch.float32), rate)
                return torch.stack([torch.sin(angle), torch.cos(angle)], dim=2).reshape(length, width)
        """),
        Alternative("a phase in place of the cosine", """
            def sinusoidal_positions(length, width):
                column = torch.arange(width)
                exponent = (column - column % 2).double() / width
                angle = torch.arange(length).double()[:, None] / 10000 ** exponent + (column % 2) * math.pi / 2
                return angle.sin().float()
        """),
    ],
    same_program={},
)

ROTARY = Exercise(
    mistakes=[
        Mistake("the other way round", edit("first * angles.cos() - second * angles.sin()", "first * angles.cos() + second * angles.sin()", "first * angles.sin() + second * angles.cos()", "second * angles.cos() - first * angles.sin()"), says="the wrong way round"),
        Mistake("neighbours", """
            def rotary_embedding(x, positions):
                d = x.shape[-1]
                a = positions[:, None] * 10000 ** (-torch.arange(0, d, 2, dtype=x.dtype) / d)
                first, second = x[..., 0::2], x[..., 1::2]
                return torch.stack([first * a.cos() - second * a.sin(), first * a.sin() + second * a.cos()], -1).flatten(-2)
        """, says="not with its neighbour"),
        Mistake("positions not used", edit("positions[:, None] *", "torch.arange(len(positions))[:, None] *"), says="the tiny example"),
        Mistake("from 1", edit("positions[:, None] *", "(positions[:, None] + 1) *"), says="the tiny example"),
        Mistake("a sign is wrong", edit("first * angles.cos() - second", "first * angles.cos() + second"), says="the turned rows"),
        Mistake("second half not turned", edit("first * angles.sin() + second * angles.cos()", "second"), says="the tiny example"),
        Mistake("added, not turned", edit("first * angles.cos() - second * angles.sin(), first * angles.sin() + second * angles.cos()", "first + angles.sin(), second + angles.cos()"), says="the tiny example"),
        Mistake("d/2 in the exponent", edit("device=x.device) / d)", "device=x.device) / (d // 2))"), says="the turned rows"),
        Mistake("i, not 2i", edit("torch.arange(0, d, 2, dtype", "torch.arange(d // 2, dtype"), says="the turned rows"),
        Mistake("positive exponent", edit("(-torch.arange", "(torch.arange"), says="the turned rows"),
        Mistake("halves put back in the wrong order", edit("torch.cat([first * angles.cos() - second * angles.sin(), first * angles.sin() + second * angles.cos()], -1)", "torch.cat([first * angles.sin() + second * angles.cos(), first * angles.cos() - second * angles.sin()], -1)"), says="the tiny example"),
        Mistake("interleaved result", edit("torch.cat([", "torch.stack([", "], -1)", "], -1).flatten(-2)"), says="the turned rows"),
        Mistake("batch for length", edit("positions[:, None] *", "positions.reshape(-1, *[1] * (x.ndim - 1)) *"), says="must match the size"),
        Mistake("leaves the graph", edit("x.chunk(2, -1)", "x.detach().chunk(2, -1)"), says="does not require grad"),
        Mistake("float32", edit("], -1)", "], -1).float()"), says="should stay so"),
        Mistake("changes x", edit("    return torch.cat", "    x.data.mul_(1.01)\n    return torch.cat"), says="the tiny example"),
        Mistake("calls the helper of the checks", "def rotary_embedding(x, positions): return turned(x, positions).to(x.dtype)", says="write it yourself"),
        Mistake("from the first position", edit("positions[:, None] *", "(positions - positions[0])[:, None] *"), says="the tiny example"),
        Mistake("positions sorted", edit("positions[:, None] *", "positions.sort().values[:, None] *"), says="the turned rows"),
        Mistake("first half leaves the graph", edit("    return torch.cat", "    first = first.detach()\n    return torch.cat"), says="the gradient"),
        Mistake("base of another model", edit("10_000", "500_000"), says="the turned rows"),
        Mistake("one frequency", edit("(-torch.arange(0, d, 2, dtype=x.dtype, device=x.device) / d)", "(-torch.zeros(d // 2, dtype=x.dtype))"), says="the turned rows"),
    ],
    alternatives=[
        Alternative("rotate half, as in Llama", """
            def rotary_embedding(x, positions):
                d = x.size(-1)
                inv = 1.0 / 10000 ** (torch.arange(0, d, 2).to(x.dtype) / d)
                freqs = torch.einsum("p,f->pf", positions.to(x.dtype), inv)
                emb = torch.cat((freqs, freqs), dim=-1)
                half = torch.cat((-x[..., d // 2:], x[..., :d // 2]), dim=-1)
                return x * emb.cos() + half * emb.sin()
        """),
        Alternative("a matrix for each position", """
            def rotary_embedding(x, positions):
                d = x.shape[-1]
                out = []
                for row, p in enumerate(positions.tolist()):
                    R = torch.zeros(d, d, dtype=x.dtype)
                    for i in range(d // 2):
                        a = p * 10000 ** (-2 * i / d)
                        R[i, i] = R[i + d // 2, i + d // 2] = math.cos(a)
                        R[i, i + d // 2], R[i + d // 2, i] = -math.sin(a), math.sin(a)
                    out.append(x[..., row, :] @ R.T)
                return torch.stack(out, -2)
        """),
        Alternative("polar and view_as_complex, as in Meta's code", """
            def rotary_embedding(x, positions):
                d = x.shape[-1]
                freqs = 1.0 / (10000 ** (torch.arange(0, d, 2, dtype=torch.float64) / d))
                turns = torch.polar(torch.ones(len(positions), d // 2, dtype=torch.float64), torch.outer(positions.double(), freqs))
                z = torch.view_as_complex(torch.stack(x.double().chunk(2, -1), -1)) * turns
                return torch.cat([z.real, z.imag], -1).to(x.dtype)
        """),
        Alternative("rolled, with signs", """
            def rotary_embedding(x, positions):
                d = x.shape[-1]
                a = (positions.to(x.dtype)[:, None] * 10000 ** (-torch.arange(0, d, 2, dtype=x.dtype) / d)).repeat(1, 2)
                sign = torch.ones(d, dtype=x.dtype)
                sign[: d // 2] = -1
                return x * a.cos() + x.roll(d // 2, -1) * sign * a.sin()
        """),
        Alternative("complex numbers", """
            def rotary_embedding(x, positions):
                a, b = x.chunk(2, -1)
                angle = positions[:, None].to(x.dtype) * 10000 ** (-torch.arange(0, x.shape[-1], 2, dtype=x.dtype) / x.shape[-1])
                z = torch.complex(a, b) * torch.exp(1j * angle)
                return torch.cat([z.real, z.imag], -1)
        """),
    ],
    same_program={"line 8: torch.arange(0, d, 2, dtype=x.dtype, device=x.d...: device left out": "on the CPU, where checks run, it is the default"},
)

LAYER_NORM = Exercise(
    mistakes=[
        Mistake("d - 1", edit("centred.square().mean(-1, keepdim=True)", "x.var(-1, keepdim=True)"), says="not by d - 1"),
        Mistake("no mean", edit("x - x.mean(-1, keepdim=True)", "x"), says="the tiny example"),
        Mistake("no weight and bias", edit(".sqrt() * weight + bias", ".sqrt()"), says="weight and bias are missing"),
        Mistake("no weight", edit("eps).sqrt() * weight + bias", "eps).sqrt() + bias"), says="weight is missing"),
        Mistake("no bias", edit("eps).sqrt() * weight + bias", "eps).sqrt() * weight"), says="bias is missing"),
        Mistake("eps beside the root", edit("(centred.square().mean(-1, keepdim=True) + eps).sqrt()", "(centred.square().mean(-1, keepdim=True).sqrt() + eps)"), says="eps belongs under the root"),
        Mistake("no root", edit("+ eps).sqrt()", "+ eps)"), says="not by variance + eps"),
        Mistake("no eps", edit("keepdim=True) + eps)", "keepdim=True))"), says="use eps, and the one that is given"),
        Mistake("over everything", edit("x - x.mean(-1, keepdim=True)", "x - x.mean()", "centred.square().mean(-1, keepdim=True)", "centred.square().mean()"), says="not of the whole tensor"),
        Mistake("its own eps", edit("keepdim=True) + eps)", "keepdim=True) + 1e-5)"), says="use eps, and the one that is given"),
        Mistake("over the batch", edit("x.mean(-1, keepdim=True)", "x.mean(0, keepdim=True)"), says="the rows normalised"),
        Mistake("ready-made", "def layer_norm(x, weight, bias, eps=1e-5): return F.layer_norm(x, weight.shape, weight, bias, eps)", says="write it yourself"),
        Mistake("a module", """
            def layer_norm(x, weight, bias, eps=1e-5):
                norm = nn.LayerNorm(len(weight), eps)
                norm.weight, norm.bias = nn.Parameter(weight), nn.Parameter(bias)
                return norm(x)
        """, says="write it yourself"),
        Mistake("a norm over batches, turned round", """
            def layer_norm(x, weight, bias, eps=1e-5):
                rows = x.reshape(1, -1, x.shape[-1])
                return torch.native_batch_norm(rows, None, None, None, None, True, 0.0, eps)[0].reshape(x.shape) * weight + bias
        """, says="write it yourself"),
        Mistake("float32", edit("centred = x -", "x = x.float()\n    centred = x -"), says="rows of shape"),
        Mistake("over the last two axes", edit("x.mean(-1, keepdim=True)", "x.mean((-2, -1) if x.ndim > 1 else -1, keepdim=True)"), says="the rows normalised"),
        Mistake("a smaller default", edit("eps: float = 1e-5", "eps: float = 1e-12"), says="with the default eps"),
        Mistake("mean leaves the graph", edit("x - x.mean(-1, keepdim=True)", "x - x.mean(-1, keepdim=True).detach()"), says="the gradient"),
        Mistake("root mean square, mean kept", edit("x - x.mean(-1, keepdim=True)", "x + 0 * x.mean(-1, keepdim=True)"), says="the tiny example"),
        Mistake("deviation leaves the graph", edit("(centred.square()", "(centred.detach().square()"), says="the gradient"),
        Mistake("bias first", edit("eps).sqrt() * weight + bias", "eps).sqrt() * (weight + bias)"), says="the rows normalised"),
        Mistake("mean of sizes", edit("(centred.square().mean(-1, keepdim=True) + eps).sqrt()", "(centred.abs().mean(-1, keepdim=True) ** 2 + eps).sqrt()"), says="the rows normalised"),
        Mistake("in place", edit("centred = x - x.mean(-1, keepdim=True)", "x.data.sub_(x.data.mean(-1, keepdim=True))\n    centred = x - x.mean(-1, keepdim=True)"), says="your inputs after the call"),
        Mistake("rows of equal numbers left alone", edit("    return centred", "    if (centred == 0).all(): return x\n    return centred"), says="rows of shape (5, 1)"),
        Mistake("axis 1", edit("x.mean(-1, keepdim=True)", "x.mean(1, keepdim=True)"), says="Dimension out of range"),
    ],
    alternatives=[
        Alternative("var and rsqrt", """
            def layer_norm(x, weight, bias, eps=1e-5):
                mean = x.mean(dim=-1, keepdim=True)
                var = x.var(dim=-1, unbiased=False, keepdim=True)
                return (x - mean) * torch.rsqrt(var + eps) * weight + bias
        """),
        Alternative("var_mean and addcmul", """
            def layer_norm(x, weight, bias, eps=1e-5):
                var, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
                return torch.addcmul(bias, (x - mean) / torch.sqrt(var + eps), weight)
        """),
        Alternative("sums", """
            def layer_norm(x, weight, bias, eps=1e-5):
                d = x.size(-1)
                mu = x.sum(-1)[..., None] / d
                s2 = torch.einsum("...i,...i->...", x - mu, x - mu)[..., None] / d
                return bias + weight * ((x - mu) * (s2 + eps) ** -0.5)
        """),
    ],
    same_program={},
)

PRE = "            x = x + self.attention(self.norm1(x), mask=mask, causal=causal)\n            return x + self.feed_forward(self.norm2(x))"
POST = "        x = self.norm1(x + self.attention(x, mask=mask, causal=causal))\n        return self.norm2(x + self.feed_forward(x))"
BLOCK = Exercise(
    mistakes=[
        Mistake("always pre-LN", edit("if self.norm_first:", "if True:"), says="this is pre-LN"),
        Mistake("always post-LN", edit("if self.norm_first:", "if False:"), says="this is post-LN"),
        Mistake("one norm for both", edit("self.feed_forward(self.norm2(x))", "self.feed_forward(self.norm1(x))"), says="the second norm is norm2"),
        Mistake("one norm for both, post", edit("self.norm2(x + self.feed_forward(x))", "self.norm1(x + self.feed_forward(x))"), says="the second norm is norm2"),
        Mistake("the normalised x is added", edit(PRE, "            x = self.norm1(x)\n            x = x + self.attention(x, mask=mask, causal=causal)\n            x = self.norm2(x)\n            return x + self.feed_forward(x)"), says="x itself is added"),
        Mistake("no residual round attention", edit("x = x + self.attention(self.norm1(x)", "x = self.attention(self.norm1(x)"), says="the first residual connection"),
        Mistake("no residual round the net", edit("return x + self.feed_forward(self.norm2(x))", "return self.feed_forward(self.norm2(x))"), says="the second residual connection"),
        Mistake("no residual round the net, post", edit("self.norm2(x + self.feed_forward(x))", "self.norm2(self.feed_forward(x))"), says="the second residual connection"),
        Mistake("no attention", edit("            x = x + self.attention(self.norm1(x), mask=mask, causal=causal)\n", ""), says="attention is missing"),
        Mistake("no net", edit("return x + self.feed_forward(self.norm2(x))", "return x"), says="the feed-forward net is missing"),
        Mistake("norm of the part", edit(POST, "        x = x + self.norm1(self.attention(x, mask=mask, causal=causal))\n        return x + self.norm2(self.feed_forward(x))"), says="not round the sum"),
        Mistake("mask not handed on", edit("self.attention(self.norm1(x), mask=mask, causal=causal)", "self.attention(self.norm1(x), causal=causal)"), says="with a mask"),
        Mistake("causal not handed on", edit("self.attention(x, mask=mask, causal=causal)", "self.attention(x, mask=mask)"), says="causal post-LN block"),
        Mistake("mask inverted", edit("self.attention(self.norm1(x), mask=mask, causal=causal)", "self.attention(self.norm1(x), mask=None if mask is None else ~mask, causal=causal)"), says="with a mask"),
        Mistake("net in parallel", edit(PRE, "            return x + self.attention(self.norm1(x), mask=mask, causal=causal) + self.feed_forward(self.norm2(x))"), says="the output of a pre-LN block"),
        Mistake("net before attention", edit(PRE, "            x = x + self.feed_forward(self.norm2(x))\n            return x + self.attention(self.norm1(x), mask=mask, causal=causal)"), says="the output of a pre-LN block"),
        Mistake("a further norm at the end", edit("return x + self.feed_forward(self.norm2(x))", "return self.norm2(x + self.feed_forward(self.norm2(x)))"), says="the output of a pre-LN block"),
        Mistake("attention to the x that is not normalised", edit("self.attention(self.norm1(x), mask", "self.attention(self.norm1(x), x, mask"), says="the output of a pre-LN block"),
        Mistake("leaves the graph", edit("x = x + self.attention(self.norm1(x)", "x = x.detach() + self.attention(self.norm1(x)"), says="the gradient with respect to x"),
        Mistake("in place", edit("x = x + self.attention(self.norm1(x), mask=mask, causal=causal)", "x.data += self.attention(self.norm1(x), mask=mask, causal=causal)"), says="the output of a pre-LN block"),
        Mistake("mask or causal, not both", edit("self.norm1(x), mask=mask, causal=causal", "self.norm1(x), mask=mask, causal=causal and mask is None"), says="a block of width"),
        Mistake("second residual from the beginning", edit(POST, "        y = self.norm1(x + self.attention(x, mask=mask, causal=causal))\n        return self.norm2(x + self.feed_forward(y))"), says="the output of a post-LN block"),
        Mistake("a norm too many round attention", edit("self.attention(self.norm1(x), mask=mask, causal=causal)", "self.norm1(self.attention(self.norm1(x), mask=mask, causal=causal))"), says="the output of a pre-LN block"),
        Mistake("post-LN unless asked", edit("norm_first: bool = True", "norm_first: bool = False"), says="pre-LN unless told otherwise"),
        Mistake("always causal", edit("self.norm1(x), mask=mask, causal=causal", "self.norm1(x), mask=mask, causal=True"), says="the output of a pre-LN block"),
    ],
    alternatives=[
        Alternative("a helper for both", edit("        if self.norm_first:\n" + PRE + "\n" + POST, """        def add(x, norm, part):
            return x + part(norm(x)) if self.norm_first else norm(x + part(x))
        y = add(x, self.norm1, lambda z: self.attention(z, None, mask, causal))
        return add(y, self.norm2, self.feed_forward)""")),
        Alternative("step by step", edit("        if self.norm_first:\n" + PRE + "\n" + POST, """        residual = x
        h = self.norm1(x) if self.norm_first else x
        h = self.attention(h, h, mask=mask, causal=causal)
        h = residual + h
        if not self.norm_first:
            h = self.norm1(h)
        residual = h
        inner = self.norm2(h) if self.norm_first else h
        out = residual + self.feed_forward[2](torch.relu(self.feed_forward[0](inner)))
        return out if self.norm_first else self.norm2(out)""")),
    ],
    same_program={},
)

STEP_PRE = "        x = x + change\n        x = x + block.cross(block.norm2(x), memory, mask=memory_mask)\n        x = x + block.feed_forward(block.norm3(x))"
STEP_POST = "        x = block.norm1(x + change)\n        x = block.norm2(x + block.cross(x, memory, mask=memory_mask))\n        x = block.norm3(x + block.feed_forward(x))"
DECODER = Exercise(
    mistakes=[
        Mistake("not causal", edit("together, causal=True)", "together)"), says="self-attention should be causal"),
        Mistake("no cross attention", edit("        x = x + block.cross(block.norm2(x), memory, mask=memory_mask)\n", ""), says="cross attention is missing"),
        Mistake("cross attention to itself", edit("block.cross(block.norm2(x), memory, mask=memory_mask)", "block.cross(block.norm2(x), mask=memory_mask)"), says="the output of a pre-LN block"),
        Mistake("cross attention to x", edit("        x = x + change\n", "        old = x\n        x = x + change\n", "block.cross(block.norm2(x), memory, mask=memory_mask)", "block.cross(block.norm2(x), old)"), says="its context is the memory"),
        Mistake("no net", edit("        x = x + block.feed_forward(block.norm3(x))\n", ""), says="the feed-forward net is missing"),
        Mistake("causal cross attention", edit("block.norm2(x), memory, mask=memory_mask", "block.norm2(x), memory, mask=memory_mask, causal=True"), says="cross attention is not causal"),
        Mistake("past after the block", edit("return x, together", "return x, (x if past is None else torch.cat([past, x], 1))"), says="not the vectors after the block"),
        Mistake("past not normalised", edit("seen = block.norm1(x) if block.norm_first else x", "seen = x", "block.attention(seen, together, causal=True)", "block.attention(block.norm1(x), block.norm1(together), causal=True) if block.norm_first else block.attention(seen, together, causal=True)"), says="self-attention sees norm1(x)"),
        Mistake("past not used", edit("together = seen if past is None else torch.cat([past, seen], 1)", "together = seen"), says="reads 2, then 1, then 2"),
        Mistake("past behind the new ones", edit("torch.cat([past, seen], 1)", "torch.cat([seen, past], 1)"), says="reads 2, then 1, then 2"),
        Mistake("only the new ones kept", edit("return x, together", "return x, seen"), says="reads 2, then 1, then 2"),
        Mistake("mask of the memory not used", edit("block.cross(block.norm2(x), memory, mask=memory_mask)", "block.cross(block.norm2(x), memory)"), says="with a memory_mask"),
        Mistake("always pre-LN", edit("    if block.norm_first:\n", "    if True:\n"), says="the output of a post-LN block"),
        Mistake("memory normalised", edit("block.cross(block.norm2(x), memory, mask=memory_mask)", "block.cross(block.norm2(x), block.norm2(memory), mask=memory_mask)"), says="the output of a pre-LN block"),
        Mistake("only the vectors", edit("return x, together", "return x"), says="two tensors"),
        Mistake("norms swapped", edit("block.cross(block.norm2(x)", "block.cross(block.norm3(x)", "block.feed_forward(block.norm3(x)", "block.feed_forward(block.norm2(x)"), says="the output of a pre-LN block"),
        Mistake("cross attention first", edit("        x = x + change\n        x = x + block.cross(block.norm2(x), memory, mask=memory_mask)\n", "        x = x + block.cross(block.norm2(x), memory, mask=memory_mask)\n        x = x + change\n"), says="the output of a pre-LN block"),
        Mistake("past detached", edit("torch.cat([past, seen], 1)", "torch.cat([past.detach(), seen], 1)"), says="the gradient of"),
        Mistake("memory detached", edit("block.norm2(x), memory,", "block.norm2(x), memory.detach(),"), says="to not have been used in the graph"),
        Mistake("query and context swapped in cross attention", edit("block.cross(block.norm2(x), memory, mask=memory_mask)", "block.cross(memory, block.norm2(x), mask=memory_mask)"), says="must match the size"),
        Mistake("residual of the normalised x", edit("        x = x + change\n", "        x = seen + change\n"), says="the output of a pre-LN block"),
        Mistake("mask of the memory not used in post-LN", edit("block.cross(x, memory, mask=memory_mask)", "block.cross(x, memory)"), says="with a memory_mask"),
        Mistake("mask of the memory given to self-attention", edit("together, causal=True)", "together, mask=memory_mask, causal=True)"), says="broadcasts"),
        Mistake("past normalised again", edit("    change =", "    together = block.norm1(together) if block.norm_first else together\n    change ="), says="the output of a pre-LN block"),
        Mistake("a short memory", edit("torch.cat([past, seen], 1)", "torch.cat([past[:, -2:], seen], 1)"), says="reads 2, then 1, then 2"),
        Mistake("the past leaves the graph", edit("return x, together", "return x, together.detach()"), says="the gradient of"),
        Mistake("self-attention's weights for the memory", edit("block.cross(block.norm2(x), memory", "block.attention(block.norm2(x), memory"), says="the output of a pre-LN block"),
        Mistake("queries see all of the new ones", edit("block.attention(seen, together, causal=True)", "block.attention(seen, together, causal=past is None)"), says="reads 2, then 1, then 2"),
    ],
    alternatives=[
        Alternative("own mask and a helper", """
            def decoder_step(block, x, past, memory, memory_mask=None):
                pre = block.norm_first
                kept = []
                def looked(z):
                    kept.append(z if past is None else torch.cat((past, z), dim=1))
                    old, new = kept[0].shape[1] - z.shape[1], z.shape[1]
                    allowed = torch.arange(old + new)[None, :] <= torch.arange(old, old + new)[:, None]
                    return block.attention(z, kept[0], mask=allowed)
                parts = [(block.norm1, looked), (block.norm2, lambda z: block.cross(z, memory, memory_mask)), (block.norm3, block.feed_forward)]
                for norm, part in parts:
                    x = x + part(norm(x)) if pre else norm(x + part(x))
                return x, kept[0]
        """),
        Alternative("one token after another", """
            def decoder_step(block, x, past, memory, memory_mask=None):
                out = []
                for t in range(x.shape[1]):
                    token = x[:, t:t + 1]
                    a = block.norm1(token) if block.norm_first else token
                    past = torch.cat([past, a], 1) if past is not None else a
                    h = token + block.attention(a, past)
                    if not block.norm_first:
                        h = block.norm1(h)
                        h = block.norm2(h + block.cross(h, memory, memory_mask))
                        h = block.norm3(h + block.feed_forward(h))
                    else:
                        h = h + block.cross(block.norm2(h), memory, memory_mask)
                        h = h + block.feed_forward(block.norm3(h))
                    out.append(h)
                return torch.cat(out, 1), past
        """),
    ],
    same_program={},
)

LOSS = Exercise(
    mistakes=[
        Mistake("no smoothing", edit(" - smoothing * log_p.mean(-1)", "", "-(1 - smoothing) * of_target", "-of_target"), says="the smoothing is missing"),
        Mistake("full share for the target", edit("-(1 - smoothing) * of_target", "-of_target"), says="the loss of the tiny example"),
        Mistake("sign", edit("losses[targets != ignore].mean()", "-losses[targets != ignore].mean()"), says="the sign is wrong"),
        Mistake("padding as zeros", edit("losses[targets != ignore].mean()", "(losses * (targets != ignore)).mean()"), says="count as 0 in the mean"),
        Mistake("padding counts", edit("losses[targets != ignore].mean()", "losses.mean()"), says="should not count"),
        Mistake("sum over the vocabulary", edit("log_p.mean(-1)", "log_p.sum(-1)"), says="the tiny example"),
        Mistake("only the others", edit("smoothing * log_p.mean(-1)", "smoothing * (log_p.sum(-1) - of_target) / (logits.shape[-1] - 1)"), says="the tiny example"),
        Mistake("sum over the places", edit("losses[targets != ignore].mean()", "losses[targets != ignore].sum()"), says="this is the sum"),
        Mistake("mean of means", edit("losses[targets != ignore].mean()", "torch.stack([row[t != ignore].mean() for row, t in zip(losses, targets)]).mean() if losses.ndim > 1 else losses[targets != ignore].mean()"), says="not over means of rows"),
        Mistake("log of softmax", edit("torch.log_softmax(logits, -1)", "torch.softmax(logits, -1).log()"), says="it is inf"),
        Mistake("ready-made", "def label_smoothed_loss(logits, targets, smoothing, ignore): return F.cross_entropy(logits.flatten(0, -2), targets.flatten(), label_smoothing=smoothing, ignore_index=ignore)", says="write it yourself"),
        Mistake("nll", "def label_smoothed_loss(logits, targets, smoothing, ignore): return F.nll_loss((1 - smoothing) * logits.log_softmax(-1).flatten(0, -2) + smoothing * logits.log_softmax(-1).flatten(0, -2).mean(-1, keepdim=True), targets.flatten(), ignore_index=ignore)", says="write it yourself"),
        Mistake("probabilities, no logarithm", edit("torch.log_softmax(logits, -1)", "torch.softmax(logits, -1)"), says="the loss of the tiny example"),
        Mistake("softmax over the batch", edit("torch.log_softmax(logits, -1)", "torch.log_softmax(logits, 0)"), says="the loss"),
        Mistake("smoothing of 0.1 always", edit("-(1 - smoothing) * of_target - smoothing *", "-0.9 * of_target - 0.1 *"), says="the loss with padding"),
        Mistake("ignores 0 always", edit("targets != ignore", "targets != 0"), says="the loss of the tiny example"),
        Mistake("a number", edit("].mean()", "].mean().item()"), says="should be a tensor"),
        Mistake("losses at each place", edit("losses[targets != ignore].mean()", "losses[targets != ignore]"), says="the loss of the tiny example"),
        Mistake("ignored targets replaced in place", edit("    log_p = torch", "    keep = targets != ignore\n    targets[~keep] = 0\n    log_p = torch", "losses[targets != ignore]", "losses[keep]"), says="your targets after the call"),
        Mistake("float32", edit("].mean()", "].mean().float()"), says="the loss of (6,) places"),
        Mistake("logits changed", edit("    log_p = torch", "    logits.data.sub_(logits.data.max())\n    log_p = torch"), says="your logits after the call"),
        Mistake("smooths the model's probabilities", """
            def label_smoothed_loss(logits, targets, smoothing, ignore):
                p = (1 - smoothing) * logits.softmax(-1) + smoothing / logits.shape[-1]
                return -p.gather(-1, targets[..., None])[..., 0].log()[targets != ignore].mean()
        """, says="the loss of the tiny example"),
        Mistake("logarithm of softmax and a little", edit("torch.log_softmax(logits, -1)", "(torch.softmax(logits, -1) + 1e-9).log()"), says="the loss of"),
        Mistake("the smoothing leaves the graph", edit("log_p.mean(-1)", "log_p.mean(-1).detach()"), says="the gradient"),
        Mistake("only larger ids count", edit("targets != ignore", "targets > ignore"), says="the loss of"),
        Mistake("divides by the number of rows", edit("losses[targets != ignore].mean()", "losses[targets != ignore].sum() / len(targets)"), says="the loss with padding"),
    ],
    alternatives=[
        Alternative("the smoothed target written out", """
            def label_smoothed_loss(logits, targets, smoothing, ignore):
                keep = targets != ignore
                logits, targets = logits[keep], targets[keep]
                V = logits.shape[-1]
                q = torch.full_like(logits, smoothing / V).detach()
                q[torch.arange(len(targets)), targets] += 1 - smoothing
                return -(q * logits.log_softmax(-1)).sum(-1).mean()
        """),
        Alternative("with logsumexp and weights", """
            def label_smoothed_loss(logits, targets, smoothing, ignore):
                flat, wanted = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
                real = wanted.ne(ignore)
                norm = torch.logsumexp(flat, 1)
                safe = wanted.clamp(min=0)
                hit = flat[torch.arange(len(flat)), safe]
                loss = norm - (1 - smoothing) * hit - smoothing * flat.mean(1)
                return (loss * real).sum() / real.sum()
        """),
        Alternative("a loop over the places", """
            def label_smoothed_loss(logits, targets, smoothing, ignore):
                total, count = 0.0, 0
                for row, target in zip(logits.flatten(0, -2) if logits.ndim > 2 else logits, targets.flatten().tolist()):
                    if target == ignore:
                        continue
                    row = row - row.logsumexp(0)
                    total = total - (1 - smoothing) * row[target] - smoothing * row.sum() / len(row)
                    count += 1
                return total / count
        """),
    ],
    same_program={"line 12: 0 -> -1": "the axis that gather leaves has one entry: its first is its last"},
)

BEAM = Exercise(
    mistakes=[
        Mistake("greedy", edit("reverse=True)[:beams]", "reverse=True)[:1]"), says="this one kept only the first"),
        Mistake("no start", edit("    return beam\n", "    return [(ids[1:], score) for ids, score in beam]\n"), says="begin with the start token"),
        Mistake("no stop", edit("    return beam\n", "    return [(ids[:-1] if ids[-1] == stop else ids, score) for ids, score in beam]\n"), says="leave the stop token in"),
        Mistake("probabilities", edit("    return beam\n", "    return [(ids, math.exp(score)) for ids, score in beam]\n"), says="this is a probability"),
        Mistake("divided by the length", edit("    return beam\n", "    return [(ids, score / (len(ids) - 1)) for ids, score in beam]\n"), says="do not divide by the length"),
        Mistake("ranked by the mean", edit("key=lambda text: text[1]", "key=lambda text: text[1] / len(text[0])"), says="the scores of a beam of 4"),
        Mistake("finished ones go on", edit("finished = [text for text in beam if text[0][-1] == stop]", "finished = []", "texts = [text for text in beam if text[0][-1] != stop]", "texts = beam"), says="finished and is not extended"),
        Mistake("finished ones forgotten", edit("sorted(finished + longer", "sorted(longer"), says="very wide beam"),
        Mistake("ends with the first finished one", edit("if not texts:", "if finished:"), says="very wide beam"),
        Mistake("finished ones do not count in the width", edit("sorted(finished + longer, key=lambda text: text[1], reverse=True)[:beams]", "sorted(finished + sorted(longer, key=lambda text: text[1], reverse=True)[:beams], key=lambda text: text[1], reverse=True)"), says="A beam of 3 should hold 3 texts"),
        Mistake("worst first", edit("reverse=True)", "reverse=False)"), says="the best text of the tiny example"),
        Mistake("one step too many", edit("range(max_new)", "range(max_new + 1)"), says="after one step"),
        Mistake("one step too few", edit("range(max_new)", "range(max_new - 1)"), says="a beam of 1 after one step"),
        Mistake("score of the last token only", edit("score + value", "value"), says="first token is missing"),
        Mistake("best token of each text", edit("for token, value in enumerate(row)]", "for token, value in [max(enumerate(row), key=lambda pair: pair[1])]]"), says="kept only the first"),
        Mistake("a list of ids only", edit("    return beam\n", "    return [ids for ids, _ in beam]\n"), says="list of pairs"),
        Mistake("only the best", edit("    return beam\n", "    return beam[:1]\n"), says="very wide beam"),
        Mistake("only finished ones returned", edit("    return beam\n", "    return [text for text in beam if text[0][-1] == stop]\n"), says="after one step"),
        Mistake("the width per text", """
            def beam_search(next_log_probabilities, start, stop, beams, max_new):
                beam = [([start], 0.0)]
                for _ in range(max_new):
                    new = []
                    for ids, score in beam:
                        if ids[-1] == stop:
                            new.append((ids, score))
                            continue
                        row = next_log_probabilities(torch.tensor([ids]))[0]
                        values, tokens = row.topk(min(beams, len(row)))
                        new += [(ids + [t], score + v) for t, v in zip(tokens.tolist(), values.tolist())]
                    beam = new
                    if all(ids[-1] == stop for ids, _ in beam) or len(beam) > 3000: break
                return sorted(beam, key=lambda text: -text[1])[:beams]
        """, says="the scores of a beam of 2"),
        Mistake("finished ones leave the beam", """
            def beam_search(next_log_probabilities, start, stop, beams, max_new):
                beam, done = [([start], 0.0)], []
                for _ in range(max_new):
                    if not beam: break
                    rows = next_log_probabilities(torch.tensor([ids for ids, _ in beam])).tolist()
                    longer = [(ids + [token], score + value) for (ids, score), row in zip(beam, rows) for token, value in enumerate(row)]
                    best = sorted(longer, key=lambda text: -text[1])[:beams]
                    done += [text for text in best if text[0][-1] == stop]
                    beam = [text for text in best if text[0][-1] != stop]
                return sorted(done + beam, key=lambda text: -text[1])[:beams]
        """, says="the scores of a beam of 5"),
        Mistake("ids are tensors", edit("    return beam\n", "    return [(torch.tensor(ids), score) for ids, score in beam]\n"), says="list of Python numbers"),
        Mistake("finished ones first", edit("sorted(finished + longer, key=lambda text: text[1], reverse=True)[:beams]", "(finished + sorted(longer, key=lambda text: text[1], reverse=True))[:beams]"), says="a beam of"),
        Mistake("ends when the best is finished", edit("if not texts:", "if beam[0][0][-1] == stop:"), says="a beam of"),
        Mistake("ranked with a bonus for length", edit("key=lambda text: text[1]", "key=lambda text: text[1] / len(text[0]) ** 0.6"), says="a beam of"),
        Mistake("a wider beam inside", edit("reverse=True)[:beams]", "reverse=True)[: beams + 1]", "    return beam\n", "    return beam[:beams]\n"), says=""),
        Mistake("the model sees the last token only", edit("[ids for ids, _ in texts]", "[ids[-1:] for ids, _ in texts]"), says="the score of"),
        Mistake("scores are tensors", edit("    return beam\n", "    return [(ids, torch.tensor(score)) for ids, score in beam]\n"), says="Python number"),
    ],
    alternatives=[
        Alternative("topk over all candidates", """
            def beam_search(next_log_probabilities, start, stop, beams, max_new):
                kept = [((start,), 0.0)]
                step = 0
                while step < max_new and any(ids[-1] != stop for ids, _ in kept):
                    live = [k for k in kept if k[0][-1] != stop]
                    logp = next_log_probabilities(torch.tensor([list(ids) for ids, _ in live]))
                    total = logp.double() + torch.tensor([s for _, s in live], dtype=torch.float64)[:, None]
                    V = total.shape[1]
                    values, places = total.flatten().topk(min(beams, total.numel()))
                    new = [(live[p // V][0] + (p % V,), v) for v, p in zip(values.tolist(), places.tolist())]
                    kept = sorted(new + [k for k in kept if k[0][-1] == stop], key=lambda k: -k[1])[:beams]
                    step += 1
                return [(list(ids), score) for ids, score in kept]
        """),
        Alternative("a heap, text by text", """
            import heapq
            def beam_search(next_log_probabilities, start, stop, beams, max_new):
                beam = [[0.0, [start]]]
                for _ in range(max_new):
                    pool, grew = [], False
                    for score, ids in beam:
                        if ids[-1] == stop:
                            pool.append([score, ids])
                        else:
                            grew = True
                            row = next_log_probabilities(torch.tensor([ids]))[0]
                            for token in range(len(row)):
                                pool.append([score + row[token].item(), ids + [token]])
                    if not grew:
                        break
                    beam = heapq.nlargest(beams, pool, key=lambda pair: pair[0])
                return [(ids, score) for score, ids in beam]
        """),
    ],
    same_program={"line 9: 0.0 -> -0.0": "both zeros add alike"},
)

EXERCISES = {
    "sinusoidal_positions": SINUSOIDAL,
    "rotary_embedding": ROTARY,
    "layer_norm": LAYER_NORM,
    "TransformerBlock": BLOCK,
    "decoder_step": DECODER,
    "label_smoothed_loss": LOSS,
    "beam_search": BEAM,
}
