"""llama.cpp's own reader of a grammar, at one place in a text, kept from what would end the process.

In: GBNF that was checked before, then tokens. Out: whether a token goes on from here, and which ones do. llama.cpp
throws through C, which ends the process, when a token is accepted that does not fit: none ever is. A grammar in which a
text can be read in ever more ways doubles its states with every character: long before that fills the memory, it is an
EngineError.
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


_CROWD = 4096  # tokens that begin alike, from which on their next bytes are asked about too
_DEEPEST = 12  # bytes that are asked about one after the other

# Seconds of CPU time for one token: what a few dozen states cost, some thousands, and too many.
_SOME, _MANY, _TOO_MANY = 0.0005, 0.02, 0.1


class Matcher:
    """Raises EngineError where llama.cpp refuses the grammar."""

    def __init__(self, model: Model, grammar: str, root: str, candidates: Candidates) -> None:
        self._llama = library.bindings()
        self._model = model
        self._candidates = candidates
        self._cost = 0.0  # of the last token, seconds of CPU time
        self._ahead: tuple[int, int] | None = None  # a token, and the grammar after it
        self.handle: int | None = self._llama.llama_sampler_init_grammar(
            model.vocabulary, grammar.encode(), root.encode()
        )
        if not self.handle:
            raise EngineError(
                "invalid_grammar",
                "llama.cpp does not understand the grammar.",
                "Its log in the state folder says more.",
            )

    @cached_property
    def index(self) -> TokenIndex:
        """The vocabulary by its first bytes."""
        return token_index(self._model)

    def fits(self, token: int) -> bool:
        """Whether the text goes on with this token."""
        if self._cost > _SOME and len(self._model.piece(token)) > 1:
            return self._walk(token)
        return bool(self.passing([token]).size)

    def accept(self, token: int) -> None:
        """Go on with a token that fits. Raises EngineError when that leaves too many ways to go on."""
        if self._ahead is not None and self._ahead[0] == token:
            self._llama.llama_sampler_free(self.handle)
            self.handle, self._ahead = self._ahead[1], None
            return
        self._cost = self._step(self.handle, token)

    def passing(
        self, tokens: Sequence[int] | NDArray[np.int32], grammar: int | None = None
    ) -> NDArray[np.int32]:
        """Those of the tokens that llama.cpp lets through; an end of generation where the grammar is complete."""
        return self._candidates.filtered(grammar or self.handle, tokens)

    def following(self) -> NDArray[np.int32]:
        """Every text token that goes on from here. A token can pass only if its first bytes do."""
        groups = list(self._groups(self.handle, b""))
        return self.passing(np.concatenate(groups)) if groups else np.zeros(0, np.int32)

    def _groups(self, grammar: int | None, before: bytes) -> Iterator[NDArray[np.int32]]:
        """The tokens that begin with `before`, where `grammar` is, without those whose next byte does not pass.

        Where a great many begin alike, the byte after that is asked about too, and so on.
        """
        index = self.index
        if before:
            yield index.exactly(before)
        for byte in self._next_bytes(grammar):
            prefix = before + bytes([byte])
            group, single = index.starting(prefix), index.bytes[byte]
            if self._cost > _MANY and single >= 0:
                yield index.exactly(prefix)  # any longer one may take for ever to be ruled out
            elif len(group) > _CROWD and single >= 0 and len(prefix) < _DEEPEST:
                ahead = self._llama.llama_sampler_clone(grammar)
                self._llama.llama_sampler_accept(ahead, single)
                yield from self._groups(ahead, prefix)
                self._llama.llama_sampler_free(ahead)
            else:
                yield group

    def free(self) -> None:
        if self.handle is not None:
            self._forget_ahead()
            self._llama.llama_sampler_free(self.handle)
            self.handle = None

    def _next_bytes(self, grammar: int | None) -> list[int]:
        """The bytes that could come next: those whose single tokens pass, and those that have none."""
        singles = self.index.bytes
        passed = set(self.passing([token for token in singles if token >= 0], grammar).tolist())
        return [byte for byte, token in enumerate(singles) if token < 0 or token in passed]

    def _walk(self, token: int) -> bool:
        """Byte by byte on a copy, so that no single step can double the states too often."""
        self._forget_ahead()
        singles = [self.index.bytes[byte] for byte in self._model.piece(token)]
        if min(singles) < 0:
            return bool(self.passing([token]).size)
        ahead = self._llama.llama_sampler_clone(self.handle)
        try:
            for single in singles:
                if not self.passing([single], ahead).size:
                    self._llama.llama_sampler_free(ahead)
                    return False
                self._cost = self._step(ahead, single)
        except EngineError:
            self._llama.llama_sampler_free(ahead)
            raise
        self._ahead = (token, ahead)
        return True

    def _step(self, grammar: int | None, token: int) -> float:
        begun = time.thread_time()
        self._llama.llama_sampler_accept(grammar, token)
        cost = time.thread_time() - begun
        if cost > _TOO_MANY:
            raise EngineError(
                "grammar_ambiguous",
                "The grammar can be read in too many ways at once.",
                "Write it so that alternatives differ in their first characters.",
            )
        return cost

    def _forget_ahead(self) -> None:
        if self._ahead is not None:
            self._llama.llama_sampler_free(self._ahead[1])
            self._ahead = None
