"""Insert a whole session with all its branches, as an import and a move into another store do.

In: a session and its turns, under other ids. Out: rows. Also which turns were continued: with the one that took it up,
such a turn is one turn to the user.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence

from mull.store.records import CONTINUES, Session, TurnRecord, from_turn, insert, update


def insert_session(
    db: sqlite3.Connection, session: Session, turns: Iterable[TurnRecord], identity: str, name: str | None
) -> None:
    """Insert a session with all its turns, under another id and name; the turns get new ids."""
    columns = {
        "id": identity,
        "name": name,
        "auto_title": session.auto_title if name == session.name else session.title,
        "system": session.system,
        "model": session.model,
        "created": session.created,
        "updated": min(session.updated, time.time()),  # one from the future would be the last used for ever
    }
    insert(db, "sessions", columns)
    numbers: dict[int, int] = {}
    turns = sorted(turns, key=lambda turn: turn.id)  # parents are older than their children
    for turn in turns:
        place = {"session": identity, "parent": numbers.get(turn.parent or 0)}
        numbers[turn.id] = insert(db, "turns", place | from_turn(turn))
    state = dict(session.state)
    if state.get("behind"):
        state["behind"] = numbers.get(state["behind"])
    count = len(numbers) - len(taken_up(turns))
    place = {"leaf": numbers.get(session.leaf or 0), "turns": count, "state": json.dumps(state)}
    update(db, "sessions", identity, place)


def taken_up(turns: Sequence[TurnRecord]) -> set[int]:
    """The ids of the turns that another one continues. `turns`: the oldest first."""
    found: set[int] = set()
    newest: dict[int | None, int] = {}
    for turn in turns:
        if turn.ran.get(CONTINUES) and turn.parent in newest:
            found.add(newest[turn.parent])
        newest[turn.parent] = turn.id
    return found
