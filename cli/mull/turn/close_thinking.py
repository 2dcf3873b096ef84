"""The way out of the thinking: when it has to end, and the text that, injected, closes it and lets the answer begin.

In: a profile and a budget. Out: trusted text, to be tokenized with special tokens. One mechanism for a token budget,
an effort by budget, and "answer now".
"""

from __future__ import annotations

from mull.reasoning.profile import Profile

MAX_CLOSINGS = (
    3  # closings of one turn; a model that still thinks on is left to itself, for late is better than never
)


class ThinkingCloser:
    """One turn's. `budget`: thinking tokens; None: as many as the model likes."""

    def __init__(self, profile: Profile, budget: int | None) -> None:
        self._profile = profile
        self._budget = budget
        self._closings = 0

    def due(self, thought: int, *, wanted: bool) -> bool:
        """Does thinking under way have to end, `thought` tokens long, or because the user wants the answer?"""
        spent = self._budget is not None and thought >= self._budget
        return (wanted or spent) and self._closings < MAX_CLOSINGS

    def take(self) -> str:
        """The words. A model that opens its thinking again after them is told again."""
        self._closings += 1
        return closing_text(self._profile)


def closing_text(profile: Profile) -> str:
    """A short bridging sentence where it helps, the end of the thinking, and what opens the answer.

    Closing alone is not enough for every family: gpt-oss would open another analysis, so it goes on into its final
    channel. A model whose template is silent gets the usual tag.
    """
    end = profile.end or "</think>"
    between = profile.between or f"\n{end}\n\n"
    opener = profile.answer_start or ""
    if opener.strip() in between:
        opener = ""
    return f"{profile.bridge}{between}{opener}"
