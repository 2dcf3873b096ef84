"""The events in a streamed reply of a mull of the same version, which sends those of its own turn.

In: a response. Out: chunks, each with its event. `mull serve` and the processes that keep a model loaded speak so.
Raises what the server's turn raised, and ServerError for a stream that breaks or is malformed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mull.api.events import EventReader
from mull.backends.openai import failures
from mull.backends.openai.sse import DONE, EventData
from mull.endpoints.errors import ServerError
from mull.endpoints.http import Response
from mull.events import Event
from mull.fs.json_text import parse_json


def exact_events(response: Response, name: str) -> Iterator[tuple[dict[str, Any], Event | None]]:
    """Each chunk and its event, up to the end mark or the end of the stream. `name`: the server's, for errors."""
    reader = EventReader()
    for data in EventData(response.lines()):
        if data == DONE:
            return
        chunk = _object(data, name)
        if chunk.get("error") and "mull" not in chunk:
            raise failures.in_stream(chunk["error"], name, None, response.key)
        try:
            event = reader.feed(chunk)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise _invalid(name) from error
        yield chunk, event
        if event is not None:
            response.renew()


def _object(data: bytes, name: str) -> dict[str, Any]:
    try:
        found = parse_json(data, lenient=True)
    except ValueError as error:
        raise _invalid(name) from error
    if not isinstance(found, dict):
        raise _invalid(name)
    return found


def _invalid(name: str) -> ServerError:
    return ServerError(
        "endpoint_answer",
        f"{name} sends no valid answer: an event of it is malformed.",
        "Look at the server's log, and ask again.",
    )
