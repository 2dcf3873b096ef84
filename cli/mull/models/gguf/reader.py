"""Reads the little-endian values of a GGUF header from an untrusted file.

In: a seekable binary file. Out: numbers, strings, arrays; long arrays and strings are skipped. Every length is
validated: nothing is read beyond the file's end, at most one block or one value is buffered, and the total of stored
and of skipped values is limited. Raises DamagedError, whose text ends the sentence "the file is damaged: ...".
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO, Final

from mull.dataclass import dataclass

BLOCK: Final = 1 << 18  # bytes read at once
MAX_KEY = 65_535  # bytes
MAX_STRING = 1 << 20  # bytes of a stored string; the longest are chat templates of some 30,000
MAX_ITEMS = 4 << 20  # elements of all arrays; the largest vocabularies have 300,000, and twice as many merges
MAX_SKIPPED = 32 << 20  # bytes of skipped strings, such as the whole tokenizer.json of another library
STORED_ITEMS = 1024  # elements of the longest array that is stored
MAX_STORED = 16 << 20  # bytes of all stored strings and arrays, roughly as Python objects
VALUE = 40  # bytes of a number in a Python tuple
BYTES, STRING, ARRAY = 0, 8, 9
SCALARS: Final[Mapping[int, struct.Struct]] = {
    kind: struct.Struct(f"<{code}")
    for kind, code in {
        0: "B",
        1: "b",
        2: "H",
        3: "h",
        4: "I",
        5: "i",
        6: "f",
        7: "?",
        10: "Q",
        11: "q",
        12: "d",
    }.items()
}


@dataclass(frozen=True, slots=True)
class LongArray:
    """A skipped array: its element type, length, and offset in the file. A long string is an array of bytes."""

    kind: int
    count: int
    offset: int


class DamagedError(Exception):
    """The header is invalid; the text says how."""


class Reader:
    """Reads values block by block, never beyond the file's end."""

    def __init__(self, file: BinaryIO, size: int, offset: int) -> None:
        self._file = file
        self._size = size
        self._block = b""
        self._at = 0  # in the block
        self._base = offset  # of the block in the file
        self._stored = 0  # bytes, of MAX_STORED
        self._items = 0  # of MAX_ITEMS
        self._skipped = 0  # bytes, of MAX_SKIPPED

    @property
    def position(self) -> int:
        return self._base + self._at

    def _need(self, count: int) -> None:
        """Make sure that the next `count` bytes are in the block."""
        if len(self._block) - self._at >= count:
            return
        if self.position + count > self._size:
            raise DamagedError("it ends in the middle of its header")
        self._base, self._at = self.position, 0
        self._file.seek(self._base)
        parts, missing = [], max(count, min(BLOCK, self._size - self._base))
        while missing > 0 and (part := self._file.read(missing)):
            parts.append(part)
            missing -= len(part)
        self._block = b"".join(parts)
        if len(self._block) < count:
            raise DamagedError("it ends in the middle of its header")

    def take(self, count: int) -> bytes:
        if count > self._size - self.position:
            raise DamagedError("it ends in the middle of its header")
        self._need(count)
        self._at += count
        return self._block[self._at - count : self._at]

    def number(self, code: str) -> int:
        return int(struct.unpack(f"<{code}", self.take(struct.calcsize(code)))[0])

    def string(self, most: int = MAX_STRING) -> str:
        length = self.number("Q")
        if length > most:
            raise DamagedError(f"it claims a text of {length:,} bytes")
        return self.take(length).decode("utf-8", "replace")

    def stored_string(self, most: int = MAX_STRING) -> str:
        """A string that is stored as long as the header; it counts toward MAX_STORED."""
        text = self.string(most)
        self._store(len(text))
        return text

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self._text()
        if kind in SCALARS:
            return SCALARS[kind].unpack(self.take(SCALARS[kind].size))[0]
        if kind != ARRAY:
            raise DamagedError(f"it has a value of unknown type {kind}")
        kind, count = self.number("I"), self.number("Q")
        self._items += count
        if self._items > MAX_ITEMS or (kind != STRING and kind not in SCALARS):
            raise DamagedError(f"it has an array of {count:,} values of type {kind}")
        if count <= STORED_ITEMS:
            self._store(VALUE * count)
            texts = kind == STRING
            return (
                tuple(self.stored_string() for _ in range(count))
                if texts
                else tuple(self.members(kind, count))
            )
        skipped = LongArray(kind, count, self.position)
        self._skip(kind, count)
        return skipped

    def _text(self) -> str | LongArray:
        length = self.number("Q")
        if length > MAX_STRING:
            self._skipped += length
            if self._skipped > MAX_SKIPPED:
                raise DamagedError(f"it claims a text of {length:,} bytes")
            skipped = LongArray(BYTES, length, self.position)
            self._skip(BYTES, length)
            return skipped
        self._store(length)
        return self.take(length).decode("utf-8", "replace")

    def _store(self, size: int) -> None:
        self._stored += size
        if self._stored > MAX_STORED:
            raise DamagedError(f"its header has more than {MAX_STORED >> 20} MiB of texts and lists")

    def members(self, kind: int, count: int) -> Iterator[Any]:
        """The next `count` values of one type."""
        if kind == STRING:
            for _ in range(count):
                yield self.string()
            return
        scalar = SCALARS[kind]
        while count > 0:
            some = min(count, BLOCK // scalar.size)
            yield from (value for (value,) in scalar.iter_unpack(self.take(some * scalar.size)))
            count -= some

    def strings_at(self, count: int, wanted: Collection[int]) -> dict[int, str]:
        """Of the next `count` strings, those at the wanted indices."""
        found: dict[int, str] = {}
        last = 0
        for place in sorted(place for place in wanted if 0 <= place < count):
            self._skip(STRING, place - last)
            found[place] = self.string()
            last = place + 1
        return found

    def _skip(self, kind: int, count: int) -> None:
        if kind != STRING:
            length = SCALARS[kind].size * count
            if self.position + length > self._size:
                raise DamagedError("it ends in the middle of its header")
            self._at += length
            if self._at > len(self._block):
                self._base, self._block, self._at = self.position, b"", 0
            return
        unpack, block, at = struct.Struct("<Q").unpack_from, self._block, self._at
        for _ in range(count):  # the hot loop: a vocabulary and its merges
            if at + 8 > len(block):
                self._at = at
                self._need(8)
                block, at = self._block, self._at
            at += 8 + unpack(block, at)[0]
            if at > len(block):
                self._at = at
                if self.position > self._size:
                    raise DamagedError("it ends in the middle of its header")
                self._base, self._block, self._at = self.position, b"", 0
                block, at = self._block, 0
        self._at = at
