"""The course's own GPT: a small Llama trained on the Python manual, kept as `transformers` keeps models.

    python -m course_lib.recipes.manual_gpt [--device cuda] [--threads N] [--out FOLDER]

trains it again and writes model, tokenizer and a card with what was measured. The manual differs a little between Python
versions, and sums in another order differ in their last digits: on another machine the weights are not the same to the last
bit, and the bits per byte are the same to about two digits.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

import torch
from torch import Tensor

from course_lib.data.checkpoints import MANUAL_GPT
from course_lib.data.manual import Manual, load_manual
from course_lib.data.scores import compressor_scores
from course_lib.reference.gpt import GPT, llama
from course_lib.reference.language_model import KneserNey, bits_per_byte, evaluate
from course_lib.reference.tokens import BPETokenizer
from course_lib.teaching.language_training import Recipe, fit_language_model

VOCABULARY = 1024
SETTINGS = llama(VOCABULARY, 256, width=128, layers=4, heads=4, tied=True)
RECIPE = Recipe(steps=1200, batch=16, length=128, matrix_rate=0.02, weight_decay=1.0, vector_rate=0.02, dropout=0.3)


def train_model(manual: Manual, recipe: Recipe = RECIPE, device: str = "cpu") -> tuple[GPT, BPETokenizer]:
    """A new model and its tokenizer, both learned from the manual's training text alone."""
    tokenizer = BPETokenizer.train([manual.train], VOCABULARY)
    torch.manual_seed(recipe.seed)
    model = GPT(SETTINGS)
    for block in model.blocks:  # at first a block adds nothing to the stream
        torch.nn.init.zeros_(block.attention.output.weight)
        torch.nn.init.zeros_(block.feed_forward.down.weight)
    model.to(device)
    fit_language_model(model, torch.tensor(tokenizer.encode(manual.train)), recipe, description="the course's checkpoint")
    return model.cpu().eval(), tokenizer


def held_out_bits(model: GPT, tokenizer: BPETokenizer, text: str, length: int = RECIPE.length) -> float:
    """Bits per byte of a text, each token predicted once, all but the first with at least three quarters of `length` tokens before it."""
    ids: Tensor = torch.tensor(tokenizer.encode(text))
    return bits_per_byte(evaluate(model, ids, length, overlap=3 * length // 4), len(ids) - 1, len(text.encode()))


def n_gram_bits(manual: Manual, order: int) -> float:
    """Bits per byte of the held-out text by modified Kneser-Ney on bytes, the best that lesson 03 has."""
    test = manual.test.encode()
    return bits_per_byte(-KneserNey.train(manual.train.encode(), order).log_probability(test) / len(test), len(test), len(test))


def save(model: GPT, tokenizer: BPETokenizer, folder: Path, card: str) -> None:
    """Model, tokenizer and card, as `from_pretrained` of `transformers` reads them."""
    from transformers import PreTrainedTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    model.to_huggingface().save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer.to_tokenizers()).save_pretrained(folder)
    (folder / "README.md").write_text(card, encoding="utf-8")


def card_of(model: GPT, tokenizer: BPETokenizer, manual: Manual) -> str:
    """What was trained, how, and what it reaches beside compressors and n-grams on the same text."""
    rows = {"this model": held_out_bits(model, tokenizer, manual.test), "Kneser-Ney, order 8": n_gram_bits(manual, 8), "Kneser-Ney, order 12": n_gram_bits(manual, 12)}
    rows |= {f"{name}, given the training text": value for name, value in compressor_scores(manual).items()}
    table = "\n".join(f"| {name} | {value:.3f} |" for name, value in sorted(rows.items(), key=lambda row: row[1]))
    weights = sum(parameter.numel() for parameter in model.parameters())
    return (
        f"# A GPT trained on the Python manual\n\nMade by `python -m course_lib.recipes.manual_gpt` with Python {platform.python_version()} and PyTorch "
        f"{torch.__version__}.\n{weights:,} weights.\n\n    {SETTINGS}\n\n    {RECIPE}\n\n"
        f"Bits per byte of the manual's held-out part ({len(manual.test.encode()):,} bytes):\n\n| method | bits per byte |\n|---|---|\n{table}\n"
    )


def main() -> None:
    """Train, measure and save, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=MANUAL_GPT)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    manual = load_manual()
    model, tokenizer = train_model(manual, device=arguments.device)
    card = card_of(model, tokenizer, manual)
    save(model, tokenizer, arguments.out, card)
    print(card)


if __name__ == "__main__":
    main()
