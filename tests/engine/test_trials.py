"""When a model that drafts is used: as its drafts were accepted, and in trials. The texts here count upwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from mull.engine.speculative.base import TypicalCosts
from mull.engine.speculative.draft_model import Evidence, ModelDrafter


class Counting:
    """Drafts that continue a text by counting on, or always wrongly. `made`: at which lengths of the text."""

    seconds = 0.0

    def __init__(self, *, cost: float, right: bool) -> None:
        self.cost = cost
        self.made: list[int] = []
        self._step = 1 if right else 0

    def draft(
        self, text: Sequence[int], _owner: object, count: int, _stopped: Callable[[], bool]
    ) -> list[int]:
        self.made.append(len(text))
        return [text[-1] + self._step * (place + 1) for place in range(count)]

    def close(self) -> None:
        """Nothing to free."""


def count_to(end: int, model: Counting, evidence: Evidence) -> int:
    """Let a model draft for 0, 1, 2 and so on up to `end`; the steps that needed."""
    drafter = ModelDrafter(model, [0], TypicalCosts(), lambda: False, evidence)
    token = steps = 0
    while token < end:
        steps += 1
        draft = drafter.propose(3)
        for drafted in [*draft, None]:  # the last row's own token follows those that were accepted
            token += 1
            drafter.observe(token)
            if drafted != token:
                break
    return steps


def test_a_model_that_is_never_right_is_tried_ever_more_rarely() -> None:
    model = Counting(cost=0.2, right=False)
    assert count_to(2000, model, Evidence()) == 2000
    assert [later - earlier for earlier, later in pairwise(model.made)] == [256, 512, 1024]


def test_a_model_that_is_always_right_is_found_out() -> None:
    model = Counting(cost=0.05, right=True)
    assert count_to(2000, model, Evidence()) < 1000
    late = [at for at in model.made if at > 1500]
    assert len(late) == pytest.approx(500 / 4, abs=1), "each step has a draft of three"


def test_a_model_that_is_right_and_slow_is_tried_rarely_too() -> None:
    model = Counting(cost=1.0, right=True)
    count_to(2000, model, Evidence())
    assert len(model.made) == 4


def test_what_one_text_showed_holds_for_the_next() -> None:
    model, evidence = Counting(cost=0.2, right=False), Evidence()
    for _ in range(20):
        count_to(100, model, evidence)
    assert len(model.made) == 4
