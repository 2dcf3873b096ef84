"""Which session a few letters mean, and what it can be called.

In: the sessions and what the user typed. Out: the one whose id or title begins like that, or an error that says
whether there is none or which ones it could be.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.errors import UsageError
from mull.store.records import Session

LONGEST_NAME = 80
_NAMED = 4  # candidates that an error lists


def proper_name(name: str) -> str:
    """A name as it is kept, on one line. Raises UsageError for one that no list could show."""
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise UsageError(
            "invalid_session_name", f"A name has 1 to {LONGEST_NAME} characters.", "Choose another one."
        )
    return name


def choose(sessions: Sequence[Session], wanted: str, *, exact: bool = False) -> Session:
    """The only session that begins with `wanted`; with `exact` all given ones are meant. Raises UsageError."""
    found = [session for session in sessions if exact or (wanted and _begins(session, wanted))]
    if len(found) == 1:
        return found[0]
    if not found:
        hint = "mull sessions list shows what there is."
        raise UsageError("unknown_session", f"There is no session “{wanted}”.", hint)
    names = ", ".join(f"{session.id} ({session.title})" for session in found[:_NAMED])
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    raise UsageError("ambiguous_session", f"“{wanted}” may be {names}{more}.", "Give more of it.")


def _begins(session: Session, wanted: str) -> bool:
    return session.id.startswith(wanted.lower()) or session.title.casefold().startswith(wanted.casefold())
