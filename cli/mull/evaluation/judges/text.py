"""Whether the last number of a reply, or the words of its last line, are the expected ones.

In: a question with accepted answers, a reply. Out: a `Verdict`. A single number must be the last one of the reply, a
list of numbers those of its last line, a text must be among the words of its last line.
"""

from __future__ import annotations

import re
import unicodedata

from mull.evaluation.questions import EvalQuestion
from mull.evaluation.verdict import Reply, Verdict

_NUMBER = re.compile(r"[-−]?\d+(?:\.\d+)?")
_WORD = re.compile(rf"{_NUMBER.pattern}|\w+")
_SEPARATORS = re.compile(r"(?<=\d)[,_\u202f\u00a0'](?=\d{3}(?!\d))")  # between thousands


def judge_text(question: EvalQuestion, reply: Reply) -> Verdict:
    """Right if the reply agrees with any of the accepted answers."""
    if not reply.answer.strip():
        return Verdict(False, "the answer is empty")
    for answer in question.answers:
        if _agrees(reply.answer, answer):
            return Verdict(True, f"it says {answer}")
    return Verdict(False, f"it does not end with {' or '.join(question.answers)}")


def _agrees(reply: str, answer: str) -> bool:
    wanted = _words(answer)
    last = next((line for line in reversed(reply.splitlines()) if line.strip()), "")
    if wanted and all(map(_NUMBER.fullmatch, wanted)):
        numbers = _numbers(reply)[-1:] if len(wanted) == 1 else _numbers(last)
        return numbers == [_value(word) for word in wanted]
    return bool(wanted) and f" {' '.join(wanted)} " in f" {' '.join(_words(last))} "


def _words(text: str) -> list[str]:
    """Words and numbers; case, punctuation, separators of thousands and Markdown do not count."""
    folded = unicodedata.normalize("NFKC", _SEPARATORS.sub("", text)).casefold()
    return _WORD.findall(folded)


def _numbers(text: str) -> list[float]:
    return [_value(number) for number in _NUMBER.findall(_SEPARATORS.sub("", text))]


def _value(number: str) -> float:
    return float(number.replace("−", "-"))
