"""Number words against a list written by hand, against a second way of counting, and back to the number."""

import pytest

from course_lib.data.number_words import LARGEST, english, french, number_pairs, sentence, words

BY_HAND = {
    0: ("zero", "zéro"), 1: ("one", "un"), 11: ("eleven", "onze"), 16: ("sixteen", "seize"), 17: ("seventeen", "dix-sept"), 20: ("twenty", "vingt"),
    21: ("twenty-one", "vingt et un"), 22: ("twenty-two", "vingt-deux"), 61: ("sixty-one", "soixante et un"), 70: ("seventy", "soixante-dix"),
    71: ("seventy-one", "soixante et onze"), 72: ("seventy-two", "soixante-douze"), 79: ("seventy-nine", "soixante-dix-neuf"),
    80: ("eighty", "quatre-vingts"), 81: ("eighty-one", "quatre-vingt-un"), 90: ("ninety", "quatre-vingt-dix"), 91: ("ninety-one", "quatre-vingt-onze"),
    99: ("ninety-nine", "quatre-vingt-dix-neuf"), 100: ("one hundred", "cent"), 101: ("one hundred one", "cent un"), 200: ("two hundred", "deux cents"),
    201: ("two hundred one", "deux cent un"), 280: ("two hundred eighty", "deux cent quatre-vingts"), 1000: ("one thousand", "mille"),
    1001: ("one thousand one", "mille un"), 1100: ("one thousand one hundred", "mille cent"), 2000: ("two thousand", "deux mille"),
    21_000: ("twenty-one thousand", "vingt et un mille"), 80_000: ("eighty thousand", "quatre-vingt mille"),
    81_202: ("eighty-one thousand two hundred two", "quatre-vingt-un mille deux cent deux"), 100_000: ("one hundred thousand", "cent mille"),
    200_000: ("two hundred thousand", "deux cent mille"), 200_300: ("two hundred thousand three hundred", "deux cent mille trois cents"),
    71_080: ("seventy-one thousand eighty", "soixante et onze mille quatre-vingts"),
}  # fmt: skip

VALUES = dict(zip("un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize".split(), range(1, 17)))
VALUES |= {"vingt": 20, "vingts": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "zéro": 0}


def read_french(text: str) -> int:
    """The number that a French text means, by adding and multiplying: a second way, which knows nothing of the first."""
    total = part = 0
    for word in text.replace("-", " ").split():
        if word == "et":
            continue
        if word == "mille":
            total, part = (part or 1) * 1000, 0
        elif word in ("cent", "cents"):
            part = (part or 1) * 100
        elif word in ("vingt", "vingts") and part % 100 == 4:
            part += 76  # four twenties
        else:
            part += VALUES[word]
    return total + part


@pytest.mark.parametrize("number", BY_HAND)
def test_by_hand(number):
    assert (english(number), french(number)) == BY_HAND[number]


def test_french_means_its_number_and_no_two_share_a_text():
    numbers = [*range(2000), *range(2000, LARGEST, 613), LARGEST]
    assert all(read_french(french(number)) == number for number in numbers)
    assert len({english(number) for number in numbers}) == len({french(number) for number in numbers}) == len(numbers)


@pytest.mark.parametrize("number", range(0, LARGEST, 7919))
def test_spelling_rules(number):
    text = french(number)
    for plural in ("vingts", "cents"):  # only at the very end
        assert plural not in text or text.endswith(plural) and text.count(plural) == 1
    assert "un cent" not in text.replace("et un cent", "").replace("-un cent", "") and not text.startswith("un mille")
    for part in (text, english(number)):
        assert sentence(words(part)) == part


def test_pairs_are_held_out_and_repeatable():
    train, test = number_pairs(500, 100, seed=3)
    assert len(train) == 500 and len(test) == 100 and len({source for source, _ in train + test}) == 600
    assert (train, test) == number_pairs(500, 100, seed=3) and train != number_pairs(500, 100, seed=4)[0]
    assert all(read_french(target) >= 0 for _, target in test)


@pytest.mark.parametrize("call, words_of_error", [
    (lambda: english(-1), "number: expected an integer from 0"), (lambda: french(LARGEST + 1), "number: expected"), (lambda: english(True), "number: expected"),
    (lambda: french(2.0), "number: expected"), (lambda: number_pairs(0, 3), "train: expected"), (lambda: number_pairs(3, 0), "test: expected"),
    (lambda: number_pairs(LARGEST, 3), r"train \+ test: expected at most"),
])  # fmt: skip
def test_errors_name_the_argument(call, words_of_error):
    with pytest.raises(ValueError, match="^" + words_of_error):
        call()
