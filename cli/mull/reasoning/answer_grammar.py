"""A grammar for the answer, and what may stand before it at the place where the model is.

In: GBNF with a rule `root`, a profile, what was decided about the thinking, and a place in the turn. Out: GBNF and the
name of the rule to begin with; nothing where the model is to be left alone. The thinking is never bound. Where it may
or may not come, the model chooses between its opening and the answer; where it was switched off, or no marker is known
by which it could be told apart, the answer is bound from the first token. Pure.
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
    """`text` is GBNF, beginning with the rule `root`. Of the tokenizer's special tokens, those spelled as in `markers`
    are no part of the answer, and those in `inside` may come all the same."""

    text: str
    root: str
    markers: frozenset[str]
    allowed: frozenset[str] = frozenset()


def grammar_at(
    answer: str, profile: Profile, decision: ReasoningDecision, position: TurnPosition
) -> PlacedGrammar | None:
    """What binds the next tokens at this place; None: nothing does."""
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
