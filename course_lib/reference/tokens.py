"""Byte-level byte-pair encoding: text to token ids and back, without loss.

Byte-pair encoding for subwords is from Sennrich et al. 2016 (arXiv 1508.07909, section 3.2); taking bytes instead of
characters, and never merging across words or across letters, digits and punctuation, is from the GPT-2 report (Radford
et al. 2019, section 2.2). Merges and ids are those of Hugging Face `tokenizers` (ByteLevel, BpeTrainer) on the same
text, and ids are those of `tiktoken` given the same ranks.

A token id is an int. Ids 0 to 255 are the single bytes in GPT-2's order (printable ones first: id 0 is b"!"), then one
id for each merge in the order of learning, then the special tokens.
"""

import heapq
import json
import operator
import os
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import regex

GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
GAP = -1  # stands in a row of ids where no token begins

_find_words = regex.compile(GPT2_PATTERN).findall
# No token reaches across this place: only a token that starts with a space holds one beside another character.
_find_last_boundary = regex.compile(r"(?r)(?<=\S)(?=\s)").search
_PIECE_CHARACTERS = 1 << 20  # long texts are worked on in pieces of about this size, to bound memory
_CACHED_WORDS = 1 << 17
_CACHED_WORD_CHARACTERS = 64
_FILE_FORMAT = "course_lib.BPETokenizer"
_FILE_VERSION = 1

# GPT-2's order of the bytes: those that print in Latin-1 first.
_BYTE_ORDER = sorted(range(256), key=lambda byte: not (33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174))
_BYTE_TO_ID = bytes(sorted(range(256), key=_BYTE_ORDER.__getitem__))
# How GPT-2's files write a byte as one visible character: itself where it prints, else U+0100 and up (space is "Ġ").
_VISIBLE = {byte: chr(byte if rank < 188 else 256 + rank - 188) for rank, byte in enumerate(_BYTE_ORDER)}


def pretokenize(text: str) -> list[str]:
    """Cut text into words with GPT-2's pattern; joined again they are the text.

    Letters, digits and other characters never share a word, one space goes with the word behind it:
    "I'll pay 20 €!" gives ["I", "'ll", " pay", " 20", " €!"].
    """
    _check_text(text)
    return _find_words(text)


