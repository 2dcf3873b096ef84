"""Special tokens are searched once per file, and a damaged cache never makes them wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mull.engine.special_tokens import SMALL, find_special_tokens
from mull.fs import json_cache

STAMP = ((1, 2, 3, 4),)
MARKED = [0, 1, 2, 7, 500, 501, SMALL - 1]


class Library:
    """Reports which tokens are special, and counts how often it was asked."""

    def __init__(self, marked: list[int]) -> None:
        self.marked = set(marked)
        self.asked = 0

    def __call__(self, token: int) -> bool:
        self.asked += 1
        return token in self.marked


def found(library: Library, folder: Path | None, *, n_vocab: int = SMALL, stamp: tuple = STAMP) -> list[int]:
    json_cache.forget_memory()  # as another process
    return find_special_tokens(n_vocab, library, stamp, folder)


@pytest.mark.parametrize("tokens", [MARKED, [], [0], [SMALL - 1], list(range(SMALL))])
def test_the_library_is_asked_once_per_file(tmp_path: Path, tokens: list[int]) -> None:
    library = Library(tokens)
    assert found(library, tmp_path) == tokens
    assert library.asked == SMALL
    assert found(library, tmp_path) == tokens
    assert library.asked == SMALL


def test_another_file_is_searched_again(tmp_path: Path) -> None:
    found(Library(MARKED), tmp_path)
    assert found(Library([3]), tmp_path, stamp=((1, 2, 3, 5),)) == [3]
    assert found(Library([4]), tmp_path, n_vocab=SMALL + 1) == [4]


@pytest.mark.parametrize(
    "spans", ["x", None, [[0]], [[0, "a"]], [[0, SMALL]], [[-1, 3]], [5], {"a": 1}, [[0, 1, 2]]]
)
def test_a_damaged_cache_is_ignored(tmp_path: Path, spans: object) -> None:
    found(Library(MARKED), tmp_path)
    file = tmp_path / "markers.json"
    whole = json.loads(file.read_text(encoding="utf-8"))
    for answer in whole.values():
        answer["spans"] = spans
    file.write_text(json.dumps(whole), encoding="utf-8")
    assert found(Library(MARKED), tmp_path) == MARKED


def test_nothing_is_cached_without_a_folder_or_a_file(tmp_path: Path) -> None:
    for folder, stamp in ((None, STAMP), (tmp_path, ())):
        library = Library(MARKED)
        assert found(library, folder, stamp=stamp) == MARKED
        assert found(library, folder, stamp=stamp) == MARKED
        assert library.asked == 2 * SMALL
    assert not list(tmp_path.iterdir())
