"""The prompt cache across engines, as across processes: fewer tokens to compute, the same bits."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mull.engine.engine import Engine
from mull.engine.kv import prefill
from mull.engine.kv.prefill import SHORT, TILE, next_chunk, reusable_length
from mull.engine.kv.state_store import StateStore
from tests.engine.conftest import Run, run
from tests.model_files.random_model import TINY, RandomShape, write_random
from tests.model_files.recurrent import write_hybrid, write_recurrent
from tests.model_files.scripted import write_scripted

Start = Callable[..., Engine]

QUANTIZED = RandomShape("quantized", 320, 256, 2, 4, 2, 64, 512, quantized=True, n_ctx=4096)
FILE = [(i * 37) % 250 + 5 for i in range(500)]
FIRST = [*FILE, 9, 8, 7, 6]
SECOND = [*FILE, 9, 8, 100, 101, 102]
CHECKPOINTS = (len(FILE),)


def write(kind: str, path: Path) -> Path:
    if kind == "quantized":
        return write_random(path, QUANTIZED)
    if kind == "recurrent":
        return write_recurrent(path)
    if kind == "hybrid":
        return write_hybrid(path)
    if kind == "gpt-oss":
        return write_scripted(path, [f" w{i}" for i in range(30)], architecture="gpt-oss")
    if kind == "sliding window":
        return write_random(path, TINY, architecture="gemma3", **{"attention.sliding_window": 16})
    return write_random(path, TINY)


KINDS = pytest.mark.parametrize(
    "kind", ["full attention", "sliding window", "gpt-oss", "recurrent", "hybrid"]
)


@pytest.fixture
def state_store(tmp_path: Path) -> StateStore:
    """A store in which every state pays."""
    return StateStore(tmp_path / "prefixes", limit=1 << 30, min_seconds=0.0)


def ask(engine: Engine, prompt: Sequence[int], ahead: Sequence[int] | None = None, **request: Any) -> Run:
    """Generate an answer, and store the prompt cache for the next process."""
    request.setdefault("max_tokens", 20)
    said = run(engine, prompt, **request)
    engine.save_prompt_cache(lambda: [*prompt, *said.tokens, 3, 3] if ahead is None else ahead)
    return said


@KINDS
def test_another_question_about_the_same_file(
    start: Start, state_store: StateStore, tmp_path: Path, kind: str
) -> None:
    path = write(kind, tmp_path / "model.gguf")
    first = ask(start(path, state_store=state_store), FIRST, checkpoints=CHECKPOINTS)
    again = ask(start(path, state_store=state_store), SECOND, checkpoints=CHECKPOINTS)
    plain = run(start(path), SECOND, checkpoints=CHECKPOINTS, max_tokens=20)
    assert (first.cached, again.cached, plain.cached) == (0, len(FILE), 0)
    assert again.tokens == plain.tokens
    assert again.prefills[0].done == len(FILE)
    assert again.prefills[-1].done == again.prefills[-1].total == len(SECOND)


@pytest.mark.parametrize("kind", ["full attention", "quantized", "recurrent", "hybrid"])
def test_the_states_are_the_same_bit_by_bit(start: Start, tmp_path: Path, kind: str) -> None:
    """What follows the cached prefix is computed from it: equal bits there mean equal logits."""
    path = write(kind, tmp_path / "model.gguf")
    longer = [*FILE, *range(5, 205)]
    bits = []
    for number, before in enumerate([FIRST, None]):
        state_store = StateStore(tmp_path / str(number), limit=1 << 30, min_seconds=0.0)
        if before:
            ask(start(path, state_store=state_store), before, checkpoints=CHECKPOINTS)
        said = ask(
            start(path, state_store=state_store), longer, longer, checkpoints=CHECKPOINTS, max_tokens=1
        )
        assert said.cached == (len(FILE) if before else 0)
        (entry,) = (e for e in state_store.entries() if len(e.tokens) == len(longer))
        bits.append((list(entry.tokens), bytes(state_store.load(entry))))  # type: ignore[arg-type]
    assert bits[0] == bits[1]


def test_a_state_of_more_than_a_huge_page(start: Start, state_store: StateStore, tmp_path: Path) -> None:
    path, long = write("quantized", tmp_path / "model.gguf"), FILE * 5
    ask(start(path, state_store=state_store), [*long, 9, 8], checkpoints=[len(long)])
    (entry,) = state_store.entries()
    again = ask(start(path, state_store=state_store), [*long, 100, 101], checkpoints=[len(long)])
    plain = run(start(path), [*long, 100, 101], checkpoints=[len(long)], max_tokens=20)
    assert entry.size > 2 << 20
    assert (again.cached, again.tokens) == (len(long), plain.tokens)


@KINDS
def test_another_process_continues_a_conversation_from_the_cache(
    start: Start, state_store: StateStore, tmp_path: Path, kind: str
) -> None:
    path = write(kind, tmp_path / "model.gguf")
    first = ask(start(path, state_store=state_store), FIRST)
    longer = [*FIRST, *first.tokens, *range(5, 105)]
    again = ask(start(path, state_store=state_store), longer)
    assert again.cached == len(FIRST) + len(first.tokens) - 1  # the last one was sampled but never decoded
    assert again.tokens == run(start(path), longer, max_tokens=20).tokens


def test_only_the_prefix_of_the_next_prompt_is_stored(
    start: Start, state_store: StateStore, tiny_path: Path
) -> None:
    """As after thinking, which most templates drop."""
    ask(start(tiny_path, state_store=state_store), FIRST, ahead=[*FIRST[:-2], 77, 78])
    (entry,) = state_store.entries()
    assert list(entry.tokens) == FIRST[:-2]


def test_a_longer_entry_replaces_its_own_prefix(
    start: Start, state_store: StateStore, tiny_path: Path
) -> None:
    first = ask(start(tiny_path, state_store=state_store), FIRST)
    longer = [*FIRST, *first.tokens, *range(5, 205)]
    ask(start(tiny_path, state_store=state_store), longer)
    (entry,) = state_store.entries()
    assert list(entry.tokens)[: len(longer)] == longer


@KINDS
def test_nothing_is_written_twice(start: Start, state_store: StateStore, tmp_path: Path, kind: str) -> None:
    path = write(kind, tmp_path / "model.gguf")
    ask(start(path, state_store=state_store), FIRST, checkpoints=CHECKPOINTS)
    before = {entry.path: entry.path.stat().st_ino for entry in state_store.entries()}
    os.utime(next(iter(before)), (1, 1))
    ask(start(path, state_store=state_store), SECOND, checkpoints=CHECKPOINTS)
    assert {entry.path: entry.path.stat().st_ino for entry in state_store.entries()} == before
    assert max(entry.used for entry in state_store.entries()) > 1  # but it was marked as used


def test_a_short_prompt_is_not_worth_a_file(start: Start, tmp_path: Path, tiny_path: Path) -> None:
    state_store = StateStore(tmp_path / "prefixes")
    ask(start(tiny_path, state_store=state_store), FIRST[:40])
    assert not state_store.folder.exists()


def test_another_model_under_the_same_name_is_a_cache_miss(
    start: Start, state_store: StateStore, tmp_path: Path
) -> None:
    path = write_random(tmp_path / "model.gguf", TINY)
    facts = path.stat()
    ask(start(path, state_store=state_store), FIRST)
    write_random(tmp_path / "other.gguf", TINY, seed=2).replace(path)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert path.stat().st_size == facts.st_size
    other = ask(start(path, state_store=state_store), FIRST)
    assert other.cached == 0
    assert other.tokens == run(start(path), FIRST, max_tokens=20).tokens


def test_a_model_file_replaced_while_it_is_loaded_stores_nothing(
    start: Start, state_store: StateStore, tmp_path: Path
) -> None:
    path = write_random(tmp_path / "model.gguf", TINY)
    engine = start(path, state_store=state_store)
    write_random(tmp_path / "other.gguf", TINY, seed=2).replace(path)
    ask(engine, FIRST)
    assert state_store.entries() == []


def test_the_same_model_under_another_name_is_a_cache_hit(
    start: Start, state_store: StateStore, tmp_path: Path
) -> None:
    path = write_random(tmp_path / "model.gguf", TINY)
    ask(start(path, state_store=state_store), FIRST)
    moved = path.rename(tmp_path / "moved.gguf")
    assert run(
        start(moved, state_store=state_store), SECOND, checkpoints=CHECKPOINTS, max_tokens=20
    ).cached == len(FILE)


def test_another_kv_type_is_a_cache_miss(start: Start, state_store: StateStore, tiny_path: Path) -> None:
    ask(start(tiny_path, state_store=state_store), FIRST)
    other = ask(start(tiny_path, state_store=state_store, kv_type="q8_0"), FIRST)
    assert other.cached == 0
    assert ask(start(tiny_path, state_store=state_store, kv_type="q8_0"), FIRST).cached > 0


@KINDS
@pytest.mark.parametrize("ctx", [1024, 4096])
def test_the_size_of_the_context_does_not_matter(
    start: Start, state_store: StateStore, tmp_path: Path, kind: str, ctx: int
) -> None:
    path = write(kind, tmp_path / "model.gguf")
    ask(start(path, state_store=state_store, ctx=2048), FIRST, checkpoints=CHECKPOINTS, max_tokens=400)
    again = ask(start(path, state_store=state_store, ctx=ctx), SECOND, checkpoints=CHECKPOINTS)
    assert again.cached == len(FILE)
    assert again.tokens == run(start(path, ctx=ctx), SECOND, checkpoints=CHECKPOINTS, max_tokens=20).tokens


def test_a_damaged_entry_is_a_cache_miss(start: Start, state_store: StateStore, tiny_path: Path) -> None:
    ask(start(tiny_path, state_store=state_store), FIRST)
    (entry,) = state_store.entries()
    data = bytearray(entry.path.read_bytes())
    data[-100] ^= 1
    entry.path.write_bytes(data)
    again = run(start(tiny_path, state_store=state_store), SECOND, checkpoints=CHECKPOINTS, max_tokens=20)
    assert again.cached == 0
    assert again.tokens == run(start(tiny_path), SECOND, checkpoints=CHECKPOINTS, max_tokens=20).tokens
    assert not entry.path.exists()


def test_a_state_that_llama_rejects_is_a_cache_miss(
    start: Start, state_store: StateStore, tiny_path: Path
) -> None:
    """Intact and well described, but not a state of this model."""
    ask(start(tiny_path, state_store=state_store), FIRST)
    (entry,) = state_store.entries()
    wrong = state_store.load(entry)
    assert wrong is not None
    wrong[:64] = bytes(range(64))
    assert replace(state_store, model="x").put(entry.family, list(entry.tokens), wrong)
    again = run(start(tiny_path, state_store=state_store), SECOND, checkpoints=CHECKPOINTS, max_tokens=20)
    assert again.cached == 0
    assert again.tokens == run(start(tiny_path), SECOND, checkpoints=CHECKPOINTS, max_tokens=20).tokens


@pytest.mark.parametrize("kind", ["sliding window", "recurrent"])
def test_a_chat_continues_from_a_checkpoint_in_memory(start: Start, tmp_path: Path, kind: str) -> None:
    """A memory that cannot be truncated would start over in every turn after thinking was removed from the prompt."""
    path = write(kind, tmp_path / "model.gguf")
    engine = start(path, state_store=StateStore(tmp_path / "prefixes", min_seconds=0.0))
    run(engine, FIRST, checkpoints=CHECKPOINTS, max_tokens=20)
    again = run(engine, SECOND, checkpoints=CHECKPOINTS, max_tokens=20)
    assert again.cached >= len(FILE)
    assert again.tokens == run(start(path), SECOND, checkpoints=CHECKPOINTS, max_tokens=20).tokens


def test_how_a_prompt_is_split_does_not_depend_on_time(
    tiny_path: Path, start: Start, state_store: StateStore
) -> None:
    for room in range(1, 513):
        at, batches = 0, []
        while at < 1000:
            batches.append(next_chunk(at, 1000, (10, 300), room))
            at += batches[-1]
        assert sum(batches) == 1000
        assert batches[0] == 10
        assert min(batches[1:]) >= SHORT
        assert max(batches) < max(room + 1, 2 * SHORT)
        ends = [10 + sum(batches[1 : number + 2]) for number in range(len(batches) - 1)]
        assert all((end - (10 if end < 300 else 300)) % TILE == 0 for end in ends if end not in {300, 1000})


def test_how_much_of_a_cached_prefix_is_used() -> None:
    assert reusable_length(500, 520, (500,)) == 500  # at a checkpoint
    assert reusable_length(503, 520, (500,)) == 500  # a few more shared tokens are not worth leaving it
    assert reusable_length(320, 1000, ()) == 320  # far from both ends
    assert reusable_length(330, 1000, (65,)) == 65 + 8 * TILE
    assert reusable_length(990, 1000, ()) == 928
    assert reusable_length(30, 1000, ()) == 0


@pytest.mark.parametrize("kind", ["full attention", "quantized"])
def test_a_prompt_gives_the_same_bits_however_it_is_split(
    start: Start, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a slow and on a fast machine, whose batches differ."""
    path = write(kind, tmp_path / "model.gguf")
    bits = set()
    for seconds in (0.0, 1e-3, 5e-3, 100.0):
        monkeypatch.setattr(prefill, "_CHUNK_SECONDS", seconds)
        state_store = StateStore(tmp_path / str(seconds), limit=1 << 30, min_seconds=0.0)
        ask(start(path, state_store=state_store), SECOND, ahead=SECOND, max_tokens=1)
        (entry,) = state_store.entries()
        bits.add(bytes(state_store.load(entry)))  # type: ignore[arg-type]
    assert len(bits) == 1
