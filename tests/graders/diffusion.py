"""Wrong and right programs for lesson 13."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

SCHEDULE = Exercise(
    mistakes=[
        Mistake("running sum", edit("(1 - beta).cumprod(0)", "(1 - beta).cumsum(0)"), says="this is the running sum"),
        Mistake("product of the betas", edit("(1 - beta).cumprod(0)", "beta.cumprod(0)"), says="this is the product of the betas"),
        Mistake("root of the level", edit("(1 - beta).cumprod(0)])", "(1 - beta).cumprod(0)]).sqrt()"), says="this is the root of the level"),
        Mistake("no 1 in front", edit("torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)])", "(1 - beta).cumprod(0)"), says="should have shape (101,)"),
        Mistake("1 at the end", edit("[torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)]", "[(1 - beta).cumprod(0), torch.ones(1, dtype=torch.float64)]"), says="the levels of 100 linear steps"),
        Mistake("no largest beta", edit("beta = beta.clamp(max=0.999)", "pass"), says="the largest beta is 0.999"),
        Mistake("largest beta after the product", edit("    beta = beta.clamp(max=0.999)\n    return beta, torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)])", "    level = torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)])\n    return beta.clamp(max=0.999), level"), says="the levels of 40 cosine steps"),
        Mistake("another largest beta", edit("max=0.999", "max=0.99"), says="the betas of 40 cosine steps"),
        Mistake("linear for 1000 steps only", edit("torch.linspace(0.1 / steps, 20 / steps, steps", "torch.linspace(1e-4, 0.02, steps"), says="the betas of 100 linear steps"),
        Mistake("levels in a line", edit("torch.linspace(0.1 / steps, 20 / steps, steps, dtype=torch.float64)", "torch.full((steps,), 10 / steps, dtype=torch.float64)"), says="the betas of 100 linear steps"),
        Mistake("ends left out", edit("torch.linspace(0.1 / steps, 20 / steps, steps, dtype=torch.float64)", "torch.linspace(0.1 / steps, 20 / steps, steps + 1, dtype=torch.float64)[:-1]"), says="the betas of 100 linear steps"),
        Mistake("no offset", edit("(t / steps + 0.008) / 1.008", "t / steps"), says="the small offset of the cosine is missing"),
        Mistake("offset not divided out", edit("(t / steps + 0.008) / 1.008", "(t / steps + 0.008)"), says="the betas of 40 cosine steps"),
        Mistake("cosine not squared", edit(" / 1.008) ** 2", " / 1.008)"), says="the betas of 40 cosine steps"),
        Mistake("sine", edit("torch.cos(", "torch.sin("), says="the betas of 40 cosine steps"),
        Mistake("ratio the other way round", edit("level[1:] / level[:-1]", "level[:-1] / level[1:]"), says="the betas of 40 cosine steps"),
        Mistake("difference of levels", edit("1 - level[1:] / level[:-1]", "level[:-1] - level[1:]"), says="the betas of 40 cosine steps"),
        Mistake("the levels themselves", edit("1 - level[1:] / level[:-1]", "1 - level[1:] / level[0]"), says="these are the levels themselves"),
        Mistake("levels of the formula, not of the betas", edit("return beta, torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)])", "return beta, torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)]) if kind == 'linear' else level / level[0]"), says="the levels of 40 cosine steps"),
        Mistake("single precision", edit("return beta, torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)])", "return beta.float(), torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)]).float()"), says="the betas of"),
        Mistake("any other kind is the cosine", edit('elif kind == "cosine":', "else:", "    else:\n        raise ValueError(f\"kind: expected 'linear' or 'cosine', got {kind!r}\")\n", ""), says="an unknown kind should raise ValueError"),
        Mistake("another error", edit("raise ValueError", "raise TypeError"), says="an unknown kind should raise ValueError"),
        Mistake("spaces forgiven", edit('elif kind == "cosine":', 'elif (kind or "").strip() == "cosine":'), says="the kind 'cosine '"),
        Mistake("linear by default", edit('kind: str = "cosine"', 'kind: str = "linear"'), says="the levels without a kind"),
        Mistake("only the levels", edit("return beta, torch.cat", "return torch.cat"), says="too many values to unpack"),
        Mistake("swapped", edit("return beta, torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)])", "return torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)]), beta"), says="should have shape (100,)"),
    ],
    alternatives=[
        Alternative("step by step", """
            def noise_schedule(steps, kind="cosine"):
                if kind not in ("linear", "cosine"):
                    raise ValueError(kind)
                f = lambda t: math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2
                beta, level = [], [1.0]
                for t in range(1, steps + 1):
                    b = 0.1 / steps + (t - 1) * 19.9 / steps / (steps - 1) if kind == "linear" else 1 - f(t) / f(t - 1)
                    beta.append(min(b, 0.999))
                    level.append(level[-1] * (1 - beta[-1]))
                return torch.tensor(beta, dtype=torch.float64), torch.tensor(level, dtype=torch.float64)
        """),
        Alternative("by logarithms", """
            def noise_schedule(steps, kind="cosine"):
                kinds = {"linear": lambda t: 0.1 / steps + (20 - 0.1) / steps * (t - 1) / (steps - 1),
                         "cosine": lambda t: 1 - (((t / steps + 0.008) / 1.008 * math.pi).cos() + 1) / ((((t - 1) / steps + 0.008) / 1.008 * math.pi).cos() + 1)}
                if kind not in kinds:
                    raise ValueError("kind")
                b = torch.clamp(kinds[kind](torch.arange(1, steps + 1).double()), max=0.999)
                return b, F.pad(torch.log1p(-b).cumsum(0), (1, 0)).exp()
        """),
        Alternative("numpy", """
            def noise_schedule(steps, kind="cosine"):
                import numpy as np
                if kind == "linear":
                    b = np.linspace(0.1 / steps, 20 / steps, steps)
                elif kind == "cosine":
                    f = np.cos(np.pi / 2 * (np.arange(steps + 1) / steps + 0.008) / 1.008) ** 2
                    b = 1 - f[1:] / f[:-1]
                else:
                    raise ValueError("no such schedule")
                b = np.minimum(b, 0.999)
                return torch.from_numpy(b), torch.from_numpy(np.concatenate([[1.0], np.cumprod(1 - b)]))
        """),
    ],
    same_program={
        "line 11: 1.008 -> -1.008": "the cosine is even",
        "line 16: torch.ones(1, dtype=torch.float64): dtype left out": "cat makes float64 of both",
        "line 16: 0 -> -1": "there is one axis",
    },
)

Q_SAMPLE = Exercise(
    mistakes=[
        Mistake("no roots", edit("level.sqrt() * x + (1 - level).sqrt() * noise", "level * x + (1 - level) * noise"), says="the roots are missing"),
        Mistake("swapped", edit("level.sqrt() * x + (1 - level).sqrt() * noise", "(1 - level).sqrt() * x + level.sqrt() * noise"), says="signal and noise are the wrong way round"),
        Mistake("signal without root", edit("level.sqrt() * x", "level * x"), says="the tiny example"),
        Mistake("noise without root", edit("(1 - level).sqrt() * noise", "(1 - level) * noise"), says="the tiny example"),
        Mistake("1 - root", edit("(1 - level).sqrt()", "(1 - level.sqrt())"), says="the tiny example"),
        Mistake("signal kept", edit("level.sqrt() * x +", "x +"), says="the tiny example"),
        Mistake("noise not scaled", edit("(1 - level).sqrt() * noise", "noise"), says="the tiny example"),
        Mistake("noise taken off", edit("* x + (1", "* x - (1"), says="the tiny example"),
        Mistake("step before", edit("alpha_bar[t].reshape", "alpha_bar[t - 1].reshape"), says="the tiny example"),
        Mistake("first row's level for all", edit("alpha_bar[t].reshape", "alpha_bar[t[:1]].expand(len(t)).reshape"), says="all rows get the level of the first"),
        Mistake("level along the last axis", edit(".reshape(-1, *[1] * (x.ndim - 1))", ""), says="must match"),
        Mistake("level always with three axes behind", edit(".reshape(-1, *[1] * (x.ndim - 1))", "[:, None, None, None]"), says="should have shape"),
        Mistake("dtype of the table", edit(").to(x.dtype)", ")"), says="the dtype of x"),
        Mistake("single precision", edit(".to(x.dtype)", ".float()"), says="dtype of x"),
        Mistake("noise of its own", edit("* noise)", "* torch.randn_like(x))"), says="the tiny example"),
        Mistake("changes x", edit("    return (level.sqrt() * x", "    with torch.no_grad():\n        x.mul_(1.001)\n    return (level.sqrt() * x"), says="the tiny example"),
        Mistake("gradient of x cut", edit("level.sqrt() * x +", "level.sqrt() * x.detach() +"), says="not have been used"),
        Mistake("gradient of the noise cut", edit("* noise)", "* noise.detach())"), says="not have been used"),
        Mistake("a little noise always", edit("(1 - level).sqrt()", "(1 - level + 1e-6).sqrt()"), says="the noised rows"),
        Mistake("t counted over the table", edit("alpha_bar[t].reshape", "alpha_bar[(t + 1).clamp(max=len(alpha_bar) - 1)].reshape"), says="the noised rows"),
    ],
    alternatives=[
        Alternative("row by row", """
            def q_sample(x, t, noise, alpha_bar):
                rows = []
                for row, step, e in zip(x, t.tolist(), noise):
                    a = float(alpha_bar[step])
                    rows.append(a ** 0.5 * row + (1 - a) ** 0.5 * e)
                return torch.stack(rows)
        """),
        Alternative("tables of factors", """
            def q_sample(x, t, noise, alpha_bar):
                shape = (len(x),) + (1,) * (x.dim() - 1)
                signal = torch.sqrt(alpha_bar).gather(0, t).view(shape).to(x)
                sigma = torch.sqrt(1.0 - alpha_bar).gather(0, t).view(shape).to(x)
                return signal * x + sigma * noise
        """),
        Alternative("einsum", """
            def q_sample(x, t, noise, alpha_bar):
                a = alpha_bar.double()[t]
                both = torch.stack([a.sqrt(), (1 - a).sqrt()]).to(x.dtype)
                return torch.einsum("kb,kb...->b...", both, torch.stack([x, noise]))
        """),
    ],
)

LOSS = Exercise(
    mistakes=[
        Mistake("compared with x", edit("- noise).square()", "- x).square()"), says="compared with x, not with the noise"),
        Mistake("compared with the noised row", edit("- noise).square()", "- noised).square()"), says="compared with the noised row"),
        Mistake("clean row shown", edit("model(noised, t)", "model(x, t)"), says="the model is shown the clean row"),
        Mistake("noise shown", edit("model(noised, t)", "model(noise, t)"), says="the model is shown the noise"),
        Mistake("t not told", edit("model(noised, t)", "model(noised, torch.zeros_like(t))"), says="the t that the model is told"),
        Mistake("t one less", edit("model(noised, t)", "model(noised, t - 1)"), says="the t that the model is told"),
        Mistake("t as a share", edit("model(noised, t)", "model(noised, t / (len(alpha_bar) - 1))"), says="the t that the model is told"),
        Mistake("sum", edit(".mean()", ".sum()"), says="this is the sum"),
        Mistake("summed within a row", edit(".square().mean()", ".square().flatten(1).sum(1).mean() if x.ndim > 1 else (model(noised, t) - noise).square().mean()"), says="this is summed within a row"),
        Mistake("one loss for each row", edit(".mean()", ".flatten(1).mean(1) if x.ndim > 1 else (model(noised, t) - noise).square().mean()"), says="should have shape"),
        Mistake("absolute error", edit(".square()", ".abs()"), says="the loss of the tiny example"),
        Mistake("root", edit(".mean()", ".mean().sqrt()"), says="the loss of the tiny example"),
        Mistake("half", edit("return (", "return 0.5 * ("), says="the loss of the tiny example"),
        Mistake("error of the clean row", edit("(model(noised, t) - noise).square().mean()", "((noised - model(noised, t)) - noise).square().mean()"), says="the loss of the tiny example"),
        Mistake("noise of its own", edit("    noised =", "    noise = torch.randn_like(x)\n    noised ="), says="the loss of the tiny example"),
        Mistake("times of its own", edit("    noised =", "    t = torch.randint_like(t, 1, len(alpha_bar))\n    noised ="), says="the loss of 4 rows"),
        Mistake("gradient of the model cut", edit("model(noised, t)", "model(noised, t).detach()"), says="not have been used"),
        Mistake("gradient of the noise cut", edit("- noise).square", "- noise.detach()).square"), says="the gradient with respect to the noise"),
        Mistake("gradient through the noised row cut", edit("model(noised, t)", "model(noised.detach(), t)"), says="not have been used"),
        Mistake("weighted by the level", edit("- noise).square()", "- noise).square() * alpha_bar[t].reshape(-1, *[1] * (x.ndim - 1))"), says="the loss of the tiny example"),
        Mistake("double precision", edit(".mean()", ".double().mean()"), says="dtype of x"),
        Mistake("smooth loss", edit("(model(noised, t) - noise).square().mean()", "F.smooth_l1_loss(model(noised, t), noise)"), says="the loss of the tiny example"),
    ],
    alternatives=[
        Alternative("mse_loss", """
            def ddpm_loss(model, x, t, noise, alpha_bar):
                return F.mse_loss(model(q_sample(x, t, noise, alpha_bar), t), noise)
        """),
        Alternative("all by hand", """
            def ddpm_loss(model, x, t, noise, alpha_bar):
                a = alpha_bar[t].to(x.dtype).view(-1, *(1 for _ in x.shape[1:]))
                error = noise - model(torch.sqrt(a) * x + torch.sqrt(1 - a) * noise, t)
                return (error ** 2).sum() / error.numel()
        """),
        Alternative("mean of the rows' means", """
            def ddpm_loss(model, x, t, noise, alpha_bar):
                seen = q_sample(x, t, noise, alpha_bar)
                errors = (model(seen, t) - noise).reshape(len(x), -1)
                return errors.pow(2).mean(dim=1).mean()
        """),
    ],
)

DDPM = Exercise(
    mistakes=[
        Mistake("clean row without the noise's factor", edit("(x - math.sqrt(1 - now) * predicted)", "(x - predicted)"), says="the tiny example"),
        Mistake("clean row without roots", edit("(x - math.sqrt(1 - now) * predicted) / math.sqrt(now)", "(x - (1 - now) * predicted) / now"), says="the tiny example"),
        Mistake("clean row not divided", edit(" / math.sqrt(now)\n", "\n"), says="the tiny example"),
        Mistake("noise added to the clean row", edit("(x - math.sqrt(1 - now) * predicted)", "(x + math.sqrt(1 - now) * predicted)"), says="the tiny example"),
        Mistake("prediction taken for the clean row", edit("clean = (x - math.sqrt(1 - now) * predicted) / math.sqrt(now)", "clean = predicted"), says="the tiny example"),
        Mistake("level before in the clean row", edit("(x - math.sqrt(1 - now) * predicted) / math.sqrt(now)", "(x - math.sqrt(1 - before) * predicted) / math.sqrt(before)"), says="the tiny example"),
        Mistake("beta is 1 - level", edit("beta = 1 - now / before", "beta = 1 - now"), says="the tiny example"),
        Mistake("beta is the difference", edit("beta = 1 - now / before", "beta = before - now"), says="the tiny example"),
        Mistake("beta upside down", edit("beta = 1 - now / before", "beta = 1 - before / now"), says="math domain error"),
        Mistake("jump to the clean row", edit("mean = math.sqrt(before) * beta / (1 - now) * clean + math.sqrt(now / before) * (1 - before) / (1 - now) * x", "mean = clean"), says="the tiny example"),
        Mistake("only the clean row in the mean", edit(" + math.sqrt(now / before) * (1 - before) / (1 - now) * x", ""), says="the tiny example"),
        Mistake("only x in the mean", edit("math.sqrt(before) * beta / (1 - now) * clean + ", ""), says="the tiny example"),
        Mistake("factors of clean and x swapped", edit("* clean + math", "* x + math", "(1 - now) * x\n", "(1 - now) * clean\n"), says="a step with"),
        Mistake("no root of the ratio", edit("math.sqrt(now / before)", "(now / before)"), says="the tiny example"),
        Mistake("no root before the clean row", edit("math.sqrt(before) * beta", "before * beta"), says="the tiny example"),
        Mistake("noise by the variance", edit("math.sqrt(spread) * noise", "spread * noise"), says="the noise is scaled by the variance"),
        Mistake("no noise", edit(" + math.sqrt(spread) * noise", ""), says="the noise is not added"),
        Mistake("noise not scaled", edit("math.sqrt(spread) * noise", "noise"), says="the tiny example"),
        Mistake("always beta", edit('beta if variance == "beta" else beta * (1 - before) / (1 - now)', "beta"), says='this is the variance "beta"; without a word'),
        Mistake("always posterior", edit('beta if variance == "beta" else beta * (1 - before) / (1 - now)', "beta * (1 - before) / (1 - now)"), says='this is the variance "posterior"'),
        Mistake("the other way round", edit('variance == "beta"', 'variance == "posterior"'), says="without a word it is"),
        Mistake("beta by default", edit('variance: str = "posterior"', 'variance: str = "beta"'), says="without a word it is"),
        Mistake("noise at the last step", edit("    if before == 1:\n        spread = 0.0\n", ""), says="nothing is added at the last step"),
        Mistake("no noise near the end", edit("if before == 1:", "if before > 0.99:"), says="a step from level"),
        Mistake("posterior upside down", edit("beta * (1 - before) / (1 - now)\n    if", "beta * (1 - now) / (1 - before + 1e-12)\n    if"), says="the tiny example"),
        Mistake("noise of its own", edit("* noise", "* torch.randn_like(x)"), says="the tiny example"),
        Mistake("clean row cut to -1 ... 1", edit("/ math.sqrt(now)\n", "/ math.sqrt(now)\n    clean = clean.clamp(-1, 1)\n"), says="a step with"),
        Mistake("gradient of the prediction cut", edit("* predicted)", "* predicted.detach())"), says="the gradient with respect to the prediction"),
        Mistake("changes x", edit("    clean =", "    x.data.mul_(1.0001)\n    clean ="), says="the tiny example"),
        Mistake("double precision", edit("* noise\n", "* noise.double()\n"), says="dtype of x"),
        Mistake("DDIM", edit("mean = math.sqrt(before) * beta / (1 - now) * clean + math.sqrt(now / before) * (1 - before) / (1 - now) * x", "mean = math.sqrt(before) * clean + math.sqrt(1 - before) * predicted"), says="the tiny example"),
    ],
    alternatives=[
        Alternative("by the noise, as in Ho et al.", """
            def ddpm_step(x, predicted, now, before, noise, variance="posterior"):
                alpha = now / before
                mean = (x - (1 - alpha) / (1 - now) ** 0.5 * predicted) / alpha ** 0.5
                if before >= 1:
                    return mean
                v = (1 - alpha) * ((1 - before) / (1 - now) if variance == "posterior" else 1)
                return mean + v ** 0.5 * noise
        """),
        Alternative("conditioning two Gaussians", """
            def ddpm_step(x, predicted, now, before, noise, variance="posterior"):
                guess = (x - (1 - now) ** 0.5 * predicted) * now ** -0.5
                keep = (now / before) ** 0.5
                precision_step, precision_prior = keep ** 2 / (1 - keep ** 2), 1 / max(1 - before, 1e-300)
                if before == 1.0:
                    return guess
                v = 1 / (precision_step + precision_prior)
                mean = v * (precision_step * x / keep + precision_prior * before ** 0.5 * guess)
                return mean + (v if variance != "beta" else 1 - keep ** 2) ** 0.5 * noise
        """),
        Alternative("with tensors", """
            def ddpm_step(x, predicted, now, before, noise, variance="posterior"):
                a, b = (torch.tensor(level, dtype=torch.float64) for level in (now, before))
                clean = (x - (1 - a).sqrt().to(x.dtype) * predicted) / a.sqrt().to(x.dtype)
                beta = 1 - a / b
                first, second = b.sqrt() * beta / (1 - a), (a / b).sqrt() * (1 - b) / (1 - a)
                spread = {"posterior": beta * (1 - b) / (1 - a), "beta": beta * (b < 1)}[variance]
                return first.to(x.dtype) * clean + second.to(x.dtype) * x + spread.sqrt().to(x.dtype) * noise
        """),
    ],
    same_program={
        "line 3: 'posterior' -> ''": "everything but \"beta\" is the posterior variance, and the exercise asks for nothing else",
        "line 15: 0.0 -> -0.0": "the root of -0.0 is -0.0, and nothing is added",
    },
)

DDIM = Exercise(
    mistakes=[
        Mistake("the clean row alone", edit("        return math.sqrt(before) * clean + math.sqrt(1 - before) * predicted", "        return clean"), says="the tiny example without chance"),
        Mistake("old level for the noise", edit("return math.sqrt(before) * clean + math.sqrt(1 - before) * predicted\n", "return math.sqrt(before) * clean + math.sqrt(1 - now) * predicted\n"), says="the tiny example without chance"),
        Mistake("old level for the clean row", edit("return math.sqrt(before) * clean + math.sqrt(1 - before) * predicted\n", "return math.sqrt(now) * clean + math.sqrt(1 - before) * predicted\n"), says="the tiny example without chance"),
        Mistake("no roots", edit("return math.sqrt(before) * clean + math.sqrt(1 - before) * predicted\n", "return before * clean + (1 - before) * predicted\n"), says="the tiny example without chance"),
        Mistake("predicted noise missing", edit("return math.sqrt(before) * clean + math.sqrt(1 - before) * predicted\n", "return math.sqrt(before) * clean\n"), says="the tiny example without chance"),
        Mistake("noise taken off", edit("clean + math.sqrt(1 - before) * predicted\n", "clean - math.sqrt(1 - before) * predicted\n"), says="the tiny example without chance"),
        Mistake("DDPM's mean", edit("return math.sqrt(before) * clean + math.sqrt(1 - before) * predicted\n", "return math.sqrt(before) * (1 - now / before) / (1 - now) * clean + math.sqrt(now / before) * (1 - before) / (1 - now) * x\n"), says="the tiny example without chance"),
        Mistake("clean row without the factor of the noise", edit("(x - math.sqrt(1 - now) * predicted)", "(x - predicted)"), says="the tiny example without chance"),
        Mistake("clean row not divided", edit(" / math.sqrt(now)\n", "\n"), says="the tiny example without chance"),
        Mistake("clean row divided by the level", edit(" / math.sqrt(now)\n", " / now\n"), says="the tiny example without chance"),
        Mistake("eta not squared", edit("eta**2 *", "eta *"), says="eta has to be squared"),
        Mistake("eta not used", edit("eta**2 * (1", "(1"), says="eta is not used"),
        Mistake("no room for the fresh noise", edit("math.sqrt(1 - before - spread)", "math.sqrt(1 - before)"), says="the tiny example with eta 1"),
        Mistake("no fresh noise", edit(" + math.sqrt(spread) * noise", ""), says="the tiny example with eta 1"),
        Mistake("fresh noise by the variance", edit("math.sqrt(spread) * noise", "spread * noise"), says="the tiny example with eta 1"),
        Mistake("room by the deviation", edit("1 - before - spread)", "1 - before - math.sqrt(spread))"), says="math domain error"),
        Mistake("variance beta", edit(" * (1 - before) / (1 - now)\n", "\n"), says="math domain error"),
        Mistake("variance upside down", edit("(1 - before) / (1 - now)\n", "(1 - now) / (1 - before + 1e-9)\n"), says="math domain error"),
        Mistake("always with chance", edit("if eta == 0:", "if False:"), says="NoneType"),
        Mistake("never with chance", edit("if eta == 0:", "if True:"), says="the tiny example with eta 1"),
        Mistake("eta 1 by default", edit("eta: float = 0.0", "eta: float = 1.0"), says="NoneType"),
        Mistake("cannot go towards the noise", edit("    clean =", "    now, before = min(now, before), max(now, before)\n    clean ="), says="a step towards the noise"),
        Mistake("noise of its own", edit("* noise\n", "* torch.randn_like(x)\n"), says="the tiny example with eta 1"),
        Mistake("clean row cut", edit("/ math.sqrt(now)\n", "/ math.sqrt(now)\n    clean = clean.clamp(-1, 1)\n"), says="a step without chance"),
        Mistake("gradient of the prediction cut", edit("(x - math.sqrt(1 - now) * predicted)", "(x - math.sqrt(1 - now) * predicted.detach())"), says="the gradient with respect to the prediction"),
        Mistake("double precision", edit("clean + math.sqrt(1 - before) * predicted\n", "clean + math.sqrt(1 - before) * predicted.double()\n"), says="dtype of x"),
        Mistake("changes the prediction", edit("    clean =", "    predicted.data.mul_(1.0001)\n    clean ="), says="the tiny example without chance"),
    ],
    alternatives=[
        Alternative("Euler's step", """
            def ddim_step(x, predicted, now, before, eta=0.0, noise=None):
                clean = (x - (1 - now) ** 0.5 * predicted) / now ** 0.5
                s = eta * ((1 - before) / (1 - now) * (1 - now / before)) ** 0.5 if eta else 0.0
                out = before ** 0.5 * clean + (1 - before - s ** 2) ** 0.5 * predicted
                if eta:
                    out = out + s * noise
                return out
        """),
        Alternative("one formula", """
            def ddim_step(x, predicted, now, before, eta=0.0, noise=None):
                v = max(0.0, eta * eta * (1 - before) / (1 - now) * (1 - now / before)) if eta > 0 else 0.0
                ratio = math.sqrt(before / now)
                direction = math.sqrt(1 - before - v) - ratio * math.sqrt(1 - now)
                fresh = 0 if v == 0 else math.sqrt(v) * noise
                return ratio * x + direction * predicted + fresh
        """),
        Alternative("through DDPM's variance", """
            def ddim_step(x, predicted, now, before, eta=0.0, noise=None):
                clean = x / math.sqrt(now) - math.sqrt(1 / now - 1) * predicted
                sigma = 0.0
                if eta != 0:
                    beta = (before - now) / before
                    sigma = eta * math.sqrt(beta * (1 - before) / (1 - now))
                result = clean.mul(math.sqrt(before)).add(predicted, alpha=math.sqrt(1 - before - sigma * sigma))
                return result if noise is None else torch.add(result, noise, alpha=sigma)
        """),
    ],
    same_program={"line 3: 0.0 -> -0.0": "-0.0 equals 0.0"},
)

FLOW = Exercise(
    mistakes=[
        Mistake("time the other way", edit("(1 - share) * x + share * noise", "share * x + (1 - share) * noise"), says="time runs the other way"),
        Mistake("roots", edit("(1 - share) * x + share * noise", "(1 - share).sqrt() * x + share.sqrt() * noise"), says="the line is straight: no roots"),
        Mistake("clean row shown", edit("return (model(point, time) -", "return (model(x, time) -"), says="the model is shown the clean row"),
        Mistake("noise shown", edit("return (model(point, time) -", "return (model(noise, time) -"), says="the point that the model is shown"),
        Mistake("velocity turned", edit("(noise - x))", "(x - noise))"), says="the velocity points from the data to the noise"),
        Mistake("compared with the noise", edit("(noise - x))", "noise)"), says="compared with the noise"),
        Mistake("compared with the clean row", edit("(noise - x))", "x)"), says="compared with the clean row"),
        Mistake("compared with what is left of the way", edit("(noise - x))", "(point - x))"), says="the loss of the tiny example"),
        Mistake("time not told", edit("return (model(point, time) -", "return (model(point, torch.zeros_like(time)) -"), says="the time that the model is told"),
        Mistake("time turned for the model", edit("return (model(point, time) -", "return (model(point, 1 - time) -"), says="the time that the model is told"),
        Mistake("sum", edit(".mean()", ".sum()"), says="this is the sum"),
        Mistake("one loss for each row", edit(".square().mean()", ".square().reshape(len(x), -1).mean(1)"), says="should have shape ()"),
        Mistake("summed within a row", edit(".square().mean()", ".square().reshape(len(x), -1).sum(1).mean()"), says="this is summed within a row"),
        Mistake("root", edit(".mean()", ".mean().sqrt()"), says="the loss of the tiny example"),
        Mistake("absolute error", edit(".square()", ".abs()"), says="the loss of the tiny example"),
        Mistake("half", edit("return (", "return 0.5 * ("), says="the loss of the tiny example"),
        Mistake("first time for all rows", edit("share = time", "share = time[:1].expand(len(time))"), says="the loss of 4 rows"),
        Mistake("time along the last axis", edit("share = time.reshape(-1, *[1] * (x.ndim - 1))", "share = time"), says="must match"),
        Mistake("time with three axes", edit("share = time.reshape(-1, *[1] * (x.ndim - 1))", "share = time[:, None, None]"), says="should have shape"),
        Mistake("noise of its own", edit("    share =", "    noise = torch.randn_like(x)\n    share ="), says="the point that the model is shown"),
        Mistake("times of its own", edit("    share =", "    time = torch.rand_like(time)\n    share ="), says="the point that the model is shown"),
        Mistake("velocity cut from the graph", edit("(noise - x))", "(noise - x).detach())"), says="the gradient with respect to"),
        Mistake("model cut from the graph", edit("return (model(point, time) -", "return (model(point, time).detach() -"), says="the gradient with respect to x"),
        Mistake("time cut from the graph", edit("share = time", "share = time.detach()"), says="the gradient with respect to time"),
        Mistake("double precision", edit(".mean()", ".double().mean()"), says="dtype of x"),
        Mistake("noise as a diffusion model has it", edit("(1 - share) * x + share * noise", "(1 - share**2).sqrt() * x + share * noise"), says="the point that the model is shown"),
    ],
    alternatives=[
        Alternative("lerp and mse_loss", """
            def flow_matching_loss(model, x, time, noise):
                along = time.view(len(x), *(1,) * (x.dim() - 1))
                return F.mse_loss(model(torch.lerp(x, noise, along), time), noise - x)
        """),
        Alternative("from the velocity", """
            def flow_matching_loss(model, x, time, noise):
                velocity = noise - x
                point = x + torch.einsum("b,b...->b...", time, velocity)
                error = velocity - model(point, time)
                return torch.mean(error ** 2)
        """),
        Alternative("row by row", """
            def flow_matching_loss(model, x, time, noise):
                points = torch.stack([(1 - s) * row + s * e for s, row, e in zip(time, x, noise)])
                error = model(points, time) - noise + x
                return error.pow(2).sum() / error.numel()
        """),
    ],
)

EULER = Exercise(
    mistakes=[
        Mistake("velocity added", edit("path[-1] - model", "path[-1] + model"), says="time falls, so the velocity is taken off"),
        Mistake("time from 0", edit("1 - k / steps", "k / steps"), says="time runs from 1, the noise, to 0"),
        Mistake("time at the end of the step", edit("1 - k / steps", "1 - (k + 1) / steps"), says="not where it ends"),
        Mistake("time in the middle", edit("1 - k / steps", "1 - (k + 0.5) / steps"), says="the middle of each step"),
        Mistake("step not divided", edit("model(path[-1], time) / steps", "model(path[-1], time)"), says="the step has length 1/steps"),
        Mistake("times that reach 0", edit("1 - k / steps", "1 - k / max(steps - 1, 1)"), says="where nobody asks"),
        Mistake("one step more", edit("range(steps)", "range(steps + 1)"), says="the number of times"),
        Mistake("one step fewer", edit("range(steps)", "range(steps - 1)"), says="the number of times"),
        Mistake("last point only", edit("torch.stack(path)", "path[-1]"), says="the path of 2 steps"),
        Mistake("without the noise", edit("torch.stack(path)", "torch.stack(path[1:])"), says="the path of 2 steps"),
        Mistake("the path turned", edit("torch.stack(path)", "torch.stack(path[::-1])"), says="the path runs from the noise to the data"),
        Mistake("a list", edit("torch.stack(path)", "path"), says="the path of 2 steps"),
        Mistake("batch first", edit("torch.stack(path)", "torch.stack(path, 1)"), says="the path of 2 steps"),
        Mistake("velocity always at the noise", edit("model(path[-1], time)", "model(noise, time)"), says="the place after step 2 of 4"),
        Mistake("always from the noise", edit("path.append(path[-1] - model(path[-1], time) / steps)", "path.append(noise - (k + 1) * model(path[-1], time) / steps)"), says="the path of the tiny example"),
        Mistake("time as one number", edit("torch.full((len(noise),), 1 - k / steps, dtype=noise.dtype, device=noise.device)", "torch.tensor(1 - k / steps, dtype=noise.dtype)"), says="the times that the model is asked for"),
        Mistake("time in single precision", edit("dtype=noise.dtype, device", "dtype=torch.float32, device"), says="shape and dtype of the time"),
        Mistake("time of the shape of the noise", edit("torch.full((len(noise),), 1 - k", "torch.full(noise.shape, 1 - k"), says="must match"),
        Mistake("no gradient", edit("    path = [noise]", "    path = [noise.detach()]"), says="not have been used"),
        Mistake("changes the noise", edit("path.append(path[-1] - model(path[-1], time) / steps)", "path.append(path[-1].sub_(model(path[-1], time).detach() / steps) if not noise.requires_grad else path[-1] - model(path[-1], time) / steps)"), says="the path of the tiny example"),
        Mistake("Heun's method", edit("path.append(path[-1] - model(path[-1], time) / steps)", "v = model(path[-1], time)\n        w = model(path[-1] - v / steps, time - 1 / steps)\n        path.append(path[-1] - (v + w) / 2 / steps)"), says="the number of times"),
        Mistake("time counted in steps", edit("1 - k / steps", "steps - k"), says="the times that the model is asked for"),
        Mistake("double precision", edit("torch.stack(path)", "torch.stack(path).double()"), says="dtype of the noise"),
    ],
    alternatives=[
        Alternative("a tensor filled", """
            def euler_sample(model, noise, steps):
                times = torch.linspace(1, 0, steps + 1, dtype=torch.float64)
                x, out = noise, [noise]
                for now, following in zip(times[:-1].tolist(), times[1:].tolist()):
                    x = x + (following - now) * model(x, torch.full((x.shape[0],), now, dtype=x.dtype))
                    out += [x]
                return torch.stack(out, dim=0)
        """),
        Alternative("counting down", """
            def euler_sample(model, noise, steps):
                path = noise[None]
                for left in range(steps, 0, -1):
                    time = noise.new_ones(len(noise)) * (left / steps)
                    following = path[-1] - (1 / steps) * model(path[-1], time)
                    path = torch.cat([path, following[None]])
                return path
        """),
        Alternative("with itself", """
            def euler_sample(model, noise, steps):
                def go_on(x, k):
                    if k == steps:
                        return [x]
                    t = torch.tensor([1 - k / steps] * len(x), dtype=x.dtype)
                    return [x] + go_on(x - model(x, t) / steps, k + 1)
                return torch.stack(go_on(noise, 0))
        """),
    ],
    same_program={
        "line 9: torch.full((len(noise),), 1 - k / steps, dtype=...: device left out": "on the CPU, where the tests run, it is the same",
    },
)

GUIDANCE = Exercise(
    mistakes=[
        Mistake("swapped", edit("told, untold = both", "untold, told = both"), says="the two answers are swapped"),
        Mistake("no 1", edit("(1 + weight) * told - weight * untold", "weight * told - (weight - 1) * untold"), says="without the 1"),
        Mistake("sign turned", edit("(1 + weight) * told - weight * untold", "(1 - weight) * told + weight * untold"), says="from the class towards nothing"),
        Mistake("class alone", edit("(1 + weight) * told - weight * untold", "told"), says="this is the answer for the class alone"),
        Mistake("added", edit("- weight * untold", "+ weight * untold"), says="must be taken off"),
        Mistake("nothing alone", edit("(1 + weight) * told - weight * untold", "untold"), says="the tiny example"),
        Mistake("zero for nothing", edit("torch.full_like(labels, nothing)", "torch.zeros_like(labels)"), says="this is the answer for the class alone"),
        Mistake("ten for nothing", edit("torch.full_like(labels, nothing)", "torch.full_like(labels, 10)"), says="this is the answer for the class alone"),
        Mistake("minus one for nothing", edit("torch.full_like(labels, nothing)", "torch.full_like(labels, -1)"), says="this is the answer for the class alone"),
        Mistake("labels twice", edit("torch.full_like(labels, nothing)", "labels"), says="this is the answer for the class alone"),
        Mistake("nothing twice", edit("torch.cat([labels, torch.full", "torch.cat([torch.full_like(labels, nothing), torch.full"), says="the tiny example"),
        Mistake("weights that do not sum to 1", edit("(1 + weight) * told", "weight * told"), says="the tiny example"),
        Mistake("t lost", edit("torch.cat([t, t])", "torch.cat([t, torch.zeros_like(t)])"), says="the rows (x, t, label)"),
        Mistake("rows mixed", edit("both.chunk(2)", "(both[::2], both[1::2])"), says="the guidance of 3 rows"),
        Mistake("default nothing", edit("nothing: int = 10", "nothing: int = 0"), says="the guidance with weight"),
        Mistake("labels overwritten", edit("    both = model(torch.cat([x, x]), torch.cat([t, t]), torch.cat([labels, torch.full_like(labels, nothing)]))\n    told, untold = both.chunk(2)", "    told = model(x, t, labels)\n    labels.fill_(nothing)\n    untold = model(x, t, labels)"), says="the guidance of 3 rows"),
        Mistake("nothing not learned from", edit("- weight * untold", "- weight * untold.detach()"), says="the gradient with respect to"),
        Mistake("no gradient", edit("    return (1 + weight) * told", "    told = told.detach()\n    return (1 + weight) * told"), says="the gradient with respect to"),
        Mistake("weight never below 0", edit("    told, untold", "    weight = max(weight, 0.0)\n    told, untold"), says="with weight -1"),
        Mistake("guided clean only for whole weights", edit("    told, untold", "    weight = round(weight)\n    told, untold"), says="the tiny example"),
        Mistake("double precision", edit("both.chunk(2)", "both.double().chunk(2)"), says="dtype of x"),
        Mistake("half", edit("(1 + weight) * told - weight * untold", "((1 + weight) * told - weight * untold) / (1 + 2 * abs(weight))"), says="the tiny example"),
        Mistake("x shown noisier without the class", edit("torch.cat([x, x])", "torch.cat([x, x + 0.01])"), says="the rows (x, t, label)"),
    ],
    alternatives=[
        Alternative("two calls", """
            def classifier_free_guidance(model, x, t, labels, weight, nothing=10):
                conditional = model(x, t, labels)
                unconditional = model(x, t, torch.full_like(labels, nothing))
                return conditional + weight * (conditional - unconditional)
        """),
        Alternative("from nothing", """
            def classifier_free_guidance(model, x, t, labels, weight, nothing=10):
                u = model(x, t, labels * 0 + nothing)
                c = model(x, t, labels)
                return torch.lerp(u, c, 1.0 + weight)
        """),
        Alternative("nothing first", """
            def classifier_free_guidance(model, x, t, labels, weight, nothing=10):
                n = len(x)
                empty = torch.tensor([nothing] * n, dtype=labels.dtype)
                out = model(x.repeat(2, *[1] * (x.dim() - 1)), t.repeat(2), torch.cat([empty, labels]))
                return out[n:] * (weight + 1) - out[:n] * weight
        """),
    ],
)

EXERCISES = {
    "noise_schedule": SCHEDULE,
    "q_sample": Q_SAMPLE,
    "ddpm_loss": LOSS,
    "ddpm_step": DDPM,
    "ddim_step": DDIM,
    "flow_matching_loss": FLOW,
    "euler_sample": EULER,
    "classifier_free_guidance": GUIDANCE,
}
