"""Long material: a fact in the middle of a text is found, and a text beyond the context is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mull.backends.base import ChatBackend
from tests.conftest import Run
from tests.real.questions import ask

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

PAGES = ("chat.md", "pulling.md", "scripting.md", "server.md", "reasoning.md", "performance.md")
DOCS = Path(__file__).parents[2] / "docs"
NEEDLE = "The secret code of the blue door is 7391.\n\n"


def text() -> str:
    return "\n".join((DOCS / page).read_text(encoding="utf-8") for page in PAGES)


def test_a_file_beyond_the_context_is_refused_before_the_model_computes(smol: Run, tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text(text(), encoding="utf-8")
    done = smol("--json", "-f", "long.md", "What is this?")
    result = json.loads(done.stdout)
    assert (done.returncode, result["answer"], result["error"]["code"]) == (1, None, "context_overflow")


def test_a_needle_is_found(backend: ChatBackend) -> None:
    hay = text()[:2500]
    middle = hay.index("\n\n", 1200) + 2
    question = hay[:middle] + NEEDLE + hay[middle:] + "\n\nWhat is the secret code of the blue door?"
    done = ask(backend, question)
    assert "7391" in done.answer
    assert 500 < done.usage.prompt < 1000
