"""The header of a model file: it is read, or refused with a sentence; its values stay within the file."""

from __future__ import annotations

import io

from mull.errors import MullError
from mull.models.gguf.header import read_header
from mull.models.memory.layout import from_headers


def check(data: bytes) -> None:
    try:
        header = read_header(io.BytesIO(data))
        assert header.size == len(data)
        assert header.data_offset >= 0
        assert len(header.tensors) * 24 <= len(data)  # the shortest description of a tensor
        from_headers([header])
    except MullError as error:
        assert error.message
