"""Models for the command-line tests: they play a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.model_files.scripted import write_scripted

CHATML = (
    "{%- for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n"
    "{%- if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
THINKING = ["<think>", "\n", "Let me", " see.", "\n", "</think>", "\n\n", "Forty", "-two", "."]


@pytest.fixture(scope="session")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generates "Let me see." as thinking and "Forty-two." as answer; without thinking it answers "42"."""
    return write_scripted(
        tmp_path_factory.mktemp("models") / "thinker.gguf",
        ["<think>", "\nLet me", " see.\n", "</think>", "\n\nForty", "-two", "."],
        starts={"\n\n": ["42"]},
        template=CHATML,
        user_defined=["<think>", "</think>"],
        name="thinker",
    )


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thinks and answers at length, and is wide enough that a token takes some milliseconds."""
    thoughts = [f" thought{i}" for i in range(1500)]
    words = [f" word{i}" for i in range(3000)]
    return write_scripted(
        tmp_path_factory.mktemp("models") / "slow.gguf",
        ["<think>", *thoughts, "</think>", *words],
        starts={"\n\n": words},
        template=CHATML,
        user_defined=["<think>", "</think>"],
        n_ctx=32768,
        width=2048,
    )
