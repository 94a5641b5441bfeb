"""The tokenizer against Hugging Face `tokenizers`, `tiktoken` and a trainer that recounts everything."""

import copy
import json
import os
import pickle
import sys
import unicodedata
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data.manual import load_manual
from course_lib.reference.tokens import GPT2_PATTERN, BPETokenizer, pretokenize

END = "<|endoftext|>"


@pytest.fixture(scope="module")
def manual():
    return load_manual()


@pytest.fixture(scope="module")
def tokenizer(manual):
    return BPETokenizer.train([manual.train], vocab_size=1000, special_tokens=[END, "<|user|>", "<|user|>name"])


@pytest.fixture(scope="module")
def oracles(tokenizer):
    return tokenizer.to_tokenizers(), tokenizer.to_tiktoken()


def train_with_huggingface(texts: list[str], vocab_size: int):
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is the oracle of this test")
    byte_level = tokenizers.pre_tokenizers.ByteLevel
    oracle = tokenizers.Tokenizer(tokenizers.models.BPE())
    oracle.pre_tokenizer = byte_level(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=byte_level.alphabet(), show_progress=False
    )
    oracle.train_from_iterator(texts, trainer)
    return oracle


def merges_of(oracle) -> list[list[str]]:
    """Merges of a `tokenizers.Tokenizer` as pairs of token texts."""
    merges = json.loads(oracle.to_str())["model"]["merges"]
    return [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]


def assigned(text: str) -> bool:
    """Characters of a later Unicode than this Python's are letters for one library and unknown to another."""
    return all(unicodedata.category(character) not in ("Cn", "Cs") for character in text)


