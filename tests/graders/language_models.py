"""Wrong and right programs for lesson 03."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

NGRAM_COUNTS = Exercise(
    mistakes=[
        Mistake("last token left out", edit("range(order - 1, len(ids))", "range(order - 1, len(ids) - 1)"), says="last token is left out"),
        Mistake("context too long", """
            def ngram_counts(ids, order):
                counts = {}
                for end in range(order, len(ids)):
                    row = counts.setdefault(tuple(ids[end - order:end]), {})
                    row[ids[end]] = row.get(ids[end], 0) + 1
                return counts
        """, says="should have order - 1"),
        Mistake("counted once each", edit("followers.get(ids[end], 0) + 1", "1"), says="counted once each"),
        Mistake("whole n-grams", """
            def ngram_counts(ids, order):
                counts = {}
                for k in range(len(ids) - order + 1):
                    gram = tuple(ids[k:k + order])
                    counts[gram] = counts.get(gram, 0) + 1
                return counts
        """, says="counts of whole n-grams"),
        Mistake("context behind", """
            def ngram_counts(ids, order):
                counts = {}
                for k in range(len(ids) - order + 1):
                    row = counts.setdefault(tuple(ids[k + 1:k + order]), {})
                    row[ids[k]] = row.get(ids[k], 0) + 1
                return counts
        """, says="before the token, not behind it"),
        Mistake("context reversed", edit("tuple(ids[end - order + 1 : end])", "tuple(reversed(ids[end - order + 1 : end]))"), says="keep their order"),
        Mistake("context sorted", edit("tuple(ids[end - order + 1 : end])", "tuple(sorted(ids[end - order + 1 : end]))"), says="ngram_counts([1, 2, 1, 2, 1, 3], 3)"),
        Mistake("no empty context", edit("range(order - 1, len(ids))", "range(max(1, order - 1), len(ids))"), says="ngram_counts([1, 2, 1, 2, 1, 3], 1)"),
    ],
    alternatives=[
        Alternative("with defaultdict and Counter", """
            from collections import Counter, defaultdict

            def ngram_counts(ids, order):
                counts = defaultdict(Counter)
                for gram in zip(*(ids[k:] for k in range(order))):
                    counts[gram[:-1]][gram[-1]] += 1
                return counts
        """),
        Alternative("by starts", """
            def ngram_counts(ids, order):
                table = {}
                place = 0
                while place + order <= len(ids):
                    *context, token = ids[place:place + order]
                    context = tuple(context)
                    if context not in table:
                        table[context] = {}
                    if token not in table[context]:
                        table[context][token] = 0
                    table[context][token] += 1
                    place += 1
                return table
        """),
    ],
)

CONTINUATION_COUNTS = Exercise(
    mistakes=[
        Mistake("occurrences", """
            def continuation_counts(longer):
                counts = {}
                for context, followers in longer.items():
                    row = counts.setdefault(context[1:], {})
                    for token, count in followers.items():
                        row[token] = row.get(token, 0) + count
                return counts
        """, says="these are occurrences"),
        Mistake("last token dropped", edit("context[1:]", "context[:-1]"), says="drop the first token"),
        Mistake("not added up", edit("shorter.get(token, 0) + 1", "1"), says="add up over all left neighbours"),
        Mistake("context kept", edit("context[1:]", "context"), says="keep all their tokens"),
        Mistake("one number a context", """
            def continuation_counts(longer):
                counts = {}
                for context, followers in longer.items():
                    counts.setdefault(context[1:], set()).update(followers)
                return {context: len(tokens) for context, tokens in counts.items()}
        """, says="a count for each follower"),
        Mistake("started anew", edit("counts.setdefault(context[1:], {})", "counts[context[1:]] = {}"), says="the continuation counts"),
    ],
    alternatives=[
        Alternative("with sets of left neighbours", """
            def continuation_counts(longer):
                left = {}
                for context, followers in longer.items():
                    for token in followers:
                        left.setdefault((context[1:], token), set()).add(context[0])
                counts = {}
                for (context, token), neighbours in left.items():
                    counts.setdefault(context, {})[token] = len(neighbours)
                return counts
        """),
        Alternative("with Counter", """
            from collections import Counter

            def continuation_counts(longer):
                flat = Counter((tuple(list(c)[1:]), t) for c in longer for t in longer[c])
                return {c: {t: n for (d, t), n in flat.items() if d == c} for c in {c for c, _ in flat}}
        """),
    ],
)

KNESER_NEY = Exercise(
    mistakes=[
        Mistake("nothing given", edit(" + taken * value) / total", ") / total"), says="not given to the shorter context"),
        Mistake("nothing taken", edit("(count - discount[min(count, 3)] + taken", "(count + taken"), says="nothing is taken"),
        Mistake("absent tokens get nothing", edit("count = followers.get(token, 0)", "count = followers.get(token, 0)\n            if not count:\n                value = 0\n                continue"), says="has its share of the shorter context"),
        Mistake("no even share", edit("value = 1 / vocab_size", "value = 1"), says="the even share is missing"),
        Mistake("longest only", """
            def kneser_ney(tables, discounts, context, token, vocab_size):
                for length in reversed(range(len(tables))):
                    row = tables[length].get(context[len(context) - length:] if length <= len(context) else None)
                    if row:
                        take = {t: discounts[length][min(c, 3)] for t, c in row.items()}
                        return (row.get(token, 0) - take.get(token, 0) + sum(take.values()) / vocab_size) / sum(row.values())
                return 1 / vocab_size
        """, says="only the longest context is used"),
        Mistake("first tokens of the context", edit("context[len(context) - length :]", "context[:length]"), says="cut the context to its last tokens"),
        Mistake("changes the tables", edit("table.get(context[len(context) - length :])", "table.setdefault(context[len(context) - length :], {})"), says="your tables after the calls"),
        Mistake("minus length", edit("context[len(context) - length :]", "context[-length:]"), says="the probabilities"),
        Mistake("unknown context gives zero", edit("        if followers:\n", "        if not followers:\n            return 0\n        else:\n"), says="gives way to the next shorter one"),
        Mistake("discount of 3 for all above 1", edit("taken = sum(discount[min(count, 3)]", "taken = sum(discount[3 if count > 1 else 1]"), says="after 5, 7"),
    ],
    alternatives=[
        Alternative("recursive", """
            def kneser_ney(tables, discounts, context, token, vocab_size):
                if not tables:
                    return 1 / vocab_size
                length = len(tables) - 1
                below = kneser_ney(tables[:-1], discounts[:-1], context, token, vocab_size)
                if length > len(context):
                    return below
                row = tables[length].get(tuple(context[len(context) - length:]))
                if row is None:
                    return below
                kinds = [sum(c == 1 for c in row.values()), sum(c == 2 for c in row.values()), sum(c > 2 for c in row.values())]
                freed = sum(number * discounts[length][i] for i, number in enumerate(kinds, 1))
                own = row.get(token, 0)
                total = sum(row.values())
                return max(0, own - discounts[length][min(own, 3)]) / total + freed / total * below
        """),
        Alternative("all probabilities at once", """
            def kneser_ney(tables, discounts, context, token, vocab_size):
                chances = {}
                rest = 1 / vocab_size
                for length in range(min(len(tables), len(context) + 1)):
                    row = tables[length].get(context[len(context) - length:], {})
                    if not row:
                        break
                    total = sum(row.values())
                    weight = sum(discounts[length][min(c, 3)] for c in row.values()) / total
                    old, chances = chances, {}
                    for word in {token, *row, *old}:
                        count = row.get(word, 0)
                        chances[word] = (count - discounts[length][min(count, 3)]) / total + weight * old.get(word, rest)
                    rest *= weight
                return chances.get(token, rest)
        """),
    ],
    same_program={
        "line 17: min(count, 3): arguments swapped": "the smaller of two integers is the same in either order",
        "line 19: min(count, 3): arguments swapped": "the smaller of two integers is the same in either order",
    },
)

CROSS_ENTROPY = Exercise(
    mistakes=[
        Mistake("sum", edit("- chosen).mean()", "- chosen).sum()"), says="sum over all places"),
        Mistake("sign", edit("(shifted.exp().sum(-1).log() - chosen)", "(chosen - shifted.exp().sum(-1).log())"), says="the minus is missing"),
        Mistake("bits", edit(".mean()", ".mean() / math.log(2)"), says="in bits"),
        Mistake("no logarithm of the sum", "def cross_entropy(logits, targets): return -logits.gather(-1, targets[..., None]).mean()", says="the logarithm of the sum is missing"),
        Mistake("mean over the vocabulary", "def cross_entropy(logits, targets): return -(logits - logits.exp().sum(-1, keepdim=True).log()).mean()", says="over the vocabulary too"),
        Mistake("wrong axis", """
            def cross_entropy(logits, targets):
                dim = 1 if logits.ndim == 3 else -1
                log_p = logits - logits.exp().sum(dim, keepdim=True).log()
                return -log_p.gather(-1, targets[..., None]).mean()
        """, says="run over the last axis"),
        Mistake("mean probability", "def cross_entropy(logits, targets): return (logits - logits.exp().sum(-1, keepdim=True).log()).exp().gather(-1, targets[..., None]).mean()", says="mean probability"),
        Mistake("overflows", edit("logits - logits.amax(-1, keepdim=True)", "logits"), says="overflow"),
        Mistake("logarithm of a probability that is 0", edit("(shifted.exp().sum(-1).log() - chosen).mean()", "-(chosen.exp() / shifted.exp().sum(-1)).log().mean()"), says="overflow"),
        Mistake("one maximum for all places", edit("logits.amax(-1, keepdim=True)", "logits.max()"), says="the loss of"),
        Mistake("ready-made", "def cross_entropy(logits, targets): return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))", says="write it yourself"),
        Mistake("changes the logits", edit("shifted = logits - logits.amax(-1, keepdim=True)", "shifted = logits\n    shifted.data -= logits.amax(-1, keepdim=True)"), says="your logits after the call"),
        Mistake("leaves the graph", edit("    return (", "    shifted, chosen = shifted.detach(), chosen.detach()\n    return ("), says="does not require grad"),
    ],
    alternatives=[
        Alternative("flattened, one-hot", """
            def cross_entropy(logits, targets):
                rows = logits.reshape(-1, logits.shape[-1])
                rows = rows - rows.max(dim=1, keepdim=True).values.detach()
                hot = torch.nn.functional.one_hot(targets.reshape(-1), rows.shape[1]).to(rows.dtype)
                return (torch.log(torch.exp(rows).sum(1)) - (rows * hot).sum(1)).mean()
        """),
        Alternative("indexing row by row", """
            def cross_entropy(logits, targets):
                total, places = 0, 0
                for row, target in zip(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)):
                    top = row.max()
                    total = total + top + (row - top).exp().sum().log() - row[target]
                    places += 1
                return total / places
        """),
    ],
    same_program={
        "line 10: 0 -> -1": "the axis has one entry, which is the first and the last",
    },
)

BITS_PER_BYTE = Exercise(
    mistakes=[
        Mistake("nats", edit(" / math.log(2)", ""), says="in nats"),
        Mistake("per token", "def bits_per_byte(nats_per_token, tokens, text): return nats_per_token / math.log(2)", says="bits per token"),
        Mistake("multiplied by log 2", edit("/ math.log(2)", "* math.log(2)"), says="not multiplied"),
        Mistake("whole text", edit(" / len(text.encode())", ""), says="cost of the whole text"),
        Mistake("swapped", "def bits_per_byte(nats_per_token, tokens, text): return nats_per_token / math.log(2) * len(text.encode()) / tokens", says="changed places"),
        Mistake("line ends left out", edit("text.encode()", "''.join(text.split(chr(10))).encode()"), says="bits_per_byte(1.25, 1000"),
        Mistake("characters", edit("text.encode()", "text"), says="9 characters but 14 bytes"),
    ],
    alternatives=[
        Alternative("log2 of e", "def bits_per_byte(nats_per_token, tokens, text): return math.log2(math.exp(1)) * (nats_per_token * tokens) / len(bytes(text, 'utf-8'))"),
        Alternative("in steps", """
            def bits_per_byte(nats_per_token, tokens, text):
                whole = 0.0
                for _ in range(tokens):
                    whole += nats_per_token / 0.6931471805599453
                return whole / sum(1 for _ in text.encode("utf8"))
        """),
    ],
)

GET_BATCH = Exercise(
    mistakes=[
        Mistake("targets are the inputs", edit("rows[:, 1:]", "rows[:, :-1]"), says="one token later than the inputs"),
        Mistake("inputs and targets swapped", edit("rows[:, :-1], rows[:, 1:]", "rows[:, 1:], rows[:, :-1]"), says="one token earlier"),
        Mistake("two later", """
            def get_batch(ids, batch_size, length, generator):
                starts = torch.randint(len(ids) - length - 1, (batch_size,), generator=generator)
                rows = torch.stack([ids[s:s + length + 2] for s in starts])
                return rows[:, :-2], rows[:, 2:]
        """, says="two tokens later"),
        Mistake("last start never drawn", edit("len(ids) - length,", "len(ids) - length - 1,"), says="the starts of"),
        Mistake("the same rows in every call", edit("    starts =", "    generator.manual_seed(generator.initial_seed())\n    starts ="), says="should be a new draw"),
        Mistake("every row twice", edit("(batch_size,), generator=generator)", "((batch_size + 1) // 2,), generator=generator).repeat(2)[:batch_size]"), says="should be a new draw"),
        Mistake("one row loses its axis", edit("return rows[:, :-1], rows[:, 1:]", "return rows[:, :-1].squeeze(0), rows[:, 1:].squeeze(0)"), says="the inputs of one row"),
        Mistake("start 0 never drawn", edit("torch.randint(len(ids) - length,", "torch.randint(1, len(ids) - length,"), says="the starts of"),
        Mistake("generator not used", edit(", generator=generator", ""), says="with the generator that is given"),
        Mistake("rows side by side", """
            def get_batch(ids, batch_size, length, generator):
                start = torch.randint(len(ids) - length, (1,), generator=generator)
                starts = (start + torch.arange(batch_size)) % (len(ids) - length)
                rows = torch.stack([ids[s:s + length + 1] for s in starts])
                return rows[:, :-1], rows[:, 1:]
        """, says="pairs of starts"),
        Mistake("one row only", edit("(batch_size,)", "(1,)"), says="should have shape"),
        Mistake("transposed", edit("torch.stack([ids[start : start + length + 1] for start in starts])", "torch.stack([ids[start : start + length + 1] for start in starts]).T"), says="should have shape"),
    ],
    alternatives=[
        Alternative("by indexing", """
            def get_batch(ids, batch_size, length, generator):
                starts = torch.randint(0, len(ids) - length, (batch_size, 1), generator=generator)
                places = starts + torch.arange(length)
                return ids[places], ids[places + 1]
        """),
        Alternative("unfold", """
            def get_batch(ids, batch_size, length, generator):
                windows = ids.unfold(0, length + 1, 1)
                rows = windows[torch.randint(high=windows.shape[0], size=[batch_size], generator=generator)]
                return rows[..., :length].contiguous(), rows[..., 1:].contiguous()
        """),
    ],
)

LR_SCHEDULE = Exercise(
    mistakes=[
        Mistake("first rate 0", edit("(step + 1) / warmup_steps", "step / warmup_steps"), says="a rate of 0"),
        Mistake("no warm-up", edit("step < warmup_steps", "False", "(step - warmup_steps) / (total_steps - warmup_steps)", "max(0, (step - warmup_steps) / (total_steps - warmup_steps))"), says="the warm-up is missing"),
        Mistake("warm-up from min_lr", edit("return max_lr * (step + 1) / warmup_steps", "return min_lr + (max_lr - min_lr) * (step + 1) / warmup_steps"), says="begin near 0"),
        Mistake("straight line", edit("(1 + math.cos(math.pi * t)) / 2", "(1 - t)"), says="straight line down"),
        Mistake("cosine from step 0", edit("(step - warmup_steps) / (total_steps - warmup_steps)", "step / total_steps"), says="at the end of the warm-up, not at step 0"),
        Mistake("down to 0", edit("min_lr + (max_lr - min_lr)", "max_lr"), says="falls to 0"),
        Mistake("min on top", edit("(max_lr - min_lr)", "max_lr"), says="on top of max_lr"),
        Mistake("rises again", edit("min(1, (step - warmup_steps) / (total_steps - warmup_steps))", "(step - warmup_steps) / (total_steps - warmup_steps)"), says="rises again"),
        Mistake("half of the cosine", edit("math.pi * t", "math.pi * t / 2"), says="the rates of steps 4"),
    ],
    alternatives=[
        Alternative("with sine squared", """
            def lr_schedule(step, warmup_steps, total_steps, max_lr, min_lr):
                if step >= total_steps:
                    return min_lr
                if warmup_steps > 0 and step < warmup_steps:
                    return max_lr / warmup_steps * (1 + step)
                t = (step - warmup_steps) / (total_steps - warmup_steps)
                return max_lr - (max_lr - min_lr) * math.sin(math.pi * t / 2) ** 2
        """),
        Alternative("with torch", """
            def lr_schedule(step, warmup_steps, total_steps, max_lr, min_lr):
                step = torch.tensor(float(step), dtype=torch.float64)
                rise = max_lr * (step + 1) / max(warmup_steps, 1)
                t = ((step - warmup_steps) / (total_steps - warmup_steps)).clamp(0, 1)
                fall = min_lr + 0.5 * (max_lr - min_lr) * (1 + torch.cos(torch.pi * t))
                return float(torch.where(step < warmup_steps, rise, fall))
        """),
    ],
    same_program={
        "line 9: min(1, (step - warmup_steps) / (total_steps - w...: arguments swapped": "the smaller of two numbers is the same in either order",
    },
)

TRAIN_STEP = Exercise(
    mistakes=[
        Mistake("not clipped", edit("    nn.utils.clip_grad_norm_(model.parameters(), max_norm)\n", ""), says="not clipped"),
        Mistake("rate not set", edit('        group["lr"] = lr\n', "        pass\n"), says="learning rate is not set"),
        Mistake("gradients add up", edit("    optimizer.zero_grad()\n", ""), says="still there in the second"),
        Mistake("each clipped alone", edit("    nn.utils.clip_grad_norm_(model.parameters(), max_norm)\n", "    for weight in model.parameters():\n        nn.utils.clip_grad_norm_([weight], max_norm)\n"), says="each matrix is clipped alone"),
        Mistake("no step", edit("    optimizer.step()\n", ""), says="have not moved"),
        Mistake("uphill", edit("loss.backward()", "(-loss).backward()"), says="uphill"),
        Mistake("clipped after the step", edit("    nn.utils.clip_grad_norm_(model.parameters(), max_norm)\n    optimizer.step()\n", "    optimizer.step()\n    nn.utils.clip_grad_norm_(model.parameters(), max_norm)\n"), says="not clipped"),
        Mistake("gradients cleared after backward", edit("    optimizer.zero_grad()\n    loss.backward()\n", "    loss.backward()\n    optimizer.zero_grad()\n"), says="have not moved"),
        Mistake("returns a tensor", edit("loss.item()", "loss"), says="as a Python number"),
        Mistake("loss after the step", edit("return loss.item()", "return cross_entropy(model(inputs), targets).item()"), says="the loss of the first step"),
        Mistake("forgets the optimizer's state", edit("    optimizer.step()\n", "    optimizer.state.clear()\n    optimizer.step()\n"), says="the steps AdamW counted"),
        Mistake("clipped by value", edit("clip_grad_norm_", "clip_grad_value_"), says="the weights after two steps"),
        Mistake("only the first group", edit("for group in optimizer.param_groups:", "for group in optimizer.param_groups[:1]:"), says="the weights after three steps"),
        Mistake("inputs for targets", edit("cross_entropy(model(inputs), targets)", "cross_entropy(model(inputs), inputs)"), says="the loss of the first step"),
    ],
    alternatives=[
        Alternative("clipping written out", """
            def train_step(model, optimizer, inputs, targets, lr, max_norm):
                model.zero_grad()
                logits = model(inputs)
                loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
                loss.backward()
                weights = [p for p in model.parameters() if p.grad is not None]
                norm = math.sqrt(sum((p.grad ** 2).sum().item() for p in weights))
                if norm > max_norm:
                    for p in weights:
                        p.grad *= max_norm / norm
                for group in optimizer.param_groups:
                    group.update(lr=lr)
                optimizer.step()
                return float(loss)
        """),
        Alternative("with autograd.grad and clearing at the end", """
            def train_step(model, optimizer, inputs, targets, lr, max_norm):
                optimizer.zero_grad(set_to_none=True)
                parameters = list(model.parameters())
                loss = cross_entropy(model(inputs), targets)
                for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters)):
                    parameter.grad = gradient
                torch.nn.utils.clip_grad_norm_(parameters, max_norm)
                for group in optimizer.param_groups:
                    group["lr"] = lr
                optimizer.step()
                optimizer.zero_grad()
                return loss.detach().item()
        """),
    ],
)

EXERCISES = {
    "ngram_counts": NGRAM_COUNTS,
    "continuation_counts": CONTINUATION_COUNTS,
    "kneser_ney": KNESER_NEY,
    "cross_entropy": CROSS_ENTROPY,
    "bits_per_byte": BITS_PER_BYTE,
    "get_batch": GET_BATCH,
    "lr_schedule": LR_SCHEDULE,
    "train_step": TRAIN_STEP,
}
