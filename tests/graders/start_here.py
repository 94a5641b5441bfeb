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
            Mistake("clamped", edit("torch.exp(logits - largest)", "torch.exp(logits.clamp(-80, 80))"), says="999"),
        ],
        alternatives=[
            Alternative("with logsumexp", "def softmax(logits): return torch.exp(logits - torch.logsumexp(logits, dim=-1, keepdim=True))"),
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
