"""What one turn's answer is held to while it is generated, and whether it kept to it.

In: a turn's settings, what was decided about its thinking, and where in the turn the model is. Out: the grammar and the
wish for chances, put on the generation at the place where the answer begins and taken off where it does not; and in the
end the reason why an answer does not fit. The thinking is free, always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mull.engine.generation import Generation
from mull.engine.model import Model
from mull.engine.request import GrammarSpec, Piece, TokenLogprobs
from mull.errors import MullError
from mull.events import TokenChance
from mull.reasoning.answer_grammar import PlacedGrammar, grammar_at
from mull.reasoning.control import ReasoningDecision
from mull.reasoning.profile import Profile
from mull.reasoning.splitter import TurnPosition
from mull.settings import TurnSettings
from mull.structured.validate import mismatch, mismatch_error

_ANSWERING = ("start", "after", "answer")


@dataclass(slots=True)
class AnswerConstraint:
    """One turn's. Raises EngineError at once where llama.cpp refuses the grammar."""

    settings: TurnSettings
    profile: Profile
    decision: ReasoningDecision
    model: Model
    generation: Generation
    position: TurnPosition

    def __post_init__(self) -> None:
        answer_format = self.settings.answer_format
        if answer_format is not None:  # what is refused is refused now, not after a long thought
            self.generation.constrain(GrammarSpec(answer_format.grammar))
        self._set(())

    def move(self, position: TurnPosition, said: Sequence[str]) -> None:
        """The model has come to another part of its turn, with `said` of the answer; within the answer all stays."""
        before, self.position = self.position, position
        if not (position == "answer" and before in ("start", "after")):
            self._set(said)

    def _set(self, said: Sequence[str]) -> None:
        if self.settings.logprobs is not None:
            self.generation.top_logprobs = self.settings.logprobs if self.position in _ANSWERING else None
        if (answer_format := self.settings.answer_format) is None:
            return
        placed = grammar_at(answer_format.grammar, self.profile, self.decision, self.position)
        self.generation.constrain(None if placed is None else self._grammar_spec(placed, said))

    def _grammar_spec(self, placed: PlacedGrammar, said: Sequence[str]) -> GrammarSpec:
        """`said` is something where one token ended the thinking and began the answer."""
        model, special = self.model, self.model.markers.items()
        return GrammarSpec(
            placed.text,
            placed.root,
            prefix="".join(said).encode(),
            forbidden=[
                token
                for text, token in special
                if text not in placed.allowed
                and (text in placed.markers or (model.is_control(token) and not model.is_eog(token)))
            ],
            end_tokens=[token for text, token in special if text in self.profile.turn_ends],
        )

    def token_chance(self, piece: Piece, chances: TokenLogprobs) -> TokenChance:
        """A token's chances with the tokens spelled out."""
        top = tuple(TokenChance(self.model.piece(token), chance) for token, chance in chances.top)
        return TokenChance(piece.data, chances.chosen, top)

    def mismatch(self, answer: str, *, cut: bool) -> MullError | None:
        """Why the finished answer is not what was asked for; None where it is, or where nothing was."""
        if (answer_format := self.settings.answer_format) is None:
            return None
        reason = mismatch(answer, answer_format)
        if (
            reason is None
            and not answer_format.is_json
            and not (self.generation.complete and self.position == "answer")
        ):
            reason = "it ends where the grammar does not"
        return None if reason is None else mismatch_error(reason, answer_format, cut=cut)
