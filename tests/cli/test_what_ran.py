"""What is recorded of a turn: the model's file, settings and seed, versions; and how `mull sessions show` tells it."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mull import __version__
from mull.store.sessions import open_store
from tests.conftest import Run
from tests.endpoints.dialects import read_dialect
from tests.endpoints.scripted_server import Server, serve
from tests.modes import both_modes

WILD = ("-m", "pebble", "--temperature", "3", "--top-k", "0", "--min-p", "0", "--top-p", "1", "--no-reason")
QUESTION = "What is 17 * 23?"


def turns(mull: Run, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(mull("sessions", "show", name, "--json").stdout)["turns"]
    return found


@both_modes
def test_the_model_the_settings_and_the_versions_are_recorded(
    mull: Run, thinker: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copy(thinker, tmp_path / "mine.gguf"))
    assert mull("-m", model, "--seed", "7", "-s", "Be brief.", "--session", "s", "hi").returncode == 0
    (turn,) = turns(mull, "s")
    ran = turn["ran"]
    (file,) = ran["files"]
    assert (file["path"], file["bytes"]) == (str(model), model.stat().st_size)
    assert ran["versions"]["mull"] == __version__
    assert ran["versions"]["llama-cpp-python"] == "0.3.36"
    assert ran["engine"]["threads"] == 1
    assert ran["sent"] == {"system": "Be brief."}
    assert turn["settings"]["seed"] == 7
    assert "drawn_seed" not in turn["settings"]
    shown = mull("sessions", "show", "s", "--details").stdout.decode()
    assert hashlib.sha256(model.read_bytes()).hexdigest() in shown
    assert "seed        7\n" in shown
    assert f"mull {__version__}" in shown
    model.write_bytes(model.read_bytes() + b"\0")  # the digest of another file would be no digest of this one
    assert "sha256 not known" in mull("sessions", "show", "s", "--details").stdout.decode()


@both_modes
def test_a_drawn_seed_is_recorded_and_gives_the_same_answer(mull: Run) -> None:
    answers = [mull(*WILD, "--session", f"s{number}", QUESTION).stdout for number in range(2)]
    seeds = [turns(mull, f"s{number}")[0]["settings"]["drawn_seed"] for number in range(2)]
    assert seeds[0] != seeds[1]
    assert answers[0] != answers[1]  # or no seed would show
    assert mull(*WILD, "--no-draft", "--seed", str(seeds[0]), QUESTION).stdout == answers[0]
    assert f"{seeds[0]} (drawn)" in mull("sessions", "show", "s0", "--details").stdout.decode()


def test_where_nothing_is_drawn_no_seed_is_recorded(mull: Run, thinker: Path) -> None:
    mull("-m", thinker, "--temperature", "0", "--session", "s", "hi")
    assert "drawn_seed" not in turns(mull, "s")[0]["settings"]
    assert "none: the temperature is 0" in mull("sessions", "show", "s", "--details").stdout.decode()


def test_a_pipe_gets_the_details_on_request(mull: Run, thinker: Path) -> None:
    mull("-m", thinker, "--session", "s", "hi")
    assert "versions" not in mull("sessions", "show", "s").stdout.decode()
    assert "versions" in mull("sessions", "show", "s", "--details").stdout.decode()


def test_turns_of_before_say_that_it_was_not_recorded(mull: Run, home: dict[str, str]) -> None:
    with open_store(Path(home["MULL_STATE_DIR"]) / "sessions.db") as store:
        session = store.start(name="old")
        store.begin_turn(session.id, "hi", settings={"temperature": 0.8})
    shown = mull("sessions", "show", "old", "--details").stdout.decode()
    assert shown.count("not recorded") == 4  # model, file, seed, versions
    evil = {
        "ran": {"files": [3, {"path": "/dev/zero\x1b[2J", "bytes": "x"}], "versions": [], "engine": "fast"}
    }
    with open_store(Path(home["MULL_STATE_DIR"]) / "sessions.db") as store:
        store.begin_turn(session.id, "again", **evil)
    done = mull("sessions", "show", "old", "--details")
    assert (done.returncode, b"\x1b" in done.stdout) == (0, False)


@pytest.fixture
def office() -> Iterator[Server]:
    with serve() as server:
        read_dialect("vllm", key="sk-office").play_on(server)
        yield server


def test_of_an_endpoint_its_name_is_recorded_and_nothing_is_made_up(
    mull: Run, home: dict[str, str], office: Server
) -> None:
    config = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    config.write_text(f'[endpoints.office]\nurl = "{office.url}/v1"\nkey_env = "OFFICE_KEY"\n')
    done = mull("-m", "@office", "--session", "s", "What is it?", env={"OFFICE_KEY": "sk-office"})
    assert done.returncode == 0, done.stderr
    (turn,) = turns(mull, "s")
    assert turn["ran"]["endpoint"] == {"name": "office", "server": "vLLM", "model": "thinker"}
    assert "sk-office" not in json.dumps(turn)
    assert "drawn_seed" not in turn["settings"]
    assert "seed" not in office.sent_to("/v1/chat/completions")[0].json
    assert "files" not in turn["ran"]
    assert (
        "its files and versions are not known" in mull("sessions", "show", "s", "--details").stdout.decode()
    )


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX paths")
def test_a_long_system_prompt_is_recorded_as_its_digest(mull: Run, thinker: Path) -> None:
    mull("-m", thinker, "-s", "word " * 1000, "--session", "s", "hi")
    sent = turns(mull, "s")[0]["ran"]["sent"]
    assert set(sent) == {"system_digest"}
    assert len(sent["system_digest"]) == 32


def test_why_an_answer_is_incomplete_is_shown(mull: Run, thinker: Path) -> None:
    """At a limit it was not stopped by anyone."""
    mull("-m", thinker, "--session", "s", "--no-reason", "--max-tokens", "1", "hi")
    mull("-m", thinker, "--session", "t", "--max-tokens", "2", "hi")
    assert mull("sessions", "show", "s").stdout.endswith(b"42\n(cut off at a limit)\n")
    assert mull("sessions", "show", "t").stdout.endswith(b"(thought, but gave no answer)\n")
