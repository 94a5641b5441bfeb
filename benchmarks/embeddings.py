"""Skip-gram with negative sampling: words per second of the course's trainer, of gensim and of a plain PyTorch loop.

    python benchmarks/embeddings.py [--gensim-python PATH]

One thread, dimension 64, window 4, 5 negatives, no subsampling; the three take turns and the best of three turns counts.
gensim is imported by the Python that is named (an environment of its own will do) and left out with a sentence if missing.
Goal (FACTS, section 2): at least 0.5 x gensim.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from course_lib.data.world import generate_world
from course_lib.reference.embeddings import SkipGram, noise_distribution, skipgram_pairs, train_skipgram, word_counts

DIM, WINDOW, NEGATIVES, GOAL = 64, 4, 5, 0.5

GENSIM = """
import json, sys, time
from gensim.models import Word2Vec
sentences = [[str(word) for word in sentence] for sentence in json.load(open(sys.argv[1]))]
model = Word2Vec(vector_size=64, window=4, negative=5, sg=1, min_count=1, sample=0, workers=1, shrink_windows=False, seed=1)
model.build_vocab(sentences)
start = time.perf_counter()
model.train(sentences, total_examples=len(sentences), epochs=2)
print(2 * sum(map(len, sentences)) / (time.perf_counter() - start))
"""


def zipf_text(words: int = 1_000_000, vocab_size: int = 20_000) -> list[list[int]]:
    """Sentences of 20 words whose frequencies fall as 1 / rank."""
    source = random.Random(0)
    ids = source.choices(range(vocab_size), weights=[1 / (rank + 1) for rank in range(vocab_size)], k=words)
    return [ids[start : start + 20] for start in range(0, words, 20)]


def ours(sentences: list[list[int]], vocab_size: int, batch_tokens: int) -> float:
    model, words = SkipGram(vocab_size, DIM), sum(map(len, sentences))
    start = time.perf_counter()
    train_skipgram(model, sentences, window=WINDOW, negatives_per_pair=NEGATIVES, epochs=2, batch_tokens=batch_tokens)
    return 2 * words / (time.perf_counter() - start)


def plain_loop(sentences: list[list[int]], vocab_size: int) -> float:
    """What tutorials do: two sparse nn.Embedding, fresh negatives for each pair, autograd; on a sample of the sentences."""
    sentences = sentences[: max(1, 20_000 // len(sentences[0]))]
    centre, context = (nn.Embedding(vocab_size, DIM, sparse=True) for _ in range(2))
    optimizer = torch.optim.SGD([*centre.parameters(), *context.parameters()], lr=0.025)
    noise, words = noise_distribution(word_counts(sentences, vocab_size)), sum(map(len, sentences))
    start = time.perf_counter()
    pairs = torch.stack(skipgram_pairs(sentences, vocab_size, WINDOW))
    for batch in pairs[:, torch.randperm(pairs.shape[1])].split(256, 1):
        negatives = torch.multinomial(noise, NEGATIVES * batch.shape[1], replacement=True).view(-1, NEGATIVES)
        v = centre(batch[0])
        attract = nn.functional.logsigmoid((v * context(batch[1])).sum(-1))
        repel = nn.functional.logsigmoid(-(context(negatives) @ v[:, :, None])[..., 0]).sum(-1)
        optimizer.zero_grad()
        (-(attract + repel).sum()).backward()
        optimizer.step()
    return words / (time.perf_counter() - start)


def gensim(path: Path, python: str) -> float | None:
    done = subprocess.run([python, "-c", GENSIM, str(path)], capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else None


def compare(name: str, sentences: list[list[int]], vocab_size: int, python: str) -> None:
    print(f"\n{name}: {sum(map(len, sentences)):,} words, vocabulary {vocab_size:,}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sentences.json"
        path.write_text(json.dumps(sentences))
        runs = {
            "gensim 1 worker": lambda: gensim(path, python),
            "nn.Embedding, plain loop": lambda: plain_loop(sentences, vocab_size),
            "course_lib, 256 tokens a step": lambda: ours(sentences, vocab_size, 256),
            "course_lib, 2048 tokens a step": lambda: ours(sentences, vocab_size, 2048),
        }
        speeds = {label: [run()] for label, run in runs.items()}
        for _ in range(2):
            for label, run in runs.items():
                if speeds[label][0] is not None:
                    speeds[label].append(run())
    peer = speeds["gensim 1 worker"][0] and max(speeds["gensim 1 worker"])
    if peer is None:
        print("  gensim is not installed there: no ratio (pip install gensim into an environment, --gensim-python PATH)")
    for label, values in speeds.items():
        if values[0] is not None:
            ratio = f"{max(values) / peer:5.2f} x gensim" if peer else ""
            print(f"  {label:32s} {max(values) / 1e3:8.0f} thousand words/s  {ratio}")
    if peer:
        best = max(max(values) for label, values in speeds.items() if label.startswith("course_lib"))
        print(f"  goal: at least {GOAL} x gensim: {'reached' if best >= GOAL * peer else 'MISSED'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gensim-python", default=sys.executable, help="a Python that can import gensim")
    python = parser.parse_args().gensim_python
    torch.set_num_threads(1)
    world = generate_world()
    compare("the generated world", world.encode(), len(world.vocabulary), python)
    compare("Zipf text", zipf_text(), 20_000, python)


if __name__ == "__main__":
    main()
