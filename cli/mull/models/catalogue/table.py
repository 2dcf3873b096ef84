"""A TOML table whose keys are checked as they are read.

In: a table of a catalogue file and its place there. Out: values of the kinds that were asked for. Raises
CatalogueError, which names the place: for a value of another kind, a key that is missing, or one that nothing has read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from mull.errors import MullError

T = TypeVar("T")
_WORDS: Mapping[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


class CatalogueError(MullError):
    """A catalogue file that cannot be read, with the place in it."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(
            "invalid_catalogue",
            f"{where}: {problem}.",
            "Correct the file; docs/models.md describes its keys.",
        )


class Table:
    """A TOML table that validates its keys: `done` raises CatalogueError for those that nothing has read."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values = dict(values)
        self.where = where

    def take(self, key: str, kind: type[T], default: T) -> T:
        value = self._values.pop(key, default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return kind(value)  # type: ignore[call-arg]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise CatalogueError(self.where, f"{key!r} has to be {_WORDS[kind]}")
        return value

    def optional(self, key: str, kind: type[T]) -> T | None:
        return self.take(key, kind, kind()) if key in self._values else None

    def need(self, key: str, kind: type[T]) -> T:
        if key not in self._values:
            raise CatalogueError(self.where, f"{key!r} is missing")
        return self.take(key, kind, kind())

    def strings(self, key: str) -> tuple[str, ...]:
        values: list[Any] = self.take(key, list, [])
        if not all(isinstance(value, str) for value in values):
            raise CatalogueError(self.where, f"{key!r} has to be a list of strings")
        return tuple(values)

    def table(self, key: str) -> Table:
        return Table(self.take(key, dict, {}), f"{self.where}, {key}")

    def tables(self, key: str) -> list[Table]:
        values: list[Any] = self.take(key, list, [])
        if not all(isinstance(value, dict) for value in values):
            raise CatalogueError(self.where, f"{key!r} has to be a list of tables")
        return [Table(value, f"{self.where}, {key} {i}") for i, value in enumerate(values, 1)]

    def rest(self) -> dict[str, Any]:
        rest, self._values = self._values, {}
        return rest

    def done(self, value: T) -> T:
        if self._values:
            raise CatalogueError(self.where, f"unknown key {min(self._values)!r}")
        return value
