"""Wrong and right programs for lesson 01."""

from tests.graders.runner import Alternative, Exercise, Mistake, edit

UTF8 = Exercise(
    mistakes=[
        Mistake("code points", "def utf8_bytes(text): return [ord(character) for character in text]", says="these are code points"),
        Mistake("no mark on following bytes", edit("0b11000000 | code >> 6, 0b10000000 | code & 63", "0b11000000 | code >> 6, code & 63"), says="its mark 10"),
        Mistake("no mark on the first byte", edit("0b11000000 | code >> 6", "code >> 6"), says="its mark 110"),
        Mistake("lowest bits first", "kind = bytearray\ndef utf8_bytes(text): return [b for c in text for b in reversed(kind(c, 'utf-8'))]", says="wrong order"),
        Mistake("six bits not cut out", edit("0b10000000 | code >> 6 & 63, 0b10000000 | code & 63]\n        else", "0b10000000 | code >> 6, 0b10000000 | code & 63]\n        else"), says="more than its six bits"),
        Mistake("two bytes for three", edit("elif code < 0x800", "elif code < 0x4000"), says="needs three bytes"),
        Mistake("three bytes for the heart", edit("elif code < 0x10000", "elif code < 0x20000"), says="heart needs four bytes"),
        Mistake("Latin-1", "kind = bytearray\ndef utf8_bytes(text): return list(kind(text, 'latin-1', 'replace'))", says="these are code points"),
        Mistake("surrogates let through", edit("0xD800 <= code <= 0xDFFF", "False"), says="should raise ValueError"),
        Mistake("surrogates replaced", "kind = bytearray\ndef utf8_bytes(text): return list(kind(text, 'utf-8', 'replace'))", says="should raise ValueError"),
        Mistake("only high surrogates", edit("<= 0xDFFF", "<= 0xDBFF"), says="surrogate DFFF"),
        Mistake("ready-made", "def utf8_bytes(text): return list(text.encode())", says="write it yourself"),
        Mistake("bytes()", "def utf8_bytes(text): return list(bytes(text, 'utf-8'))", says="write it yourself"),
        Mistake("bytearray()", "def utf8_bytes(text): return [*bytearray(text, encoding='utf8')]", says="write it yourself"),
        Mistake("codecs", "import codecs\ndef utf8_bytes(text): return list(codecs.encode(text, 'utf-8'))", says="write it yourself"),
        Mistake("codecs, step by step", "import codecs\ndef utf8_bytes(text): return list(codecs.getincrementalencoder('utf-8')().encode(text))", says="write it yourself"),
        Mistake("a subclass of str", "class Text(str): pass\ndef utf8_bytes(text): return list(Text(text).encode())", says="write it yourself"),
        Mistake("limit of one byte", edit("code < 0x80:", "code <= 0x80:"), says="code point 80"),
        Mistake("limit of two bytes", edit("code < 0x800:", "code < 0x7FF:"), says="code point 7FF"),
        Mistake("limit of three bytes", edit("code < 0x10000:", "code < 0xFFFF:"), says="code point FFFF"),
        Mistake("surrogates from DC00", edit("0xD800 <= code", "0xDC00 <= code"), says="should raise ValueError"),
        Mistake("first byte of four fixed", edit("0b11110000 | code >> 18", "0b11110000"), says="code point ABCDE"),
        Mistake("NUL in two bytes", edit("if code < 0x80:", "if 0 < code < 0x80:"), says="code point 0"),
        Mistake("line ends changed", edit("map(ord, text)", "map(ord, text.replace('\\r\\n', '\\n'))"), says="many scripts"),
        Mistake("one list for all calls", edit("text: str", "text: str, result=[]", "    result = []\n", ""), says="utf8_bytes('Hi!')"),
        Mistake("bytes, not a list", "kind = bytes\ndef utf8_bytes(text): return kind(text, 'utf-8')", says="should be list"),
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
        Alternative("bytes that hold numbers, printing", """
            def utf8_bytes(text):
                print(len(text))
                out = bytearray()
                for code in map(ord, text):
                    if code < 128:
                        out.append(code)
                    elif code < 2048:
                        out += bytes([192 | code >> 6, 128 | code & 63])
                    elif code >> 11 == 27:
                        raise ValueError("surrogate")
                    elif code < 65536:
                        out += bytes((224 | code >> 12, 128 | code >> 6 & 63, 128 | code & 63))
                    else:
                        out += bytes((240 | code >> 18, 128 | code >> 12 & 63, 128 | code >> 6 & 63, 128 | code & 63))
                return list(bytes(out))
        """),
        Alternative("NumPy integers", """
            import numpy as np

            def utf8_bytes(text):
                out = []
                for code in np.array([ord(character) for character in text], dtype=np.int64):
                    if code < 128:
                        out.append(code)
                        continue
                    if 0xD800 <= code < 0xE000:
                        raise ValueError(code)
                    size = 2 if code < 0x800 else 3 if code < 0x10000 else 4
                    out.append(0xF00 >> size & 0xFF | code >> 6 * (size - 1))
                    out += [0x80 | code >> 6 * k & 0x3F for k in range(size - 1)][::-1]
                return out
        """),
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
        Mistake("numbers of three digits, as in GPT-4", edit(" ?\\p{N}+", " ?\\p{N}{1,3}"), says="31415926"),
        Mistake("words of 15 letters", edit(" ?\\p{L}+", " ?\\p{L}{1,15}"), says="antidis"),
        Mistake("endings only before a border", edit("m|ll|d)", "m|ll|d)\\b"), says="rock'n'roll"),
        Mistake("endings only behind a letter", edit("'(?:s", "(?<=\\p{L})'(?:s"), says="the words of"),
        Mistake("one ending too many", edit("m|ll|d)", "m|ll|d|n)"), says="rock'n'roll"),
        Mistake("OpenAI's pattern in GPT-4's form of line ends", edit("|\\s+(?!\\S)", "|\\s*[\\r\\n]+|\\s+(?!\\S)"), says="rule 5"),
        Mistake("white space in front of white space", edit("\\s+(?!\\S)", "\\s+(?=\\s)"), says="the words of"),
        Mistake("marks are letters", edit(" ?\\p{L}+", " ?[\\p{L}\\p{M}]+", "[^\\s\\p{L}\\p{N}]", "[^\\s\\p{L}\\p{M}\\p{N}]"), says="the words of"),
        Mistake("composed characters", edit("(pattern, text)", "(pattern, __import__('unicodedata').normalize('NFC', text))"), says="the words of"),
        Mistake("stripped", edit("(pattern, text)", "(pattern, text.strip())"), says="should have 7 items"),
        Mistake("library's pattern is not at hand", "def pretokenize(text): return regex.findall(r50k_pat_str, text)", says="r50k_pat_str"),
        Mistake("a generator", "def pretokenize(text): return (match.group() for match in regex.finditer(r\"'(?:s|t|re|ve|m|ll|d)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+\", text))", says="should be list"),
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
        Mistake("empties its input", edit("for word, number in zip(words, times):", "while words:\n        word, number = words.pop(), times.pop()"), says="your input after the call"),
        Mistake("empties the words", edit("for pair in zip(word, word[1:]):", "while len(word) > 1:\n            pair = word.pop(0), word[0]"), says="your input after the call"),
        Mistake("the last number stays", edit("counts.get(pair, 0) + number", "number"), says="tiny example"),
        Mistake("round the corner", edit("word[1:]", "word[1:] + word[:1]"), says="tiny example"),
        Mistake("one dict for all calls", edit("times: list[int])", "times: list[int], counts={})", "    counts = {}\n", ""), says="should not have the key"),
        Mistake("zeros for pairs that never occur", edit("counts = {}", "counts = {(a, b): 0 for word in words for a in word for b in word}"), says="should not have the key"),
        Mistake("a word of one id pairs with itself", edit("zip(word, word[1:])", "zip(word, word[1:] or word)"), says="should not have the key"),
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
        Alternative("each word as often as it occurs", """
            from itertools import pairwise

            def count_pairs(words, times):
                counts = Counter()
                for word, number in zip(words, times):
                    for _ in range(number):
                        counts.update(pairwise(word))
                return counts
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
        Mistake("digits as text", """
            def merge_pair(word, pair, new_id):
                return [int(token) for token in " ".join(map(str, word)).replace("%d %d" % pair, str(new_id)).split()]
        """, says="merged in"),
        Mistake("the same object, not the same number", edit("tuple(word[place:place + 2]) == pair", "place + 1 < len(word) and word[place] is pair[0] and word[place + 1] is pair[1]"), says="merged in"),
        Mistake("ids are bytes", "def merge_pair(word, pair, new_id): return [new_id if b == 255 else b for b in bytes(word).replace(bytes(pair), b'\\xff')]", says="bytes must be"),
        Mistake("a fixed id", edit("merged.append(new_id)", "merged.append(300)"), says="merged in"),
        Mistake("the last pair is left", edit("if tuple", "if place + 2 < len(word) and tuple"), says="merged in"),
        Mistake("either one of the two", edit("tuple(word[place:place + 2]) == pair", "word[place] == pair[0] or word[place + 1:place + 2] == [pair[1]]"), says="should be"),
        Mistake("two merges at most", edit("if tuple", "if merged.count(new_id) < 2 and tuple"), says="merged in"),
        Mistake("a tuple", edit("return merged", "return tuple(merged)"), says="should be list"),
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
        Alternative("recursion", """
            def merge_pair(word, pair, new_id):
                if len(word) < 2:
                    return list(word)
                if (word[0], word[1]) == pair:
                    return [new_id] + merge_pair(word[2:], pair, new_id)
                return word[:1] + merge_pair(word[1:], pair, new_id)
        """),
        Alternative("NumPy integers", """
            import numpy as np

            def merge_pair(word, pair, new_id):
                row, merged, place = np.array(word, dtype=np.int64), [], 0
                while place < len(row):
                    hit = place + 1 < len(row) and (row[place:place + 2] == pair).all()
                    merged.append(np.int32(new_id) if hit else row[place])
                    place += 2 if hit else 1
                return merged
        """),
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
        Mistake("changes its input", edit("    merged =", "    old = list(word)\n    word[:] = merge_pair(word, pair, new_id)\n    merged =", "merge_pair(word, pair, new_id)\n    changes", "list(word)\n    changes", "[merged, word]", "[merged, old]"), says="your input after the call"),
        Mistake("each merge as if it stood alone", """
            def count_changes(word, pair, new_id):
                changes, place = Counter(), 0
                while place < len(word) - 1:
                    if (word[place], word[place + 1]) == pair:
                        changes[pair] -= 1
                        if place:
                            changes[word[place - 1], word[place]] -= 1
                            changes[word[place - 1], new_id] += 1
                        if place + 2 < len(word):
                            changes[word[place + 1], word[place + 2]] -= 1
                            changes[new_id, word[place + 2]] += 1
                        place += 1
                    place += 1
                return {key: value for key, value in changes.items() if value}
        """, says="(4, 4) merged in"),
        Mistake("a Counter's minus", "def count_changes(word, pair, new_id):\n    new = merge_pair(word, pair, new_id)\n    return Counter(zip(new, new[1:])) - Counter(zip(word, word[1:]))", says="that are gone are missing"),
        Mistake("each pair once", edit("if change}", "if change}", "{changed: change for", "{changed: max(-1, min(1, change)) for"), says="tiny example"),
        Mistake("nothing for a word without the pair", edit("    merged =", "    if pair not in zip(word, word[1:]):\n        return None\n    merged ="), says="should be dict"),
        Mistake("returns the word", edit("return {changed: change for changed, change in changes.items() if change}", "return merged"), says="should be dict"),
    ],
    alternatives=[
        Alternative("only near the merges", """
            def count_changes(word, pair, new_id):
                changes, merged, place = Counter(), [], 0
                while place < len(word):
                    if tuple(word[place:place + 2]) == pair:
                        changes[pair] -= 1
                        if merged:
                            changes[merged[-1], word[place]] -= 1
                            changes[merged[-1], new_id] += 1
                        if place + 2 < len(word):
                            changes[word[place + 1], word[place + 2]] -= 1
                            changes[new_id, word[place + 2]] += 1
                        merged.append(new_id)
                        place += 2
                    else:
                        merged.append(word[place])
                        place += 1
                return {key: value for key, value in changes.items() if value}
        """),
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
        Mistake("each text once", edit("for text in texts", "for text in set(texts)"), says="merges of"),
        Mistake("texts joined by line ends", edit("for text in texts", "for text in ['\\n'.join(texts)]"), says="merges of"),
        Mistake("texts joined by spaces", edit("for text in texts", "for text in [' '.join(texts)]"), says="merges of"),
        Mistake("ties to the lowest sum", plain_training(best="min(counts, key=lambda pair: (-counts[pair], sum(pair), pair))"), says="six merges"),
        Mistake("ties to the lowest left, then the highest right id", plain_training(best="min(counts, key=lambda pair: (-counts[pair], pair[0], -pair[1]))"), says="merges of"),
        Mistake("256 ids are refused", edit("vocab_size < 256:", "vocab_size <= 256:"), says="vocab_size should be"),
        Mistake("one merge too many", edit("vocab_size - 256 and", "vocab_size - 255 and"), says="should have 6 items"),
        Mistake("small letters only", edit("pretokenize(text)", "pretokenize(text.lower())"), says="merges of"),
        Mistake("lists of pairs", edit("merges.append(best)", "merges.append(list(best))"), says="six merges"),
        Mistake("triples", edit("merges.append(best)", "merges.append((*best, new_id))"), says="six merges"),
        Mistake("the texts are used up", edit("    merges = []", "    texts.clear()\n    merges = []"), says="your texts after the call"),
        Mistake("ready-made, in a thread", """
            from concurrent.futures import ThreadPoolExecutor
            def train_bpe(texts, vocab_size):
                if vocab_size < 256:
                    raise ValueError
                with ThreadPoolExecutor(1) as pool:
                    return pool.submit(lambda: library_merges(train_library(texts, vocab_size))).result()
        """, says="write it yourself"),
        Mistake("the reference's subclass", """
            from course_lib.reference.tokens import BPETokenizer
            class Mine(BPETokenizer): pass
            def train_bpe(texts, vocab_size): return list(Mine.train(texts, vocab_size).merges)
        """, says="write it yourself"),
        Mistake("ready-made", "def train_bpe(texts, vocab_size): return library_merges(train_library(texts, vocab_size))", says="write it yourself"),
    ],
    alternatives=[
        Alternative("counting everything again", plain_training()),
        Alternative("recursion, without counting words", """
            def learn(words, new_id, last):
                counts = count_pairs(words, [1] * len(words))
                if new_id == last or not counts:
                    return []
                best = min((-count, pair) for pair, count in counts.items())[1]
                return [best] + learn([merge_pair(word, best, new_id) for word in words], new_id + 1, last)

            def train_bpe(texts, vocab_size):
                if vocab_size < 256:
                    raise ValueError("too small")
                return learn([byte_ids(word) for text in texts for word in pretokenize(text)], 256, vocab_size)
        """),
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
        Mistake("ids of an earlier call", """
            DONE = {}
            def encode(text, merges):
                ids = []
                for piece in pretokenize(text):
                    if piece not in DONE:
                        word = byte_ids(piece)
                        for k, pair in enumerate(merges):
                            word = merge_pair(word, pair, 256 + k)
                        DONE[piece] = word
                    ids += DONE[piece]
                return ids
        """, says="of the call before"),
        Mistake("most frequent pair first", edit("key=new_ids.get", "key=lambda pair: (-list(zip(word, word[1:])).count(pair), new_ids[pair])"), says="stands most often"),
        Mistake("merges used up", edit("    done = {}", "    done = {}\n    merges.clear()"), says="should be"),
        Mistake("each merge once a word", """
            def encode(text, merges):
                ids = []
                for piece in pretokenize(text):
                    word = byte_ids(piece)
                    for k, pair in enumerate(merges):
                        for place in range(len(word) - 1):
                            if (word[place], word[place + 1]) == pair:
                                word[place:place + 2] = [256 + k]
                                break
                    ids += word
                return ids
        """, says="the ids of"),
        Mistake("each word once", edit("for piece in pretokenize(text) for token", "for piece in dict.fromkeys(pretokenize(text)) for token"), says="the ids of"),
        Mistake("fewest tokens", """
            def encode(text, merges):
                parts = [(k,) for k in range(256)]
                for left, right in merges:
                    parts.append(parts[left] + parts[right])
                known, ids = {part: k for k, part in enumerate(parts)}, []
                for piece in pretokenize(text):
                    word, best = tuple(byte_ids(piece)), [[]]
                    for end in range(1, len(word) + 1):
                        best.append(min((best[start] + [known[word[start:end]]] for start in range(end) if word[start:end] in known), key=len))
                    ids += best[-1]
                return ids
        """, says="the ids of 'aaa"),
        Mistake("stripped", edit("set(pretokenize(text))", "set(pretokenize(text.strip()))", "for piece in pretokenize(text) for", "for piece in pretokenize(text.strip()) for"), says="the ids of"),
        Mistake("a list of lists", edit("[token for piece in pretokenize(text) for token in done[piece]]", "[done[piece] for piece in pretokenize(text)]"), says="should be"),
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
    same_program={"line 10: set(pretokenize(text)): only its argument": "a word that occurs again is done again, with the same result"},
)

DECODE = Exercise(
    mistakes=[
        Mistake("ids are bytes", edit("for byte in BYTE_ORDER", "for byte in range(256)"), says="ids are not bytes"),
        Mistake("right part first", edit("pieces[left] + pieces[right]", "pieces[right] + pieces[left]"), says="after the left part"),
        Mistake("each byte decoded alone", """
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
        Mistake("each id decoded alone", edit("return decode_bytes(ids, merges).decode(\"utf-8\", errors=\"replace\")", "return ''.join(decode_bytes([token], merges).decode('utf-8', 'replace') for token in ids)"), says="join the bytes of all ids first"),
        Mistake("question marks", edit('errors="replace")', 'errors="replace").replace("\ufffd", "?")'), says="character is cut"),
        Mistake("one mark for each run", edit('return decode_bytes(ids, merges).decode("utf-8", errors="replace")', 'return regex.sub("\ufffd+", "\ufffd", decode_bytes(ids, merges).decode("utf-8", errors="replace"))'), says="the text of bytes"),
        Mistake("stripped", edit('errors="replace")', 'errors="replace").strip()'), says="white space at both ends"),
        Mistake("byte order mark dropped", edit('"utf-8", errors', '"utf-8-sig", errors'), says="white space at both ends"),
        Mistake("unknown ids left out", edit("if not all(0 <= token < len(pieces) for token in ids):", "ids = [token for token in ids if 0 <= token < len(pieces)]\n    if False:"), says="unknown id"),
        Mistake("unknown ids are an IndexError", edit("raise ValueError(f", "raise IndexError(f"), says="should raise ValueError"),
        Mistake("a bytearray", edit('return b"".join', 'return bytearray().join'), says="should be bytes"),
        Mistake("the first merges for all calls", """
            PIECES = []
            def decode_bytes(ids, merges):
                if not PIECES:
                    PIECES.extend(bytes([byte]) for byte in BYTE_ORDER)
                    for left, right in merges:
                        PIECES.append(PIECES[left] + PIECES[right])
                if any(token < 0 or token >= len(PIECES) for token in ids):
                    raise ValueError("unknown id")
                return b"".join(PIECES[token] for token in ids)

            def decode(ids, merges):
                return decode_bytes(ids, merges).decode("utf-8", "replace")
        """, says="unknown id"),
        Mistake("the ids are used up", edit('return b"".join(pieces[token] for token in ids)', 'joined = b"".join(pieces[token] for token in ids)\n    ids.clear()\n    return joined'), says="your input after the call"),
        Mistake("the reference", """
            from course_lib.reference.tokens import BPETokenizer
            def decode_bytes(ids, merges): return BPETokenizer(merges).decode_bytes(ids)
            def decode(ids, merges): return BPETokenizer(merges).decode(ids)
        """, says="write it yourself"),
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
        Alternative("NumPy", """
            import numpy as np

            def decode_bytes(ids, merges):
                row = np.array(ids, dtype=int)
                if row.size and not (0 <= row.min() and row.max() < 256 + len(merges)):
                    raise ValueError("unknown id")
                pieces = [np.array([byte], dtype=np.uint8) for byte in BYTE_ORDER]
                for left, right in merges:
                    pieces.append(np.concatenate([pieces[left], pieces[right]]))
                return np.concatenate([np.zeros(0, np.uint8), *(pieces[token] for token in row)]).tobytes()

            def decode(ids, merges):
                return bytes.decode(decode_bytes(ids, merges), errors="replace")
        """),
        Alternative("with an incremental decoder", """
            import codecs

            def decode_bytes(ids, merges):
                pieces = {token: bytes([byte]) for token, byte in enumerate(BYTE_ORDER)}
                for new_id, (left, right) in enumerate(merges, start=256):
                    pieces[new_id] = pieces[left] + pieces[right]
                try:
                    return b"".join(pieces[token] for token in ids)
                except KeyError as error:
                    raise ValueError("unknown id") from error

            def decode(ids, merges):
                reader = codecs.getincrementaldecoder("utf-8")("replace")
                return "".join(reader.decode(decode_bytes([token], merges)) for token in ids) + reader.decode(b"", True)
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
