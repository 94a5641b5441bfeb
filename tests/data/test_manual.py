"""The manual: what is promised about its size, its order and the line between training and test text."""

import os
import subprocess
import sys

import pytest

from course_lib.data.manual import Manual, load_manual

WINDOW = 60


def leak(train: str, test: str) -> float:
    """Share of the 60-character windows of `test` that occur in `train`."""
    known = {train[i : i + WINDOW] for i in range(len(train) - WINDOW + 1)}
    windows = [test[i : i + WINDOW] for i in range(len(test) - WINDOW + 1)]
    return sum(window in known for window in windows) / len(windows)


def paragraphs(text: str) -> set[str]:
    return {" ".join(paragraph.split()) for paragraph in text.split("\n\n")}


def test_sizes():
    manual = load_manual()
    assert 300_000 < len(manual.train) < 420_000
    assert 0.08 < len(manual.test) / (len(manual.train) + len(manual.test)) < 0.10


def test_no_paragraph_is_repeated_or_lost():
    from pydoc_data.topics import topics

    manual = load_manual()
    train, test = paragraphs(manual.train), paragraphs(manual.test)
    assert not train & test
    assert len(train) == manual.train.count("\n\n") + 1
    assert len(test) == manual.test.count("\n\n") + 1
    assert train | test == paragraphs("\n\n".join(topics.values())) - {""}


def test_test_text_is_unseen():
    """Python 3.11: 0.6% of the windows are shared, against 8.9% for the last tenth of the text as it is."""
    from pydoc_data.topics import topics

    manual = load_manual()
    raw = "\n\n".join(topics[name] for name in sorted(topics))
    cut = len(raw) * 9 // 10
    naive = leak(raw[:cut], raw[cut:])
    assert leak(manual.train, manual.test) < 0.02
    assert leak(manual.train, manual.test) < naive / 4


def test_same_text_in_every_process():
    code = "from course_lib.data.manual import load_manual as m; import zlib; print(zlib.crc32(repr(m()).encode()))"
    runs = [
        subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1] != ""


def test_frozen():
    with pytest.raises(AttributeError):
        Manual("a", "b").train = "c"


def test_missing_manual_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(ModuleNotFoundError, match="python.org"):
        load_manual()
