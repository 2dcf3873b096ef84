"""A vocabulary by its first bytes: which tokens can be ruled out by looking at a single one.

In: a model. Out: an `Index`, made in one pass over all tokens (0.2 s for 150,000 of them) when it is first needed.
A token that a grammar rejects because of its first character is one of thousands with that character.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mull.engine.model import Model

_SHORT = 256  # in place of a second byte: the token has only one


class Index:
    """`bytes[b]` is the token that is exactly the byte b, or -1. Tokens with a NUL byte are in no group."""

    def __init__(self, model: Model) -> None:
        self.bytes = [-1] * 256
        keys = np.full(model.n_vocab, -1, np.int32)
        ends = []
        for token in range(model.n_vocab):
            data = model.piece(token)
            if model.is_eog(token):
                ends.append(token)
            elif data and b"\0" not in data:
                keys[token] = data[0] << 9 | (data[1] if len(data) > 1 else _SHORT)
                if len(data) == 1:
                    self.bytes[data[0]] = token
        self.ends = tuple(ends)
        self._order = np.argsort(keys, kind="stable").astype(np.int32)
        self._keys = keys[self._order]

    def starting(self, first: int, second: int | None = -1) -> NDArray[np.int32]:
        """The tokens that begin with this byte; with these two; or, for None, that are this byte alone."""
        low = first << 9 | (0 if second == -1 else _SHORT if second is None else second)
        high = low + (1 << 9 if second == -1 else 1)
        begin, end = np.searchsorted(self._keys, [low, high])
        return self._order[begin:end]
