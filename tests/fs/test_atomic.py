"""Atomic writes: the whole new content or the old one, private unless asked otherwise, and nothing left behind."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mull.errors import MullError
from mull.fs.atomic import TEMPORARY_SUFFIX, AtomicFile, open_atomic, symlink_atomic, write_atomic
from mull.fs.out_file import OutFile

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permission bits and links")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("content", ["line\r\nlast ä\n", b"\x00\xff\r\n", "", b""])
def test_text_and_bytes_are_written_as_they_are(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "file"
    for _ in range(2):  # created, then replaced
        write_atomic(path, content)
        assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
        assert names(tmp_path) == ["file"]


@POSIX
def test_permissions(tmp_path: Path) -> None:
    path = tmp_path / "file"
    mask = os.umask(0o027)
    try:
        write_atomic(path, "x", mode=None)
        assert mode(path) == 0o640  # what the umask allows
        path.chmod(0o604)
        write_atomic(path, "x", mode=None)
        assert mode(path) == 0o604  # those of the replaced file
        write_atomic(path, "x")
        assert mode(path) == 0o600
        write_atomic(path, "x", mode=0o644)
        assert mode(path) == 0o640
    finally:
        os.umask(mask)


@POSIX
def test_a_private_file_is_replaced_by_one_that_is_private_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomic(path, "secret")
    created, real = [], os.open

    def watched(name: Path, flags: int, mode: int = 0o777) -> int:
        created.append((flags & os.O_EXCL, flags & os.O_NOFOLLOW, mode))
        return real(name, flags, mode)

    monkeypatch.setattr(os, "open", watched)
    with OutFile(path) as out:
        out.write("secret, too")
    assert created == [(os.O_EXCL, os.O_NOFOLLOW, 0o600)]
    assert mode(path) == 0o600


@POSIX
def test_a_symbolic_link_at_the_path_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_atomic(tmp_path / "link", "new")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "old"


def test_readers_see_the_old_content_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with open_atomic(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
        (temporary,) = (name for name in names(tmp_path) if name != "file")
        assert temporary.startswith(".file.")
        assert temporary.endswith(TEMPORARY_SUFFIX)
    assert path.read_text() == "new"


def test_temporary_names_are_never_the_same(tmp_path: Path) -> None:
    new = [AtomicFile(tmp_path / "file") for _ in range(5)]
    assert names(tmp_path) == []
    for file in new:
        file.create()
    assert len(names(tmp_path)) == 5
    for file in new:
        file.discard()
    assert names(tmp_path) == []


@pytest.mark.parametrize("raised", [KeyboardInterrupt, ValueError, OSError])
def test_a_failure_changes_nothing_and_leaves_nothing(tmp_path: Path, raised: type[BaseException]) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail() -> None:
        with open_atomic(path) as file:
            file.write(b"new")
            raise raised

    with pytest.raises(raised):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_text_that_cannot_be_encoded_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_atomic(tmp_path / "file", "\ud800")
    assert names(tmp_path) == []


def test_a_path_that_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        write_atomic(tmp_path / "folder", "text")
    assert names(tmp_path) == ["folder"]
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "missing" / "file", "text")


FULL = """
import resource, signal, sys
from pathlib import Path
from mull.fs.atomic import write_atomic
from mull.fs.out_file import OutFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomic(path, "x" * 2000)
except OSError as error:
    print(error.strerror)
try:
    with OutFile(path) as file:
        file.write("x" * 2000)
except Exception as error:
    print(error.code)
"""


@POSIX
def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    command = [sys.executable, "-c", FULL, str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["File too large", "write_failed", ""]
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "語" * 85])
def test_the_longest_names_a_file_system_takes(tmp_path: Path, name: str) -> None:
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("the file system takes shorter names only")
    write_atomic(tmp_path / name, "text")
    assert names(tmp_path) == [name]


@POSIX
def test_a_link_is_replaced_in_one_step(tmp_path: Path) -> None:
    for target in ("one", "two"):
        assert symlink_atomic(target, tmp_path / "link")
        assert os.readlink(tmp_path / "link") == target  # noqa: PTH115
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        symlink_atomic("one", tmp_path / "folder")
    assert not symlink_atomic("one", tmp_path / "missing" / "link")
    assert names(tmp_path) == ["folder", "link"]


def test_an_output_file_is_created_at_once_and_removed_unless_written(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with OutFile(path):
        assert len(names(tmp_path)) == 1
    assert names(tmp_path) == []
    with OutFile(path) as file:
        file.write("lone \ud800\n")
    assert path.read_bytes() == b"lone \\ud800\n"
    for blocked in (tmp_path, tmp_path / "missing" / "file", Path("a\0b")):
        with pytest.raises(MullError, match="cannot be written"):
            OutFile(blocked)
    assert names(tmp_path) == ["out"]
