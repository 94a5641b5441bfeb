"""Wrong and right programs for lesson 05."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

CONVOLUTION = Exercise(
    mistakes=[
        Mistake("kernel turned round", edit("weight[:, :, k])", "weight[:, :, kernel_size - 1 - k])"), says="turned round"),
        Mistake("sees the future", edit("torch.cat([past, x], 1)", "torch.cat([x, past], 1)"), says="sees the future"),
        Mistake("padding on both sides", """
            def causal_conv1d(x, weight, bias, dilation=1, past=None):
                reach = (weight.shape[2] - 1) * dilation
                line = F.pad(x, (0, 0, reach // 2, reach - reach // 2))
                return bias + sum(line[:, k * dilation : k * dilation + x.shape[1]] @ weight[:, :, k].T for k in range(weight.shape[2]))
        """, says="sees the future"),
        Mistake("no dilation", edit("line[:, k * dilation : k * dilation + length]", "line[:, line.shape[1] - length - kernel_size + 1 + k :][:, :length]"), says="the dilation is not used"),
        Mistake("no bias", edit("y = bias", "y = 0"), says="the bias is missing"),
        Mistake("bias for each k", edit("y = bias", "y = 0", "weight[:, :, k])", "weight[:, :, k], bias)"), says="once for each k"),
        Mistake("past not used", edit("if past is None:", "if True:"), says="the past is not used"),
        Mistake("past turned round", edit("torch.cat([past, x], 1)", "torch.cat([past.flip(1), x], 1)"), says="the past is turned round"),
        Mistake("does not see itself", """
            def causal_conv1d(x, weight, bias, dilation=1, past=None):
                reach = (weight.shape[2] - 1) * dilation
                line = F.pad(x, (0, 0, reach + 1, 0)) if past is None else torch.cat([past[:, :1], past, x], 1)
                return bias + sum(line[:, k * dilation : k * dilation + x.shape[1]] @ weight[:, :, k].T for k in range(weight.shape[2]))
        """, says="does not see itself"),
        Mistake("output too long", edit("past = x.new_zeros(x.shape[0], (kernel_size - 1) * dilation, x.shape[2])", "past = x.new_zeros(x.shape[0], kernel_size * dilation, x.shape[2])", "dilation + length]", "dilation + length + 1]"), says="must match the size"),
        Mistake("only where the window fits", """
            def causal_conv1d(x, weight, bias, dilation=1, past=None):
                line = x if past is None else torch.cat([past, x], 1)
                length = line.shape[1] - (weight.shape[2] - 1) * dilation
                return bias + sum(line[:, k * dilation : k * dilation + length] @ weight[:, :, k].T for k in range(weight.shape[2]))
        """, says="should have shape"),
        Mistake("ready-made", """
            def causal_conv1d(x, weight, bias, dilation=1, past=None):
                past = x.new_zeros(x.shape[0], (weight.shape[2] - 1) * dilation, x.shape[2]) if past is None else past
                return F.conv1d(torch.cat([past, x], 1).mT, weight, bias, dilation=dilation).mT
        """, says="write it yourself"),
        Mistake("ready-made module", """
            def causal_conv1d(x, weight, bias, dilation=1, past=None):
                layer = nn.Conv1d(x.shape[2], weight.shape[0], weight.shape[2], dilation=dilation).to(x.dtype)
                layer.load_state_dict({"weight": weight, "bias": bias})
                return layer(F.pad(x.mT, ((weight.shape[2] - 1) * dilation, 0))).mT
        """, says="write it yourself"),
        Mistake("float32", edit("return y", "return y.float()"), says="y"),
        Mistake("in place", edit("line = torch.cat([past, x], 1)", "line = torch.cat([past, x], 1)\n    x.data.zero_()"), says="y, kernel"),
        Mistake("no gradient to the past", edit("torch.cat([past, x], 1)", "torch.cat([past.detach(), x], 1)"), says="unused"),
        Mistake("zeros as long as the kernel", edit("(kernel_size - 1) * dilation, x.shape[2]", "kernel_size - 1, x.shape[2]"), says="The size of tensor"),
        Mistake("transposed matrices", edit("F.linear(line[:, k * dilation : k * dilation + length], weight[:, :, k])", "line[:, k * dilation : k * dilation + length] @ weight[:, :, k]"), says="Expected size"),
        Mistake("the first place repeated on the left", edit("x.new_zeros(x.shape[0], (kernel_size - 1) * dilation, x.shape[2])", "x[:, :1].expand(-1, (kernel_size - 1) * dilation, -1)"), says="should be 1.5 at [0]"),
        Mistake("the past of the first row for all", edit("torch.cat([past, x], 1)", "torch.cat([past[:1].expand(len(x), -1, -1), x], 1)"), says="after a past"),
        Mistake("ready-made in two dimensions", """
            def causal_conv1d(x, weight, bias, dilation=1, past=None):
                past = x.new_zeros(x.shape[0], (weight.shape[2] - 1) * dilation, x.shape[2]) if past is None else past
                line = torch.cat([past, x], 1)
                return F.conv2d(line.mT[:, :, None], weight[:, :, None], bias, dilation=(1, dilation))[:, :, 0].mT
        """, says="write it yourself"),
        Mistake("x as long as the window at least", """
            def causal_conv1d(x, weight, bias, dilation=1, past=None):
                size = weight.shape[2]
                y = bias.expand(*x.shape[:2], -1).clone()
                for k in range(size):
                    back = (size - 1 - k) * dilation
                    y[:, back:] += x[:, : x.shape[1] - back] @ weight[:, :, k].T
                    if past is not None and back:
                        y[:, :back] += past[:, past.shape[1] - back :][:, : x.shape[1]] @ weight[:, :, k].T
                return y
        """, says="The size of tensor"),
    ],
    alternatives=[
        Alternative("place by place", """
            def causal_conv1d(x, weight, bias, dilation=1, past=None):
                kernel_size = weight.size(-1)
                rows = []
                for t in range(x.size(1)):
                    total = bias.expand(x.size(0), -1)
                    for k in range(kernel_size):
                        s = t - (kernel_size - 1 - k) * dilation
                        if s >= 0:
                            total = total + x[:, s] @ weight[:, :, k].T
                        elif past is not None:
                            total = total + past[:, s] @ weight[:, :, k].T
                    rows.append(total)
                return torch.stack(rows, dim=1)
        """),
        Alternative("one large product", """
            def causal_conv1d(x, weight, bias, dilation=1, past=None):
                outputs, inputs, size = weight.shape
                reach = dilation * (size - 1)
                line = F.pad(x, (0, 0, reach, 0)) if past is None else torch.cat((past, x), dim=1)
                taps = torch.cat([line[:, k * dilation : line.shape[1] - reach + k * dilation] for k in range(size)], dim=2)
                return taps @ weight.permute(2, 1, 0).reshape(size * inputs, outputs) + bias
        """),
        Alternative("unfold and einsum", """
            def causal_conv1d(x, weight, bias, dilation=1, past=None):
                size = weight.shape[2]
                if past is None:
                    past = torch.zeros(len(x), (size - 1) * dilation, x.shape[2], dtype=x.dtype, device=x.device)
                windows = torch.cat([past, x], 1).unfold(1, (size - 1) * dilation + 1, 1)[..., ::dilation]
                return torch.einsum("btik,oik->bto", windows, weight) + bias
        """),
        Alternative("each place of the kernel shifted", """
            def causal_conv1d(x, weight, bias, dilation=1, past=None):
                size, length = weight.shape[2], x.shape[1]
                y = x @ weight[:, :, size - 1].T + bias
                for k in range(size - 1):
                    back = (size - 1 - k) * dilation
                    left = torch.zeros(len(x), back, x.shape[2], dtype=x.dtype) if past is None else past[:, past.shape[1] - back :]
                    y = y + torch.cat([left, x], dim=1)[:, :length] @ weight[:, :, k].T
                return y
        """),
    ],
    same_program={},
)

FIELD = Exercise(
    mistakes=[
        Mistake("without its own place", edit("1 + (kernel_size", "(kernel_size"), says="own place counts too"),
        Mistake("kernel_size for each", edit("(kernel_size - 1)", "kernel_size"), says="(kernel_size - 1) times"),
        Mistake("product", edit("sum(dilations)", "math.prod(dilations)"), says="not multiplied"),
        Mistake("no dilations", edit("sum(dilations)", "len(dilations)"), says="the dilations are not used"),
        Mistake("the widest alone", edit("sum(dilations)", "max(dilations, default=0)"), says="not the widest alone"),
        Mistake("no kernel size", edit("(kernel_size - 1) * sum", "sum"), says="the kernel size is not used"),
        Mistake("power of two", edit("1 + (kernel_size - 1) * sum(dilations)", "kernel_size ** len(dilations)"), says="the receptive fields of"),
        Mistake("a float", edit("sum(dilations)", "float(sum(dilations))"), says="but it is [8.0"),
        Mistake("twice the last", edit("1 + (kernel_size - 1) * sum(dilations)", "kernel_size * dilations[-1] if dilations else 1"), says="the receptive fields of"),
        Mistake("each dilation once", edit("sum(dilations)", "sum(set(dilations))"), says="the receptive field of kernel"),
        Mistake("first one ignored", edit("sum(dilations)", "sum(dilations[1:])"), says="the receptive fields of"),
        Mistake("breaks on no layers", edit("    return", "    dilations[0]\n    return"), says="index out of range"),
        Mistake("eats the list", edit("    return 1 + (kernel_size - 1) * sum(dilations)", "    field = 1\n    while dilations:\n        field += (kernel_size - 1) * dilations.pop()\n    return field"), says="your list after the call"),
        Mistake("counts the places seen, not the edge", """
            def receptive_field(kernel_size, dilations):
                back = {0}
                for dilation in dilations:
                    back = {place + k * dilation for place in back for k in range(kernel_size)}
                return len(back)
        """, says="the receptive field of kernel"),
        Mistake("sorts the list", edit("    return", "    dilations.sort()\n    return"), says="your list after the call"),
    ],
    alternatives=[
        Alternative("layer by layer", """
            def receptive_field(kernel_size, dilations):
                field = 1
                for dilation in dilations:
                    field += dilation * (kernel_size - 1)
                return field
        """),
        Alternative("recursive", """
            def receptive_field(kernel_size, dilations):
                if not dilations:
                    return 1
                *below, top = dilations
                return receptive_field(kernel_size, below) + kernel_size * top - top
        """),
        Alternative("numpy", """
            import numpy as np
            def receptive_field(kernel_size, dilations):
                return 1 + (kernel_size - 1) * np.sum(dilations, dtype=int)
        """),
    ],
    same_program={},
)

SCHEDULE = Exercise(
    mistakes=[
        Mistake("one too many", edit("< reach", "<= reach"), says="8 places are enough"),
        Mistake("one too few", edit("    return dilations", "    return dilations[:-1]"), says="the receptive field must be at least reach"),
        Mistake("never begins again", edit(" if 2 * following <= longest else 1", ""), says="begin again at 1"),
        Mistake("stays at the longest", edit("2 * following if 2 * following <= longest else 1", "min(2 * following, longest)"), says="begin again at 1"),
        Mistake("longest itself not allowed", edit("2 * following <= longest", "2 * following < longest"), says="equal to longest is allowed"),
        Mistake("no doubling", edit("following = 2 * following if 2 * following <= longest else 1", "following = 1"), says="double the dilation"),
        Mistake("kernel 2 always", edit("receptive_field(kernel_size, dilations)", "receptive_field(2, dilations)"), says="the kernel size is not used"),
        Mistake("at least one layer", edit("dilations, following = [], 1", "dilations, following = [1], 2"), says="the schedule for 1 place"),
        Mistake("adds one", edit("2 * following if 2 * following <= longest else 1", "following + 1 if following + 1 <= longest else 1"), says="the schedule for"),
        Mistake("whole rounds only", edit("    return dilations", "    while dilations and following != 1:\n        dilations.append(following)\n        following = 2 * following if 2 * following <= longest else 1\n    return dilations"), says="should have 3 items"),
        Mistake("the limit inserted", edit("2 * following if 2 * following <= longest else 1", "2 * following if 2 * following <= longest else longest if following < longest else 1"), says="the schedule for"),
        Mistake("triples", edit("following = 2 * following if 2 * following <= longest else 1", "following = 3 * following if 3 * following <= longest else 1"), says="the schedule for"),
        Mistake("grows by the kernel size", edit("following = 2 * following if 2 * following <= longest else 1", "following = kernel_size * following if kernel_size * following <= longest else 1"), says="the schedule for"),
        Mistake("turned round", edit("    return dilations", "    return dilations[::-1]"), says="the schedule for"),
        Mistake("a tuple", edit("    return dilations", "    return tuple(dilations)"), says="list"),
        Mistake("the last dilation cut to fit", """
            def dilation_schedule(reach, kernel_size, longest):
                chosen, d = [], 1
                while receptive_field(kernel_size, chosen) < reach:
                    need = -(-(reach - receptive_field(kernel_size, chosen)) // (kernel_size - 1))
                    chosen.append(min(d, need))
                    d = 2 * d if 2 * d <= longest else 1
                return chosen
        """, says="the schedule for 101 places"),
        Mistake("up and down again", edit("following = 2 * following if 2 * following <= longest else 1", "following = 2 * following if 2 * following <= longest else max(1, following // 2)"), says="the schedule for 9 places"),
    ],
    alternatives=[
        Alternative("with cycle and its own sum", """
            from itertools import cycle
            def dilation_schedule(reach, kernel_size, longest):
                one_round = [2 ** k for k in range(longest.bit_length())]
                chosen, seen = [], 1
                for d in cycle(one_round):
                    if seen >= reach:
                        return chosen
                    chosen.append(d)
                    seen += (kernel_size - 1) * d
        """),
        Alternative("by the number of the layer", """
            def dilation_schedule(reach, kernel_size, longest):
                length = int(math.log2(longest)) + 1
                layers = 0
                while receptive_field(kernel_size, [2 ** (k % length) for k in range(layers)]) < reach:
                    layers += 1
                return [2 ** (k % length) for k in range(layers)]
        """),
        Alternative("recursive", """
            def dilation_schedule(reach, kernel_size, longest):
                def more(chosen):
                    if receptive_field(kernel_size, chosen) >= reach:
                        return chosen
                    after = chosen[-1] * 2 if chosen else 1
                    return more(chosen + [after if after <= longest else 1])
                return more([])
        """),
    ],
    same_program={},
)

BLOCK = Exercise(
    mistakes=[
        Mistake("filter and gate swapped", edit("filtered, gate =", "gate, filtered ="), says="the results of the tiny example"),
        Mistake("no gate", edit(" * torch.sigmoid(gate)", ""), says="the results of the tiny example"),
        Mistake("tanh for the gate", edit("torch.sigmoid(gate)", "torch.tanh(gate)"), says="the results of the tiny example"),
        Mistake("sigmoid for the filter", edit("torch.tanh(filtered)", "torch.sigmoid(filtered)"), says="the results of the tiny example"),
        Mistake("no tanh", edit("torch.tanh(filtered)", "filtered"), says="the results of the tiny example"),
        Mistake("added", edit("torch.tanh(filtered) * torch", "torch.tanh(filtered) + torch"), says="the results of the tiny example"),
        Mistake("no residual", edit("return x + F", "return F"), says="the results of the tiny example"),
        Mistake("past not handed on", edit("dilation, past)", "dilation)"), says="the past is not used"),
        Mistake("dilation not handed on", edit("*conv, dilation, past)", "*conv, 1, past)"), says="what goes to the skip connections"),
        Mistake("skip of the new x", edit("F.linear(z, *skip)", "F.linear(x + F.linear(z, *residual), *skip)"), says="the results of the tiny example"),
        Mistake("skip and residual swapped", edit("x + F.linear(z, *residual), F.linear(z, *skip)", "x + F.linear(z, *skip), F.linear(z, *residual)"), says="the results of the tiny example"),
        Mistake("results swapped", edit("x + F.linear(z, *residual), F.linear(z, *skip)", "F.linear(z, *skip), x + F.linear(z, *residual)"), says="the results of the tiny example"),
        Mistake("no bias of skip", edit("F.linear(z, *skip)", "F.linear(z, skip[0])"), says="the bias of skip is missing"),
        Mistake("no bias of residual", edit("F.linear(z, *residual)", "F.linear(z, residual[0])"), says="the bias of residual is missing"),
        Mistake("only the next x", edit(", F.linear(z, *skip)", ""), says="should return two tensors"),
        Mistake("even and odd", edit("causal_conv1d(x, *conv, dilation, past).chunk(2, -1)", "(lambda y: (y[..., ::2], y[..., 1::2]))(causal_conv1d(x, *conv, dilation, past))"), says="what goes to the skip connections"),
        Mistake("halves of the time", edit(".chunk(2, -1)", ".chunk(2, 1)"), says="not enough values"),
        Mistake("in place", edit("return x + F.linear(z, *residual), F", "x.data += F.linear(z, *residual).detach()\n    return x, F"), says="what goes to the next block"),
        Mistake("no gradient through the gate", edit("torch.sigmoid(gate)", "torch.sigmoid(gate.detach())"), says="a gradient"),
        Mistake("a relu behind", edit("return x + F.linear(z, *residual)", "return torch.relu(x + F.linear(z, *residual))"), says="what goes to the next block"),
        Mistake("sigmoid from exponentials that overflow", edit("torch.sigmoid(gate)", "(gate.exp() / (1 + gate.exp()))"), says="nan"),
        Mistake("no gradient through skip", edit("F.linear(z, *skip)", "F.linear(z.detach(), *skip)"), says="a gradient"),
        Mistake("three results", edit("F.linear(z, *skip)", "F.linear(z, *skip), z"), says="should return two tensors"),
        Mistake("half the variance", edit("x + F.linear(z, *residual)", "(x + F.linear(z, *residual)) * 0.5**0.5"), says="the results of the tiny example"),
    ],
    alternatives=[
        Alternative("with matrices and slices", """
            def gated_residual_block(x, conv, residual, skip, dilation, past=None):
                weight, bias = conv
                both = causal_conv1d(x, weight, bias, dilation=dilation, past=past)
                hidden = weight.shape[0] // 2
                z = both[:, :, :hidden].tanh() * both[:, :, hidden:].sigmoid()
                return x + (z @ residual[0].T + residual[1]), z @ skip[0].T + skip[1]
        """),
        Alternative("two convolutions, and torch's own layer", """
            def gated_residual_block(x, conv, residual, skip, dilation, past=None):
                h = len(conv[1]) // 2
                if past is None:
                    past = x.new_zeros(len(x), dilation * (conv[0].shape[2] - 1), x.shape[2])
                line = torch.cat([past, x], dim=1).transpose(1, 2)
                f = F.conv1d(line, conv[0][:h], conv[1][:h], dilation=dilation)
                g = F.conv1d(line, conv[0][h:], conv[1][h:], dilation=dilation)
                z = (torch.tanh(f) * torch.sigmoid(g)).transpose(1, 2)
                onward = F.linear(z, residual[0], residual[1]) + x
                return [onward, F.linear(z, skip[0], skip[1])]
        """),
        Alternative("one matrix for both", """
            def gated_residual_block(x, conv, residual, skip, dilation, past=None):
                f, g = causal_conv1d(x, *conv, dilation, past).split(len(conv[1]) // 2, dim=-1)
                both = F.linear(torch.sigmoid(g).mul(torch.tanh(f)), torch.cat([residual[0], skip[0]]), torch.cat([residual[1], skip[1]]))
                onward, out = both.split([x.shape[-1], len(skip[1])], -1)
                return x + onward, out
        """),
    ],
    same_program={},
)

MU_LAW = Exercise(
    mistakes=[
        Mistake("mu is levels", edit("mu, x = levels - 1, x.clamp(-1, 1)", "mu, x = levels, x.clamp(-1, 1)", "math.log(levels)", "math.log(1 + levels)"), says="the ids of some sound"),
        Mistake("rounded down", edit(" + 0.5).floor()", ").floor()"), says="add one half"),
        Mistake("no sign", edit("y = torch.sign(x) * torch.log1p", "y = torch.log1p"), says="the sign is missing"),
        Mistake("no logarithm", edit("torch.sign(x) * torch.log1p(mu * x.abs()) / math.log(levels)", "x"), says="the logarithm is missing"),
        Mistake("always 256", edit("mu, x = levels - 1, x", "mu, x = 255, x", "math.log(levels)", "math.log(256)"), says="levels is not used"),
        Mistake("mu 255 in the curve", edit("torch.log1p(mu * x.abs()) / math.log(levels)", "torch.log1p(255 * x.abs()) / math.log(256)"), says="in the logarithm too"),
        Mistake("not clamped", edit("x.clamp(-1, 1)", "x"), says="count as -1 and 1"),
        Mistake("a float tensor", edit(".floor().long()", ".floor()"), says="tensor of int64"),
        Mistake("round to even", edit("((y + 1) / 2 * mu + 0.5).floor().long()", "((y + 1) / 2 * mu).round().long()"), says="6.5 is rounded up"),
        Mistake("bytes", edit(".floor().long()", ".floor().to(torch.uint8)"), says="tensor of int64"),
        Mistake("decode: no power", edit("torch.sign(y) * (levels ** y.abs() - 1) / mu", "y"), says="the power is missing"),
        Mistake("decode: base mu", edit("levels ** y.abs()", "mu ** y.abs()"), says="has the base 1 + mu"),
        Mistake("decode: no sign", edit("torch.sign(y) * (levels", "(levels"), says="the sign is missing"),
        Mistake("decode: 1 not subtracted", edit("(levels ** y.abs() - 1)", "levels ** y.abs()"), says="subtract 1"),
        Mistake("decode: always 256", edit("mu = levels - 1\n    y", "mu, levels = 255, 256\n    y"), says="the sound of all ids"),
        Mistake("decode: double", edit("ids.float()", "ids.double()"), says="should return float32"),
        Mistake("decode: middle of the step", edit("2 * ids.float() / mu - 1", "2 * (ids.float() + 0.5) / levels - 1"), says="the sound of four ids"),
        Mistake("log of base mu", edit("math.log(levels)", "math.log(mu)"), says="the ids of a grid"),
        Mistake("clamps in place", edit("mu, x = levels - 1, x.clamp(-1, 1)", "mu, x = levels - 1, x.clamp_(-1, 1)"), says="your sound after the call"),
        Mistake("nan at zero", edit("torch.sign(x) * torch", "x / x.abs() * torch"), says="the id of silence"),
        Mistake("ids through bytes", edit(".floor().long()", ".floor().to(torch.uint8).long()"), says="1000 levels"),
        Mistake("equal bins", edit("((y + 1) / 2 * mu + 0.5).floor()", "((y + 1) / 2 * levels).floor().clamp(max=levels - 1)"), says="the ids of some sound"),
    ],
    alternatives=[
        Alternative("with where and log", """
            def mu_law_encode(x, levels=256):
                mu = levels - 1
                x = torch.where(x > 1, 1.0, torch.where(x < -1, -1.0, x.double()))
                y = torch.log(1 + mu * x.abs()) / torch.log(torch.tensor(1.0 + mu, dtype=torch.float64))
                y = torch.where(x < 0, -y, y)
                return torch.floor(0.5 + mu * (y + 1) * 0.5).to(torch.int64)
            def mu_law_decode(ids, levels=256):
                mu = levels - 1
                y = ids / mu * 2 - 1
                x = ((y.abs() * math.log(levels)).exp() - 1) / mu
                return torch.copysign(x, y).float()
        """),
        Alternative("numpy", """
            import numpy as np
            def mu_law_encode(x, levels=256):
                mu, values = levels - 1, np.clip(x.numpy().astype(np.float64), -1, 1)
                y = np.sign(values) * np.log1p(mu * np.abs(values)) / np.log(levels)
                return torch.from_numpy(np.floor((y + 1) / 2 * mu + 0.5).astype(np.int64).reshape(values.shape))
            def mu_law_decode(ids, levels=256):
                y = 2 * ids.numpy().astype(np.float64) / (levels - 1) - 1
                return torch.from_numpy((np.sign(y) * np.expm1(np.abs(y) * np.log(levels)) / (levels - 1)).astype(np.float32))
        """),
        Alternative("edges and a table", """
            def mu_law_encode(x, levels=256):
                mu, x = levels - 1, x.double().clamp(-1, 1)
                y = x.sign() * torch.log(1 + mu * x.abs()) / math.log(1 + mu)
                edges = (torch.arange(mu, dtype=torch.float64) + 0.5) / mu * 2 - 1
                return torch.bucketize(y, edges, right=True)
            def mu_law_decode(ids, levels=256):
                table = 2 * torch.arange(levels) / (levels - 1) - 1
                return (table.sign() * torch.expm1(table.abs() * math.log(levels)) / (levels - 1))[ids]
        """),
    ],
    same_program={
        "line 9: ((y + 1) / 2 * mu + 0.5).floor(): not called": "the number is at least one half, and long() rounds towards zero",
        "line 17: ids.float(): not called": "an integer tensor divided by a number is float32",
    },
)

GENERATE = Exercise(
    mistakes=[
        Mistake("the plain way", """
            def generate_with_cache(model, prompt, steps, pick):
                return generate(model, prompt, steps, pick)
        """, says="should compute each place once"),
        Mistake("the plain way, written out", """
            @torch.no_grad()
            def generate_with_cache(model, prompt, steps, pick):
                ids = prompt
                for _ in range(steps):
                    ids = torch.cat([ids, pick(model(ids)[:, -1])[:, None]], 1)
                return ids
        """, says="should compute each place once"),
        Mistake("no past", edit("x, skip = layer(x, pasts[number])", "x, skip = layer(x)"), says="all ids"),
        Mistake("the past never moves", edit("            pasts[number] = line[:, piece.shape[1] :]\n", ""), says="all ids"),
        Mistake("outputs in the past", edit("            line = torch.cat([pasts[number], x], 1)\n            x, skip = layer(x, pasts[number])\n", "            x, skip = layer(x, pasts[number])\n            line = torch.cat([pasts[number], x], 1)\n"), says="all ids"),
        Mistake("only the last skip", edit("total = total + skip", "total = skip"), says="id"),
        Mistake("head of x", edit("model.head(total[:, -1])", "model.head(x[:, -1])"), says="the first new id"),
        Mistake("first place in place of the last", edit("total[:, -1]", "total[:, 0]"), says="the first new id"),
        Mistake("new ids alone", edit("    return ids", "    return ids[:, prompt.shape[1] :]"), says="should have shape"),
        Mistake("one step too many", edit("range(steps)", "range(steps + 1)"), says="should have shape"),
        Mistake("one step too few", edit("range(steps)", "range(steps - 1)"), says="should have shape"),
        Mistake("greedy always", edit("pick(model.head(total[:, -1]))", "model.head(total[:, -1]).argmax(-1)"), says="id"),
        Mistake("picks twice", edit("piece = pick(model.head(total[:, -1]))[:, None]", "pick(model.head(total[:, -1]))\n        piece = pick(model.head(total[:, -1]))[:, None]"), says="id"),
        Mistake("the queue is too short", edit("pasts[number] = line[:, piece.shape[1] :]", "pasts[number] = line[:, -1:]"), says=""),
        Mistake("the prompt's last id only", edit("ids = piece = prompt", "ids, piece = prompt, prompt[:, -1:]"), says="new id"),
        Mistake("prompt read twice", edit("    ids = piece = prompt", "    model(prompt)\n    ids = piece = prompt"), says="should compute each place once"),
        Mistake("random past", edit(".new_zeros(len(prompt), layer.reach, channels)", ".new_ones(len(prompt), layer.reach, channels)"), says="id"),
        Mistake("probabilities for logits", edit("pick(model.head(total[:, -1]))", "pick(model.head(total[:, -1]).softmax(-1))"), says="new id"),
        Mistake("logits with a length", edit("piece = pick(model.head(total[:, -1]))[:, None]", "piece = pick(model.head(total[:, -1:]))"), says=""),
        Mistake("freezes the weights", edit("    ids = piece = prompt", "    model.requires_grad_(False)\n    ids = piece = prompt"), says="go on asking for gradients"),
        Mistake("one past for all layers", edit("line = torch.cat([pasts[number], x], 1)", "line = torch.cat([pasts[0][:, :0], F.pad(x, (0, 0, layer.reach, 0))], 1)"), says="all ids"),
        Mistake("empties the prompt", edit("    return ids", "    prompt.zero_()\n    return ids"), says="your prompt after the call"),
        Mistake("one past for all rows", edit("line[:, piece.shape[1] :]", "line[:1, piece.shape[1] :].expand(len(prompt), -1, -1)"), says="all ids"),
        Mistake("picks row by row", edit("pick(model.head(total[:, -1]))", "torch.stack([pick(row[None])[0] for row in model.head(total[:, -1])])"), says="the shapes of the logits"),
    ],
    alternatives=[
        Alternative("deques of single places", """
            from collections import deque
            @torch.no_grad()
            def generate_with_cache(model, prompt, steps, pick):
                queues = [deque(torch.zeros_like(model.embedding(prompt[:, 0])) for _ in range(layer.reach)) for layer in model.layers]
                def feed(ids):
                    x, total = model.embedding(ids)[:, None], 0
                    for layer, queue in zip(model.layers, queues):
                        past = torch.stack(list(queue), 1)
                        queue.append(x[:, 0])
                        queue.popleft()
                        x, skip = layer(x, past)
                        total = total + skip
                    return model.head(total)[:, 0]
                for column in prompt.unbind(1):
                    logits = feed(column)
                new = []
                for step in range(steps):
                    new.append(pick(logits))
                    logits = feed(new[-1])
                return torch.cat([prompt, torch.stack(new, 1)], 1)
        """),
        Alternative("the prompt at once, then steps", """
            def generate_with_cache(model, prompt, steps, pick):
                with torch.no_grad():
                    x, total, pasts = model.embedding(prompt), 0, []
                    for layer in model.layers:
                        line = F.pad(x, (0, 0, layer.reach, 0))
                        pasts.append(line[:, line.shape[1] - layer.reach :])
                        x, skip = layer(x)
                        total = total + skip
                    new = [pick(model.head(total)[:, -1])]
                    while len(new) < steps:
                        x, total, next_pasts = model.embedding(new[-1].unsqueeze(1)), 0, []
                        for layer, past in zip(model.layers, pasts):
                            next_pasts.append(torch.cat([past[:, 1:], x], 1))
                            x, skip = layer(x, past=past)
                            total = total + skip
                        pasts = next_pasts
                        new.append(pick(model.head(total[:, 0])))
                    return torch.cat([prompt] + [ids[:, None] for ids in new], dim=1)
        """),
        Alternative("one long line a layer", """
            @torch.no_grad()
            def generate_with_cache(model, prompt, steps, pick):
                rows, length = prompt.shape
                weight = model.embedding.weight
                lines = [torch.zeros(rows, layer.reach + length + steps, weight.shape[1], dtype=weight.dtype) for layer in model.layers]
                ids = torch.empty(rows, length + steps, dtype=torch.int64)
                ids[:, :length] = prompt
                for t in range(length + steps - 1):
                    x, total = model.embedding(ids[:, t : t + 1]), 0.0
                    for line, layer in zip(lines, model.layers):
                        line[:, layer.reach + t] = x[:, 0]
                        x, skip = layer(x, line[:, t : t + layer.reach])
                        total = total + skip
                    if t >= length - 1:
                        ids[:, t + 1] = pick(model.head(total[:, 0]))
                return ids
        """),
    ],
    same_program={},
)

EXERCISES = {
    "causal_conv1d": CONVOLUTION,
    "receptive_field": FIELD,
    "dilation_schedule": SCHEDULE,
    "gated_residual_block": BLOCK,
    "mu_law": MU_LAW,
    "generate_with_cache": GENERATE,
}
