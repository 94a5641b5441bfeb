"""Wrong and right programs for lesson 06."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

ADDITIVE = Exercise(
    mistakes=[
        Mistake("no mask", edit("scores.masked_fill(~mask, -math.inf)", "scores"), says="the mask is not used"),
        Mistake("mask the wrong way round", edit("~mask", "mask"), says="the wrong way round"),
        Mistake("mask after the softmax", edit("scores.masked_fill(~mask, -math.inf).softmax(-1)", "scores.softmax(-1) * mask"), says="before the softmax"),
        Mistake("masked scores 0", edit("-math.inf", "0.0"), says="must be minus infinity"),
        Mistake("masked scores a little negative", edit("-math.inf", "-5.0"), says="the weights"),
        Mistake("no tanh", edit("torch.tanh(from_query + keys @ weight_key.T)", "(from_query + keys @ weight_key.T)"), says="the tanh is missing"),
        Mistake("sigmoid", edit("torch.tanh(", "torch.sigmoid("), says="the weights should be"),
        Mistake("tanh of each part", edit("torch.tanh(from_query + keys @ weight_key.T)", "(torch.tanh(from_query) + torch.tanh(keys @ weight_key.T))"), says="the query is left out of the score"),
        Mistake("query left out", edit("from_query + keys", "keys"), says="the query is left out"),
        Mistake("keys left out", edit("keys @ weight_key.T)", "0 * (keys @ weight_key.T))"), says="the keys are left out"),
        Mistake("scaled by the root of hidden", edit(" @ vector  #", " @ vector / len(vector) ** 0.5  #"), says="no square root here"),
        Mistake("keys averaged instead of values", edit("(weights[..., None] * values)", "(weights[..., None] * keys)"), says="the contexts should have shape"),
        Mistake("mean of the values", edit("(weights[..., None] * values).sum(1)", "values.mean(1)"), says="plain mean"),
        Mistake("sum of the values", edit("(weights[..., None] * values).sum(1)", "values.sum(1)"), says="without the weights"),
        Mistake("mean in place of the sum", edit("* values).sum(1)", "* values).mean(1)"), says="this is their mean"),
        Mistake("softmax over the batch", edit(".softmax(-1)", ".softmax(0)"), says="the weights should be"),
        Mistake("exponentials that overflow", edit("scores.masked_fill(~mask, -math.inf).softmax(-1)", "scores.exp() * mask / (scores.exp() * mask).sum(-1, keepdim=True)"), says="nan"),
        Mistake("gradient cut", edit("scores = torch.tanh", "scores = torch.tanh", "(weights[..., None] * values)", "(weights.detach()[..., None] * values)"), says="the gradient with respect to"),
        Mistake("single precision", edit("return (weights[..., None] * values).sum(1), weights", "return (weights[..., None] * values).sum(1).float(), weights.float()"), says="the weights of"),
        Mistake("weights unnormalised", edit(".softmax(-1)", ".exp()"), says="the weights should be"),
        Mistake("context only", edit("* values).sum(1), weights", "* values).sum(1)"), says="the weights of 2 rows"),
        Mistake("changes the keys", edit("    from_query = ", "    keys.data.mul_(0.5)\n    from_query = "), says="of the tiny example"),
        Mistake("hard choice of one place", edit("scores.masked_fill(~mask, -math.inf).softmax(-1)", "F.one_hot(scores.masked_fill(~mask, -math.inf).argmax(-1), scores.shape[1]).to(scores.dtype)"), says="the weights should be"),
    ],
    alternatives=[
        Alternative("row by row", """
            def additive_attention(query, keys, values, weight_query, weight_key, vector, mask):
                contexts, all_weights = [], []
                for row in range(query.shape[0]):
                    inner = torch.tanh(weight_query @ query[row] + keys[row] @ weight_key.T)
                    scores = inner @ vector
                    real = scores[mask[row]]
                    sizes = (real - real.max()).exp()
                    weights = torch.zeros_like(scores)
                    weights[mask[row]] = sizes / sizes.sum()
                    all_weights.append(weights)
                    contexts.append(weights @ values[row])
                return torch.stack(contexts), torch.stack(all_weights)
        """),
        Alternative("einsum and a large negative number", """
            def additive_attention(query, keys, values, weight_query, weight_key, vector, mask):
                a = torch.einsum("bq,hq->bh", query, weight_query)
                b = torch.einsum("bkd,hd->bkh", keys, weight_key)
                e = torch.einsum("bkh,h->bk", (a.unsqueeze(1) + b).tanh(), vector)
                e = torch.where(mask, e, torch.finfo(e.dtype).min)
                w = F.softmax(e, dim=1)
                return torch.bmm(w.unsqueeze(1), values).squeeze(1), w
        """),
        Alternative("log of the mask added", """
            def additive_attention(query, keys, values, weight_query, weight_key, vector, mask):
                hidden = F.linear(keys, weight_key) + F.linear(query, weight_query).unsqueeze(1)
                scores = F.linear(torch.tanh(hidden), vector[None]).squeeze(-1) + mask.to(keys.dtype).log()
                weights = torch.exp(scores - torch.logsumexp(scores, 1, keepdim=True))
                return torch.einsum("bk,bkd->bd", weights, values), weights
        """),
    ],
    same_program={"line 14: -1: USub removed": "the scores have two axes: the last is number 1"},
)

PRODUCT = Exercise(
    mistakes=[
        Mistake("no scale", edit("query.shape[-1] ** -0.5 if", "1.0 if"), says="not divided by the root of dim"),
        Mistake("divided by dim", edit("** -0.5", "** -1.0"), says="not by dim"),
        Mistake("given scale not used", edit("(query.shape[-1] ** -0.5 if scale is None else scale)", "query.shape[-1] ** -0.5"), says="large scores"),
        Mistake("given scale on top", edit("if scale is None else scale)", "if scale is None else scale * query.shape[-1] ** -0.5)"), says="large scores"),
        Mistake("softmax over the queries", edit(".softmax(-1)", ".softmax(-2)"), says="the softmax runs over the keys"),
        Mistake("no softmax", edit("torch.finfo(scores.dtype).min).softmax(-1)", "0)"), says="the softmax is missing"),
        Mistake("mask the wrong way round", edit("allowed & mask", "allowed & ~mask"), says="the wrong way round"),
        Mistake("mask not used", edit("allowed = allowed & mask", "pass"), says="the mask is not used"),
        Mistake("mask after the softmax", edit("scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1)", "scores.softmax(-1)"), says="before the softmax"),
        Mistake("causal not used", edit("allowed = allowed.tril(keys - queries)", "pass"), says="causal is not used"),
        Mistake("causal from the first key, as torch", edit("tril(keys - queries)", "tril()"), says="the last query should see the last key"),
        Mistake("causal without itself", edit("tril(keys - queries)", "tril(keys - queries - 1)"), says="one key too few"),
        Mistake("sees the future", edit("tril(keys - queries)", "triu(keys - queries)"), says="sees the future"),
        Mistake("mask or causal, not both", edit("allowed = allowed & mask", "allowed = mask"), says="a mask and causal"),
        Mistake("either is enough", edit("allowed & mask", "(allowed | mask) if causal else mask"), says="a mask and causal"),
        Mistake("nan where nothing is allowed", edit("torch.finfo(scores.dtype).min).softmax(-1)", "-math.inf).softmax(-1)", "weights.masked_fill(~allowed, 0)", "weights"), says="may attend nowhere"),
        Mistake("even where nothing is allowed", edit("weights.masked_fill(~allowed, 0)", "weights"), says="may attend nowhere"),
        Mistake("ten thousand below is not enough", edit("torch.finfo(scores.dtype).min", "-1e4"), says="attention of"),
        Mistake("masked before it is scaled", edit(" * (query.shape[-1] ** -0.5 if scale is None else scale)", "", "torch.finfo(scores.dtype).min).softmax", "-1e9).mul(query.shape[-1] ** -0.5 if scale is None else scale).softmax"), says="attention of"),
        Mistake("changes the mask", edit("allowed = allowed & mask", "allowed = mask.logical_and_(allowed) if mask.shape[-2] == queries else allowed & mask"), says="as it was: the caller needs it again"),
        Mistake("a scale of 0 is taken for none", edit("(query.shape[-1] ** -0.5 if scale is None else scale)", "(scale or query.shape[-1] ** -0.5)"), says="attention of"),
        Mistake("nan in the gradient of an empty row", edit("scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1)", "(scores + torch.zeros_like(scores).masked_fill(~allowed, -math.inf)).softmax(-1)", "weights.masked_fill(~allowed, 0)", "weights.nan_to_num(0.0)"), says="the gradient with respect to"),
        Mistake("zeros", "def scaled_dot_product_attention(query, key, value, mask=None, causal=False, scale=None):\n    return torch.zeros(*query.shape[:-1], value.shape[-1])", says="attention without a mask"),
        Mistake("a thousand is not enough", edit("torch.finfo(scores.dtype).min", "-1000.0"), says="attention"),
        Mistake("ready-made", "def scaled_dot_product_attention(q, k, v, mask=None, causal=False, scale=None):\n    n, m = q.shape[-2], k.shape[-2]\n    a = torch.ones(n, m, dtype=torch.bool)\n    a = a.tril(m - n) if causal else a\n    a = a if mask is None else a & mask\n    return F.scaled_dot_product_attention(q, k, v, attn_mask=a, scale=scale)", says="write it yourself"),
        Mistake("exponentials that overflow", """
            def scaled_dot_product_attention(query, key, value, mask=None, causal=False, scale=None):
                n, m = query.shape[-2], key.shape[-2]
                allowed = torch.ones(n, m, dtype=torch.bool)
                allowed = allowed.tril(m - n) if causal else allowed
                allowed = allowed if mask is None else allowed & mask
                sizes = (query @ key.mT * (scale or query.shape[-1] ** -0.5)).exp() * allowed
                return sizes @ value / sizes.sum(-1, keepdim=True).clamp(min=1e-30)
        """, says="large scores"),
        Mistake("scaled after the softmax", edit(" * (query.shape[-1] ** -0.5 if scale is None else scale)", "", ".softmax(-1)\n", ".softmax(-1) * (query.shape[-1] ** -0.5 if scale is None else scale)\n"), says="before dividing"),
        Mistake("four axes only", edit("    queries, keys = query.shape[-2], key.shape[-2]", "    _, _, queries, _ = query.shape\n    keys = key.shape[-2]"), says="not enough values"),
        Mistake("changes the query", edit("    queries, keys =", "    query.data.mul_(0.5)\n    queries, keys ="), says="attention"),
        Mistake("scale of the values", edit("query.shape[-1] ** -0.5", "value.shape[-1] ** -0.5"), says="attention without a mask"),
        Mistake("single precision", edit("    return weights.masked_fill(~allowed, 0) @ value", "    return (weights.masked_fill(~allowed, 0) @ value).float()"), says="attention of"),
    ],
    alternatives=[
        Alternative("einsum and where", """
            def scaled_dot_product_attention(query, key, value, mask=None, causal=False, scale=None):
                if scale is None:
                    scale = 1 / math.sqrt(query.size(-1))
                s = torch.einsum("...qd,...kd->...qk", query, key) * scale
                may = torch.ones_like(s, dtype=torch.bool)
                if mask is not None:
                    may = may & mask
                if causal:
                    i = torch.arange(s.size(-2)).unsqueeze(1)
                    j = torch.arange(s.size(-1))
                    may = may & (j - s.size(-1) <= i - s.size(-2))
                s = torch.where(may, s, torch.full_like(s, -1e300 if s.dtype == torch.float64 else -1e38))
                s = s - s.max(dim=-1, keepdim=True).values.detach()
                e = s.exp() * may
                total = e.sum(dim=-1, keepdim=True)
                return torch.einsum("...qk,...kv->...qv", e / torch.where(total == 0, torch.ones_like(total), total), value)
        """),
        Alternative("query by query", """
            def scaled_dot_product_attention(query, key, value, mask=None, causal=False, scale=None):
                n, m = query.shape[-2], key.shape[-2]
                scale = query.shape[-1] ** -0.5 if scale is None else scale
                wide = None if mask is None else mask.expand(*query.shape[:-2], n, m) if mask.dim() <= query.dim() else mask
                rows = []
                for i in range(n):
                    scores = (query[..., i : i + 1, :] * key).sum(-1) * scale
                    may = torch.ones_like(scores, dtype=torch.bool) if wide is None else wide[..., i, :]
                    if causal:
                        may = may & (torch.arange(m) <= i + m - n)
                    w = torch.softmax(scores.masked_fill(~may, torch.finfo(scores.dtype).min), -1) * may
                    rows.append((w.unsqueeze(-1) * value).sum(-2))
                return torch.stack(rows, -2)
        """),
        Alternative("minus infinity, and rows without a key put aside", """
            def scaled_dot_product_attention(query, key, value, mask=None, causal=False, scale=None):
                scale = query.shape[-1] ** -0.5 if scale is None else scale
                scores = torch.matmul(query * scale, key.transpose(-1, -2))
                allowed = torch.ones(scores.shape[-2:], dtype=torch.bool)
                if causal:
                    allowed = torch.tril(allowed, diagonal=key.shape[-2] - query.shape[-2])
                if mask is not None:
                    allowed = torch.logical_and(allowed, mask)
                empty = ~allowed.any(-1, keepdim=True)
                bias = torch.zeros(allowed.shape, dtype=scores.dtype).masked_fill(~(allowed | empty), float("-inf"))
                return F.softmax(scores + bias, dim=-1).masked_fill(empty, 0.0).matmul(value)
        """),
        Alternative("nan replaced: the fill's own backward pass stops it", edit("torch.finfo(scores.dtype).min).softmax(-1)", "-math.inf).softmax(-1)", "weights.masked_fill(~allowed, 0)", "weights.nan_to_num(0.0)")),
    ],
    same_program={"line 14: torch.ones(queries, keys, dtype=torch.bool, dev...: device left out": "where it is graded, the default device is that of the query"},
)

HEADS = Exercise(
    mistakes=[
        Mistake("reshape at once", edit("x.unflatten(-1, (heads, -1)).permute(0, 2, 1, 3)", "x.reshape(x.shape[0], heads, x.shape[1], -1)"), says="the heads of the tiny example"),
        Mistake("every third number", edit("x.unflatten(-1, (heads, -1)).permute(0, 2, 1, 3)", "x.unflatten(-1, (-1, heads)).movedim(-1, 1)"), says="the heads of the tiny example"),
        Mistake("heads from the last", edit("(heads, -1)).permute(0, 2, 1, 3)", "(heads, -1)).permute(0, 2, 1, 3).flip(1)"), says="the heads of the tiny example"),
        Mistake("axes not swapped", edit("(heads, -1)).permute(0, 2, 1, 3)", "(heads, -1))"), says="the heads of the tiny example"),
        Mistake("merged without swapping", edit("x.permute(0, 2, 1, 3).flatten(2)", "x.reshape(x.shape[0], x.shape[2], -1)"), says="swap the axes first, then join"),
        Mistake("merged to the wrong axis", edit("x.permute(0, 2, 1, 3).flatten(2)", "x.flatten(1, 2)"), says="should have shape"),
        Mistake("merged backwards", edit("x.permute(0, 2, 1, 3).flatten(2)", "x.flip(1).transpose(1, 2).flatten(2)"), says="three heads, merged"),
        Mistake("numbers in place of heads", edit("(heads, -1)", "(-1, heads)"), says="should have shape"),
        Mistake("cut loose from the graph", edit("x.unflatten(-1, (heads, -1)).permute(0, 2, 1, 3)", "x.detach().unflatten(-1, (heads, -1)).permute(0, 2, 1, 3)"), says="does not require grad"),
        Mistake("merged heads cut loose from the graph", edit("x.permute(0, 2, 1, 3).flatten(2)", "x.detach().permute(0, 2, 1, 3).flatten(2)"), says="does not require grad"),
        Mistake("single precision", edit("x.unflatten(-1, (heads, -1)).permute(0, 2, 1, 3)", "x.unflatten(-1, (heads, -1)).permute(0, 2, 1, 3).float()"), says="The dtype should stay"),
        Mistake("view of what is not contiguous", edit("x.permute(0, 2, 1, 3).flatten(2)", "x.transpose(1, 2).view(x.shape[0], x.shape[2], -1)"), says="view size is not compatible"),
        Mistake("mean of the heads", edit("x.permute(0, 2, 1, 3).flatten(2)", "x.mean(1)"), says="should have shape"),
        Mistake("always three heads", edit("(heads, -1)", "(3, -1)"), says="unflatten"),
    ],
    alternatives=[
        Alternative("chunk, stack, cat", """
            def split_heads(x, heads):
                return torch.stack(x.chunk(heads, dim=-1), dim=1)


            def merge_heads(x):
                return torch.cat(x.unbind(1), dim=-1)
        """),
        Alternative("reshape and permute", """
            def split_heads(x, heads):
                batch, length, width = x.shape
                return x.reshape(batch, length, heads, width // heads).permute(0, 2, 1, 3)


            def merge_heads(x):
                batch, heads, length, size = x.shape
                return x.permute(0, 2, 1, 3).contiguous().view(batch, length, heads * size)
        """),
        Alternative("slices in a loop", """
            def split_heads(x, heads):
                size = x.shape[-1] // heads
                return torch.stack([x[:, :, h * size : (h + 1) * size] for h in range(heads)], 1)


            def merge_heads(x):
                return torch.einsum("bhld->blhd", x).reshape(x.shape[0], x.shape[2], x.shape[1] * x.shape[3])
        """),
    ],
)

MULTI_HEAD = Exercise(
    mistakes=[
        Mistake("one head", edit("(split_heads(part, self.heads) for part in", "(split_heads(part, 1) for part in"), says="not cut into heads"),
        Mistake("no output projection", edit("self.output(merge_heads(scaled_dot_product_attention(query, key, value, mask, causal)))", "merge_heads(scaled_dot_product_attention(query, key, value, mask, causal))"), says="output projection is missing"),
        Mistake("keys from the query layer", edit("self.key(context)", "self.query(context)"), says="keys are projected by the wrong layer"),
        Mistake("values from the key layer", edit("self.value(context)", "self.key(context)"), says="values are projected by the wrong layer"),
        Mistake("causal not handed on", edit("value, mask, causal)", "value, mask)"), says="causal is not handed on"),
        Mistake("mask not handed on", edit("value, mask, causal)", "value, None, causal)"), says="mask is not handed on"),
        Mistake("mask the wrong way round", edit("value, mask, causal)", "value, None if mask is None else ~mask, causal)"), says="the wrong way round"),
        Mistake("context not used", edit("context = x if context is None else context", "context = x"), says="must match"),
        Mistake("values from x", edit("self.value(context)", "self.value(x)"), says="Expected size"),
        Mistake("queries from the context", edit("self.query(x)", "self.query(context)"), says="attention to a context"),
        Mistake("queries not projected", edit("self.query(x)", "x"), says="self-attention"),
        Mistake("values not projected", edit("self.value(context)", "context"), says="self-attention"),
        Mistake("cut before projecting, merged before attending", edit("merge_heads(scaled_dot_product_attention(query, key, value, mask, causal))", "scaled_dot_product_attention(merge_heads(query), merge_heads(key), merge_heads(value), None if mask is None else mask[:, 0], causal)"), says="not cut into heads"),
        Mistake("query and key swapped", edit("scaled_dot_product_attention(query, key, value", "scaled_dot_product_attention(key, query, value"), says="must match"),
        Mistake("a shortcut around it", edit("return self.output(", "return x + self.output("), says="self-attention"),
        Mistake("always causal", edit("mask, causal)", "mask, True)"), says="self-attention"),
        Mistake("always two heads", edit("self.heads) for", "2) for"), says="self-attention"),
        Mistake("scaled by the width", edit("value, mask, causal)", "value, mask, causal, x.shape[-1] ** -0.5)"), says="self-attention"),
        Mistake("heads merged in the wrong order", edit("merge_heads(scaled_dot_product_attention(query, key, value, mask, causal))", "merge_heads(scaled_dot_product_attention(query, key, value, mask, causal).flip(1))"), says="self-attention"),
        Mistake("heads joined without moving their axis", edit("merge_heads(scaled_dot_product_attention(query, key, value, mask, causal))", "scaled_dot_product_attention(query, key, value, mask, causal).reshape(x.shape)"), says="self-attention"),
        Mistake("causal or a mask, not both", edit("value, mask, causal)", "value, None if causal else mask, causal)"), says="attention with 8 heads"),
        Mistake("values cut from the graph", edit("query, key, value, mask", "query, key, value.detach(), mask"), says="not have been used"),
        Mistake("torch's function", edit("scaled_dot_product_attention(query, key, value, mask, causal)", "F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal)"), says="write it yourself"),
    ],
    alternatives=[
        Alternative("reshape and einsum, without the functions above", edit("""        context = x if context is None else context
        query, key, value = self.query(x), self.key(context), self.value(context)
        query, key, value = (split_heads(part, self.heads) for part in (query, key, value))
        return self.output(merge_heads(scaled_dot_product_attention(query, key, value, mask, causal)))
""", """        if context is None:
            context = x
        b, n, w = x.shape
        m, h = context.shape[1], self.heads
        q = self.query(x).reshape(b, n, h, w // h)
        k = self.key(context).reshape(b, m, h, w // h)
        v = self.value(context).reshape(b, m, h, w // h)
        scores = torch.einsum("bnhd,bmhd->bhnm", q, k) / (w // h) ** 0.5
        may = torch.ones(n, m, dtype=torch.bool)
        if causal:
            may = may.tril(m - n)
        if mask is not None:
            may = may & mask
        weights = scores.masked_fill(~may, torch.finfo(scores.dtype).min).softmax(-1) * may
        return self.output(torch.einsum("bhnm,bmhd->bnhd", weights, v).reshape(b, n, w))
""")),
        Alternative("head by head", edit("""        query, key, value = (split_heads(part, self.heads) for part in (query, key, value))
        return self.output(merge_heads(scaled_dot_product_attention(query, key, value, mask, causal)))
""", """        parts = zip(*(split_heads(part, self.heads).unbind(1) for part in (query, key, value)))
        wide = None if mask is None else mask.expand(len(x), self.heads, x.shape[1], context.shape[1])
        heads = []
        for number, (q, k, v) in enumerate(parts):
            heads.append(scaled_dot_product_attention(q, k, v, None if wide is None else wide[:, number], causal))
        return self.output(torch.cat(heads, -1))
""")),
    ],
)

FLOPS = Exercise(
    mistakes=[
        Mistake("additions forgotten", edit("projections = 2 * batch", "projections = batch", "4 * batch", "2 * batch"), says="counts 2"),
        Mistake("scores only", edit("4 * batch", "2 * batch"), says="cost as much as the scores"),
        Mistake("three projections", edit("(2 * queries + 2 * keys)", "(queries + 2 * keys)"), says="four projections, not three"),
        Mistake("the other way round", edit("return projections, 4 * batch * queries * keys * width", "return 4 * batch * queries * keys * width, projections"), says="the first number is that of the projections"),
        Mistake("no batch", edit("2 * batch *", "2 *", "4 * batch *", "4 *"), says="the batch is left out"),
        Mistake("all project the queries", edit("(2 * queries + 2 * keys)", "(4 * queries)"), says="of the tiny example"),
        Mistake("all project the context", edit("(2 * queries + 2 * keys)", "(4 * keys)"), says="of the tiny example"),
        Mistake("queries squared", edit("queries * keys * width", "queries * queries * width"), says="of the tiny example"),
        Mistake("width once", edit("width**2", "width"), says="of the tiny example"),
        Mistake("floats", edit("return projections, 4 * batch * queries * keys * width", "return float(projections), float(4 * batch * queries * keys * width)"), says="of the tiny example"),
        Mistake("floats made whole again", edit("return projections, 4 * batch * queries * keys * width", "return int(projections * 1.0), int(4.0 * batch * queries * keys * width + 0.1)"), says="exactly"),
        Mistake("one sum", edit("return projections, 4 * batch * queries * keys * width", "return projections + 4 * batch * queries * keys * width"), says="not iterable"),
        Mistake("the softmax too", edit("4 * batch * queries * keys * width", "4 * batch * queries * keys * width + 3 * batch * queries * keys"), says="of the tiny example"),
    ],
    alternatives=[
        Alternative("product by product", """
            def attention_flops(batch, queries, keys, width):
                product = lambda m, k, n: 2 * m * k * n
                projections = 0
                for vectors in (queries, keys, keys, queries):
                    projections += product(batch * vectors, width, width)
                scores = batch * product(queries, width, keys)
                averages = batch * product(queries, keys, width)
                return projections, scores + averages
        """),
        Alternative("a list", """
            def attention_flops(batch, queries, keys, width):
                per_vector = width * width
                return [4 * batch * per_vector * (queries + keys), batch * queries * keys * (width + width) * 2]
        """),
    ],
)

BLOCK = Exercise(
    mistakes=[
        Mistake("nothing shrinks", edit("total + state[1] * shrink, weighted + state[2] * shrink[..., None]", "total + state[1], weighted + state[2]"), says="after the second block of the tiny example"),
        Mistake("only t shrinks", edit("weighted + state[2] * shrink[..., None]", "weighted + state[2]"), says="w after the second block"),
        Mistake("only w shrinks", edit("total + state[1] * shrink,", "total + state[1],"), says="t after the second block"),
        Mistake("shrinks the wrong way", edit("(state[0] - largest).exp()", "(largest - state[0]).exp()"), says="t after the second block"),
        Mistake("the block before is forgotten", edit("total, weighted = total + state[1] * shrink, weighted + state[2] * shrink[..., None]", "pass"), says="t after the second block"),
        Mistake("the largest before is forgotten", edit("largest = torch.maximum(largest, state[0])", "pass"), says="some queries may not see"),
        Mistake("no largest at all", edit("largest = scores.amax(-1)", "largest = torch.zeros_like(scores[..., 0])"), says="m after the first block"),
        Mistake("no scale", edit(" / query.shape[-1] ** 0.5", ""), says="m after two blocks"),
        Mistake("divided by dim", edit("query.shape[-1] ** 0.5", "query.shape[-1]"), says="m after two blocks"),
        Mistake("divided already", edit("    return largest, total, weighted\n", "    return largest, total, weighted / total[..., None]\n"), says="w after the first block"),
        Mistake("allowed not used", edit("scores.masked_fill(~allowed, -math.inf)", "scores"), says="some queries may not see"),
        Mistake("allowed the wrong way round", edit("~allowed", "allowed"), says="some queries may not see"),
        Mistake("masked scores 0", edit("-math.inf)", "0.0)"), says="some queries may not see"),
        Mistake("masked scores -30", edit("-math.inf)", "-30.0)"), says="m after"),
        Mistake("sum with an axis of 1", edit("sizes.sum(-1)", "sizes.sum(-1, keepdim=True)"), says="must match"),
        Mistake("values averaged", edit("sizes @ value\n", "sizes.softmax(-1) @ value\n"), says="write it yourself"),
        Mistake("the given state is changed", edit("    scores = query @", "    if state is not None:\n        state[1].data.add_(0.25)\n    scores = query @"), says="of the tiny example"),
        Mistake("the largest over the batch", edit("scores.amax(-1)", "scores.amax() + 0 * scores[..., 0]"), says="m after two blocks"),
        Mistake("torch's softmax inside", edit("sizes.sum(-1), sizes @ value", "sizes.sum(-1), sizes.sum(-1, keepdim=True) * torch.softmax(scores, -1) @ value"), says="write it yourself"),
        Mistake("gradient cut at the state", edit("state[1] * shrink, weighted + state[2] *", "state[1].detach() * shrink, weighted + state[2].detach() *"), says="a gradient"),
        Mistake("first query's largest for all", edit("(scores - largest[..., None])", "(scores - largest[..., :1, None])"), says="t after two blocks"),
    ],
    alternatives=[
        Alternative("keepdim and einsum", """
            def add_block(state, query, key, value, allowed=None):
                s = torch.einsum("...qd,...kd->...qk", query, key) * query.shape[-1] ** -0.5
                if allowed is not None:
                    s = torch.where(allowed, s, float("-inf"))
                if state is None:
                    m_old = s.new_full(s.shape[:-1], float("-inf"))
                    t_old, w_old = torch.zeros_like(m_old), s.new_zeros(*s.shape[:-1], value.shape[-1])
                else:
                    m_old, t_old, w_old = state
                m = torch.max(m_old, s.max(dim=-1).values)
                p = torch.exp(s - m.unsqueeze(-1))
                c = torch.exp(m_old - m)
                return m, c * t_old + p.sum(-1), c.unsqueeze(-1) * w_old + torch.einsum("...qk,...kv->...qv", p, value)
        """),
        Alternative("the old state as one more key", """
            def add_block(state, query, key, value, allowed=None):
                scores = (query / math.sqrt(query.size(-1))) @ key.transpose(-1, -2)
                if allowed is not None:
                    scores = scores + torch.zeros(allowed.shape, dtype=scores.dtype).masked_fill(~allowed, -math.inf)
                every = scores if state is None else torch.cat([scores, state[0].unsqueeze(-1)], -1)
                largest = every.max(-1)[0]
                sizes = torch.exp(scores - largest.unsqueeze(-1))
                t = sizes.sum(-1)
                w = torch.matmul(sizes, value)
                if state is not None:
                    factor = torch.exp(state[0] - largest)
                    t = t + factor * state[1]
                    w = w + factor.unsqueeze(-1) * state[2]
                return (largest, t, w)
        """),
        Alternative("key by key", """
            def add_block(state, query, key, value, allowed=None):
                for j in range(key.shape[-2]):
                    s = (query * key[..., j : j + 1, :]).sum(-1) / query.shape[-1] ** 0.5
                    if allowed is not None:
                        s = s.masked_fill(~allowed[:, j], -1e30)
                    v = value[..., j : j + 1, :]
                    if state is None:
                        state = s, torch.ones_like(s), torch.ones_like(s)[..., None] * v
                        continue
                    m = torch.maximum(state[0], s)
                    old, new = (state[0] - m).exp(), (s - m).exp()
                    state = m, state[1] * old + new, state[2] * old[..., None] + new[..., None] * v
                return state
        """),
    ],
    same_program={"line 17: torch.maximum(largest, state[0]): arguments swapped": "the larger of two is the larger of two"},
)

BLOCKS = Exercise(
    mistakes=[
        Mistake("not divided", edit("weighted / total[..., None]", "weighted"), says="divide w by t"),
        Mistake("last block missing", edit("range(0, keys, block_size)", "range(0, keys // block_size * block_size, block_size)"), says="shorter block are missing"),
        Mistake("the last block alone", edit("step(state, query", "step(None, query"), says="the last block alone"),
        Mistake("the first block alone", edit("range(0, keys, block_size)", "range(0, 1, block_size)"), says="the first block alone"),
        Mistake("causal not used", edit("if causal else None", "if False else None"), says="causal is not used"),
        Mistake("causal from the first key", edit("numbers[keys - queries :, None]", "numbers[:queries, None]"), says="here the first sees only the first"),
        Mistake("one key too few", edit("[block] <= last", "[block] < last"), says="one key too few"),
        Mistake("always causal", edit("if causal else None", "if True else None"), says="attention in blocks of 4"),
        Mistake("numbers of the keys start anew in each block", edit("numbers[block] <=", "numbers[block] - start <="), says="causal attention"),
        Mistake("average of the blocks' averages", """
            def attention_in_blocks(query, key, value, block_size, causal=False, step=None):
                parts = []
                for start in range(0, key.shape[-2], block_size):
                    block = slice(start, start + block_size)
                    _, total, weighted = add_block(None, query, key[..., block, :], value[..., block, :])
                    parts.append(weighted / total[..., None])
                return torch.stack(parts).mean(0)
        """, says="attention in blocks of 4"),
        Mistake("values not cut", edit("value[..., block, :], allowed", "value[..., :block_size, :], allowed"), says="Expected size"),
        Mistake("values and keys of different blocks", edit("value[..., block, :], allowed", "value.roll(1, -2)[..., block, :], allowed"), says="attention in blocks of 4"),
        Mistake("blocks overlap", edit("range(0, keys, block_size)", "range(0, keys, max(1, block_size - 1))"), says="attention in blocks of 4"),
        Mistake("ready-made", "def attention_in_blocks(q, k, v, block_size, causal=False, step=None):\n    n, m = q.shape[-2], k.shape[-2]\n    return F.scaled_dot_product_attention(q, k, v, torch.ones(n, m).tril(m - n if causal else m) > 0)", says="write it yourself"),
        Mistake("full, with torch.softmax", "def attention_in_blocks(q, k, v, block_size, causal=False, step=None):\n    s = q @ k.mT / q.shape[-1] ** 0.5\n    if causal:\n        s = s.masked_fill(~torch.ones(s.shape[-2:], dtype=torch.bool).tril(s.shape[-1] - s.shape[-2]), -math.inf)\n    return torch.softmax(s, -1) @ v", says="write it yourself"),
        Mistake("divided by the keys", edit("weighted / total[..., None]", "weighted / keys"), says="attention in blocks of 4"),
        Mistake("three axes only", edit("    queries, keys = query.shape[-2], key.shape[-2]", "    _, queries, _ = query.shape\n    keys = key.shape[-2]"), says="not enough values"),
        Mistake("single precision", edit("weighted / total[..., None]", "(weighted / total[..., None]).float()"), says="queries on"),
        Mistake("full attention by hand", """
            def attention_in_blocks(query, key, value, block_size, causal=False, step=None):
                n, m = query.shape[-2], key.shape[-2]
                s = query @ key.mT / query.shape[-1] ** 0.5
                if causal:
                    s = s.masked_fill(~torch.ones(n, m, dtype=torch.bool).tril(m - n), -math.inf)
                e = (s - s.amax(-1, keepdim=True)).exp()
                return e / e.sum(-1, keepdim=True) @ value
        """, says="the step that is given is not used"),
        Mistake("the full form of exercise 2", """
            def attention_in_blocks(query, key, value, block_size, causal=False, step=None):
                return scaled_dot_product_attention(query, key, value, causal=causal)
        """, says="write it yourself"),
        Mistake("add_block, whatever step was given", edit("        state = step(", "        state = add_block("), says="the step that is given is not used"),
        Mistake("all keys in one block", edit("range(0, keys, block_size)", "range(0, keys, keys)", "slice(start, start + block_size)", "slice(0, keys)"), says="at most 4 keys at a time"),
        Mistake("blocks of twice the size", edit("    state = None\n", "    state, block_size = None, 2 * block_size\n"), says="at most 4 keys at a time"),
        Mistake("its own loop, never rescaled", """
            def attention_in_blocks(query, key, value, block_size, causal=False, step=None):
                n, m = query.shape[-2], key.shape[-2]
                t = w = 0
                for a in range(0, m, block_size):
                    b = min(a + block_size, m)
                    s = query @ key[..., a:b, :].mT / query.shape[-1] ** 0.5
                    if causal:
                        s = s.masked_fill(torch.arange(a, b)[None] > torch.arange(n)[:, None] + m - n, -math.inf)
                    e = (s - s.amax(-1, keepdim=True).clamp(min=-1e30)).exp()
                    t, w = t + e.sum(-1, keepdim=True), w + e @ value[..., a:b, :]
                return w / t
        """, says="attention in blocks of 4"),
        Mistake("its own loop, without the largest score", """
            def attention_in_blocks(query, key, value, block_size, causal=False, step=None):
                n, m = query.shape[-2], key.shape[-2]
                t = w = 0
                for a in range(0, m, block_size):
                    b = min(a + block_size, m)
                    s = query @ key[..., a:b, :].mT / query.shape[-1] ** 0.5
                    if causal:
                        s = s.masked_fill(torch.arange(a, b)[None] > torch.arange(n)[:, None] + m - n, -math.inf)
                    t, w = t + s.exp().sum(-1, keepdim=True), w + s.exp() @ value[..., a:b, :]
                return w / t
        """, says="large scores"),
        Mistake("divided after each block", edit("        state = step(", "        state = state and (state[0], torch.ones_like(state[1]), state[2] / state[1][..., None])\n        state = step("), says="attention in blocks of 4"),
        Mistake("gradient cut between blocks", edit("        state = step(", "        state = state and tuple(part.detach() for part in state)\n        state = step("), says="a gradient"),
    ],
    alternatives=[
        Alternative("split and a counter", """
            def attention_in_blocks(query, key, value, block_size, causal=False, step=None):
                step = add_block if step is None else step
                n, m = query.size(-2), key.size(-2)
                allowed = torch.ones(n, m, dtype=torch.bool).tril(m - n)
                state, seen = None, 0
                for k, v in zip(key.split(block_size, -2), value.split(block_size, -2)):
                    size = k.size(-2)
                    state = step(state, query, k, v, allowed[:, seen : seen + size] if causal else None)
                    seen += size
                return state[2] / state[1].unsqueeze(-1)
        """),
        Alternative("a while loop, a mask always", """
            def attention_in_blocks(query, key, value, block_size, causal=False, step=None):
                step = step or add_block
                n, m = query.shape[-2], key.shape[-2]
                row, end, state = torch.arange(n).unsqueeze(1) + (m - n), 0, None
                while end < m:
                    column = torch.arange(end, min(m, end + block_size))
                    allowed = column <= row if causal else torch.ones(n, len(column), dtype=torch.bool)
                    state = step(state, query, key[..., column, :], value[..., column, :], allowed=allowed)
                    end += len(column)
                return torch.einsum("...qv,...q->...qv", state[2], 1 / state[1])
        """),
        Alternative("by recursion", """
            def attention_in_blocks(query, key, value, block_size, causal=False, step=None):
                step = add_block if step is None else step
                n, m = query.shape[-2], key.shape[-2]

                def gather(end):
                    start = (end - 1) // block_size * block_size
                    before = gather(start) if start else None
                    allowed = torch.stack([torch.arange(start, end) <= i + m - n for i in range(n)]) if causal else None
                    return step(before, query, key[..., start:end, :], value[..., start:end, :], allowed)

                _, t, w = gather(m)
                return w / t[..., None]
        """),
        Alternative("query by query, only the past", """
            def attention_in_blocks(query, key, value, block_size, causal=False, step=None):
                step = add_block if step is None else step
                n, m = query.shape[-2], key.shape[-2]
                rows = []
                for i in range(n):
                    end = m - n + i + 1 if causal else m
                    state = None
                    for a in range(0, end, block_size):
                        b = min(a + block_size, end)
                        state = step(state, query[..., i : i + 1, :], key[..., a:b, :], value[..., a:b, :])
                    rows.append(state[2] / state[1][..., None])
                return torch.cat(rows, -2)
        """),
        Alternative("from an empty state", """
            def attention_in_blocks(query, key, value, block_size, causal=False, step=None):
                step = add_block if step is None else step
                n, m = query.shape[-2], key.shape[-2]
                state = query.new_full(query.shape[:-1], -math.inf), query.new_zeros(query.shape[:-1]), query.new_zeros(*query.shape[:-1], value.shape[-1])
                for a in range(0, m, block_size):
                    b = min(a + block_size, m)
                    allowed = torch.arange(a, b)[None] <= torch.arange(n)[:, None] + m - n if causal else None
                    state = step(state, query, key[..., a:b, :], value[..., a:b, :], allowed)
                return state[2] / state[1][..., None]
        """),
    ],
    same_program={"line 15: torch.arange(keys, device=query.device): device left out": "where it is graded, the default device is that of the query"},
)

EXERCISES = {
    "additive_attention": ADDITIVE,
    "scaled_dot_product_attention": PRODUCT,
    "split_heads": HEADS,
    "MultiHeadAttention": MULTI_HEAD,
    "attention_flops": FLOPS,
    "add_block": BLOCK,
    "attention_in_blocks": BLOCKS,
}
