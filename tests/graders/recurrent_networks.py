"""Wrong and right programs for lesson 04."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

RNN_CELL = Exercise(
    mistakes=[
        Mistake("no tanh", edit("torch.tanh(F.linear", "(F.linear"), says="the state of the tiny example"),
        Mistake("sigmoid", edit("torch.tanh(F.linear", "torch.sigmoid(F.linear"), says="the state of the tiny example"),
        Mistake("state forgotten", edit(" + F.linear(h, weight_hh, bias_hh)", ""), says="the state of the tiny example"),
        Mistake("no bias_hh", edit("F.linear(h, weight_hh, bias_hh)", "F.linear(h, weight_hh)"), says="bias_hh is missing"),
        Mistake("no bias_ih", edit("F.linear(x, weight_ih, bias_ih)", "F.linear(x, weight_ih)"), says="the state of the tiny example"),
        Mistake("matrix not transposed", edit("F.linear(h, weight_hh, bias_hh)", "h @ weight_hh + bias_hh"), says="h @ weight_hh.T"),
        Mistake("tanh of each part", edit("torch.tanh(F.linear(x, weight_ih, bias_ih) + F.linear(h, weight_hh, bias_hh))", "torch.tanh(F.linear(x, weight_ih, bias_ih)) + torch.tanh(F.linear(h, weight_hh, bias_hh))"), says="the state of the tiny example"),
        Mistake("ready-made", "def rnn_cell(x, h, *weights): return torch.rnn_tanh_cell(x, h, *weights)", says="write it yourself"),
        Mistake("a module of torch", """
            def rnn_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
                cell = nn.RNNCell(x.shape[1], h.shape[1]).to(x.dtype)
                cell.load_state_dict(dict(weight_ih=weight_ih, weight_hh=weight_hh, bias_ih=bias_ih, bias_hh=bias_hh))
                return cell(x, h)
        """, says="write it yourself"),
        Mistake("leaves the graph", edit("F.linear(h, weight_hh, bias_hh))", "F.linear(h.detach(), weight_hh, bias_hh))"), says="unused"),
        Mistake("a layer's function", "def rnn_cell(x, h, *weights): return torch.rnn_tanh(x[:, None], h[None], list(weights), True, 1, 0.0, False, False, True)[1][0]", says="write it yourself"),
        Mistake("tanh from exponentials that overflow", edit("    return torch.tanh(", "    a = (", "bias_hh))", "bias_hh))\n    return (a.exp() - (-a).exp()) / (a.exp() + (-a).exp())"), says="it is nan"),
        Mistake("keeps half of the old state", edit("    return torch.tanh(", "    return 0.5 * h + 0.5 * torch.tanh("), says="the state of the tiny example"),
        Mistake("changes the state given", edit("    return torch.tanh(", "    h.data.mul_(0.5)\n    return torch.tanh("), says="the state of the tiny example"),
        Mistake("relu", edit("torch.tanh(F.linear", "torch.relu(F.linear"), says="the state of the tiny example"),
        Mistake("float32", edit("torch.tanh(F.linear(x, weight_ih, bias_ih) + F.linear(h, weight_hh, bias_hh))", "torch.tanh(F.linear(x, weight_ih, bias_ih) + F.linear(h, weight_hh, bias_hh)).float()"), says="the new state of"),
    ],
    alternatives=[
        Alternative("matrix products", """
            def rnn_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
                return (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).tanh()
        """),
        Alternative("one product of everything", """
            def rnn_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
                both = torch.cat([x, h], dim=1)
                weight = torch.cat([weight_ih, weight_hh], dim=1)
                return torch.tanh(torch.einsum("bi,oi->bo", both, weight) + (bias_ih + bias_hh))
        """),
        Alternative("row by row, from exponentials", """
            def rnn_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
                rows = []
                for row in range(x.shape[0]):
                    a = weight_ih @ x[row] + bias_ih + weight_hh @ h[row] + bias_hh
                    rows.append(2 * torch.sigmoid(2 * a) - 1)
                return torch.stack(rows)
        """),
    ],
)

GRADIENT = Exercise(
    mistakes=[
        Mistake("from the end", edit("for gradient in gradients]", "for gradient in gradients][::-1]"), says="from t = 0 to the last step"),
        Mistake("squares", edit("gradient.norm()", "(gradient ** 2).sum()"), says="these are squares"),
        Mistake("mean over the batch", edit("gradient.norm()", "gradient.norm(dim=1).mean()"), says="mean over the batch"),
        Mistake("sum over the batch", edit("gradient.norm()", "gradient.norm(dim=1).sum()"), says="sum over the batch"),
        Mistake("no readout", edit("(states[-1] * readout).sum()", "states[-1].sum()"), says="readout is left out"),
        Mistake("largest entry", edit("gradient.norm()", "gradient.abs().max()"), says="largest entry"),
        Mistake("sum of sizes", edit("gradient.norm()", "gradient.abs().sum()"), says="sum of sizes"),
        Mistake("first state left out", edit("for gradient in gradients]", "for gradient in gradients[1:]]"), says="with that of the state before the first"),
        Mistake("last state left out", edit("for gradient in gradients]", "for gradient in gradients[:-1]]"), says="with that of the state before the first"),
        Mistake("gradients of the inputs", """
            def gradient_norm_by_step(cell, inputs, state, readout):
                inputs = inputs.clone().requires_grad_()
                for x in inputs.unbind(1):
                    state = cell(x, state)
                (gradient,) = torch.autograd.grad((state * readout).sum(), inputs)
                return gradient.norm(dim=(0, 2))
        """, says="should have shape"),
        Mistake("batch for time", edit("inputs.unbind(1)", "inputs.unbind(0)"), says="Sizes of tensors must match"),
        Mistake("a list of the norms", edit("torch.stack([gradient.norm() for gradient in gradients])", "[gradient.norm().item() for gradient in gradients]"), says="should be a tensor of shape"),
        Mistake("mean of the readout", edit("(states[-1] * readout).sum()", "(states[-1] * readout).mean()"), says="the norms of a linear cell"),
        Mistake("norm of the states", edit("torch.stack([gradient.norm() for gradient in gradients])", "torch.stack([s.detach().norm() for s in states])"), says="the norms of a linear cell"),
        Mistake("root of the mean", edit("gradient.norm()", "gradient.square().mean().sqrt()"), says="root of the mean"),
        Mistake("all states in the loss", edit("(states[-1] * readout).sum()", "sum((s * readout).sum() for s in states)"), says="only the last state counts"),
        Mistake("single precision", edit("torch.stack([gradient.norm() for gradient in gradients])", "torch.tensor([gradient.norm().item() for gradient in gradients])"), says="the dtype of the inputs"),
        Mistake("graph kept", edit(".sum(), states)", ".sum(), states, create_graph=True)"), says="no graph"),
        Mistake("freezes the cell", edit("    states = [", "    cell.requires_grad_(False)\n    states = ["), says="go on asking for gradients"),
        Mistake("one step of each state only", """
            def gradient_norm_by_step(cell, inputs, state, readout):
                norms = [readout.norm()]
                for x in inputs.unbind(1):
                    state = state.detach().requires_grad_()
                    new = cell(x, state)
                    norms.insert(-1, torch.autograd.grad((new * readout).sum(), state)[0].norm())
                    state = new
                return torch.stack(norms)
        """, says="the norms of a linear cell"),
        Mistake("starts from zeros", edit("state.detach().requires_grad_()", "torch.zeros_like(state).requires_grad_()"), says="the norms of"),
        Mistake("changes the state", edit("[state.detach().requires_grad_()]", "[state.detach().clone().requires_grad_()]\n    state.data.mul_(0.5)"), says="your arguments after the call"),
        Mistake("asks the given state for gradients", edit("state.detach().requires_grad_()", "state.requires_grad_()"), says="left as it was: detach it"),
        Mistake("cut from step to step", edit("states.append(cell(x, states[-1]))", "states.append(cell(x, states[-1].detach()).requires_grad_())"), says="unused"),
    ],
    alternatives=[
        Alternative("with retain_grad and backward", """
            def gradient_norm_by_step(cell, inputs, state, readout):
                h = state.detach().clone()
                h.requires_grad_(True)
                kept = [h]
                for step in range(inputs.shape[1]):
                    h = cell(inputs[:, step], h)
                    h.retain_grad()
                    kept.append(h)
                torch.sum(h * readout).backward()
                return torch.tensor([float(k.grad.pow(2).sum().sqrt()) for k in kept], dtype=inputs.dtype)
        """),
        Alternative("backwards, one vector-Jacobian product a step", """
            def gradient_norm_by_step(cell, inputs, state, readout):
                states = [state.detach()]
                with torch.no_grad():
                    for step in range(inputs.shape[1]):
                        states.append(cell(inputs[:, step], states[-1]))
                arriving, norms = readout.detach(), [readout.detach().norm()]
                for step in reversed(range(inputs.shape[1])):
                    before = states[step].detach().requires_grad_()
                    (arriving,) = torch.autograd.grad(cell(inputs[:, step], before), before, arriving)
                    norms.insert(0, arriving.norm())
                return torch.stack(norms)
        """),
    ],
    same_program={},
)

CLIP = Exercise(
    mistakes=[
        Mistake("each alone", """
            def clip_gradients(gradients, max_norm):
                norm = math.sqrt(sum(float((g ** 2).sum()) for g in gradients))
                return [g * min(1.0, max_norm / max(float(g.norm()), 1e-12)) for g in gradients], norm
        """, says="each tensor is clipped alone"),
        Mistake("by value", edit("[gradient / shrink for", "[gradient.clamp(-max_norm, max_norm) for"), says="changes the direction"),
        Mistake("not clipped", edit("gradient / shrink for", "gradient / 1.0 for"), says="they are not clipped"),
        Mistake("scaled up too", edit("(norm / max_norm).clamp(min=1)", "norm / max_norm"), says="no reason to scale them up"),
        Mistake("square", edit(".norm()\n", ".pow(2).sum()\n"), says="the square of the norm"),
        Mistake("norm after", edit("], norm.item()", "], (norm / shrink).item()"), says="the norm after clipping"),
        Mistake("norms added up", edit("torch.cat([gradient.flatten() for gradient in gradients]).norm()", "sum(gradient.norm() for gradient in gradients)"), says="added up"),
        Mistake("largest entry", edit("torch.cat([gradient.flatten() for gradient in gradients]).norm()", "torch.cat([gradient.flatten() for gradient in gradients]).abs().max()"), says="the largest entry"),
        Mistake("divides by zero", """
            def clip_gradients(gradients, max_norm):
                norm = math.sqrt(sum(float((g ** 2).sum()) for g in gradients))
                factor = torch.tensor(max_norm / norm if norm else math.inf).clamp(max=math.inf if not norm else 1.0)
                return [g * factor for g in gradients], norm
        """, says="when all are zero"),
        Mistake("in place", edit("[gradient / shrink for", "[gradient.div_(shrink) for"), says="your gradients after the call"),
        Mistake("a tensor as norm", edit("norm.item()", "norm"), says="Python number"),
        Mistake("divided by max_norm", edit("gradient / shrink for", "gradient / max_norm for"), says="divided by max_norm"),
        Mistake("divided by the square", edit("gradient / shrink for", "gradient * max_norm / norm ** 2 for"), says="square of the norm"),
        Mistake("unit length", edit("gradient / shrink for", "gradient / norm.clamp(min=1) for"), says="not max_norm"),
        Mistake("only the gradients", edit("in gradients], norm.item()", "in gradients]"), says="Python number"),
        Mistake("one flat tensor", edit("[gradient / shrink for gradient in gradients]", "[torch.cat([g.flatten() for g in gradients]) / shrink]"), says="the number of gradients"),
        Mistake("ready-made", """
            def clip_gradients(gradients, max_norm):
                parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
                for parameter, gradient in zip(parameters, gradients):
                    parameter.grad = gradient.clone()
                norm = nn.utils.clip_grad_norm_(parameters, max_norm)
                return [parameter.grad for parameter in parameters], norm.item()
        """, says="write it yourself"),
        Mistake("ready-made, half of it", """
            from torch.nn.utils import get_total_norm
            def clip_gradients(gradients, max_norm):
                norm = get_total_norm(gradients).item()
                return [g * (max_norm / max(norm, max_norm)) for g in gradients], norm
        """, says="write it yourself"),
        Mistake("norms below 1 taken for 1", edit("(norm / max_norm).clamp(min=1)", "(norm.clamp(min=1) / max_norm).clamp(min=1)"), says="a gradient of shape"),
        Mistake("root of the mean", edit(".norm()\n", ".square().mean().sqrt()\n"), says="the norm of the tiny example"),
        Mistake("flattened", edit("[gradient / shrink for", "[(gradient / shrink).flatten() for"), says="should have shape"),
        Mistake("large constant against zeros", edit("(norm / max_norm)", "((norm + 1e-2) / max_norm)"), says="max_norm = 2.5"),
        Mistake("float64 for all", edit("[gradient / shrink for", "[gradient.double() / shrink for"), says="should stay one"),
    ],
    alternatives=[
        Alternative("as torch does", """
            def clip_gradients(gradients, max_norm):
                norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g.double()) for g in gradients]))
                scale = torch.clamp(max_norm / (norm + 1e-6), max=1.0).item()
                return [g.mul(scale) for g in gradients], norm.item()
        """),
        Alternative("a tuple, the largest of two limits", """
            def clip_gradients(gradients, max_norm):
                norm = math.hypot(*(gradient.norm().item() for gradient in gradients))
                return tuple(gradient * (max_norm / max(norm, max_norm)) for gradient in gradients), norm
        """),
        Alternative("unchanged ones handed back", """
            def clip_gradients(gradients, max_norm):
                norm = sum(g.square().sum() for g in gradients).sqrt().item()
                if norm <= max_norm:
                    return gradients, norm
                return list(torch._foreach_mul(gradients, max_norm / norm)), norm
        """),
        Alternative("with a loop and early return", """
            def clip_gradients(gradients, max_norm):
                total = 0.0
                for g in gradients:
                    for value in g.reshape(-1).tolist():
                        total += value * value
                norm = total ** 0.5
                if norm <= max_norm:
                    return [g.clone() for g in gradients], norm
                return [max_norm * g / norm for g in gradients], norm
        """),
    ],
    same_program={},
)

LSTM_CELL = Exercise(
    mistakes=[
        Mistake("h and c swapped", edit("torch.sigmoid(o) * torch.tanh(c), c", "c, torch.sigmoid(o) * torch.tanh(c)"), says="changed places"),
        Mistake("no forget gate, as in 1997", edit("torch.sigmoid(f) * c +", "c +"), says="the forget gate is missing"),
        Mistake("no input gate", edit("torch.sigmoid(i) * torch.tanh(g)", "torch.tanh(g)"), says="the input gate is missing"),
        Mistake("i and f swapped", edit("i, f, g, o = (", "f, i, g, o = ("), says="i and f have changed places"),
        Mistake("g and o swapped", edit("i, f, g, o = (", "i, f, o, g = ("), says="g and o have changed places"),
        Mistake("sigmoid of g", edit("torch.tanh(g)", "torch.sigmoid(g)"), says="g takes tanh"),
        Mistake("tanh of the old c", edit("torch.sigmoid(f) * c +", "torch.sigmoid(f) * torch.tanh(c) +"), says="without tanh"),
        Mistake("h from the old c", edit("    c = torch.sigmoid(f)", "    old = c\n    c = torch.sigmoid(f)", "torch.tanh(c), c", "torch.tanh(old), c"), says="from the new c"),
        Mistake("no tanh in h", edit("torch.sigmoid(o) * torch.tanh(c), c", "torch.sigmoid(o) * c, c"), says="the tanh of the new c is missing"),
        Mistake("no output gate", edit("torch.sigmoid(o) * torch.tanh(c), c", "torch.tanh(c), c"), says="the output gate is missing"),
        Mistake("1 - f", edit("torch.sigmoid(f) * c +", "(1 - torch.sigmoid(f)) * c +"), says="1 - f"),
        Mistake("only h", edit("torch.sigmoid(o) * torch.tanh(c), c", "torch.sigmoid(o) * torch.tanh(c)"), says="should return two tensors"),
        Mistake("coupled gates", edit("torch.sigmoid(i) * torch.tanh(g)", "(1 - torch.sigmoid(f)) * torch.tanh(g)"), says="the new c"),
        Mistake("ready-made", "def lstm_cell(x, state, *weights): return torch.lstm_cell(x, state, *weights)", says="write it yourself"),
        Mistake("a layer's function", """
            def lstm_cell(x, state, *weights):
                _, h, c = torch.lstm(x[:, None], (state[0][None], state[1][None]), list(weights), True, 1, 0.0, False, False, True)
                return h[0], c[0]
        """, says="write it yourself"),
        Mistake("no bias_hh", edit("F.linear(h, weight_hh, bias_hh)", "F.linear(h, weight_hh)"), says="bias_hh is missing"),
        Mistake("state unpacked the wrong way", edit("h, c = state", "c, h = state"), says="the state is (h, c)"),
        Mistake("sigmoid of c in h", edit("torch.tanh(c), c", "torch.sigmoid(c), c"), says="not the sigmoid"),
        Mistake("a constant 1 on the forget gate", edit("torch.sigmoid(f)", "torch.sigmoid(f + 1)"), says="the new c"),
        Mistake("interleaved rows", edit(".chunk(4, 1)", ".unflatten(1, (-1, 4)).unbind(-1)"), says="the new c"),
        Mistake("c leaves the graph", edit("torch.sigmoid(f) * c +", "torch.sigmoid(f) * c.detach() +"), says="unused"),
        Mistake("changes c", edit("    c = torch.sigmoid(f) * c +", "    c = c.data.mul_(torch.sigmoid(f)) +"), says="the new h of"),
    ],
    alternatives=[
        Alternative("matrix products and slices", """
            def lstm_cell(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
                hidden = state[0].shape[1]
                a = x @ weight_ih.T + state[0] @ weight_hh.T + bias_ih + bias_hh
                write, keep = a[:, :hidden].sigmoid(), a[:, hidden:2 * hidden].sigmoid()
                new, out = a[:, 2 * hidden:3 * hidden].tanh(), a[:, 3 * hidden:].sigmoid()
                c = keep * state[1] + write * new
                return out * c.tanh(), c
        """),
        Alternative("gate by gate", """
            def lstm_cell(x, state, weight_ih, weight_hh, bias_ih, bias_hh):
                (h, c) = state
                parts = []
                for W, U, b, d in zip(weight_ih.split(h.size(-1)), weight_hh.split(h.size(-1)), bias_ih.split(h.size(-1)), bias_hh.split(h.size(-1))):
                    parts.append(torch.einsum("bi,hi->bh", x, W) + torch.einsum("bk,hk->bh", h, U) + b + d)
                gate = lambda a: 0.5 * (1 + torch.tanh(a / 2))
                new_c = torch.addcmul(gate(parts[0]) * parts[2].tanh(), gate(parts[1]), c)
                return gate(parts[3]) * new_c.tanh(), new_c
        """),
    ],
    same_program={},
)

GRU_CELL = Exercise(
    mistakes=[
        Mistake("z the other way round", edit("(1 - z) * n + z * h", "z * n + (1 - z) * h"), says="the other way round"),
        Mistake("r before the matrix, as in the paper", edit("torch.sigmoid(input_r + state_r) * state_n)", "F.linear(torch.sigmoid(input_r + state_r) * h, weight_hh.chunk(3)[2], bias_hh.chunk(3)[2]))"), says="not h before the matrix"),
        Mistake("bias outside", edit("torch.sigmoid(input_r + state_r) * state_n)", "torch.sigmoid(input_r + state_r) * (state_n - bias_hh.chunk(3)[2]) + bias_hh.chunk(3)[2])"), says="r multiplies bias_hh too"),
        Mistake("no reset", edit("torch.sigmoid(input_r + state_r) * state_n", "state_n"), says="the reset gate is missing"),
        Mistake("r multiplies all", edit("input_n + torch.sigmoid(input_r + state_r) * state_n", "torch.sigmoid(input_r + state_r) * (input_n + state_n)"), says="only what comes from the state"),
        Mistake("r and z swapped", edit("input_r, input_z, input_n =", "input_z, input_r, input_n =", "state_r, state_z, state_n =", "state_z, state_r, state_n ="), says="r and z have changed places"),
        Mistake("sigmoid of the candidate", edit("torch.tanh(input_n", "torch.sigmoid(input_n"), says="the candidate takes tanh"),
        Mistake("no tanh", edit("torch.tanh(input_n + torch.sigmoid(input_r + state_r) * state_n)", "input_n + torch.sigmoid(input_r + state_r) * state_n"), says="the tanh of the candidate is missing"),
        Mistake("only the candidate", edit("(1 - z) * n + z * h", "n"), says="this is the candidate"),
        Mistake("old state missing", edit("(1 - z) * n + z * h", "(1 - z) * n"), says="the old state is missing"),
        Mistake("gates without the state", edit("torch.sigmoid(input_z + state_z)", "torch.sigmoid(input_z)"), says="the new state"),
        Mistake("candidate first in the rows", edit("input_r, input_z, input_n =", "input_n, input_r, input_z =", "state_r, state_z, state_n =", "state_n, state_r, state_z ="), says="the new state"),
        Mistake("ready-made", "def gru_cell(x, h, *weights): return torch.gru_cell(x, h, *weights)", says="write it yourself"),
        Mistake("not mixed but added", edit("(1 - z) * n + z * h", "n + z * h"), says="the candidate is taken times 1 - z"),
        Mistake("r on the input", edit("input_n + torch.sigmoid(input_r + state_r) * state_n", "torch.sigmoid(input_r + state_r) * input_n + state_n"), says="not what comes from the input"),
        Mistake("no bias_hh", edit("F.linear(h, weight_hh, bias_hh)", "F.linear(h, weight_hh)"), says="bias_hh is missing"),
        Mistake("one gate for both", edit("torch.sigmoid(input_r + state_r)", "z"), says="the new state"),
        Mistake("z leaves the graph", edit("torch.sigmoid(input_z + state_z)", "torch.sigmoid(input_z + state_z).detach()"), says="a gradient"),
        Mistake("a layer's function", "def gru_cell(x, h, *weights): return torch.gru(x[:, None], h[None], list(weights), True, 1, 0.0, False, False, True)[1][0]", says="write it yourself"),
    ],
    alternatives=[
        Alternative("as n + z (h - n)", """
            def gru_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
                size = h.shape[1]
                a, b = x @ weight_ih.T + bias_ih, h @ weight_hh.T + bias_hh
                r, z = torch.sigmoid(a[:, :2 * size] + b[:, :2 * size]).split(size, 1)
                n = torch.tanh(a[:, 2 * size:] + b[:, 2 * size:] * r)
                return n + z * (h - n)
        """),
        Alternative("gate by gate", """
            def gru_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
                Wr, Wz, Wn = weight_ih.chunk(3)
                Ur, Uz, Un = weight_hh.chunk(3)
                br, bz, bn = bias_ih.chunk(3)
                dr, dz, dn = bias_hh.chunk(3)
                reset = 1 / (1 + torch.exp(-(x @ Wr.T + h @ Ur.T + br + dr)))
                update = torch.sigmoid(x @ Wz.T + h @ Uz.T + bz + dz)
                candidate = (x @ Wn.T + bn + reset * (h @ Un.T + dn)).tanh()
                return torch.lerp(candidate, h, update)
        """),
    ],
    same_program={},
)

LANGUAGE_MODEL = Exercise(
    mistakes=[
        Mistake("state before the token", edit("            state = self.cell(x, state)\n            outputs.append(state[:, : self.cell.hidden])\n", "            outputs.append(state[:, : self.cell.hidden])\n            state = self.cell(x, state)\n"), says="not before"),
        Mistake("always from zeros", edit("            state = self.cell(x, state)\n            outputs.append(state[:, : self.cell.hidden])\n", "            outputs.append(self.cell(x, state)[:, : self.cell.hidden])\n"), says="each place starts from zeros"),
        Mistake("last numbers of the state", edit("state[:, : self.cell.hidden]", "state[:, -self.cell.hidden :]"), says="not the last"),
        Mistake("given state not used", edit("        if state is None:\n            state", "        if True:\n            state"), says="is not used"),
        Mistake("first state returned", edit("        outputs = []\n", "        outputs, begin = [], state\n", "torch.stack(outputs, 1)), state", "torch.stack(outputs, 1)), begin"), says="this is the first state"),
        Mistake("length first", edit("torch.stack(outputs, 1)", "torch.stack(outputs, 0)"), says="the logits should have shape"),
        Mistake("only the last logits", edit("torch.stack(outputs, 1)", "outputs[-1]"), says="the logits should have shape"),
        Mistake("ones to start from", edit("new_zeros", "new_ones"), says="the logits"),
        Mistake("probabilities", edit("self.output(torch.stack(outputs, 1)), state", "self.output(torch.stack(outputs, 1)).softmax(-1), state"), says="the logits"),
        Mistake("only the logits", edit("self.output(torch.stack(outputs, 1)), state", "self.output(torch.stack(outputs, 1))"), says="the logits should have shape"),
        Mistake("h for the state", edit("self.output(torch.stack(outputs, 1)), state", "self.output(torch.stack(outputs, 1)), outputs[-1]"), says="the state should have shape"),
        Mistake("gradient cut at each step", edit("state = self.cell(x, state)", "state = self.cell(x, state.detach())"), says="the gradient of"),
        Mistake("backwards", edit("self.embedding(ids).unbind(1)", "reversed(self.embedding(ids).unbind(1))"), says="the logits"),
        Mistake("state remembered between calls", edit("state = self.output.weight.new_zeros(len(ids), self.cell.size)", "state = getattr(self, 'kept', self.output.weight.new_zeros(len(ids), self.cell.size))", "        return self.output", "        self.kept = state.detach()\n        return self.output"), says="the logits of a second stretch"),
        Mistake("state detached", edit("torch.stack(outputs, 1)), state", "torch.stack(outputs, 1)), state.detach()"), says="keep the gradient"),
        Mistake("rows and places mixed up", edit("torch.stack(outputs, 1)", "torch.cat(outputs).view(*ids.shape, -1)"), says="the logits"),
        Mistake("vectors leave the graph", edit("self.embedding(ids)", "self.embedding(ids).detach()"), says="unused"),
        Mistake("state and logits swapped", edit("return self.output(torch.stack(outputs, 1)), state", "return state, self.output(torch.stack(outputs, 1))"), says="the logits should have shape"),
        Mistake("writes into the given state", edit("        return self.output", "        if given is not None:\n            given.data.copy_(state)\n        return self.output", "        if state is None:", "        given = state\n        if state is None:"), says="your state after the call"),
        Mistake("adds to the given state", edit("        outputs = []\n", "        outputs = []\n        state += 0.01\n"), says="the logits"),
    ],
    alternatives=[
        Alternative("logits step by step", edit("""        outputs = []
        for x in self.embedding(ids).unbind(1):
            state = self.cell(x, state)
            outputs.append(state[:, : self.cell.hidden])
        return self.output(torch.stack(outputs, 1)), state
""", """        vectors = self.embedding(ids)
        logits = torch.zeros(ids.shape[0], 0, self.output.out_features)
        for step in range(ids.shape[1]):
            state = self.cell(vectors[:, step, :], state)
            row = self.output(state.narrow(1, 0, self.cell.hidden))
            logits = torch.cat((logits, row[:, None]), dim=1)
        return logits, state
""")),
        Alternative("recursion over the places", edit("""        outputs = []
        for x in self.embedding(ids).unbind(1):
            state = self.cell(x, state)
            outputs.append(state[:, : self.cell.hidden])
        return self.output(torch.stack(outputs, 1)), state
""", """        state = self.cell(self.embedding(ids[:, 0]), state)
        here = self.output(state[:, : self.cell.hidden]).unsqueeze(1)
        if ids.shape[1] == 1:
            return here, state
        rest, last = self.forward(ids[:, 1:], state)
        return torch.cat([here, rest], 1), last
""")),
    ],
    same_program={},
)

EXERCISES = {
    "rnn_cell": RNN_CELL,
    "gradient_norm_by_step": GRADIENT,
    "clip_gradients": CLIP,
    "lstm_cell": LSTM_CELL,
    "gru_cell": GRU_CELL,
    "RecurrentLanguageModel": LANGUAGE_MODEL,
}
