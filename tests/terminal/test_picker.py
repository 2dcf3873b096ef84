"""What a picker's filter finds, in which order, and which rows it shows."""

from __future__ import annotations

import pytest

from mull.terminal.input.fuzzy import rank_words
from mull.terminal.input.picker import Choice, Row

MODELS = [
    Row(name, name, (size,)) for name, size in (("gemma-4", "9 GB"), ("qwen3-8b", "5 GB"), ("b4", "1 GB"))
]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ["gemma-4", "qwen3-8b", "b4"]),
        ("QWEN", ["qwen3-8b"]),
        ("8b qwen", ["qwen3-8b"]),
        ("b", ["b4", "qwen3-8b", "gemma-4"]),
        ("qw8", ["qwen3-8b"]),
        ("gb", ["gemma-4", "qwen3-8b", "b4"]),
        ("qwen 9", []),
    ],
)
def test_the_filter(words: str, found: list[str]) -> None:
    choice = Choice(MODELS)
    choice.filter(words)
    assert [row.value for row in choice.found] == found


def test_letters_in_order_count_in_the_title_only() -> None:
    assert rank_words("abc", "a-b-c") is not None
    assert rank_words("abc", "title", "a b c") is None
    assert rank_words("b c", "title", "a b c") is not None


def test_the_chosen_row_is_always_shown() -> None:
    choice = Choice([Row(number, str(number)) for number in range(20)], at=10)
    for step in (0, 5, 100, -3, -100, 1):
        choice.move(step)
        shown = choice.visible(4)
        assert choice.current in shown
        assert len(shown) == 4
    choice.filter("19")
    assert [row.value for row in choice.visible(4)] == [19]
    choice.filter("none")
    assert choice.current is None
    choice.move(1)
    assert choice.visible(4) == []
