"""llama.cpp's grammar at one position in a text, guarded against inputs that would abort the process.

In: GBNF that was checked before, then tokens. Out: whether a token is allowed next, and which ones are. llama.cpp
throws through C, which aborts the process, when a disallowed token is accepted; that never happens here. A grammar that
is so ambiguous that every character doubles its states raises EngineError, long before it fills the memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mull.engine.model import Model
from mull.engine.native import library
from mull.engine.sampling.candidates import Candidates
from mull.engine.sampling.token_index import TokenIndex, token_index
from mull.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray


_LARGE_GROUP = 4096  # tokens with the same prefix, from which on their next bytes are tested too
_MAX_DEPTH = 12  # bytes that are tested one after the other

# Seconds of CPU time for one token: the cost of a few dozen states, of some thousands, and of too many.
_SOME_STATES, _MANY_STATES, _TOO_MANY_STATES = 0.0005, 0.02, 0.1


class GrammarMatcher:
    """Raises EngineError where llama.cpp rejects the grammar."""

    def __init__(self, model: Model, grammar: str, root: str, candidates: Candidates) -> None:
        self._llama = library.bindings()
        self._model = model
        self._candidates = candidates
        self._cost = 0.0  # of the last token, seconds of CPU time
        self._advanced: tuple[int, int] | None = None  # a token, and a copy of the grammar after it
        self.handle: int | None = self._llama.llama_sampler_init_grammar(
            model.vocabulary, grammar.encode(), root.encode()
        )
        if not self.handle:
            raise EngineError(
                "invalid_grammar",
                "llama.cpp cannot parse the grammar.",
                "See llama.log in the state folder for the reason.",
            )

    @cached_property
    def index(self) -> TokenIndex:
        """The vocabulary by its first bytes; built only when a sampled token was rejected, or for a prefix."""
        return token_index(self._model)

    def allows(self, token: int) -> bool:
        """Whether this token is allowed next."""
        if self._cost > _SOME_STATES and len(self._model.piece(token)) > 1:
            return self._allows_bytewise(token)
        return bool(self.allowed([token]).size)

    def accept(self, token: int) -> None:
        """Advance by an allowed token. Raises EngineError when that leaves too many states."""
        if self._advanced is not None and self._advanced[0] == token:
            self._llama.llama_sampler_free(self.handle)
            self.handle, self._advanced = self._advanced[1], None
            return
        self._cost = self._accept(self.handle, token)

    def allowed(
        self, tokens: Sequence[int] | NDArray[np.int32], grammar: int | None = None
    ) -> NDArray[np.int32]:
        """Those of the tokens that the grammar allows next; end-of-generation tokens where it is complete."""
        return self._candidates.filtered(grammar or self.handle, tokens)

    def following(self) -> NDArray[np.int32]:
        """Every text token that is allowed next. A token can be allowed only if its first bytes are."""
        groups = list(self._groups(self.handle, b""))
        return self.allowed(np.concatenate(groups)) if groups else np.zeros(0, np.int32)

    def _groups(self, grammar: int | None, before: bytes) -> Iterator[NDArray[np.int32]]:
        """The tokens that start with `before`, which `grammar` has matched, without those whose next byte is rejected.

        Where very many tokens share a prefix, the byte after it is tested too, and so on.
        """
        index = self.index
        if before:
            yield index.exactly(before)
        for byte in self._next_bytes(grammar):
            prefix = before + bytes([byte])
            group, single = index.starting(prefix), index.bytes[byte]
            if self._cost > _MANY_STATES and single >= 0:
                yield index.exactly(prefix)  # ruling out longer ones may take too long
            elif len(group) > _LARGE_GROUP and single >= 0 and len(prefix) < _MAX_DEPTH:
                copy = self._llama.llama_sampler_clone(grammar)
                self._llama.llama_sampler_accept(copy, single)
                yield from self._groups(copy, prefix)
                self._llama.llama_sampler_free(copy)
            else:
                yield group

    def free(self) -> None:
        """Free the grammar. May be called more than once."""
        if self.handle is not None:
            self._discard_advanced()
            self._llama.llama_sampler_free(self.handle)
            self.handle = None

    def _next_bytes(self, grammar: int | None) -> list[int]:
        """The bytes that may come next: those whose single-byte token is allowed, and those without such a token."""
        singles = self.index.bytes
        allowed = set(self.allowed([token for token in singles if token >= 0], grammar).tolist())
        return [byte for byte, token in enumerate(singles) if token < 0 or token in allowed]

    def _allows_bytewise(self, token: int) -> bool:
        """The same, byte by byte on a copy: a single step must not double the states too often."""
        self._discard_advanced()
        singles = [self.index.bytes[byte] for byte in self._model.piece(token)]
        if min(singles) < 0:
            return bool(self.allowed([token]).size)
        copy = self._llama.llama_sampler_clone(self.handle)
        try:
            for single in singles:
                if not self.allowed([single], copy).size:
                    self._llama.llama_sampler_free(copy)
                    return False
                self._cost = self._accept(copy, single)
        except EngineError:
            self._llama.llama_sampler_free(copy)
            raise
        self._advanced = (token, copy)
        return True

    def _accept(self, grammar: int | None, token: int) -> float:
        begun = time.thread_time()
        self._llama.llama_sampler_accept(grammar, token)
        cost = time.thread_time() - begun
        if cost > _TOO_MANY_STATES:
            raise EngineError(
                "grammar_ambiguous",
                "The grammar is too ambiguous: the text can be parsed in too many ways at once.",
                "Write it so that alternatives differ in their first characters.",
            )
        return cost

    def _discard_advanced(self) -> None:
        if self._advanced is not None:
            self._llama.llama_sampler_free(self._advanced[1])
            self._advanced = None
