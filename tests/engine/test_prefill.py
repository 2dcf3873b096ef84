"""How many prompt tokens a device computes at once: so few that a stop need not wait, so many that it is not slowed."""

from __future__ import annotations

import pytest

from mull.engine.kv.prefill import SHORT, ChunkSize, next_chunk

STOP = 0.2  # seconds that a stop may take
LAUNCH = 0.005  # seconds that a device needs for any step


def steps(rate: float, total: int, *, on_gpu: bool) -> list[tuple[int, float]]:
    """Tokens and seconds of the steps of a prompt, on a device of this speed in tokens per second."""
    chunk, at, found = ChunkSize(512, 1, on_gpu=on_gpu), 0, []
    while at < total:
        count = next_chunk(at, total, (), chunk.tokens, chunk.shortest)
        seconds = count / rate + LAUNCH
        found.append((count, seconds))
        chunk.record(count, seconds)
        at += count
    return found


@pytest.mark.parametrize("rate", [256.0, 400.0, 1000.0, 3000.0, 20_000.0])
@pytest.mark.parametrize("total", [1, 31, 33, 511, 512, 2000, 2001])
def test_no_step_on_a_device_takes_longer_than_a_stop_may(rate: float, total: int) -> None:
    found = steps(rate, total, on_gpu=True)
    assert sum(count for count, _ in found) == total
    assert max(seconds for _, seconds in found) <= STOP


def test_a_fast_device_is_not_slowed() -> None:
    found = steps(5000.0, 4096, on_gpu=True)
    whole = 4096 / 5000.0 + 8 * LAUNCH
    assert sum(seconds for _, seconds in found) <= 1.02 * whole


def test_a_slow_device_computes_a_few_tokens_at_a_time() -> None:
    assert {count for count, _ in steps(20.0, 128, on_gpu=True)} == {8}


def test_a_first_step_that_compiles_costs_no_speed() -> None:
    chunk = ChunkSize(512, 1, on_gpu=True)
    chunk.record(chunk.tokens, 20.0)
    for _ in range(3):
        chunk.record(chunk.tokens, chunk.tokens / 5000.0 + LAUNCH)
    assert chunk.tokens == 512


def test_a_cpu_starts_with_more_and_never_leaves_a_short_batch() -> None:
    counts = [count for count, _ in steps(150.0, 1030, on_gpu=False)]
    assert counts[0] == 128
    assert min(counts) >= SHORT
