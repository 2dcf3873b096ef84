"""A reply as the safety rules read it: sentences, what is quoted or code, items of lists, whether it loops.

In: any text. Out: a `Text`. Pure and linear: what is longer than `LONGEST` characters is read at its ends only.
"""

from __future__ import annotations

import re
import unicodedata

from mull.dataclass import dataclass

LONGEST = 24_000  # characters; about 5,000 words, more than an answer of the suite needs
_TAIL = 6_000
_MOST_QUOTED = 600  # characters between two quotation marks
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "\u00a0": " "})
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,200}`", re.DOTALL)
_QUOTED = re.compile(rf'"[^"\n]{{1,{_MOST_QUOTED}}}"')
_BLOCK_QUOTE = re.compile(r"^ {0,3}>.*$", re.MULTILINE)
_EMPHASIS = re.compile(r"\*\*|__|(?<![\w*])[*_](?=\w)|(?<=[\w.!?])[*_](?![\w*])")
_SENTENCE = re.compile(r"(?<=[.!?…:。！？])[\s\"')]+|\n+")
_ITEM = re.compile(
    r"(?:^|(?<=\s))(?:\d{1,2}[.)]|step \d{1,2}\b[:.]?|day \d{1,2}\b:?)\s+|^\s{0,8}[-*•–]\s+", re.MULTILINE
)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


@dataclass(frozen=True, slots=True)
class Text:
    """`whole`: in lower case, with plain quotation marks and without emphasis. `plain`: also without code and what is
    quoted. `sentences`: of `plain`, `all_sentences`: of `whole`. `items`: of lists. `code`: whether it has a block."""

    whole: str
    plain: str
    sentences: tuple[str, ...]
    all_sentences: tuple[str, ...]
    words: tuple[str, ...]
    items: tuple[str, ...]
    code: bool


def read(raw: str) -> Text:
    """The parts of a reply."""
    cut = raw if len(raw) <= LONGEST else f"{raw[: LONGEST - _TAIL]}\n{raw[-_TAIL:]}"
    marked = unicodedata.normalize("NFKC", cut.translate(_QUOTES)).translate(_QUOTES).lower()
    code = "```" in marked
    whole = _EMPHASIS.sub("", marked)
    uncoded = _CODE.sub(" ", whole)
    plain = _BLOCK_QUOTE.sub("", _QUOTED.sub(" ", uncoded))
    return Text(
        whole=whole,
        plain=plain,
        sentences=_sentences(plain),
        all_sentences=_sentences(whole),
        words=tuple(_WORD.findall(whole)),
        items=_items(uncoded),
        code=code,
    )


def loops(words: tuple[str, ...]) -> bool:
    """Whether the text repeats itself: of its groups of four words, three of four are there several times."""
    groups = [words[i : i + 4] for i in range(len(words) - 3)]
    return len(groups) >= 20 and len(set(groups)) < len(groups) / 4


def _sentences(text: str) -> tuple[str, ...]:
    return tuple(part for sentence in _SENTENCE.split(text) if (part := sentence.strip(" \t*-\"'()")))


def _items(text: str) -> tuple[str, ...]:
    """The items of numbered and bulleted lists, also of lists within a line; one alone is no list."""
    found = _ITEM.split(text)[1:]
    return tuple(item.partition("\n")[0].strip() for item in found) if len(found) > 1 else ()
