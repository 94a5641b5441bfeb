"""Wrong and right programs for lesson 14."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

HMM = Exercise(
    mistakes=[
        Mistake("sum over the state that is entered", edit("alpha[:, None] + log_transition, 0", "alpha[None] + log_transition, 1"), says="not over the one that is entered"),
        Mistake("best path", edit("torch.logsumexp(alpha[:, None] + log_transition, 0)", "(alpha[:, None] + log_transition).amax(0)", "torch.logsumexp(alpha, 0)", "alpha.amax()"), says="the probability of the best path"),
        Mistake("best path, summed at the end", edit("torch.logsumexp(alpha[:, None] + log_transition, 0)", "(alpha[:, None] + log_transition).amax(0)"), says="the log-probability of 5 observations"),
        Mistake("first emission missing", edit("log_initial + log_emission[0]", "log_initial"), says="the emission of the first place is missing"),
        Mistake("last observation left out", edit("log_emission[1:]:", "log_emission[1:-1]:"), says="the log-probability of 5 observations"),
        Mistake("first observation twice", edit("log_emission[1:]:", "log_emission:"), says="the log-probability of 5 observations"),
        Mistake("initial missing", edit("alpha = log_initial + log_emission[0]", "alpha = log_emission[0]"), says="the initial probabilities are missing"),
        Mistake("probability in place of its logarithm", edit("return torch.logsumexp(alpha, 0)", "return torch.logsumexp(alpha, 0).exp()"), says="its logarithm is asked"),
        Mistake("the vector of states", edit("return torch.logsumexp(alpha, 0)", "return alpha"), says="should have shape ()"),
        Mistake("broadcast along the wrong axis", edit("alpha[:, None] + log_transition", "alpha + log_transition"), says="the log-probability of 5 observations"),
        Mistake("underflow", """
            def hmm_forward(log_initial, log_transition, log_emission):
                alpha = log_initial.exp() * log_emission[0].exp()
                for seen in log_emission[1:]:
                    alpha = (alpha @ log_transition.exp()) * seen.exp()
                return alpha.sum().log()
        """, says="4000 observations"),
        Mistake("a shift that is lost", """
            def hmm_forward(log_initial, log_transition, log_emission):
                alpha = log_initial + log_emission[0]
                for seen in log_emission[1:]:
                    alpha = ((alpha - alpha.max()).exp() @ log_transition.exp()).log() + seen
                return alpha.logsumexp(0)
        """, says="the log-probability of 5 observations"),
        Mistake("gradient cut", edit("alpha = log_initial + log_emission[0]", "alpha = (log_initial + log_emission[0]).detach()"), says="used in the graph"),
        Mistake("a float", edit("return torch.logsumexp(alpha, 0)", "return float(torch.logsumexp(alpha, 0))"), says="should be a tensor of shape ()"),
        Mistake("single precision", edit("return torch.logsumexp(alpha, 0)", "return torch.logsumexp(alpha.float(), 0)"), says="the log-probability of 5 observations"),
        Mistake("double precision always", edit("return torch.logsumexp(alpha, 0)", "return torch.logsumexp(alpha, 0).double()"), says="float32"),
        Mistake("changes the emissions", edit("    alpha = log_initial", "    log_emission.data[-1] += 0.5\n    alpha = log_initial"), says="the log-probability of 5 observations"),
        Mistake("transition before the first place", edit("alpha = log_initial + log_emission[0]", "alpha = torch.logsumexp(log_initial[:, None] + log_transition, 0) + log_emission[0]"), says="the log-probability of 5 observations"),
        Mistake("normalised and the sizes lost", edit("torch.logsumexp(alpha[:, None] + log_transition, 0) + seen", "(torch.logsumexp(alpha[:, None] + log_transition, 0) + seen).log_softmax(0)"), says="the log-probability of 5 observations"),
        Mistake("a very small number in place of never", edit("    alpha = log_initial", "    log_initial, log_transition = log_initial.clamp(min=-5), log_transition.clamp(min=-5)\n    alpha = log_initial"), says="never happen"),
    ],
    alternatives=[
        Alternative("loops over states", """
            def hmm_forward(log_initial, log_transition, log_emission):
                length, states = log_emission.shape
                alpha = [log_initial[i] + log_emission[0, i] for i in range(states)]
                for t in range(1, length):
                    alpha = [torch.logsumexp(torch.stack([alpha[i] + log_transition[i, j] for i in range(states)]), 0) + log_emission[t, j] for j in range(states)]
                return torch.logsumexp(torch.stack(alpha), 0)
        """),
        Alternative("scaled probabilities", """
            def hmm_forward(log_initial, log_transition, log_emission):
                moves = log_transition.exp()
                total = torch.zeros((), dtype=log_initial.dtype)
                current = log_initial + log_emission[0]
                for t in range(len(log_emission)):
                    if t > 0:
                        current = torch.log(share @ moves) + log_emission[t]
                    size = torch.logsumexp(current, 0)
                    total = total + size
                    share = (current - size).exp()
                return total
        """),
        Alternative("backwards", """
            def hmm_forward(log_initial, log_transition, log_emission):
                beta = torch.zeros_like(log_initial)
                for t in range(len(log_emission) - 1, 0, -1):
                    beta = (log_transition + (log_emission[t] + beta)[None, :]).logsumexp(1)
                return (log_initial + log_emission[0] + beta).logsumexp(0)
        """),
    ],
    same_program={"line 14: 0 -> -1": "the states have one axis: its number is 0 or -1"},
)

_LATER = "        means.append(mean)\n        covariances.append(covariance)\n        mean, covariance = F @ mean, F @ covariance @ F.T + Q\n"
_EARLY = "    for seen in observations:\n"

KALMAN = Exercise(
    mistakes=[
        Mistake("predictions in place of filtered states", edit(_LATER, "        mean, covariance = F @ mean, F @ covariance @ F.T + Q\n        means.append(mean)\n        covariances.append(covariance)\n"), says="these are predictions of the next state"),
        Mistake("before the update", edit(_EARLY, _EARLY + "        means.append(mean)\n        covariances.append(covariance)\n", _LATER, "        mean, covariance = F @ mean, F @ covariance @ F.T + Q\n"), says="these are means before the update"),
        Mistake("begins with a prediction", edit(_EARLY, _EARLY + "        mean, covariance = F @ mean, F @ covariance @ F.T + Q\n", "        mean, covariance = F @ mean, F @ covariance @ F.T + Q\n    return", "    return"), says="begin with an update"),
        Mistake("Q missing", edit("F @ covariance @ F.T + Q", "F @ covariance @ F.T"), says="Q is missing in the prediction"),
        Mistake("R missing", edit("H @ covariance @ H.T + R", "H @ covariance @ H.T + 1e-12 * R"), says="R is missing in V"),
        Mistake("F transposed", edit("F @ mean, F @ covariance @ F.T", "F.T @ mean, F.T @ covariance @ F"), says="F is transposed"),
        Mistake("covariance predicted without F", edit("F @ covariance @ F.T + Q", "covariance + Q"), says="the filtered means"),
        Mistake("covariance not updated", edit("covariance - gain @ H @ covariance", "covariance"), says="the filtered means"),
        Mistake("covariance updated with a plus", edit("covariance - gain @ H @ covariance", "covariance + gain @ H @ covariance"), says="the filtered means"),
        Mistake("mean not predicted", edit("mean, covariance = F @ mean, F", "mean, covariance = mean, F"), says="the filtered means"),
        Mistake("gain without the covariance", edit("torch.linalg.solve(V, H @ covariance).T", "torch.linalg.solve(V, H).T"), says="the filtered means"),
        Mistake("gain times V", edit("gain = torch.linalg.solve(V, H @ covariance).T", "gain = covariance @ H.T @ V"), says="the filtered means"),
        Mistake("innovation turned round", edit("seen - H @ mean", "H @ mean - seen"), says="the filtered means"),
        Mistake("ln 2 pi missing", edit(" + len(seen) * math.log(2 * math.pi)", ""), says="ln 2 pi is missing"),
        Mistake("ln 2 pi once for an observation", edit("len(seen) * math.log", "math.log"), says="not once for each observation"),
        Mistake("factor 1/2 missing", edit("total - 0.5 * (", "total - ("), says="the factor 1/2 is missing"),
        Mistake("negative log-likelihood", edit("total - 0.5 * (", "total + 0.5 * ("), says="this is its negative"),
        Mistake("determinant missing", edit("fit + torch.logdet(V)", "fit"), says="the log-likelihood"),
        Mistake("determinant of R", edit("torch.logdet(V)", "torch.logdet(R)"), says="the log-likelihood"),
        Mistake("likelihood after the update", edit("        gain = torch", "        pass\n        gain = torch", "        fit = torch.linalg.solve(V, innovation) @ innovation\n", "        gain = torch.linalg.solve(V, H @ covariance).T\n        late = seen - H @ (mean + gain @ innovation)\n        fit = torch.linalg.solve(V, late) @ late\n"), says="the log-likelihood"),
        Mistake("two results", edit("torch.stack(covariances), total", "torch.stack(covariances)"), says="should return three tensors"),
        Mistake("covariances of the predictions", edit(_LATER, "        means.append(mean)\n        mean, covariance = F @ mean, F @ covariance @ F.T + Q\n        covariances.append(covariance)\n"), says="covariances of the predictions"),
        Mistake("single precision", edit("torch.stack(means), torch", "torch.stack(means).float(), torch"), says="should keep the dtype"),
        Mistake("changes the mean in place", edit("mean, covariance = mean + gain @ innovation, covariance", "mean.add_(gain @ innovation)\n        mean, covariance = mean.clone(), covariance"), says="your inputs after the call"),
        Mistake("covariance not symmetric", edit("covariance - gain @ H @ covariance", "covariance - gain @ H"), says="the filtered"),
        Mistake("diagonal covariance", edit("covariance - gain @ H @ covariance", "(covariance - gain @ H @ covariance).diagonal().diag()"), says="the filtered means"),
    ],
    alternatives=[
        Alternative("inverse and Joseph's form", """
            def kalman_filter(observations, F, H, Q, R, mean, covariance):
                m, P = mean, covariance
                ms, Ps, logs = [], [], []
                for t in range(observations.shape[0]):
                    if t:
                        m, P = F @ m, F @ P @ F.mT + Q
                    V = H @ P @ H.mT + R
                    K = P @ H.mT @ torch.linalg.inv(V)
                    logs.append(MultivariateNormal(H @ m, (V + V.mT) / 2).log_prob(observations[t]))
                    m = m + K @ (observations[t] - H @ m)
                    I_KH = torch.eye(len(m), dtype=m.dtype) - K @ H
                    P = I_KH @ P @ I_KH.mT + K @ R @ K.mT
                    ms.append(m)
                    Ps.append(P)
                return torch.stack(ms), torch.stack(Ps), sum(logs)
        """),
        Alternative("Cholesky", """
            def kalman_filter(observations, F, H, Q, R, mean, covariance):
                length, size = len(observations), len(mean)
                means = torch.zeros(length, size, dtype=mean.dtype)
                covariances = torch.zeros(length, size, size, dtype=mean.dtype)
                logp = torch.zeros((), dtype=mean.dtype)
                for t, y in enumerate(observations):
                    S = H @ covariance @ H.T + R
                    L = torch.linalg.cholesky(S)
                    z = torch.linalg.solve_triangular(L, (y - H @ mean)[:, None], upper=False)[:, 0]
                    W = torch.linalg.solve_triangular(L, H @ covariance, upper=False)
                    logp = logp - 0.5 * (z @ z) - L.diagonal().log().sum() - 0.5 * len(y) * math.log(2 * math.pi)
                    mean = mean + W.T @ z
                    covariance = covariance - W.T @ W
                    means[t], covariances[t] = mean, covariance
                    mean, covariance = F @ mean, F @ covariance @ F.T + Q
                return means, covariances, logp
        """),
        Alternative("information form of the update", """
            def kalman_filter(observations, F, H, Q, R, mean, covariance):
                out_m, out_P, total = [], [], 0
                for y in observations:
                    V = H @ covariance @ H.T + R
                    e = y - H @ mean
                    total = total - 0.5 * (e @ torch.inverse(V) @ e + torch.slogdet(V)[1] + V.shape[0] * math.log(2 * math.pi))
                    post = torch.inverse(torch.inverse(covariance) + H.T @ torch.inverse(R) @ H)
                    mean = post @ (torch.inverse(covariance) @ mean + H.T @ torch.inverse(R) @ y)
                    out_m.append(mean); out_P.append(post)
                    mean, covariance = F @ mean, F @ post @ F.T + Q
                return torch.stack(out_m), torch.stack(out_P), total
        """),
    ],
)

DISCRETIZE = Exercise(
    mistakes=[
        Mistake("methods changed", edit('method == "bilinear"', 'method != "bilinear"'), says="the two methods have changed places"),
        Mistake("Euler for zero-order hold", edit("    large = torch.linalg.matrix_exp(large)\n    return large[:size, :size], large[:size, size:]", "    return torch.eye(size, dtype=A.dtype) + step * A, step * B"), says="Euler's method"),
        Mistake("first-order B under zero-order hold", edit("large[:size, size:]", "step * B"), says="this is Euler's method, the first-order approximation"),
        Mistake("backward Euler for bilinear", edit("left = identity - step / 2 * A", "left = identity - step * A", "identity + step / 2 * A)", "identity)"), says="backward Euler"),
        Mistake("whole step on both sides", edit("left = identity - step / 2 * A", "left = identity - step * A", "identity + step / 2 * A)", "identity + step * A)", "(left, step * B)", "(left, 2 * step * B)"), says="half of the step goes to each side"),
        Mistake("signs changed", edit("identity - step / 2 * A", "identity + step / 2 * A", "(left, identity + step / 2 * A)", "(left, identity - step / 2 * A)"), says="A' by bilinear"),
        Mistake("step missing in B", edit("(left, step * B)", "(left, B)"), says="B' by bilinear"),
        Mistake("step missing in the exponential", edit("step * torch.cat([A, B], 1)", "torch.cat([A, B], 1)"), says="the step is missing"),
        Mistake("inverse of A", edit("    large = A.new_zeros", "    A_step = torch.linalg.matrix_exp(step * A)\n    return A_step, torch.linalg.inv(A) @ (A_step - torch.eye(size, dtype=A.dtype)) @ B\n    large = A.new_zeros"), says="singular"),
        Mistake("inverse without minus one", edit("    large = A.new_zeros", "    A_step = torch.linalg.matrix_exp(step * A)\n    return A_step, torch.linalg.inv(A) @ A_step @ B\n    large = A.new_zeros"), says="B' by zoh"),
        Mistake("exponential of each number", edit("torch.linalg.matrix_exp(large)", "large.exp()"), says="A' by zoh"),
        Mistake("B without solve", edit("torch.linalg.solve(left, step * B)", "step * B"), says="B' by bilinear"),
        Mistake("A from the right", edit("torch.linalg.solve(left, step * B)", "step * torch.linalg.solve(left.T, B)"), says="B' by bilinear"),
        Mistake("half of B", edit("(left, step * B)", "(left, step / 2 * B)"), says="B' by bilinear"),
        Mistake("only A", edit("return large[:size, :size], large[:size, size:]", "return large[:size, :size]"), says="A' by zoh should have shape"),
        Mistake("transposed", edit("return large[:size, :size]", "return large[:size, :size].T"), says="A' by zoh"),
        Mistake("single precision", edit("return large[:size, :size]", "return large[:size, :size].float()"), says="A' by zoh"),
        Mistake("always double", edit("return large[:size, :size], large[:size, size:]", "return large[:size, :size].double(), large[:size, size:].double()"), says="float32"),
        Mistake("changes A", edit("    size = len(A)", "    size = len(A)\n    A *= step\n    A /= step\n    A += 1e-9"), says="should be"),
        Mistake("scipy", "def discretize(A, B, step, method):\n    out = scipy.signal.cont2discrete((A.numpy(), B.numpy(), A.numpy()[:1], 0 * B.numpy()[:1]), step, method)\n    return torch.tensor(out[0]), torch.tensor(out[1])", says="write it yourself"),
    ],
    alternatives=[
        Alternative("a series for the integral", """
            def discretize(A, B, step, method):
                I = torch.eye(A.shape[0], dtype=A.dtype)
                if method == "bilinear":
                    inv = torch.inverse(I - 0.5 * step * A)
                    return inv @ (I + 0.5 * step * A), step * (inv @ B)
                parts = 64
                small = step / parts
                term, total = I * small, I * small
                for k in range(2, 40):
                    term = term @ A * small / k
                    total = total + term
                integral, move = total, torch.linalg.matrix_exp(small * A)
                whole, power = torch.zeros_like(A), I
                for _ in range(parts):
                    whole = whole + power @ integral
                    power = power @ move
                return torch.linalg.matrix_exp(step * A), whole @ B
        """),
        Alternative("one solve, block matrix by cat", """
            def discretize(A, B, step, method):
                n, m = B.shape
                if method == "zoh":
                    top = torch.cat((A, B), dim=1)
                    block = torch.cat((top, torch.zeros((m, n + m), dtype=A.dtype)), dim=0)
                    E = torch.matrix_exp(block * step)
                    return E[:n, :n], E[:n, n:]
                eye = torch.eye(n, dtype=A.dtype)
                out = torch.linalg.solve(eye - A * (step / 2), torch.cat((eye + A * (step / 2), B * step), dim=1))
                return out[:, :n].contiguous(), out[:, n:].contiguous()
        """),
    ],
)

CONVOLUTION = Exercise(
    mistakes=[
        Mistake("wraps around", edit("torch.fft.rfft(x, 2 * length) * torch.fft.rfft(torch.cat(kernel, 1), 2 * length)", "torch.fft.rfft(x, length) * torch.fft.rfft(torch.cat(kernel, 1), length)", "irfft(spectrum)", "irfft(spectrum, length)"), says="the end wraps around"),
        Mistake("kernel begins with C A B", edit("        kernel.append(C @ column)\n        column = A @ column", "        column = A @ column\n        kernel.append(C @ column)"), says="the kernel begins with C B"),
        Mistake("A transposed", edit("A @ column", "A.T @ column"), says="A is transposed"),
        Mistake("looks into the future", edit("* torch.fft.rfft(torch.cat(kernel, 1), 2 * length)", "* torch.fft.rfft(torch.cat(kernel, 1), 2 * length).conj()"), says="this looks into the future"),
        Mistake("kernel turned round", edit("torch.cat(kernel, 1), 2", "torch.cat(kernel, 1).flip(1), 2"), says="the answers to 2 sequences"),
        Mistake("last part of the long result", edit("[:, :length]", "[:, length:]"), says="the answers to 2 sequences"),
        Mistake("not cut", edit("[:, :length]", ""), says="should have shape"),
        Mistake("one place too few in the padding", edit("torch.fft.irfft(spectrum)", "torch.fft.irfft(spectrum, 2 * length - 1)"), says="the answers to 2 sequences"),
        Mistake("sums in place of powers", edit("column = A @ column", "column = A @ column + B"), says="the answers to 2 sequences"),
        Mistake("elementwise powers", edit("column = A @ column", "column = A.diagonal()[:, None] * column"), says="the answers to 2 sequences"),
        Mistake("kernel of fixed length", edit("range(length)", "range(min(length, 50))"), says="x 150 places"),
        Mistake("only the kernel", edit("    return torch", "    return torch.cat(kernel, 1).expand(len(x), -1)\n    return torch"), says="the answers to 2 sequences"),
        Mistake("gradient of A cut", edit("column = A @ column", "column = A.detach() @ column"), says="used in the graph"),
        Mistake("gradient of the kernel cut", edit("kernel.append(C @ column)", "kernel.append((C @ column).detach())"), says="used in the graph"),
        Mistake("double always", edit("[:, :length]", "[:, :length].double()"), says="float32"),
        Mistake("product of real parts", edit("rfft(x, 2 * length) *", "rfft(x, 2 * length).real *"), says="the answers to 2 sequences"),
        Mistake("changes x", edit("    length, column", "    x.data.mul_(2)\n    length, column"), says="the answers"),
        Mistake("first sequence for all", edit("return torch.fft.irfft(spectrum)[:, :length]", "return torch.fft.irfft(spectrum)[:1, :length].expand(len(x), -1)"), says="the answers to 2 sequences"),
        Mistake("C left out", edit("C @ column)", "column.sum()[None, None])"), says="the answers to 2 sequences"),
    ],
    alternatives=[
        Alternative("a recurrence", """
            def ssm_convolution(A, B, C, x):
                h = torch.zeros(A.shape[0], x.shape[0], dtype=x.dtype)
                out = []
                for t in range(x.shape[1]):
                    h = A @ h + B * x[:, t]
                    out.append((C @ h)[0])
                return torch.stack(out, 1)
        """),
        Alternative("conv1d with a turned kernel", """
            def ssm_convolution(A, B, C, x):
                n = x.shape[1]
                k = torch.cat([C @ torch.linalg.matrix_power(A, i) @ B for i in range(n)], 1)
                return F.conv1d(F.pad(x[:, None], (n - 1, 0)), k.flip(1)[None])[:, 0]
        """),
        Alternative("powers by doubling, complex transform", """
            def ssm_convolution(A, B, C, x):
                n = x.shape[1]
                cols, P = B, A
                while cols.shape[1] < n:
                    cols, P = torch.cat([cols, P @ cols], 1), P @ P
                k = (C @ cols[:, :n])[0]
                size = 1
                while size < 2 * n:
                    size *= 2
                return torch.fft.ifft(torch.fft.fft(x, size) * torch.fft.fft(k, size)).real[..., :n]
        """),
    ],
)

SCAN = Exercise(
    mistakes=[
        Mistake("order turned round", edit("combine(tuple(part[:-reach] for part in elements), tuple(part[reach:] for part in elements))", "combine(tuple(part[reach:] for part in elements), tuple(part[:-reach] for part in elements))"), says="the order is turned round"),
        Mistake("one after another", """
            def parallel_scan(combine, elements):
                out = [tuple(p[:1] for p in elements)]
                for t in range(1, len(elements[0])):
                    out.append(combine(out[-1], tuple(p[t : t + 1] for p in elements)))
                return tuple(torch.cat(parts) for parts in zip(*out))
        """, says="at most 2 * 4 = 8 calls"),
        Mistake("reach grows by one", edit("reach *= 2", "reach += 1"), says="the sums of the tiny example"),
        Mistake("one round", edit("while reach < length", "if reach < length"), says="the sums of the tiny example"),
        Mistake("a round too few", edit("while reach < length:", "while 2 * reach < length:"), says="the sums of the tiny example"),
        Mistake("as they were", "def parallel_scan(combine, elements):\n    return elements", says="the sums of the tiny example"),
        Mistake("sums", "def parallel_scan(combine, elements):\n    return tuple(part.cumsum(0) for part in elements)", says="the matrices of 11 maps"),
        Mistake("sums, and combine called for show", "def parallel_scan(combine, elements):\n    combine(elements, elements)\n    return tuple(part.cumsum(0) for part in elements)", says="the matrices of 11 maps"),
        Mistake("first places lost", edit("torch.cat([part[:reach], new])", "torch.cat([new[:1].expand_as(part[:reach]), new])"), says="the sums of the tiny example"),
        Mistake("wraps around", edit("tuple(part[:-reach] for part in elements), tuple(part[reach:] for part in elements)", "tuple(part.roll(reach, 0) for part in elements), elements", "torch.cat([part[:reach], new])", "new"), says="the sums of the tiny example"),
        Mistake("only powers of two", """
            def parallel_scan(combine, elements):
                length = len(elements[0])
                if length == 1:
                    return elements
                pairs = combine(tuple(p[0::2] for p in elements), tuple(p[1::2] for p in elements))
                odd = parallel_scan(combine, pairs)
                if length == 2:
                    return tuple(torch.cat([p[:1], o]) for p, o in zip(elements, odd))
                even = combine(tuple(o[:-1] for o in odd), tuple(p[2::2] for p in elements))
                return tuple(torch.stack([torch.cat([p[:1], e]), o], 1).flatten(0, 1) for p, e, o in zip(elements, even, odd))
        """, says="must match the size"),
        Mistake("a list without its last tensor", edit("return elements", "return elements[:1]"), says="should return a tuple with as many tensors"),
        Mistake("from the end", edit("    return elements", "    return tuple(part.flip(0) for part in elements)"), says="the sums of the tiny example"),
        Mistake("changes the elements", edit("    reach, length = 1, len(elements[0])", "    reach, length = 1, len(elements[0])\n    elements[0].mul_(1.5)"), says="the sums of the tiny example"),
        Mistake("combines in place", """
            def parallel_scan(combine, elements):
                reach, length = 1, len(elements[0])
                while reach < length:
                    joined = combine(tuple(part[:-reach] for part in elements), tuple(part[reach:] for part in elements))
                    for part, new in zip(elements, joined):
                        part[reach:] = new
                    reach *= 2
                return elements
        """, says="the elements after the call"),
        Mistake("empty tensors", edit("    while reach < length:", "    combine(tuple(part[:0] for part in elements), tuple(part[:0] for part in elements))\n    while reach < length:"), says="combine"),
        Mistake("one call too many at a power of two", edit("while reach < length:", "while reach <= length:"), says="1 elements need at most 0 calls"),
        Mistake("the total everywhere", edit("    return elements", "    return tuple(part[-1:].expand_as(part) for part in elements)"), says="the sums of the tiny example"),
    ],
    alternatives=[
        Alternative("pairs, then the even places", """
            def parallel_scan(combine, elements):
                n = len(elements[0])
                if n == 1:
                    return elements
                left = tuple(p[0 : n - 1 : 2] for p in elements)
                right = tuple(p[1::2] for p in elements)
                odd = parallel_scan(combine, combine(left, right))
                out = tuple(torch.empty_like(p) for p in elements)
                for o, p in zip(out, elements):
                    o[0] = p[0]
                for o, p in zip(out, odd):
                    o[1::2] = p
                if n > 2:
                    even = combine(tuple(p[: (n - 1) // 2] for p in odd), tuple(p[2::2] for p in elements))
                    for o, p in zip(out, even):
                        o[2::2] = p
                return out
        """),
        Alternative("halves", """
            def parallel_scan(combine, elements):
                n = elements[0].shape[0]
                out = [p.clone() for p in elements]
                shift = 1
                while shift < n:
                    a = tuple(p[: n - shift].clone() for p in out)
                    b = tuple(p[shift:].clone() for p in out)
                    c = combine(a, b)
                    for p, q in zip(out, c):
                        p[shift:] = q
                    shift = shift * 2
                return tuple(out)
        """),
    ],
    same_program={"line 8: 0 -> -1": "all tensors have the same length"},
)

SELECTIVE = Exercise(
    mistakes=[
        Mistake("written without delta", edit("(delta * x)[..., None]", "x[..., None]"), says="what is written lacks delta"),
        Mistake("exponential without delta", edit("(delta[..., None] * A).exp()", "A.exp().expand(*delta.shape, -1)"), says="the exponential lacks delta"),
        Mistake("B and C changed", edit("(delta * x)[..., None] * B[:, :, None]", "(delta * x)[..., None] * C[:, :, None]", "torch.stack(states, 1) * C[:, :, None]", "torch.stack(states, 1) * B[:, :, None]"), says="B and C have changed places"),
        Mistake("D missing", edit("y if D is None else y + D * x", "y"), says="D x is missing"),
        Mistake("D added without x", edit("y + D * x", "y + D"), says="not D"),
        Mistake("x added without D", edit("return y if D is None else y + D * x", "return y + (x if D is None else D * x)"), says="though no D was given"),
        Mistake("zero-order hold of B", edit("(delta * x)[..., None] * B[:, :, None]", "(delta[..., None] * A).expm1() / A * x[..., None] * B[:, :, None]"), says="not the zero-order hold of B"),
        Mistake("read before written", edit("        state = decay * state + new\n        states.append(state)", "        states.append(state)\n        state = decay * state + new"), says="the answers without D"),
        Mistake("Euler for A", edit("(delta[..., None] * A).exp()", "1 + delta[..., None] * A"), says="the answers without D"),
        Mistake("no exponential", edit("(delta[..., None] * A).exp()", "delta[..., None] * A"), says="the answers without D"),
        Mistake("growing", edit("(delta[..., None] * A).exp()", "(-delta[..., None] * A).exp()"), says="the answers without D"),
        Mistake("A is a logarithm", edit("(delta[..., None] * A).exp()", "(-delta[..., None] * A.exp()).exp()"), says="the answers without D"),
        Mistake("softplus once more", edit("    decays = ", "    delta = F.softplus(delta)\n    decays = "), says="the answers without D"),
        Mistake("decay acts on what is new too", edit("decay * state + new", "decay * (state + new)"), says="the answers without D"),
        Mistake("no state", edit("decay * state + new", "new"), says="the answers without D"),
        Mistake("mean over the state", edit(".sum(-1)", ".mean(-1)"), says="the answers without D"),
        Mistake("ratios of running products", """
            def selective_scan(x, delta, A, B, C, D=None):
                total = (delta[..., None] * A).cumsum(1)
                inner = ((delta * x)[..., None] * B[:, :, None] / total.exp()).cumsum(1)
                y = (total.exp() * inner * C[:, :, None]).sum(-1)
                return y if D is None else y + D * x
        """, says="nan"),
        Mistake("gradient of delta cut", edit("(delta[..., None] * A).exp()", "(delta.detach()[..., None] * A).exp()"), says="the gradient with respect to delta"),
        Mistake("gradient of A cut", edit("(delta[..., None] * A).exp()", "(delta[..., None] * A.detach()).exp()"), says="the gradient with respect to A"),
        Mistake("double always", edit("return y if D is None else y + D * x", "y = y.double()\n    return y if D is None else y + D * x"), says="float32"),
        Mistake("one state for the batch", edit("state = decay * state + new", "state = (decay * state + new).mean(0, keepdim=True).expand_as(new)"), says="the answers without D"),
        Mistake("changes delta", edit("    decays = ", "    delta.data.clamp_(max=0.5)\n    decays = "), says="should be"),
        Mistake("delta of the place before", edit("decays.unbind(1)", "decays.roll(1, 1).unbind(1)"), says="the answers without D"),
        Mistake("large steps bounded", edit("    decays = ", "    delta = delta.clamp(max=10)\n    decays = "), says="forgotten all before it"),
    ],
    alternatives=[
        Alternative("indices", """
            def selective_scan(x, delta, A, B, C, D=None):
                batch, length, channels = x.shape
                h = torch.zeros(batch, channels, A.shape[1], dtype=x.dtype)
                ys = []
                for t in range(length):
                    dA = torch.exp(torch.einsum("bc,cn->bcn", delta[:, t], A))
                    dBx = torch.einsum("bc,bn,bc->bcn", delta[:, t], B[:, t], x[:, t])
                    h = dA * h + dBx
                    ys.append(torch.einsum("bcn,bn->bc", h, C[:, t]))
                y = torch.stack(ys, dim=1)
                if D is not None:
                    y = y + x * D
                return y
        """),
        Alternative("by the parallel scan", """
            def selective_scan(x, delta, A, B, C, D=None):
                a = torch.exp(delta.unsqueeze(-1) * A).transpose(0, 1)
                b = ((delta * x).unsqueeze(-1) * B.unsqueeze(2)).transpose(0, 1)
                def join(first, second):
                    return second[0] * first[0], second[0] * first[1] + second[1]
                _, h = parallel_scan(join, (a, b))
                y = torch.einsum("tbcn,btn->btc", h, C)
                return y if D is None else y + D * x
        """),
        Alternative("all pairs, masked before the exponential", """
            def selective_scan(x, delta, A, B, C, D=None):
                n = x.shape[1]
                c = delta.cumsum(1)
                apart = (c[:, :, None] - c[:, None]).masked_fill(~torch.ones(n, n, dtype=torch.bool).tril()[None, :, :, None], 0)
                w = (apart[..., None] * A).exp() * torch.ones(n, n, dtype=x.dtype).tril()[None, :, :, None, None]
                y = (w * (delta * x)[:, None, :, :, None] * B[:, None, :, None] * C[:, :, None, None]).sum((2, 4))
                return y if D is None else y + D * x
        """),
    ],
    same_program={"line 13: 0 -> -1": "only the shape of a place is taken, and all places have the same"},
)

SSD = Exercise(
    mistakes=[
        Mistake("nothing between chunks", edit(" + total.exp()[..., None] * (queries @ state.mT)", ""), says="what came before the chunk is missing"),
        Mistake("one decay too many within", edit("total[..., None, :])", "total[..., None, :] + log_decay[:, start : start + chunk_size].transpose(1, 2)[..., None, :])"), says="one decay too many"),
        Mistake("no decay", edit("        total = log_decay", "        total = 0 * log_decay"), says="there is no decay"),
        Mistake("B and C changed", edit("values, keys, queries =", "values, queries, keys ="), says="B and C have changed places"),
        Mistake("the future is seen", edit("masked_fill(~past, -math.inf)", "masked_fill(~past.T, -math.inf)"), says="the answers in chunks of 7"),
        Mistake("no mask", edit(".masked_fill(~past, -math.inf)", ""), says="the answers in chunks of 7"),
        Mistake("state not decayed at the start", edit("total.exp()[..., None] * (queries @ state.mT)", "(queries @ state.mT)"), says="the answers in chunks of 3"),
        Mistake("old state not decayed", edit("total[..., -1, None, None].exp() * state", "state"), says="the answers in chunks of 3"),
        Mistake("old state lost", edit("total[..., -1, None, None].exp() * state + ", ""), says="the answers in chunks of 3"),
        Mistake("what is new not decayed", edit("(until * values).mT @ keys", "values.mT @ keys"), says="the answers in chunks of 3"),
        Mistake("ratio of exponentials", edit("(total[..., :, None] - total[..., None, :]).masked_fill(~past, -math.inf).exp()", "(total.exp()[..., :, None] / total.exp()[..., None, :]).masked_fill(~past, 0)"), says="strong decays"),
        Mistake("zero after the exponential", edit(".masked_fill(~past, -math.inf).exp()", ".exp().masked_fill(~past, 0)"), says="finite"),
        Mistake("sums over the whole sequence in ratio", """
            def ssd_chunked(x, log_decay, B, C, chunk_size):
                total = log_decay.cumsum(1).exp()
                inner = torch.einsum("bshp,bshn,bsh->bshpn", x, B, 1 / total).cumsum(1)
                return torch.einsum("bthpn,bthn,bth->bthp", inner, C, total)
        """, says="strong decays"),
        Mistake("decay in place of its logarithm", edit("        total = log_decay[:, start : start + chunk_size].transpose(1, 2).cumsum(-1)", "        total = (1 + log_decay[:, start : start + chunk_size]).clamp(min=0.01).log().transpose(1, 2).cumsum(-1)"), says="the answers in chunks of 7"),
        Mistake("a softmax", edit("(queries @ keys.mT * decays)", "((queries @ keys.mT).masked_fill(~past, -math.inf).softmax(-1) * decays)"), says="the answers in chunks of 7"),
        Mistake("scaled", edit("(queries @ keys.mT * decays)", "(queries @ keys.mT * decays / queries.shape[-1] ** 0.5)"), says="the answers in chunks of 7"),
        Mistake("last chunk left out", edit("range(0, x.shape[1], chunk_size)", "range(0, x.shape[1] - x.shape[1] % chunk_size, chunk_size)"), says="non-empty"),
        Mistake("heads and places not swapped back", edit("torch.cat(parts, 2).transpose(1, 2)", "torch.cat(parts, 2)"), says="should have shape"),
        Mistake("first decay of a chunk lost", edit("total.exp()[..., None] * (queries", "(total - total[..., :1]).exp()[..., None] * (queries"), says="the answers in chunks of 3"),
        Mistake("state from the chunk's first place", edit("until = (total[..., -1:] - total)", "until = (total - total[..., :1])"), says="the answers in chunks of 3"),
        Mistake("gradient cut between chunks", edit("        state = total", "        state = state.detach()\n        state = total"), says="the gradient with respect to"),
        Mistake("gradient of the decay cut", edit(".transpose(1, 2).cumsum(-1)", ".transpose(1, 2).cumsum(-1).detach()"), says="the gradient with respect to log_decay"),
        Mistake("double always", edit("torch.cat(parts, 2).transpose(1, 2)", "torch.cat(parts, 2).transpose(1, 2).double()"), says="float32"),
        Mistake("changes the decays", edit("    state, parts", "    log_decay.data.clamp_(min=-1.0)\n    state, parts"), says="should be"),
        Mistake("strong decays bounded", edit("    state, parts", "    log_decay = log_decay.clamp(min=-4)\n    state, parts"), says="strong decays"),
        Mistake("one state for all heads", edit("        state = total", "        state = state.mean(1, keepdim=True).expand_as(state)\n        state = total"), says="the answers in chunks of"),
    ],
    alternatives=[
        Alternative("a recurrence", """
            def ssd_chunked(x, log_decay, B, C, chunk_size):
                h = torch.zeros(x.shape[0], x.shape[2], x.shape[3], B.shape[3], dtype=x.dtype)
                out = []
                for xt, at, bt, ct in zip(x.unbind(1), log_decay.unbind(1), B.unbind(1), C.unbind(1)):
                    h = at.exp()[..., None, None] * h + xt[..., None] * bt[:, :, None]
                    out.append((h @ ct[..., None])[..., 0])
                return torch.stack(out, 1)
        """),
        Alternative("padded, all chunks at once", """
            def ssd_chunked(x, log_decay, B, C, chunk_size):
                b, n, h, p = x.shape
                pad = -n % chunk_size
                x, B, C = (F.pad(v, (0, 0, 0, 0, 0, pad)).unflatten(1, (-1, chunk_size)) for v in (x, B, C))
                a = F.pad(log_decay, (0, 0, 0, pad)).unflatten(1, (-1, chunk_size)).permute(0, 1, 3, 2)
                seg = a[..., None].expand(*a.shape, chunk_size).masked_fill(~torch.ones(chunk_size, chunk_size, dtype=torch.bool).tril(-1), 0).cumsum(-2)
                L = seg.masked_fill(~torch.ones(chunk_size, chunk_size, dtype=torch.bool).tril(), float("-inf")).exp()
                y = torch.einsum("bcthn,bcshn,bchts,bcshp->bcthp", C, B, L, x)
                total = a.cumsum(-1)
                new = torch.einsum("bcshn,bchs,bcshp->bchpn", B, (total[..., -1:] - total).exp(), x)
                state, starts = torch.zeros_like(new[:, 0]), []
                for c in range(new.shape[1]):
                    starts.append(state)
                    state = total[:, c, :, -1].exp()[..., None, None] * state + new[:, c]
                y = y + torch.einsum("bcthn,bchpn,bcht->bcthp", C, torch.stack(starts, 1), total.exp())
                return y.flatten(1, 2)[:, :n]
        """),
        Alternative("heads one by one", """
            def ssd_chunked(x, log_decay, B, C, chunk_size):
                outs = []
                for head in range(x.shape[2]):
                    S = 0
                    pieces = []
                    for i in range(0, x.shape[1], chunk_size):
                        v, k, q = x[:, i:i + chunk_size, head], B[:, i:i + chunk_size, head], C[:, i:i + chunk_size, head]
                        c = torch.cumsum(log_decay[:, i:i + chunk_size, head], 1)
                        n = c.shape[1]
                        upper = torch.ones(n, n, dtype=torch.bool).triu(1)
                        W = torch.where(upper, torch.tensor(float("-inf"), dtype=c.dtype), c.unsqueeze(2) - c.unsqueeze(1)).exp()
                        y = ((q @ k.transpose(1, 2)) * W) @ v
                        if i > 0:
                            y = y + c.exp().unsqueeze(2) * (q @ S)
                        new = (k * (c[:, -1:] - c).exp().unsqueeze(2)).transpose(1, 2) @ v
                        S = new if i == 0 else c[:, -1].exp()[:, None, None] * S + new
                        pieces.append(y)
                    outs.append(torch.cat(pieces, 1))
                return torch.stack(outs, 2)
        """),
    ],
    same_program={
        "line 13: part[:, start:start + chunk_size].transpose(1, 2): arguments swapped": "swapping axes 1 and 2 is swapping 2 and 1",
        "line 14: log_decay[:, start:start + chunk_size].transpos...: arguments swapped": "swapping axes 1 and 2 is swapping 2 and 1",
        "line 20: torch.cat(parts, 2).transpose(1, 2): arguments swapped": "swapping axes 1 and 2 is swapping 2 and 1",
        "line 15: torch.ones(total.shape[-1], total.shape[-1], dt...: device left out": "on a CPU, where lessons are graded, it is the default",
    },
)

EXERCISES = {
    "hmm_forward": HMM,
    "kalman_filter": KALMAN,
    "discretize": DISCRETIZE,
    "ssm_convolution": CONVOLUTION,
    "parallel_scan": SCAN,
    "selective_scan": SELECTIVE,
    "ssd_chunked": SSD,
}
