"""Wrong and right programs for lesson 08."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

RMS_NORM = Exercise(
    mistakes=[
        Mistake("sum for mean", edit("x.square().mean(-1, keepdim=True)", "x.square().sum(-1, keepdim=True)"), says="take their mean"),
        Mistake("LayerNorm", edit("return weight * x /", "x = x - x.mean(-1, keepdim=True)\n    return weight * x /"), says="that is LayerNorm"),
        Mistake("no root", edit("torch.sqrt(x.square().mean(-1, keepdim=True) + eps)", "(x.square().mean(-1, keepdim=True) + eps)"), says="the root is missing"),
        Mistake("no weight", edit("return weight * x /", "return x /"), says="the weight is missing"),
        Mistake("eps behind the root", edit("torch.sqrt(x.square().mean(-1, keepdim=True) + eps)", "(torch.sqrt(x.square().mean(-1, keepdim=True)) + eps)"), says="eps stands inside the root"),
        Mistake("no eps", edit("mean(-1, keepdim=True) + eps", "mean(-1, keepdim=True)"), says="eps is not used"),
        Mistake("mean over all", edit("x.square().mean(-1, keepdim=True)", "x.square().mean()"), says="over the last axis only"),
        Mistake("mean over another axis", edit("mean(-1, keepdim=True)", "mean(1 if x.ndim > 1 else 0, keepdim=True)"), says="another axis than the last"),
        Mistake("eps squared", edit("keepdim=True) + eps)", "keepdim=True) + eps ** 2)"), says="eps is squared"),
        Mistake("mean of absolute values", edit("torch.sqrt(x.square().mean(-1, keepdim=True) + eps)", "(x.abs().mean(-1, keepdim=True) + eps)"), says="the tiny example"),
        Mistake("square of the mean", edit("x.square().mean(-1, keepdim=True)", "x.mean(-1, keepdim=True).square()"), says="the tiny example"),
        Mistake("unbiased", edit("x.square().mean(-1, keepdim=True)", "x.square().sum(-1, keepdim=True) / max(1, x.shape[-1] - 1)"), says="the tiny example"),
        Mistake("ready-made", "def rms_norm(x, weight, eps): return F.rms_norm(x, x.shape[-1:], weight, eps)", says="write it yourself"),
        Mistake("float32", edit("return weight * x /", "return weight.float() * x.float() /"), says="should be"),
        Mistake("in place", edit("    return", "    x.data.div_(1.001)\n    return"), says="rms_norm of"),
        Mistake("scale leaves the graph", edit("x.square().mean(-1, keepdim=True)", "x.detach().square().mean(-1, keepdim=True)"), says="the gradient of x"),
        Mistake("1 + weight, as in Gemma", edit("return weight * x /", "return (1 + weight) * x /"), says="the tiny example"),
        Mistake("eps fixed", edit("keepdim=True) + eps)", "keepdim=True) + 1e-5)"), says="rms_norm of"),
        Mistake("clamped", edit("mean(-1, keepdim=True) + eps", "mean(-1, keepdim=True).clamp(min=eps)"), says="rms_norm of"),
        Mistake("norm of the vector", edit("torch.sqrt(x.square().mean(-1, keepdim=True) + eps)", "(x.norm(dim=-1, keepdim=True) + eps)"), says="take their mean"),
    ],
    alternatives=[
        Alternative("rsqrt", "def rms_norm(x, weight, eps): return x * torch.rsqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps) * weight"),
        Alternative("einsum", """
            def rms_norm(x, weight, eps):
                squares = torch.einsum("...i,...i->...", x, x) / x.shape[-1]
                return x * weight / (squares + eps)[..., None] ** 0.5
        """),
        Alternative("one row at a time", """
            def rms_norm(x, weight, eps):
                rows = x.reshape(-1, x.shape[-1])
                done = [row / ((row * row).sum() / len(row) + eps).sqrt() * weight for row in rows]
                return torch.stack(done).reshape(x.shape)
        """),
    ],
    same_program={},
)

SWIGLU = Exercise(
    mistakes=[
        Mistake("sigmoid for silu", edit("opened * torch.sigmoid(opened)", "torch.sigmoid(opened)"), says="here it is the sigmoid alone"),
        Mistake("no switch", edit("opened * torch.sigmoid(opened)", "opened"), says="the tiny example"),
        Mistake("no gate", edit("(opened * torch.sigmoid(opened) * (x @ up.T))", "(x @ up.T)"), says="the gate has no effect"),
        Mistake("no up", edit("opened * torch.sigmoid(opened) * (x @ up.T)", "opened * torch.sigmoid(opened)"), says="the second wide product is missing"),
        Mistake("gate and up swapped", edit("opened = x @ gate.T", "opened = x @ up.T", "(x @ up.T)", "(x @ gate.T)"), says="changed places"),
        Mistake("GELU", edit("opened * torch.sigmoid(opened)", "F.gelu(opened)"), says="the tiny example"),
        Mistake("ReLU", edit("opened * torch.sigmoid(opened)", "torch.relu(opened)"), says="the tiny example"),
        Mistake("switch on the product", edit("opened * torch.sigmoid(opened) * (x @ up.T)", "F.silu(opened * (x @ up.T))"), says="the tiny example"),
        Mistake("both through the switch", edit("(x @ up.T)", "F.silu(x @ up.T)"), says="the tiny example"),
        Mistake("added", edit("torch.sigmoid(opened) * (x", "torch.sigmoid(opened) + (x"), says="the tiny example"),
        Mistake("switch behind down", "def swiglu(x, gate, up, down): return F.silu(((x @ gate.T) * (x @ up.T)) @ down.T)", says="the tiny example"),
        Mistake("down not turned", edit("@ down.T", "@ down"), says="mat"),
        Mistake("overflows", edit("torch.sigmoid(opened)", "(opened.exp() / (1 + opened.exp()))"), says="swiglu of"),
        Mistake("gate leaves the graph", edit("opened = x @ gate.T", "opened = (x @ gate.T).detach()"), says="gradient"),
        Mistake("silu(z) = z * sigmoid(1.702 z)", edit("torch.sigmoid(opened)", "torch.sigmoid(1.702 * opened)"), says="the tiny example"),
        Mistake("tanh", edit("torch.sigmoid(opened)", "torch.tanh(opened)"), says="the tiny example"),
        Mistake("changes x", edit("    return", "    x.data.mul_(1.01)\n    return"), says="the tiny example"),
    ],
    alternatives=[
        Alternative("by layers", "def swiglu(x, gate, up, down): return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down)"),
        Alternative("one wide product", """
            def swiglu(x, gate, up, down):
                both = x @ torch.cat([gate, up]).T
                a, b = both.chunk(2, dim=-1)
                return (a / (1 + torch.exp(-a.clamp(min=-500)))) * b @ down.T
        """),
        Alternative("einsum", """
            def swiglu(x, gate, up, down):
                g = torch.einsum("...w,hw->...h", x, gate)
                u = torch.einsum("...w,hw->...h", x, up)
                return torch.einsum("...h,wh->...w", g * g.sigmoid() * u, down)
        """),
    ],
    same_program={},
)

GPT = Exercise(
    mistakes=[
        Mistake("no positions", edit("x = x + self.places(torch.arange(read, read + ids.shape[1], device=ids.device))", "pass"), says="positions are not added"),
        Mistake("no last norm", edit("self.logits(self.norm(x))", "self.logits(x)"), says="the last norm is missing"),
        Mistake("norm twice", edit("self.norm(x)", "self.norm(self.norm(x))"), says="the last norm comes twice"),
        Mistake("no blocks", edit("x, pair = block(x, None", "_, pair = block(x, None"), says="the blocks are left out"),
        Mistake("positions from 0 again", edit("torch.arange(read, read + ids.shape[1], device=ids.device)", "torch.arange(ids.shape[1], device=ids.device)"), says="positions start again at 0"),
        Mistake("past unused", edit("None if past is None else past[number]", "None"), says="5 tokens that follow 4"),
        Mistake("past unused and positions from 0", edit("None if past is None else past[number]", "None", "read = keys.shape[2]", "pass"), says="the past does not reach the blocks"),
        Mistake("positions from 1", edit("torch.arange(read, read + ids.shape[1]", "torch.arange(read + 1, read + 1 + ids.shape[1]"), says="the logits of a GPT-2"),
        Mistake("all blocks share one past", edit("past[number]", "past[0]"), says="5 tokens that follow 4"),
        Mistake("keeps the last block only", edit("kept.append(pair)", "kept = [pair]"), says="an entry for each block"),
        Mistake("keeps in reverse", edit("kept.append(pair)", "kept.insert(0, pair)"), says="the logits of 5 tokens"),
        Mistake("logits of the last place only", edit("self.logits(self.norm(x)), kept", "self.logits(self.norm(x[:, -1:])), kept"), says="should have shape"),
        Mistake("only logits", edit("return self.logits(self.norm(x)), kept", "return self.logits(self.norm(x))"), says="should return a pair"),
        Mistake("probabilities", edit("self.logits(self.norm(x))", "self.logits(self.norm(x)).softmax(-1)"), says="the logits of a GPT-2"),
        Mistake("first block twice", edit("        return self.logits", "        x, _ = self.blocks[0](x, None)\n        return self.logits"), says="the logits of a GPT-2"),
        Mistake("last block left out", edit("enumerate(self.blocks)", "enumerate(self.blocks[:-1])"), says="the logits of a GPT-2"),
        Mistake("residual around each block", edit("x, pair = block(x, None if past is None else past[number])", "new, pair = block(x, None if past is None else past[number]); x = x + new"), says="the logits of a GPT-2"),
        Mistake("embeddings scaled", edit("x = self.tokens(ids)", "x = self.tokens(ids) * self.tokens.weight.shape[1] ** 0.5"), says="the logits of a GPT-2"),
        Mistake("token vectors leave the graph", edit("x = self.tokens(ids)", "x = self.tokens(ids).detach()"), says="the gradient of the token vectors"),
        Mistake("read counts the heads", edit("keys.shape[2]", "keys.shape[1]"), says="5 tokens that follow 4"),
        Mistake("only with a past are positions counted", edit("if self.places is not None:", "if self.places is not None and past is None:"), says="5 tokens that follow 4"),
        Mistake("positions of the batch", edit("read + ids.shape[1], device", "read + ids.shape[0], device"), says="size"),
        Mistake("no gradients", edit("        kept = []", "        x = x.detach()\n        kept = []"), says="the gradient of the token vectors"),
    ],
    alternatives=[
        Alternative("by index", edit("""        kept = []
        for number, block in enumerate(self.blocks):
            x, pair = block(x, None if past is None else past[number])
            kept.append(pair)
