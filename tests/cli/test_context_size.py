"""--ctx against what the model was trained for: said in one line, and named only where it helps."""

from __future__ import annotations

import pytest

from tests.conftest import Run

LONG = "1 + " * 4000 + "1"  # more tokens than pebble's 4,096


def test_a_context_beyond_the_training_is_told(mull: Run) -> None:
    done = mull("-m", "pebble", "--no-save", "--ctx", "8192", "What is 2 + 2?")
    assert done.returncode == 0
    assert done.stderr.decode().count("was trained for 4,096 tokens of context") == 1
    done = mull("-m", "pebble", "--no-save", "--ctx", "4096", "What is 2 + 2?")
    assert b"trained" not in done.stderr


@pytest.mark.parametrize(("options", "helps"), [((), False), (("--ctx", "512"), True)])
def test_the_hint_names_ctx_where_it_helps(mull: Run, options: tuple[str, ...], helps: bool) -> None:
    done = mull("-m", "pebble", "--no-save", *options, stdin=LONG.encode())
    assert done.returncode == 1
    assert (b"--ctx" in done.stderr) is helps, done.stderr
