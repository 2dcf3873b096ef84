"""Tokenize prompt segments so that only trusted text becomes control tokens.

In: segments and the model's vocabulary. Out: token ids, with BOS exactly once where the model uses it. The text is
tokenized as a whole, with special tokens, unless a marker's spelling touches untrusted text: there the text is cut
inside the spelling, which thus becomes ordinary text. A conversation without markers gives the ids of its plain
rendering. User-defined tokens such as `<think>` count as markers: llama.cpp matches them in plain text too.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Protocol

from mull.chat_template.render import Segment


class Vocabulary(Protocol):
    """What tokenization needs of a loaded model."""

    def tokenize(self, text: str, *, special: bool, bos: bool = False) -> list[int]:
        """`llama_tokenize` with `parse_special=special`."""
        ...

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Spelling to id of every control and user-defined token."""
        ...

    def is_control(self, token: int) -> bool:
        """Whether it is a control token (as opposed to a user-defined one)."""
        ...


# Many user-defined tokens are ordinary text: HTML elements in Gemma, runs of white space, single letters. Only those
# spelled in brackets of some kind count as markers.
MARKER_LIKE = re.compile(r"[<\[{|｜〈◁\]].*[>\]}|｜〉▷\[]", re.DOTALL)
HTML = re.compile(
    r"</?(a|b|blockquote|br|caption|code|dd|del|div|dl|dt|em|h[1-6]|hr|i|img|ins|kbd|li|mark|ol|p|pre|q|s|samp|small|"
    r"span|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|u|ul)>"
)
UNKNOWN = ("<unk>", "<UNK>", "[UNK]", "<|unk|>", "<|UNK|>")  # tokens of a type of their own
GUARDS = ("\n", "|", "~", "0")  # texts to put before a part that must not be tokenized as the start of a text


def to_tokens(segments: Sequence[Segment], vocabulary: Vocabulary) -> list[int]:
    """The prompt's token ids. No token that contains untrusted text is a control token or a marker."""
    parts = _parts(segments, vocabulary)
    ids = vocabulary.tokenize(parts[0], special=True)
    for part in parts[1:]:
        ids += continued(part, vocabulary)
    begin = vocabulary.tokenize("", special=True, bos=True)[:1]
    return ids if ids[:1] == begin else begin + ids


def continued_segments(segments: Sequence[Segment], vocabulary: Vocabulary) -> list[int]:
    """The token ids of segments that continue a prompt, by the same rules."""
    return [token for part in _parts(segments, vocabulary) if part for token in continued(part, vocabulary)]


def _parts(segments: Sequence[Segment], vocabulary: Vocabulary) -> list[str]:
    """The text of the segments, cut where a marker's spelling touches untrusted text."""
    text = "".join(segment.text for segment in segments)
    return [text[start:end] for start, end in pairwise([0, *_cuts(segments, text, vocabulary), len(text)])]


def _cuts(segments: Sequence[Segment], text: str, vocabulary: Vocabulary) -> list[int]:
    """Positions to cut at, ascending: one inside every marker's spelling that touches untrusted text."""
    borders = list(accumulate((len(segment.text) for segment in segments), initial=0))
    found: list[tuple[int, int]] = []
    for spelling in _spellings(text, vocabulary):
        for start in _occurrences(text, spelling):
            first = bisect_right(borders, start) - 1
            last = bisect_left(borders, start + len(spelling)) - 1
            if not all(segment.trusted for segment in segments[first : last + 1]):
                found.append((start, start + len(spelling)))
    cuts: list[int] = []
    for start, end in sorted(found, key=lambda span: span[1]):
        if cuts and start < cuts[-1] < end:
            continue
        # A border between trusted and untrusted text never lies inside one of the template's markers.
        border = borders[bisect_right(borders, start)]
        cuts.append(border if border < end else end - 1)
    return cuts


def _spellings(text: str, vocabulary: Vocabulary) -> Iterable[str]:
    """The markers spelled in the text that the tokenizer would make one token of."""
    for spelling, token in vocabulary.special_tokens.items():
        if (
            len(spelling) > 1
            and spelling in text
            and (vocabulary.is_control(token) or _marker_like(spelling))
        ):
            yield spelling
    for spelling in UNKNOWN:
        if spelling in text and spelling not in vocabulary.special_tokens and _is_one(spelling, vocabulary):
            yield spelling


def _is_one(spelling: str, vocabulary: Vocabulary) -> bool:
    return vocabulary.tokenize(spelling, special=True) != vocabulary.tokenize(spelling, special=False)


def _marker_like(spelling: str) -> bool:
    return bool(MARKER_LIKE.search(spelling)) and not HTML.fullmatch(spelling)


def _occurrences(text: str, spelling: str) -> Iterable[int]:
    at = text.find(spelling)
    while at >= 0:
        yield at
        at = text.find(spelling, at + 1)


def continued(part: str, vocabulary: Vocabulary) -> list[int]:
    """The ids of trusted text that continues a text: without the space that some tokenizers prepend."""
    if vocabulary.tokenize("\nx", special=False) == [
        *vocabulary.tokenize("\n", special=False),
        *vocabulary.tokenize("x", special=False),
    ]:
        return vocabulary.tokenize(part, special=True)
    for guard in GUARDS:
        before = vocabulary.tokenize(guard, special=False)
        both = vocabulary.tokenize(guard + part, special=True)
        if both[: len(before)] == before:
            return both[len(before) :]
    return vocabulary.tokenize(part, special=True)
