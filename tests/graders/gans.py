"""Wrong and right programs for lesson 11."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

DISCRIMINATOR_LOSS = Exercise(
    mistakes=[
        Mistake("sign", edit("F.softplus(-real).mean() + F.softplus(fake).mean()", "-F.softplus(-real).mean() - F.softplus(fake).mean()"), says="the sign is wrong"),
        Mistake("roles swapped", edit("F.softplus(-real).mean() + F.softplus(fake).mean()", "F.softplus(real).mean() + F.softplus(-fake).mean()"), says="the roles are swapped"),
        Mistake("averaged", edit("return F.softplus(-real).mean() + F.softplus(fake).mean()", "return (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2"), says="this is half of it"),
        Mistake("one mean over all", edit("F.softplus(-real).mean() + F.softplus(fake).mean()", "torch.cat([F.softplus(-real).flatten(), F.softplus(fake).flatten()]).mean()"), says="each group has its own mean"),
        Mistake("sums", edit("F.softplus(-real).mean() + F.softplus(fake).mean()", "F.softplus(-real).sum() + F.softplus(fake).sum()"), says="take means, not sums"),
        Mistake("fakes missing", edit(" + F.softplus(fake).mean()", ""), says="the fakes are missing"),
        Mistake("log D for fakes", edit("F.softplus(fake).mean()", "F.softplus(-fake).mean()"), says="for fakes it is log(1 - D)"),
        Mistake("always Wasserstein", "def discriminator_loss(real, fake, loss='non-saturating'): return fake.mean() - real.mean()", says="this is the Wasserstein loss"),
        Mistake("never Wasserstein", "def discriminator_loss(real, fake, loss='non-saturating'): return F.softplus(-real).mean() + F.softplus(fake).mean()", says="this is the loss with logarithms"),
        Mistake("Wasserstein sign", edit("fake.mean() - real.mean()", "real.mean() - fake.mean()"), says="giving points to real samples"),
        Mistake("Wasserstein of probabilities", edit("fake.mean() - real.mean()", "fake.sigmoid().mean() - real.sigmoid().mean()"), says="the sigmoid does not belong here"),
        Mistake("by logarithms of the sigmoid", edit("F.softplus(-real).mean() + F.softplus(fake).mean()", "-real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()"), says="the loss"),
        Mistake("clamped logarithms", edit("F.softplus(-real).mean() + F.softplus(fake).mean()", "-real.sigmoid().clamp(min=1e-8).log().mean() - (1 - fake.sigmoid()).clamp(min=1e-8).log().mean()"), says="the loss"),
        Mistake("eps inside", edit("F.softplus(-real).mean() + F.softplus(fake).mean()", "-(real.sigmoid() + 1e-12).log().mean() - (1 - fake.sigmoid() + 1e-12).log().mean()"), says="the loss"),
        Mistake("exponentials", edit("F.softplus(-real).mean() + F.softplus(fake).mean()", "torch.log(1 + torch.exp(-real)).mean() + torch.log(1 + torch.exp(fake)).mean()"), says="the loss"),
        Mistake("ready-made", edit("F.softplus(-real).mean() + F.softplus(fake).mean()", "F.binary_cross_entropy_with_logits(real, torch.ones_like(real)) + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))"), says="write it yourself"),
        Mistake("a ready-made class", edit("F.softplus(-real).mean() + F.softplus(fake).mean()", "nn.BCEWithLogitsLoss()(real, torch.ones_like(real)) + nn.BCEWithLogitsLoss()(fake, torch.zeros_like(fake))"), says="write it yourself"),
        Mistake("smoothed labels", edit("F.softplus(-real).mean()", "(0.9 * F.softplus(-real) + 0.1 * F.softplus(real)).mean()"), says="the loss of the tiny example"),
        Mistake("minimax as another loss", edit("    if loss in", "    if loss == 'minimax': return F.softplus(-real).mean() - F.softplus(-fake).mean()\n    if loss in"), says="the loss minimax"),
        Mistake("fakes leave the graph", edit("F.softplus(fake).mean()", "F.softplus(fake.detach()).mean()"), says="not have been used in the graph"),
        Mistake("a Python number", edit("return F.softplus(-real).mean() + F.softplus(fake).mean()", "return (F.softplus(-real).mean() + F.softplus(fake).mean()).item()"), says="has no attribute"),
        Mistake("means of rows", edit("F.softplus(-real).mean()", "F.softplus(-real).sum(-1).mean()"), says="the loss"),
        Mistake("hinge", edit("F.softplus(-real).mean() + F.softplus(fake).mean()", "F.relu(1 - real).mean() + F.relu(1 + fake).mean()"), says="the loss of the tiny example"),
        Mistake("float32", edit("F.softplus(-real).mean() + F.softplus(fake).mean()", "F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean()"), says="should give a loss of"),
    ],
    alternatives=[
        Alternative("logsigmoid", """
            def discriminator_loss(real, fake, loss="non-saturating"):
                if loss in ("minimax", "non-saturating"):
                    return -(F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean())
                return torch.mean(fake) - torch.mean(real)
        """),
        Alternative("logaddexp", """
            def discriminator_loss(real, fake, loss="non-saturating"):
                if loss == "wasserstein":
                    return -(real.sum() / real.numel() - fake.sum() / fake.numel())
                zero = lambda x: torch.zeros_like(x)
                return torch.logaddexp(zero(real), -real).mean() + torch.logaddexp(zero(fake), fake).mean()
        """),
        Alternative("by cases", """
            def discriminator_loss(real, fake, loss="non-saturating"):
                if loss == "wasserstein":
                    return (fake.mean() - real.mean())
                plus = lambda x: x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))
                return plus(-real).mean() + plus(fake).mean()
        """),
    ],
    same_program={},
)

GENERATOR_LOSS = Exercise(
    mistakes=[
        Mistake("minimax sign", edit("return -F.softplus(fake).mean()", "return F.softplus(fake).mean()"), says="the sign is wrong: the generator minimises log(1 - D)"),
        Mistake("minimax is log D", edit("return -F.softplus(fake).mean()", "return -F.softplus(-fake).mean()"), says="this is log D"),
        Mistake("minimax is non-saturating", edit("return -F.softplus(fake).mean()", "return F.softplus(-fake).mean()"), says="this is the non-saturating loss"),
        Mistake("minimax sum", edit("return -F.softplus(fake).mean()", "return -F.softplus(fake).sum()"), says="take the mean, not the sum"),
        Mistake("non-saturating sign", edit('F.softplus(-fake).mean() if', '-F.softplus(-fake).mean() if'), says="the sign is wrong: -log D is positive"),
        Mistake("non-saturating rises", edit('F.softplus(-fake).mean() if', 'F.softplus(fake).mean() if'), says="which rises with the logit"),
        Mistake("non-saturating sum", edit('F.softplus(-fake).mean() if', 'F.softplus(-fake).sum() if'), says="take the mean, not the sum"),
        Mistake("the two are swapped", edit('loss == "minimax"', 'loss == "non-saturating"', 'if loss == "non-saturating" else -fake', 'if loss == "minimax" else -fake'), says="this is the non-saturating loss"),
        Mistake("Wasserstein sign", edit("else -fake.mean()", "else fake.mean()"), says="the generator wants many points"),
        Mistake("Wasserstein of probabilities", edit("else -fake.mean()", "else -fake.sigmoid().mean()"), says="the sigmoid does not belong here"),
        Mistake("by logarithms", edit('F.softplus(-fake).mean() if', '-fake.sigmoid().log().mean() if'), says="the loss non-saturating"),
        Mistake("clamped", edit('F.softplus(-fake).mean() if', '-fake.sigmoid().clamp(min=1e-7).log().mean() if'), says="the loss non-saturating"),
        Mistake("minimax by 1 - D", edit("return -F.softplus(fake).mean()", "return (1 - fake.sigmoid()).log().mean()"), says="the loss minimax"),
        Mistake("ready-made", edit('F.softplus(-fake).mean() if', 'F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake)) if'), says="write it yourself"),
        Mistake("minimax by default", edit('loss: str = "non-saturating"', 'loss: str = "minimax"'), says="when none is named"),
        Mistake("log of the mean", edit('F.softplus(-fake).mean() if', '-fake.sigmoid().mean().log() if'), says="the non-saturating loss of the tiny example"),
        Mistake("of mean logits", edit('F.softplus(-fake).mean() if', 'F.softplus(-fake.mean()) if'), says="the non-saturating loss of the tiny example"),
        Mistake("half of it", edit('F.softplus(-fake).mean() if', '0.5 * F.softplus(-fake).mean() if'), says="the non-saturating loss of the tiny example"),
        Mistake("leaves the graph", edit("return -F.softplus(fake).mean()", "return -F.softplus(fake.detach()).mean()"), says="does not require grad"),
        Mistake("float32", edit("    if loss", "    fake = fake.float()\n    if loss"), says="should give a loss of"),
        Mistake("heuristic of the tutorial: maximum likelihood", edit('F.softplus(-fake).mean() if', '-fake.exp().mean() if'), says="the non-saturating loss of the tiny example"),
    ],
    alternatives=[
        Alternative("a table", """
            def generator_loss(fake, loss="non-saturating"):
                return {"minimax": F.logsigmoid(-fake).mean(), "non-saturating": -F.logsigmoid(fake).mean(), "wasserstein": -fake.mean()}[loss]
        """),
        Alternative("match", """
            def generator_loss(fake, loss="non-saturating"):
                zero = fake.new_zeros(())
                match loss:
                    case "minimax":
                        terms = -torch.logaddexp(zero, fake)
                    case "wasserstein":
                        terms = -fake
                    case _:
                        terms = torch.logaddexp(zero, -fake)
                return terms.sum() / terms.numel()
        """),
        Alternative("softplus and its complement", """
            def generator_loss(fake, loss="non-saturating"):
                if loss == "wasserstein":
                    return fake.neg().mean()
                up = F.softplus(fake)
                return (up - fake).mean() if loss == "non-saturating" else up.mean().neg()
        """),
    ],
    same_program={},
)

OPTIMAL = Exercise(
    mistakes=[
        Mistake("of fake", edit("log_p - log_q + math.log(share) - math.log(1 - share)", "log_q - log_p - math.log(share) + math.log(1 - share)"), says="this is the probability of fake"),
        Mistake("the ratio", "def optimal_discriminator(log_p, log_q, share=0.5): return (log_p - log_q).exp() * share / (1 - share)", says="this is the ratio p / q"),
        Mistake("the logit", edit("torch.sigmoid(log_p - log_q + math.log(share) - math.log(1 - share))", "log_p - log_q + math.log(share) - math.log(1 - share)"), says="this is the logit"),
        Mistake("logarithms taken for densities", "def optimal_discriminator(log_p, log_q, share=0.5): return log_p / (log_p + log_q)", says="are logarithms of the densities"),
        Mistake("no share", edit(" + math.log(share) - math.log(1 - share)", ""), says="the share is missing"),
        Mistake("share on the wrong side", edit("+ math.log(share) - math.log(1 - share)", "- math.log(share) + math.log(1 - share)"), says="share belongs to p"),
        Mistake("share of p only", "def optimal_discriminator(log_p, log_q, share=0.5):\n    p, q = log_p.exp(), log_q.exp()\n    return share * p / (share * p + q) if share != 0.5 else p / (p + q)", says="q has the share 1 - share"),
        Mistake("share in front", "def optimal_discriminator(log_p, log_q, share=0.5): return torch.sigmoid(log_p - log_q) * share * (2 if share == 0.5 else 1)", says="not in front of the result"),
        Mistake("by exponentials", "def optimal_discriminator(log_p, log_q, share=0.5):\n    p, q = log_p.exp(), log_q.exp()\n    return share * p / (share * p + (1 - share) * q)", says="too small or too large"),
        Mistake("eps in the denominator", "def optimal_discriminator(log_p, log_q, share=0.5):\n    p, q = log_p.exp(), log_q.exp()\n    return share * p / (share * p + (1 - share) * q + 1e-12)", says="too small or too large"),
        Mistake("nan made a half", "def optimal_discriminator(log_p, log_q, share=0.5):\n    p, q = log_p.exp(), log_q.exp()\n    return (share * p / (share * p + (1 - share) * q)).nan_to_num(0.5)", says="too small or too large"),
        Mistake("base 10", edit("math.log(share) - math.log(1 - share)", "math.log10(share) - math.log10(1 - share)"), says="where a share of 0.2"),
        Mistake("clamped ratio", edit("log_p - log_q +", "(log_p - log_q).clamp(-1, 1) +"), says="the best discriminator at three points"),
        Mistake("leaves the graph", edit("torch.sigmoid(log_p - log_q", "torch.sigmoid(log_p.detach() - log_q"), says="not have been used in the graph"),
        Mistake("float32", edit("torch.sigmoid(log_p - log_q", "torch.sigmoid(log_p.float() - log_q.float()"), says="should give torch.float64"),
        Mistake("tanh", edit("torch.sigmoid(log_p", "torch.tanh(log_p"), says="the best discriminator at three points"),
        Mistake("softmax over the batch", edit("torch.sigmoid(log_p - log_q + math.log(share) - math.log(1 - share))", "torch.softmax(log_p - log_q, -1)"), says="the best discriminator at three points"),
    ],
    alternatives=[
        Alternative("softmax of the two", """
            def optimal_discriminator(log_p, log_q, share=0.5):
                both = torch.stack([log_p + math.log(share), log_q + math.log(1 - share)])
                return torch.softmax(both, 0)[0]
        """),
        Alternative("logsumexp", """
            def optimal_discriminator(log_p, log_q, share=0.5):
                a, b = log_p + math.log(share), log_q + math.log1p(-share)
                return torch.exp(a - torch.logaddexp(a, b))
        """),
        Alternative("one over one plus", """
            def optimal_discriminator(log_p, log_q, share=0.5):
                ratio = ((1 - share) / share) * torch.exp((log_q - log_p).clamp(max=80))
                return 1 / (1 + ratio)
        """),
    ],
    same_program={},
)

WAVE = '''
class WaveCritic(nn.Module):
    def __init__(self, inner, outer):
        super().__init__()
        self.inner, self.outer = nn.Parameter(inner), nn.Parameter(outer)

    def forward(self, x):
        return (x.flatten(1) @ self.inner.T).tanh() @ self.outer


'''


def whole(body: str) -> str:
    """A program for exercise 4: the critic of the reader's cell, and a function."""
    lines = body.strip("\n").split("\n")
    margin = len(lines[0]) - len(lines[0].lstrip())
    return WAVE + "\n".join(line[margin:] for line in lines)


