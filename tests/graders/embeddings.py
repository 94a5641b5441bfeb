"""Wrong and right programs for lesson 02."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

EXERCISES = {
    "skipgram_pairs": Exercise(
        mistakes=[
            Mistake("window one too short", edit("<= window", "< window"), says="one place too short"),
            Mistake("each pair once", edit("0 < abs(place - other)", "0 < other - place"), says="every place is the centre once"),
            Mistake("same word left out", edit("if 0 < abs", "if context != centre and 0 < abs"), says="compare places, not words"),
            Mistake("its own context", edit("0 < abs(place - other)", "abs(place - other)"), says="not its own context"),
            Mistake("no square root", edit("math.sqrt(threshold * counts.total() / count)", "threshold * counts.total() / count"), says="how often word 0 stays"),
            Mistake("never dropped", edit("if source.random() < keep[word]", ""), says="how often word 0 stays"),
            Mistake("dropped instead of kept", edit("source.random() < keep[word]", "source.random() > 1 - keep[word] ** 2"), says="how often word 0 stays"),
            Mistake("frequency in each sentence", """
                def skipgram_pairs(sentences, window, threshold=math.inf, seed=0):
                    source, pairs = random.Random(seed), []
                    for sentence in sentences:
                        counts = Counter(sentence)
                        kept = [w for w in sentence if source.random() < math.sqrt(threshold * len(sentence) / counts[w])]
                        pairs += [(kept[i], kept[j]) for i in range(len(kept)) for j in range(len(kept)) if i != j and abs(i - j) <= window]
                    return pairs
            """, says="how often word 0 stays"),
            Mistake("gaps stay", """
                def skipgram_pairs(sentences, window, threshold=math.inf, seed=0):
                    counts = Counter(word for sentence in sentences for word in sentence)
                    total, source, pairs = sum(counts.values()), random.Random(seed), []
                    for sentence in sentences:
                        stays = [source.random() < math.sqrt(threshold * total / counts[word]) for word in sentence]
                        for i in range(len(sentence)):
                            for j in range(len(sentence)):
                                if i != j and abs(i - j) <= window and stays[i] and stays[j]:
                                    pairs.append((sentence[i], sentence[j]))
                    return pairs
            """, says="how often the middle word is dropped"),
            Mistake("one draw for each word of the vocabulary", """
                def skipgram_pairs(sentences, window, threshold=math.inf, seed=0):
                    counts = Counter(word for sentence in sentences for word in sentence)
                    source, pairs = random.Random(seed), []
                    stays = {word: source.random() < math.sqrt(threshold * counts.total() / counts[word]) for word in counts}
                    for sentence in sentences:
                        kept = [word for word in sentence if stays[word]]
                        pairs += [(kept[i], kept[j]) for i in range(len(kept)) for j in range(len(kept)) if i != j and abs(i - j) <= window]
                    return pairs
            """, says="how often word 0 stays"),
            Mistake("seed ignored", edit("random.Random(seed)", "random.Random()"), says="The same seed should give the same pairs"),
            Mistake("window one too long", edit("<= window", "<= window + 1"), says="one place too long"),
            Mistake("across sentences", """
                def skipgram_pairs(sentences, window, threshold=math.inf, seed=0):
                    counts = Counter(word for sentence in sentences for word in sentence)
                    source = random.Random(seed)
                    kept = [w for s in sentences for w in s if source.random() < math.sqrt(threshold * counts.total() / counts[w])]
                    return [(kept[i], kept[j]) for i in range(len(kept)) for j in range(max(0, i - window), min(len(kept), i + window + 1)) if i != j]
            """, says="into the next sentence"),
            Mistake("a word counted once a sentence", edit("for word in sentence)", "for word in set(sentence))"), says="how often both occurrences"),
            Mistake("one draw for all words of a sentence", edit("kept = [word for word in sentence if source.random() < keep[word]]", "draw = source.random()\n        kept = [word for word in sentence if draw < keep[word]]"), says="how often both occurrences"),
            Mistake("pairs dropped, not words", edit(" if source.random() < keep[word]", "", "for context in near)", "for context in near if source.random() < keep[centre] * keep[context])"), says="how often"),
            Mistake("an exact share dropped", """
                def skipgram_pairs(sentences, window, threshold=math.inf, seed=0):
                    counts = Counter(word for sentence in sentences for word in sentence)
                    source, places, stays = random.Random(seed), {}, set()
                    for i, sentence in enumerate(sentences):
                        for j, word in enumerate(sentence):
                            places.setdefault(word, []).append((i, j))
                    for word, where in places.items():
                        share = min(1, math.sqrt(threshold * counts.total() / counts[word]))
                        stays.update(source.sample(where, round(share * len(where))))
                    kept = [[word for j, word in enumerate(sentence) if (i, j) in stays] for i, sentence in enumerate(sentences)]
                    return [(s[i], s[j]) for s in kept for i in range(len(s)) for j in range(len(s)) if 0 < abs(i - j) <= window]
            """, says="by a draw of its own"),
            Mistake("sentences changed", edit("kept = [word", "kept = sentence[:] = [word"), says="should stay as they are"),
            Mistake("ready-made where words are dropped", """
                def skipgram_pairs(sentences, window, threshold=math.inf, seed=0):
                    if threshold == math.inf:
                        return [(s[i], s[j]) for s in sentences for i in range(len(s)) for j in range(len(s)) if 0 < abs(i - j) <= window]
                    from course_lib.reference.embeddings import skipgram_pairs as ready
                    size = 1 + max(word for sentence in sentences for word in sentence)
                    pairs = ready(sentences, size, window, threshold, torch.Generator().manual_seed(seed))
                    return list(zip(*(side.tolist() for side in pairs)))
            """, says="write it yourself"),
            Mistake("a tensor", edit("return pairs", "return torch.tensor(pairs)"), says="a list of pairs"),
            Mistake("seed fixed", edit("random.Random(seed)", "random.Random(4)"), says="Another seed"),
        ],
        alternatives=[
            Alternative("with places and torch's generator", """
                def skipgram_pairs(sentences, window, threshold=math.inf, seed=0):
                    generator = torch.Generator().manual_seed(seed)
                    flat = [word for sentence in sentences for word in sentence]
                    share = {word: number / len(flat) for word, number in Counter(flat).items()}
                    result = []
                    for sentence in sentences:
                        draws = torch.rand(len(sentence), generator=generator, dtype=torch.float64).tolist()
                        kept = [word for word, draw in zip(sentence, draws) if draw < min(1.0, math.sqrt(threshold / share[word]))]
                        for i in range(len(kept)):
                            for j in range(i + 1, min(len(kept), i + window + 1)):
                                result.append((kept[i], kept[j]))
                                result.append((kept[j], kept[i]))
                    return result
            """),
            Alternative("a window that slides, python's generator", """
                def skipgram_pairs(sentences, window, threshold=math.inf, seed=0):
                    random.seed(seed)
                    total, counts, pairs = sum(map(len, sentences)), Counter(itertools.chain.from_iterable(sentences)), []
                    for sentence in sentences:
                        before = []
                        for word in sentence:
                            if random.uniform(0, 1) > (threshold * total / counts[word]) ** 0.5:
                                continue
                            for other in before[-window:]:
                                pairs += [(word, other), (other, word)]
                            before.append(word)
                    random.shuffle(pairs)
                    return pairs
            """),
            Alternative("with distances and numpy's generator", """
                def skipgram_pairs(sentences, window, threshold=math.inf, seed=0):
                    import numpy as np
                    generator = np.random.default_rng(seed)
                    total = sum(len(sentence) for sentence in sentences)
                    counts = {}
                    for sentence in sentences:
                        for word in sentence:
                            counts[word] = counts.get(word, 0) + 1
                    def stays(word):
                        chance = (threshold / (counts[word] / total)) ** 0.5
                        return chance >= 1 or generator.random() <= chance
                    pairs = []
                    for sentence in sentences:
                        left = list(filter(stays, sentence))
                        for distance in range(1, window + 1):
                            pairs += list(zip(left, left[distance:])) + list(zip(left[distance:], left))
                    return pairs
            """),
        ],
        same_program={
            "line 17: source.random() < keep[word]: Lt -> LtE": "a random number equals the probability with probability 2**-53",
        },
    ),
    "ppmi": Exercise(
        mistakes=[
            Mistake("not clamped", "def ppmi(counts, shift=0.0):\n    p = counts / counts.sum()\n    return torch.log(p / (p.sum(1, keepdim=True) * p.sum(0))) - shift", says="nothing stays below 0"),
            Mistake("bits", edit("torch.log(", "torch.log2("), says="natural logarithm"),
            Mistake("ratio", "def ppmi(counts, shift=0.0):\n    p = counts / counts.sum()\n    return p / (p.sum(1, keepdim=True) * p.sum(0))", says="its logarithm is missing"),
            Mistake("log1p", edit("torch.log(", "torch.log1p("), says="1 + ratio"),
            Mistake("total forgotten", edit(" / counts.sum()\n", "\n"), says="everything is 0"),
            Mistake("shift ignored", edit("expected) - shift", "expected)"), says="the shift is ignored"),
            Mistake("shift after the maximum", edit("torch.log(counts / expected) - shift", "torch.log(counts / expected)", "surprise.clamp(min=0))", "surprise.clamp(min=0)) - shift"), says="after the maximum"),
            Mistake("shift added", edit("expected) - shift", "expected) + shift"), says="subtract it"),
            Mistake("NaN in empty rows", edit("torch.nan_to_num(surprise.clamp(min=0))", "surprise.clamp(min=0)"), says="not NaN"),
            Mistake("small constant added", edit("torch.log(counts / expected)", "torch.log((counts + 0.01) / (expected + 0.01))"), says="ppmi should be"),
            Mistake("base 10", edit("torch.log(", "torch.log10("), says="to base 10"),
            Mistake("counts of 1 left out", edit("torch.log(counts / expected)", "torch.log(counts * (counts > 1) / expected)"), says="ppmi of 6 rows"),
            Mistake("counts changed", "def ppmi(counts, shift=0.0):\n    counts /= counts.sum()\n    return torch.nan_to_num((torch.log(counts / (counts.sum(1, keepdim=True) * counts.sum(0))) - shift).clamp(min=0))", says="should stay as they are"),
            Mistake("float32 only", edit("expected = ", "counts = counts.float()\n    expected = "), says="in torch.float64"),
            Mistake("square tables only", edit("counts.sum(dim=0)", "counts.sum(dim=1)"), says="size of tensor"),
        ],
        alternatives=[
            Alternative("with logarithms and a mask", """
                def ppmi(counts, shift=0.0):
                    p = counts / counts.sum()
                    table = torch.zeros_like(p)
                    seen = p > 0
                    chance = torch.outer(p.sum(1), p.sum(0))
                    table[seen] = (p[seen].log() - chance[seen].log() - shift).relu()
                    return table
            """),
            Alternative("with loops", """
                def ppmi(counts, shift=0.0):
                    result = torch.zeros(counts.shape, dtype=torch.float64)
                    n = counts.sum().item()
                    for i in range(counts.shape[0]):
                        for j in range(counts.shape[1]):
                            if counts[i, j] > 0:
                                value = math.log(counts[i, j].item() * n / counts[i].sum().item() / counts[:, j].sum().item())
                                result[i, j] = max(0.0, value - shift)
                    return result
            """),
        ],
    ),
    "cosine_similarity": Exercise(
        mistakes=[
            Mistake("dot products", "def cosine_similarity(left, right): return left @ right.T", says="these are dot products"),
            Mistake("one length only", edit(" * right.norm(dim=1)", ""), says="length of left only"),
            Mistake("length of the whole table", edit("left.norm(dim=1, keepdim=True) * right.norm(dim=1)", "(left.norm() * right.norm())"), says="the whole table"),
            Mistake("squares", edit("left.norm(dim=1, keepdim=True) * right.norm(dim=1)", "(left**2).sum(1, keepdim=True) * (right**2).sum(1)"), says="take the square root"),
            Mistake("absolute value", edit("left @ right.T / lengths", "(left @ right.T / lengths).abs()"), says="absolute value"),
            Mistake("NaN for zeros", edit("torch.where(lengths > 0, left @ right.T / lengths, 0)", "left @ right.T / lengths"), says="0 / 0 is NaN"),
            Mistake("rows in pairs", "def cosine_similarity(left, right): return (left * right[: len(left)]).sum(1) / left.norm(dim=1) / right[: len(left)].norm(dim=1)", says="shape (3, 4)"),
            Mistake("ready-made", "def cosine_similarity(left, right): return F.cosine_similarity(left[:, None], right[None], dim=-1)", says="write it yourself"),
            Mistake("distance", edit("left @ right.T / lengths", "1 - left @ right.T / lengths"), says="1 minus this"),
            Mistake("small constant against zeros", "def cosine_similarity(left, right): return left @ right.T / (left.norm(dim=1)[:, None] * right.norm(dim=1) + 1e-8)", says="changes short vectors"),
            Mistake("float32 only", edit("lengths = ", "left, right = left.float(), right.float()\n    lengths = "), says="in torch.float64"),
            Mistake("tables changed", "def cosine_similarity(left, right):\n    for rows in (left, right): rows /= rows.norm(dim=1, keepdim=True).clamp(min=1e-30)\n    return left @ right.T", says="should stay as they are"),
            Mistake("results remembered by shape", "memory = {}\ndef cosine_similarity(left, right):\n    return memory.setdefault((left.shape, right.shape), F.normalize(left) @ F.normalize(right).T)", says="have changed places"),
            Mistake("large constant against zeros", "def cosine_similarity(left, right): return left @ right.T / (left.norm(dim=1)[:, None] * right.norm(dim=1) + 1e-2)", says="the cosines should be"),
        ],
        alternatives=[
            Alternative("scaled rows", """
                def cosine_similarity(left, right):
                    def unit(rows):
                        return torch.nan_to_num(rows / rows.norm(dim=1)[:, None])
                    return unit(left) @ unit(right).T
            """),
            Alternative("with F.normalize", "def cosine_similarity(left, right): return F.normalize(left) @ F.normalize(right).T"),
            Alternative("with loops", """
                def cosine_similarity(left, right):
                    def one(u, v):
                        length = math.sqrt(float((u * u).sum())) * math.sqrt(float((v * v).sum()))
                        return float((u * v).sum()) / length if length else 0.0
                    return torch.tensor([[one(u, v) for v in right] for u in left], dtype=torch.float64)
            """),
        ],
    ),
    "nearest": Exercise(
        mistakes=[
            Mistake("farthest first", edit("-cosines[word]", "cosines[word]"), says="best first"),
            Mistake("dot products", edit("cosine_similarity(query[None], vectors)", "(vectors @ query)[None]"), says="largest dot products"),
            Mistake("distances", edit("cosine_similarity(query[None], vectors)", "-(vectors - query).norm(dim=1)[None]"), says="not distances"),
            Mistake("nothing excluded", edit(" if word not in exclude", ""), says="still there"),
            Mistake("excluded too late", edit(" if word not in exclude", "", "return sorted(candidates, key=lambda word: -cosines[word])[:k]", "return [w for w in sorted(candidates, key=lambda word: -cosines[word])[:k] if w not in exclude]"), says="make room"),
            Mistake("not in order", edit("return sorted(candidates, key=lambda word: -cosines[word])[:k]", "return sorted(sorted(candidates, key=lambda word: -cosines[word])[:k])"), says="not best first"),
            Mistake("cosines returned", edit("return sorted(candidates, key=lambda word: -cosines[word])[:k]", "return sorted((cosines[word].item() for word in candidates), reverse=True)[:k]"), says="a list of ids"),
            Mistake("a tensor", edit("return sorted(candidates, key=lambda word: -cosines[word])[:k]", "return torch.tensor(sorted(candidates, key=lambda word: -cosines[word])[:k])"), says=".tolist()"),
            Mistake("places in the shortened table", edit("return sorted(candidates, key=lambda word: -cosines[word])[:k]", "return cosines[candidates].topk(k).indices.tolist()"), says="not ids"),
            Mistake("excluded ids get cosine 0", """
                def nearest(vectors, query, k, exclude):
                    if k > len(vectors) - len(set(exclude)):
                        raise ValueError
                    scores = cosine_similarity(vectors, query[None])[:, 0]
                    scores[exclude] = 0
                    return scores.topk(k).indices.tolist()
            """, says="words that are left"),
            Mistake("an id excluded twice counts twice", """
                def nearest(vectors, query, k, exclude):
                    if k > len(vectors) - len(exclude):
                        raise ValueError("too few are left")
                    scores = cosine_similarity(vectors, query[None])[:, 0]
                    scores[exclude] = -2
                    return scores.topk(k).indices.tolist()
            """, says="too few are left"),
            Mistake("vectors changed", edit("(cosines,) = ", "vectors /= vectors.norm(dim=1, keepdim=True)\n    (cosines,) = "), says="vectors after the call"),
            Mistake("exclude changed", edit("return sorted", "exclude.extend(candidates)\n    return sorted"), says="excluded ids after the call"),
            Mistake("query changed", edit("(cosines,) = ", "query /= query.norm()\n    (cosines,) = "), says="query after the call"),
            Mistake("too few without a word", edit("if k > len(candidates):", "if False:"), says="should raise ValueError"),
            Mistake("compared with all words", edit("if k > len(candidates):", "if k > len(vectors):"), says="should raise ValueError"),
        ],
        alternatives=[
            Alternative("with topk", """
                def nearest(vectors, query, k, exclude):
                    if k > len(vectors) - len(set(exclude)):
                        raise ValueError("too few words are left")
                    scores = F.cosine_similarity(vectors, query[None])
                    scores[list(exclude)] = -math.inf
                    return scores.topk(k).indices.tolist()
            """),
            Alternative("distances of unit rows", """
                def nearest(vectors, query, k, exclude):
                    candidates = [word for word in range(len(vectors)) if word not in exclude]
                    if len(candidates) < k:
                        raise ValueError(len(candidates))
                    distances = (F.normalize(vectors) - F.normalize(query[None])).norm(dim=1).tolist()
                    return sorted(candidates, key=distances.__getitem__)[:k]
            """),
            Alternative("with argsort and a loop", """
                def nearest(vectors, query, k, exclude):
                    order = torch.argsort(cosine_similarity(vectors, query.unsqueeze(0)).squeeze(1), descending=True)
                    found = []
                    for word in order:
                        if int(word) in exclude:
                            continue
                        found.append(int(word))
                        if len(found) == k:
                            return found
                    raise ValueError
            """),
        ],
    ),
    "analogy": Exercise(
        mistakes=[
            Mistake("question not excluded", edit("[a, b, c] if exclude_query else []", "[]"), says="exclude all three"),
            Mistake("not scaled", edit("vectors / vectors.norm(dim=1, keepdim=True)", "vectors"), says="not scaled to length 1"),
            Mistake("wrong way round", edit("unit[b] - unit[a] + unit[c]", "unit[a] - unit[b] + unit[c]"), says="the wrong way round"),
            Mistake("all added", edit("unit[b] - unit[a]", "unit[b] + unit[a]"), says="a is subtracted"),
            Mistake("always excluded", edit("[a, b, c] if exclude_query else []", "[a, b, c]"), says="with the words of the question allowed"),
            Mistake("a list", edit("return answer", "return [answer]"), says="is to"),
            Mistake("a not excluded", edit("[a, b, c] if exclude_query else []", "[b, c] if exclude_query else []"), says="a is the answer"),
            Mistake("words of the question get cosine 0", """
                def analogy(vectors, a, b, c, exclude_query=True):
                    unit = F.normalize(vectors)
                    scores = unit @ (unit[b] - unit[a] + unit[c])
                    if exclude_query:
                        scores[[a, b, c]] = 0
                    return int(scores.argmax())
            """, says="an analogy"),
            Mistake("vectors changed", edit("unit = vectors / vectors.norm(dim=1, keepdim=True)", "unit = vectors\n    unit /= vectors.norm(dim=1, keepdim=True)"), says="should stay as they are"),
            Mistake("only c excluded", edit("[a, b, c] if exclude_query else []", "[c] if exclude_query else []"), says="exclude all three"),
        ],
        alternatives=[
            Alternative("with argmax", """
                def analogy(vectors, a, b, c, exclude_query=True):
                    unit = F.normalize(vectors)
                    scores = unit @ (unit[b] - unit[a] + unit[c])
                    if exclude_query:
                        scores[[a, b, c]] = -math.inf
                    return int(scores.argmax())
            """),
            Alternative("nearest by distance", """
                def analogy(vectors, a, b, c, exclude_query=True):
                    unit = vectors / vectors.norm(dim=1)[:, None]
                    distances = (unit - (unit[b] - unit[a] + unit[c])).norm(dim=1)
                    if exclude_query:
                        distances[[a, b, c]] = math.inf
                    return int(distances.argmin())
            """),
            Alternative("sum of cosines", """
                def analogy(vectors, a, b, c, exclude_query=True):
                    table = cosine_similarity(vectors, vectors)
                    best = sorted(range(len(vectors)), key=lambda d: float(table[d, b] - table[d, a] + table[d, c]), reverse=True)
                    return next(d for d in best if not exclude_query or d not in (a, b, c))
            """),
        ],
    ),
    "negative_sampling_loss": Exercise(
        mistakes=[
            Mistake("k forgotten", edit("k * noise", "noise"), says="k is missing"),
            Mistake("sign turned", edit("-real.mean() - k", "real.mean() + k"), says="the sign is turned"),
            Mistake("negatives attracted", edit("F.logsigmoid(-centre @ negatives.T)", "F.logsigmoid(centre @ negatives.T)"), says="lost their minus sign"),
            Mistake("sum over the pool", edit("k * noise.mean()", "k * noise.sum(dim=1).mean()"), says="summed over the pool"),
            Mistake("sum over the batch", edit("-real.mean()", "-real.sum()", "k * noise.mean()", "k * noise.mean(dim=1).sum()"), says="the batch was summed"),
            Mistake("every centre with every context", edit("(centre * context).sum(dim=1)", "centre @ context.T"), says="row i belongs to row i"),
            Mistake("no logarithms", edit("F.logsigmoid((centre", "torch.sigmoid((centre", "F.logsigmoid(-centre", "torch.sigmoid(-centre"), says="the logarithms are missing"),
            Mistake("overflow", edit("F.logsigmoid((centre * context).sum(dim=1))", "torch.sigmoid((centre * context).sum(dim=1)).log()", "F.logsigmoid(-centre @ negatives.T)", "torch.sigmoid(-centre @ negatives.T).log()"), says="use F.logsigmoid"),
            Mistake("no gradient", edit("return -real.mean() - k * noise.mean()", "return torch.tensor((-real.mean() - k * noise.mean()).item(), dtype=centre.dtype)"), says="grad"),
            Mistake("negatives detached", edit("centre @ negatives.T", "centre @ negatives.detach().T"), says="a gradient in negatives"),
            Mistake("NaN in the gradient", """
                def negative_sampling_loss(centre, context, negatives, k=5):
                    def log_sigmoid(x):
                        return torch.where(x > 0, -torch.log1p(torch.exp(-x)), x - torch.log1p(torch.exp(x)))
                    return -log_sigmoid((centre * context).sum(1)).mean() - k * log_sigmoid(-centre @ negatives.T).mean()
            """, says="nan"),
            Mistake("scores clamped", edit("F.logsigmoid(-centre @ negatives.T)", "F.logsigmoid((-centre @ negatives.T).clamp(-1000, 1000))"), says="dot products of 100000"),
            Mistake("float32 only", edit("real = ", "centre, context, negatives = centre.float(), context.float(), negatives.float()\n    real = "), says="in float64"),
            Mistake("one loss for each pair", edit("-real.mean() - k * noise.mean()", "-real - k * noise.mean(dim=1)"), says="single number"),
            Mistake("default k", edit("k: int = 5", "k: int = 1"), says="with k = 5"),
        ],
        alternatives=[
            Alternative("binary cross-entropy", """
                def negative_sampling_loss(centre, context, negatives, k=5):
                    yes = torch.einsum("bd,bd->b", centre, context)
                    no = torch.einsum("bd,pd->bp", centre, negatives)
                    bce = F.binary_cross_entropy_with_logits
                    return bce(yes, torch.ones_like(yes)) + k * bce(no, torch.zeros_like(no))
            """),
            Alternative("stable by hand", """
                def negative_sampling_loss(centre, context, negatives, k=5):
                    def log_sigmoid(x):
                        return x.clamp(max=0) - torch.log1p(torch.exp(-x.abs()))
                    return -(log_sigmoid((centre * context).sum(1)) + k * log_sigmoid(-centre @ negatives.T).mean(1)).mean()
            """),
            Alternative("softplus and loops", """
                def negative_sampling_loss(centre, context, negatives, k=5):
                    losses = []
                    for v, u in zip(centre, context):
                        repel = torch.stack([F.softplus(torch.dot(v, n)) for n in negatives])
                        losses.append(F.softplus(-torch.dot(v, u)) + k * repel.sum() / len(negatives))
                    return sum(losses) / len(losses)
            """),
        ],
    ),
    "weat_effect_size": Exercise(
        mistakes=[
            Mistake(
                "clipped",
                lambda solution: solution.replace("def weat_effect_size", "def unclipped")
                + "\ndef weat_effect_size(x, y, a, b): return max(-1.2, min(1.2, unclipped(x, y, a, b)))",
                says="the effect size",
            ),
            Mistake("not divided", edit("(difference / association.std())", "difference"), says="not divided by the standard deviation"),
            Mistake("population deviation", edit("association.std()", "association.std(correction=0)"), says="divides by n - 1"),
            Mistake("variance", edit("association.std()", "association.var()"), says="by the variance"),
            Mistake("deviation of each group", edit("association.std()", "((association[: len(x)].std() + association[len(x) :].std()) / 2)"), says="over both together"),
            Mistake("dot products", edit("cosine_similarity(targets, a)", "(targets @ a.T)", "cosine_similarity(targets, b)", "(targets @ b.T)"), says="use cosines"),
            Mistake("pooled deviation", edit("association.std()", "((association[: len(x)].var() + association[len(x) :].var()) / 2).sqrt()"), says="over both together"),
            Mistake("absolute value", edit("(difference / association.std())", "(difference.abs() / association.std())"), says="X and Y exchanged"),
            Mistake("float32 only", "def weat_effect_size(x, y, a, b):\n    x, y, a, b = (F.normalize(part.float()) for part in (x, y, a, b))\n    s = torch.cat((x, y)) @ (a.mean(0) - b.mean(0))\n    return ((s[: len(x)].mean() - s[len(x) :].mean()) / s.std()).item()", says="in torch.float64"),
            Mistake("vectors changed", "def weat_effect_size(x, y, a, b):\n    for part in (x, y, a, b): part /= part.norm(dim=1, keepdim=True)\n    s = torch.cat((x, y)) @ (a.mean(0) - b.mean(0))\n    return ((s[: len(x)].mean() - s[len(x) :].mean()) / s.std()).item()", says="should stay as they are"),
            Mistake("sums over attributes", edit("cosine_similarity(targets, a).mean(dim=1)", "cosine_similarity(targets, a).sum(dim=1)", "cosine_similarity(targets, b).mean(dim=1)", "cosine_similarity(targets, b).sum(dim=1)"), says="mean of each set"),
            Mistake("sums over groups", edit("association[: len(x)].mean()", "association[: len(x)].sum()", "association[len(x) :].mean()", "association[len(x) :].sum()"), says="mean of each group"),
            Mistake("sign turned", edit("(difference / association.std())", "(-difference / association.std())"), says="the sign is turned"),
            Mistake("tensor", edit(".item()", ""), says="a Python float"),
        ],
        alternatives=[
            Alternative("with a helper", """
                def weat_effect_size(x, y, a, b):
                    def s(group):
                        return [float(cosine_similarity(w[None], a).mean() - cosine_similarity(w[None], b).mean()) for w in group]
                    for_x, for_y = s(x), s(y)
                    both = for_x + for_y
                    centre = sum(both) / len(both)
                    deviation = math.sqrt(sum((value - centre) ** 2 for value in both) / (len(both) - 1))
                    return (sum(for_x) / len(for_x) - sum(for_y) / len(for_y)) / deviation
            """),
            Alternative("normalised means", """
                def weat_effect_size(x, y, a, b):
                    direction = F.normalize(a).mean(0) - F.normalize(b).mean(0)
                    sx, sy = F.normalize(x) @ direction, F.normalize(y) @ direction
                    return float((sx.mean() - sy.mean()) / torch.std(torch.cat([sx, sy])))
            """),
        ],
    ),
}