""", """        past = past or [None] * len(self.blocks)
        kept = [None] * len(self.blocks)
        for i in range(len(self.blocks)):
            x, kept[i] = self.blocks[i](x, past[i])
""")),
        Alternative("positions by slicing the weight", edit("x = x + self.places(torch.arange(read, read + ids.shape[1], device=ids.device))", "x = x + self.places.weight[read : read + ids.shape[1]]")),
        Alternative("zip", edit("""        for number, block in enumerate(self.blocks):
            x, pair = block(x, None if past is None else past[number])
            kept.append(pair)
""", """        for block, before in zip(self.blocks, past if past is not None else (None,) * len(self.blocks)):
            result = block(x, before)
            x = result[0]
            kept.append((result[1][0], result[1][1]))
""")),
    ],
    same_program={
        "line 20: 0 -> -1": "all blocks have read the same tokens",
        "line 24: torch.arange(read, read + ids.shape[1], device=...: device left out": "on a processor there is one device",
    },
)

TOP_K = Exercise(
    mistakes=[
        Mistake("zeros", edit("-math.inf", "0.0"), says="becomes -inf, not 0"),
        Mistake("the smallest", edit("logits.sort().values[..., -k:][..., :1]", "logits.sort().values[..., :k][..., -1:]", "logits < bar", "logits > bar"), says="these are the smallest"),
        Mistake("one bar for all rows", edit("logits.sort().values[..., -k:][..., :1]", "logits.flatten().topk(min(k, logits.numel())).values[-1]"), says="each row has its own bar"),
        Mistake("the bar itself cut", edit("logits < bar", "logits <= bar"), says="one too many is cut"),
        Mistake("probabilities", edit("return logits.masked_fill(logits < bar, -math.inf)", "return logits.masked_fill(logits < bar, -math.inf).softmax(-1)"), says="the result should be logits"),
        Mistake("cuts ties", """
            def top_k_filter(logits, k):
                places = logits.topk(min(k, logits.shape[-1])).indices
                return torch.full_like(logits, -math.inf).scatter(-1, places, logits.gather(-1, places))
        """, says="ties"),
        Mistake("k beyond the vocabulary", edit("logits.sort().values[..., -k:][..., :1]", "logits.topk(k).values[..., -1:]"), says="out of range"),
        Mistake("k + 1", edit("-k:", "-k - 1 :"), says="two of four"),
        Mistake("sorted", edit("return logits.masked_fill", "logits = logits.sort(-1, descending=True).values\n    return logits.masked_fill"), says="two of four"),
        Mistake("in place", edit("return logits.masked_fill(logits < bar, -math.inf)", "return logits.masked_fill_(logits < bar, -math.inf)"), says="your input"),
        Mistake("very negative", edit("-math.inf", "-1e9"), says="two of four"),
        Mistake("bar is the mean", edit("logits.sort().values[..., -k:][..., :1]", "logits.mean(-1, keepdim=True)"), says="of four"),
        Mistake("does nothing", "def top_k_filter(logits, k): return logits.clone()", says="two of four"),
        Mistake("only the first row counts", edit(".values[..., -k:][..., :1]", ".values.flatten()[max(0, logits.shape[-1] - k)]"), says="each row has its own bar"),
        Mistake("NaN where -inf was", edit("return logits.masked_fill(logits < bar, -math.inf)", "return logits - (logits < bar) * math.inf"), says="two of four"),
        Mistake("int", edit("return logits.masked_fill(logits < bar, -math.inf)", "return logits.round().masked_fill(logits < bar, -math.inf)"), says="the"),
    ],
    alternatives=[
        Alternative("sort", """
            def top_k_filter(logits, k):
                if k >= logits.shape[-1]:
                    return logits.clone()
                bar = torch.sort(logits, dim=-1).values[..., -k].unsqueeze(-1)
                return torch.where(logits >= bar, logits, torch.tensor(float("-inf"), dtype=logits.dtype))
        """),
        Alternative("kthvalue", """
            def top_k_filter(logits, k):
                n = logits.shape[-1]
                bar = logits.kthvalue(max(1, n - k + 1), dim=-1, keepdim=True).values
                result = logits.clone()
                result[logits < bar] = -float("inf")
                return result
        """),
        Alternative("how many are larger", """
            def top_k_filter(logits, k):
                larger = (logits[..., None, :] > logits[..., :, None]).sum(-1)
                return logits.masked_fill(larger >= k, -math.inf)
        """),
    ],
    same_program={},
)

TOP_P = Exercise(
    mistakes=[
        Mistake("what reaches p goes too", edit("probabilities.cumsum(-1) - probabilities >= p", "probabilities.cumsum(-1) >= p"), says="the token that reaches p should stay"),
        Mistake("one too many", edit("probabilities.cumsum(-1) - probabilities >= p", "torch.cat([torch.zeros_like(probabilities[..., :1]), (probabilities.cumsum(-1) - probabilities)[..., :-1]], -1) >= p"), says="one token too many stays"),
        Mistake("not brought back", edit("goes.scatter(-1, places, goes)", "goes"), says="in sorted order"),
        Mistake("from the least", edit("descending=True", "descending=False"), says="not up from the least"),
        Mistake("probabilities", edit("return logits.masked_fill(goes.scatter(-1, places, goes), -math.inf)", "return logits.masked_fill(goes.scatter(-1, places, goes), -math.inf).softmax(-1)"), says="the result should be logits"),
        Mistake("zeros", edit("-math.inf", "0.0"), says="becomes -inf, not 0"),
        Mistake("gather for scatter", edit("goes.scatter(-1, places, goes)", "goes.gather(-1, places)"), says="exp of the logits that stay"),
        Mistake("a bar for each", "def top_p_filter(logits, p): return logits.masked_fill(logits.softmax(-1) < 1 - p, -math.inf)", says="exp of the logits"),
        Mistake("a bar of p for each", edit("goes = (probabilities.cumsum(-1) - probabilities >= p) & (p < 1)", "goes = (probabilities <= p) & (p < 1)"), says="exp of the logits"),
        Mistake("no softmax", edit("ordered.softmax(-1)", "ordered"), says="exp of the logits"),
        Mistake("logits taken for probabilities", edit("ordered.softmax(-1)", "ordered.exp()"), says="what stays of"),
        Mistake("softmax over the batch", edit("ordered.softmax(-1)", "ordered.softmax(0)"), says="exp of the logits"),
        Mistake("strict", edit("- probabilities >= p) & (p < 1)", "- probabilities >= p + 1e-2) & (p < 1)"), says="what stays of"),
        Mistake("in place", edit("return logits.masked_fill(", "return logits.masked_fill_("), says="your input"),
        Mistake("p = 1 cuts a tail", edit("& (p < 1)", "| (ordered < ordered[..., :1] - 30)"), says="what stays of"),
        Mistake("does nothing", "def top_p_filter(logits, p): return logits.clone()", says="exp of the logits"),
        Mistake("the first may go", edit("(probabilities.cumsum(-1) - probabilities >= p) & (p < 1)", "probabilities.cumsum(-1) > p + 1e-9"), says="should stay"),
        Mistake("one decision for all rows", edit("return logits.masked_fill(goes.scatter(-1, places, goes), -math.inf)", "out = goes.scatter(-1, places, goes)\n    out = out.reshape(-1, out.shape[-1])[0].expand(logits.shape)\n    return logits.masked_fill(out, -math.inf)"), says="exp of the logits"),
        Mistake("rest of the mass", edit(">= p) & (p < 1)", ">= 1 - p) & (p < 1)"), says="exp of the logits"),
    ],
    alternatives=[
        Alternative("argsort twice", """
            def top_p_filter(logits, p):
                probabilities = logits.softmax(-1)
                order = probabilities.argsort(dim=-1, descending=True)
                ranked = probabilities.gather(-1, order)
                before = torch.cat([torch.zeros_like(ranked[..., :1]), ranked.cumsum(-1)[..., :-1]], -1)
                before = before.gather(-1, order.argsort(-1))
                return torch.where((before < p) | (p == 1), logits, float("-inf"))
        """),
        Alternative("by loops", """
            def top_p_filter(logits, p):
                rows = logits.reshape(-1, logits.shape[-1]).clone()
                for row in rows:
                    chances = row.softmax(-1)
                    total = 0.0
                    for token in chances.argsort(descending=True).tolist():
                        if total >= p and p < 1:
                            row[token] = -math.inf
                        total += chances[token].item()
                return rows.reshape(logits.shape)
        """),
        Alternative("from the least up, as transformers adds", """
            def top_p_filter(logits, p):
                ordered, places = logits.sort(-1)
                out = ordered.softmax(-1).cumsum(-1) <= 1 - p
                out[..., -1] = False
                out &= p < 1
                return logits.masked_fill(out.scatter(-1, places, out), -math.inf)
        """),
    ],
    same_program={
        "line 9: probabilities.cumsum(-1) - probabilities >= p: GtE -> Gt": "a sum of rounded numbers that equals p to the last digit is chance",
    },
)

SAMPLE = Exercise(
    mistakes=[
        Mistake("reads the prompt only", edit("model(rows)[0]", "model(rows[:, : len(prompt)])[0]"), says="appended to the text that is read"),
        Mistake("reads the last token only", edit("model(rows)[0]", "model(rows[:, -1:])[0]"), says="6 new tokens with top_k = 1"),
        Mistake("without the prompt", edit("return rows", "return rows[:, len(prompt) :]"), says="shape"),
        Mistake("new ones in front", edit("torch.cat((rows, new), 1)", "torch.cat((new, rows), 1)"), says="6 new tokens"),
        Mistake("no temperature", edit("/ temperature", ""), says="at temperature 2.5"),
        Mistake("times the temperature", edit("/ temperature", "* temperature"), says="at temperature 2.5"),
        Mistake("temperature of probabilities", edit("[:, -1] / temperature", "[:, -1]", "logits.softmax(-1), 1", "logits.softmax(-1) / temperature, 1"), says="at temperature 2.5"),
        Mistake("logits of the first place", edit("[0][:, -1]", "[0][:, 0]"), says="6 new tokens"),
        Mistake("greedy always", edit("torch.multinomial(logits.softmax(-1), 1, generator=generator)", "logits.argmax(-1, keepdim=True)"), says="the first new token"),
        Mistake("top-p before top-k", edit("""        logits = logits if top_k is None else top_k_filter(logits, top_k)
        logits = logits if top_p is None else top_p_filter(logits, top_p)
