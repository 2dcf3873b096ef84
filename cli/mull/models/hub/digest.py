"""The digest of a file, computed in a background thread while its bytes arrive.

hashlib releases the GIL while it works, so on two cores hashing costs a download almost no time. Chunks from the
network are small; they are passed to the thread a megabyte at a time, because switching threads costs time.
"""

from __future__ import annotations

import hashlib
import queue
import threading

CHUNK = 1 << 20  # bytes passed to the thread at once


class Digest:
    """SHA-256, or git's SHA-1 of a file of `size` bytes, depending on the length of the `expected` digest."""

    def __init__(self, expected: str, size: int) -> None:
        if len(expected) == 64:
            self._hash = hashlib.sha256()
        else:
            self._hash = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        self._gathered: list[bytes | memoryview] = []
        self._size = 0
        self._chunks: queue.Queue[list[bytes | memoryview] | None] = queue.Queue(maxsize=16)
        self._thread = threading.Thread(target=self._work, name="digest", daemon=True)
        self._thread.start()

    def update(self, chunk: bytes | memoryview) -> None:
        self._gathered.append(chunk)
        self._size += len(chunk)
        if self._size >= CHUNK:
            self._hand_over()

    def finish(self) -> str:
        """The digest of everything, in hexadecimal."""
        self.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        """End the thread; does nothing if it has ended."""
        if self._thread.is_alive():
            self._hand_over()
            self._chunks.put(None)
            self._thread.join()

    def _hand_over(self) -> None:
        self._chunks.put(self._gathered)
        self._gathered, self._size = [], 0

    def _work(self) -> None:
        while (chunks := self._chunks.get()) is not None:
            for chunk in chunks:
                self._hash.update(chunk)
