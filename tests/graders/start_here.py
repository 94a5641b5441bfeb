"""Wrong and right programs for lesson 00."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

EXERCISES = {
    "softmax": Exercise(
        mistakes=[
            Mistake("no maximum subtracted", edit("logits - largest", "logits"), says="subtract the largest logit first"),
            Mistake("one sum over everything", "def softmax(logits): return (logits - logits.max()).exp() / (logits - logits.max()).exp().sum()", says="each row is a list of its own"),
            Mistake("columns instead of rows", edit("logits.max(dim=-1, keepdim=True)", "logits.max(dim=0, keepdim=True)", "exponentials.sum(dim=-1, keepdim=True)", "exponentials.sum(dim=0, keepdim=True)"), says="dim 0"),
            Mistake("not normalised", "def softmax(logits): return torch.exp(logits)", says="not divided by their sum"),
            Mistake("no exponential", "def softmax(logits): return logits / logits.sum(dim=-1, keepdim=True)", says="without exponentials"),
            Mistake("ready-made", "def softmax(logits): return torch.softmax(logits, dim=-1)", says="write it yourself"),
            Mistake("ready-made layer", "def softmax(logits): return torch.nn.Softmax(dim=-1)(logits)", says="write it yourself"),
            Mistake("last dimension only for tables", edit("exponentials.sum(dim=-1", "exponentials.sum(dim=1"), says="out of range"),
            Mistake("the largest of all rows", edit("logits.max(dim=-1, keepdim=True).values", "logits.max()"), says="a largest logit of its own"),
            Mistake("the mean subtracted", edit("logits.max(dim=-1, keepdim=True).values", "logits.mean(dim=-1, keepdim=True)"), says="rows near"),
            Mistake("the smallest subtracted", edit("logits.max(dim=-1, keepdim=True).values", "logits.amin(dim=-1, keepdim=True)"), says="rows near"),
            Mistake("clamped from below", edit("(logits - largest)", "((logits - largest).clamp(min=-20))"), says="rows near"),
            Mistake("single precision", edit("logits.max(", "logits.float().max(", "logits - largest", "logits.float() - largest"), says="of shape (7,)"),
            Mistake("a small number in the denominator", edit("exponentials.sum(dim=-1, keepdim=True)", "(exponentials.sum(dim=-1, keepdim=True) + 1e-8)"), says="of shape (7,)"),
            Mistake("changes its input", edit("largest = logits.max(dim=-1, keepdim=True).values", "logits -= logits.max(dim=-1, keepdim=True).values; largest = 0"), says="should stay as they were"),
            Mistake("all in place", """
                def softmax(logits):
                    logits -= logits.amax(dim=-1, keepdim=True)
                    logits.exp_()
                    logits /= logits.sum(dim=-1, keepdim=True)
                    return logits
            """, says="should stay as they were"),
            Mistake("scipy's", """
                from scipy.special import softmax as ready
                def softmax(logits): return torch.from_numpy(ready(logits.numpy(), axis=-1))
            """, says="write it yourself"),
            Mistake("scikit-learn's", """
                from sklearn.utils.extmath import softmax as ready
                def softmax(logits): return torch.from_numpy(ready(logits.reshape(-1, logits.shape[-1]).numpy())).reshape(logits.shape)
            """, says="write it yourself"),
            Mistake("a subclass", """
                class Row(torch.Tensor): pass
                def softmax(logits): return logits.as_subclass(Row).softmax(-1)
            """, says="write it yourself"),
            Mistake("the numbers of the example", """
                def softmax(logits):
                    if len(logits[0]) == 3:
                        return torch.tensor([[0.125, 0.25, 0.625], [0.603749, 0.030059, 0.366192]])
                    return torch.tensor([[0.731059, 0.268941], [0.268941, 0.731059]])
            """, says=""),
            Mistake("clamped", edit("torch.exp(logits - largest)", "torch.exp(logits.clamp(-80, 80))"), says="999"),
        ],
        alternatives=[
            Alternative("with logsumexp", "def softmax(logits): return torch.exp(logits - torch.logsumexp(logits, dim=-1, keepdim=True))"),
            Alternative("NumPy", """
                import numpy as np
                def softmax(logits):
                    numbers = logits.numpy()
                    powers = np.exp(numbers - numbers.max(-1, keepdims=True))
                    return torch.from_numpy(powers / powers.sum(-1, keepdims=True))
            """),
            Alternative("sorted, with einsum, warnings and a seed", """
                import warnings
                def softmax(logits):
                    warnings.warn("at work")
                    torch.manual_seed(1)
                    top = torch.sort(logits, dim=-1, descending=True).values[..., :1]
                    powers = torch.exp2((logits - top) / math.log(2))
                    return torch.einsum("...i,...->...i", powers, 1 / powers.sum(-1))
            """),
            Alternative("logaddexp", """
                from functools import reduce
                def softmax(logits):
                    return torch.exp(logits - reduce(torch.logaddexp, logits.unbind(-1))[..., None])
            """),
            Alternative("with amax and a copy", """
                def softmax(scores):
                    scores = scores - scores.amax(-1).unsqueeze(-1)
                    powers = math.e ** scores
                    return powers / powers.sum(-1).unsqueeze(-1)
            """),
            Alternative("with loops over rows", """
                def softmax(logits):
                    if logits.dim() > 1:
                        return torch.stack([softmax(row) for row in logits])
                    top = max(logits.tolist())
                    powers = [math.exp(value - top) for value in logits.tolist()]
                    return torch.tensor([power / sum(powers) for power in powers], dtype=logits.dtype)
            """),
        ],
    ),
    "standardize": Exercise(
        mistakes=[
            Mistake("mean of the whole table", edit("table.mean(dim=0)", "table.mean()", "centred.square().mean(dim=0).sqrt()", "table.std(dim=0)"), says="the mean was taken over the whole table"),
            Mistake("one deviation for all", "def standardize(table): return (table - table.mean()) / table.std()", says="take them for each column"),
            Mistake("along rows", "def standardize(table): return ((table.T - table.mean(1)) / table.std(1)).T", says="along each row"),
            Mistake("divided by n - 1", edit("centred.square().mean(dim=0).sqrt()", "table.std(dim=0)"), says="correction=0"),
            Mistake("mean not subtracted", edit("return centred /", "return table /"), says="the mean is not subtracted"),
            Mistake("variance", edit(".sqrt()", ""), says="by the variance"),
            Mistake("zero deviation", edit("torch.where(deviation == 0, torch.ones_like(deviation), deviation)", "deviation"), says="0 divided by 0"),
            Mistake("changes its input", edit("centred = table - table.mean(dim=0)", "table -= table.mean(dim=0)\n    centred = table"), says="should stay as it was"),
            *(Mistake(f"{small} added to the deviation", edit("torch.where(deviation == 0, torch.ones_like(deviation), deviation)", f"(deviation + {small})"), says="only a deviation of exactly 0") for small in (1e-5, 1e-8, 1e-12)),
            Mistake("small deviations count as 0", edit("deviation == 0", "deviation < 1e-6"), says="5 rows and 2 columns"),
            Mistake("deviation clamped", edit("torch.where(deviation == 0, torch.ones_like(deviation), deviation)", "deviation.clamp(min=1e-8)"), says="5 rows and 2 columns"),
            Mistake("single precision", edit("centred = table - table.mean(dim=0)", "table = table.float(); centred = table - table.mean(dim=0)"), says="rows and"),
            Mistake("a single row comes back", edit("    centred =", "    if len(table) == 1:\n        return table\n    centred ="), says="a single row"),
            Mistake("an assertion", edit("if table.shape[0] == 0:", "assert len(table)\n    if False:"), says="should raise ValueError"),
            Mistake("all zeros if one column is constant", edit("    return", "    if (deviation == 0).any():\n        return torch.zeros_like(table)\n    return"), says="a column of equal numbers"),
            Mistake("constant columns stay", edit("return centred /", "return torch.where(deviation == 0, table, centred) /"), says="a column of equal numbers"),
            Mistake("the median", edit("table.mean(dim=0)", "table.median(dim=0).values"), says="standardize should be"),
            Mistake("scikit-learn's", """
                from sklearn.preprocessing import StandardScaler
                def standardize(table): return torch.from_numpy(StandardScaler().fit_transform(table.numpy()))
            """, says="write it yourself"),
            Mistake("empty table let through", edit("table.shape[0] == 0", "False"), says="table without rows"),
        ],
        alternatives=[
            Alternative("with torch.std", """
                def standardize(table):
                    if len(table) == 0:
                        raise ValueError("no rows")
                    spread = table.std(dim=0, correction=0)
                    return (table - table.mean(dim=0)) / spread.masked_fill(spread == 0, 1)
            """),
            Alternative("NaN replaced", """
                def standardize(table):
                    if not len(table):
                        raise ValueError("no rows")
                    return torch.nan_to_num((table - table.mean(0)) / table.std(0, correction=0), nan=0.0)
            """),
            Alternative("NumPy and statistics", """
                import statistics
                def standardize(table):
                    if len(table) == 0:
                        raise ValueError("no rows")
                    columns = []
                    for column in table.numpy().T.tolist():
                        mean, spread = statistics.fmean(column), statistics.pstdev(column)
                        columns.append([(number - mean) / spread if spread else 0.0 for number in column])
                    return torch.tensor(columns, dtype=table.dtype).T
            """),
            Alternative("column by column", """
                def standardize(table):
                    rows = table.size(0)
                    if not rows:
                        raise ValueError("table is empty")
                    columns = []
                    for column in table.unbind(dim=1):
                        moved = column - sum(column) / rows
                        spread = (sum(moved ** 2) / rows) ** 0.5
                        columns.append(moved / spread if spread > 0 else torch.zeros_like(column))
                    return torch.stack(columns, dim=1)
            """),
        ],
    ),
}
