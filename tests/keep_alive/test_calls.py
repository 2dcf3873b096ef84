"""Calls that share a server, with real processes: the same answers, and every way in which a server can be missing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mull.keep_alive import folder, process
from mull.keep_alive.record import KeptServer
from tests.conftest import Run
from tests.keep_alive.conftest import Ask
from tests.waiting import wait_for

Servers = Callable[[], list[KeptServer]]


def the_one(servers: Servers) -> KeptServer:
    (server,) = servers()
    return server


def unlike(result: dict[str, Any]) -> dict[str, Any]:
    """What has to be equal with and without keep-alive."""
    usage = {name: count for name, count in result["usage"].items() if name != "cached"}
    return {**result, "timing": set(result["timing"]), "session": bool(result["session"]), "usage": usage}


def test_the_second_call_uses_the_first_ones_server(ask: Ask, servers: Servers) -> None:
    first = ask()
    server = the_one(servers)
    second = ask()
    assert the_one(servers) == server
    assert (first["answer"], first["thinking"].strip(), first["code"]) == ("Forty-two.", "Let me see.", 0)
    assert unlike(first) == unlike(second)
    assert second["timing"]["load"] < first["timing"]["load"]
    assert second["usage"]["cached"] > 0
    assert second["stderr"] == ""


@pytest.mark.parametrize(
    "flags",
    [
        ["--no-reason"],
        ["--think-budget", "1"],
        ["--max-tokens", "2"],
        ["--stop", "two"],
        ["--schema", '{"const": 7}', "--no-reason", "--temp", "0"],
        ["--schema", '{"type": "object", "properties": {"a": {"pattern": "("}}}'],
        ["--logprobs", "2", "--no-reason"],
        ["-c"],
        ["-f", "no-such-file"],
        ["--effort", "high"],
        ["--seed", "1", "--temp", "1.5"],
    ],
    ids=" ".join,
)
def test_a_call_says_the_same_with_and_without(ask: Ask, servers: Servers, flags: list[str]) -> None:
    alone = ask(*flags, env={"MULL_KEEP_ALIVE": "off"})
    assert servers() == []
    ask("--no-save")
    pid = the_one(servers).pid
    kept = ask(*flags)
    assert unlike(kept) == unlike(alone)
    assert the_one(servers).pid == pid


def test_a_prompt_that_is_too_long_is_the_same_error(ask: Ask, servers: Servers) -> None:
    long = ["--ctx", "256", "-s", "long " * 2000]
    alone = ask(*long, env={"MULL_KEEP_ALIVE": "off"})
    kept = ask(*long)
    assert alone["error"]["code"] == "context_overflow"
    assert unlike(kept) == unlike(alone)
    assert the_one(servers).settings["ctx"] == 256


def test_a_model_that_cannot_be_loaded_is_the_same_error(mull: Run, tmp_path: Path, servers: Servers) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + bytes(500))
    alone = mull("-m", bad, "--json", "hi", env={"MULL_KEEP_ALIVE": "off"})
    kept = mull("-m", bad, "--json", "hi")
    assert (kept.returncode, kept.stdout) == (alone.returncode, alone.stdout)
    wait_for(lambda: not servers(), "the end of a server without a model")


def test_other_settings_have_another_server(ask: Ask, servers: Servers) -> None:
    ask("--no-reason")
    ask("--no-reason", "--ctx", "512")
    ask("--no-reason", "--temp", "0.5")
    assert sorted(server.settings.get("ctx", 0) for server in servers()) == [0, 512]


def test_two_first_calls_start_one_server(ask: Ask, servers: Servers) -> None:
    with ThreadPoolExecutor() as pool:
        results = [pool.submit(ask, "--no-save") for _ in range(2)]
    assert [result.result()["answer"] for result in results] == ["Forty-two.", "Forty-two."]
    assert len(servers()) == 1


# Servers that are gone, or no use.


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_a_server_that_was_ended_or_stopped_is_replaced(
    ask: Ask, servers: Servers, number: signal.Signals
) -> None:
    ask("--no-save")
    old = the_one(servers)
    os.kill(old.pid, number)
    if number != signal.SIGTERM:
        wait_for(lambda: old.state != "running", "a process that the signal has reached")
    again = ask("--no-save")
    assert (again["answer"], again["code"], again["stderr"]) == ("Forty-two.", 0, "")
    assert the_one(servers).pid != old.pid
    assert old.state == "gone"


def socket_of(server: KeptServer) -> Path:
    return Path(server.address)


@pytest.mark.parametrize("kind", ["file", "link", "folder", "stale socket"])
def test_what_lies_in_the_sockets_place_is_replaced(
    ask: Ask, servers: Servers, tmp_path: Path, kind: str
) -> None:
    ask("--no-save")
    server = the_one(servers)
    process.end(server.pid, server.started, 5.0)
    path = socket_of(server)
    path.parent.mkdir(mode=0o700, exist_ok=True)  # it went with its last socket
    path.unlink(missing_ok=True)
    if kind == "file":
        path.write_text("nothing")
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "folder":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as old:
            old.bind(str(path))
    again = ask("--no-save")
    assert (again["answer"], again["code"]) == ("Forty-two.", 0)
    assert not (tmp_path / "elsewhere").exists()
    if kind != "folder":
        assert again["stderr"] == ""
        assert folder.is_own_socket(socket_of(the_one(servers)))


def test_in_a_folder_that_others_can_write_to_no_server_is_started(
    mull: Run, thinker: Path, servers: Servers, home: dict[str, str]
) -> None:
    kept = Path(home["MULL_STATE_DIR"]) / folder.FOLDER
    kept.mkdir()
    kept.chmod(0o777)
    done = mull("-m", thinker, "What is it?")
    assert (done.returncode, done.stdout.decode().strip()) == (0, "Forty-two.")
    assert b"The model is not kept loaded" in done.stderr
    assert done.stderr.count(b"not kept loaded") == 1
    kept.chmod(0o700)
    assert servers() == []


def test_a_server_of_another_version_is_ended_and_not_asked(ask: Ask, servers: Servers) -> None:
    ask("--no-save")
    old = the_one(servers)
    values = json.loads(old.file.read_text()) | {"version": "0.0.1", "key": "0" * 24}
    (old.file.parent / f"{'0' * 24}.json").write_text(json.dumps(values))
    old.file.unlink()
    socket_of(old).unlink()  # its socket has another name in another version
    assert ask("--no-save")["answer"] == "Forty-two."
    assert old.state == "gone"
    assert the_one(servers).version != "0.0.1"


def test_an_upgrade_while_a_server_runs(
    mull: Run, thinker: Path, servers: Servers, home: dict[str, str], tmp_path: Path
) -> None:
    source, package = Path(home["PYTHONPATH"]) / "mull", tmp_path / "new" / "mull"
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__", "data"))
    (package / "data").symlink_to(source / "data")
    env = {"PYTHONPATH": str(package.parent)}
    assert mull("-m", thinker, "--no-save", "hi", env=env).returncode == 0
    old = the_one(servers)
    text = (package / "__init__.py").read_text()
    (package / "__init__.py").unlink()
    (package / "__init__.py").write_text(text.replace('__version__ = "', '__version__ = "9.'))
    done = mull("-m", thinker, "--no-save", "hi", env=env)
    assert (done.returncode, done.stdout.decode().strip(), done.stderr) == (0, "Forty-two.", b"")
    assert the_one(servers).version.startswith("9.")
    assert old.state == "gone"


def test_a_record_of_nonsense_is_ignored(ask: Ask, servers: Servers) -> None:
    kept = folder.kept_folder()
    kept.mkdir(mode=0o700)
    for name, text in (("a", "{"), ("b", "[1]"), ("c", '{"pid": 1}'), ("d", '{"key": "d"}')):
        (kept / f"{name}.json").write_text(text)
    assert servers() == []
    assert ask("--no-save")["code"] == 0
    assert len(servers()) == 1


# What a server leaves, and what it takes from the process that started it.


def test_a_server_leaves_after_its_time_and_leaves_nothing(ask: Ask, servers: Servers) -> None:
    ask("--no-save", "--keep-alive", "1s")
    server = the_one(servers)
    wait_for(lambda: server.state == "gone", "the end of its time")
    assert not server.file.exists()
    assert not socket_of(server).exists()
    wait_for(lambda: not list(server.file.parent.iterdir()), "an empty folder")
    assert ask("--no-save")["code"] == 0


def test_what_a_killed_server_leaves_is_removed(ask: Ask, servers: Servers) -> None:
    ask("--no-save")
    ask("--no-save", "--ctx", "512")
    killed, runs = servers()
    os.kill(killed.pid, signal.SIGKILL)
    wait_for(lambda: killed.state == "gone", "the end of a process")

    def left() -> set[str]:
        assert servers() == [runs]
        return {path.name.lstrip(".").partition(".")[0] for path in runs.file.parent.iterdir()}

    wait_for(lambda: left() == {runs.key}, "files of the running server alone")


def test_a_later_call_changes_the_time(ask: Ask, servers: Servers) -> None:
    ask("--no-save", "--keep-alive", "1h")
    server = the_one(servers)
    assert server.keep_alive == 3600
    ask("--no-save", "--keep-alive", "1s")
    wait_for(lambda: server.state == "gone", "the end of the new time")


def test_a_server_belongs_to_no_terminal_and_survives_a_hangup(ask: Ask, servers: Servers) -> None:
    ask("--no-save")
    server = the_one(servers)
    assert os.getsid(server.pid) == server.pid
    os.kill(server.pid, signal.SIGHUP)
    os.kill(server.pid, signal.SIGINT)
    assert ask("--no-save")["code"] == 0
    assert the_one(servers) == server
    assert Path(f"/proc/{server.pid}/cwd").resolve() == Path("/") or sys.platform != "linux"


def test_a_first_call_that_is_killed_leaves_a_server_to_the_next(
    ask: Ask, servers: Servers, thinker: Path, home: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "mull", "-m", str(thinker), "--no-save", "hi"]
    with subprocess.Popen(command, env=home, stdout=subprocess.DEVNULL) as first:
        wait_for(servers, "a server")
        first.kill()
    server = the_one(servers)
    assert ask("--no-save")["answer"] == "Forty-two."
    assert the_one(servers) == server


def test_nothing_that_was_asked_is_in_a_file_of_the_server(ask: Ask, servers: Servers) -> None:
    ask("--no-save", "-s", "a very private matter")
    for path in the_one(servers).file.parent.iterdir():
        if path.is_file():
            assert b"private" not in path.read_bytes()


# The built-in model.


def test_pebble_is_kept_only_where_the_command_line_says_so(mull: Run, servers: Servers) -> None:
    assert mull("-m", "pebble", "--no-save", "What is 2 + 3?").returncode == 0
    assert servers() == []
    done = mull("-m", "pebble", "--keep-alive", "60", "--no-save", "What is 2 + 3?")
    assert (done.returncode, done.stdout) == (0, b"5\n")
    assert the_one(servers).model == "pebble"


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["models"], ["ps"], ["stop"], ["config"]])
def test_other_commands_start_no_server(mull: Run, servers: Servers, words: list[str]) -> None:
    assert mull(*words).returncode == 0
    assert servers() == []


@pytest.mark.parametrize("value", ["soon", "-1", "5 weeks"])
def test_a_time_that_is_none_is_wrong_usage(mull: Run, servers: Servers, value: str) -> None:
    assert mull("--keep-alive", value, "hi").returncode == 2
    done = mull("hi", env={"MULL_KEEP_ALIVE": value})
    assert done.returncode == 2
    assert b"MULL_KEEP_ALIVE" in done.stderr
    assert servers() == []
