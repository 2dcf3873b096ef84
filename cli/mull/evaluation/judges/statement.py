"""Which part of a reply states its answer.

In: a reply. Out: a `Statement`: the content of its last `\\boxed{}`, what follows its last "the answer is" or
"Answer:", or its last line that is neither a question nor a closing phrase. What comes before a correction ("Wait, …")
is ignored.
"""

from __future__ import annotations

import re

from mull.dataclass import dataclass
from mull.evaluation.judges.plain import excerpt, lines, plain

_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_LONGEST_BOX = 500
_MARKER = re.compile(
    r"""(?:\banswers?|\b(?:final|correct)\s(?:result|solution|choice|conclusion)|^[ \t]*(?:result|solution))"""
    r"""\b["']?"""
    r"""(?:\s(?:to|of|for|here)\b[^\n.:;=?]{0,80}?)?\s*(?:\b(?:is|was|are|would\sbe|must\sbe|should\sbe)\b|=|:|->|→|⇒)"""
    r"""\s*["']?(?:(?:that|just|simply|therefore|thus|clearly|option|choice)\b)?[\s:]*""",
    re.IGNORECASE | re.MULTILINE,
)
_CORRECTION = re.compile(
    r"""\bwait\b[,.!:—-]|\bactually,|\bcorrection\b|\bsorry\b|\boops\b|\bscratch\sthat\b|\blet\sme\s(?:re|correct|try)"""
    r"""|\bi\s(?:made|was)\s(?:a\smistake|an\serror|wrong)|\bthat(?:'s|\sis)\s(?:wrong|incorrect|not\sright)"""
    r"""|(?:^|[.!?\n][ \t]{0,3})no,\s""",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"""\blet\sme\sknow\b|\bhope\sth(?:is|at)\shelps|\bfeel\sfree\b|\bwould\syou\slike\b|\banything\selse\b|\bhappy\sto\shelp"""
    r"""|\bif\syou\s(?:have|need|want|would)\b|\bglad\sto\b|\bgood\sluck\b|\byou're\swelcome\b|^(?:fun\sfact|note|explanation|reason|reasoning|source)s?:""",
    re.IGNORECASE,
)
CONCLUSION = re.compile(
    r"\b(?:so|therefore|thus|hence|consequently|finally|in conclusion|in total|this means|which means|overall)\b",
    re.IGNORECASE,
)
"""Words after which an earlier statement no longer counts."""


@dataclass(frozen=True, slots=True)
class Statement:
    """`text`: plain, one line or more. `marked`: the reply itself calls it its answer. `first`: its first line.

    `rest`: the lines after the first one, all of them plain.
    """

    text: str
    marked: bool
    first: str
    rest: str


def statement(reply: str) -> Statement:
    """The statement; its text is empty if the reply says nothing."""
    reply = excerpt(reply)
    if boxed := _boxed(reply):
        return Statement(boxed, marked=True, first=boxed, rest="")
    text = _after_correction(plain(reply))
    found = lines(text)
    if not found:
        return Statement("", marked=False, first="", rest="")
    first, rest = found[0], "\n".join(found[1:])
    if marked := _marked("\n".join(found)):
        return Statement(marked, marked=True, first=first, rest=rest)
    telling = [line for line in found if not line.endswith(("?", "？")) and not _CLOSING.search(line)]
    return Statement((telling or found[-1:])[-1], marked=False, first=first, rest=rest)


def _boxed(reply: str) -> str:
    start = 0
    for found in _BOXED.finditer(reply):
        start = found.end()
    if not start:
        return ""
    depth = 1
    for index, character in enumerate(reply[start : start + _LONGEST_BOX], start):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return plain(reply[start:index]).strip()
    return ""


def _after_correction(text: str) -> str:
    """The text from the last correction on, or all of it if that part says nothing."""
    start = 0
    for found in _CORRECTION.finditer(text):
        start = found.end()
    rest = text[start:]
    return rest if any(character.isalnum() for character in rest) else text


def _marked(text: str) -> str:
    """The rest of the line after the last marker; if that is empty, the next line."""
    last = None
    for found in _MARKER.finditer(text):
        last = found
    if last is None:
        return ""
    after = lines(text[last.end() :])
    return after[0] if after else ""
