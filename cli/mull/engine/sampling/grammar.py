"""Constrained decoding: sample tokens that a grammar allows, at nearly the speed of unconstrained sampling.

In: a `GrammarSpec` and rows of logits. Out: tokens that the grammar allows; an end of the text only where the grammar
is complete. The chain first samples without constraint, and only that one token is checked; when the grammar rejects
it, the chain samples again from all allowed tokens (as llama.cpp's common_sampler_sample does). Raises EngineError
where llama.cpp rejects the grammar, at a dead end without an end token, and for a grammar that is too ambiguous.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import numpy as np

from mull.engine.model import Model
from mull.engine.request import GrammarSpec
from mull.engine.sampling.candidates import Candidates
from mull.engine.sampling.grammar_matcher import GrammarMatcher
from mull.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class GrammarSampler:
    """One sequence's position in its grammar."""

    def __init__(self, model: Model, spec: GrammarSpec) -> None:
        self._model = model
        self._end_tokens = frozenset(spec.end_tokens)
        self._forbidden = frozenset(spec.forbidden)
        self._end_token = model.end_token
        self._incomplete = b""  # bytes of a character that is not complete yet
        self._candidates = Candidates(model.n_vocab)
        self._matcher = GrammarMatcher(model, spec.grammar, spec.root, self._candidates)
        self._lost = not all(self._advance(byte) for byte in spec.prefix)

    def sample(self, chain: int | None, logits: NDArray[np.float32]) -> int:
        """Sample with the chain (None: the most likely token) and advance in the grammar.

        At a dead end the result is the token that ends the text.
        """
        if self._lost:
            return self._dead_end()
        token = self._candidates.choose(chain, logits)
        if not self._allows(token):
            allowed = self._allowed()
            while True:
                if not allowed.size:
                    return self._dead_end()
                token = self._candidates.choose(chain, logits, allowed)
                if self._is_end(token) or self._is_text(token):
                    break
                allowed = allowed[allowed != token]
        if not self._is_end(token):
            self._accept(token)
        return token

    @property
    def complete(self) -> bool:
        """Whether the text may end here."""
        if self._lost or self._incomplete:
            return False
        end = self._end_token
        if end >= 0 and self._model.is_eog(end):
            return bool(self._matcher.allowed([end]).size)
        return not self._matcher.following().size

    def free(self) -> None:
        """Free llama.cpp's grammar."""
        self._matcher.free()

    def _advance(self, byte: int) -> bool:
        """Match one byte of the text so far; False where the grammar does not allow it."""
        token = self._matcher.index.bytes[byte]
        if token < 0 or not self._is_text(token) or not self._matcher.allows(token):
            return False
        self._accept(token)
        return True

    def _accept(self, token: int) -> None:
        self._matcher.accept(token)
        data = self._incomplete + self._model.piece(token)
        self._incomplete = data[codecs.utf_8_decode(data, "strict", False)[1] :]

    def _dead_end(self) -> int:
        if self._end_token < 0:
            raise EngineError(
                "grammar_stuck",
                "No token of this model continues the text in the grammar.",
                "Use another model, or a grammar with fewer unusual characters.",
            )
        return self._end_token

    def _is_end(self, token: int) -> bool:
        return token in self._end_tokens or (self._model.is_eog(token) and token not in self._forbidden)

    def _allows(self, token: int) -> bool:
        if self._is_end(token):
            return self.complete
        return token not in self._forbidden and self._is_text(token) and self._matcher.allows(token)

    def _is_text(self, token: int) -> bool:
        """Whether the text with this token is valid UTF-8 without NUL: llama.cpp reads pieces up to a NUL byte only,
        and takes invalid bytes for characters."""
        try:
            codecs.utf_8_decode(self._incomplete + self._model.piece(token), "strict", False)
        except UnicodeDecodeError:
            return False
        return b"\0" not in self._model.piece(token)

    def _allowed(self) -> NDArray[np.int32]:
        """Every token that is allowed next, end tokens included."""
        found = self._matcher.following()
        if self.complete:
            ends = [*self._end_tokens, *self._matcher.index.eog_tokens]
            found = np.union1d(found, np.array(ends, np.int32)).astype(np.int32)
        forbidden = np.array(list(self._forbidden - self._end_tokens), np.int32)
        return found[~np.isin(found, forbidden)]
