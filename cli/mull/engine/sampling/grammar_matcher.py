"""llguidance's matcher at one position in a text: which tokens its grammar allows next.

In: a grammar in llguidance's form that was checked before (`structured/compiling.py`), then tokens. Out: masks, one bit
for each token. Each step has limits of time and memory; a grammar that reaches one raises EngineError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mull.engine.model import Model
from mull.engine.sampling.token_trie import token_trie
from mull.errors import EngineError
from mull.structured import bindings

if TYPE_CHECKING:
    from llguidance import LLMatcher
    from numpy.typing import NDArray


class GrammarMatcher:
    """Raises EngineError where llguidance rejects the grammar."""

    def __init__(self, model: Model, grammar: str) -> None:
        llguidance = bindings.llguidance()
        self._trie = token_trie(model)
        self._n_vocab = model.n_vocab
        self._words = np.zeros((model.n_vocab + 32) // 32, np.uint32)  # one bit more: the text may end here
        limits = llguidance.LLParserLimits(verbose_errors=False)
        self._matcher: LLMatcher = llguidance.LLMatcher(self._trie, grammar, log_level=0, limits=limits)
        if self._matcher.is_error():
            why = _first_line(self._matcher.get_error())
            raise EngineError(
                "invalid_grammar",
                f"The grammar cannot be used: {'it is too large' if 'fuel' in why else why}.",
                "Simplify it.",
            )

    def mask(self) -> tuple[NDArray[np.uint8], bool]:
        """What is allowed next, one bit for each token from the lowest on, and whether the text may end here.

        The array is the caller's until the next call. Raises EngineError for a grammar that is too ambiguous.
        """
        if self._matcher.is_error():
            self._words.fill(0)
        else:
            self._matcher.unsafe_compute_mask_ptr(self._words.ctypes.data, self._words.nbytes)
            if self._matcher.is_error():
                self._check()
                self._words.fill(0)
        found = self._words.view(np.uint8)
        at, bit = divmod(self._n_vocab, 8)
        ends = bool(found[at] >> bit & 1)
        found[at] &= 0xFF ^ (1 << bit)
        return found, ends

    def accept(self, token: int) -> None:
        """Advance by an allowed token. Raises EngineError when the grammar is too ambiguous."""
        if not self._matcher.consume_token(token):
            self._check()

    def advance(self, text: bytes) -> bool:
        """Advance by a text that need not be what a model would tokenize; returns whether the grammar allows it."""
        tokens = self._trie.greedy_tokenize(text.decode("utf-8", "replace"))
        return self._matcher.try_consume_tokens(tokens) == len(tokens)

    @property
    def complete(self) -> bool:
        """Whether the text may end here."""
        return not self._matcher.is_error() and self._matcher.is_accepting()

    def _check(self) -> None:
        """Raise EngineError where a limit was reached; else nothing is allowed here any more."""
        if not self._matcher.get_error().startswith("NoExtension"):
            raise EngineError(
                "grammar_ambiguous",
                "The grammar or expression is too ambiguous: the text can be parsed in too many ways at once.",
                "Write it so that alternatives differ in their first characters, and repetitions are not nested.",
            )


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(".:")
