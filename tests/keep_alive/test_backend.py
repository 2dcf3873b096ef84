"""`KeptBackend` itself: a server that leaves between two turns, a slow reader, what is written to disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mull.backends.base import ChatBackend
from mull.control import TurnControl
from mull.errors import MullError
from mull.events import Loading, Notice
from mull.keep_alive import starting
from mull.keep_alive.backend import KeptBackend
from mull.keep_alive.client import KeptClient
from mull.keep_alive.record import KeptServer
from mull.keep_alive.spec import ServerSpec
from mull.messages import Message
from mull.models.resolve import find
from mull.settings import EngineSettings, ReasoningAsk, Sampling, TurnSettings
from tests.conftest import Run
from tests.streams import check_stream
from tests.waiting import wait_for

Servers = Callable[[], list[KeptServer]]
HELLO = [Message("user", "hi")]
SETTINGS = TurnSettings(ReasoningAsk(on=False), Sampling(temperature=0.0))


def no_other() -> ChatBackend:
    raise AssertionError("the model was loaded in this process")


def kept(path: Path, in_process: Callable[[], ChatBackend] = no_other) -> KeptBackend:
    resolved = find(str(path))
    return KeptBackend(resolved, ServerSpec.of(resolved, EngineSettings(threads=1), 60), in_process)


def kill(server: KeptServer) -> None:
    os.kill(server.pid, signal.SIGKILL)
    wait_for(lambda: server.state == "gone", "the end of the server")


def test_a_server_that_left_before_the_next_question(thinker: Path, servers: Servers) -> None:
    backend = kept(thinker)
    list(backend.load(TurnControl()))
    kill(servers()[0])
    wait_for(lambda: not backend._is_there(), "an answer that is no longer fresh")
    events = list(backend.load(TurnControl()))
    assert any(isinstance(event, Loading) for event in events)
    assert check_stream(backend.stream(HELLO, SETTINGS, TurnControl())).answer == "42"


def test_a_server_that_leaves_between_load_and_turn(thinker: Path, servers: Servers) -> None:
    backend = kept(thinker)
    list(backend.load(TurnControl()))
    kill(servers()[0])
    done = check_stream(backend.stream(HELLO, SETTINGS, TurnControl()))
    assert (done.answer, done.error) == ("42", None)


def test_counting_with_a_server_that_left(thinker: Path, servers: Servers) -> None:
    backend = kept(thinker)
    list(backend.load(TurnControl()))
    whole = [*HELLO, Message("assistant", "hello")]
    assert backend.count_tokens(whole, SETTINGS).value > backend.count_tokens(HELLO, SETTINGS).value
    kill(servers()[0])
    with pytest.raises(MullError) as gone:
        backend.count_tokens(HELLO, SETTINGS)
    assert gone.value.code == "kept_model_ended"
    list(backend.load(TurnControl()))
    assert backend.count_tokens(HELLO, SETTINGS).exact


def test_a_process_that_cannot_start_leaves_the_model_to_this_one(
    thinker: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mull.backends.open import open_backend

    monkeypatch.setattr(starting, "COMMAND", ("-c", "import sys; sys.exit('no room')"))
    backend = kept(thinker, lambda: open_backend(find(str(thinker)), EngineSettings(threads=1)))
    notices = [event.text for event in backend.load(TurnControl()) if isinstance(event, Notice)]
    assert notices == ["The model is not kept loaded: no room. It was loaded for this call alone."]
    assert check_stream(backend.stream(HELLO, SETTINGS, TurnControl())).answer == "42"
    assert servers() == []
    backend.close()


def test_a_reader_that_does_not_read_holds_up_no_other(
    mull: Run, slow: Path, home: dict[str, str], servers: Servers
) -> None:
    """The answer has more bytes than all buffers on its way hold."""
    command = [sys.executable, "-m", "mull", "--jsonl", "--no-save", "-m", str(slow), "hi"]
    with subprocess.Popen(command, env=home, stdout=subprocess.PIPE) as unread:
        wait_for(lambda: [one for one in servers() if KeptClient.of(one).status().waiting], "a turn")
        flags = ("--no-save", "--no-reason", "--max-tokens", "1")
        assert mull("-m", slow, *flags, "hi", timeout=120).stdout == b" word0\n"
        assert unread.poll() is None
        unread.kill()
