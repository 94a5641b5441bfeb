"""Wrong and right programs for lesson 01."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

UTF8 = Exercise(
    mistakes=[
        Mistake("code points", "def utf8_bytes(text): return [ord(character) for character in text]", says="these are code points"),
        Mistake("no mark on following bytes", edit("0b11000000 | code >> 6, 0b10000000 | code & 63", "0b11000000 | code >> 6, code & 63"), says="its mark 10"),
        Mistake("no mark on the first byte", edit("0b11000000 | code >> 6", "code >> 6"), says="its mark 110"),
        Mistake("lowest bits first", "def utf8_bytes(text): return [b for c in text for b in reversed(bytearray(c, 'utf-8'))]", says="wrong order"),
        Mistake("six bits not cut out", edit("0b10000000 | code >> 6 & 63, 0b10000000 | code & 63]\n        else", "0b10000000 | code >> 6, 0b10000000 | code & 63]\n        else"), says="more than its six bits"),
        Mistake("two bytes for three", edit("elif code < 0x800", "elif code < 0x4000"), says="needs three bytes"),
        Mistake("three bytes for the heart", edit("elif code < 0x10000", "elif code < 0x20000"), says="heart needs four bytes"),
        Mistake("Latin-1", "def utf8_bytes(text): return list(bytearray(text, 'latin-1', 'replace'))", says="these are code points"),
        Mistake("surrogates let through", edit("0xD800 <= code <= 0xDFFF", "False"), says="should raise ValueError"),
        Mistake("surrogates replaced", "def utf8_bytes(text): return list(bytearray(text, 'utf-8', 'replace'))", says="should raise ValueError"),
        Mistake("only high surrogates", edit("<= 0xDFFF", "<= 0xDBFF"), says="surrogate DFFF"),
        Mistake("ready-made", "def utf8_bytes(text): return list(text.encode())", says="write it yourself"),
        Mistake("bytes, not a list", "def utf8_bytes(text): return bytes(text, 'utf-8')", says="should be list"),
    ],
    alternatives=[
        Alternative("arithmetic instead of bits", """
            def utf8_bytes(text):
                out = []
                for character in text:
                    n = ord(character)
                    if 55296 <= n < 57344:
                        raise ValueError("surrogate")
                    tail = []
                    limit = 128
                    while n >= limit:
                        tail.insert(0, 128 + n % 64)
                        n //= 64
                        limit = 32 if limit == 128 else limit // 2
                    first = [0, 192, 224, 240][len(tail)] + n
                    out.extend([first] + tail)
                return out
        """),
        Alternative("with int.to_bytes and strings of bits", """
            def one(code):
                bits = f"{code:b}"
                for count, room, mark in [(1, 7, "0"), (2, 11, "110"), (3, 16, "1110"), (4, 21, "11110")]:
                    if len(bits) <= room:
                        break
                bits = bits.zfill(room)
                if count == 1:
                    return [int(bits, 2)]
                cut = room - 6 * (count - 1)
                return [int(mark + bits[:cut], 2)] + [int("10" + bits[k:k + 6], 2) for k in range(cut, room, 6)]

            def utf8_bytes(text):
                if any("\\ud800" <= c <= "\\udfff" for c in text):
                    raise ValueError("lone surrogate")
                return sum((one(ord(c)) for c in text), [])
        """),
        Alternative("bytearray", "def utf8_bytes(text): return list(bytearray(text, 'utf-8'))"),
    ],
)

PRETOKENIZE = Exercise(
    mistakes=[
        Mistake("cut at white space", "def pretokenize(text): return text.split()", says="cut at white space"),
        Mistake("endings after other signs", edit("'(?:s|t|re|ve|m|ll|d)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+", " ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|'(?:s|t|re|ve|m|ll|d)"), says="rule 1 comes before rule 4"),
        Mistake("no endings", edit("'(?:s|t|re|ve|m|ll|d)|", ""), says="rule 1 comes before rule 4"),
        Mistake("no space in front", edit("| ?\\p{L}+| ?\\p{N}+| ?[^", "|\\p{L}+|\\p{N}+|[^"), says="one space goes with the word behind it"),
        Mistake("rule 5 left out", edit("|\\s+(?!\\S)", ""), says="rule 5"),
        Mistake("any number of spaces in front", edit("| ?\\p{L}+| ?\\p{N}+| ?[^", "| *\\p{L}+| *\\p{N}+| *[^"), says="only one space"),
        Mistake("any white space in front", edit("| ?\\p{L}+| ?\\p{N}+| ?[^", "|\\s?\\p{L}+|\\s?\\p{N}+|\\s?[^"), says="no line end"),
        Mistake("word characters", edit("\\p{L}+", "\\w+"), says="takes it for one"),
        Mistake("spaces only, no line ends", edit("|\\s+(?!\\S)|\\s+", "| +(?!\\S)| +"), says="line ends are lost"),
        Mistake("one white space at a time", edit("|\\s+(?!\\S)|\\s+", "|\\s"), says="rule 5 "),
        Mistake("numbers are signs", edit("| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+", "| ?[^\\s\\p{L}]+"), says="a kind of their own"),
        Mistake("only ASCII letters", edit("\\p{L}+", "[A-Za-z]+"), says="the words of"),
        Mistake("only ASCII digits", edit(" ?\\p{N}+", " ?[0-9]+"), says="the words of"),
        Mistake("endings in capitals too", edit('r"\'(?:s', 'r"(?i)\'(?:s'), says="the words of"),
        Mistake("ready-made", """
            def pretokenize(text):
                cutter = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
                return [text[start:end] for _, (start, end) in cutter.pre_tokenize_str(text)]
        """, says="write it yourself"),
    ],
    alternatives=[
        Alternative("as in GPT-2's own code", """
            def pretokenize(text):
                kinds = ["'s|'t|'re|'ve|'m|'ll|'d", r" ?\\p{L}+", r" ?\\p{N}+", r" ?[^\\s\\p{L}\\p{N}]+", r"\\s+(?!\\S)", r"\\s+"]
                return [match.group() for match in regex.finditer("|".join(kinds), text)]
        """),
        Alternative("without a pattern for the whole", """
            import unicodedata

            def kind(character):
                if regex.match(r"\\s", character):
                    return " "
                return unicodedata.category(character)[0] if unicodedata.category(character)[0] in "LN" else "?"

            def pretokenize(text):
                words, place = [], 0
                while place < len(text):
                    ending = next((e for e in ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d") if text.startswith(e, place)), None)
                    end = place + len(ending) if ending else place
                    if not ending:
                        start = place + (text[place] == " " and place + 1 < len(text) and kind(text[place + 1]) != " ")
                        end = start
                        while end < len(text) and kind(text[end]) == kind(text[start]):
                            end += 1
                        if kind(text[start]) == " " and end < len(text) and end - start > 1:
                            end -= 1
                    words.append(text[place:end])
                    place = end
                return words
        """),
    ],
)

COUNT_PAIRS = Exercise(
    mistakes=[
        Mistake("words count once", edit("+ number", "+ 1"), says="as many times as it occurs"),
        Mistake("a pair counts once a word", edit("for pair in zip(word, word[1:])", "for pair in set(zip(word, word[1:]))"), says="stands twice in a word"),
        Mistake("across words", """
            def count_pairs(words, times):
                counts = {}
                for k, word in enumerate(words):
                    for pair in zip(word, word[1:]):
                        counts[pair] = counts.get(pair, 0) + times[k]
                    if k + 1 < len(words):
                        pair = (word[-1], words[k + 1][0])
                        counts[pair] = counts.get(pair, 0) + times[k]
                return counts
        """, says="from one word to the next"),
        Mistake("order lost", edit("for pair in zip(word, word[1:])", "for pair in map(tuple, map(sorted, zip(word, word[1:])))"), says="are two pairs"),
        Mistake("no overlaps", edit("for pair in zip(word, word[1:])", "for pair in zip(word[::2], word[1::2])"), says="tiny example"),
        Mistake("overlaps of equal ids skipped", """
            def count_pairs(words, times):
                counts = {}
                for word, number in zip(words, times):
                    place = 0
                    while place + 1 < len(word):
                        pair = word[place], word[place + 1]
                        counts[pair] = counts.get(pair, 0) + number
                        place += 2 if pair[0] == pair[1] == (word[place + 2] if place + 2 < len(word) else None) else 1
                return counts
        """, says="overlapping pairs count each"),
        Mistake("lists of counts", edit("return counts", "return list(counts.items())"), says="should be"),
    ],
    alternatives=[
        Alternative("Counter", """
            def count_pairs(words, times):
                total = Counter()
                for k in range(len(words)):
                    for left, right in zip(words[k][:-1], words[k][1:]):
                        total[left, right] += times[k]
                return total
        """),
        Alternative("by places", """
            from collections import defaultdict

            def count_pairs(words, times):
                table = defaultdict(int)
                for row, occurs in zip(words, times):
                    place = 0
                    while place + 1 < len(row):
                        table[tuple(row[place:place + 2])] += occurs
                        place += 1
                return dict(table)
        """),
    ],
)

MERGE_PAIR = Exercise(
    mistakes=[
        Mistake("only the first", """
            def merge_pair(word, pair, new_id):
                for place in range(len(word) - 1):
                    if (word[place], word[place + 1]) == pair:
                        return word[:place] + [new_id] + word[place + 2:]
                return list(word)
        """, says="only the first pair"),
        Mistake("second id kept", edit("place += 2", "place += 1"), says="still there"),
        Mistake("last id lost", edit("place < len(word)", "place < len(word) - 1"), says="last id of the word is lost"),
        Mistake("nothing merged", "def merge_pair(word, pair, new_id): return list(word)", says="as it was"),
        Mistake("a list is compared with a tuple", edit("tuple(word[place:place + 2])", "word[place:place + 2]"), says="as it was"),
        Mistake("from right to left", """
            def merge_pair(word, pair, new_id):
                out, place = [], len(word) - 1
                while place >= 0:
                    if place and (word[place - 1], word[place]) == pair:
                        out.insert(0, new_id)
                        place -= 2
                    else:
                        out.insert(0, word[place])
                        place -= 1
                return out
        """, says="from left to right"),
        Mistake("an id in two merges", """
            def merge_pair(word, pair, new_id):
                out, skip = [], False
                for place, token in enumerate(word):
                    here = tuple(word[place:place + 2]) == pair
                    if here:
                        out.append(new_id)
                    elif not skip:
                        out.append(token)
                    skip = here
                return out
        """, says="used in two merges"),
        Mistake("either order", edit("tuple(word[place:place + 2]) == pair", "sorted(word[place:place + 2]) == sorted(pair)"), says="is not the pair"),
        Mistake("not only neighbours", """
            def merge_pair(word, pair, new_id):
                out, k = [], 0
                while k < len(word):
                    later = [j for j in range(k + 1, len(word)) if word[j] == pair[1]]
                    if word[k] == pair[0] and later:
                        out.append(new_id)
                        k = later[0] + 1
                    else:
                        out.append(word[k])
                        k += 1
                return out
        """, says="must be neighbours"),
        Mistake("changes its input", """
            def merge_pair(word, pair, new_id):
                place = 0
                while place < len(word) - 1:
                    if (word[place], word[place + 1]) == pair:
                        word[place:place + 2] = [new_id]
                    place += 1
                return word
        """, says="your input after the call"),
    ],
    alternatives=[
        Alternative("neighbours by index", """
            def merge_pair(word, pair, new_id):
                out, k = [], 0
                while k < len(word):
                    hit = k + 1 < len(word) and word[k] == pair[0] and word[k + 1] == pair[1]
                    out.append(new_id if hit else word[k])
                    k += 1 + hit
                return out
        """),
        Alternative("on a copy, in place", """
            def merge_pair(word, pair, new_id):
                row = list(word)
                for k in range(len(row)):
                    if tuple(row[k:k + 2]) == tuple(pair):
                        row[k:k + 2] = [new_id]
                return row
        """),
        Alternative("as a text", """
            def merge_pair(word, pair, new_id):
                text = "".join(map(chr, word)).replace("".join(map(chr, pair)), chr(new_id))
                return list(map(ord, text))
        """),
    ],
)

COUNT_CHANGES = Exercise(
    mistakes=[
        Mistake("only the pair itself", "def count_changes(word, pair, new_id): return {pair: -list(zip(word, word[1:])).count(pair)}", says="its neighbours do too"),
        Mistake("only what is new", edit("[merged, word], [1, -1]", "[merged], [1]"), says="that are gone are missing"),
        Mistake("only what is gone", edit("[merged, word], [1, -1]", "[word], [-1]"), says="that are new are missing"),
        Mistake("signs turned", edit("[1, -1]", "[-1, 1]"), says="the wrong way round"),
        Mistake("zeros kept", edit(" if change}", "}"), says="left out"),
        Mistake("merges counted, not places", """
            def count_changes(word, pair, new_id):
                merged = merge_pair(word, pair, new_id)
                changes = count_pairs([merged, word], [1, -1])
                if pair in changes:
                    changes[pair] = -merged.count(new_id)
                return {key: value for key, value in changes.items() if value}
        """, says="all are gone"),
        Mistake("returns the word", edit("return {changed: change for changed, change in changes.items() if change}", "return merged"), says="should be dict"),
    ],
    alternatives=[
        Alternative("Counter arithmetic", """
            def count_changes(word, pair, new_id):
                new = merge_pair(list(word), pair, new_id)
                after, before = Counter(zip(new, new[1:])), Counter(zip(word, word[1:]))
                return {key: after[key] - before[key] for key in after.keys() | before.keys() if after[key] != before[key]}
        """),
        Alternative("near the merges only", """
            def count_changes(word, pair, new_id):
                changes, out, k = Counter(), [], 0
                while k < len(word):
                    if tuple(word[k:k + 2]) == pair:
                        changes[pair] -= 1
                        if out:
                            changes[out[-1], pair[0]] -= 1
                            changes[out[-1], new_id] += 1
                        if k + 2 < len(word):
                            changes[pair[1], word[k + 2]] -= 1
                            changes[new_id, word[k + 2]] += 1
                        out.append(new_id)
                        k += 2
                    else:
                        out.append(word[k])
                        k += 1
                return {key: value for key, value in changes.items() if value}
        """),
    ],
)


def plain_training(**changes: str) -> str:
    """A right trainer that counts everything again for each merge; `changes` make it wrong in one place."""
    parts = {
        "words": "Counter(word for text in texts for word in pretokenize(text))",
        "ids": "byte_ids(word)",
        "best": "min(counts, key=lambda pair: (-counts[pair], pair))",
        "times": "times",
        "stop": "not counts",
        "limit": "vocab_size < 256",
        "new": "256 + len(merges)",
    } | changes
    return """
def train_bpe(texts, vocab_size):
    if {limit}:
        raise ValueError("vocab_size")
    rows = [({ids}, times) for word, times in {words}.items()]
    merges = []
    while len(merges) < vocab_size - 256:
        counts = {{}}
        for row, times in rows:
            for pair in zip(row, row[1:]):
                counts[pair] = counts.get(pair, 0) + {times}
        if {stop}:
            break
        best = {best}
        rows = [(merge_pair(row, best, {new}), times) for row, times in rows]
        merges.append(best)
    return merges
""".format(**parts)


TRAIN = Exercise(
    mistakes=[
        Mistake("ties to the first seen", plain_training(best="max(counts, key=counts.get)"), says="seen first"),
        Mistake("ties to the highest ids", plain_training(best="max(counts, key=lambda pair: (counts[pair], pair))"), says="to the highest"),
        Mistake("ties to the lowest right id", plain_training(best="min(counts, key=lambda pair: (-counts[pair], pair[1], pair[0]))"), says="lowest left id first"),
        Mistake("words count once", plain_training(times="1"), says="as many times as it occurs"),
        Mistake("no words", plain_training(words="Counter(texts)"), says="inside the words"),
        Mistake("words by split", plain_training(words="Counter(word for text in texts for word in text.split())"), says="lost their spaces"),
        Mistake("bytes as ids", plain_training(ids="utf8_bytes(word)"), says="byte_ids"),
        Mistake("rarest first", plain_training(best="min(counts, key=lambda pair: (counts[pair], pair))"), says="the lowest does"),
        Mistake("only the first text", plain_training(words="Counter(pretokenize(''.join(texts[:1])))"), says="only the first text"),
        Mistake("small vocabulary let through", plain_training(limit="False"), says="should raise ValueError"),
        Mistake("counts not kept up to date", edit("counts[pair] = counts.get(pair, 0) + change * times[number]", "counts.setdefault(pair, 0)"), says="six merges"),
        Mistake("changes not weighted", edit("change * times[number]", "change"), says="six merges"),
        Mistake("new pairs' words not noted", edit("holders.setdefault(pair, set()).add(number)", "pass"), says="KeyError"),
        Mistake("vocab_size counts merges", plain_training().replace("vocab_size - 256", "vocab_size"), says="six merges"),
        Mistake("stops when every pair is rare", plain_training(stop="max(counts.values(), default=0) < 2"), says="occurs once is worth"),
        Mistake("ready-made", "def train_bpe(texts, vocab_size): return library_merges(train_library(texts, vocab_size))", says="write it yourself"),
    ],
    alternatives=[
        Alternative("counting everything again", plain_training()),
        Alternative("with a heap", """
            import heapq

            def train_bpe(texts, vocab_size):
                if vocab_size < 256:
                    raise ValueError("too small")
                times = Counter()
                for text in texts:
                    times.update(pretokenize(text))
                rows, weight = [byte_ids(w) for w in times], list(times.values())
                counts, where = Counter(), {}
                for k, row in enumerate(rows):
                    for pair in zip(row, row[1:]):
                        counts[pair] += weight[k]
                        where.setdefault(pair, set()).add(k)
                heap = [(-n, pair) for pair, n in counts.items()]
                heapq.heapify(heap)
                merges = []
                while heap and len(merges) + 256 < vocab_size:
                    n, pair = heapq.heappop(heap)
                    if -n != counts[pair] or not n:
                        if 0 < counts[pair] < -n:
                            heapq.heappush(heap, (-counts[pair], pair))
                        continue
                    touched = set()
                    for k in list(where[pair]):
                        for other, change in count_changes(rows[k], pair, 256 + len(merges)).items():
                            counts[other] += weight[k] * change
                            where.setdefault(other, set()).add(k)
                            touched.add(other)
                        rows[k] = merge_pair(rows[k], pair, 256 + len(merges))
                    merges.append(pair)
                    for other in touched:
                        if counts[other] > 0:
                            heapq.heappush(heap, (-counts[other], other))
                return merges
        """),
    ],
)

ENCODE = Exercise(
    mistakes=[
        Mistake("bytes only", "def encode(text, merges): return [token for word in pretokenize(text) for token in byte_ids(word)]", says="no pair was merged"),
        Mistake("one merge a word", """
            def encode(text, merges):
                new_ids = {pair: 256 + rank for rank, pair in enumerate(merges)}
                ids = []
                for piece in pretokenize(text):
                    word = byte_ids(piece)
                    learned = new_ids.keys() & zip(word, word[1:])
                    if learned:
                        pair = min(learned, key=new_ids.get)
                        word = merge_pair(word, pair, new_ids[pair])
                    ids += word
                return ids
        """, says="look again"),
        Mistake("from left to right", """
            def encode(text, merges):
                new_ids = {pair: 256 + rank for rank, pair in enumerate(merges)}
                ids = []
                for piece in pretokenize(text):
                    word = byte_ids(piece)
                    k = 0
                    while k + 1 < len(word):
                        if (word[k], word[k + 1]) in new_ids:
                            word[k:k + 2] = [new_ids[word[k], word[k + 1]]]
                            k = 0
                        else:
                            k += 1
                    ids += word
                return ids
        """, says="not from left to right"),
        Mistake("highest rank first", edit("min(learned", "max(learned"), says="not from left to right"),
        Mistake("ids start at 257", edit("256 + rank", "257 + rank"), says="merge number 0 makes id 256"),
        Mistake("ids are ranks", edit("256 + rank", "rank"), says="first 256 ids are those of the bytes"),
        Mistake("across words", "def encode(text, merges):\n    word = byte_ids(text)\n    for k, pair in enumerate(merges): word = merge_pair(word, pair, 256 + k)\n    return word", says="across two words"),
        Mistake("words by split", edit("set(pretokenize(text))", "set(text.split())", "for piece in pretokenize(text)", "for piece in text.split()"), says="lost their spaces"),
        Mistake("bytes as ids", edit("word = byte_ids(piece)", "word = utf8_bytes(piece)"), says="should be"),
        Mistake("longest piece first", """
            def encode(text, merges):
                pieces = {decode_one(k, merges): k for k in range(256 + len(merges))}
                ids = []
                for word in pretokenize(text):
                    rest = tuple(byte_ids(word))
                    while rest:
                        size = next(n for n in range(len(rest), 0, -1) if rest[:n] in pieces)
                        ids.append(pieces[rest[:size]])
                        rest = rest[size:]
                return ids

            def decode_one(token, merges):
                if token < 256:
                    return (token,)
                left, right = merges[token - 256]
                return decode_one(left, merges) + decode_one(right, merges)
        """, says="lowest rank goes first"),
        Mistake("ready-made", """
            def encode(text, merges):
                return train_library([text], 256 + len(merges)).encode(text).ids
        """, says="should"),
    ],
    alternatives=[
        Alternative("merges in the order of learning", """
            def encode(text, merges):
                ids = []
                for piece in pretokenize(text):
                    word = byte_ids(piece)
                    for new_id, pair in enumerate(merges, start=256):
                        word = merge_pair(word, pair, new_id)
                    ids.extend(word)
                return ids
        """),
        Alternative("min over neighbours, one pair at a time", """
            def encode(text, merges):
                rank = {pair: k for k, pair in enumerate(merges)}
                memory, ids = {}, []
                for piece in pretokenize(text):
                    if piece not in memory:
                        word = byte_ids(piece)
                        while len(word) > 1:
                            best = min(zip(word, word[1:]), key=lambda pair: rank.get(pair, math.inf))
                            if best not in rank:
                                break
                            word = merge_pair(word, best, 256 + rank[best])
                        memory[piece] = word
                    ids += memory[piece]
                return ids
        """),
    ],
    same_program={"line 9: set(pretokenize(text)): only its argument": "a word that occurs again is done again, with the same result"},
)

DECODE = Exercise(
    mistakes=[
        Mistake("ids are bytes", edit("for byte in BYTE_ORDER", "for byte in range(256)"), says="ids are not bytes"),
        Mistake("right part first", edit("pieces[left] + pieces[right]", "pieces[right] + pieces[left]"), says="after the left part"),
        Mistake("each id decoded alone", """
            def decode_bytes(ids, merges):
                pieces = [bytes([byte]) for byte in BYTE_ORDER]
                for left, right in merges:
                    pieces.append(pieces[left] + pieces[right])
                if any(token < 0 or token >= len(pieces) for token in ids):
                    raise ValueError("unknown id")
                return b"".join(pieces[token] for token in ids)

            def decode(ids, merges):
                return "".join(byte.decode("utf-8", "replace") for byte in (bytes([b]) for b in decode_bytes(ids, merges)))
        """, says="join the bytes first"),
        Mistake("Latin-1", edit('"utf-8", errors="replace"', '"latin-1"'), says="one character"),
        Mistake("strict", edit(', errors="replace"', ""), says="can't decode byte"),
        Mistake("cut characters dropped", edit('errors="replace"', 'errors="ignore"'), says="left out"),
        Mistake("cut characters escaped", edit('errors="replace"', 'errors="backslashreplace"'), says="shows the byte"),
        Mistake("unknown ids let through", edit("if not all(0 <= token < len(pieces) for token in ids):", "if False:"), says="unknown id"),
        Mistake("negative ids let through", edit("0 <= token < len(pieces)", "token < len(pieces)"), says="unknown id -1"),
        Mistake("only the last merges are known", edit("pieces.append(pieces[left] + pieces[right])", "pieces.append(bytes([BYTE_ORDER[left % 256], BYTE_ORDER[right % 256]]))"), says="may be merges themselves"),
    ],
    alternatives=[
        Alternative("recursion", """
            def expand(token, merges):
                if token < 0 or token >= 256 + len(merges):
                    raise ValueError(f"unknown id {token}")
                if token < 256:
                    return bytes([BYTE_ORDER[token]])
                return b"".join(expand(part, merges) for part in merges[token - 256])

            def decode_bytes(ids, merges):
                return b"".join(expand(token, merges) for token in ids)

            def decode(ids, merges):
                return str(decode_bytes(ids, merges), "utf-8", "replace")
        """),
        Alternative("unfolding the ids", """
            def decode_bytes(ids, merges):
                out, todo = bytearray(), list(ids)[::-1]
                while todo:
                    token = todo.pop()
                    if not 0 <= token < 256 + len(merges):
                        raise ValueError("id")
                    if token < 256:
                        out.append(BYTE_ORDER[token])
                    else:
                        todo += [merges[token - 256][1], merges[token - 256][0]]
                return bytes(out)

            def decode(ids, merges):
                return decode_bytes(ids, merges).decode(errors="replace")
        """),
    ],
)

EXERCISES = {
    "utf8_bytes": UTF8,
    "pretokenize": PRETOKENIZE,
    "count_pairs": COUNT_PAIRS,
    "merge_pair": MERGE_PAIR,
    "count_changes": COUNT_CHANGES,
    "train_bpe": TRAIN,
    "encode": ENCODE,
    "decode": DECODE,
}
