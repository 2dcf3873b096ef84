"""The lines of a batch: each that is not blank is a question or an error, with a number and an id of its own."""

from __future__ import annotations

import io

from mull.batch.lines import count_lines, read_lines


def check(data: bytes) -> None:
    lines = list(read_lines(io.BytesIO(data)))
    assert len(lines) == count_lines(io.BytesIO(data))
    assert [line.number for line in lines] == sorted({line.number for line in lines})
    valid = [line for line in lines if line.error is None]
    assert len({line.id for line in valid}) == len(valid)
    for line in lines:
        assert bool(line.messages) == (line.error is None)
        assert line.error is None or line.error.message.startswith(f"Line {line.number} ")
        for message in line.messages:
            message.content.encode("utf-8", "surrogatepass")
