"""A grammar that binds what is sampled from now on, at the speed of free sampling.

In: a `Binding` and rows of logits. Out: tokens that the grammar allows; an end of the turn exactly when the grammar is
complete. A chain samples freely first, and that one token is checked; only when the grammar rejects it, the chain
samples again from all tokens that the grammar allows (llama.cpp's common_sampler_sample does the same). llama.cpp
throws through C, which ends the process, when a token is accepted that does not fit: none ever is.
"""

from __future__ import annotations

import codecs
import ctypes
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mull.engine import native
from mull.engine.model import Model
from mull.engine.request import Binding
from mull.engine.vocabulary import Index
from mull.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CROWD = 4096  # tokens with one first byte, from which on their second bytes are asked about too
_SLOW = 0.25
"""Seconds of CPU time for one token. A grammar of which every token can be read in two ways doubles its states with
every one of them; this stops it while there still is memory."""


class Constraint:
    """One sequence's place in its grammar. Raises EngineError where llama.cpp refuses the grammar."""

    def __init__(self, model: Model, binding: Binding) -> None:
        self._llama = native.bindings()
        self._model = model
        self._ends = frozenset(binding.ends)
        self._forbidden = frozenset(binding.forbidden)
        self._candidates = _Candidates(model.n_vocab)
        self._last = model.last_token
        self._rest = b""  # of a character that is not complete
        self.handle: int | None = self._llama.llama_sampler_init_grammar(
            model.vocabulary, binding.grammar.encode(), binding.root.encode()
        )
        if not self.handle:
            raise EngineError(
                "grammar",
                "llama.cpp does not understand the grammar.",
                "Its log in the state folder says more.",
            )
        self._lost = not all(self._takes(token) for token in binding.said)

    def sample(self, chain: int, logits: NDArray[np.float32]) -> int:
        """Choose with the sampler chain; the grammar moves on. At a dead end, the token that ends the turn."""
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
            begun = time.thread_time()
            self._accept(token)
            if time.thread_time() - begun > _SLOW:
                raise EngineError(
                    "grammar_ambiguous",
                    "The grammar can be read in too many ways at once.",
                    "Write it so that alternatives differ in their first characters.",
                )
        return token

    def _takes(self, token: int) -> bool:
        """Go on with a token that was said before, if it fits."""
        if not self._is_text(token) or not self._passing([token]).size:
            return False
        self._accept(token)
        return True

    def _accept(self, token: int) -> None:
        self._llama.llama_sampler_accept(self.handle, token)
        said = self._rest + self._model.piece(token)
        self._rest = said[codecs.utf_8_decode(said, "strict", False)[1] :]

    @property
    def complete(self) -> bool:
        """Whether the turn may end here."""
        if self._lost or self._rest:
            return False
        last = self._last
        if last >= 0 and self._model.is_eog(last):
            return bool(self._passing([last]).size)
        return not self._survivors().size

    def _give_up(self) -> int:
        if self._last < 0:
            raise EngineError(
                "grammar_stuck",
                "No token of this model can go on from here in the grammar.",
                "Use another model, or a grammar with fewer unusual characters.",
            )
        return self._last

    def free(self) -> None:
        if self.handle is not None:
            self._llama.llama_sampler_free(self.handle)
            self.handle = None

    def _is_end(self, token: int) -> bool:
        return token in self._ends or (self._model.is_eog(token) and token not in self._forbidden)

    def _allows(self, token: int) -> bool:
        if self._is_end(token):
            return self.complete
        return token not in self._forbidden and self._is_text(token) and bool(self._passing([token]).size)

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
        found = self._survivors()
        if self.complete:
            ends = [*self._ends, *self._index.ends]
            found = np.union1d(found, np.array(ends, np.int32)).astype(np.int32)
        forbidden = np.array(list(self._forbidden - self._ends), np.int32)
        return found[~np.isin(found, forbidden)]

    @property
    def _index(self) -> Index:
        return self._model.index

    def _survivors(self) -> NDArray[np.int32]:
        """Every text token that goes on from here. A token can pass only if its first bytes do."""
        index, groups = self._index, []
        for first in self._passing_bytes(self.handle):
            group = index.starting(first)
            if len(group) > _CROWD and index.bytes[first] >= 0:
                ahead = self._llama.llama_sampler_clone(self.handle)
                self._llama.llama_sampler_accept(ahead, index.bytes[first])
                groups.append(index.starting(first, None))
                groups += [index.starting(first, second) for second in self._passing_bytes(ahead)]
                self._llama.llama_sampler_free(ahead)
            else:
                groups.append(group)
        return self._passing(np.concatenate(groups)) if groups else np.zeros(0, np.int32)

    def _passing_bytes(self, grammar: int | None) -> list[int]:
        """The bytes that could come next: those whose single tokens pass, and those that have none."""
        index = self._index
        known = [byte for byte in range(256) if index.bytes[byte] >= 0]
        passed = {int(token) for token in self._passing([index.bytes[byte] for byte in known], grammar)}
        return [byte for byte in range(256) if index.bytes[byte] < 0 or index.bytes[byte] in passed]

    def _passing(
        self, tokens: Sequence[int] | NDArray[np.int32], grammar: int | None = None
    ) -> NDArray[np.int32]:
        """Those of the tokens that the grammar lets through."""
        return self._candidates.filtered(grammar or self.handle, tokens)


class _Candidates:
    """llama.cpp's array of token, logit and probability, made once and refilled for every row."""

    def __init__(self, n_vocab: int) -> None:
        self._llama = native.bindings()
        self._rows = np.zeros(n_vocab, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        self._everything = np.arange(n_vocab, dtype=np.int32)
        self._array = self._llama.llama_token_data_array()

    def choose(self, chain: int, logits: NDArray[np.float32], tokens: NDArray[np.int32] | None = None) -> int:
        """What the chain picks of these tokens (all of them by default); nothing is accepted."""
        tokens = self._everything if tokens is None else tokens
        rows = self._rows[: len(tokens)]
        rows["id"] = tokens
        rows["logit"] = logits if tokens is self._everything else logits[tokens]
        self._apply(chain, len(tokens))
        return int(self._rows["id"][self._array.selected])

    def filtered(self, grammar: int | None, tokens: Sequence[int] | NDArray[np.int32]) -> NDArray[np.int32]:
        rows = self._rows[: len(tokens)]
        rows["id"] = tokens
        rows["logit"] = 0.0
        self._apply(grammar, len(tokens))
        return np.asarray(rows["id"][np.isfinite(rows["logit"])], np.int32)

    def _apply(self, sampler: int | None, count: int) -> None:
        array = self._array
        array.data = ctypes.cast(self._rows.ctypes.data, type(array.data))
        array.size, array.selected, array.sorted = count, -1, False
        self._llama.llama_sampler_apply(sampler, ctypes.byref(array))