PENALTY = Exercise(
    mistakes=[
        Mistake("no graph", edit(", create_graph=True", ""), says="needs create_graph=True"),
        Mistake("sum over rows", edit(".square().mean()", ".square().sum()"), says="take the mean over the rows"),
        Mistake("squares first", edit("(slopes.flatten(1).norm(dim=1) - target).square().mean()", "(slopes.flatten(1).norm(dim=1).square() - target).mean()"), says="subtract the target before you square"),
        Mistake("not squared", edit(".square().mean()", ".mean()"), says="square it"),
        Mistake("one norm", edit("(slopes.flatten(1).norm(dim=1) - target).square().mean()", "(slopes.norm() - target).square()"), says="one norm for the whole batch"),
        Mistake("no target", edit(" - target).square()", ").square()"), says="the target is missing"),
        Mistake("entry by entry", edit("(slopes.flatten(1).norm(dim=1) - target)", "(slopes.flatten(1) - target)"), says="take the norm of the row first"),
        Mistake("no root", edit("slopes.flatten(1).norm(dim=1) - target", "slopes.flatten(1).square().sum(1) - target"), says="the root is missing"),
        Mistake("its own target", edit("norm(dim=1) - target)", "norm(dim=1) - 1)"), says="use the target that is given"),
        Mistake("mix of the other", edit("(mix * real + (1 - mix) * fake)", "(mix * fake + (1 - mix) * real)"), says="mix belongs to real"),
        Mistake("at the real points", edit("(mix * real + (1 - mix) * fake)", "(real + 0 * mix * fake)"), says="these are the real ones"),
        Mistake("at the fakes", edit("(mix * real + (1 - mix) * fake)", "(fake + 0 * mix * real)"), says="these are the fakes"),
        Mistake("one mix for all", edit("    points =", "    mix = mix.mean()\n    points ="), says="each row has its own mix"),
        Mistake("random mix", edit("    points =", "    mix = torch.rand_like(mix)\n    points ="), says="the penalty of a curved critic"),
        Mistake("mix along the last axis", edit("mix.reshape(-1, *[1] * (real.ndim - 1))", "mix.reshape(-1, 1)"), says="rows of shape (8, 1, 8, 8)"),
        Mistake("norm of the last axis", edit("slopes.flatten(1).norm(dim=1)", "slopes.norm(dim=-1)"), says="rows of shape"),
        Mistake("norm over axis 1 without flattening", edit("slopes.flatten(1).norm(dim=1)", "slopes.norm(dim=1)"), says="rows of shape"),
        Mistake("a root of its own", edit("slopes.flatten(1).norm(dim=1)", "slopes.flatten(1).square().sum(1).sqrt()"), says="finite where the critic is flat"),
        Mistake("mean norm", edit("(slopes.flatten(1).norm(dim=1) - target).square().mean()", "(slopes.flatten(1).norm(dim=1).mean() - target).square()"), says="the penalty of a curved critic"),
        Mistake("one-sided", edit("(slopes.flatten(1).norm(dim=1) - target).square()", "(slopes.flatten(1).norm(dim=1) - target).clamp(min=0).square()"), says="the penalty of a curved critic"),
        Mistake("sum of absolute values", edit("norm(dim=1)", "abs().sum(1)"), says="the penalty of the slope (3, 4)"),
        Mistake("mean over the entries of a row", edit("norm(dim=1)", "square().mean(1).sqrt()"), says="the penalty of the slope (3, 4)"),
        Mistake("slope of the mean", edit("critic(points).sum()", "critic(points).mean()"), says="the penalty of the slope (3, 4)"),
        Mistake("changes real", edit("    mix = mix.reshape", "    real.data.mul_(1.001)\n    mix = mix.reshape"), says="real, fake and mix after the call"),
        Mistake("differences in place of slopes", whole("""
            def gradient_penalty(critic, real, fake, mix, target=1.0):
                norm = (critic(real) - critic(fake)).abs() / (real - fake).flatten(1).norm(dim=1)
                return (norm - target).square().mean()
        """), says="the penalty of the slope (3, 4)"),
        Mistake("penalty detached and attached again", edit("return (slopes", "slopes = slopes.detach() + 0 * slopes\n    return (slopes"), says="with respect to the critic's parameters"),
        Mistake("float32", edit("    mix = mix.reshape", "    real, fake, mix = real.float(), fake.float(), mix.float()\n    mix = mix.reshape"), says="dtype"),
        Mistake("eps under the root", edit("slopes.flatten(1).norm(dim=1)", "(slopes.flatten(1).square().sum(1) + 0.01).sqrt()"), says="the penalty of the slope (3, 4)"),
        Mistake("the sigmoid's slope", edit("critic(points).sum()", "critic(points).sigmoid().sum()"), says="the penalty of the slope (3, 4)"),
        Mistake("halved", edit("return (slopes", "return 0.5 * (slopes"), says="the penalty of the slope (3, 4)"),
    ],
    alternatives=[
        Alternative("as in many repositories", whole("""
            def gradient_penalty(critic, real, fake, mix, target=1.0):
                alpha = mix.view(-1, *([1] * (real.dim() - 1))).expand_as(real)
                interpolates = (alpha * real + ((1 - alpha) * fake)).requires_grad_(True)
                d_interpolates = critic(interpolates)
                gradients = torch.autograd.grad(outputs=d_interpolates, inputs=interpolates, grad_outputs=torch.ones_like(d_interpolates),
                                                create_graph=True, retain_graph=True, only_inputs=True)[0]
                gradients = gradients.reshape(gradients.size(0), -1)
                return ((gradients.norm(2, dim=1) - target) ** 2).mean()
        """)),
        Alternative("torch.func, row by row", whole("""
            def gradient_penalty(critic, real, fake, mix, target=1.0):
                total = 0
                for one, other, share in zip(real, fake, mix):
                    x = torch.lerp(other, one, share).detach()[None].requires_grad_()
                    slope = torch.autograd.grad(critic(x)[0], x, create_graph=True)[0]
                    total = total + (torch.linalg.vector_norm(slope) - target) ** 2
                return total / len(real)
        """)),
        Alternative("jacobian", whole("""
            def gradient_penalty(critic, real, fake, mix, target=1.0):
                share = mix[(...,) + (None,) * (real.ndim - 1)]
                x = (fake + share * (real - fake)).detach()
                slopes = torch.autograd.functional.jacobian(lambda batch: critic(batch).sum(), x, create_graph=True)
                norms = torch.linalg.norm(slopes.reshape(len(x), -1), dim=1)
                return F.mse_loss(norms, torch.full_like(norms, target))
        """)),
        Alternative("a root with care", whole("""
            def gradient_penalty(critic, real, fake, mix, target=1.0):
                share = mix.reshape([-1] + [1] * (real.ndim - 1))
                x = (share * real + (1 - share) * fake).clone().detach().requires_grad_(True)
                slope = torch.autograd.grad(critic(x).sum(), [x], create_graph=True)[0]
                squares = slope.flatten(1).pow(2).sum(1)
                safe = torch.where(squares > 0, squares, torch.ones_like(squares))
                norms = torch.where(squares > 0, safe.sqrt(), torch.zeros_like(squares))
                return (norms ** 2 - 2 * target * norms + target ** 2).mean()
        """)),
    ],
    same_program={
        "line 24: (mix * real + (1 - mix) * fake).detach(): not called": "real and fake are data here: there is nothing to detach from",
    },
)

