"""`mull ps` and `mull stop`, the memory that a new server makes room in, and the hint at the setting."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mull.commands._keep_alive import KeepAliveChoice, slow_load_hint
from mull.fs.json_cache import forget_memory
from mull.keep_alive import room, stopping
from mull.keep_alive.client import KeptClient
from mull.keep_alive.record import KeptServer
from tests.conftest import Run
from tests.keep_alive.conftest import Ask
from tests.terminal.harness import Terminal
from tests.waiting import wait_for

Servers = Callable[[], list[KeptServer]]


def test_ps_lists_what_is_loaded(mull: Run, ask: Ask, servers: Servers, thinker: Path) -> None:
    nothing = mull("ps")
    assert (nothing.returncode, nothing.stdout) == (0, b"")
    assert json.loads(mull("ps", "--json").stdout) == {"v": 1, "servers": [], "error": None}
    began = time.time()
    ask("--no-save", "--ctx", "512", "--keep-alive", "10m")
    (server,) = servers()
    cells = mull("ps").stdout.decode().rstrip("\n").split("\t")
    assert cells[:2] == ["thinker", str(server.pid)]
    assert cells[2].endswith("MB")
    assert cells[3].endswith("ago")
    assert cells[4:] == ["in 10 min", "ctx 512, threads 1"]
    (found,) = json.loads(mull("ps", "--json").stdout)["servers"]
    assert (found["model"], found["path"], found["pid"]) == ("thinker", str(thinker), server.pid)
    assert found["memory"] > 10_000_000
    assert began - 60 < found["since"] < time.time()
    assert 500 < found["until"] - time.time() < 700
    assert (found["state"], found["settings"]) == ("running", {"ctx": 512, "threads": 1})


def test_ps_on_a_terminal(mull: Run, ask: Ask, home: dict[str, str], servers: Servers) -> None:
    command = [sys.executable, "-m", "mull", "ps"]
    with Terminal(command, environ=home) as terminal:
        terminal.wait("No model is kept loaded.")
        assert terminal.exit() == 0
    ask("--no-save")
    with Terminal(command, environ=home) as terminal:
        terminal.wait("Until")
        assert terminal.exit() == 0
        assert f"{servers()[0].pid}" in terminal.text
    assert mull("stop").returncode == 0


def test_stop_ends_one_model_or_all(mull: Run, ask: Ask, servers: Servers) -> None:
    ask("--no-save")
    ask("--no-save", "--ctx", "512")
    assert mull("-m", "pebble", "--keep-alive", "60", "--no-save", "1+1").returncode == 0
    done = mull("stop", "pebble")
    assert (done.returncode, done.stdout) == (0, b"")
    assert re.fullmatch(rb"1 process ended: pebble \(\d+\)\.\n", done.stderr)
    first, second = servers()
    assert (first.model, second.model) == ("thinker", "thinker")
    assert first.settings_text != second.settings_text
    assert mull("stop", str(first.pid)).returncode == 0
    assert servers() == [second]
    found = json.loads(mull("stop", "--json").stdout)
    assert found == {"v": 1, "stopped": ["thinker"], "pids": [second.pid], "error": None}
    assert servers() == []
    assert mull("stop").returncode == 0


def test_stop_names_what_is_not_loaded(mull: Run) -> None:
    done = mull("stop", "qwen3-8b", "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (1, "not_loaded")
    assert mull("stop", "one", "two").returncode == 2


def test_stop_ends_a_stopped_process_too(mull: Run, ask: Ask, servers: Servers) -> None:
    ask("--no-save")
    (server,) = servers()
    os.kill(server.pid, signal.SIGSTOP)
    wait_for(lambda: server.state == "stopped", "a stopped process")
    assert b"stopped" in mull("ps").stdout
    assert mull("stop", "THINKER").returncode == 0
    assert server.state == "gone"


def test_a_model_that_is_removed_is_not_kept(ask: Ask, servers: Servers) -> None:
    ask("--no-save")
    stopping.stop_removed("another")
    assert len(servers()) == 1
    stopping.stop_removed("thinker")
    assert servers() == []


def test_a_process_that_is_no_server_is_never_ended(mull: Run, ask: Ask, servers: Servers) -> None:
    """A process id is used again after a while; the record's owner has another start."""
    ask("--no-save")
    (server,) = servers()
    with subprocess.Popen(["sleep", "600"]) as other:
        values = json.loads(server.file.read_text()) | {"pid": other.pid}
        server.file.write_text(json.dumps(values))
        assert mull("stop").returncode == 0
        assert other.poll() is None
        other.kill()
    os.kill(server.pid, signal.SIGKILL)


# Room for another model.


def none_beside(others: Sequence[KeptServer]) -> bool:
    return not others


def test_the_least_recently_used_ends_first(ask: Ask, servers: Servers) -> None:
    for ctx in ("512", "768", "1024"):
        ask("--no-save", "--ctx", ctx)
    ask("--no-save", "--ctx", "512")
    room.make_room("another", lambda others: len(others) <= 1)
    assert [server.settings["ctx"] for server in servers()] == [512]


def test_what_fits_stays(ask: Ask, servers: Servers) -> None:
    ask("--no-save")
    room.make_room("another", lambda _: True)
    room.make_room(servers()[0].key, none_beside)  # its own
    assert len(servers()) == 1


@pytest.mark.parametrize("for_another", ["model", "version"])
def test_a_server_that_answers_is_not_ended(
    home: dict[str, str], slow: Path, servers: Servers, for_another: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_others() -> None:
        if for_another == "model":
            room.make_room("another", none_beside)
        else:
            stopping.stop_other_versions(str(slow))

    monkeypatch.setattr(stopping, "__version__", "99")
    command = [sys.executable, "-m", "mull", "--no-save", "-m", str(slow), "hi"]
    with subprocess.Popen(command, env=home, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as asking:
        assert asking.stdout
        wait_for(lambda: [one for one in servers() if KeptClient.of(one).status().waiting], "a turn")
        end_others()
        (server,) = servers()
        asking.kill()  # a client that goes away ends its turn
    wait_for(lambda: KeptClient.of(server).status().waiting == 0, "the end of the turn")
    end_others()
    assert servers() == []


# The hint.

UNSET = KeepAliveChoice(0.0, by_flag=False, is_set=False)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MULL_STATE_DIR", str(tmp_path))
    return tmp_path / "slow_loads.json"


def at(minutes: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process, at this time."""
    forget_memory()
    monkeypatch.setattr("time.time", lambda: 1e9 + 60 * minutes)


def test_the_second_slow_load_in_ten_minutes_gets_a_hint(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for minutes in (0, 11, 20, 25, 60 * 25, 60 * 25 + 5):
        at(minutes, monkeypatch)
        seen.append(slow_load_hint(2.5, UNSET))
    assert [bool(hint) for hint in seen] == [False, False, True, False, False, True]
    assert "keep_alive 5m" in (seen[2] or "")
    assert state.exists()


def test_quick_loads_and_a_choice_get_none(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes in (0, 1, 2):
        at(minutes, monkeypatch)
        assert slow_load_hint(1.9, UNSET) is None
        assert slow_load_hint(9.0, KeepAliveChoice(0.0, by_flag=False, is_set=True)) is None
    assert not state.exists()


def test_nonsense_in_the_file_is_no_failure(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(0, monkeypatch)
    state.write_text('{"last": {"loaded": "soon", "said": []}}')
    assert slow_load_hint(9.0, UNSET) is None
    at(1, monkeypatch)
    assert slow_load_hint(9.0, UNSET)