class BPETokenizer:
    """Byte-level byte-pair encoding with GPT-2's pre-tokenizer.

    >>> tokenizer = BPETokenizer.train(["low lower lowest"], vocab_size=259)
    >>> [tokenizer.decode([token]) for token in tokenizer.encode("slow")]
    ['s', 'low']
    """

    def __init__(self, merges: Iterable[tuple[int, int]], special_tokens: Iterable[str] = ()):
        """`merges`: pairs of ids in the order of learning; the k-th makes id 256 + k. See `train` for `special_tokens`."""
        self.merges = _checked_merges(merges)
        self._merge_to_id = {pair: new for new, pair in enumerate(self.merges, start=256)}
        self._bytes = _bytes_of_ids(self.merges)
        special = _checked_special_tokens(special_tokens)
        self.special_tokens = {token: 256 + len(self.merges) + k for k, token in enumerate(special)}
        self._bytes.update((token_id, token.encode()) for token, token_id in self.special_tokens.items())
        self._split_at_special = _special_splitter(special)
        self._cache = _WordCache(self._encode_word)

    @property
    def vocab_size(self) -> int:
        """Number of ids: 256 bytes, merges and special tokens."""
        return len(self._bytes)

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, special_tokens: Iterable[str] = ()) -> "BPETokenizer":
        """Learn merges from texts, which are read once and one at a time (Sennrich et al. 2016, algorithm 1).

        Each merge joins the pair of neighbouring tokens with the highest count over all words ("aaa" holds "aa" twice);
        equal counts go to the lowest left id, then the lowest right id. Training ends at `vocab_size` ids, special
        tokens included, or earlier when every word is one token. `special_tokens` (no white space) get the last ids;
        where one stands in a text, the text is cut there. Raises `ValueError` for a bare string, for a text with lone
        surrogates and for a vocabulary smaller than 256 plus the special tokens.
        """
        special = _checked_special_tokens(special_tokens)
        smallest = 256 + len(special)
        try:
            size = 0 if isinstance(vocab_size, bool) else operator.index(vocab_size)
        except TypeError:
            size = 0
        if size < smallest:
            raise ValueError(f"vocab_size: expected an int of at least {smallest} (256 bytes and "
                             f"{len(special)} special tokens), got {vocab_size!r}")
        word_counts = _count_words(texts, _special_splitter(special))
        return cls(_learn_merges(word_counts, size - smallest), special)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text; a special token in it becomes its own id.

        Raises `ValueError` for anything but a str and for lone surrogates, which have no bytes.
        """
        _check_text(text)
        return list(chain.from_iterable(map(self._encode_piece, _whole_pieces(_blocks(text)))))

    def encode_ordinary(self, text: str) -> list[int]:
        """Token ids of a text from a stranger: what looks like a special token is encoded as ordinary text."""
        _check_text(text)
        return list(chain.from_iterable(map(self._encode_words, _whole_pieces(_blocks(text)))))

    def encode_stream(self, chunks: Iterable[str]) -> Iterator[int]:
        """Token ids of a text that comes in chunks: those of `encode` on all of it, wherever the chunks are cut.

        What follows the last place where a space stands behind another character waits for the next chunk, so memory
        stays near the size of a chunk, or of the longest stretch without such a place. Time is linear.
        """
        _check_not_text("chunks", chunks)
        for piece in _whole_pieces(_checked_texts("chunks", chunks)):
            yield from self._encode_piece(piece)

    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids (list, array or 1-D integer tensor); bytes that are no UTF-8, as of a cut character, become U+FFFD.

        Raises `ValueError` for an id outside the vocabulary and for anything that is not a row of integers.
        """
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Bytes of token ids, exact also where a character is cut; errors as `decode`."""
        try:
            return b"".join(map(self._bytes.__getitem__, _checked_ids(ids)))
        except KeyError as error:
            raise ValueError(f"ids: expected 0 to {self.vocab_size - 1}, got {error.args[0]}") from None

    def save(self, path: str | os.PathLike) -> None:
        """Write merges and special tokens as JSON; an older file at `path` stays whole until the new one is complete.

        Raises `FileNotFoundError` where the folder does not exist, and `ValueError` where `path` is no place for a file.
        """
        visible = self._visible_tokens()
        content = {"format": _FILE_FORMAT, "version": _FILE_VERSION, "special_tokens": list(self.special_tokens),
                   "merges": [f"{visible[left]} {visible[right]}" for left, right in self.merges]}
        path = _checked_path(path).resolve()  # a link stays a link: the file that it names is written
        if path.exists() and not path.is_file():
            raise ValueError(f"path: {path} is a folder or a device, no file")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"path: there is no folder {path.parent} to write {path.name} into")
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            beside.write_text(json.dumps(content, ensure_ascii=False, indent=0), encoding="utf-8")
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "BPETokenizer":
        """Read a file that `save` wrote. Raises `FileNotFoundError`, or `ValueError` that says what is wrong with it."""
        path = _checked_path(path)
        if path.is_dir():
            raise ValueError(f"path: {path} is a folder, no tokenizer file")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FileNotFoundError(f"path: no tokenizer file at {path}") from None
        except (ValueError, RecursionError) as error:  # not UTF-8, not JSON
            raise ValueError(f"path: {path} is damaged or no tokenizer file: {error}") from None
        try:
            return cls(_merges_from_file(content), content["special_tokens"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"path: {path} is damaged or no tokenizer file: {error!r}") from None

    def to_tokenizers(self):
        """The same tokenizer as a Hugging Face `tokenizers.Tokenizer`."""
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

        visible = self._visible_tokens()
        vocabulary = {text: token for token, text in visible.items()}
        for token in self.special_tokens:
            if token in vocabulary:
                raise ValueError(f"special token {token!r}: `tokenizers` writes id {vocabulary[token]} the same way, "
                                 "so it cannot hold both; choose another name")
        merges = [(visible[left], visible[right]) for left, right in self.merges]
        tokenizer = Tokenizer(models.BPE(vocabulary, merges))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in self.special_tokens])
        return tokenizer

    def to_tiktoken(self):
        """The same tokenizer as a `tiktoken.Encoding`; encode with `allowed_special="all"` to match `encode`."""
        import tiktoken

        special_ids = set(self.special_tokens.values())
        ranks = {token_bytes: token for token, token_bytes in self._bytes.items() if token not in special_ids}
        return tiktoken.Encoding("course_lib", pat_str=GPT2_PATTERN, mergeable_ranks=ranks,
                                 special_tokens=self.special_tokens)

    def _encode_piece(self, piece: str) -> Iterator[int]:
        for k, part in enumerate(self._split_at_special(piece)):
            if k % 2:
                yield self.special_tokens[part]
            else:
                yield from self._encode_words(part)

    def _encode_words(self, piece: str) -> Iterator[int]:
        return chain.from_iterable(map(self._cache.__getitem__, _find_words(piece)))

    def _encode_word(self, word: str) -> tuple[int, ...]:
        """Merge by lowest rank, each rank at all its places from left to right, in time near linear in the word."""
        ids = [*word.encode().translate(_BYTE_TO_ID), GAP]
        following, preceding = list(range(1, len(ids) + 1)), list(range(-1, len(ids)))
        places = defaultdict(list)  # id that a merge makes -> where its left token stands
        for place, pair in enumerate(zip(ids, ids[1:])):
            if pair in self._merge_to_id:
                places[self._merge_to_id[pair]].append(place)
        waiting = list(places)
        heapq.heapify(waiting)
        while waiting:
            new = heapq.heappop(waiting)
            left, right = self.merges[new - 256]
            for place in sorted(places.pop(new)):
                neighbour = following[place]
                if ids[place] != left or ids[neighbour] != right:
                    continue  # an earlier merge took one of the two
                before, after = preceding[place], following[neighbour]
                ids[place], ids[neighbour] = new, GAP
                following[place], preceding[after] = after, place
                for start, pair in ((before, (ids[before], new)), (place, (new, ids[after]))):
                    newer = self._merge_to_id.get(pair)
                    if newer is not None:
                        if newer not in places:
                            heapq.heappush(waiting, newer)
                        places[newer].append(start)
        return tuple(token for token in ids if token != GAP)

    def _visible_tokens(self) -> dict[int, str]:
        return {token: "".join(map(_VISIBLE.__getitem__, self._bytes[token])) for token in range(256 + len(self.merges))}


class _WordCache(dict):
    """Word -> ids, worked out at the first look-up; emptied when full, so that hostile text cannot fill the memory."""

    def __init__(self, encode_word):
        self.encode_word = encode_word

    def __missing__(self, word: str) -> tuple[int, ...]:
        ids = self.encode_word(word)
        if len(word) <= _CACHED_WORD_CHARACTERS:
            if len(self) >= _CACHED_WORDS:
                self.clear()
            self[word] = ids
        return ids


def _count_words(texts: Iterable[str], split_at_special) -> Counter[str]:
    _check_not_text("texts", texts)
    counts = Counter()
    for text in _checked_texts("texts", texts):
        for part in split_at_special(text)[::2]:
            for piece in _whole_pieces(_blocks(part)):
                counts.update(_find_words(piece))
    return counts


def _learn_merges(word_counts: Counter[str], wanted: int) -> list[tuple[int, int]]:
    """At most `wanted` merges; each costs time in proportion to the places where its pair stands."""
    ids, weights = _row_of_words(word_counts)
    following, preceding = array("q", range(1, len(ids) + 1)), array("q", range(-1, len(ids) - 1))
    counts, places = Counter(), defaultdict(lambda: array("q"))
    for place, pair in enumerate(zip(ids, ids[1:])):
        if GAP not in pair:
            counts[pair] += weights[place]
            places[pair].append(place)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)
    merges = []
    while heap and len(merges) < wanted:
        count, pair = heapq.heappop(heap)
        if -count != counts[pair]:  # some of its places were merged into others since it was pushed
            if counts[pair]:
                heapq.heappush(heap, (-counts[pair], pair))
            continue
        (left, right), new = pair, 256 + len(merges)
        merges.append(pair)
        touched = set()
        for place in sorted(places.pop(pair)):
            neighbour = following[place]
            if ids[place] != left or ids[neighbour] != right:
                continue  # an earlier merge took one of the two
            before, after, weight = preceding[place], following[neighbour], weights[place]
            ids[place], ids[neighbour] = new, GAP
            following[place], preceding[after] = after, place
            if (token := ids[before]) != GAP:
                counts[token, left] -= weight
                counts[token, new] += weight
                places[token, new].append(before)
                touched.add((token, new))
            if (token := ids[after]) != GAP:
                counts[right, token] -= weight
                counts[new, token] += weight
                places[new, token].append(place)
                touched.add((new, token))
        for created in touched:
            if counts[created]:  # in "aaaa", (aa, a) comes and goes within one merge
                heapq.heappush(heap, (-counts[created], created))
    return merges


def _row_of_words(word_counts: Counter[str]) -> tuple[array, array]:
    """All words as byte ids in one row with a GAP around each, and for each place how often its word occurs."""
    ids, weights = array("q", [GAP]), array("q", [0])
    while word_counts:  # each word is dropped as soon as it stands in the row
        word, count = word_counts.popitem()
        row = word.encode().translate(_BYTE_TO_ID)
        ids.extend(row)
        ids.append(GAP)
        weights.extend([count] * (len(row) + 1))
    return ids, weights


def _blocks(text: str) -> Iterator[str]:
    return (text[start : start + _PIECE_CHARACTERS] for start in range(0, len(text), _PIECE_CHARACTERS))


def _whole_pieces(chunks: Iterable[str]) -> Iterator[str]:
    """The same text, cut only where no token can reach across. `held` keeps what may still grow; it is joined once."""
    held = []
    for chunk in filter(None, chunks):
        last = held[-1][-1] if held else ""
        boundary = _find_last_boundary(last + chunk)
        if boundary:
            cut = boundary.start() - len(last)
            yield "".join([*held, chunk[:cut]])
            held = [chunk[cut:]]
        else:
            held.append(chunk)
    yield "".join(held)


def _bytes_of_ids(merges: tuple[tuple[int, int], ...]) -> dict[int, bytes]:
    bytes_of = {token: bytes([byte]) for token, byte in enumerate(_BYTE_ORDER)}
    made = set(bytes_of.values())
    for new, pair in enumerate(merges, start=256):
        if not (len(pair) == 2 and pair[0] in bytes_of and pair[1] in bytes_of):
            raise ValueError(f"merges: expected pairs (left id, right id) of earlier ids, got {pair!r} as number {new - 256}")
        bytes_of[new] = bytes_of[pair[0]] + bytes_of[pair[1]]
        if bytes_of[new] in made:
            raise ValueError(f"merges: number {new - 256}, {pair}, makes {bytes_of[new]!r}, which another id already is")
        made.add(bytes_of[new])
    return bytes_of


def _checked_merges(merges: Iterable[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """The merges as tuples of plain integers, whatever kind of pairs and of integers they came as."""
    if isinstance(merges, (str, bytes)) or not isinstance(merges, Iterable):
        raise ValueError(f"merges: expected pairs (left id, right id), got {type(merges).__name__}")
    pairs = []
    for k, pair in enumerate(merges):
        try:
            pairs.append(tuple(_checked_ids(pair)))
        except ValueError:
            raise ValueError(f"merges: expected pairs (left id, right id) of earlier ids, got {pair!r} as number {k}") from None
    return tuple(pairs)


def _checked_path(path: str | os.PathLike) -> Path:
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise ValueError(f"path: expected the name of a file, got {path!r}")
    return Path(path)


def _special_splitter(special_tokens: list[str]):
    """A function that cuts a text into [text, special token, text, ...]; of two that fit, the longer one is taken."""
    if not special_tokens:
        return _uncut
    longest_first = sorted(special_tokens, key=len, reverse=True)
    return regex.compile("(" + "|".join(map(regex.escape, longest_first)) + ")").split


def _uncut(text: str) -> list[str]:
    return [text]


def _merges_from_file(content: dict) -> list[tuple[int, int]]:
    if content["format"] != _FILE_FORMAT or content["version"] != _FILE_VERSION:
        raise ValueError(f"expected format {_FILE_FORMAT} version {_FILE_VERSION}, "
                         f"got {content['format']} version {content['version']}")
    token_to_id = {_VISIBLE[byte]: token for token, byte in enumerate(_BYTE_ORDER)}
    merges = []
    for merge in content["merges"]:
        left, right = merge.split(" ")
        merges.append((token_to_id[left], token_to_id[right]))
        token_to_id[left + right] = 255 + len(merges)
    return merges


def _check_text(text: str, name: str = "text") -> None:
    if not isinstance(text, str):
        raise ValueError(f"{name}: expected a str, got {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name}: the character at position {error.start} is the lone surrogate U+{ord(text[error.start]):04X}, which "
            'has no bytes; read the text with errors="replace", or call '
            'text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") first'
        ) from None


def _check_not_text(name: str, texts: Iterable[str]) -> None:
    if isinstance(texts, (str, bytes)) or not isinstance(texts, Iterable):
        raise ValueError(f"{name}: expected several strings (a list, a file, a generator), got {type(texts).__name__}; "
                         "put a single string into a list")


def _checked_texts(name: str, texts: Iterable[str]) -> Iterator[str]:
    for k, text in enumerate(texts):
        _check_text(text, f"{name}[{k}]")
        yield text


def _checked_special_tokens(special_tokens: Iterable[str]) -> list[str]:
    _check_not_text("special_tokens", special_tokens)
    tokens = list(_checked_texts("special_tokens", special_tokens))
    for token in tokens:
        if not token or regex.search(r"\s", token):
            raise ValueError(f"special_tokens: expected at least one character and no white space, got {token!r}")
    if len(set(tokens)) < len(tokens):
        raise ValueError(f"special_tokens: expected each once, got {tokens}")
    return tokens


def _checked_ids(ids: Iterable[int]) -> list[int]:
    values = ids.tolist() if hasattr(ids, "tolist") else ids
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ValueError(f"ids: expected a row of integers, got {type(ids).__name__}")
    values = list(values)
    for k, value in enumerate(values):
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise ValueError(f"ids: expected integers, got {type(value).__name__} at position {k}")
    try:
        return list(map(operator.index, values))
    except TypeError as error:  # a tensor has __index__ whatever it holds
        raise ValueError(f"ids: expected integers, but {error}") from None
