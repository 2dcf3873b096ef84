"""Prompt lookup: draft from the text itself. What followed the last tokens earlier is likely to follow them again.

In: the tokens of a prompt and then of the answer, and what steps cost. Out: drafts, as long as they pay; often none.
A token costs O(1), and a proposal no computation with any model.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.engine.speculative.base import AcceptanceRate, StepCosts, draft_length

_GRAMS = (3, 2)  # tokens that must match an earlier place in the text; the longer ones first
_PRIORS = (
    0.3,
    0.6,
    0.85,
    0.95,
)  # probability of acceptance after a match of 2 to 3, 4 to 7, 8 to 15, more tokens


class PromptLookup:
    """A drafter that continues from the latest place in the text that ended alike.

    It follows a matching place as long as that continues as the text does. It counts how often it would have been right
    even where nothing is drafted, so that a low acceptance rate ends the drafts and a high one resumes them.
    """

    def __init__(self, prompt: Sequence[int], costs: StepCosts) -> None:
        self._text = list(prompt)
        self._costs = costs
        # N-gram: where in the text its latest continuation is. Built by the first `observe`.
        self._latest: dict[tuple[int, ...], int] | None = None
        self._source = 0  # where in the text the next token is drafted from; 0: nowhere
        self._matched = 0  # tokens that matched before it
        self._acceptance = [AcceptanceRate(prior) for prior in _PRIORS]

    def observe(self, token: int) -> None:
        text = self._text
        if self._latest is None:
            self._latest = _index(text)
        if self._source:
            right = text[self._source] == token
            self._rate(self._matched).count(right)
            self._source = self._source + 1 if right else 0
            self._matched += 1
        # The n-grams that end before this token are entered only now: the end of the text must not match itself.
        end = len(text)
        for size in _GRAMS:
            if end >= size:
                self._latest[tuple(text[end - size :])] = end
        text.append(token)
        if not self._source:
            for size in _GRAMS:
                if source := self._latest.get(tuple(text[-size:])):
                    self._source, self._matched = source, size
                    break

    def propose(self, limit: int) -> list[int]:
        if not self._source:
            return []
        count = draft_length(lambda i: self._rate(self._matched + i).probability, self._costs.seconds, limit)
        draft = self._text[self._source : self._source + count]
        while draft and len(draft) < count:  # the place is near the end of the text: repeat from there
            draft += draft[: count - len(draft)]
        return draft

    def _rate(self, matched: int) -> AcceptanceRate:
        return self._acceptance[min(matched.bit_length(), len(_PRIORS) + 1) - 2]


def _index(text: Sequence[int]) -> dict[tuple[int, ...], int]:
    """N-gram: where in the text its latest continuation is."""
    latest: dict[tuple[int, ...], int] = {}
    for size in _GRAMS:
        shifted = [text[offset:-1] for offset in range(size)]
        latest.update(zip(zip(*shifted, strict=False), range(size, len(text)), strict=False))
    return latest
