"""What may precede a constrained answer at a position in the turn.

In: a profile, the decision about thinking, a position. Out: a grammar of what may come first, or None where nothing is
constrained. Thinking is never constrained: where it is possible, the model may open it instead of answering; where it
is off, or has no known marker, the answer begins with the first token or after blank lines.
"""

from __future__ import annotations

from mull.dataclass import dataclass
from mull.reasoning.control import ReasoningDecision
from mull.reasoning.marker_table import marker_table
from mull.reasoning.markers import chunks
from mull.reasoning.profile import Profile
from mull.reasoning.splitter import TurnPosition
from mull.structured.compiling import from_lark
from mull.structured.regular import literal

_SPACE = r"\n{0,4}"


@dataclass(frozen=True, slots=True)
class Lead:
    """`grammar`, for llguidance: what may come before the answer; empty for nothing.

    Special tokens spelled as in `markers` must not occur, except those in `allowed`.
    """

    grammar: str
    markers: frozenset[str]
    allowed: frozenset[str] = frozenset()


def lead_at(profile: Profile, decision: ReasoningDecision, position: TurnPosition) -> Lead | None:
    """What may precede the answer at this position; None: the answer does not come next."""
    markers = marker_table(profile).marking
    if position in ("thinking", "elsewhere"):
        return None
    if position == "answer":
        return Lead("", markers)
    opening = profile.answer_start if not profile.header else None
    choices = [_SPACE, *([f"{_SPACE}{literal(opening)}{_SPACE}"] if opening else [])]
    allowed = set(chunks(opening or ""))
    thinks = profile.reasons and profile.start and decision.applied not in ("off", "none")
    if position == "start" and thinks and profile.start:
        choices.append(f"{_SPACE}{literal(profile.start)}(?s:.*)")
        allowed |= set(chunks(profile.start))
    return Lead(from_lark(f"start: LEAD\nLEAD: /{'|'.join(choices)}/"), markers, frozenset(allowed))
