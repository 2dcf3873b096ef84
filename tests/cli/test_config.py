"""`mull config`, the settings file, and what is said about a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mull import config
from mull.errors import MullError
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
        ("ctx", "0", "at least 1"),
        ("markdown", "perhaps", "true or false"),
    ],
)
def test_wrong_settings_are_refused_by_name(mull: Run, name: str, value: str, word: str) -> None:
    done = mull("config", "set", name, value)
    assert done.returncode == 1
    assert word in done.stderr.decode()
    assert mull("config", "get", "ctx").stdout == b""


def test_a_damaged_file_is_an_error_with_its_path(mull: Run, home: dict[str, str]) -> None:
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


def test_layers_hold_what_was_said(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('reason = false\ntemperature = 1\nthreads = 3\nmodel_folders = ["/m"]\n')
    found = config.load(path)
    assert found.reasoning().on is False
    assert found.sampling().temperature == 1.0
    assert found.engine().threads == 3
    assert found["model_folders"] == ["/m"]


def test_a_list_of_numbers_is_no_list_of_folders(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("model_folders = [1]\n")
    with pytest.raises(MullError):
        config.load(path)


def test_edit_opens_the_editor_and_checks(mull: Run, tmp_path: Path) -> None:
    editor = tmp_path / "editor.py"
    editor.write_text("import sys; open(sys.argv[1], 'a').write('seed = 7\\n')")
    import sys

    done = mull("config", "edit", env={"EDITOR": f"{sys.executable} {editor}", "VISUAL": ""})
    assert done.returncode == 0
    assert mull("config", "get", "seed").stdout == b"7\n"
