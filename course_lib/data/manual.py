"""The Python manual: real English prose and code that every CPython carries, so no lesson needs a download.

`pydoc_data.topics` holds the text of `help("for")`, `help("OPERATORS")` and so on. A fifth of it is paragraphs that
appear under several topics; they are kept once, otherwise a test text would repeat what was trained on.
"""

from dataclasses import dataclass

TEST_SHARE = 1 / 11  # of the characters: about 340,000 to train on, 33,000 to test with


@dataclass(frozen=True)
class Manual:
    """Two texts that share no paragraph."""

    train: str
    test: str


def load_manual() -> Manual:
    """The manual of this Python, each paragraph once, topics in alphabetical order; its last eleventh is the test text.

    The text differs a little between Python versions (Python 3.11: 340,000 and 33,000 characters), so compare a result
    only with baselines computed on the same machine. Raises `ModuleNotFoundError` where the distribution left the
    manual out.
    """
    paragraphs = _unique_paragraphs(_topics())
    train_characters = (1 - TEST_SHARE) * sum(map(len, paragraphs))
    seen = cut = 0
    while seen < train_characters:
        seen += len(paragraphs[cut])
        cut += 1
    return Manual(train="\n\n".join(paragraphs[:cut]), test="\n\n".join(paragraphs[cut:]))


def _topics() -> dict[str, str]:
    try:
        from pydoc_data.topics import topics
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "this Python has no module pydoc_data, which holds the manual that the lessons read; some minimal "
            "distributions leave it out. Install Python from python.org, conda-forge or your system's full package."
        ) from error
    return topics


def _unique_paragraphs(topics: dict[str, str]) -> list[str]:
    """All paragraphs in the order of the sorted topics, each once; indentation does not make two of one."""
    unique = {}
    for name in sorted(topics):
        for paragraph in topics[name].split("\n\n"):
            words = " ".join(paragraph.split())
            if words:
                unique.setdefault(words, paragraph.strip("\n"))
    return list(unique.values())
