"""Judge a short answer: a number, numbers, a date, a time of day, or words.

In: a question with accepted answers, a reply. Out: a `Verdict`. The statement of the reply (`statement.py`) must give
one of the answers, and no other one beside it. docs/evaluation.md has the rules in words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from mull.evaluation.judges.choice import chosen
from mull.evaluation.judges.numbers import numbers, parsed, says_number
from mull.evaluation.judges.plain import excerpt, folded, plain, sentences, words
from mull.evaluation.judges.statement import CONCLUSION, Statement, statement
from mull.evaluation.judges.times import DATE, TIME, same_time, times, with_iso_dates
from mull.evaluation.questions import EvalQuestion
from mull.evaluation.verdict import Reply, Verdict

_ARTICLES = {"the", "a", "an", "it", "is", "it's", "its", "this", "that", "s"}
_FILLERS = {
    *_ARTICLES,
    "maybe",
    "perhaps",
    "possibly",
    "probably",
    "be",
    "could",
    "might",
    "may",
    "even",
    "also",
    "in",
    "by",
}
_NOT = {"not", "n't", "isn", "wasn", "aren", "never", "neither", "nor", "except", "without", "t"}
_ENDS = re.compile(r"\b(?:is|it's|be|was|are|were|called|named|by|in|from)\b", re.IGNORECASE)
_NAMES = re.compile(r"\b(?:is|was|are|were)(?: the)? (?:[A-Z][\w'-]*)(?: [A-Z][\w'-]*){0,3}[.!]?$")
_ASIDE = re.compile(r"\([^()]*\)")
_CLAUSE = re.compile(r", (?:which|who|where|whose)\b[^,]*$", re.IGNORECASE)
_VERBS = {"is", "was", "are", "were", "has", "have", "had"}
_PAIRS = ({"yes", "no"}, {"true", "false"})


def judge_text(question: EvalQuestion, reply: Reply) -> Verdict:
    """Right if the reply states any of the accepted answers."""
    if not reply.answer.strip():
        return Verdict(False, "the answer is empty")
    if words(plain(excerpt(reply.answer))) == words(plain(question.prompt)):
        return Verdict(False, "it repeats the question")
    found = statement(reply.answer)
    accepted = [words(plain(answer)) for answer in question.answers]
    for answer in question.answers:
        if _says(reply.answer, found, answer, accepted, question.prompt):
            return Verdict(True, f"it says {answer}")
    return Verdict(False, f"it does not say {' or '.join(question.answers)}")


def _says(reply: str, found: Statement, answer: str, accepted: Sequence[list[str]], prompt: str) -> bool:
    for pair in _PAIRS:
        if answer.casefold() in pair:
            return chosen(reply, sorted(pair)) == answer.casefold()
    if TIME.fullmatch(answer):
        return any(same_time(time, answer) for time in times(found.text)[-1:])
    if DATE.fullmatch(answer):
        return re.findall(r"\b\d{4}-\d{2}-\d{2}\b", with_iso_dates(found.text))[-1:] == [answer]
    values = parsed(plain(answer))
    if len(values) == 1:
        return says_number(found, plain(answer), prompt)
    if values:
        return [number.values[0] for number in numbers(found.text)] == values
    return _says_words(found, words(plain(answer)), accepted)


def _says_words(found: Statement, wanted: list[str], accepted: Sequence[list[str]]) -> bool:
    text = found.text
    if found.marked and any(map(str.isalnum, _ASIDE.sub("", text))):
        text = _ASIDE.sub(" ", text)  # Sydney (some say Canberra)
    parts = [part for part in sentences(text) if not part.rstrip().endswith("?")] or [text]
    if len(wanted) == 1 and len(wanted[0]) == 1:
        return _is_letter(parts, wanted[0])
    if any(_states(part, wanted, accepted) for part in parts):
        return True
    if found.marked or not found.rest or CONCLUSION.search(found.rest):
        return False
    first = words(found.first)
    if _without_articles(first) == _without_articles(wanted):
        return True
    beginning = sentences(found.first)[-1:] or [found.first]
    ends = first[-len(wanted) :] == wanted and bool(_ENDS.search(found.first))
    return ends and _states(beginning[0], wanted, accepted) and not _NAMES.search(found.text)


def _without_articles(text: list[str]) -> list[str]:
    return [word for word in text if word not in _ARTICLES]


def _is_letter(parts: list[str], letter: str) -> bool:
    """A single letter is the whole statement, or its last word, or is called a letter: "I" is also a word."""
    for part in parts:
        found = words(part)
        named = any(pair == ("letter", letter) for pair in pairwise(found))
        if named or found[-1:] == [letter] or (len(found) == 2 and found[0] == letter):
            return True
    return False


def _states(sentence: str, wanted: list[str], accepted: Sequence[list[str]]) -> bool:
    """Whether the sentence has the words, neither denied nor beside another answer."""
    text = words(re.sub(r"n't\b", " not", folded(sentence)).replace("/", " or "))
    if (head := _CLAUSE.sub("", sentence)) != sentence and 0 < len(words(head)) <= 3:
        text = words(head)  # The Sava, which joins the Danube
    places = [
        place for place in range(len(text) - len(wanted) + 1) if text[place : place + len(wanted)] == wanted
    ]
    sure = [place for place in places if not _denied(text[:place], text[place:])]
    return bool(sure) and not any(_has_rival(text, place, place + len(wanted), accepted) for place in places)


def _denied(before: list[str], after: list[str]) -> bool:
    """Whether the words around an answer deny it: "not", "rather than", "instead of", "not … but"."""
    if "but" in after[:12] and _NOT.intersection(before[-5:]):
        return True
    near = [word for word in before[-4:] if word not in _FILLERS]
    last = near[-1:] or [""]
    return last[0] in _NOT or before[-2:] in (["rather", "than"], ["instead", "of"], ["than", "the"])


def _has_rival(text: list[str], start: int, end: int, accepted: Sequence[list[str]]) -> bool:
    """Whether "or", or the "and" of a list, joins the answer to something that is not an accepted answer, too."""
    joined = text[end : end + 1] == ["and"] or "and" in text[max(0, start - 2) : start]
    if joined and len(text) <= end - start + 5 and not _VERBS.intersection(text):
        return True
    after = end
    while after < len(text) and text[after] in _FILLERS:
        after += 1
    if text[after : after + 1] == ["or"]:
        rest = [word for word in text[after + 1 : after + 12] if word not in _FILLERS]
        return not any(rest[: len(other)] == _without_articles(other) for other in accepted)
    before = start
    while before > 0 and text[before - 1] in _FILLERS:
        before -= 1
    if text[before - 1 : before] == ["or"] and before > 0:
        rest = [word for word in text[: before - 1] if word not in _FILLERS]
        denied = any(word in _NOT for word in rest[-3:])
        return not denied and not any(rest[-len(other) :] == _without_articles(other) for other in accepted)
    return False
