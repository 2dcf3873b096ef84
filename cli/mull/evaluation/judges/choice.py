"""Judge a choice: the reply must settle on one of the question's choices, letters or words.

In: a question with choices, a reply. Out: a `Verdict`. A choice that is denied or only compared with does not count;
where several are left, the conclusion counts, or the one that the sentence begins with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mull.dataclass import dataclass
from mull.evaluation.judges.plain import excerpt, folded, lines, plain, sentences, words
from mull.evaluation.judges.statement import statement
from mull.evaluation.questions import EvalQuestion
from mull.evaluation.verdict import Reply, Verdict

_REASON = re.compile(
    r"\b(?:because|since|as|although|though|while|whereas|given that|even if|unlike)\b", re.IGNORECASE
)
_SO = re.compile(
    r"\b(?:so|therefore|thus|hence|means(?: that)?|which makes|must be|it follows that)\b", re.IGNORECASE
)
_NOT = re.compile(
    r"\b(?:not|never|neither|nor|rather than|instead of|except|excludes?|rules? out|than|cannot be|can't be"
    r"|isn't|wasn't|opposite of)"
    r"(?:\s(?:the|a|an|by|in|on|be|one|option|choice|necessarily|even|in fact|at))*[\s(\"']*$",
    re.IGNORECASE,
)
_LISTED = re.compile(r"^\s*(?:,|/|-|\bor\b|\band\b|&)", re.IGNORECASE)
_ENDS = re.compile(
    r"(?:\b(?:is|are|was|be|now|finally|to|faces|facing)(?: (?:a|the|on|in))?|:)[\s\"'(]*$", re.IGNORECASE
)
_AFTER_LETTER = r"(?:or|and|is|because|fits|as|since|seems|would)\b"
_LONGEST_SENTENCE = 2_000  # characters; of a longer one the end is read


@dataclass(frozen=True, slots=True)
class _Place:
    choice: str
    start: int
    end: int


def judge_choice(question: EvalQuestion, reply: Reply) -> Verdict:
    """Right if the reply settles on the expected choice."""
    if not reply.answer.strip():
        return Verdict(False, "the answer is empty")
    if words(plain(excerpt(reply.answer))) == words(plain(question.prompt)):
        return Verdict(False, "it repeats the question")
    found = chosen(reply.answer, question.choices)
    if found in question.answers:
        return Verdict(True, f"it chooses {found}")
    return Verdict(False, f"it chooses {found}" if found else "it settles on none of the choices")


def chosen(reply: str, choices: Sequence[str]) -> str:
    """The choice that a reply settles on; empty if there is none, or more than one."""
    reply = excerpt(reply)
    stated = statement(reply)
    if stated.marked:
        for part in sentences(stated.text)[:1]:
            if found := _settled(part, choices):
                return found
        if _places(stated.text, choices):
            return _settled(stated.text, choices)
    if set(choices) <= {"yes", "no", "true", "false"} and (said := _first_word(reply, choices)):
        return said
    found_lines = lines(plain(reply))
    if len(found_lines) > 1 and (bare := _bare(stated.first, choices)) and not _SO.search(stated.rest):
        return bare
    for line in (stated.text, *reversed(found_lines)):
        for part in reversed(sentences(line)):
            if not part.rstrip().endswith("?") and _places(part, choices):
                return _settled(part, choices)
    return ""


def _first_word(reply: str, choices: Sequence[str]) -> str:
    """Yes or no as a sentence's first word, or as all of it; the last one of a reply, but "yes and no" is neither."""
    pattern = (
        rf"\W*({'|'.join(choices)})\b(?=\s*(?:$|[.,;:!()—–-]|because\b|since\b|it\b|he\b|she\b|they\b|we\b))"
    )
    found = []
    for line in lines(plain(reply)):
        for part in sentences(line):
            match = re.match(pattern, part, re.IGNORECASE)
            if match and not part.rstrip().endswith("?"):
                found.append(match[1].casefold())
            elif re.match(
                rf"\W*(?:{'|'.join(choices)})\W+(?:and|or)\W+(?:{'|'.join(choices)})\b", part, re.IGNORECASE
            ):
                return ""
    return found[-1] if len(set(found)) == 1 else ""


def _bare(line: str, choices: Sequence[str]) -> str:
    """The choice that is all of a line."""
    found = words(line)
    return next((choice for choice in choices if found in (words(choice), ["the", *words(choice)])), "")


def _settled(part: str, choices: Sequence[str]) -> str:
    """The one choice of a sentence; empty if it names several in the same way."""
    part = part[-_LONGEST_SENTENCE:]
    places = _places(part, choices)
    if (only := _only(places)) or not places:
        return only
    conclusion = [match.end() for match in _SO.finditer(part)]
    if conclusion and (only := _only([place for place in places if place.start >= conclusion[-1]])):
        return only
    reason = _REASON.search(part)
    if reason and part[: reason.start()].strip():
        return _settled(part[: reason.start()], choices) if _places(part[: reason.start()], choices) else ""
    if reason and "," in part[reason.end() :]:
        return _settled(part[reason.end() :].partition(",")[2], choices)
    last = places[-1]
    if _ENDS.search(part[: last.start]) and not re.search(r"\w", part[last.end :]):
        return last.choice
    first = places[0]
    begins = len(re.findall(r"\w+", part[: first.start])) <= 1
    return first.choice if begins and not _LISTED.match(part[first.end :]) else ""


def _only(places: Sequence[_Place]) -> str:
    names = {place.choice for place in places}
    return names.pop() if len(names) == 1 else ""


def _places(part: str, choices: Sequence[str]) -> list[_Place]:
    """Where the part names a choice without denying it. A longer choice hides a shorter one inside it."""
    part = part[-_LONGEST_SENTENCE:]
    text = part if all(len(choice) == 1 for choice in choices) else folded(part)
    found: list[_Place] = []
    for choice in sorted(choices, key=len, reverse=True):
        for match in re.finditer(_pattern(choice, part), text):
            apart = all(match.end() <= other.start or match.start() >= other.end for other in found)
            if apart:
                found.append(_Place(choice, match.start(), match.end()))
    kept = [place for place in found if not _NOT.search(text[max(0, place.start - 60) : place.start])]
    return sorted(kept, key=lambda place: place.start)


def _pattern(choice: str, part: str) -> str:
    if len(choice) > 1 or not choice.isalpha():
        inner = r"\W{1,3}".join(map(re.escape, words(choice)))
        return rf"(?<!\w){inner}(?:s|'s|es)?(?!\w)"
    if re.fullmatch(r"\W*\w\W*", part):
        return f"[{choice.upper()}{choice.lower()}]"
    # "A" before a small letter is an article, unless the word there is one that follows a choice.
    return rf"(?<!\w){choice}(?:(?=\))|(?![\w'])(?! (?!{_AFTER_LETTER})[a-z]))"
