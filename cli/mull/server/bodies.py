"""Reading and writing HTTP bodies: JSON within limits, and errors as OpenAI's objects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from mull.api.chunks import encode
from mull.api.errors import InvalidRequest, error_object, status_of
from mull.api.formats import FIELDS
from mull.api.request import ChatRequest, read_request
from mull.errors import Interrupted, MullError
from mull.fs.json_text import parse_json
from mull.server.limits import BODY_SECONDS, MOST_BODY

_SLOW = 32_768  # bytes from which parsing is left to another thread
_COMPILES = tuple(f'"{name}"'.encode() for name in FIELDS)  # as is what makes a grammar


class Json(Response):
    """A JSON object."""

    media_type = "application/json"

    def __init__(
        self, value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(encode(value).encode(), status, dict(headers or {}))


def failure(error: MullError, headers: Mapping[str, str] | None = None, *, extended: bool = False) -> Json:
    """An error as a response."""
    return Json(error_object(error, extended=extended), status_of(error), headers)


async def read_json(request: Request) -> Any:
    """The body as JSON. Raises InvalidRequest, MullError (request_too_large, request_timeout)."""
    data = await _read(request)
    try:
        return await asyncio.to_thread(parse_json, data) if len(data) > _SLOW else parse_json(data)
    except ValueError as wrong:  # bad UTF-8 too
        raise InvalidRequest(f"The body cannot be read as JSON: {_place(wrong)}.") from wrong


async def read_chat_request(request: Request) -> ChatRequest:
    """The body as a request for a completion."""
    data = await _read(request)

    def parse() -> ChatRequest:
        try:
            body = parse_json(data)
        except ValueError as wrong:
            raise InvalidRequest(f"The body cannot be read as JSON: {_place(wrong)}.") from wrong
        return read_request(body)

    slow = len(data) > _SLOW or any(word in data for word in _COMPILES)
    return await asyncio.to_thread(parse) if slow else parse()


async def _read(request: Request) -> bytes:
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > MOST_BODY:
                    raise MullError("request_too_large", f"A request may have {MOST_BODY:,} bytes.")
                parts.append(part)
    except TimeoutError:
        raise MullError(
            "request_timeout", f"The request took more than {BODY_SECONDS:.0f} seconds."
        ) from None
    except ClientDisconnect:
        raise Interrupted from None
    return b"".join(parts)


def _place(wrong: ValueError) -> str:
    if isinstance(wrong, json.JSONDecodeError):
        return f"{wrong.msg} at line {wrong.lineno}, column {wrong.colno}"
    return "it is not UTF-8" if isinstance(wrong, UnicodeDecodeError) else str(wrong)
