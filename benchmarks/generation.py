"""Batched generation with the course's static cache beside `generate` of `transformers`: equal weights, equal greedy tokens.

    python benchmarks/generation.py [--threads N] [--rounds N] [--device cuda] [--large]

The limit is the time that the matrix products of the linear layers alone take, token by token (for a large model that is the
time of reading all its weights once for each token). The rivals take turns and the best round counts; both must write the same
tokens. `--large` adds a model of GPT-2's size (124 million parameters, random weights).
"""

from __future__ import annotations

import argparse

import torch

from _rounds import best_of
from course_lib.reference.gpt import GPT, GPTSettings, gpt2, gpt_neo, llama
from course_lib.reference.sampling import generate

PROMPT = 8
SMALL = [("GPT-2", gpt2(512, 256, 128, 4, 4)), ("GPT-Neo", gpt_neo(512, 256, 128, 4, 4)), ("Llama", llama(512, 256, 128, 4, 4))]
LARGE = [("GPT-2 124M", gpt2(50257, 1024, 768, 12, 12))]


def products(model: GPT, batch: int, tokens: int) -> None:
    """The products with all weight matrices, once for each token, and nothing else."""
    weights = [module.weight for module in model.modules() if isinstance(module, torch.nn.Linear)]
    rows = {weight.shape[1]: weight.new_ones(batch, weight.shape[1]) for weight in weights}
    with torch.inference_mode():
        for _ in range(tokens):
            for weight in weights:
                torch.mm(rows[weight.shape[1]], weight.T)


def compare(what: str, settings: GPTSettings, batch: int, tokens: int, device: str, rounds: int) -> None:
    torch.manual_seed(0)
    model = GPT(settings).to(device)
    theirs = model.to_huggingface()
    ids = torch.randint(settings.vocabulary, (batch, PROMPT), device=device)
    rivals = {
        "ours": lambda: generate(model, ids, tokens, do_sample=False),
        "transformers": lambda: theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, pad_token_id=0),
        "limit": lambda: products(model, batch, tokens),
    }
    same = (rivals["ours"]() == rivals["transformers"]()).float().mean().item()
    if same < 1:  # random weights: two logits may be equal to the last digit, and one token changes all that follow
        print(f"{what}: only {same:.3f} of the tokens are the same")
    best = best_of(rivals, device, rounds)
    a, b, c = (1e3 * best[label] / tokens for label in ("ours", "transformers", "limit"))
    print(f"{what:12s} {batch:5d} {tokens:6d} {a:8.2f} ms {b:8.2f} ms {c:8.2f} ms {b / a:12.2f} x {c / a:11.2f} x {batch * 1e3 / a:10.0f} tokens/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--large", action="store_true", help="also a model of GPT-2's size")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{'a token of':12s} batch tokens {'ours':>11s} {'transf.':>11s} {'limit':>11s} {'transf. / ours':>14s} {'limit / ours':>13s}")
    for what, settings in SMALL:
        for batch in (1, 8, 32):
            compare(what, settings, batch, 200, arguments.device, arguments.rounds)
    for what, settings in LARGE if arguments.large else []:
        for batch in (1, 8):
            compare(what, settings, batch, 24, arguments.device, max(1, arguments.rounds // 2))


if __name__ == "__main__":
    main()
