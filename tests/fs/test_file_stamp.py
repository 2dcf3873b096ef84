"""A file's stamp and fingerprint change with the file, and only with the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mull.fs.file_stamp import fingerprint, stamp, stamps, versioned


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(bytes(range(256)) * 20_000)
    return path


def test_an_unchanged_file_has_one_stamp(file: Path) -> None:
    assert (stamp(file), versioned(file), fingerprint(file)) == (
        stamp(file),
        versioned(file),
        fingerprint(file),
    )


def test_an_edit_of_equal_length_is_seen_by_its_time(file: Path) -> None:
    before = stamp(file), versioned(file), fingerprint(file)
    file.write_bytes(b"x" + file.read_bytes()[1:])
    os.utime(file, ns=(0, before[0].mtime_ns + 1))
    assert all(
        old != new for old, new in zip(before, (stamp(file), versioned(file), fingerprint(file)), strict=True)
    )


def test_a_replacement_with_the_same_size_and_time_is_seen(file: Path, tmp_path: Path) -> None:
    before = stamp(file), fingerprint(file)
    other = tmp_path / "other"
    other.write_bytes(b"x" + file.read_bytes()[1:])
    os.utime(other, ns=(0, before[0].mtime_ns))
    other.replace(file)
    assert stamp(file).inode != before[0].inode
    assert fingerprint(file) != before[1]


def test_a_renamed_file_keeps_its_fingerprint(file: Path, tmp_path: Path) -> None:
    before = stamp(file), fingerprint(file)
    moved = file.rename(tmp_path / "moved.gguf")
    assert (stamp(moved), fingerprint(moved)) == before


def test_a_missing_part_leaves_no_stamps(file: Path, tmp_path: Path) -> None:
    assert stamps([file]) == (stamp(file),)
    assert stamps([file, tmp_path / "missing"]) == ()
