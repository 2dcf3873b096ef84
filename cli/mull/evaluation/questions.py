"""Questions with known answers, and whether a model's answer is right.

In: JSON Lines, `{"prompt": "…", "answer": …}` with an optional `kind`; the answer is a text, a number, or a list of
accepted ones. Out: `EvalQuestion` values. Answers are compared by rule, without a model: see `EvalQuestion.is_right`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mull.errors import MullError
from mull.fs.json_text import parse_json
from mull.fs.text import read_utf8, reason

BUILT_IN = Path(__file__).parents[1] / "data" / "eval.jsonl"
"""Forty small questions, written for mull: arithmetic, letters, order, word problems."""

_LONGEST = 64 << 20  # bytes of a file of questions
_NUMBER = re.compile(r"[-−]?\d+(?:\.\d+)?")
_WORD = re.compile(rf"{_NUMBER.pattern}|\w+")
_SEPARATORS = re.compile(r"(?<=\d)[,_\u202f\u00a0'](?=\d{3}(?!\d))")  # between thousands


@dataclass(frozen=True, slots=True)
class EvalQuestion:
    """`answers`: any of them is right. `kind`: a category, for the counts."""

    prompt: str
    answers: tuple[str, ...]
    kind: str = ""

    def is_right(self, reply: str) -> bool:
        """A number must be the last one of the reply, a list those of its last line, a text words of its last line."""
        return any(_agrees(reply, answer) for answer in self.answers)


def read_questions(path: Path) -> list[EvalQuestion]:
    """Every line of the file. Raises MullError that names the line which is not a question."""
    try:
        text = read_utf8(path, most=_LONGEST, pipes=True)
    except (OSError, UnicodeDecodeError) as error:
        raise MullError(
            "file_unreadable", f"{path} cannot be read: {reason(error)}.", "Check the path."
        ) from error
    questions = [_question(number, line) for number, line in _numbered(text)]
    if not questions:
        raise MullError("empty_file", f"{path} has no questions.", "One JSON object per line; see --help.")
    return questions


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip())


def _question(number: int, line: str) -> EvalQuestion:
    try:
        value = parse_json(line)
        prompt, answer, kind = value["prompt"], value["answer"], value.get("kind", "")
        answers = answer if isinstance(answer, list) else [answer]
        if not (isinstance(prompt, str) and prompt.strip() and isinstance(kind, str) and answers):
            raise ValueError
        if not all(_is_answer(one) for one in answers):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MullError(
            "invalid_question", f"Line {number} is not a question.", 'A line is {"prompt": "…", "answer": …}.'
        ) from error
    return EvalQuestion(prompt, tuple(map(str, answers)), kind)


def _is_answer(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and bool(_words(str(value)))


def _agrees(reply: str, answer: str) -> bool:
    wanted = _words(answer)
    last = next((line for line in reversed(reply.splitlines()) if line.strip()), "")
    if all(map(_NUMBER.fullmatch, wanted)):
        numbers = _numbers(reply)[-1:] if len(wanted) == 1 else _numbers(last)
        return numbers == [_value(word) for word in wanted]
    return f" {' '.join(wanted)} " in f" {' '.join(_words(last))} "


def _words(text: str) -> list[str]:
    """Words and numbers; case, punctuation, separators of thousands and Markdown do not count."""
    folded = unicodedata.normalize("NFKC", _SEPARATORS.sub("", text)).casefold()
    return _WORD.findall(folded)


def _numbers(text: str) -> list[float]:
    return [_value(number) for number in _NUMBER.findall(_SEPARATORS.sub("", text))]


def _value(number: str) -> float:
    return float(number.replace("−", "-"))
