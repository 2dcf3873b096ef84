"""A grammar that binds what is sampled from now on, at the speed of free sampling.

In: a `Binding` and rows of logits. Out: tokens that the grammar allows; an end of the turn exactly when the grammar is
complete. A chain samples freely first, and that one token is checked; only when the grammar rejects it, the chain
samples again from all tokens that the grammar allows (llama.cpp's common_sampler_sample does the same).
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import numpy as np

from mull.engine.model import Model
from mull.engine.request import Binding
from mull.engine.sampling.candidates import Candidates
from mull.engine.sampling.grammar_matcher import Matcher
from mull.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Constraint:
    """One sequence's place in its grammar. Raises EngineError where llama.cpp refuses the grammar."""

    def __init__(self, model: Model, binding: Binding) -> None:
        self._model = model
        self._ends = frozenset(binding.ends)
        self._forbidden = frozenset(binding.forbidden)
        self._last = model.last_token
        self._rest = b""  # of a character that is not complete
        self._candidates = Candidates(model.n_vocab)
        self._matcher = Matcher(model, binding.grammar, binding.root, self._candidates)
        self._lost = not all(self._takes(byte) for byte in binding.said)

    def sample(self, chain: int | None, logits: NDArray[np.float32]) -> int:
        """Choose with the sampler chain, or the likeliest without one; the grammar moves on.

        At a dead end it is the token that ends the turn.
        """
        if self._lost:
            return self._give_up()
        token = self._candidates.choose(chain, logits)
        if not self._allows(token):
            allowed = self._allowed()
            while True:
                if not allowed.size:
                    return self._give_up()
                token = self._candidates.choose(chain, logits, allowed)
                if self._is_end(token) or self._is_text(token):
                    break
                allowed = allowed[allowed != token]
        if not self._is_end(token):
            self._accept(token)
        return token

    @property
    def complete(self) -> bool:
        """Whether the turn may end here."""
        if self._lost or self._rest:
            return False
        last = self._last
        if last >= 0 and self._model.is_eog(last):
            return bool(self._matcher.passing([last]).size)
        return not self._matcher.following().size

    def free(self) -> None:
        self._matcher.free()

    def _takes(self, byte: int) -> bool:
        """Go on with what was said before, if it fits."""
        token = self._matcher.index.bytes[byte]
        if token < 0 or not self._is_text(token) or not self._matcher.fits(token):
            return False
        self._accept(token)
        return True

    def _accept(self, token: int) -> None:
        self._matcher.accept(token)
        said = self._rest + self._model.piece(token)
        self._rest = said[codecs.utf_8_decode(said, "strict", False)[1] :]

    def _give_up(self) -> int:
        if self._last < 0:
            raise EngineError(
                "grammar_stuck",
                "No token of this model can go on from here in the grammar.",
                "Use another model, or a grammar with fewer unusual characters.",
            )
        return self._last

    def _is_end(self, token: int) -> bool:
        return token in self._ends or (self._model.is_eog(token) and token not in self._forbidden)

    def _allows(self, token: int) -> bool:
        if self._is_end(token):
            return self.complete
        return token not in self._forbidden and self._is_text(token) and self._matcher.fits(token)

    def _is_text(self, token: int) -> bool:
        """Whether UTF-8 goes on with it: llama.cpp reads pieces up to a NUL byte only, and takes bytes for characters
        that are none."""
        try:
            codecs.utf_8_decode(self._rest + self._model.piece(token), "strict", False)
        except UnicodeDecodeError:
            return False
        return b"\0" not in self._model.piece(token)

    def _allowed(self) -> NDArray[np.int32]:
        """Every token that may come now, ends included."""
        found = self._matcher.following()
        if self.complete:
            ends = [*self._ends, *self._matcher.index.ends]
            found = np.union1d(found, np.array(ends, np.int32)).astype(np.int32)
        forbidden = np.array(list(self._forbidden - self._ends), np.int32)
        return found[~np.isin(found, forbidden)]
