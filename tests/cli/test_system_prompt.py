"""`-s @FILE`: the system prompt from a file, from the flag, the environment, the config files and in a chat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mull.store.sessions import open_store
from tests.conftest import Run

Stored = Callable[[], str]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A system prompt in a file, with a byte order mark and newlines at its end."""
    path = tmp_path / "role.md"
    path.write_bytes(b"\xef\xbb\xbfYou are\nbrief.\r\n\n")
    return path


@pytest.fixture
def stored(home: dict[str, str]) -> Callable[[], str]:
    """The system prompt of the last conversation."""

    def system() -> str:
        with open_store(Path(home["MULL_STATE_DIR"]) / "sessions.db") as store:
            return next(iter(store.sessions())).system

    return system


@pytest.mark.parametrize(
    ("given", "system"),
    [("@role.md", "You are\nbrief."), ("@@role.md", "@role.md"), ("a @role.md", "a @role.md"), ("", "")],
)
def test_an_at_sign_names_a_file(
    stored: Stored, mull: Run, thinker: Path, written: Path, given: str, system: str
) -> None:
    assert mull("-m", thinker, "-s", given, "hi").returncode == 0
    assert stored() == system


def test_a_pipe_is_read_once(stored: Stored, thinker: Path, home: dict[str, str], mull: Run) -> None:
    command = f"exec {sys.executable} -m mull -m {thinker} -s @<(echo Pirate.) hi"
    subprocess.run(["bash", "-c", command], env=home, check=True, capture_output=True, timeout=60)
    assert stored() == "Pirate."


@pytest.mark.parametrize("place", ["variable", "config", "model", "project"])
def test_settings_name_files_too(
    stored: Stored, mull: Run, home: dict[str, str], thinker: Path, written: Path, place: str, tmp_path: Path
) -> None:
    file = Path(home["MULL_CONFIG_DIR"], "config.toml")
    setting = 'system = "@role.md"\n'
    env = {}
    if place == "variable":
        env = {"MULL_SYSTEM": "@role.md"}
    elif place == "project":
        (tmp_path / ".mull.toml").write_text(setting)
    else:  # from the folder of the config
        written.rename(file.parent / "role.md")
        file.write_text(setting if place == "config" else f"[models.thinker]\n{setting}")
    assert mull("-m", thinker, "hi", env=env).returncode == 0
    assert stored() == "You are\nbrief."


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "No such file"),
        ("folder", "is a folder"),
        ("binary", "not a text file"),
        ("latin1", "is not UTF-8 text"),
        ("empty", "is empty"),
        ("device", "is not a regular file"),
        ("huge", "far more than fits"),
    ],
)
def test_a_file_that_is_no_system_prompt_is_named(
    mull: Run, thinker: Path, tmp_path: Path, kind: str, said: str
) -> None:
    path = tmp_path / "role"
    data = {"binary": b"\0\1\2" * 99, "latin1": "Grüße und mehr".encode("latin-1"), "empty": b" \n"}
    if kind == "folder":
        path.mkdir()
    elif kind == "huge":
        path.touch()
        os.truncate(path, 1 << 40)
    elif kind in data:
        path.write_bytes(data[kind])
    given = "@/dev/mem" if kind == "device" else "@role"
    done = mull("-m", thinker, "-s", given, "hi")
    assert (done.returncode, done.stdout) == (1, b"")
    if kind != "device":  # which may not be readable at all
        assert said in done.stderr.decode()


@pytest.mark.parametrize(("given", "said"), [("@", "names no file"), ("@-", "standard input")])
def test_an_at_sign_alone_is_wrong_usage(mull: Run, thinker: Path, given: str, said: str) -> None:
    done = mull("-m", thinker, "-s", given, "hi")
    assert done.returncode == 2
    assert said in done.stderr.decode()


def test_a_template_and_a_batch_line_name_no_files(
    stored: Stored, mull: Run, thinker: Path, written: Path, tmp_path: Path
) -> None:
    (tmp_path / "x.toml").write_text('system = "@role.md"\nprompt = "hi"\n')
    assert mull("-m", thinker, "-t", "./x.toml").returncode == 0
    assert stored() == "@role.md"
    done = mull("batch", "-m", thinker, stdin=b'{"prompt": "hi", "system": "@nowhere"}\n')
    assert (done.returncode, json.loads(done.stdout)["error"]) == (0, None)