def every_script() -> str:
    """The first letters of each block of 128 code points, in words of different lengths."""
    letters = []
    for start in range(0, sys.maxunicode, 128):
        block = [chr(code) for code in range(start, start + 128) if not 0xD800 <= code < 0xE000]
        words = [character for character in block if unicodedata.category(character)[0] in "LMN"]
        letters.append("".join(words[: 3 + start // 128 % 7]))
    return " ".join(filter(None, letters))


HOSTILE = {
    "empty": "",
    "one space": " ",
    "emoji": "I 💜 🧑‍🚀🏳️‍🌈👍🏽 flags 🇫🇷🇯🇵",
    "zero-width joiners": "क्‍ष ক্‍ষ a\u200db\u200c c",
    "combining marks": "e\u0301 n\u0303\u0323 Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢ à̖́",
    "surrogate escapes as text": r"\ud800 \udfff '\ud83d' \U0001f600 \x00",
    "NUL and controls": "a\0b \0\0 \x01\x1b[31m\x7f\x1c\x1d\x1e\x1f \x85",
    "line ends": "one\r\ntwo\rthree\n\nfour \n five\n \n  six\r\n\r\n",
    "white space": "  a \t b\t\tc\u00a0d\u3000e\u2028f\u2029 \u200a\n   \ufeff   ",
    "contractions": "I'll don't 'S'S 'LL we've'd ''s ' s o'clock it’s",
    "numbers": "3.14159 1,000,000 ½ ² Ⅷ ٣٤٥ 12ab34 x²",
    "special tokens": f"{END}{END} a{END}b <|endoftext| |> <|user|>name <|user|> name<|user|>nam",
    "right to left": "שלום עולם، مرحبا بالعالم \u202eabc\u202c",
    "no spaces": "机器学习是人工智能的一个分支。" * 40 + "ภาษาไทยไม่มีช่องว่าง" * 40,
    "scripts": every_script(),
    "noncharacters": "\ufffe\uffff \U0010ffff \ue000\U000f0000",
    "code": "def f(x):\n\treturn {x!r:>{10}}  # ^_^\n\n\nclass A(B): ...\n",
    "one long word": "x" * 1_000_000,
    "long white space": " " * 100_000 + "a" + "\n" * 100_000,
}


# --- the same as the established libraries ---------------------------------------------------------------------------


@pytest.mark.parametrize("vocab_size", [256, 257, 300, 2000])
def test_merges_and_ids_equal_huggingface_on_the_manual(manual, vocab_size):
    ours = BPETokenizer.train([manual.train], vocab_size)
    oracle = train_with_huggingface([manual.train], vocab_size)
    assert merges_of(ours.to_tokenizers()) == merges_of(oracle)
    assert ours.to_tokenizers().get_vocab() == oracle.get_vocab()
    assert ours.vocab_size == vocab_size
    assert ours.encode(manual.test) == oracle.encode(manual.test).ids


@pytest.mark.parametrize("name", [name for name in HOSTILE if "long" not in name])
def test_merges_equal_huggingface_on_hostile_text(name):
    """All merges there are: ties everywhere."""
    texts = [HOSTILE[name], HOSTILE[name][: len(HOSTILE[name]) // 2]]
    ours, oracle = BPETokenizer.train(texts, 100_000), train_with_huggingface(texts, 100_000)
    assert merges_of(ours.to_tokenizers()) == merges_of(oracle)
    assert ours.to_tokenizers().get_vocab() == oracle.get_vocab()


@pytest.mark.parametrize("name", HOSTILE)
def test_ids_equal_both_libraries_on_hostile_text(tokenizer, oracles, name):
    text = HOSTILE[name]
    ids = tokenizer.encode(text)
    assert ids == oracles[0].encode(text).ids
    assert ids == oracles[1].encode(text, allowed_special="all")
    assert tokenizer.encode_ordinary(text) == oracles[1].encode_ordinary(text)
    assert tokenizer.decode(ids) == text == oracles[0].decode(ids, skip_special_tokens=False)


@pytest.mark.parametrize("name", ["one long word", "long white space"])
def test_trained_on_one_long_word(name):
    """The same merges and ids where a whole megabyte is one word; `tokenizers` needs a shorter one to finish."""
    text = HOSTILE[name][:3000] + "y"
    ours, oracle = BPETokenizer.train([text], 300), train_with_huggingface([text], 300)
    assert merges_of(ours.to_tokenizers()) == merges_of(oracle)
    long = BPETokenizer.train([HOSTILE[name]], 300)
    ids = long.encode(HOSTILE[name])
    assert len(ids) < 300
    assert long.decode(ids) == HOSTILE[name]
    assert ids == long.to_tiktoken().encode(HOSTILE[name])


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(exclude_categories=("Cn", "Cs")), max_size=200))
def test_random_unicode(tokenizer, oracles, text):
    ids = tokenizer.encode(text)
    assert ids == oracles[0].encode(text).ids == oracles[1].encode(text, allowed_special="all")
    assert tokenizer.decode(ids) == text


@settings(deadline=None, max_examples=200)
@given(st.text("ab '\u00e9\n<|user>s1", max_size=60))
def test_random_text_of_few_characters(tokenizer, oracles, text):
    """Close to special tokens, contractions and mixed white space."""
    ids = tokenizer.encode(text)
    assert ids == oracles[0].encode(text).ids == oracles[1].encode(text, allowed_special="all")
    assert "".join(pretokenize(text)) == text


@pytest.mark.slow
def test_every_character_is_classed_as_by_the_libraries():
    """Letter, digit, space or other: told from whether a character shares a word with one of a known class."""
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is the oracle of this test")
    cut = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if assigned(character):
            for known in "a1!":
                assert len(pretokenize(known + character)) == len(cut(known + character)), hex(code)


# --- the same as the definition --------------------------------------------------------------------------------------


def train_by_recounting(words: Counter[bytes], first_ids: dict[int, int], merges: int) -> list[tuple[int, int]]:
    """Byte-pair encoding as the definition says it: count every pair again for each merge."""
    rows = [([first_ids[byte] for byte in word], count) for word, count in words.items()]
    learned = []
    while len(learned) < merges:
        counts = Counter()
        for row, count in rows:
            for pair in zip(row, row[1:]):
                counts[pair] += count
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        rows = [(merge_by_definition(row, best, 256 + len(learned)), count) for row, count in rows]
        learned.append(best)
    return learned


def merge_by_definition(row: list[int], pair: tuple[int, int], new: int) -> list[int]:
    merged = []
    while row:
        width = 2 if tuple(row[:2]) == pair else 1
        merged.append(new if width == 2 else row[0])
        row = row[width:]
    return merged


FIRST_IDS = {byte: BPETokenizer([]).encode(chr(byte))[0] for byte in range(128)}


@settings(deadline=None, max_examples=400)
@given(st.lists(st.text("abc ", max_size=40), max_size=6), st.integers(0, 40))
def test_training_equals_recounting(texts, merges):
    """Three letters give ties at every step and overlaps such as aaaa."""
    words = Counter(word.encode() for text in texts for word in pretokenize(text))
    expected = train_by_recounting(words, FIRST_IDS, merges)
    assert list(BPETokenizer.train(texts, 256 + merges).merges) == expected


@settings(deadline=None, max_examples=100)
@given(st.text("ab", min_size=1, max_size=60), st.text("ab", max_size=60))
def test_encoding_applies_merges_in_order(sample, text):
    tokenizer = BPETokenizer.train([sample], 300)
    row = [FIRST_IDS[byte] for byte in text.encode()]
    for new, pair in enumerate(tokenizer.merges, start=256):
        row = merge_by_definition(row, pair, new)
    assert tokenizer.encode(text) == row


def test_gpt2_order_of_the_bytes():
    tokenizer = BPETokenizer([])
    assert tokenizer.decode_bytes([0, 93, 94, 187, 188, 220, 255]) == bytes([33, 126, 161, 255, 0, 32, 173])
    assert sorted(tokenizer.decode_bytes(range(256))) == list(range(256))


def test_counts_do_not_depend_on_how_texts_are_handed_over(manual):
    parts = manual.train.split("\n\n")
    one = BPETokenizer.train([part for part in parts], 400)
    assert one.merges == BPETokenizer.train((part for part in parts), 400).merges
    assert one.merges == BPETokenizer.train(parts[::-1], 400).merges
    assert BPETokenizer.train(["abc" * 50 + " de"], 300).merges != BPETokenizer.train(["abc", "de"], 300).merges


def test_training_stops_when_every_word_is_one_token():
    tokenizer = BPETokenizer.train(["abab ab", "ab"], 5000, [END])
    assert [tokenizer.decode([token]) for token in range(256, tokenizer.vocab_size)] == ["ab", " ab", "abab", END]
    assert BPETokenizer.train([], 5000).vocab_size == BPETokenizer.train([""], 5000).vocab_size == 256


def test_long_texts_are_cut_into_pieces_without_effect(manual, monkeypatch):
    from course_lib.reference import tokens

    whole = BPETokenizer.train([manual.test], 500)
    ids = whole.encode(manual.test)
    monkeypatch.setattr(tokens, "_PIECE_CHARACTERS", 37)
    assert BPETokenizer.train([manual.test], 500).merges == whole.merges
    assert whole.encode(manual.test) == whole.encode_ordinary(manual.test) == ids


def test_full_cache_is_emptied_without_effect(tokenizer, manual, monkeypatch):
    from course_lib.reference import tokens

    monkeypatch.setattr(tokens, "_CACHED_WORDS", 5)
    fresh = BPETokenizer(tokenizer.merges, tokenizer.special_tokens)
    assert fresh.encode(manual.test) == tokenizer.encode(manual.test)
    assert 0 < len(fresh._cache) <= 5


# --- special tokens --------------------------------------------------------------------------------------------------


def test_special_tokens_have_the_last_ids(tokenizer):
    assert tokenizer.special_tokens == {END: 997, "<|user|>": 998, "<|user|>name": 999}
    assert tokenizer.encode(f"{END}<|user|>name<|user|>") == [997, 999, 998]
    assert tokenizer.decode([997, 999]) == f"{END}<|user|>name"


def test_ordinary_text_never_makes_a_special_token(tokenizer):
    ids = tokenizer.encode_ordinary(f"a{END}b")
    assert max(ids) < 997
    assert tokenizer.decode(ids) == f"a{END}b"


def test_special_tokens_cut_the_training_text():
    cut = BPETokenizer.train([f"ab{END}cd" * 9], 300, [END])
    assert cut.merges == BPETokenizer.train(["ab", *["cdab"] * 8, "cd"], 300, [END]).merges
    assert cut.merges != BPETokenizer.train([f"ab{END}cd" * 9], 300).merges


# --- streams ---------------------------------------------------------------------------------------------------------

STREAM = f"  I'll  pay\r\n 20 €!{END}{END} 🧑‍🚀 ok\n\n\n  x<|user|>name <|user|> \t"


def test_stream_equals_whole_for_every_cut(tokenizer):
    expected = tokenizer.encode(STREAM)
    for first in range(len(STREAM) + 1):
        for second in range(first, len(STREAM) + 1):
            chunks = [STREAM[:first], STREAM[first:second], STREAM[second:]]
            assert list(tokenizer.encode_stream(chunks)) == expected
    assert list(tokenizer.encode_stream(list(STREAM))) == expected


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text("ab '\u00e9\n\u3000<|user>", max_size=20), max_size=8))
def test_random_streams(tokenizer, chunks):
    assert list(tokenizer.encode_stream(chunks)) == tokenizer.encode("".join(chunks))


def test_stream_gives_ids_before_its_end_and_holds_little(tokenizer, manual):
    lines = manual.test.splitlines(keepends=True)
    read = []
    stream = tokenizer.encode_stream(read.append(line) or line for line in lines)
    for _ in range(20):
        next(stream)
    assert len(read) < 10


def test_stream_without_spaces_is_linear(tokenizer, monkeypatch):
    """Counted, not timed: the characters that are searched for a boundary stay near the characters read."""
    from course_lib.reference import tokens

    searched = []
    find = tokens._find_last_boundary
    monkeypatch.setattr(tokens, "_find_last_boundary", lambda text: searched.append(len(text)) or find(text))
    ids = list(tokenizer.encode_stream(["ab"] * 5000))
    assert sum(searched) <= 3 * 5000
    assert ids == tokenizer.encode("ab" * 5000)


# --- decoding --------------------------------------------------------------------------------------------------------


def test_decode_never_fails_on_a_cut_character():
    tokenizer = BPETokenizer([])
    ids = tokenizer.encode("é€💜")
    assert [tokenizer.decode(ids[:end]) for end in (1, 2, 3, 4, 5)] == ["\ufffd", "é", "é\ufffd", "é\ufffd", "é€"]
    assert tokenizer.decode(ids[1:3]) == "\ufffd\ufffd"
    assert tokenizer.decode_bytes(ids[:3]) == "é€💜".encode()[:3]


@pytest.mark.parametrize("kind", [list, tuple, iter, np.array, torch.tensor])
def test_decode_takes_any_row_of_integers(tokenizer, kind):
    assert tokenizer.decode(kind(tokenizer.encode("any row"))) == "any row"


def test_decode_of_nothing(tokenizer):
    assert tokenizer.decode([]) == tokenizer.decode(torch.tensor([], dtype=torch.long)) == ""
    assert tokenizer.encode("") == []


@pytest.mark.parametrize(
    "ids, message",
    [
        ([5, 1000], "expected 0 to 999, got 1000"),
        ([-1], "expected 0 to 999, got -1"),
        ([1.0], "got float at position 0"),
        ([3, True], "got bool at position 1"),
        ([3, None], "got NoneType at position 1"),
        (torch.tensor([[1, 2]]), "got list at position 0"),
        (torch.tensor([1.5]), "got float at position 0"),
        (torch.tensor(3), "expected a row of integers, got Tensor"),
        ("123", "expected a row of integers, got str"),
        (b"123", "expected a row of integers, got bytes"),
        (7, "expected a row of integers, got int"),
    ],
)
def test_decode_names_bad_ids(tokenizer, ids, message):
    with pytest.raises(ValueError, match=f"ids: .*{message}"):
        tokenizer.decode(ids)


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["encode", "encode_ordinary"])
@pytest.mark.parametrize("text, message", [
    ("ab\ud800c", r"position 2 is the lone surrogate U\+D800.*replace"),
    ("\udc80", r"position 0 is the lone surrogate U\+DC80"),
    (b"ab", "expected a str, got bytes"),
    (None, "expected a str, got NoneType"),
    (["ab"], "expected a str, got list"),
])
def test_encode_names_bad_text(tokenizer, name, text, message):
    with pytest.raises(ValueError, match=f"text: .*{message}"):
        getattr(tokenizer, name)(text)
    with pytest.raises(ValueError, match=f"text: .*{message}"):
        pretokenize(text)