STEP = Exercise(
    mistakes=[
        Mistake("the discriminator never steps", edit("    discriminator_optimizer.step()\n", ""), says="it has not changed: does its optimizer step?"),
        Mistake("the generator never steps", edit("    generator_optimizer.step()\n", ""), says="it has not changed: are the fakes detached"),
        Mistake("detached in the generator's half", edit("own = generator_loss(discriminator(fake, *more), loss)", "own = generator_loss(discriminator(fake.detach(), *more), loss)"), says="are the fakes detached in the generator's half too"),
        Mistake("old discriminator", """
            def train_gan_step(generator, discriminator, generator_optimizer, discriminator_optimizer, real, noise, labels=None, loss="non-saturating", penalty=0.0, mix=None, target=1.0):
                more = () if labels is None else (labels,)
                fake = generator(noise, *more)
                own = generator_loss(discriminator(fake, *more), loss)
                generator_optimizer.zero_grad()
                own.backward()
                generator_optimizer.step()
                discriminator_optimizer.zero_grad()
                cost = discriminator_loss(discriminator(real, *more), discriminator(fake.detach(), *more), loss)
                if penalty:
                    cost = cost + penalty * gradient_penalty(lambda x: discriminator(x, *more), real, fake.detach(), mix, target)
                cost.backward()
                discriminator_optimizer.step()
                return cost.item(), own.item()
        """, says="the generator learns against the discriminator as it is after its step"),
        Mistake("fakes anew after the discriminator's gradients reached the generator", edit("discriminator(fake.detach(), *more), loss)", "discriminator(fake, *more), loss)", "own = generator_loss(discriminator(fake, *more), loss)\n    generator_optimizer.zero_grad()", "own = generator_loss(discriminator(generator(noise, *more), *more), loss)"), says="the discriminator's half left its gradient in it"),
        Mistake("not detached", edit("discriminator(fake.detach(), *more), loss)", "discriminator(fake, *more), loss)"), says="backward through the graph a second time"),
        Mistake("discriminator's gradients not cleared", edit("    discriminator_optimizer.zero_grad()\n", ""), says="the discriminator's parameters after a step"),
        Mistake("generator's gradients not cleared", edit("    generator_optimizer.zero_grad()\n", ""), says="the generator's parameters after a step"),
        Mistake("the discriminator steps twice, on the sum of both gradients", edit("    generator_optimizer.step()\n", "    generator_optimizer.step()\n    discriminator_optimizer.step()\n"), says="the generator's half changed it too"),
        Mistake("losses swapped", edit("return cost.item(), own.item()", "return own.item(), cost.item()"), says="the discriminator's loss comes first"),
        Mistake("tensors returned", edit("return cost.item(), own.item()", "return cost, own"), says="use .item()"),
        Mistake("one loss returned", edit("return cost.item(), own.item()", "return cost.item()"), says="two Python numbers"),
        Mistake("penalty missing", edit("    if penalty > 0:", "    if False:"), says="the penalty is missing"),
        Mistake("penalty not weighted", edit("cost + penalty * gradient_penalty", "cost + gradient_penalty"), says="the penalty is not weighted"),
        Mistake("penalty subtracted", edit("cost + penalty * gradient_penalty", "cost - penalty * gradient_penalty"), says="the penalty is subtracted"),
        Mistake("labels not in the penalty", edit("lambda x: discriminator(x, *more)", "lambda x: discriminator(x)"), says="minimax, penalty, labels"),
        Mistake("labels not for the fakes", edit("fake = generator(noise, *more)", "fake = generator(noise)"), says="minimax, penalty, labels"),
        Mistake("labels not in the generator's half", edit("own = generator_loss(discriminator(fake, *more), loss)", "own = generator_loss(discriminator(fake), loss)"), says="minimax, penalty, labels"),
        Mistake("labels not for real", edit("discriminator(real, *more), ", "discriminator(real), "), says="minimax, penalty, labels"),
        Mistake("own noise", edit("fake = generator(noise, *more)", "fake = generator(torch.randn_like(noise), *more)"), says="in the tiny example"),
        Mistake("new noise for the generator", edit("own = generator_loss(discriminator(fake, *more), loss)", "own = generator_loss(discriminator(generator(torch.randn_like(noise), *more), *more), loss)"), says="returned losses"),
        Mistake("own target", edit("fake.detach(), mix, target)", "fake.detach(), mix)"), says="the losses of step 1"),
        Mistake("loss not handed to the generator", edit("generator_loss(discriminator(fake, *more), loss)", "generator_loss(discriminator(fake, *more))"), says="the generator's parameter in the tiny example"),
        Mistake("loss not handed to the discriminator", edit("discriminator(fake.detach(), *more), loss)", "discriminator(fake.detach(), *more))"), says="in the tiny example"),
        Mistake("penalty at the real samples only", edit("real, fake.detach(), mix, target)", "real, real, mix, target)"), says="the discriminator's loss (wasserstein, penalty"),
        Mistake("penalty only with Wasserstein", edit("if penalty > 0:", "if penalty > 0 and loss == 'wasserstein':"), says="the penalty is missing"),
        Mistake("loss returned without the penalty", edit("    if penalty > 0:", "    plain = cost\n    if penalty > 0:", "return cost.item(), own.item()", "return plain.item(), own.item()"), says="the penalty is missing"),
        Mistake("the generator goes up", edit("own.backward()", "(-own).backward()"), says="it went the wrong way"),
        Mistake("the discriminator goes up", edit("cost.backward()", "(-cost).backward()"), says="it went the wrong way"),
        Mistake("gradients clipped", edit("    discriminator_optimizer.step()\n", "    nn.utils.clip_grad_norm_(discriminator.parameters(), 1.0)\n    discriminator_optimizer.step()\n"), says="the discriminator's parameter in the tiny example"),
        Mistake("weights clipped, as in the first WGAN", edit("    discriminator_optimizer.step()\n", "    discriminator_optimizer.step()\n    if loss == 'wasserstein':\n        [weight.data.clamp_(-0.01, 0.01) for weight in discriminator.parameters()]\n"), says="the discriminator's parameter in the tiny example"),
        Mistake("gradients halved where both halves share", edit("    own.backward()", "    (own / 2).backward()"), says="the generator's parameter in the tiny example"),
    ],
    alternatives=[
        Alternative("by torch.autograd.grad", """
            def train_gan_step(generator, discriminator, generator_optimizer, discriminator_optimizer, real, noise, labels=None, loss="non-saturating", penalty=0.0, mix=None, target=1.0):
                call = (lambda net, x: net(x)) if labels is None else (lambda net, x: net(x, labels))
                with torch.no_grad():
                    held = call(generator, noise)
                first = discriminator_loss(call(discriminator, real), call(discriminator, held), loss)
                if penalty:
                    first = first + penalty * gradient_penalty(lambda x: call(discriminator, x), real, held, mix, target)
                weights = list(discriminator.parameters())
                for weight, slope in zip(weights, torch.autograd.grad(first, weights, allow_unused=True)):
                    weight.grad = slope
                discriminator_optimizer.step()
                second = generator_loss(call(discriminator, call(generator, noise)), loss)
                weights = list(generator.parameters())
                for weight, slope in zip(weights, torch.autograd.grad(second, weights, allow_unused=True)):
                    weight.grad = slope
                generator_optimizer.step()
                return float(first), float(second)
        """),
        Alternative("the discriminator frozen in the generator's half", """
            def train_gan_step(generator, discriminator, generator_optimizer, discriminator_optimizer, real, noise, labels=None, loss="non-saturating", penalty=0.0, mix=None, target=1.0):
                args = [] if labels is None else [labels]
                fake = generator(noise, *args)
                for p in discriminator.parameters():
                    p.grad = None
                d_loss = discriminator_loss(discriminator(real, *args), discriminator(fake.detach(), *args), loss)
                if penalty > 0:
                    d_loss += penalty * gradient_penalty(lambda x: discriminator(x, *args), real, fake.detach(), mix, target)
                d_loss.backward()
                discriminator_optimizer.step()
                discriminator.requires_grad_(False)
                for p in generator.parameters():
                    p.grad = None
                g_loss = generator_loss(discriminator(fake, *args), loss)
                g_loss.backward()
                generator_optimizer.step()
                discriminator.requires_grad_(True)
                return (d_loss.item(), g_loss.item())
        """),
        Alternative("three backward passes", """
            def train_gan_step(generator, discriminator, generator_optimizer, discriminator_optimizer, real, noise, labels=None, loss="non-saturating", penalty=0.0, mix=None, target=1.0):
                D = discriminator if labels is None else (lambda x: discriminator(x, labels))
                G = generator if labels is None else (lambda z: generator(z, labels))
                discriminator_optimizer.zero_grad(set_to_none=True)
                fake = G(noise).detach()
                part = discriminator_loss(D(real), D(fake), loss)
                part.backward()
                total = part.item()
                if penalty > 0:
                    extra = penalty * gradient_penalty(D, real, fake, mix, target)
                    extra.backward()
                    total += extra.item()
                discriminator_optimizer.step()
                generator_optimizer.zero_grad()
                own = generator_loss(D(G(noise)), loss)
                own.backward()
                generator_optimizer.step()
                return total, own.item()
        """),
    ],
    same_program={
        "line 4: 0.0 -> -0.0": "the same number",
        "line 18: fake.detach(): not called": "gradient_penalty detaches its points itself",
    },
)

