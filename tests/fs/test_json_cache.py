"""The JSON cache: answers outlive the process, and no state of the disk makes it fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mull.fs import json_cache
from mull.fs.json_cache import JsonCache, forget_memory


@pytest.fixture(autouse=True)
def _new_process() -> Iterator[None]:
    forget_memory()
    yield
    forget_memory()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "cache.json"


def test_another_process_finds_the_answer(path: Path) -> None:
    JsonCache(path).put("a", {"n": 1})
    JsonCache(path).put("b", {})
    forget_memory()
    cache = JsonCache(path)
    assert [cache.get(key) for key in ("a", "b", "c")] == [{"n": 1}, {}, None]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"a": 3}', '{"a": null}'])
def test_a_damaged_file_holds_no_answers_and_is_replaced(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content, encoding="utf-8")
    assert JsonCache(path).get("a") is None
    JsonCache(path).put("a", {"n": 1})
    forget_memory()
    assert JsonCache(path).get("a") == {"n": 1}


def test_an_unwritable_file_costs_other_processes_the_answer(path: Path) -> None:
    path.mkdir(parents=True)
    JsonCache(path).put("a", {"n": 1})
    assert JsonCache(path).get("a") == {"n": 1}
    with pytest.raises(OSError, match="irectory"):
        JsonCache(path).save("b", {"n": 2})
    assert JsonCache(path).get("b") is None
    forget_memory()
    assert JsonCache(path).get("a") is None


def test_only_the_newest_answers_are_stored(path: Path) -> None:
    cache = JsonCache(path)
    cache.replace({str(number): {"n": number} for number in range(300)})
    cache.put("newest", {})
    forget_memory()
    assert [JsonCache(path).get(key) for key in ("99", "100", "101", "newest")] == [
        None,
        None,
        {"n": 101},
        {},
    ]


def test_a_removed_answer_is_gone(path: Path) -> None:
    cache = JsonCache(path)
    cache.save("a", {"n": 1})
    cache.save("b", {"n": 2})
    assert (cache.remove("a"), cache.remove("a")) == (True, False)
    assert (cache.get("a"), cache.values()) == (None, [{"n": 2}])


def test_memory_holds_the_newest_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_cache, "_MOST_IN_MEMORY", 3)
    (tmp_path / "file").touch()
    cache = JsonCache(tmp_path / "file" / "cache.json")  # which cannot be written
    for key in "abcadb":
        cache.put(key, {})
    assert {key for key in "abcd" if cache.get(key) is not None} == {"a", "b", "d"}
