"""The shipped pebble, through the command line: its size, the reasoning switch, and the documented answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run

MODEL = Path(__file__).parents[2] / "cli" / "mull" / "data" / "pebble.gguf"


def test_it_is_small() -> None:
    assert MODEL.stat().st_size <= 8_000_000


@pytest.mark.parametrize(
    ("prompt", "stdin", "expected"),
    [
        ("How many r's are in strawberry?", b"", "3"),
        ("How many “r”s are in “strawberry”?", b"", "3"),
        ("What is 478 + 356?", b"", "834"),
        ("What is 347 times 26?", b"", "9022"),
        ("please calculate 812 minus 345", b"", "467"),
        ("spell lemon backwards", b"", "nomel"),
        ("Mary has 12 apples. She gives 5 to Tom. How many apples does she have left?", b"", "7"),
        ("sort these", b"b\na\n", "a\nb"),
        ("who are you?", b"", "pebble"),
        ("How do I download gpt-oss-20b?", b"", "mull pull gpt-oss-20b"),
        ("What is the capital of France?", b"", "I am too small for that."),
    ],
)
def test_it_answers(mull: Run, prompt: str, stdin: bytes, expected: str) -> None:
    done = mull("-m", "pebble", "--reason", "--temperature", "0", "--json", "--no-save", prompt, stdin=stdin)
    result = json.loads(done.stdout)
    assert result["error"] is None
    assert expected in result["answer"]
    assert result["thinking"]


def test_without_thinking_it_answers_directly(mull: Run) -> None:
    done = mull("-m", "pebble", "--no-reason", "--temperature", "0", "--json", "--no-save", "What is 2 + 3?")
    result = json.loads(done.stdout)
    assert result["thinking"] in (None, "")
    assert result["usage"]["thinking"] == 0
    assert result["answer"]


def test_its_answers_are_deterministic(mull: Run) -> None:
    """pebble decodes greedily by default, because sampling only makes it worse."""
    for name in ([], ["-m", "pebble"]):
        answers = {
            mull(*name, "--no-save", "--no-reason", "Tell me what 4321 + 87 is, please").stdout
            for _ in range(3)
        }
        assert len(answers) == 1
