"""Headers of local files are read once, and again when the file has changed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mull.errors import ModelFileError
from mull.fs.json_cache import forget_memory
from mull.models.gguf.header import read_header
from mull.models.memory.kv_size import KvLayers
from mull.models.memory.layout import MemoryLayout, from_headers
from mull.models.memory.layout_cache import LayoutCache, stored_layout
from tests.models.test_remote_header import write_model


def test_layouts_are_cached(tmp_path: Path) -> None:
    path, record = write_model(tmp_path / "m.gguf", 50), tmp_path / "layouts.json"
    first = LayoutCache(record, seconds=10)
    found = first.of((path,))
    first.save()
    assert found is not None
    assert LayoutCache(record, seconds=0).of((path,)) == found


def test_a_layout_with_a_nextn_layer_is_cached(tmp_path: Path) -> None:
    path, record = write_model(tmp_path / "m.gguf", 50), tmp_path / "layouts.json"
    found = dataclasses.replace(from_headers([read_header(path)]), nextn=(KvLayers(1, 32, 32, None),))
    assert stored_layout((path,), record, lambda: found) == found
    forget_memory()
    assert stored_layout((path,), record, pytest.fail) == found


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path, record = write_model(tmp_path / "m.gguf", 50), tmp_path / "layouts.json"
    first = LayoutCache(record, seconds=10)
    first.of((path,))
    first.save()
    write_model(path, 60)
    assert LayoutCache(record, seconds=0).of((path,)) is None
    assert LayoutCache(record, seconds=10).of((path,)) is not None


def test_without_time_nothing_is_read(tmp_path: Path) -> None:
    assert LayoutCache(None, seconds=0).of((write_model(tmp_path / "m.gguf", 50),)) is None


def test_files_that_are_not_models_are_cached_too(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    layouts = LayoutCache(tmp_path / "layouts.json", seconds=10)
    assert layouts.of((tmp_path / "m.gguf",)) is None
    assert layouts.of((tmp_path / "gone.gguf",)) is None
    layouts.save()
    assert LayoutCache(tmp_path / "layouts.json", seconds=10).of((tmp_path / "m.gguf",)) is None


def test_a_damaged_cache_is_ignored(tmp_path: Path) -> None:
    path, record = write_model(tmp_path / "m.gguf", 50), tmp_path / "layouts.json"
    for text in (
        "",
        "{",
        "[]",
        '{"format": 1}',
        '{"format": 1, "layouts": {"a": {"kv": 3}}}',
        '{"format": 1, "layouts": 3}',
    ):
        record.write_text(text)
        assert LayoutCache(record, seconds=10).of((path,)) is not None, text


def test_removed_files_are_dropped_from_the_cache(tmp_path: Path) -> None:
    record = tmp_path / "layouts.json"
    for name in ("a.gguf", "b.gguf"):
        layouts = LayoutCache(record, seconds=10)
        layouts.of((write_model(tmp_path / name, 50),))
        layouts.save()
    assert "a.gguf" not in record.read_text()


def test_a_loaded_models_layout_is_read_once_until_the_file_changes(tmp_path: Path) -> None:
    path, record = write_model(tmp_path / "m.gguf", 50), tmp_path / "layouts.json"
    reads: list[int] = []

    def read() -> MemoryLayout:
        reads.append(1)
        return from_headers([read_header(path)])

    first = stored_layout((path,), record, read)
    forget_memory()
    assert stored_layout((path,), record, read) == first
    assert len(reads) == 1
    write_model(path, 60)
    stored_layout((path,), record, read)
    record.write_text("{")
    forget_memory()
    assert stored_layout((path,), record, read) == from_headers([read_header(path)])
    assert len(reads) == 3
    path.unlink()
    with pytest.raises(ModelFileError):
        stored_layout((path,), record, read)
