"""Read the Hub's answer to an API request within limits, compressed or not, before anything looks at it.

In: a response of the HTTP client whose body has not been read. Out: a response with the whole body, decompressed; its
JSON. Raises ValueError for an answer that is too long, or no JSON that mull can handle. A few kilobytes of gzip can
hold gigabytes, so the decompressor is stopped at the limit.
"""

from __future__ import annotations

import zlib
from typing import Any

from mull.fs.json_text import parse_json

LARGEST = 32 << 20
"""Bytes of an answer, decompressed; a repository of 100,000 files has about that many."""

ENCODINGS = {"Accept-Encoding": "gzip"}
"""To send along: what `whole` can decompress."""

_GZIP = 16 + zlib.MAX_WBITS


def whole(response: Any) -> Any:
    """The response with its body. Raises ValueError, and what the HTTP client raises."""
    data = bytearray()
    for chunk in response.iter_raw():
        data += chunk
        if len(data) > LARGEST:
            raise ValueError(f"the answer has more than {LARGEST:,} bytes")
    content = _decompressed(bytes(data), response.headers.get("content-encoding", "identity").lower())
    hidden = {"content-encoding", "content-length", "transfer-encoding"}
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in hidden]
    return type(response)(response.status_code, headers=headers, content=content, request=response.request)


def json_of(response: Any) -> Any:
    """The JSON of a whole response. Raises ValueError."""
    return parse_json(response.content)


def _decompressed(data: bytes, encoding: str) -> bytes:
    if encoding in {"", "identity"}:
        return data
    if encoding not in {"gzip", "x-gzip"}:
        raise ValueError(f"the answer is compressed as {encoding}")
    reader = zlib.decompressobj(_GZIP)
    try:
        content = reader.decompress(data, LARGEST + 1)
    except zlib.error as error:
        raise ValueError(f"the answer is not valid gzip: {error}") from error
    if len(content) > LARGEST:
        raise ValueError(f"the answer has more than {LARGEST:,} bytes")
    return content
