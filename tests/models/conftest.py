"""A Hub server for every test, and a home folder whose environment points to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mull.control import TurnControl
from mull.events import Notice
from mull.job_events import PullDone, PullEvent
from mull.models.hub.client import RetryPolicy
from mull.models.hub.pull import pull
from tests.conftest import COVERAGE
from tests.models.hub_server import Hub, serve

FOREIGN = (
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_TOKEN",
    "XDG_CACHE_HOME",
    "OLLAMA_MODELS",
    "LLAMA_CACHE",
)
QUICK = RetryPolicy(tries=4, first=0.01, longest=0.02)


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without models, also for this process."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    places = {
        "HOME": "",
        "USERPROFILE": "",
        "HF_HOME": "hf",
        "MULL_STATE_DIR": "state",
        "MULL_CONFIG_DIR": "config",
    }
    for name, folder in places.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    return tmp_path


@pytest.fixture
def hub(user: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A running Hub server; HF_ENDPOINT is its address."""
    with serve() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running
        if "huggingface_hub" in sys.modules:
            from huggingface_hub import close_session

            close_session()


class Puller:
    """Run `pull` to its end and collect its events."""

    def __init__(self) -> None:
        self.said: list[PullEvent] = []

    def __call__(self, name: str, **more: object) -> PullDone:
        self.said = []
        for value in pull(name, TurnControl(), retry=QUICK, **more):  # type: ignore[arg-type]
            self.said.append(value)
        last = self.said[-1]
        assert isinstance(last, PullDone)
        assert sum(isinstance(value, PullDone) for value in self.said) == 1
        return last

    @property
    def notices(self) -> dict[str, str]:
        return {value.code: value.text for value in self.said if isinstance(value, Notice)}


@pytest.fixture
def fetch(hub: Hub) -> Puller:
    return Puller()


def environment(user: Path, hub: Hub | None = None, **more: str) -> dict[str, str]:
    """The environment of that home for a child process."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "SYSTEMROOT", "LANG", "MULL_PACKAGES", *COVERAGE)
        if name in os.environ
    }
    places = {name: os.environ[name] for name in ("HOME", "HF_HOME", "MULL_STATE_DIR", "MULL_CONFIG_DIR")}
    return {
        **kept,
        **places,
        "PYTHONPATH": str(Path(__file__).parents[2] / "cli"),
        "LC_ALL": "C.UTF-8",
        **({"HF_ENDPOINT": hub.url} if hub else {}),
        **more,
    }


def blobs(user: Path) -> list[str]:
    """The names of all files in the cache's blob folders."""
    return sorted(path.name for path in (user / "hf" / "hub").glob("models--*/blobs/*"))
