"""What a `mull` run has saved: the last session and its last turn, through `mull sessions`."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import Run


def last_session(mull: Run) -> str:
    """The id of the session that was used last."""
    found = json.loads(mull("sessions", "list", "--json").stdout)["sessions"]
    return str(found[0]["id"])


def last_turn(mull: Run) -> dict[str, Any]:
    """The last turn of that session, as `mull sessions export` writes it."""
    found = json.loads(mull("sessions", "export", "--format", "json", last_session(mull)).stdout)
    turn: dict[str, Any] = found["turns"][-1]
    return turn
