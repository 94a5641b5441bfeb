"""Summaries of lists: by hand, and as counts."""

import pytest

from course_lib.data.shopping import KINDS, list_pairs, summary


@pytest.mark.parametrize("things, right", [
    ("pear apple pear plum pear apple", "2 apple 3 pear 1 plum"), ("fig", "1 fig"), ("plum nut", "1 nut 1 plum"), ("leek leek leek", "3 leek"),
])  # fmt: skip
def test_by_hand(things, right):
    assert " ".join(summary(things.split())) == right


def test_pairs_are_counts_of_all_different_lists():
    pairs = list_pairs(400, seed=1, shortest=3, longest=7)
    assert len(dict(pairs)) == 400 and pairs == list_pairs(400, seed=1, shortest=3, longest=7) != list_pairs(400, seed=2, shortest=3, longest=7)
    for things, right in pairs:
        tokens, counted = things.split(), right.split()
        assert 3 <= len(tokens) <= 7 and set(tokens) <= set(KINDS) and counted[1::2] == sorted(set(tokens))
        assert [int(count) for count in counted[::2]] == [tokens.count(kind) for kind in counted[1::2]]
    assert {len(things.split()) for things, _ in pairs} == {3, 4, 5, 6, 7}


@pytest.mark.parametrize("call, words", [
    (lambda: summary([]), "things: expected"), (lambda: summary(["car"]), "things: expected"), (lambda: list_pairs(0), "count: expected an integer"),
    (lambda: list_pairs(10, shortest=1), "shortest, longest: expected"), (lambda: list_pairs(10, longest=13), "shortest, longest: expected"),
    (lambda: list_pairs(100, shortest=2, longest=2), "count: expected no more lists"),
])  # fmt: skip
def test_errors_name_the_argument(call, words):
    with pytest.raises(ValueError, match="^" + words):
        call()
