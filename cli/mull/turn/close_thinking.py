"""Decide when thinking has to end, and write the text that is injected to close it and begin the answer.

In: a profile and a budget in thinking tokens. Out: trusted text, to be tokenized with special tokens. Serves token
budgets, effort levels that are budgets, and "answer now".
"""

from __future__ import annotations

from mull.reasoning.profile import Profile

MAX_CLOSINGS = 3  # per turn; after that the model may think on: a late answer is better than none


class ThinkingCloser:
    """Closes the thinking of one turn. `budget` in thinking tokens; None: unlimited."""

    def __init__(self, profile: Profile, budget: int | None) -> None:
        self._profile = profile
        self._budget = budget
        self._closings = 0

    def due(self, thought: int, *, wanted: bool) -> bool:
        """Whether the current thinking, `thought` tokens so far, has to end: budget used up, or answer `wanted`."""
        spent = self._budget is not None and thought >= self._budget
        return (wanted or spent) and self._closings < MAX_CLOSINGS

    def take(self) -> str:
        """The text to inject. Counts as one closing."""
        self._closings += 1
        return closing_text(self._profile)


def closing_text(profile: Profile) -> str:
    """A short bridging sentence where it helps, the end marker, and the answer's opener.

    The end marker alone is not enough for every family: gpt-oss would open another analysis, so the text continues
    into its final channel. A model whose template does not mention thinking gets `</think>`.
    """
    end = profile.end or "</think>"
    between = profile.between or f"\n{end}\n\n"
    opener = profile.answer_start or ""
    if opener.strip() in between:
        opener = ""
    return f"{profile.bridge}{between}{opener}"