def test_the_advice_against_surrogates_works(tokenizer):
    pair = "\ud83d\ude00 \ud800"
    mended = pair.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert tokenizer.decode(tokenizer.encode(mended)) == "😀 \ufffd"


@pytest.mark.parametrize("chunks, message", [
    ("text", "chunks: expected several strings.*got str"),
    (3, "chunks: expected several strings.*got int"),
    (["a", b"b"], r"chunks\[1\]: expected a str, got bytes"),
    (["a", "b\ud800"], r"chunks\[1\]: .*position 1"),
])
def test_stream_names_bad_chunks(tokenizer, chunks, message):
    with pytest.raises(ValueError, match=message):
        list(tokenizer.encode_stream(chunks))


@pytest.mark.parametrize("arguments, message", [
    (("text", 300), "texts: expected several strings.*got str"),
    ((b"text", 300), "texts: expected several strings.*got bytes"),
    ((None, 300), "texts: expected several strings.*got NoneType"),
    ((["a", 5], 300), r"texts\[1\]: expected a str, got int"),
    ((["a", "\udfff"], 300), r"texts\[1\]: .*position 0"),
    ((["a"], 255), "vocab_size: expected an int of at least 256 .*got 255"),
    ((["a"], 257, ["<a>", "<b>"]), "vocab_size: expected an int of at least 258 .*2 special tokens.*got 257"),
    ((["a"], -1), "vocab_size: .*got -1"),
    ((["a"], 300.0), "vocab_size: .*got 300.0"),
    ((["a"], "300"), "vocab_size: .*got '300'"),
    ((["a"], True), "vocab_size: .*got True"),
    ((["a"], None), "vocab_size: .*got None"),
    ((["a"], torch.tensor(300.0)), "vocab_size: .*got tensor"),
    ((["a"], 300, END), "special_tokens: expected several strings.*got str"),
    ((["a"], 300, [""]), "special_tokens: expected at least one character"),
    ((["a"], 300, ["<a b>"]), "special_tokens: .*no white space, got '<a b>'"),
    ((["a"], 300, ["<a>", "<a>"]), "special_tokens: expected each once"),
    ((["a"], 300, [7]), r"special_tokens\[0\]: expected a str, got int"),
])
def test_train_names_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BPETokenizer.train(*arguments)


