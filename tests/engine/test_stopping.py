"""A stop takes effect at any moment, and leaves the engine fit for the next request."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mull.engine.engine import Engine, Generation, Piece, Prefill, Request
from mull.engine.model import LoadStopped, load
from mull.errors import ExitCode
from tests.engine.conftest import GREEDY, ONE_THREAD, run
from tests.model_files.random_model import SLOW, cached


def test_stopped_before_anything_is_computed(tiny: Engine) -> None:
    generation = tiny.generate(Request([1] * 100, GREEDY), lambda: True)
    assert list(generation) == [Prefill(0, 100, 0)]
    assert generation.ended == "stopped"
    assert tiny.cached([1] * 100) == 0


def test_stopped_between_tokens(tiny: Engine) -> None:
    stop = threading.Event()
    generation = tiny.generate(Request([1, 2, 3], GREEDY), stop.is_set)
    said = []
    for event in generation:
        if isinstance(event, Piece):
            said.append(event.token)
            if len(said) == 4:
                stop.set()
    assert (len(said), generation.ended) == (4, "stopped")


@pytest.mark.parametrize("in_main_thread", [True, False])
def test_stopped_while_the_library_computes_a_prompt(slow: Engine, in_main_thread: bool) -> None:
    """One chunk of this prompt takes many times as long as the stop may: the computation itself is interrupted."""
    if in_main_thread:
        check_stop_in_prompt(slow)
    else:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(check_stop_in_prompt, slow).result()
            pool.submit(run, slow, [1, 2, 3], max_tokens=2).result()  # which nothing interrupts


def check_stop_in_prompt(slow: Engine) -> None:
    stop = threading.Event()
    prompt = list(range(5, 400)) * 4
    generation = slow.generate(Request(prompt, GREEDY), stop.is_set)
    assert next(generation) == Prefill(0, len(prompt), 0)
    threading.Timer(0.1, stop.set).start()
    events = list(generation)
    assert generation.ended == "stopped"
    assert not any(isinstance(event, Piece) for event in events)
    assert slow.cached(prompt) < len(prompt)


def test_after_a_stop_in_the_prompt_the_next_answer_is_right(start: Callable[..., Engine]) -> None:
    prompt = list(range(5, 45))
    expected = run(start(cached(SLOW)), prompt, max_tokens=2).tokens
    engine = start(cached(SLOW))
    stop = threading.Event()
    generation = engine.generate(Request(prompt, GREEDY), stop.is_set)
    next(generation)
    threading.Timer(0.02, stop.set).start()
    list(generation)
    assert generation.ended == "stopped"
    assert run(engine, prompt, max_tokens=2).tokens == expected


def test_an_exception_in_the_middle_of_computing_leaves_it_usable(slow: Engine) -> None:
    class Trouble(Exception):
        pass

    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:  # the first answer is before the step, the others while it computes
            raise Trouble
        return False

    prompt = list(range(5, 300))
    with pytest.raises(Trouble), slow.generate(Request(prompt, GREEDY), stopped) as generation:
        list(generation)
    assert run(slow, prompt[:20], max_tokens=2).ended == "length"


def test_an_exception_right_after_a_step_leaves_no_trace(
    start: Callable[..., Engine], tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens in the KV cache that are not on record, because the bookkeeping was interrupted, are found and removed."""
    engine = start(tiny_path)
    prompt = list(range(10, 60))
    expected = run(engine, prompt, max_tokens=5).tokens
    with monkeypatch.context() as broken:
        broken.setattr(Generation, "decoded", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with (
            pytest.raises(KeyboardInterrupt),
            engine.generate(Request([*prompt, *expected, 7], GREEDY)) as generation,
        ):
            list(generation)
    assert run(engine, prompt, max_tokens=5).tokens == expected


def test_loading_reports_progress(tiny_path: Path, state_dir: Path) -> None:
    seen: list[float] = []

    def progress(fraction: float) -> bool:
        seen.append(fraction)
        return True

    load(tiny_path, ONE_THREAD, state_dir=state_dir, on_progress=progress, trusted=True).close()
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_loading_can_be_stopped(state_dir: Path) -> None:
    with pytest.raises(LoadStopped) as stopped:
        load(
            cached(SLOW),
            ONE_THREAD,
            state_dir=state_dir,
            on_progress=lambda fraction: fraction < 0.3,
            trusted=True,
        )
    assert stopped.value.exit_code == ExitCode.INTERRUPTED


def test_what_progress_raises_is_raised_by_load(tiny_path: Path, state_dir: Path) -> None:
    def progress(_fraction: float) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(tiny_path, ONE_THREAD, state_dir=state_dir, on_progress=progress, trusted=True)


@pytest.mark.skipif(sys.platform == "win32", reason="no signal to send to oneself")
def test_a_signal_handler_runs_while_the_library_computes(slow: Engine) -> None:
    """The caller waits in Python meanwhile: a handler that waited for llama_decode to return would come too late."""
    stop = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: stop.set())
    try:
        prompt = list(range(5, 400)) * 4
        generation = slow.generate(Request(prompt, GREEDY), stop.is_set)
        next(generation)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        list(generation)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert generation.ended == "stopped"
    assert slow.cached(prompt) < len(prompt)
