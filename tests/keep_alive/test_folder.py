"""The private folder: what is refused, and what is mended."""

from __future__ import annotations

import socket
import stat
import tempfile
from pathlib import Path

import pytest

from mull.errors import MullError
from mull.keep_alive import folder


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    where = tmp_path / "state"
    where.mkdir()
    monkeypatch.setenv("MULL_STATE_DIR", str(where))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return where


def test_the_folder_is_for_its_owner_alone(state: Path) -> None:
    place = folder.place("a" * 24)
    assert stat.S_IMODE((state / "kept").stat().st_mode) == 0o700
    assert place.record.parent == state / "kept"


def test_a_short_path_has_the_socket_beside_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="k", dir="/tmp") as short:
        monkeypatch.setenv("MULL_STATE_DIR", short)
        place = folder.place("a" * 24)
        assert place.socket.parent == place.record.parent == Path(short) / "kept"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o755, 0o701])
def test_a_folder_that_others_can_open_is_refused(state: Path, mode: int) -> None:
    (state / "kept").mkdir()
    (state / "kept").chmod(mode)
    with pytest.raises(MullError) as refused:
        folder.place("a" * 24)
    assert refused.value.code == "keep_alive_unsafe"
    assert str(state / "kept") in refused.value.message


def test_a_folder_in_one_that_others_can_write_to_is_refused(state: Path) -> None:
    state.chmod(0o777)
    with pytest.raises(MullError) as refused:
        folder.place("a" * 24)
    assert refused.value.code == "keep_alive_unsafe"


def test_a_link_is_refused(state: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (state / "kept").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MullError) as refused:
        folder.place("a" * 24)
    assert refused.value.code == "keep_alive_unsafe"


def test_a_file_in_its_place_is_no_folder(state: Path) -> None:
    (state / "kept").write_text("")
    with pytest.raises(FileExistsError):
        folder.place("a" * 24)


def test_a_long_path_gets_a_short_socket(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = state / ("long" * 30)
    long.mkdir()
    monkeypatch.setenv("MULL_STATE_DIR", str(long))
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    place = folder.place("a" * 24)
    assert place.record.parent == long / "kept"
    assert stat.S_IMODE(place.socket.parent.stat().st_mode) == 0o700
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place.socket))  # the system takes the address
    place.socket.unlink()
    place.socket.parent.rmdir()
    assert tmp_path  # nothing else was made there


def test_only_a_socket_of_ones_own_is_one(state: Path) -> None:
    path = state / "s"
    assert not folder.is_own_socket(path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        assert folder.is_own_socket(path)
        (state / "link").symlink_to(path)
        assert not folder.is_own_socket(state / "link")
    path.unlink()
    path.write_text("")
    assert not folder.is_own_socket(path)