@pytest.mark.parametrize("merges, message", [
    ([(0, 257)], r"got \(0, 257\) as number 0"),
    ([(0, 1), (0, 1)], "number 1.*another id already is"),
    ([(0, 1), (256, 0), (1, 0), (0, 258)], "number 3.*another id already is"),
    ([(0, 1, 2)], "got .0, 1, 2. as number 0"),
    ([5], "got 5 as number 0"),
    (None, "got NoneType"),
    ("ab", "got str"),
    ([(0.0, 1)], "got .0.0, 1. as number 0"),
    ([(True, 0)], "got .True, 0. as number 0"),
    ([({}, 1)], "as number 0"),
])
def test_constructor_names_bad_merges(merges, message):
    with pytest.raises(ValueError, match=f"merges: .*{message}"):
        BPETokenizer(merges)


def test_any_kind_of_integer_and_of_pair_will_do():
    assert BPETokenizer([[np.int64(0), 1], np.array([256, 2])]).merges == ((0, 1), (256, 2))
    assert type(BPETokenizer([(np.int64(0), 1)]).merges[0][0]) is int
    assert BPETokenizer.train(["abab"], np.int64(257)).merges == BPETokenizer.train(["abab"], 257).merges


def test_special_token_that_tokenizers_cannot_hold():
    with pytest.raises(ValueError, match="choose another name"):
        BPETokenizer([], ["é"]).to_tokenizers()


