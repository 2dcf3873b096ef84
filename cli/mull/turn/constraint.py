"""Constrain the answer of one turn to a grammar while it is generated, and validate it at the end.

In: a turn's settings, the decision about thinking, and the position in the turn. Sets the grammar and the request for
log probabilities on the generation where the answer begins, and removes them elsewhere: thinking is never constrained.
Out: at the end, the reason why an answer does not match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mull.engine.generation import Generation
from mull.engine.model import Model
from mull.engine.request import GrammarSpec, Piece, TokenLogprobs
from mull.engine.sampling import token_trie
from mull.errors import MullError
from mull.events import TokenChance
from mull.reasoning.control import ReasoningDecision
from mull.reasoning.profile import Profile
from mull.reasoning.splitter import TurnPosition
from mull.settings import TurnSettings
from mull.structured.validate import Cut, mismatch, mismatch_error
from mull.turn.answer_lead import Lead, lead_at

_ANSWERING = ("start", "after", "answer")


@dataclass(slots=True)
class AnswerConstraint:
    """The constraint of one turn."""

    settings: TurnSettings
    profile: Profile
    decision: ReasoningDecision
    model: Model
    generation: Generation
    position: TurnPosition

    def __post_init__(self) -> None:
        if self.settings.answer_format is not None:
            token_trie.start(self.model)  # which goes on while the prompt is processed
        self._set(())

    def move(self, position: TurnPosition, said: Sequence[str]) -> None:
        """The position changed, with `said` of the answer so far. Within the answer the grammar stays as it is."""
        before, self.position = self.position, position
        if not (position == "answer" and before in ("start", "after")):
            self._set(said)

    def begin(self, position: TurnPosition, said: Sequence[str]) -> None:
        """The answer begins with `said`, or its thinking does: what follows is at this position."""
        self.position = position
        self._set(said)

    def _set(self, said: Sequence[str]) -> None:
        if self.settings.logprobs is not None:
            self.generation.top_logprobs = self.settings.logprobs if self.position in _ANSWERING else None
        if (answer_format := self.settings.answer_format) is None:
            return
        lead = lead_at(self.profile, self.decision, self.position)
        self.generation.constrain(
            None if lead is None else self._grammar_spec(answer_format.grammar, lead, said)
        )

    def _grammar_spec(self, grammar: str, lead: Lead, said: Sequence[str]) -> GrammarSpec:
        """`said` is not empty where one token ended thinking and began the answer."""
        model, special = self.model, self.model.special_tokens.items()
        return GrammarSpec(
            grammar,
            lead.grammar,
            prefix="".join(said).encode(),
            forbidden=[
                token
                for text, token in special
                if text not in lead.allowed
                and (text in lead.markers or (model.is_control(token) and not model.is_eog(token)))
            ],
            end_tokens=[token for text, token in special if text in self.profile.turn_ends],
        )

    def token_chance(self, piece: Piece, chances: TokenLogprobs) -> TokenChance:
        """A token's log probabilities, with the tokens' bytes."""
        top = tuple(TokenChance(self.model.piece(token), chance) for token, chance in chances.top)
        return TokenChance(piece.data, chances.chosen, top)

    def mismatch(self, answer: str, *, cut: Cut | None, more: str = "") -> MullError | None:
        """Why the finished answer does not match the requested format; None if it does, or if none was requested.

        `cut`: what cut it; `more`: what lets it be longer.
        """
        if (answer_format := self.settings.answer_format) is None:
            return None
        reason = mismatch(answer, answer_format)
        if (
            reason is None
            and not answer_format.is_json
            and not (self.generation.complete and self.position == "answer")
        ):
            reason = "it ends before the grammar does"
        return None if reason is None else mismatch_error(reason, answer_format, cut=cut, more=more)
