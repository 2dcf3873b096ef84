"""Judge JSON: the reply, or its one fenced block, must be the expected value.

In: a question with a schema and a value, a reply. Out: a `Verdict`; the reason names the first place that differs.
Numbers are compared by value, texts without case, outer punctuation and a leading article; keys have to be the same.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from mull.evaluation.judges.json_reply import json_of
from mull.evaluation.questions import EvalQuestion
from mull.evaluation.verdict import Reply, Verdict

_ARTICLE = re.compile(r"(?:the|an?) (?=\S)")


def judge_json(question: EvalQuestion, reply: Reply) -> Verdict:
    """Right if the JSON is the expected value."""
    if not reply.answer.strip():
        return Verdict(False, "the answer is empty")
    try:
        found = json_of(reply.answer)
    except ValueError as error:
        return Verdict(False, str(error))
    difference = _difference(found, question.value, "")
    return Verdict(not difference, difference or "it is the expected JSON")


def _difference(found: Any, wanted: Any, place: str) -> str:
    """What differs, as a clause; empty if nothing does."""
    where = place or "the value"
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return f"{where} is not an object"
        if missing := [key for key in wanted if key not in found]:
            return f'{where} has no "{missing[0]}"'
        if extra := [key for key in found if key not in wanted]:
            return f'{where} has another key, "{extra[0][:40]}"'
        pairs = [(found[key], wanted[key], f"{place}.{key}" if place else key) for key in wanted]
    elif isinstance(wanted, list):
        if not isinstance(found, list):
            return f"{where} is not a list"
        if len(found) != len(wanted):
            return f"{where} has {len(found)} items, not {len(wanted)}"
        pairs = [
            (one, other, f"{place}[{index}]")
            for index, (one, other) in enumerate(zip(found, wanted, strict=True))
        ]
    else:
        return "" if _same(found, wanted) else f"{where} is not {wanted!r}"
    return next((text for pair in pairs if (text := _difference(*pair))), "")


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, str):
        return isinstance(found, str) and _plain(found) == _plain(wanted)
    if isinstance(wanted, bool) or wanted is None:
        return found is wanted
    return isinstance(found, int | float) and not isinstance(found, bool) and found == wanted


def _plain(text: str) -> str:
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return _ARTICLE.sub("", folded.strip("\"'“”.,;:! "), count=1) if folded.strip("\"'“”.,;:! ") else folded
