"""Models and engines for the tests of the engine: real llama.cpp, tiny files, one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from mull.engine.engine import Engine, Piece, Prefill, Request
from mull.engine.kv.state_store import StateStore
from mull.engine.model import Model, load
from mull.engine.request import GrammarSpec
from mull.settings import EngineSettings, Sampling
from mull.structured.reading import from_lark
from tests.model_files.random_model import SLOW, TINY, cached, write_random
from tests.model_files.scripted import write_scripted

GREEDY = Sampling(temperature=0.0)
ONE_THREAD = EngineSettings(threads=1)
ENGINE = ("ctx", "n_parallel", "n_ctx_total", "kv_type")  # what a scripted engine takes beside its script


@dataclass
class Run:
    """What was generated, and how it ended."""

    pieces: list[Piece] = field(default_factory=list)
    prefills: list[Prefill] = field(default_factory=list)
    ended: str | None = None

    @property
    def tokens(self) -> list[int]:
        return [piece.token for piece in self.pieces]

    @property
    def data(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces)

    @property
    def cached(self) -> int:
        return self.prefills[0].cached


def run(engine: Engine, prompt: str | Sequence[int], **request: Any) -> Run:
    """Generate to the end."""
    tokens = engine.model.tokenize(prompt, special=True) if isinstance(prompt, str) else prompt
    request.setdefault("sampling", GREEDY)
    result = Run()
    generation = engine.generate(Request(tokens, **request))
    for event in generation:
        (result.prefills if isinstance(event, Prefill) else result.pieces).append(event)  # type: ignore[arg-type]
    result.ended = generation.ended
    return result


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random(tmp_path_factory.mktemp("models") / "tiny.gguf", TINY)


@pytest.fixture
def open_model(state_dir: Path) -> Iterator[Callable[..., Model]]:
    """Load models that are closed when the test ends."""
    models: list[Model] = []

    def open_(path: Path, *, draft: str | None = None) -> Model:
        settings = replace(ONE_THREAD, draft=draft)
        models.append(load(path, settings, state_dir=state_dir, trusted=True))
        return models[-1]

    yield open_
    for model in models:
        model.close()


@pytest.fixture
def start(open_model: Callable[..., Model]) -> Iterator[Callable[..., Engine]]:
    """Engines of a model file: `start(path, ctx=..., n_parallel=..., state_store=...)`."""
    engines: list[Engine] = []

    def start_(
        path: Path,
        *,
        n_parallel: int = 1,
        n_ctx_total: int | None = None,
        state_store: StateStore | None = None,
        **settings: Any,
    ) -> Engine:
        chosen = EngineSettings(**{"threads": 1, **settings})
        engine = Engine(
            open_model(path, draft=chosen.draft),
            chosen,
            n_parallel=n_parallel,
            n_ctx_total=n_ctx_total,
            state_store=state_store,
        )
        engines.append(engine)
        return engine

    yield start_
    for engine in engines:
        engine.close()


@pytest.fixture
def scripted(tmp_path: Path, start: Callable[..., Engine]) -> Callable[..., Engine]:
    """An engine whose model plays a script: `scripted([...], control=...)`; see tests/model_files/scripted.py."""

    def scripted_(script: Sequence[str | bytes], **options: Any) -> Engine:
        number = len(list(tmp_path.glob("*.gguf")))
        settings = {key: options.pop(key) for key in ENGINE if key in options}
        return start(write_scripted(tmp_path / f"{number}.gguf", script, **options), **settings)

    return scripted_


@pytest.fixture
def tiny(tiny_path: Path, start: Callable[..., Engine]) -> Engine:
    """Random weights: every token depends on all before it."""
    return start(tiny_path)


@pytest.fixture
def slow(start: Callable[..., Engine]) -> Engine:
    """120 million random weights: a prompt of a thousand tokens takes seconds on one thread."""
    return start(cached(SLOW))


def ambiguous() -> GrammarSpec:
    """A grammar that reaches a limit after its first token: there are 2,100 rules that may go on."""
    names = [f"r{number}" for number in range(2100)]
    rules = [f'{name}: "a" {name} "{name}" | "a"' for name in names]
    return GrammarSpec(from_lark("\n".join([f'start: "x" ({" | ".join(names)})', *rules])).grammar)
