"""TOML of others: long dotted keys are refused before tomllib spends memory on them."""

from __future__ import annotations

import tomllib

import pytest

from mull.fs.toml_text import MOST_PARTS, loads

LONG = ".".join(["a"] * 100_000)


@pytest.mark.parametrize(
    "text",
    [f"{LONG} = 1", f"[{LONG}]", f"[[{LONG}]]", f"x = {{{LONG} = 1}}", f"x = {{b = 1, {LONG} = 1}}"],
    ids=["key", "table", "array of tables", "inline table", "second key"],
)
def test_a_key_of_many_parts_is_refused(text: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError, match="more than 64 parts"):
        loads(f"ok = true\n{text}\n")


def test_quoted_parts_and_spaces_count_too() -> None:
    with pytest.raises(tomllib.TOMLDecodeError, match="line 2"):
        loads("ok = true\n" + " . ".join(['"a b"'] * 100) + " = 1\n")


def test_ordinary_keys_are_read() -> None:
    key = ".".join(["a"] * MOST_PARTS)
    assert loads(f'{key} = 1\ntext = "one. two. three."') == tomllib.loads(
        f'{key} = 1\ntext = "one. two. three."'
    )
