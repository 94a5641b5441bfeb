"""The quiz explains every answer, and its sealed form tells a reader nothing."""

import base64
import json
import re

import pytest

from course_lib.teaching.quiz import check_quiz, seal

KEY = {
    1: ("b", {"a": "Too short.", "b": "Exactly; the largest logit cancels.", "c": "Größe zählt nicht."}),
    2: ("a", {"a": "Yes.", "b": "No."}),
}


def test_right_answers_are_counted_and_explained(capsys):
    assert check_quiz({1: "b", 2: "a"}, KEY) == 2
    assert capsys.readouterr().out == "1  b  right: Exactly; the largest logit cancels.\n2  a  right: Yes.\n"


def test_wrong_answers_are_explained(capsys):
    assert check_quiz({1: "c", 2: "b"}, KEY) == 0
    assert capsys.readouterr().out == "1  c  not right: Größe zählt nicht.\n2  b  not right: No.\n"


@pytest.mark.parametrize("answers", [{1: "a", 2: "a"}, {1: "b", 2: "b"}, {1: "b"}, {}, {1: "c"}, {1: "b", 2: "a", 9: "a"}])
def test_the_sealed_key_judges_as_the_readable_one(answers, capsys):
    points = check_quiz(answers, KEY)
    said = capsys.readouterr().out
    assert check_quiz(answers, sealed=seal(KEY)) == points and type(points) is int
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("answer", ["B", " b ", "(b)", "b."])
def test_a_letter_may_be_written_in_other_ways(answer):
    assert check_quiz({1: answer}, KEY) == 1


@pytest.mark.parametrize(("answer", "words"), [
    ("", "no answer yet"), (None, "no answer yet"), ("d", "'d' is not one of a, b, c"), ("ab", "'ab' is not one of"), (2, "'2' is not one of"),
    (["b"], "is not one of"), (True, "'true' is not one of"),
])
def test_odd_answers_get_a_line_and_no_point(answer, words, capsys):
    assert check_quiz({1: answer}, KEY) == 0
    assert words in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("answers", [None, ["b", "a"], "ba", 3])
def test_answers_that_are_no_dict(answers):
    with pytest.raises(ValueError, match="answers should be a dict"):
        check_quiz(answers, KEY)


def test_needs_one_key():
    for keys in ({}, {"key": KEY, "sealed": seal(KEY)}):
        with pytest.raises(ValueError, match="either"):
            check_quiz({}, **keys)


def readings(sealed: str) -> str:
    """The sealed text, and what its base64 holds."""
    parts = [base64.b64decode(text) for options in json.loads(sealed).values() for text in options.values()]
    return sealed + "".join(part.decode("latin-1") for part in parts)


def test_no_explanation_can_be_read():
    text = readings(seal(KEY))
    for _, options in KEY.values():
        for why in options.values():
            assert all(word not in text for word in re.findall(r"\w{4,}", why)), why


def test_nothing_but_the_letters_and_one_length_stands_in_the_seal():
    """The right option's form is that of the others, and another right letter changes no form."""
    def form(key):
        return {number: {letter: len(text) for letter, text in options.items()} for number, options in json.loads(seal(key)).items()}

    assert form(KEY)["1"].keys() == {"a", "b", "c"}
    assert all(len(set(lengths.values())) == 1 for lengths in form(KEY).values())
    assert form({1: ("c", KEY[1][1]), 2: ("b", KEY[2][1])}) == form(KEY)


def test_another_right_letter_changes_the_seal_but_no_explanation():
    other = seal({1: ("c", KEY[1][1])})
    assert other != seal({1: KEY[1]}) and check_quiz({1: "c"}, sealed=other) == 1 and check_quiz({1: "b"}, sealed=other) == 0


def test_the_seal_is_the_same_every_time():
    assert seal(KEY) == seal({number: (right, dict(options)) for number, (right, options) in KEY.items()})


@pytest.mark.parametrize("key", [{1: ("d", {"a": "x", "b": "y"})}, {1: ("A", {"A": "x", "b": "y"})}, {1: ("", {"": "x"})}])
def test_a_key_that_nobody_could_answer_is_refused(key):
    with pytest.raises(ValueError, match="question 1"):
        if key[1][0]:
            seal(key)
        else:
            check_quiz({1: "a"}, {1: ("z", {"a": "x"})})


@pytest.mark.parametrize("damage", [
    lambda sealed: sealed[:-5], lambda sealed: "", lambda sealed: "[]", lambda sealed: "{}}", lambda sealed: '{"1": 3}', lambda sealed: '{"x": {}}',
    lambda sealed: '{"1": {"b": ""}}', lambda sealed: '{"1": {"b": 5}}', lambda sealed: '{"1": {"b": "?!"}}', lambda sealed: '{"1": {"b": "AAAAAAAA"}}',
])
def test_a_damaged_seal_says_so(damage):
    with pytest.raises(ValueError, match="damaged"):
        check_quiz({1: "b"}, sealed=damage(seal(KEY)))


def test_one_changed_byte_is_no_wrong_answer():
    options = json.loads(seal(KEY))["1"]
    changed = bytearray(base64.b64decode(options["b"]))
    changed[0] ^= 2  # the verdict, which is 0 or 1
    with pytest.raises(ValueError, match="damaged"):
        check_quiz({1: "b"}, sealed=json.dumps({"1": {**options, "b": base64.b64encode(changed).decode()}}))
