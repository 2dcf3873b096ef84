"""Extend the answer's grammar by what may precede the answer at a position in the turn.

In: GBNF with a rule `root`, a profile, the decision about thinking, a position. Out: GBNF and its start rule, or None
where nothing is constrained. Thinking is never constrained: where it is possible, the grammar lets the model choose
between opening it and answering; where it is off, or has no known marker, the grammar applies from the first token.
"""

from __future__ import annotations

from dataclasses import dataclass

from mull.reasoning.control import ReasoningDecision
from mull.reasoning.marker_table import marker_table
from mull.reasoning.markers import chunks
from mull.reasoning.profile import Profile
from mull.reasoning.splitter import TurnPosition

_SPACE = r"[\n]{0,4}"
_NAME = "the-beginning"


@dataclass(frozen=True, slots=True)
class PlacedGrammar:
    """GBNF (`text`) with its start rule (`root`).

    Special tokens spelled as in `markers` must not occur in the answer, except those in `allowed`.
    """

    text: str
    root: str
    markers: frozenset[str]
    allowed: frozenset[str] = frozenset()


def grammar_at(
    answer: str, profile: Profile, decision: ReasoningDecision, position: TurnPosition
) -> PlacedGrammar | None:
    """The grammar for the next tokens at this position, or None."""
    markers = marker_table(profile).marking
    if position in ("thinking", "elsewhere"):
        return None
    if position == "answer":
        return PlacedGrammar(answer, "root", markers)
    name = _NAME
    while name in answer:
        name += "-"
    opening = profile.answer_start if not profile.header else None
    before = f"{_SPACE} ({_literal(opening)} {_SPACE})?" if opening else _SPACE
    choices = [f"{before} root"]
    allowed = set(chunks(opening or ""))
    thinks = profile.reasons and profile.start and decision.applied not in ("off", "none")
    if position == "start" and thinks and profile.start:
        choices.append(f"{_SPACE} {_literal(profile.start)} .*")
        allowed |= set(chunks(profile.start))
    return PlacedGrammar(f"{answer}\n{name} ::= {' | '.join(choices)}\n", name, markers, frozenset(allowed))


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
