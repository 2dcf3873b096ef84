"""Counts over all sessions: turns, tokens, models. For `mull sessions stats`.

In: an open database. Out: a `Statistics`. One pass over the rows without their texts; what a damaged row does not say
counts as zero.
"""

from __future__ import annotations

import sqlite3
from dataclasses import field

from mull.dataclass import dataclass
from mull.store.records import moment, usage_of


@dataclass(slots=True)
class ModelStatistics:
    """What one model answered. `cut`: turns that ended before their answer was complete; `used`: the last one's time.

    Tokens are those that were generated, and in `prompt` those of the prompts, cached ones included.
    """

    model: str
    turns: int = 0
    cut: int = 0
    prompt: int = 0
    thinking: int = 0
    answer: int = 0
    used: float = 0.0


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts over the whole store. `oldest`, `newest`: when the first session began and the last one was used.

    `characters` of questions, thinking, answers and attached files together. The models are sorted by their turns.
    """

    sessions: int
    named: int
    empty: int
    oldest: float | None
    newest: float | None
    characters: int
    models: list[ModelStatistics] = field(default_factory=list)

    def total(self, name: str) -> int:
        """The sum of a field over all models."""
        return sum(getattr(model, name) for model in self.models)


def statistics(db: sqlite3.Connection) -> Statistics:
    """Count. Raises sqlite3.Error."""
    sessions = db.execute(
        "SELECT count(*), count(name), sum(turns = 0), min(created), max(updated) FROM sessions"
    ).fetchone()
    characters = 0
    models: dict[str, ModelStatistics] = {}
    newest: dict[tuple[str, int | None], tuple[ModelStatistics, bool]] = {}  # of the turns with one parent
    for model, finish, details, started, session, parent, size in db.execute(
        "SELECT model, finish, details, started, session, parent,"
        " length(question) + length(thinking) + length(answer) + length(files) FROM turns ORDER BY id"
    ):
        found = models.setdefault(model, ModelStatistics(model))
        used, continues = usage_of(details)
        cut = finish not in {"stop", "schema"}
        if continues and (session, parent) in newest:  # the two are one turn, which ended as this one did
            before, was_cut = newest[session, parent]
            before.turns -= 1
            before.cut -= was_cut
        newest[session, parent] = found, cut
        found.turns += 1
        found.cut += cut
        found.prompt += used.prompt
        found.thinking += used.thinking
        found.answer += used.answer
        found.used = max(found.used, moment(started))
        characters += size
    count, named, empty, oldest, newest = sessions
    return Statistics(
        sessions=count,
        named=named,
        empty=empty or 0,
        oldest=None if oldest is None else moment(oldest),
        newest=None if newest is None else moment(newest),
        characters=characters,
        models=sorted(models.values(), key=lambda one: (-one.turns, one.model)),
    )
