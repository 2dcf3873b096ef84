"""A batch reads ahead by lines and by bytes: long lines do not fill the memory while others are answered."""

from __future__ import annotations

import time
from collections.abc import Iterator

from mull.batch.lines import Line
from mull.batch.reader import READ_AHEAD, READ_AHEAD_BYTES, LineReader


def read_so_far(sizes: list[int]) -> tuple[LineReader, list[int]]:
    """A reader of lines of these sizes in bytes, and the numbers of the lines that it has read."""
    read: list[int] = []

    def lines() -> Iterator[Line]:
        for number, size in enumerate(sizes):
            read.append(number)
            yield Line(number, number, size=size)

    return LineReader(lines()), read


def settle(read: list[int], count: int) -> None:
    """Wait until so many lines were read, and a little longer, in which no more may be."""
    until = time.monotonic() + 60
    while len(read) < count and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(0.02)


def test_long_lines_wait_for_room() -> None:
    reader, read = read_so_far([READ_AHEAD_BYTES // 4] * 20)
    settle(read, 5)
    assert len(read) == 5  # four wait, the fifth is in the hands of the thread
    assert reader.take(wait=True) is not None
    settle(read, 6)
    assert len(read) == 6


def test_a_line_longer_than_all_that_may_wait_is_read() -> None:
    reader, _ = read_so_far([READ_AHEAD_BYTES * 4] * 3)
    taken = []
    while not reader.ended:
        if line := reader.take(wait=True):
            taken.append(line.number)
    assert taken == [0, 1, 2]


def test_short_lines_wait_in_numbers() -> None:
    _, read = read_so_far([10] * 1000)
    settle(read, READ_AHEAD + 1)
    assert len(read) == READ_AHEAD + 1
