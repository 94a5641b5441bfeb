"""The quiz at a lesson's end: every answer is explained, and the key is sealed in what students receive.

In `solutions/` the key stands readable in the check cell. `make lessons` replaces it by its sealed form: each
explanation is enciphered under the answer that it explains, so that it can be read only by giving that answer. This
keeps the key from a reader's eye; nobody who may check an answer at once can be kept from trying them all.
"""

import base64
import hashlib
import json
from collections.abc import Mapping

Key = Mapping[int, tuple[str, Mapping[str, str]]]

_ROUNDS = 20_000  # of PBKDF2: 10 ms for one answer, so that a table of all answers is no quick read either


def check_quiz(answers: Mapping[int, str], key: Key | None = None, *, sealed: str | None = None) -> int:
    """Print for each question whether its answer is right, and why; return how many are, as nbgrader's partial credit.

    Parameters
    ----------
    answers: question number -> letter of the chosen option. Missing questions count as not answered.
    key: question number -> (right letter, {letter: why it is right or wrong}). Only in `solutions/`.
    sealed: the same as `seal` writes it. Only in `lessons/`.
    """
    if (key is None) == (sealed is None):
        raise ValueError("check_quiz needs either a key or a sealed key")
    if not isinstance(answers, Mapping):
        raise ValueError(f"answers should be a dict of question number -> letter, but it is a {type(answers).__name__}")
    questions = _unpack(sealed if sealed is not None else seal(key))
    right = 0
    for number, options in questions.items():
        letter = _letter(answers.get(int(number)))
        if not letter:
            print(f"{number}  no answer yet")
        elif letter not in options:
            print(f"{number}  {letter!r} is not one of {', '.join(options)}")
        else:
            verdict, why = _open(options[letter], number, letter)
            right += verdict
            print(f"{number}  {letter}  {'right' if verdict else 'not right'}: {why}")
    return right


def seal(key: Key) -> str:
    """Return the sealed form of a readable key; equal keys give equal text.

    Raises `ValueError` for a question whose right letter is not among its options, or whose options are no small letters.
    """
    sealed = {}
    for number, (right, options) in key.items():
        if right not in options:
            raise ValueError(f"quiz question {number}: the right answer {right!r} is not one of {', '.join(options)}")
        if any(letter != _letter(letter) for letter in options):
            raise ValueError(f"quiz question {number}: options should be small letters, but they are {', '.join(options)}")
        length = max(len(why.encode()) for why in options.values())
        sealed[str(number)] = {
            letter: base64.b64encode(_cipher(_pad(letter == right, why, length), str(number), letter)).decode()
            for letter, why in options.items()
        }
    return json.dumps(sealed)


def _letter(answer: object) -> str:
    """What an answer means: "B", "b " and "(b)" are all "b"."""
    return "" if answer is None else str(answer).strip(" ().").lower()


def _unpack(sealed: str) -> dict[str, dict[str, str]]:
    try:
        return {str(int(number)): dict(options) for number, options in json.loads(sealed).items()}
    except (ValueError, TypeError, AttributeError):
        raise _damaged() from None


def _open(sealed: str, number: str, letter: str) -> tuple[bool, str]:
    try:
        plain = _cipher(base64.b64decode(sealed, validate=True), number, letter)
        verdict, why = plain[0], plain[1:].rstrip(b"\0").decode()
    except (ValueError, TypeError, IndexError):
        raise _damaged() from None
    if verdict not in (0, 1):
        raise _damaged()
    return verdict == 1, why


def _damaged() -> ValueError:
    return ValueError("the sealed key of this quiz is damaged: copy the cell afresh from the released lesson")


def _pad(right: bool, why: str, length: int) -> bytes:
    """All options of a question are sealed at the same length, so that length tells nothing."""
    return bytes([right]) + why.encode().ljust(length, b"\0")


def _cipher(data: bytes, number: str, letter: str) -> bytes:
    """Exclusive or with a key stream that only (number, letter) gives; its own inverse."""
    key = hashlib.pbkdf2_hmac("sha256", f"{number}{letter}".encode(), b"course_lib quiz", _ROUNDS)
    stream = hashlib.shake_256(key).digest(len(data))
    return bytes(a ^ b for a, b in zip(data, stream))
