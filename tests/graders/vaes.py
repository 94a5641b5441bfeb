"""Wrong and right programs for lesson 12."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

REPARAMETERIZE = Exercise(
    mistakes=[
        Mistake("variance", edit("(log_variance / 2).exp()", "log_variance.exp()"), says="scales by the variance"),
        Mistake("log-variance as it is", edit("(log_variance / 2).exp()", "log_variance"), says="the log-variance is not the standard deviation"),
        Mistake("half the log-variance", edit("(log_variance / 2).exp()", "log_variance / 2"), says="the code of the tiny example"),
        Mistake("half of the variance", edit("(log_variance / 2).exp()", "(log_variance.exp() / 2)"), says="the codes should be"),
        Mistake("root of the log-variance", edit("(log_variance / 2).exp()", "log_variance.abs().sqrt()"), says="the code of the tiny example"),
        Mistake("mean only", edit(" + (log_variance / 2).exp() * noise", ""), says="the code of the tiny example"),
        Mistake("noise not scaled", edit("(log_variance / 2).exp() * noise", "noise"), says="the code of the tiny example"),
        Mistake("mean left out", edit("mean + (log", "(log"), says="the code of the tiny example"),
        Mistake("noise of its own", edit("* noise", "* torch.randn_like(mean)"), says="the code of the tiny example"),
        Mistake("mean scaled too", edit("mean + (log_variance / 2).exp() * noise", "(mean + noise) * (log_variance / 2).exp()"), says="the code of the tiny example"),
        Mistake("minus", edit("mean + (log", "mean - (log"), says="the code of the tiny example"),
        Mistake("gradient of the width cut", edit("(log_variance / 2).exp()", "(log_variance.detach() / 2).exp()"), says="not have been used"),
        Mistake("gradient of the mean cut", edit("return mean +", "return mean.detach() +"), says="not have been used"),
        Mistake("width clipped", edit("(log_variance / 2).exp()", "(log_variance.clamp(-4, 4) / 2).exp()"), says="the codes"),
        Mistake("a little added to the width", edit("(log_variance / 2).exp()", "((log_variance / 2).exp() + 1e-6)"), says="the codes"),
        Mistake("single precision", edit("* noise", "* noise).float()", "return mean", "return (mean"), says="dtype"),
        Mistake("summed over the draws", edit("* noise", "* noise.reshape(-1, *mean.shape).sum(0)"), says="four draws"),
        Mistake("first draw only", edit("* noise", "* noise.reshape(-1, *mean.shape)[0]"), says="four draws"),
        Mistake("changes the noise", edit("    return mean + (log_variance / 2).exp() * noise", "    noise.mul_((log_variance / 2).exp())\n    return mean + noise"), says="the codes"),
        Mistake("double precision", edit("(log_variance / 2)", "(log_variance.double() / 2)"), says="dtype"),
        Mistake("noise clipped", edit("* noise", "* noise.clamp(-3, 3)"), says="the codes"),
        Mistake("softplus for exp", edit("(log_variance / 2).exp()", "F.softplus(log_variance)"), says="the code of the tiny example"),
    ],
    alternatives=[
        Alternative("root of the variance", """
            def reparameterize(mean, log_variance, noise):
                return mean + torch.sqrt(torch.exp(log_variance)) * noise
        """),
        Alternative("addcmul", """
            def reparameterize(mean, log_variance, noise):
                width = torch.exp(0.5 * log_variance)
                return torch.addcmul(mean, width, noise)
        """),
        Alternative("power of e, draw by draw", """
            def reparameterize(mean, log_variance, noise):
                rows = [mean + math.e ** (log_variance / 2) * row for row in noise.reshape(-1, *mean.shape)]
                return torch.stack(rows).reshape(noise.shape)
        """),
    ],
)

KL = Exercise(
    mistakes=[
        Mistake("mean over the numbers", edit(".sum(-1)", ".mean(-1)"), says="the price of the tiny example"),
        Mistake("summed over everything", edit(".sum(-1)", ".sum()"), says="should have shape"),
        Mistake("not summed", edit(".sum(-1)", ""), says="should have shape"),
        Mistake("summed over the rows", edit(".sum(-1)", ".sum(0)"), says="should have shape"),
        Mistake("no half", edit("0.5 * (", "("), says="the price of the tiny example"),
        Mistake("minus", edit("0.5 * (", "-0.5 * ("), says="the price of the tiny example"),
        Mistake("no 1", edit(" - 1 - log", " - log"), says="the price of the tiny example"),
        Mistake("1 once", edit(" - 1 - log_variance).sum(-1)", " - log_variance).sum(-1) - 0.5"), says="the price of the tiny example"),
        Mistake("mean not squared", edit("mean.square()", "mean"), says="the means are not squared"),
        Mistake("mean absolute", edit("mean.square()", "mean.abs()"), says="the prices should be"),
        Mistake("mean left out", edit("mean.square() + ", ""), says="the price of the tiny example"),
        Mistake("log-variance and variance swapped", edit("log_variance.exp() - 1 - log_variance", "log_variance - 1 - log_variance.exp()"), says="the price of the tiny example"),
        Mistake("log-variance added", edit("- 1 - log_variance", "- 1 + log_variance"), says="the price of the tiny example"),
        Mistake("log of the standard deviation", edit("log_variance.exp() - 1 - log_variance", "(2 * log_variance).exp() - 1 - 2 * log_variance"), says="the price of the tiny example"),
        Mistake("log of the standard deviation in one place", edit("log_variance.exp() - 1", "(log_variance / 2).exp() - 1"), says="the price of the tiny example"),
        Mistake("the other way round", edit("mean.square() + log_variance.exp() - 1 - log_variance", "(mean.square() + 1) * (-log_variance).exp() - 1 + log_variance"), says="the price of the tiny example"),
        Mistake("never negative by force", edit(".sum(-1)", ".sum(-1).clamp(min=0.7)"), says="the price of the prior itself"),
        Mistake("clipped", edit("log_variance.exp()", "log_variance.clamp(-20, 20).exp()"), says="the prices"),
        Mistake("through a variance of its own logarithm", edit("- 1 - log_variance)", "- 1 - (log_variance.exp() + 1e-8).log())"), says="the prices"),
        Mistake("gradient of the mean cut", edit("mean.square()", "mean.detach().square()"), says="not have been used"),
        Mistake("single precision", edit(".sum(-1)", ".sum(-1).float()"), says="dtype"),
        Mistake("logarithm of the product of the variances", edit("0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)", "0.5 * ((mean.square() + log_variance.exp() - 1).sum(-1) - log_variance.exp().prod(-1).log())"), says="very wide and very narrow"),
        Mistake("two axes only", edit(".sum(-1)", ".sum(1)"), says="Dimension out of range"),
        Mistake("bits", edit(".sum(-1)", ".sum(-1) / math.log(2)"), says="the price of the tiny example"),
    ],
    alternatives=[
        Alternative("by the logarithm of the standard deviation", """
            def gaussian_kl(mean, log_variance):
                log_sigma = log_variance / 2
                sigma = log_sigma.exp()
                each = (sigma**2 + mean**2) / 2 - 0.5 - log_sigma
                return torch.sum(each, dim=-1)
        """),
        Alternative("expm1", """
            def gaussian_kl(mean, log_variance):
                return (mean * mean + torch.expm1(log_variance) - log_variance).sum(dim=-1) / 2
        """),
        Alternative("number by number", """
            def gaussian_kl(mean, log_variance):
                total = torch.zeros(mean.shape[:-1], dtype=mean.dtype)
                for k in range(mean.shape[-1]):
                    m, s = mean[..., k], log_variance[..., k]
                    total = total - 0.5 * (1 + s - m.pow(2) - s.exp())
                return total
        """),
    ],
)

ELBO = Exercise(
    mistakes=[
        Mistake("rate added", edit("return reconstruction - beta * rate", "return reconstruction + beta * rate"), says="the bound with beta 2"),
        Mistake("beta not used", edit("return reconstruction - beta * rate", "return reconstruction - rate"), says="the bound with beta 2"),
        Mistake("beta in the rate too", edit("rate = gaussian_kl(mean, log_variance)\n    return reconstruction - beta * rate", "rate = beta * gaussian_kl(mean, log_variance)\n    return reconstruction - rate"), says="the rate of the tiny example"),
        Mistake("beta on the reconstruction", edit("return reconstruction - beta * rate", "return beta * reconstruction - rate"), says="the bound with beta 2"),
        Mistake("beta applied twice", edit("return reconstruction - beta * rate", "return reconstruction - beta * beta * rate"), says="the bound with beta 2"),
        Mistake("rate left out", edit("return reconstruction - beta * rate", "return reconstruction"), says="the bound with beta 2"),
        Mistake("the loss", edit("return reconstruction - beta * rate", "return beta * rate - reconstruction"), says="the bound with beta 2"),
        Mistake("mean of the cloud only", edit("log_likelihood(x, z).mean(0)", "log_likelihood(x, mean)"), says="the bound with beta 2"),
        Mistake("sum over the samples", edit(".mean(0)", ".sum(0)"), says="the bound with beta 2"),
        Mistake("first sample only", edit("log_likelihood(x, z).mean(0)", "log_likelihood(x, z)[0]"), says="the bound with beta 2"),
        Mistake("log of the mean", edit("log_likelihood(x, z).mean(0)", "log_likelihood(x, z).logsumexp(0) - math.log(len(z))"), says="the bound with beta 2"),
        Mistake("mean over the batch", edit(".mean(0)", ".mean(1)"), says="should have shape"),
        Mistake("mean over all", edit(".mean(0)", ".mean()"), says="should have shape"),
        Mistake("codes averaged first", edit("log_likelihood(x, z).mean(0)", "log_likelihood(x, z.mean(0))"), says="the bound with beta 2"),
        Mistake("noise as the code", edit("= log_likelihood(x, z)", "= log_likelihood(x, noise)"), says="the bound with beta 2"),
        Mistake("order of the answers", edit("beta * rate, reconstruction, rate", "beta * rate, rate, reconstruction"), says="the reconstruction of the tiny example"),
        Mistake("bound only", edit("beta * rate, reconstruction, rate", "beta * rate"), says="the bound"),
        Mistake("rate by samples", edit("gaussian_kl(mean, log_variance)", "0.5 * (z.square() - noise.square() - log_variance).sum(-1).mean(0)"), says="use the closed form"),
        Mistake("rate of the code", edit("gaussian_kl(mean, log_variance)", "gaussian_kl(z, log_variance.expand_as(z)).mean(0)"), says="the bound with beta 2"),
        Mistake("mean rate of the batch", edit("gaussian_kl(mean, log_variance)\n", "gaussian_kl(mean, log_variance).mean()\n"), says="should"),
        Mistake("noise of its own", edit("reparameterize(mean, log_variance, noise)", "reparameterize(mean, log_variance, torch.randn_like(noise))"), says="the bound with beta 2"),
        Mistake("code cut from the graph", edit("= log_likelihood(x, z)", "= log_likelihood(x, z.detach())"), says="not have been used"),
        Mistake("rate cut from the graph", edit("rate = gaussian_kl(mean, log_variance)", "rate = gaussian_kl(mean, log_variance).detach()"), says="the gradient with respect to x"),
        Mistake("single precision", edit("return reconstruction - beta * rate,", "return (reconstruction - beta * rate).float(),"), says="dtype"),
        Mistake("encoder's answers swapped", edit("mean, log_variance = encode(x)", "log_variance, mean = encode(x)"), says="the bound with beta 2"),
        Mistake("beta 0 is taken for none", edit("return reconstruction - beta * rate", "return reconstruction - (beta or 1.0) * rate"), says="with beta 0.0"),
        Mistake("beta not below 0", edit("return reconstruction - beta * rate", "return reconstruction - max(beta, 0.0) * rate"), says="with beta -1.0"),
    ],
    alternatives=[
        Alternative("sample by sample", """
            def elbo(x, encode, log_likelihood, noise, beta=1.0):
                m, s = encode(x)
                parts = []
                for draw in noise:
                    parts.append(log_likelihood(x, m + draw * torch.exp(s / 2)))
                r = sum(parts) / len(parts)
                k = 0.5 * (m**2 + s.exp() - 1 - s).sum(1)
                return r - k * beta, r, k
        """),
        Alternative("a list, means named", """
            def elbo(x, encode, log_likelihood, noise, beta=1.0):
                posterior = encode(x)
                codes = reparameterize(*posterior, noise)
                reconstruction = torch.mean(log_likelihood(x, codes), dim=0)
                rate = gaussian_kl(*posterior)
                return [torch.sub(reconstruction, rate, alpha=beta), reconstruction, rate]
        """),
        Alternative("the batch repeated for the samples", """
            def elbo(x, encode, log_likelihood, noise, beta=1.0):
                samples, batch, latent = noise.shape
                mean, log_variance = encode(x)
                z = (mean[None] + noise * (0.5 * log_variance[None]).exp()).reshape(samples * batch, latent)
                each = log_likelihood(x.repeat(samples, 1), z).reshape(samples, batch)
                rate = gaussian_kl(mean, log_variance)
                reconstruction = each.mean(dim=0)
                return reconstruction - beta * rate, reconstruction, rate
        """),
    ],
)

IWAE = Exercise(
    mistakes=[
        Mistake("sum of the weights", edit(" - math.log(len(noise))", ""), says="the bound of the tiny example"),
        Mistake("mean of the logarithms", edit("torch.logsumexp(log_weights, 0) - math.log(len(noise))", "log_weights.mean(0)"), says="the bound of the tiny example"),
        Mistake("largest weight", edit("torch.logsumexp(log_weights, 0) - math.log(len(noise))", "log_weights.amax(0)"), says="the bound of the tiny example"),
        Mistake("no prior", edit(" + log_prior - log_posterior", " - log_posterior"), says="the bound of the tiny example"),
        Mistake("no q", edit(" + log_prior - log_posterior", " + log_prior"), says="the bound of the tiny example"),
        Mistake("likelihood only", edit(" + log_prior - log_posterior", ""), says="the bound of the tiny example"),
        Mistake("prior and q swapped", edit("+ log_prior - log_posterior", "- log_prior + log_posterior"), says="the bound of the tiny example"),
        Mistake("q without the log-variance", edit("(noise.square() + log_variance)", "noise.square()"), says="q's density has a term with the log-variance"),
        Mistake("q with half of it", edit("(noise.square() + log_variance)", "(noise.square() + log_variance / 2)"), says="the bound should be"),
        Mistake("q with its sign turned", edit("(noise.square() + log_variance)", "(noise.square() - log_variance)"), says="the bound should be"),
        Mistake("q at the prior's noise", edit("(noise.square() + log_variance)", "(z.square() + log_variance)"), says="the bound of the tiny example"),
        Mistake("distance not divided by the variance", edit("(noise.square() + log_variance)", "((z - mean).square() + log_variance)"), says="the bound should be"),
        Mistake("prior at the noise", edit("-0.5 * z.square()", "-0.5 * noise.square()"), says="the bound of the tiny example"),
        Mistake("prior at the mean", edit("-0.5 * z.square()", "-0.5 * mean.square()"), says="the bound of the tiny example"),
        Mistake("2π in q only", edit("(noise.square() + log_variance)", "(noise.square() + log_variance + math.log(2 * math.pi))"), says="the bound of the tiny example"),
        Mistake("closed form of the rate", edit("log_likelihood(x, z) + log_prior - log_posterior", "log_likelihood(x, z) - gaussian_kl(mean, log_variance)"), says="the bound of the tiny example"),
        Mistake("the ELBO", edit("torch.logsumexp(log_weights, 0) - math.log(len(noise))", "elbo(x, encode, log_likelihood, noise)[0]"), says="the bound of the tiny example"),
        Mistake("overflow", edit("torch.logsumexp(log_weights, 0) - math.log(len(noise))", "log_weights.exp().mean(0).log()"), says="very improbable"),
        Mistake("a little added under the logarithm", edit("torch.logsumexp(log_weights, 0) - math.log(len(noise))", "(log_weights.exp().mean(0) + 1e-30).log()"), says="the bound"),
        Mistake("mean over the numbers of the code", edit("z.square().sum(-1)", "z.square().mean(-1)"), says="the bound should be"),
        Mistake("over the batch", edit("logsumexp(log_weights, 0) - math.log(len(noise))", "logsumexp(log_weights, 1) - math.log(len(x))"), says="should have shape"),
        Mistake("divided by the batch", edit("math.log(len(noise))", "math.log(len(x))"), says="the bound of the tiny example"),
        Mistake("log in base 2", edit("math.log(len(noise))", "math.log2(len(noise))"), says="the bound of the tiny example"),
        Mistake("code cut from the graph", edit("z = reparameterize(mean, log_variance, noise)", "z = reparameterize(mean, log_variance, noise).detach()"), says="the gradient with respect to"),
        Mistake("weights cut from the graph", edit("- log_posterior  #", "- log_posterior.detach()  #"), says="the gradient with respect to"),
        Mistake("single precision", edit("log_weights, 0) - math.log(len(noise))", "log_weights.float(), 0) - math.log(len(noise))"), says="dtype"),
        Mistake("largest weight of the whole batch taken off", edit("torch.logsumexp(log_weights, 0) - math.log(len(noise))", "(log_weights - log_weights.max()).exp().mean(0).log() + log_weights.max()"), says="the bounds with"),
        Mistake("one sample fewer", edit("math.log(len(noise))", "math.log(max(len(noise) - 1, 1))"), says="the bound of the tiny example"),
    ],
    alternatives=[
        Alternative("densities written out", """
            def iwae_bound(x, encode, log_likelihood, noise):
                mean, log_variance = encode(x)
                z = mean + torch.exp(log_variance / 2) * noise
                density = lambda value, m, s: (-0.5 * ((value - m) ** 2 / s.exp() + s + math.log(2 * math.pi))).sum(-1)
                w = log_likelihood(x, z) + density(z, torch.zeros_like(mean), torch.zeros_like(mean)) - density(z, mean, log_variance)
                top = w.max(dim=0, keepdim=True).values.detach()
                return (w - top).exp().mean(dim=0).log() + top[0]
        """),
        Alternative("sample by sample, torch.distributions", """
            def iwae_bound(x, encode, log_likelihood, noise):
                mean, log_variance = encode(x)
                sigma = (log_variance / 2).exp()
                q = torch.distributions.Normal(mean, sigma)
                p = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
                total = None
                for eps in noise:
                    z = mean + sigma * eps
                    w = log_likelihood(x, z) + (p.log_prob(z) - q.log_prob(z)).sum(1)
                    total = w if total is None else torch.logaddexp(total, w)
                return total - math.log(noise.shape[0])
        """),
        Alternative("log-softmax of nothing: by log-mean of shifted weights", """
            def iwae_bound(x, encode, log_likelihood, noise):
                mean, log_variance = encode(x)
                z = reparameterize(mean, log_variance, noise)
                ratio = 0.5 * (noise.pow(2) - z.pow(2) + log_variance)
                w = log_likelihood(x, z) + ratio.sum(dim=2)
                return torch.logsumexp(w - math.log(w.shape[0]), dim=0)
        """),
    ],
)

QUANTIZE = Exercise(
    mistakes=[
        Mistake("no straight-through", edit("result = vectors + (nearest - vectors).detach()", "result = nearest"), says="no gradient comes through"),
        Mistake("detached entries", edit("result = vectors + (nearest - vectors).detach()", "result = nearest.detach()"), says="no gradient comes through"),
        Mistake("gradient to both", edit("result = vectors + (nearest - vectors).detach()", "result = vectors + nearest - vectors.detach()"), says="which learns from its loss only"),
        Mistake("vectors unchanged", edit("result = vectors + (nearest - vectors).detach()", "result = vectors"), says="the vectors come back as they were"),
        Mistake("straight-through the wrong way round", edit("vectors + (nearest - vectors).detach()", "nearest + (vectors - nearest).detach()"), says="the vectors come back as they were"),
        Mistake("largest inner product", edit("(vectors[..., None, :] - codebook).square().sum(-1)", "-(vectors.detach() @ codebook.detach().T)"), says="the codes of the tiny example"),
        Mistake("farthest", edit("argmin", "argmax"), says="the codes of the tiny example"),
        Mistake("nearest by angle", edit("(vectors[..., None, :] - codebook).square().sum(-1)", "-(F.normalize(vectors.detach(), dim=-1) @ F.normalize(codebook.detach(), dim=-1).T)"), says="the codes of the tiny example"),
        Mistake("sum of absolute differences", edit(".square().sum(-1)", ".abs().sum(-1)"), says="the codes"),
        Mistake("largest difference of one number", edit(".square().sum(-1)", ".abs().amax(-1)"), says="the codes"),
        Mistake("first number only", edit(".square().sum(-1)", ".square()[..., 0]"), says="the codes"),
        Mistake("distance without the entries' lengths", edit("(vectors[..., None, :] - codebook).square().sum(-1)", "vectors.detach().square().sum(-1, keepdim=True) - 2 * vectors.detach() @ codebook.detach().T"), says="the codes of the tiny example"),
        Mistake("codebook loss moves the vectors", edit("(vectors.detach() - nearest).square().mean()", "(vectors - nearest.detach()).square().mean()"), says="the codebook loss with respect to the vectors"),
        Mistake("commitment loss moves the entries", edit("(vectors - nearest.detach()).square().mean()", "(vectors.detach() - nearest).square().mean()"), says="the commitment loss with respect to the"),
        Mistake("codebook loss moves both", edit("(vectors.detach() - nearest)", "(vectors - nearest)"), says="which it must not move"),
        Mistake("commitment loss moves both", edit("(vectors - nearest.detach())", "(vectors - nearest)"), says="which it must not move"),
        Mistake("losses swapped", edit("return result, codes, codebook_loss, commitment_loss", "return result, codes, commitment_loss, codebook_loss"), says="which it must not move"),
        Mistake("sums", edit("- nearest).square().mean()", "- nearest).square().sum()"), says="this is the sum, not the mean"),
        Mistake("commitment summed over the numbers of a vector", edit("nearest.detach()).square().mean()", "nearest.detach()).square().sum(-1).mean()"), says="the commitment loss"),
        Mistake("loss with the result", edit("(vectors.detach() - nearest)", "(vectors.detach() - result)"), says="the codebook loss with respect to the"),
        Mistake("absolute differences in the loss", edit("(vectors.detach() - nearest).square()", "(vectors.detach() - nearest).abs()"), says="the codebook loss"),
        Mistake("codes as floats", edit("codes = distances.argmin(-1)\n    nearest = codebook[codes]", "codes = distances.argmin(-1)\n    nearest = codebook[codes]\n    codes = codes.to(vectors.dtype)"), says="the codes of the tiny example"),
        Mistake("codes in one row", edit("return result, codes,", "return result, codes.flatten(),"), says="should have shape"),
        Mistake("order of the answers", edit("return result, codes,", "return codes, result,"), says="the codes of the tiny example"),
        Mistake("commitment weighted already", edit("commitment_loss = (vectors", "commitment_loss = 0.25 * (vectors"), says="the commitment loss"),
        Mistake("single precision", edit("return result, codes,", "return result.float(), codes,"), says="the result should be"),
        Mistake("changes the codebook", edit("    distances = ", "    codebook.data.add_(1e-3)\n    distances = "), says="the"),
    ],
    alternatives=[
        Alternative("cdist and a one-hot product", """
            def vector_quantize(vectors, codebook):
                flat = vectors.reshape(-1, vectors.shape[-1])
                with torch.no_grad():
                    codes = torch.cdist(flat, codebook, compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=1)
                nearest = (F.one_hot(codes, len(codebook)).to(codebook.dtype) @ codebook).reshape(vectors.shape)
                codebook_loss = F.mse_loss(nearest, vectors.detach())
                commitment_loss = F.mse_loss(vectors, nearest.detach())
                return vectors + (nearest - vectors).detach(), codes.reshape(vectors.shape[:-1]), codebook_loss, commitment_loss
        """),
        Alternative("squares multiplied out", """
            def vector_quantize(vectors, codebook):
                v, e = vectors.detach(), codebook.detach()
                scores = e.square().sum(1) - 2 * v @ e.T
                codes = scores.min(-1).indices
                picked = F.embedding(codes, codebook)
                through = picked.detach() + vectors - vectors.detach()
                return through, codes, ((v - picked) ** 2).mean(), ((vectors - picked.detach()) ** 2).mean()
        """),
        Alternative("vector by vector, with a function of its own for the gradient", """
            class _Pass(torch.autograd.Function):
                @staticmethod
                def forward(ctx, vectors, entries):
                    return entries.clone()

                @staticmethod
                def backward(ctx, gradient):
                    return gradient, None


            def vector_quantize(vectors, codebook):
                dim = vectors.shape[-1]
                codes = []
                for vector in vectors.detach().reshape(-1, dim):
                    codes.append(int(((codebook.detach() - vector) ** 2).sum(1).argmin()))
                codes = torch.tensor(codes, dtype=torch.int64).reshape(vectors.shape[:-1])
                entries = codebook[codes]
                book = ((vectors.detach() - entries) ** 2).sum() / vectors.numel()
                commit = ((vectors - entries.detach()) ** 2).sum() / vectors.numel()
                return _Pass.apply(vectors, entries.detach()), codes, book, commit
        """),
    ],
)

ANOMALY = Exercise(
    mistakes=[
        Mistake("minus the bound", edit("return saturated - iwae", "return -iwae"), says="minus the bound alone"),
        Mistake("sign turned", edit("return saturated - iwae_bound(x, encode, log_likelihood, noise)", "return iwae_bound(x, encode, log_likelihood, noise) - saturated"), says="this falls"),
        Mistake("bound added", edit("return saturated - iwae", "return saturated + iwae"), says="taken off, not added"),
        Mistake("no number of ways", edit("(ways + torch.xlogy(black, x)", "(torch.xlogy(black, x)"), says="the number of ways is missing"),
        Mistake("nan at the ends", edit("torch.xlogy(black, x) + torch.xlogy(trials - black, 1 - x)", "black * x.log() + (trials - black) * (1 - x).log()"), says="nan"),
        Mistake("clipped at the ends", edit("torch.xlogy(black, x) + torch.xlogy(trials - black, 1 - x)", "black * x.clamp(0.01, 0.99).log() + (trials - black) * (1 - x).clamp(0.01, 0.99).log()"), says="the score"),
        Mistake("white left out", edit(" + torch.xlogy(trials - black, 1 - x)", ""), says="the score of the tiny example"),
        Mistake("black left out", edit("torch.xlogy(black, x) + ", ""), says="the score of the tiny example"),
        Mistake("shares in place of counts", edit("torch.xlogy(black, x) + torch.xlogy(trials - black, 1 - x)", "torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)"), says="the score of the tiny example"),
        Mistake("mean over the blocks", edit("1 - x)).sum(-1)", "1 - x)).mean(-1)"), says="the score of the tiny example"),
        Mistake("always 16 trials", edit("black = trials * x", "trials = 16\n    black = trials * x"), says="the score of the tiny example"),
        Mistake("the ELBO", edit("iwae_bound(x, encode, log_likelihood, noise)", "elbo(x, encode, log_likelihood, noise)[0]"), says="this uses the ELBO"),
        Mistake("the reconstruction", edit("iwae_bound(x, encode, log_likelihood, noise)", "elbo(x, encode, log_likelihood, noise)[1]"), says="the reconstruction alone is no bound"),
        Mistake("the rate", edit("return saturated - iwae_bound(x, encode, log_likelihood, noise)", "return elbo(x, encode, log_likelihood, noise)[2]"), says="the score of the tiny example"),
        Mistake("one sample", edit("log_likelihood, noise)", "log_likelihood, noise[:1])"), says="the scores"),
        Mistake("gamma of n", edit("torch.lgamma(black + 1)", "torch.lgamma(black.clamp(min=1))"), says="the score"),
        Mistake("ways without the white", edit(" - torch.lgamma(trials - black + 1)", ""), says="the scores should be"),
        Mistake("ways of 2 to the n", edit("ways + torch", "trials * math.log(2) + torch"), says="the score of the tiny example"),
        Mistake("twice, as a deviance", edit("return saturated - iwae_bound(x, encode, log_likelihood, noise)", "return 2 * (saturated - iwae_bound(x, encode, log_likelihood, noise))"), says="the score of the tiny example"),
        Mistake("one number for the batch", edit("log_likelihood, noise)", "log_likelihood, noise).mean()"), says="the scores"),
        Mistake("never below 0", edit("return saturated - iwae_bound(x, encode, log_likelihood, noise)", "return (saturated - iwae_bound(x, encode, log_likelihood, noise)).abs()"), says="the scores"),
        Mistake("squared error", "def anomaly_score(x, encode, log_likelihood, noise, trials=16):\n    return -log_likelihood(x, encode(x)[0])", says="minus the bound alone"),
        Mistake("single precision", edit("log_likelihood, noise)", "log_likelihood, noise).float()", "return saturated", "return saturated.float()"), says="dtype"),
        Mistake("noise of its own", edit("log_likelihood, noise)", "log_likelihood, torch.randn_like(noise))"), says="the scores"),
        Mistake("changes x", edit("    black = ", "    x.clamp_(1e-3, 1 - 1e-3)\n    black = "), says="the score"),
    ],
    alternatives=[
        Alternative("torch.distributions", """
            def anomaly_score(x, encode, log_likelihood, noise, trials=16):
                best = torch.distributions.Binomial(trials, probs=x).log_prob((trials * x).round())
                return best.sum(-1) - iwae_bound(x, encode, log_likelihood, noise)
        """),
        Alternative("math.comb, number by number", """
            def anomaly_score(x, encode, log_likelihood, noise, trials=16):
                rows = []
                for row in x.tolist():
                    total = 0.0
                    for share in row:
                        k = round(trials * share)
                        p = k / trials
                        total += math.log(math.comb(trials, k)) + (k * math.log(p) if k else 0) + ((trials - k) * math.log(1 - p) if k < trials else 0)
                    rows.append(total)
                return torch.tensor(rows, dtype=x.dtype) - iwae_bound(x, encode, log_likelihood, noise)
        """),
        Alternative("where the ends are put aside", """
            def anomaly_score(x, encode, log_likelihood, noise, trials=16):
                inside = (x > 0) & (x < 1)
                p = torch.where(inside, x, torch.full_like(x, 0.5))
                log_p = trials * (x * p.log() + (1 - x) * torch.log1p(-p))
                n = torch.tensor(float(trials), dtype=x.dtype)
                ways = torch.lgamma(n + 1) - torch.lgamma(trials * x + 1) - torch.lgamma(trials * (1 - x) + 1)
                best = torch.where(inside, log_p + ways, torch.zeros_like(x)).sum(dim=1)
                return best - iwae_bound(x, encode, log_likelihood, noise)
        """),
    ],
    same_program={"line 11: -1: USub removed": "x has two axes: the last is number 1"},
)

EXERCISES = {
    "reparameterize": REPARAMETERIZE,
    "gaussian_kl": KL,
    "elbo": ELBO,
    "iwae_bound": IWAE,
    "vector_quantize": QUANTIZE,
    "anomaly_score": ANOMALY,
}
