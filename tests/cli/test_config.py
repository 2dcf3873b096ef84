"""`mull config`, the config file, and the errors for wrong values."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from mull import config
from mull.conversation.preferences import SETTABLE, Preferences
from mull.errors import MullError, UsageError
from mull.settings import Sampling
from tests.conftest import Run


def test_set_get_unset_and_path(mull: Run, home: dict[str, str]) -> None:
    assert mull("config", "get", "temperature").stdout == b""
    assert mull("config", "set", "temperature", "0.5").returncode == 0
    assert mull("config", "get", "temperature").stdout == b"0.5\n"
    path = Path(mull("config", "path").stdout.decode().strip())
    assert path == Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    assert mull("config", "unset", "temperature").returncode == 0
    assert mull("config", "get", "temperature").stdout == b""


def test_listing_names_every_setting(mull: Run) -> None:
    listed = mull("config").stdout.decode()
    assert all(key.name in listed for key in config.KEYS)


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("temprature", "1", "temperature"),
        ("effort", "huge", "low"),
        ("ctx", "many", "whole number"),
        ("ctx", "0", "from 8 to"),
        ("markdown", "perhaps", "true or false"),
    ],
)
def test_an_invalid_setting_is_an_error_with_the_reason(mull: Run, name: str, value: str, word: str) -> None:
    done = mull("config", "set", name, value)
    assert done.returncode == 1
    assert word in done.stderr.decode()
    assert mull("config", "get", "ctx").stdout == b""


@pytest.mark.parametrize("name", SETTABLE)
@pytest.mark.parametrize(
    "text",
    [
        "1",
        "0",
        "on",
        "OFF",
        "yes",
        "no",
        "true",
        "perhaps",
        "",
        "0.5",
        "-1",
        "nan",
        "inf",
        "1e3",
        "show",
        "ask",
    ],
)
def test_the_chat_the_file_and_the_config_command_accept_the_same_values(
    name: str, text: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.toml"
    try:
        value = config.parse(name, text)
    except ValueError as error:
        with pytest.raises(MullError, match=re.escape(f"mull config set {error}.")):
            config.save_value(path, name, text)
        with pytest.raises(UsageError, match=re.escape(f"/set {error}.")):
            Preferences().with_setting(name, text)
        assert not path.exists()
    else:
        config.save_value(path, name, text)
        preferences = Preferences().with_setting(name, text)
        shown = {row[0]: row[1] for row in preferences.rows(lambda _: Sampling())}
        assert config.load(path)[name] == value
        assert shown[name] == (config.show_value(value) or "none")


@pytest.mark.parametrize(("text", "value"), [("1", True), ("yes", True), ("Off", False), ("0", False)])
def test_switches_take_the_usual_words(mull: Run, text: str, value: bool) -> None:
    assert mull("config", "set", "markdown", text).returncode == 0
    assert mull("config", "get", "markdown").stdout.decode() == f"{config.show_value(value)}\n"
    preferences = Preferences(markdown=not value).with_setting("markdown", text)
    assert preferences.markdown is value


def test_a_number_has_to_be_finite(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("presence_penalty = nan\n")
    with pytest.raises(MullError, match="a number"):
        config.load(path)


def test_an_invalid_file_is_an_error_with_its_path(mull: Run, home: dict[str, str]) -> None:
    path = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    path.write_text("model = ")
    done = mull("--no-save", "hi")
    assert done.returncode == 1
    assert str(path) in done.stderr.decode()


def test_writing_keeps_comments(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("# mine\nseed = 3 # lucky\n")
    config.save_value(path, "ctx", "4096")
    assert path.read_text().startswith("# mine\nseed = 3 # lucky\n")
    assert (config.load(path)["ctx"], config.load(path)["seed"]) == (4096, 3)


def test_a_layer_has_the_values_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('reason = false\ntemperature = 1\nthreads = 3\nmodel_folders = ["/m"]\n')
    found = config.load(path)
    assert found.reasoning().on is False
    assert found.sampling().temperature == 1.0
    assert found.engine().threads == 3
    assert found["model_folders"] == ["/m"]


def test_a_list_of_folders_takes_only_strings(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("model_folders = [1]\n")
    with pytest.raises(MullError):
        config.load(path)


def test_edit_opens_the_editor_and_validates(mull: Run, tmp_path: Path) -> None:
    editor = tmp_path / "editor.py"
    editor.write_text("import sys; open(sys.argv[1], 'a').write('seed = 7\\n')")
    import sys

    done = mull("config", "edit", env={"EDITOR": f"{sys.executable} {editor}", "VISUAL": ""})
    assert done.returncode == 0
    assert mull("config", "get", "seed").stdout == b"7\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links")
def test_a_setting_is_written_through_a_link(mull: Run, home: dict[str, str], tmp_path: Path) -> None:
    """As managers of dotfiles want it: the link stays, the file behind it changes and keeps its permissions."""
    path = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    real = tmp_path / "dotfiles" / "mull.toml"
    real.parent.mkdir()
    real.write_text("# mine\nthreads = 1\n")
    real.chmod(0o644)
    path.unlink()
    path.symlink_to(real)
    assert mull("config", "set", "top_k", "7").returncode == 0
    assert path.is_symlink()
    assert real.read_text() == "# mine\nthreads = 1\ntop_k = 7\n"
    assert real.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in real.parent.iterdir()] == ["mull.toml"]
    assert mull("config", "unset", "top_k").returncode == 0
    assert path.is_symlink()
