"""A request as its reader sees it: an iterator that drives the decode loop.

In: a live sequence's state, and the engine's `step` and `release`. Out: `Prefill` and `Piece` events, one by one; after
the last one `ended` says why. Iterating raises what decoding (EngineError) or sampling raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from mull.engine.request import Piece, Prefill
from mull.engine.sequence import LiveSequence


@dataclass(eq=False, kw_only=True)
class Generation(LiveSequence):
    """A running request. Read it to its end, or close it: either frees its slot for another request.

    With several live requests, whoever steps the engine may also `poll` each of them instead of iterating.
    """

    _step: Callable[[], None]
    _release: Callable[[LiveSequence], None]

    def __iter__(self) -> Iterator[Prefill | Piece]:
        return self

    def __next__(self) -> Prefill | Piece:
        while (event := self.poll()) is None:
            if self.ended is not None:
                self.close()
                raise StopIteration
            self._step()
        return event

    def close(self) -> None:
        """End it now, whatever its state. May be called more than once."""
        super().close()
        self._release(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