# --- files -----------------------------------------------------------------------------------------------------------


def test_save_and_load(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    loaded = BPETokenizer.load(str(path))
    assert loaded.merges == tokenizer.merges
    assert loaded.special_tokens == tokenizer.special_tokens
    assert loaded.encode(STREAM) == tokenizer.encode(STREAM)
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.json"]
    assert json.loads(path.read_text(encoding="utf-8"))["merges"][0] == "Ġ Ġ"


def test_a_failed_save_keeps_the_old_file(tokenizer, tmp_path, monkeypatch):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    before = path.read_bytes()

    def disk_full(source, target):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", disk_full)
    with pytest.raises(OSError, match="no space left"):
        BPETokenizer([]).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.json"]


def test_a_save_through_a_link_writes_the_file_and_keeps_the_link(tokenizer, tmp_path):
    (tmp_path / "file.json").write_text("old")
    (tmp_path / "link.json").symlink_to(tmp_path / "file.json")
    tokenizer.save(tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink() and BPETokenizer.load(tmp_path / "file.json").merges == tokenizer.merges


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_file_is_not_replaced(tokenizer, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ValueError, match="path: .*no file"):
            tokenizer.save(path)
    assert (tmp_path / "pipe").is_fifo() and tmp_path.is_dir()


@pytest.mark.parametrize("path", [None, 3, "", b"a"])
def test_what_is_no_path(tokenizer, path):
    for call in (tokenizer.save, BPETokenizer.load):
        with pytest.raises(ValueError, match="path: expected the name of a file"):
            call(path)


def test_load_of_a_folder(tmp_path):
    with pytest.raises(ValueError, match="path: .* is a folder"):
        BPETokenizer.load(tmp_path)


def test_save_into_a_missing_folder(tokenizer, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder .*absent to write a.json into"):
        tokenizer.save(tmp_path / "absent" / "a.json")


def test_load_of_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no tokenizer file at .*absent.json"):
        BPETokenizer.load(tmp_path / "absent.json")


GOOD = {"format": "course_lib.BPETokenizer", "version": 1, "special_tokens": [END], "merges": ["a b", "ab c"]}


def test_load_of_a_good_file(tmp_path):
    (tmp_path / "file.json").write_text(json.dumps(GOOD))
    loaded = BPETokenizer.load(tmp_path / "file.json")
    assert [loaded.decode([token]) for token in loaded.encode(f"abcab{END}")] == ["abc", "ab", END]


@pytest.mark.parametrize("content", [
    b"", b"\xff\xfe\x00", b"{", b"[]", b"null", b"3", b"[" * 100_000,
    json.dumps(GOOD).encode()[:-9],
    *(json.dumps(GOOD | change).encode() for change in (
        {"format": "other"}, {"version": 2}, {"merges": None}, {"merges": ["ab"]}, {"merges": ["a b c"]},
        {"merges": ["a bc"]}, {"merges": [3]}, {"merges": ["a b", "a b"]}, {"special_tokens": "<a>"},
        {"special_tokens": None}, {"special_tokens": ["<a>", "<a>"]},
    )),
    *(json.dumps({key: value for key, value in GOOD.items() if key != missing}).encode() for missing in GOOD),
])
def test_load_of_a_damaged_file(tmp_path, content):
    path = tmp_path / "damaged.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged.json is damaged or no tokenizer file"):
        BPETokenizer.load(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("special_tokens", [[], [END]])
def test_copies_work_in_other_processes(special_tokens):
    """A data loader's workers receive the tokenizer by pickle."""
    tokenizer = BPETokenizer.train(["low lower lowest"], 262, special_tokens)
    text = f"slower{END}"
    for twin in (pickle.loads(pickle.dumps(tokenizer)), copy.deepcopy(tokenizer)):
        assert twin.encode(text) == tokenizer.encode(text)


@pytest.mark.parametrize("name", [name for name in HOSTILE if "long" not in name])
def test_pattern_cuts_like_tiktokens_own(tokenizer, name):
    """GPT-2's pattern as OpenAI writes it today, possessive and shorter."""
    tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is the oracle of this test")
    from tiktoken_ext.openai_public import r50k_pat_str

    assert r50k_pat_str != GPT2_PATTERN
    ranks = {token_bytes: token for token, token_bytes in enumerate(map(tokenizer.decode_bytes, [[i] for i in range(997)]))}
    oracle = tiktoken.Encoding("gpt2-pattern", pat_str=r50k_pat_str, mergeable_ranks=ranks, special_tokens={})
    assert tokenizer.encode_ordinary(HOSTILE[name]) == oracle.encode_ordinary(HOSTILE[name])


def test_docstring_example():
    import doctest

    from course_lib.reference import tokens

    assert doctest.testmod(tokens).attempted > 0 and doctest.testmod(tokens).failed == 0
