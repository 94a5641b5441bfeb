"""The tokenizer beside `tokenizers`, `tiktoken` and a trainer that recounts all pairs at each merge (as minbpe does).

    python benchmarks/tokens.py            about 5 minutes
    python benchmarks/tokens.py --quick    under a minute: smaller texts, the same goals

Each contest runs the rivals in turn, several times, and compares the best run of each. Texts: the Python manual, the
source of the standard library and, for memory, words generated so that new ones never stop coming.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import tokenizers

from course_lib.data.manual import load_manual
from course_lib.reference.tokens import BPETokenizer, pretokenize

MEGABYTE = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller texts")
    parser.add_argument("--memory", type=int, metavar="MB", help=argparse.SUPPRESS)  # the child process of `memory`
    arguments = parser.parse_args()
    if arguments.memory:
        train_on_generated_text(arguments.memory)
        return
    memory(megabytes=20 if arguments.quick else 100)  # first: a child process inherits its parent's peak
    naive_training(*((100_000, 800) if arguments.quick else (MEGABYTE, 1000)))
    code = standard_library((2 if arguments.quick else 5) * MEGABYTE)
    training(code, vocab_size=8000, rounds=2 if arguments.quick else 3)
    encoding(code, rounds=3 if arguments.quick else 5)


def naive_training(characters: int, vocab_size: int) -> None:
    text = load_manual().train[:characters]
    print(f"\nTraining on the manual, {len(text.encode()) / MEGABYTE:.2f} MB, {vocab_size} tokens")
    seconds = best_times({
        "ours": lambda: BPETokenizer.train([text], vocab_size),
        "naive": lambda: train_naively(text, vocab_size),
    }, rounds=1)
    report(seconds, len(text.encode()), goals={"naive": 100})


def training(text: str, vocab_size: int, rounds: int) -> None:
    print(f"\nTraining on the standard library's source, {len(text.encode()) / MEGABYTE:.1f} MB, {vocab_size} tokens")
    seconds = best_times({
        "ours": lambda: BPETokenizer.train([text], vocab_size),
        "tokenizers": lambda: train_with_huggingface(text, vocab_size),
    }, rounds)
    report(seconds, len(text.encode()), goals={"tokenizers": 0.8})


def encoding(text: str, rounds: int) -> None:
    print("\nEncoding the same text as one string; `cold` has an empty word cache")
    ours = BPETokenizer.train([text], 8000)
    huggingface, tiktoken = ours.to_tokenizers(), ours.to_tiktoken()
    assert ours.encode(text) == huggingface.encode(text).ids == tiktoken.encode_ordinary(text)
    seconds = best_times({
        "ours": lambda: ours.encode(text),
        "ours, cold": lambda: BPETokenizer(ours.merges).encode(text),
        "ours, stream": lambda: list(ours.encode_stream(text[i : i + 10_000] for i in range(0, len(text), 10_000))),
        "tokenizers": lambda: huggingface.encode(text),
        "tiktoken": lambda: tiktoken.encode_ordinary(text),
    }, rounds)
    report(seconds, len(text.encode()), goals={"tokenizers": 1.5})


def memory(megabytes: int) -> None:
    command = [sys.executable, __file__, "--memory", str(megabytes)]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"\nTraining on {megabytes} MB of generated text in a process of its own, 8000 tokens")
    print(f"  {done['seconds']:.0f} s with generating it, {done['words']:,} different words")
    print(f"  peak memory {done['peak'] / 1e9:.2f} GB, of which {done['before'] / 1e9:.2f} before  "
          f"{verdict(done['peak'] < 1.5e9)}goal: below 1.5")


def train_on_generated_text(megabytes: int) -> None:
    before, start = peak_memory(), time.perf_counter()
    BPETokenizer.train(generated_texts(megabytes), 8000)
    peak, seconds = peak_memory(), time.perf_counter() - start
    words = len({word for text in generated_texts(megabytes) for word in text.split()})
    print(json.dumps({"before": before, "peak": peak, "seconds": seconds, "words": words}))


def generated_texts(megabytes: int):
    """Texts of 1 MB; word number k, a k of heavy tail, is spelled in syllables: Zipf's law with no last word."""
    generator = random.Random(0)
    syllables = [consonant + vowel for consonant in "bcdfghjklmnprstvz" for vowel in ("a", "e", "i", "o", "u", "é")]
    for _ in range(megabytes):
        words, size = [], 0
        while size < MEGABYTE:
            number, word = int(generator.paretovariate(0.3)), ""
            while number:
                number, digit = divmod(number, len(syllables))
                word += syllables[digit]
            words.append(word)
            size += len(word) + 1
        yield " ".join(words)


def peak_memory() -> int:
    """Bytes; Linux counts in kB, macOS in bytes. Windows has no module `resource`."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def standard_library(size: int) -> str:
    """The first `size` characters of the standard library's modules, in alphabetical order."""
    modules = sorted(Path(os.__file__).parent.rglob("*.py"))
    text = ""
    for module in modules:
        if "site-packages" not in module.parts and len(text) < size:
            text += module.read_text(encoding="utf-8", errors="replace")
    return text[:size]


def train_with_huggingface(text: str, vocab_size: int) -> None:
    byte_level = tokenizers.pre_tokenizers.ByteLevel
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = byte_level(add_prefix_space=False)
    tokenizer.train_from_iterator([text], tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=byte_level.alphabet(), show_progress=False))


def train_naively(text: str, vocab_size: int) -> None:
    """As minbpe's RegexTokenizer: all words in the order of the text, all pairs counted again for each merge."""
    rows = [list(word.encode()) for word in pretokenize(text)]
    for new in range(256, vocab_size):
        counts = Counter()
        for row in rows:
            for pair in zip(row, row[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        best = max(counts, key=counts.get)
        rows = [merge_naively(row, best, new) for row in rows]


def merge_naively(row: list[int], pair: tuple[int, int], new: int) -> list[int]:
    merged, place = [], 0
    while place < len(row):
        if row[place] == pair[0] and place < len(row) - 1 and row[place + 1] == pair[1]:
            merged.append(new)
            place += 2
        else:
            merged.append(row[place])
            place += 1
    return merged


def best_times(rivals: dict, rounds: int) -> dict[str, float]:
    seconds = dict.fromkeys(rivals, float("inf"))
    for _ in range(rounds):
        for name, run in rivals.items():
            start = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def report(seconds: dict[str, float], size: int, goals: dict[str, float]) -> None:
    for name, value in seconds.items():
        ratio = value / seconds["ours"]
        goal = f"{verdict(ratio >= goals[name])}goal: at least {goals[name]} x" if name in goals else ""
        print(f"  {name:14}{value:9.3f} s {size / value / MEGABYTE:8.3f} MB/s    ours is {ratio:7.2f} x as fast   {goal}")


def verdict(met: bool) -> str:
    return "ok  " if met else "MISSED  "


if __name__ == "__main__":
    main()
