"""Fixtures of the tests with real weights: the file, and the model loaded in this process on one thread."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mull.backends.base import ChatBackend
from mull.backends.open import open_backend
from mull.control import TurnControl
from mull.models.resolve import find
from mull.settings import DRAFT_OFF, EngineSettings
from tests.chat.conftest import chat  # noqa: F401
from tests.conftest import Run
from tests.real.weights import MISSING, smollm2


@pytest.fixture(scope="session")
def path() -> Path:
    """SmolLM2's file."""
    found = smollm2()
    if found is None:
        pytest.skip(MISSING)
    return found


@pytest.fixture(scope="module")
def backend(path: Path, checked_state: Path) -> Iterator[ChatBackend]:
    """The model, loaded. It drafts nothing: each token is computed alone."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MULL_STATE_DIR", str(checked_state))
        with closing(open_backend(find(str(path)), EngineSettings(threads=1, draft=DRAFT_OFF))) as opened:
            for _ in opened.load(TurnControl()):
                pass
            yield opened


@pytest.fixture
def smol(path: Path, mull: Run) -> Run:
    """Run `mull ask -m smollm2 …`: the model by its name, from its package, greedy unless the test says otherwise."""

    def run(
        *arguments: str | Path, command: str = "ask", **options: object
    ) -> subprocess.CompletedProcess[bytes]:
        return mull(
            command,
            *("-m", "smollm2", "--temperature", "0"),
            *arguments,
            env={"MULL_PACKAGES": "1"},
            timeout=500,
            **options,
        )

    return run
