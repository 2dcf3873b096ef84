"""Where outputs go: nothing that exists is overwritten without being asked for, and streams are written to."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mull.store.sessions import open_store
from tests.conftest import Run
from tests.store.test_sessions_command import DONE
from tests.terminal.harness import Terminal

if sys.platform == "win32":
    pytest.skip("needs a POSIX shell", allow_module_level=True)


def bash(script: str, home: dict[str, str], folder: Path, model: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the script in bash; in it `mull` asks the model."""
    program = f'mull() {{ "{sys.executable}" -P -m mull -q --no-save -m "{model}" "$@"; }}; {script}'
    return subprocess.run(
        ["/bin/bash", "-c", program],
        input=b"",
        capture_output=True,
        env=home,
        cwd=folder,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("script", "printed"),
    [
        ("echo old > f; mull -o /dev/stdout hi >> f; cat f", "old\nForty-two.\n"),
        ("{ echo head; mull -o /dev/fd/1 hi; echo foot; } > f; cat f", "head\nForty-two.\nfoot\n"),
        ("mull -o /dev/stdout hi | cat", "Forty-two.\n"),
        ("mull -o >(cat > f) hi; while [ ! -s f ]; do sleep 0.02; done; cat f", "Forty-two.\n"),
        ("echo old > f; mull -o /dev/fd/9 hi 9>> f; cat f", "old\nForty-two.\n"),
        ("ln -s /dev/fd/9 link; echo old > f; mull -o link hi 9>> f; cat f", "old\nForty-two.\n"),
        ("mkfifo p; cat p & mull -o p hi; wait; test -p p", "Forty-two.\n"),
        ("echo old > f; mull --thinking-file /dev/stderr hi 2>> f > /dev/null; cat f", "old\nLet me see.\n"),
        ("mull --thinking-file >(cat > f) hi; while [ ! -s f ]; do sleep 0.02; done; cat f",
         "Forty-two.\nLet me see.\n"),
        ("mull -o /dev/fd/9 hi 9>&- || echo $?", "1\n"),
    ],
)  # fmt: skip
def test_a_stream_is_written_to_where_it_stands(
    home: dict[str, str], thinker: Path, tmp_path: Path, script: str, printed: str
) -> None:
    assert bash(script, home, tmp_path, thinker).stdout.decode() == printed


def test_a_socket_is_written_to(home: dict[str, str], thinker: Path, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [
            sys.executable,
            "-m",
            "mull",
            "-q",
            "-m",
            str(thinker),
            "-o",
            f"/dev/fd/{theirs.fileno()}",
            "hi",
        ]
        subprocess.run(command, pass_fds=[theirs.fileno()], env=home, cwd=tmp_path, check=True, timeout=60)
        assert ours.recv(100) == b"Forty-two.\n"


def test_a_batch_appends_to_a_stream(home: dict[str, str], thinker: Path, tmp_path: Path) -> None:
    program = f'"{sys.executable}" -m mull batch -q -m "{thinker}" -'
    script = f"echo old > f; echo '\"one?\"' | {program} -o /dev/stdout --overwrite >> f; cat f"
    done = subprocess.run(
        ["/bin/bash", "-c", script], capture_output=True, env=home, cwd=tmp_path, timeout=60, check=False
    )
    old, result = done.stdout.splitlines()
    assert old == b"old"
    assert json.loads(result)["answer"] == "Forty-two."


@pytest.fixture
def session(home: dict[str, str]) -> str:
    """The id of a session with a turn."""
    with open_store(Path(home["MULL_STATE_DIR"]) / "sessions.db") as store:
        started = store.start(model="pebble")
        store.finish(store.begin_turn(started.id, "hello", model="pebble"), DONE)
    return started.id


@pytest.mark.parametrize("name", ["there", "link"])
def test_an_export_replaces_nothing_unasked(mull: Run, session: str, tmp_path: Path, name: str) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    (tmp_path / "link").symlink_to("there")
    done = mull("sessions", "export", session, "-o", name)
    assert (done.returncode, there.read_text()) == (1, "mine")
    assert done.stderr.decode() == f"Error: {name} exists already.\n--force replaces it.\n"
    assert mull("sessions", "export", session, "-o", name, "--force").returncode == 0
    assert "hello" in there.read_text()
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "link", "there"]


@pytest.mark.parametrize(("answer", "replaced"), [("n", False), ("y", True)])
def test_on_a_terminal_an_export_asks(
    home: dict[str, str], session: str, tmp_path: Path, answer: str, replaced: bool
) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    command = [sys.executable, "-m", "mull", "sessions", "export", session, "-o", str(there)]
    with Terminal(command, environ=home, columns=200) as terminal:
        terminal.wait("exists. Replace it? [y/N]")
        terminal.press(f"{answer}\r")
        assert terminal.exit() == (0 if replaced else 1)
    assert (there.read_text() != "mine") == replaced
