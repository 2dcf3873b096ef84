"""`RpcBackend`: the local answer over two workers, and a clear end of what a lost worker breaks off."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from mull.backends.local import LocalBackend
from mull.backends.rpc import supervisor as module
from mull.backends.rpc.backend import RpcBackend
from mull.control import TurnControl
from mull.errors import MullError
from mull.events import AnswerDelta, Done, Event, ThinkingDelta
from mull.messages import Message
from mull.models.resolve import find
from mull.settings import EngineSettings, ReasoningAsk, Sampling, TurnSettings
from tests.cli.conftest import CHATML
from tests.model_files.random_model import TINY, cached
from tests.model_files.scripted import write_scripted
from tests.rpc.conftest import Workers
from tests.rpc.test_worker import needs_rpc
from tests.rpc.workers import stop
from tests.streams import check_stream
from tests.waiting import wait_for

pytestmark = [needs_rpc, pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")]

LONG = [f" word{i}" for i in range(400)]
ASK = [Message("user", "Hi")]
GREEDY = TurnSettings(ReasoningAsk(), Sampling(temperature=0.0), loop_guard=False)


@pytest.fixture(autouse=True)
def checked(checked_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULL_STATE_DIR", str(checked_state))


def talker(folder: Path) -> Path:
    """A model that thinks and answers at length, 400 tokens each."""
    return write_scripted(
        folder / "talker.gguf",
        ["<think>", *LONG, "</think>", *(word.replace("word", "more") for word in LONG)],
        starts={"\n\n": ["Just", " 42!"]},  # after thinking that was ended early
        template=CHATML,
        user_defined=["<think>", "</think>"],
        n_ctx=2048,
        name="talker",
    )


def loaded(path: Path, workers: Workers, **options: float) -> RpcBackend:
    backend = RpcBackend(find(str(path)), EngineSettings(threads=1), workers.addresses, **options)
    list(backend.load(TurnControl()))
    return backend


def events(backend: RpcBackend, control: TurnControl | None = None) -> Iterator[Event]:
    return backend.stream(ASK, GREEDY, control or TurnControl())


def children() -> list[psutil.Process]:
    """The processes that compute for this one."""
    found = []
    for one in psutil.Process().children():
        with suppress(psutil.Error):  # it has just ended
            if "mull.backends.rpc.child" in one.cmdline():
                found.append(one)
    return found


def child_of(backend: RpcBackend) -> int:
    assert backend.ready
    return children()[0].pid


def test_two_workers_give_the_local_answer(tmp_path: Path, workers: Workers) -> None:
    path = cached(TINY)
    wanted = TurnSettings(sampling=Sampling(temperature=0.0), max_tokens=24)
    with closing(LocalBackend(find(str(path)), EngineSettings(threads=1))) as local:
        list(local.load(TurnControl()))
        expected = check_stream(local.stream(ASK, wanted, TurnControl())).answer
    with closing(loaded(path, workers)) as backend:
        assert check_stream(backend.stream(ASK, wanted, TurnControl())).answer == expected


def test_a_worker_killed_in_the_answer_ends_it_with_one_error(tmp_path: Path, workers: Workers) -> None:
    with closing(loaded(talker(tmp_path), workers)) as backend:
        seen: list[Event] = []
        for event in events(backend):
            if isinstance(event, AnswerDelta) and workers.processes[1].poll() is None:
                workers.processes[1].kill()
            seen.append(event)
        done = seen[-1]
        assert isinstance(done, Done)
        assert done.error is not None
        assert (done.finish, done.error.code) == ("error", "worker_lost")
        assert workers.addresses[1] in done.error.message
        assert done.answer == "".join(one.text for one in seen if isinstance(one, AnswerDelta))
        workers.again()
        list(backend.load(TurnControl()))
        assert check_stream(events(backend)).finish == "stop"  # a new process, with the new worker


def test_a_worker_that_was_started_again_costs_no_turn(tmp_path: Path, workers: Workers) -> None:
    with closing(loaded(talker(tmp_path), workers)) as backend:
        workers.processes[1].kill()  # the process that computes does not notice: it is idle
        workers.again()
        assert check_stream(events(backend)).finish == "stop"


def test_a_dead_worker_is_an_error_before_the_first_text(tmp_path: Path, workers: Workers) -> None:
    with closing(loaded(talker(tmp_path), workers)) as backend:
        workers.processes[0].kill()
        workers.processes[0].wait()
        with pytest.raises(MullError) as caught:
            list(events(backend))
        assert caught.value.code == "worker_lost"
        assert workers.addresses[0] in caught.value.message
        assert workers.addresses[0] in (backend.trouble or "")


def test_a_stopped_worker_ends_the_turn_within_the_patience(tmp_path: Path, workers: Workers) -> None:
    with closing(loaded(talker(tmp_path), workers, patience=3.0)) as backend:
        stopped = 0.0
        done: Event | None = None
        for done in events(backend):
            if isinstance(done, ThinkingDelta) and not stopped:
                stop(workers.processes[1])
                stopped = time.monotonic()
        assert isinstance(done, Done)
        assert done.error is not None
        assert done.error.code == "worker_stalled"
        assert workers.addresses[1] in done.error.message
        assert "3 s" in done.error.message


def test_a_stop_ends_the_turn_while_a_worker_is_stopped(tmp_path: Path, workers: Workers) -> None:
    with closing(loaded(talker(tmp_path), workers)) as backend:
        control, done, stopped = TurnControl(), None, 0.0
        for done in events(backend, control):
            if isinstance(done, ThinkingDelta) and not stopped:
                stop(workers.processes[1])
                stopped = time.monotonic()
                control.stop()
        assert isinstance(done, Done)
        assert done.finish == "interrupted"


def test_the_answer_can_be_requested(tmp_path: Path, workers: Workers) -> None:
    with closing(loaded(talker(tmp_path), workers)) as backend:
        control, seen = TurnControl(), []
        for event in events(backend, control):
            if isinstance(event, ThinkingDelta):
                control.answer_now()
            seen.append(event)
        done = seen[-1]
        assert isinstance(done, Done)
        assert LONG[-1] not in done.thinking
        assert done.answer == "Just 42!"


def test_the_process_that_computes_dies_and_comes_back(tmp_path: Path, workers: Workers) -> None:
    with closing(loaded(talker(tmp_path), workers)) as backend:
        done: Event | None = None
        killed = 0
        for done in events(backend):
            if isinstance(done, AnswerDelta) and not killed:
                killed = child_of(backend)
                os.kill(killed, signal.SIGKILL)
        assert isinstance(done, Done)
        assert done.error is not None
        assert done.error.code == "model_process_ended"
        assert "SIGKILL" in done.error.message
        wait_for(lambda: backend.ready, "a new process")
        assert check_stream(events(backend)).finish == "stop"


def test_restarts_end_after_a_few(tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.05)
    with closing(loaded(talker(tmp_path), workers)) as backend:
        tries: list[int] = []
        real = module.greet_all
        monkeypatch.setattr(module, "greet_all", lambda found: (tries.append(1), real(found))[1])
        workers.processes[1].kill()
        workers.processes[1].wait()
        os.kill(child_of(backend), signal.SIGKILL)
        wait_for(lambda: len(tries) == module.RESTARTS, "the last try")
        wait_for(lambda: backend.progress is None, "its end")
        wait_for(
            lambda: not any(isinstance(one, threading.Timer) for one in threading.enumerate()), "none more"
        )
        assert len(tries) == module.RESTARTS
        with pytest.raises(MullError, match="refused"):  # a request tries at once
            list(backend.load(TurnControl()))


def test_a_worker_that_is_dead_at_the_start_is_named(tmp_path: Path, workers: Workers) -> None:
    workers.processes[0].kill()
    workers.processes[0].wait()
    with pytest.raises(MullError) as caught:
        loaded(talker(tmp_path), workers)
    assert caught.value.code == "worker_unreachable"
    assert workers.addresses[0] in caught.value.message


def test_a_load_can_be_given_up(tmp_path: Path, workers: Workers) -> None:
    backend = RpcBackend(find(str(talker(tmp_path))), EngineSettings(threads=1), workers.addresses)
    backend.start()
    wait_for(children, "the process that loads")
    stop(workers.processes[1])
    started = children()
    backend.close()
    wait_for(lambda: not any(child.is_running() for child in started), "its end")


def test_closing_ends_the_child(tmp_path: Path, workers: Workers) -> None:
    backend = loaded(talker(tmp_path), workers)
    child = psutil.Process(child_of(backend))
    backend.close()
    assert not child.is_running()


def test_a_file_that_is_no_model_is_refused_as_ever(tmp_path: Path, workers: Workers) -> None:
    path = tmp_path / "no.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    backend = RpcBackend(find(str(path)), EngineSettings(threads=1), workers.addresses)
    with closing(backend), pytest.raises(MullError) as caught:
        list(backend.load(TurnControl()))
    assert caught.value.code in {"model_refused", "model_damaged"}
