"""Dates: each style, the answer, the alignment, the split, and the numbers of the symbols."""

import datetime
import re

import pytest
import torch

from course_lib.data import dates as D

DAY = datetime.date(2021, 5, 3)


@pytest.mark.parametrize("style", D.STYLES)
def test_a_style_is_called_after_how_it_writes_3_may_2021(style):
    pair = D.date_pair(DAY, style)
    assert pair.text == style and pair.iso == "2021-05-03"


@pytest.mark.parametrize("style", D.STYLES)
@pytest.mark.parametrize("day", [datetime.date(1999, 12, 31), datetime.date(2000, 1, 1), datetime.date(1951, 11, 11), datetime.date(2022, 2, 22), DAY])
def test_the_alignment_points_at_what_the_answer_is_made_from(day, style):
    pair = D.date_pair(day, style)
    assert len(pair.alignment) == len(pair.iso) == D.ANSWER_LENGTH
    read = ["".join(pair.text[place] for place in places) for places in pair.alignment]
    for at, (symbol, word) in enumerate(zip(pair.iso, read)):
        if at in (5, 6) and style != "3.5.2021":
            assert word.lower() == D.MONTHS[day.month - 1].lower()
        else:
            lone = (at == 5 and day.month < 10) or (at == 8 and day.day < 10)
            assert word == ("" if symbol == "-" or lone else symbol)
    # Where a number occurs twice (11 November 1951 in digits), the places must not be those of the other field.
    fields = [set().union(*map(set, pair.alignment[part])) for part in (slice(0, 4), slice(5, 7), slice(8, 10))]
    assert sum(map(len, fields)) == len(set.union(*fields)) and len(fields[0]) == 4
    assert max(fields[0]) - min(fields[0]) == 3


def test_suffixes():
    written = [D.date_pair(datetime.date(2020, 1, day), "the 3rd of May 2021").text.split()[1] for day in range(1, 32)]
    wanted = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 22: "22nd", 23: "23rd", 31: "31st"}
    assert all(written[day - 1] == word for day, word in wanted.items()) and all(re.fullmatch(r"\d+(st|nd|rd|th)", word) for word in written)


def test_the_split_deals_every_day_once():
    train, held_out = D.split_days()
    assert len(train) + len(held_out) == 36_525 and not set(train) & set(held_out)
    assert train == sorted(train) and held_out == sorted(held_out)
    assert abs(len(held_out) / 36_525 - 0.2) < 0.01
    assert D.split_days(seed=1)[1] != held_out and D.split_days() == (train, held_out)
    assert train[:3] == [datetime.date(1950, 1, day) for day in (1, 2, 3)], "the same on every platform"
    assert [day.year for day in D.split_days(2000, 2001)[0][:1]] == [2000]


def test_samples_come_from_the_days_given_in_every_style():
    days = D.split_days(2000, 2004)[1]
    pairs = D.sample_pairs(days, 4000, seed=3)
    assert {pair.iso for pair in pairs} <= {day.isoformat() for day in days}
    counts = dict.fromkeys(D.STYLES, 0)
    for pair in pairs:
        for style in D.STYLES:
            counts[style] += pair == D.date_pair(datetime.date.fromisoformat(pair.iso), style)
    # Six standard deviations of a share of 4,000 draws from 8 styles; the seed is fixed.
    assert all(abs(count / 4000 - 1 / 8) < 6 * (7 / 64 / 4000) ** 0.5 for count in counts.values()), counts
    assert D.sample_pairs(days, 5, seed=3) == pairs[:5] and D.sample_pairs(days, 5, seed=4) != pairs[:5]


def test_numbers_of_symbols_go_both_ways():
    texts = [pair.text for pair in D.sample_pairs(D.split_days()[0], 300, seed=5)]
    ids = D.text_ids(texts)
    assert ids.shape == (300, max(map(len, texts))) and ids.dtype == torch.int64
    assert ["".join(D.SYMBOLS[number] for number in row if number) for row in ids.tolist()] == texts
    assert len(set(D.SYMBOLS)) == len(D.SYMBOLS) and D.SYMBOLS[0] == "\0"
    answers = D.answer_ids(["2021-05-03", "1999-12-31"])
    assert answers.tolist() == [[2, 0, 2, 1, 10, 0, 5, 10, 0, 3], [1, 9, 9, 9, 10, 1, 2, 10, 3, 1]]
    assert D.text_ids([]).shape == (0, 0) and D.answer_ids([]).shape == (0, 10)


def test_every_day_in_every_style_has_known_symbols():
    for month in range(1, 13):
        for day in (1, 2, 3, 4, 11, 28):
            for style in D.STYLES:
                D.text_ids([D.date_pair(datetime.date(2024, month, day), style).text])


@pytest.mark.parametrize("call, words", [
    (lambda: D.date_pair(DAY, "3/5/2021"), "style: expected one of"),
    (lambda: D.date_pair("2021-05-03", "3 May 2021"), "day: expected a date from the year 1000 on"),
    (lambda: D.date_pair(datetime.date(999, 1, 1), "3 May 2021"), "day: expected a date from the year 1000 on"),
    (lambda: D.split_days(2000, 1999), "first, last: expected years"),
    (lambda: D.split_days(held_out=1.0), "held_out: expected a share"),
    (lambda: D.sample_pairs([], 3), "days: expected at least one day"),
    (lambda: D.sample_pairs([DAY], 0), "count: expected an integer of at least 1"),
    (lambda: D.text_ids(["3 Mai 2021?"]), "texts: expected symbols of the styles, got '?'"),
    (lambda: D.answer_ids(["2021-5-3"]), "answers: expected YYYY-MM-DD"),
])  # fmt: skip
def test_errors_name_the_argument(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words)):
        call()
