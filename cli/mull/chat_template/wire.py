"""Frames between mull and its renderer process: a length, then bytes. Both run the same Python.

A request is marshalled: text keeps lone surrogates, and numbers their type. An answer is a JSON object and the rendered
text, so that nothing which a template influences is ever unmarshalled. Raises `EOFError` at the end of the stream and
`ValueError` for what cannot be sent or is too long.
"""

from __future__ import annotations

import json
import marshal
import struct
from collections.abc import Mapping
from typing import IO, Any

from mull.fs.json_text import parse_json

REQUEST, ANSWER = struct.Struct("<Q"), struct.Struct("<QQ")
MAX_FIELDS = 16 << 20  # bytes of an answer's JSON object: the variables of a template of 1 MB


def pack(request: Mapping[str, Any]) -> bytes:
    """The bytes of a request. Raises ValueError or RecursionError for a value too deep or of another kind."""
    return marshal.dumps(_plain(request))


def write_request(stream: IO[bytes], data: bytes) -> None:
    """Write a packed request."""
    stream.write(REQUEST.pack(len(data)))
    stream.write(data)
    stream.flush()


def read_request(stream: IO[bytes]) -> tuple[dict[str, Any], int]:
    """The next request and its size in bytes."""
    (size,) = REQUEST.unpack(_exactly(stream, REQUEST.size))
    request: dict[str, Any] = marshal.loads(_exactly(stream, size))  # noqa: S302 - written by mull itself
    return request, size


def write_answer(stream: IO[bytes], fields: Mapping[str, Any], text: str) -> None:
    """Write an answer."""
    head, body = json.dumps(fields).encode(), text.encode("utf-8", "surrogatepass")
    stream.write(ANSWER.pack(len(head), len(body)))
    stream.write(head)
    stream.write(body)
    stream.flush()


def read_answer(stream: IO[bytes], most: int) -> tuple[dict[str, Any], str]:
    """The next answer, whose text may have `most` bytes."""
    head, body = ANSWER.unpack(_exactly(stream, ANSWER.size))
    if head > MAX_FIELDS or body > most:
        raise ValueError("an answer is too long")
    fields: dict[str, Any] = parse_json(_exactly(stream, head), lenient=True)
    return fields, _exactly(stream, body).decode("utf-8", "surrogatepass")


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _plain(value: Any) -> Any:
    """The value in the types that can be marshalled: subclasses of str, dict and so on become the types themselves."""
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return value if type(value) is kind else kind(value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    raise ValueError(f"a template takes no {type(value).__name__}")
