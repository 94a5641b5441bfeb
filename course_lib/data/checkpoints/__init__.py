"""Weights that lie in this repository, as `transformers` keeps them; how each was trained stands in `course_lib.recipes`."""

from pathlib import Path

#: A small Llama trained on the Python manual, its tokenizer, and a card (README.md) with what it reaches.
MANUAL_GPT = Path(__file__).parent / "manual-gpt"
