"""The answers are right, by reading each sequence; places and tokens are drawn evenly; bad input is named."""

import re

import pytest
import torch

from course_lib.data.recall import ASK, BLANK, MARK, associative_recall, induction_heads, selective_copying
from course_lib.teaching.checks import expect_distribution


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_answer_stood_after_the_mark():
    ids, answers = induction_heads(500, 9, 5, seeded())
    for row, answer in zip(ids.tolist(), answers.tolist()):
        assert row.count(MARK) == 2 and row[-1] == MARK and [row[row.index(MARK) + 1]] == answer
    expect_distribution(ids.eq(MARK).int().argmax(1), [1 / 7] * 7 + [0, 0], what="the place of the mark")
    expect_distribution(answers - 1, [1 / 4] * 4, what="the answers")


def test_tokens_are_copied_in_order():
    ids, answers = selective_copying(500, 7, 3, 6, seeded())
    assert ids.shape == (500, 10)
    for row, answer in zip(ids.tolist(), answers.tolist()):
        assert [token for token in row[:7] if token != BLANK] == answer and row[7:] == [ASK] * 3
    expect_distribution(ids[:, :7].ne(BLANK).nonzero()[:, 1], [1 / 7] * 7, what="the places")
    expect_distribution(answers - 2, [1 / 4] * 4, what="the tokens")


def test_the_value_stood_behind_the_key():
    ids, answers = associative_recall(500, 4, 12, seeded())
    assert ids.shape == (500, 9)
    for row, answer in zip(ids.tolist(), answers.tolist()):
        table = dict(zip(row[:-1:2], row[1:-1:2]))
        assert len(table) == 4 and max(table) < 6 <= min(table.values()) and [table[row[-1]]] == answer
    expect_distribution(ids[:, 0], [1 / 6] * 6, what="the keys")
    expect_distribution((ids[:, :-1:2] == ids[:, -1:]).int().argmax(1), [1 / 4] * 4, what="which is asked")


@pytest.mark.parametrize("make", [lambda g: induction_heads(4, 8, 6, g), lambda g: selective_copying(4, 8, 2, 6, g), lambda g: associative_recall(4, 3, 8, g)])
def test_a_generator_makes_it_repeatable(make):
    for one, other in zip(make(seeded(3)), make(seeded(3))):
        assert torch.equal(one, other)
    assert not torch.equal(make(seeded(3))[0], make(seeded(4))[0])


@pytest.mark.parametrize("call, said", [
    (lambda: induction_heads(2, 2), "length: expected an integer from 3, got 2"),
    (lambda: induction_heads(0, 5), "batch: expected an integer from 1, got 0"),
    (lambda: selective_copying(2, 3, 4), "tokens: expected an integer from 1 to 3, got 4"),
    (lambda: selective_copying(2, 3, 2, 3), "vocabulary: expected an integer from 4, got 3"),
    (lambda: associative_recall(2, 3, 7), "vocabulary: expected an even number, got 7"),
    (lambda: associative_recall(2, 5, 8), "pairs: expected an integer from 1 to 4, got 5"),
    (lambda: associative_recall(True, 5, 8), "batch: expected an integer from 1, got True"),
])  # fmt: skip
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call()