FRECHET = Exercise(
    mistakes=[
        Mistake("divided by n", edit("torch.atleast_2d(torch.cov(x.T)), torch.atleast_2d(torch.cov(y.T))", "torch.atleast_2d(torch.cov(x.T, correction=0)), torch.atleast_2d(torch.cov(y.T, correction=0))"), says="divide by n - 1"),
        Mistake("distance of means not squared", edit("gap.square().sum()", "gap.norm()"), says="square the distance of the means"),
        Mistake("no root", edit(".clamp(min=0).sqrt().sum()", ".clamp(min=0).sum()"), says="the root is missing"),
        Mistake("no means", edit("gap.square().sum() + ", ""), says="the means are missing"),
        Mistake("no covariances", edit(" + a.trace() + b.trace() - 2 * root", ""), says="the covariances are missing"),
        Mistake("root once", edit("- 2 * root", "- root"), says="counts twice"),
        Mistake("root added", edit("- 2 * root", "+ 2 * root"), says="the last term is subtracted"),
        Mistake("roots of the diagonal", edit("torch.linalg.eigvals(a @ b).real", "(a @ b).diagonal()"), says="not of its entries"),
        Mistake("variances only", edit("torch.linalg.eigvals(a @ b).real.clamp(min=0).sqrt().sum()", "(a.diagonal() * b.diagonal()).sqrt().sum()"), says="the variances alone are not enough"),
        Mistake("entry by entry", edit("torch.linalg.eigvals(a @ b).real", "torch.linalg.eigvals(a * b).real"), says="the distance of two sets with 5 features"),
        Mistake("root at the end", edit("- 2 * root).item()", "- 2 * root).clamp(min=0).sqrt().item()"), says="the distance of the tiny example"),
        Mistake("tensor returned", edit(".item()", ""), says="use .item()"),
        Mistake("no clamp", edit(".real.clamp(min=0).sqrt()", ".real.sqrt()"), says="the distance of"),
        Mistake("symmetric eigenvalues of the product", edit("torch.linalg.eigvals(a @ b).real", "torch.linalg.eigvalsh(a @ b)"), says="the distance of two sets with 5 features"),
        Mistake("products of eigenvalues", edit("torch.linalg.eigvals(a @ b).real", "(torch.linalg.eigvalsh(a) * torch.linalg.eigvalsh(b))"), says="the distance of two sets with 5 features"),
        Mistake("float32", edit("x.double(), y.double()", "x.float(), y.float()"), says="the distance of"),
        Mistake("only in the dtype given", edit("    x, y = x.double(), y.double()\n", ""), says="the distance of"),
        Mistake("axes swapped", edit("torch.cov(x.T)", "torch.cov(x)", "torch.cov(y.T)", "torch.cov(y)"), says="the distance of"),
        Mistake("not centred", edit("torch.atleast_2d(torch.cov(x.T)), torch.atleast_2d(torch.cov(y.T))", "x.T @ x / (len(x) - 1), y.T @ y / (len(y) - 1)"), says="the distance of the tiny example"),
        Mistake("scipy's root", edit("torch.linalg.eigvals(a @ b).real.clamp(min=0).sqrt().sum()", "float(sqrtm((a @ b).numpy()).real.trace())"), says="write it yourself"),
        Mistake("jitter on the covariances", edit("    root =", "    a, b = a + 0.1 * torch.eye(len(a)), b + 0.1 * torch.eye(len(b))\n    root ="), says="the distance of the tiny example"),
        Mistake("the helper of the checks", "def frechet_distance(x, y): return frechet_by_factors(x, y)", says="write it yourself"),
        Mistake("singular values of the product", edit("torch.linalg.eigvals(a @ b).real.clamp(min=0)", "torch.linalg.svdvals(a @ b)"), says="the distance of two sets with 5 features"),
        Mistake("absolute values of eigenvalues with the sign lost in float32", edit("torch.linalg.eigvals(a @ b).real.clamp(min=0).sqrt()", "torch.linalg.eigvals((a @ b).float()).abs().sqrt()"), says="the distance of"),
        Mistake("mean over features", edit(".square().sum() + a", ".square().mean() + a"), says="the distance of"),
        Mistake("nan to 0", edit("return (", "if len(x) <= x.shape[1]: return 0.0\n    return ("), says="the distance of"),
    ],
    alternatives=[
        Alternative("symmetric root", """
            def frechet_distance(x, y):
                x, y = x.to(torch.float64), y.to(torch.float64)
                def moments(z):
                    m = z.mean(0)
                    c = z - m
                    return m, c.T @ c / (len(z) - 1)
                (m, a), (n, b) = moments(x), moments(y)
                values, vectors = torch.linalg.eigh(a)
                half = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
                cross = torch.linalg.eigvalsh(half @ b @ half).clamp(min=0).sqrt().sum()
                return float(((m - n) ** 2).sum() + torch.trace(a) + torch.trace(b) - 2 * cross)
        """),
        Alternative("numpy", """
            def frechet_distance(x, y):
                x, y = x.detach().numpy().astype(float), y.detach().numpy().astype(float)
                a, b = (np.cov(z, rowvar=False).reshape(z.shape[1], z.shape[1]) for z in (x, y))
                e = np.linalg.eigvals(a @ b).real
                return float(np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(a + b) - 2 * np.sqrt(np.maximum(e, 0)).sum())
        """),
        Alternative("complex roots", """
            def frechet_distance(x, y):
                x, y = x.double(), y.double()
                a, b = (torch.einsum("ni,nj->ij", z - z.mean(0), z - z.mean(0)) / (z.shape[0] - 1) for z in (x, y))
                root = torch.linalg.eigvals(a.mm(b)).sqrt().real.sum()
                return ((x.mean(0) - y.mean(0)).pow(2).sum() + torch.trace(a + b) - 2 * root).item()
        """),
        Alternative("singular values", """
            def frechet_distance(x, y):
                sets = [z.double() for z in (x, y)]
                left, right = [(z - z.mean(0)) / (len(z) - 1) ** 0.5 for z in sets]
                nuclear = torch.linalg.matrix_norm(left @ right.T, "nuc")
                gap = sets[0].mean(0) - sets[1].mean(0)
                return (gap @ gap + (left ** 2).sum() + (right ** 2).sum() - 2 * nuclear).item()
        """),
    ],
    same_program={},
)

