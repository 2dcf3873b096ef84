"""Results in the order of their lines: each is held until all before it are there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class InOrder(Generic[T]):
    """`put` results by their index, counted from 0; what is next comes out. `rest` gives up waiting."""

    def __init__(self) -> None:
        self._next = 0
        self._held: dict[int, T] = {}

    def put(self, index: int, value: T) -> Iterator[T]:
        self._held[index] = value
        while self._next in self._held:
            yield self._held.pop(self._next)
            self._next += 1

    def rest(self) -> Iterator[T]:
        """What is still held, in order, though some before it are missing."""
        for index in sorted(self._held):
            yield self._held.pop(index)
