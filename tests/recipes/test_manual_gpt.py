"""The course's own checkpoint: what its card says is true, and its recipe runs."""

import re
import sys

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from course_lib.data.checkpoints import MANUAL_GPT
from course_lib.data.manual import load_manual
from course_lib.recipes import manual_gpt
from course_lib.reference.gpt import GPT
from course_lib.reference.tokens import BPETokenizer
from course_lib.teaching.language_training import Recipe

ON_CARD = re.compile(r"^\| (.+?) \| (\d\.\d+) \|$", re.M)


@pytest.fixture(scope="module")
def checkpoint():
    return GPT.from_huggingface(AutoModelForCausalLM.from_pretrained(MANUAL_GPT)).eval()


def test_its_card_says_what_it_reaches_and_it_is_below_the_best_n_gram_of_lesson_03(checkpoint):
    card = (MANUAL_GPT / "README.md").read_text(encoding="utf-8")
    said = {name: float(value) for name, value in ON_CARD.findall(card)}
    assert said["this model"] < said["Kneser-Ney, order 8"]
    if f"with Python {sys.version_info[0]}.{sys.version_info[1]}." not in card:
        pytest.skip("the manual of another Python is another text, and may hold what was held out")
    manual = load_manual()
    tokenizer = BPETokenizer.train([manual.train], manual_gpt.VOCABULARY)
    assert manual_gpt.held_out_bits(checkpoint, tokenizer, manual.test) == pytest.approx(said["this model"], abs=0.002)


def test_it_has_the_settings_and_the_tokenizer_of_its_recipe(checkpoint):
    assert checkpoint.settings == manual_gpt.SETTINGS
    manual, theirs = load_manual(), AutoTokenizer.from_pretrained(MANUAL_GPT)
    text = manual.test[:3000]
    assert theirs.decode(theirs(text).input_ids) == text
    assert len(theirs) == manual_gpt.VOCABULARY


def test_it_is_small():
    assert sum(path.stat().st_size for path in MANUAL_GPT.iterdir()) < 8e6


def test_the_command_trains_saves_and_says_what_it_reached(monkeypatch, tmp_path, capsys):
    whole = manual_gpt.train_model
    monkeypatch.setattr(manual_gpt, "train_model", lambda manual, device: whole(manual, Recipe(steps=3, batch=2, length=16), device))
    monkeypatch.setattr(sys, "argv", ["manual_gpt", "--out", str(tmp_path / "new"), "--threads", "1"])
    manual_gpt.main()
    assert ON_CARD.search(capsys.readouterr().out)
    loaded = GPT.from_huggingface(AutoModelForCausalLM.from_pretrained(tmp_path / "new"))
    ids = torch.tensor([AutoTokenizer.from_pretrained(tmp_path / "new")("The list").input_ids])
    assert torch.isfinite(loaded(ids)).all()
