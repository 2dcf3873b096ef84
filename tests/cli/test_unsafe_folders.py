"""Config, state and cache folders that other users own or may write: said on stderr, and not obeyed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.saved import last_turn
from tests.conftest import Run

if sys.platform == "win32":
    pytest.skip("files have no owner there", allow_module_level=True)

ANOTHER = 12345  # a user's number
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files to another user")


@pytest.fixture
def config(home: Mapping[str, str]) -> Path:
    """A config file that names a model which is not there, a system prompt and a switch."""
    file = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    file.write_text('threads = 1\nmodel = "./planted.gguf"\nsystem = "Planted."\nsave = false\n')
    return file


def test_a_config_of_the_users_own_is_obeyed(mull: Run, config: Path) -> None:
    done = mull("hi")
    assert done.returncode == 1
    assert b"planted.gguf" in done.stderr
    config.chmod(0o600)
    assert b"Not safe" not in mull("config").stderr


@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_config_that_others_may_write_names_no_model(mull: Run, config: Path, place: str) -> None:
    weak = config if place == "file" else config.parent
    weak.chmod(0o777)
    done = mull("--json", "hi")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == "pebble"
    said = done.stderr.decode()
    assert said.count("\n") == 1
    assert f"other users can write to {weak}" in said
    assert f"chmod go-w {weak}" in said
    assert mull("config", "get", "model").stdout == b""
    assert mull("config", "get", "system").stdout == b""
    assert mull("config", "get", "save").stdout == b"false\n"  # a switch is harmless


@as_root
def test_a_config_of_another_user_names_no_model(mull: Run, config: Path) -> None:
    """As with sudo, when HOME is still the user's."""
    os.chown(config, ANOTHER, ANOTHER)
    done = mull("hi")
    assert done.returncode == 0
    assert f"{config} belongs to the user with the number {ANOTHER}".encode() in done.stderr
    assert mull("--version").stderr == b""


def test_help_is_about_help(mull: Run, config: Path) -> None:
    config.chmod(0o777)
    assert mull("ask", "--help").stderr == b""


def test_the_users_own_templates_are_trusted_only_while_others_cannot_write_them(
    mull: Run, home: dict[str, str], thinker: Path
) -> None:
    folder = Path(home["MULL_CONFIG_DIR"]) / "templates"
    folder.mkdir()
    (folder / "x.toml").write_text(f'prompt = "p"\n[settings]\nmodel = "{thinker}"\n')
    assert mull("-t", "x", "hi").returncode == 0
    folder.chmod(0o777)
    done = mull("-t", "x", "hi")
    assert done.returncode == 1
    assert b"is not trusted" in done.stderr


def test_a_catalogue_that_others_may_write_is_ignored(mull: Run, home: dict[str, str]) -> None:
    own = Path(home["MULL_CONFIG_DIR"]) / "models.toml"
    own.write_text('[[model]]\nname = "pebble"\naliases = ["planted-alias"]\n')
    assert b"pebble" in mull("show", "planted-alias").stdout
    own.chmod(0o666)
    assert mull("show", "planted-alias").returncode == 1


def test_a_record_of_the_last_download_that_others_may_write_is_ignored(
    mull: Run, home: dict[str, str], thinker: Path
) -> None:
    state = Path(home["MULL_STATE_DIR"])
    (state / "last_pulled.json").write_text(json.dumps({"name": "planted", "path": str(thinker)}))
    assert mull("hi").stdout == b"Forty-two.\n"
    state.chmod(0o777)
    done = mull("--json", "hi")
    assert json.loads(done.stdout)["model"] == "pebble"
    assert f"other users can write to {state}".encode() in done.stderr
    assert last_turn(mull)["question"] == "hi"  # conversations are saved all the same


def test_a_session_that_others_may_write_names_no_model_file(
    mull: Run, home: dict[str, str], thinker: Path
) -> None:
    state = Path(home["MULL_STATE_DIR"])
    assert mull("--session", "x", "-m", thinker, "--json", "one?").returncode == 0
    assert json.loads(mull("-c", "--json", "two?").stdout)["model"] == "thinker"
    state.chmod(0o777)
    done = mull("-c", "two?")
    assert done.returncode == 0
    assert b"pebble is used instead" in done.stderr
    assert f"other users can write to {state}".encode() in done.stderr
    assert json.loads(mull("-c", "-m", thinker, "--json", "three?").stdout)["model"] == "thinker"


def test_a_prompt_cache_that_others_may_write_is_not_used(
    mull: Run, home: dict[str, str], thinker: Path
) -> None:
    cache = Path(home["HOME"]) / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    text = "word " * 300
    for _ in range(2):
        done = mull("-m", thinker, "--json", text, env={"MULL_CACHE_DIR": str(cache)})
        assert json.loads(done.stdout)["usage"]["cached"] == 0
    assert list(cache.iterdir()) == []


def test_doctor_names_what_is_not_safe(mull: Run, config: Path) -> None:
    config.chmod(0o646)
    done = mull("doctor", "--json")
    assert json.loads(done.stdout)["weaknesses"] == [f"other users can write to {config}"]
    assert f"other users can write to {config}".encode() in mull("doctor").stdout


def test_a_config_in_a_sticky_folder_is_obeyed_and_not_warned_of(mull: Run, config: Path) -> None:
    """Others can create files there, as in /tmp, but not replace the user's."""
    config.parent.chmod(0o1777)
    done = mull("hi")
    assert done.returncode == 1
    assert b"planted.gguf" in done.stderr
    assert b"Not safe" not in done.stderr


@as_root
def test_what_another_user_creates_in_a_sticky_config_folder_is_not_obeyed(mull: Run, config: Path) -> None:
    config.parent.chmod(0o1777)
    os.chown(config, ANOTHER, ANOTHER)
    done = mull("hi")
    assert done.returncode == 0
    assert f"{config} belongs to the user with the number {ANOTHER}".encode() in done.stderr


@pytest.mark.parametrize(
    ("kind", "effect"),
    [("STATE", "change the conversations there"), ("CACHE", "Prompts are not cached there.")],
)
def test_the_warning_says_what_it_means_for_that_folder(
    mull: Run, home: dict[str, str], tmp_path: Path, kind: str, effect: str
) -> None:
    folder = Path(home["MULL_STATE_DIR"]) if kind == "STATE" else tmp_path / "cache"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o1777)
    said = mull("sessions", "list", env={f"MULL_{kind}_DIR": str(folder)}).stderr.decode()
    assert f"Not safe: other users can write to {folder}." in said
    assert effect in said
    assert "models, folders, templates" not in said


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="no /dev/null")
def test_no_folder_at_all_is_not_unsafe(mull: Run) -> None:
    """/dev/null as a folder says that there is none; a hint to change its permissions would break the system."""
    done = mull("config", "get", "model", env={"MULL_CONFIG_DIR": "/dev/null"})
    assert b"chmod" not in done.stderr