""", """        logits = logits if top_p is None else top_p_filter(logits, top_p)
        logits = logits if top_k is None else top_k_filter(logits, top_k)
"""), says="the first new token at temperature 3"),
        Mistake("filters before the temperature", edit("[:, -1] / temperature", "[:, -1]", "logits.softmax(-1), 1", "(logits / temperature).softmax(-1), 1"), says="the first new token at temperature 3"),
        Mistake("no top-p", edit("        logits = logits if top_p is None else top_p_filter(logits, top_p)\n", ""), says="the first new token at temperature 3"),
        Mistake("no top-k", edit("        logits = logits if top_k is None else top_k_filter(logits, top_k)\n", ""), says="6 new tokens with top_k = 1"),
        Mistake("generator unused", edit(", generator=generator", ""), says="same"),
        Mistake("one draw for all rows", edit("torch.multinomial(logits.softmax(-1), 1, generator=generator)", "torch.multinomial(logits[:1].softmax(-1), 1, generator=generator).repeat(len(rows), 1)"), says="the first new token"),
        Mistake("goes on after the stop", edit("            new[finished] = stop_id\n", ""), says="After its stop"),
        Mistake("never ends early", edit("        if finished.all():\n            break\n", ""), says="the loop should end"),
        Mistake("ends with the first row", edit("finished.all()", "finished.any()"), says="the loop should end"),
        Mistake("a stop in the prompt counts", edit("torch.zeros(num_sequences, dtype=torch.bool, device=rows.device)", "(rows == (-1 if stop_id is None else stop_id)).any(1)"), says="which does not count"),
        Mistake("stop id 0 is taken for none", edit("if stop_id is not None:", "if stop_id:"), says="After its stop"),
        Mistake("one too many", edit("range(max_new_tokens)", "range(max_new_tokens + 1)"), says="shape"),
        Mistake("one too few", edit("range(max_new_tokens)", "range(max_new_tokens - 1)"), says="shape"),
        Mistake("max counts the prompt", edit("range(max_new_tokens)", "range(max_new_tokens - len(prompt))"), says="shape"),
        Mistake("one sequence", edit("prompt.repeat(num_sequences, 1)", "prompt.repeat(1, 1)", "torch.zeros(num_sequences,", "torch.zeros(1,"), says="shape"),
        Mistake("the stop is left out", edit("        rows = torch.cat((rows, new), 1)\n        if finished.all():\n            break\n", "        if finished.all():\n            break\n        rows = torch.cat((rows, new), 1)\n"), says="the loop should end"),
        Mistake("pads with 0", edit("new[finished] = stop_id", "new[finished] = 0"), says="After its stop"),
        Mistake("without replacement of rows", edit("prompt.repeat(num_sequences, 1)", "prompt[None].repeat_interleave(num_sequences, 0) * 1", "logits.softmax(-1), 1", "logits.mean(0, keepdim=True).expand_as(logits).softmax(-1), 1"), says="pairs of new tokens"),
    ],
    alternatives=[
        Alternative("row by row", """
            def sample(model, prompt, max_new_tokens, temperature=1.0, top_k=None, top_p=None, num_sequences=1, stop_id=None, generator=None):
                texts = [prompt.tolist() for _ in range(num_sequences)]
                done = [False] * num_sequences
                for step in range(max_new_tokens):
                    for number, text in enumerate(texts):
                        if done[number]:
                            text.append(stop_id)
                            continue
                        with torch.no_grad():
                            scores = model(torch.tensor([text]))[0][0, -1] / temperature
                        if top_k is not None:
                            scores = top_k_filter(scores, top_k)
                        if top_p is not None:
                            scores = top_p_filter(scores, top_p)
                        token = torch.multinomial(torch.softmax(scores, -1), 1, generator=generator).item()
                        text.append(token)
                        done[number] = stop_id is not None and token == stop_id
                    if all(done):
                        break
                return torch.tensor(texts)
        """),
        Alternative("by inverse distribution function", edit("new = torch.multinomial(logits.softmax(-1), 1, generator=generator)", "u = torch.rand(len(logits), 1, dtype=torch.float64, generator=generator)\n        edges = logits.softmax(-1).double().cumsum(-1)\n        new = torch.searchsorted(edges, u * edges[:, -1:], right=True).clamp(max=logits.shape[-1] - 1)")),
        Alternative("while loop and where", """
            @torch.no_grad()
            def sample(model, prompt, max_new_tokens, temperature=1.0, top_k=None, top_p=None, num_sequences=1, stop_id=None, generator=None):
                rows = torch.stack([prompt] * num_sequences)
                alive = torch.ones(num_sequences, dtype=torch.bool)
                written = 0
                while written < max_new_tokens and alive.any():
                    scores = model(rows)[0][:, -1, :] / temperature
                    if top_k: scores = top_k_filter(scores, top_k)
                    if top_p: scores = top_p_filter(scores, top_p)
                    drawn = torch.multinomial(F.softmax(scores, dim=-1), 1, generator=generator).squeeze(1)
                    if stop_id is not None:
                        drawn = torch.where(alive, drawn, torch.full_like(drawn, stop_id))
                        alive = alive & (drawn != stop_id)
                    rows = torch.hstack([rows, drawn[:, None]])
                    written += 1
                return rows
        """),
    ],
    same_program={
        "line 13: torch.zeros(num_sequences, dtype=torch.bool, de...: device left out": "on a processor there is one device",
        "line 19: -1: USub removed": "the vocabulary is the second of two axes, and the last",
        "line 22: 0 -> -1": "what was drawn has one column",
    },
)

GENERATE = Exercise(
    mistakes=[
        Mistake("no past", edit("model(unread, past)", "model(unread)"), says="with the past of the call before"),
        Mistake("reads all again", edit("model(unread, past)", "model(rows)", "logits, past =", "logits, _ ="), says="it should read the prompt once"),
        Mistake("reads all again with the past", edit("model(unread, past)", "model(rows, past)"), says="one new token at a time"),
        Mistake("past of the prompt kept for ever", edit("logits, past = model(unread, past)", "logits, new_past = model(unread, past)\n        past = new_past if past is None else past"), says="keep the past that the last call returned"),
        Mistake("calls sample", "def generate(*args, **kwargs): return sample(*args, **kwargs)", says="it should read the prompt once"),
        Mistake("no temperature", edit("/ temperature", ""), says="temperature 3"),
        Mistake("no top-p", edit("        logits = logits if top_p is None else top_p_filter(logits, top_p)\n", ""), says="its probability is 0"),
        Mistake("reads one token twice", edit("model(unread, past)", "model(rows[:, -2:] if past is not None else rows, past)"), says="one new token at a time"),
        Mistake("last prompt token read twice", edit("    for _ in range(max_new_tokens):", "    past = model(rows, None)[1]\n    unread = rows[:, -1:]\n    for _ in range(max_new_tokens):"), says="should be"),
        Mistake("never stops", edit("        if finished.all():\n            break\n", ""), says="the loop should end"),
        Mistake("goes on after the stop", edit("            unread[finished] = stop_id\n", ""), says="After its stop"),
        Mistake("without the prompt", edit("return rows", "return rows[:, len(prompt) :]"), says="new tokens"),
        Mistake("greedy", edit("torch.multinomial(logits.softmax(-1), 1, generator=generator)", "logits.argmax(-1, keepdim=True)"), says="the first new token"),
        Mistake("generator unused", edit(", generator=generator", ""), says="the generator that it is given"),
        Mistake("one sequence", edit("prompt.repeat(num_sequences, 1)", "prompt.repeat(1, 1)", "torch.zeros(num_sequences,", "torch.zeros(1,"), says="new tokens"),
        Mistake("writes the first token twice", edit("return rows", "return torch.cat((rows[:, : len(prompt) + 1], rows[:, len(prompt) :]), 1)"), says="new tokens"),
        Mistake("one past for all rows", edit("logits, past = model(unread, past)", "logits, past = model(unread, past)\n            past = past[:1].expand_as(past)"), says="three new tokens"),
        Mistake("top-p before top-k", edit("""        logits = logits if top_k is None else top_k_filter(logits, top_k)
        logits = logits if top_p is None else top_p_filter(logits, top_p)
