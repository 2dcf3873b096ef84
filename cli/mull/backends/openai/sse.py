"""Server-sent events, as far as chat completions use them: lines to the data of each event.

In: lines of bytes. Out: the data of every event, in order. Comments, other fields, a byte order mark and empty events
are skipped, and names other than `error`; a line that is a JSON object itself (Ollama's own API) is data too. The last
event may lack its blank line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

BOM = b"\xef\xbb\xbf"
DONE = b"[DONE]"
_OTHERS = (b":", b"id:", b"retry:")  # comments, and fields that say nothing here


class EventData:
    """Iterates over the data of each event; several data lines of one event are joined by line feeds.

    `last`: the data of the last event so far; `failed`: its name is `error`. `foreign`: lines that no stream of events
    has, a page's for instance. One of them that has an object in it is data too where events follow: without it the
    answer would have a gap.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self.last = b""
        self.failed = False
        self.foreign = 0
        self._torn = b""  # the last of them with an object

    def __iter__(self) -> Iterator[bytes]:
        for data, failed in self._data():
            if self._torn:
                yield self._torn
            self.last, self.failed = data, failed
            yield data

    def _data(self) -> Iterator[tuple[bytes, bool]]:
        held: list[bytes] = []
        first, failed = True, False
        for line in self._lines:
            if first:
                line, first = line.removeprefix(BOM), False  # noqa: PLW2901
            if line.startswith(b"data:"):
                held.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif line.startswith(b"{") and not held:
                yield line, failed
            elif not line:
                if held:
                    yield b"\n".join(held), failed
                held, failed = [], False
            elif line.startswith(b"event:"):
                failed = line[6:].strip() == b"error"
            elif not line.startswith(_OTHERS):
                self.foreign += 1
                self._torn = line if b"{" in line else self._torn
        if held:
            yield b"\n".join(held), failed
