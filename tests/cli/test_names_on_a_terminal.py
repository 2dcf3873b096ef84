"""Names, titles, paths and settings that come from elsewhere do not control the terminal that shows them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from mull.store.sessions import open_store

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)
from tests.endpoints.dialects import read_dialect
from tests.endpoints.scripted_server import as_json, serve
from tests.terminal.harness import Terminal

EVIL = "\x1b]0;evil\x07\x1b[2J\u202e\x9b5m"
COMMANDS = """
mull sessions
mull sessions show evil
mull sessions search needle
mull sessions show "evil-none-$EVIL"
mull sessions rm evil
mull templates list
mull templates path
mull templates show "x$EVIL"
mull config list
mull config get system
mull config path
mull config set "$EVIL" x
mull list
mull show "x$EVIL"
mull -m "./x$EVIL" hi
mull ask "--$EVIL"
mull inspect "evil$EVIL"
echo finished
"""


@pytest.fixture
def saved(home: dict[str, str]) -> None:
    with open_store(Path(home["MULL_STATE_DIR"]) / "sessions.db") as store:
        session = store.start(model=f"model{EVIL}", system=f"system{EVIL}")
        store.begin_turn(session.id, f"evil needle {EVIL}", model=f"model{EVIL}")


def test_no_command_hands_them_out_as_they_are(home: dict[str, str], saved: None, tmp_path: Path) -> None:
    config = tmp_path / f"config{EVIL}"
    templates = config / "templates"
    templates.mkdir(parents=True)
    folder = tmp_path / f"models{EVIL}"
    folder.mkdir()
    (folder / f"evil{EVIL}.gguf").write_bytes(b"GGUF")
    escaped = EVIL.replace("\x1b", "\\u001b").replace("\x07", "\\u0007").replace("\x9b", "\\u009b")
    (config / "config.toml").write_text(
        f'system = "{escaped}"\nmodel_folders = ["{tmp_path}/models{escaped}"]\n'
    )
    (templates / f"evil{EVIL}.toml").write_text(f'description = "{escaped}"\nprompt = "x"\n')
    desk = tmp_path / f"desk{EVIL}"
    (desk / ".mull" / "templates").mkdir(parents=True)
    (desk / ".mull" / "templates" / f"broken{EVIL}.toml").write_text(f'"{escaped}" = 1\n')
    (tmp_path / "mull").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mull "$@"\n')
    (tmp_path / "mull").chmod(0o755)
    environment = {**home, "MULL_CONFIG_DIR": str(config), "PATH": f"{tmp_path}:{home['PATH']}"}
    environment |= {"EVIL": EVIL, "DESK": str(desk)}
    script = ["/bin/sh", "-c", f'cd "$DESK"\n{COMMANDS}']
    with Terminal(script, environ=environment, columns=200, rows=60) as terminal:
        terminal.press("n\n")
        assert terminal.exit() == 0
        out = terminal.bytes.decode()
    assert "finished" in out
    assert out.count("␛]0;evil") > len(COMMANDS.splitlines()) / 2
    assert not [part for part in ("\x1b]0;", "\x07", "\x1b[2J", "\u202e", "\x9b") if part in out]


def test_a_hostile_server_does_not_control_the_terminal(home: dict[str, str], tmp_path: Path) -> None:
    with serve() as server:
        rows = [{"id": f"evil{EVIL}", "owned_by": EVIL, "max_model_len": 7}]
        server.on("GET", "/good/models", as_json({"data": rows}))
        server.on("GET", "/bad/models", as_json({"error": {"message": EVIL}}, 500))
        dialect = read_dialect("vllm", model=f"evil{EVIL}")
        server.on("POST", "/good/chat/completions", dialect.respond)
        (tmp_path / "mull").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mull "$@"\n')
        (tmp_path / "mull").chmod(0o755)
        script = f"""
mull endpoints add good {server.url}/good
mull endpoints add bad {server.url}/bad
mull endpoints
mull models --endpoint good
mull models --endpoint bad
mull show @good
mull show x@good
mull -m @good hi
mull -m @good --thinking show hi
mull -m x@good hi
mull -m @bad hi
mull -c hi
mull sessions
echo finished
"""
        environment = {**home, "PATH": f"{tmp_path}:{home['PATH']}"}
        with Terminal(["/bin/sh", "-c", script], environ=environment, columns=200, rows=60) as terminal:
            assert terminal.exit() == 0
            out = terminal.bytes.decode()
    assert "finished" in out
    assert out.count("␛]0;evil") >= 3
    assert not [part for part in ("\x1b]0;", "\x07", "\x1b[2J", "\u202e", "\x9b") if part in out]


def test_without_utf_8_nothing_of_mull_becomes_a_question_mark(home: dict[str, str]) -> None:
    lines = (
        "mull help",
        "mull models --all",
        "mull show qwen3-8b",
        "mull config",
        "mull list",
        "mull doctor",
        "mull eval --help",
    )
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    mull = f'mull() {{ {sys.executable} -m mull "$@"; }}'
    command = ["/bin/sh", "-c", "; ".join([mull, *lines, "echo finished"])]
    with Terminal(command, environ=home | ascii_only, columns=120, rows=50) as terminal:
        assert terminal.exit() == 0, terminal.text
    text = "\n".join(terminal.everything)
    assert "finished" in text
    assert [line for line in text.splitlines() if not line.isascii() or re.search(r"(?<!\w)\?", line)] == []
    assert "[1m" not in text  # bold, not spelled out
    assert "Apache-2.0 +" in text