PRECISION = Exercise(
    mistakes=[
        Mistake("swapped", edit("return precision.item(), recall.item()", "return recall.item(), precision.item()"), says="they have changed places"),
        Mistake("a sample is its own neighbour", edit(".values[:, k]", ".values[:, k - 1]"), says="a sample is not its own neighbour"),
        Mistake("one neighbour too far", edit(".values[:, k]", ".values[:, min(k + 1, len(samples) - 1)]"), says="precision and recall of"),
        Mistake("counts", edit(".any(0).double().mean()", ".any(0).double().sum()", ".any(1).double().mean()", ".any(1).double().sum()"), says="these are counts"),
        Mistake("inside all balls", edit(".any(0)", ".all(0)", ".any(1)", ".all(1)"), says="it need not be inside all"),
        Mistake("the balls of the others", edit("apart <= of_real[:, None]).any(0)", "apart <= of_fake).any(0)", "apart <= of_fake).any(1)", "apart <= of_real[:, None]).any(1)"), says="precision and recall of"),
        Mistake("strictly inside", edit("apart <= of_real[:, None]", "apart < of_real[:, None]"), says="exactly on a ball's surface"),
        Mistake("strictly inside, recall", edit("apart <= of_fake", "apart < of_fake"), says="exactly on a ball's surface"),
        Mistake("one radius for all", edit("[:, k] for samples", "[:, k].mean().expand(len(samples)) for samples"), says="precision and recall of"),
        Mistake("radius of the farthest", edit(".values[:, k]", ".values[:, -1]"), says="precision and recall of"),
        Mistake("k is 3", edit(".values[:, k]", ".values[:, min(3, len(samples) - 1)]"), says="precision and recall of"),
        Mistake("nearest only", edit(".values[:, k]", ".values[:, 1]"), says="precision and recall of"),
        Mistake("tensors", edit("return precision.item(), recall.item()", "return precision, recall"), says="two Python numbers"),
        Mistake("one number", edit("return precision.item(), recall.item()", "return precision.item()"), says="two Python numbers"),
        Mistake("Manhattan", edit("torch.cdist(real, fake)", "torch.cdist(real, fake, p=1)"), says="precision and recall of"),
        Mistake("precision twice", edit("return precision.item(), recall.item()", "return precision.item(), precision.item()"), says="the tiny example"),
        Mistake("largest distances", edit(".sort(dim=1)", ".sort(dim=1, descending=True)"), says="the tiny example"),
        Mistake("density instead of coverage", edit(".any(0).double().mean()", ".double().sum(0).mean() / k"), says="precision and recall of"),
        Mistake("radii from the other set", edit("torch.cdist(samples, samples).sort", "torch.cdist(samples, real).sort"), says="precision and recall of"),
        Mistake("the helper of the checks", "def precision_recall(real, fake, k=3): return tuple(regions_by_scikit(real, fake, k))", says="write it yourself"),
        Mistake("mean over the wrong axis", edit("(apart <= of_real[:, None]).any(0)", "(apart <= of_real[:, None]).any(1)"), says="precision and recall of"),
        Mistake("squared radius", edit("[:, k] for samples", "[:, k].square() for samples"), says="precision and recall of"),
        Mistake("cells instead of balls", """
            def precision_recall(real, fake, k=3):
                inside = torch.cdist(fake, real).argmin(1)
                return inside.double().mean().item() / len(real), 1.0
        """, says="precision and recall of"),
    ],
    alternatives=[
        Alternative("loops", """
            def precision_recall(real, fake, k=3):
                def radii(z):
                    return [sorted(float((a - b).norm()) for j, b in enumerate(z) if j != i)[k - 1] for i, a in enumerate(z)]
                def share(asked, region):
                    reach = radii(region)
                    return sum(any(float((a - b).norm()) <= r for b, r in zip(region, reach)) for a in asked) / len(asked)
                return share(fake, real), share(real, fake)
        """),
        Alternative("infinite diagonal, kthvalue", """
            def precision_recall(real, fake, k=3):
                def reach(z):
                    d = torch.cdist(z, z)
                    d.fill_diagonal_(float("inf"))
                    return torch.kthvalue(d, k, dim=1).values
                d = torch.cdist(fake, real)
                return ((d - reach(real)[None] <= 0).sum(1) > 0).float().mean().item(), ((d.T <= reach(fake)).sum(1) > 0).float().mean().item()
        """),
        Alternative("topk and differences", """
            def precision_recall(real, fake, k=3):
                far = lambda a, b: (a[:, None] - b[None]).pow(2).sum(-1).sqrt()
                r = far(real, real).topk(k + 1, largest=False).values.max(1).values
                f = far(fake, fake).topk(k + 1, largest=False).values.max(1).values
                between = far(real, fake)
                p = torch.tensor([bool((between[:, j] <= r).any()) for j in range(len(fake))])
                q = torch.tensor([bool((between[i] <= f).any()) for i in range(len(real))])
                return float(p.double().mean()), float(q.double().mean())
        """),
    ],
    same_program={"line 8: torch.cdist(samples, samples).sort(dim=1): dim left out": "the last axis is the default"},
)

EXERCISES = {
    "discriminator_loss": DISCRIMINATOR_LOSS,
    "generator_loss": GENERATOR_LOSS,
    "optimal_discriminator": OPTIMAL,
    "gradient_penalty": PENALTY,
    "train_gan_step": STEP,
    "frechet_distance": FRECHET,
    "precision_recall": PRECISION,
}
