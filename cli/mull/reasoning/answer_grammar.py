"""A grammar for the answer, and what may stand before it at the place where the model is.

In: GBNF with a rule `root`, a profile, what was decided about the thinking, and a place in the turn. Out: GBNF and the
name of the rule to begin with; nothing where the model is to be left alone. The thinking is never bound. Where it may
or may not come, the model chooses between its opening and the answer; where it was switched off, or no marker is known
by which it could be told apart, the answer is bound from the first token. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from mull.reasoning.control import ReasoningDecision
from mull.reasoning.marker_table import grammar
from mull.reasoning.markers import chunks
from mull.reasoning.profile import Profile
from mull.reasoning.splitter import Place

_SPACE = r"[\n]{0,4}"
_NAME = "the-beginning"


@dataclass(frozen=True, slots=True)
class Bounds:
    """`text` is GBNF, beginning with the rule `root`. Of the tokenizer's special tokens, those spelled as in `markers`
    are no part of the answer, and those in `inside` may come all the same."""

    text: str
    root: str
    markers: frozenset[str]
    inside: frozenset[str] = frozenset()


def bounds(answer: str, profile: Profile, decision: ReasoningDecision, place: Place) -> Bounds | None:
    """What binds the next tokens at this place; None: nothing does."""
    markers = grammar(profile).marking
    if place in ("thinking", "elsewhere"):
        return None
    if place == "answer":
        return Bounds(answer, "root", markers)
    name = _NAME
    while name in answer:
        name += "-"
    opening = profile.answer_start if not profile.header else None
    before = f"{_SPACE} ({_literal(opening)} {_SPACE})?" if opening else _SPACE
    choices = [f"{before} root"]
    inside = set(chunks(opening or ""))
    thinks = profile.reasons and profile.start and decision.applied not in ("off", "none")
    if place == "start" and thinks and profile.start:
        choices.append(f"{_SPACE} {_literal(profile.start)} .*")
        inside |= set(chunks(profile.start))
    return Bounds(f"{answer}\n{name} ::= {' | '.join(choices)}\n", name, markers, frozenset(inside))


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