""", """        logits = logits if top_p is None else top_p_filter(logits, top_p)
        logits = logits if top_k is None else top_k_filter(logits, top_k)
"""), says="top_k = 4, then top_p"),
        Mistake("a stop in the prompt counts", edit("torch.zeros(num_sequences, dtype=torch.bool, device=rows.device)", "(rows == stop_id).any(1) if stop_id is not None else torch.zeros(num_sequences, dtype=torch.bool)"), says="which does not count"),
        Mistake("logits of the first place", edit("logits[:, -1] / temperature", "logits[:, 0] / temperature"), says="new tokens"),
    ],
    alternatives=[
        Alternative("prompt first, then a loop", """
            @torch.no_grad()
            def generate(model, prompt, max_new_tokens, temperature=1.0, top_k=None, top_p=None, num_sequences=1, stop_id=None, generator=None):
                def choose(logits):
                    scores = logits[:, -1] / temperature
                    if top_k is not None: scores = top_k_filter(scores, top_k)
                    if top_p is not None: scores = top_p_filter(scores, top_p)
                    return torch.multinomial(scores.softmax(-1), 1, generator=generator)
                rows = prompt.expand(num_sequences, -1)
                logits, past = model(rows)
                done = torch.zeros(num_sequences, 1, dtype=torch.bool)
                while True:
                    new = choose(logits)
                    if stop_id is not None:
                        new = new.masked_fill(done, stop_id)
                        done = done | (new == stop_id)
                    rows = torch.cat([rows, new], 1)
                    if done.all() or rows.shape[1] == len(prompt) + max_new_tokens:
                        return rows
                    logits, past = model(new, past)
        """),
        Alternative("columns in a list", """
            def generate(model, prompt, max_new_tokens, temperature=1.0, top_k=None, top_p=None, num_sequences=1, stop_id=None, generator=None):
                columns = []
                unread, past = prompt.repeat(num_sequences, 1), None
                start = unread
                over = [False] * num_sequences
                for _ in range(max_new_tokens):
                    with torch.inference_mode():
                        out, past = model(unread, past)
                    scores = out[:, -1].clone() / temperature
                    if top_k is not None: scores = top_k_filter(scores, top_k)
                    if top_p is not None: scores = top_p_filter(scores, top_p)
                    drawn = torch.multinomial(scores.softmax(-1), 1, generator=generator)[:, 0].tolist()
                    if stop_id is not None:
                        drawn = [stop_id if o else d for o, d in zip(over, drawn)]
                        over = [o or d == stop_id for o, d in zip(over, drawn)]
                    unread = torch.tensor(drawn)[:, None]
                    columns.append(unread)
                    if all(over):
                        break
                return torch.cat([start, *columns], 1)
        """),
    ],
    same_program={
        "line 12: torch.zeros(num_sequences, dtype=torch.bool, de...: device left out": "on a processor there is one device",
        "line 19: -1: USub removed": "the vocabulary is the second of two axes, and the last",
        "line 22: 0 -> -1": "what was drawn has one column",
    },
)

EXERCISES = {
    "rms_norm": RMS_NORM, "swiglu": SWIGLU, "GPT": GPT, "top_k_filter": TOP_K, "top_p_filter": TOP_P, "sample": SAMPLE, "generate": GENERATE,
}
