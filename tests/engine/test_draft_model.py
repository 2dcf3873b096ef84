"""A small model drafts for a big one: the text is the big one's, whatever the small one proposes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import Model
from mull.engine.speculative.base import TypicalCosts
from mull.errors import EngineError
from mull.settings import EngineSettings
from tests.engine.conftest import GREEDY
from tests.model_files.random_model import TINY, write_random
from tests.model_files.recurrent import write_recurrent
from tests.model_files.scripted import write_scripted

Open = Callable[[Path], Model]

SCRIPT = [f" w{i}" for i in range(150)]


@pytest.fixture(autouse=True)
def _free(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine on which more rows cost nothing, so that every draft pays."""
    monkeypatch.setattr(TypicalCosts, "seconds", lambda *_: 0.5)


def said(engine: Engine, prompt: str = "?", **request: object) -> tuple[list[str], int, int]:
    tokens = engine.model.tokenize(prompt, special=True)
    generation = engine.generate(Request(tokens, GREEDY, **request))  # type: ignore[arg-type]
    texts = [event.data.decode(errors="replace") for event in generation if isinstance(event, Piece)]
    return texts, generation.drafted, generation.accepted


def test_drafts_of_a_model_that_agrees_are_accepted(tmp_path: Path, open_model: Open) -> None:
    model = open_model(write_scripted(tmp_path / "big.gguf", SCRIPT, width=512))
    helper = open_model(write_scripted(tmp_path / "small.gguf", SCRIPT))
    with Engine(model, EngineSettings(threads=1), draft_model=helper) as engine:
        for prompt in ("?", "another", "? and more"):
            texts, drafted, accepted = said(engine, prompt)
            assert texts == SCRIPT
            assert drafted == accepted > 100


def test_a_model_that_disagrees_changes_nothing(tmp_path: Path, open_model: Open, tiny_path: Path) -> None:
    model = open_model(tiny_path)
    helper = open_model(write_random(tmp_path / "other.gguf", TINY, seed=2))
    with Engine(model, EngineSettings(threads=1, draft="off")) as engine:
        alone, _, _ = said(engine, "Once", max_tokens=40)
    with Engine(model, EngineSettings(threads=1), draft_model=helper) as engine:
        texts, drafted, _ = said(engine, "Once", max_tokens=40)
    assert texts == alone
    assert drafted > 0


def test_the_draft_models_context_grows_with_the_text(tmp_path: Path, open_model: Open) -> None:
    long = [f" w{i}" for i in range(1400)]
    model = open_model(write_scripted(tmp_path / "big.gguf", long))
    helper = open_model(write_scripted(tmp_path / "small.gguf", long))
    with Engine(model, EngineSettings(threads=1), draft_model=helper) as engine:
        texts, drafted, accepted = said(engine)
    assert texts == long
    assert drafted == accepted > 1000


def test_a_draft_model_with_a_shorter_context_stops_drafting(tmp_path: Path, open_model: Open) -> None:
    model = open_model(write_scripted(tmp_path / "big.gguf", SCRIPT))
    helper = open_model(write_scripted(tmp_path / "small.gguf", SCRIPT, n_ctx=64))
    with Engine(model, EngineSettings(threads=1), draft_model=helper) as engine:
        texts, _, accepted = said(engine)
    assert texts == SCRIPT
    assert 0 < accepted < 64


def test_another_vocabulary_is_rejected_by_name(tmp_path: Path, open_model: Open) -> None:
    model = open_model(write_scripted(tmp_path / "big.gguf", SCRIPT))
    helper = open_model(write_scripted(tmp_path / "small.gguf", [*SCRIPT[:-1], " else"]))
    with pytest.raises(EngineError, match=r"small\.gguf cannot draft for big\.gguf") as refused:
        Engine(model, EngineSettings(), draft_model=helper)
    assert refused.value.code == "draft_vocabulary"


def test_a_memory_that_cannot_be_truncated_is_rejected(tmp_path: Path, open_model: Open) -> None:
    mamba = open_model(write_recurrent(tmp_path / "mamba.gguf"))
    other = open_model(write_scripted(tmp_path / "plain.gguf", SCRIPT))
    for model, helper in ((mamba, other), (other, mamba)):
        with pytest.raises(
            EngineError, match=r"mamba\.gguf does not support speculative decoding"
        ) as refused:
            Engine(model, EngineSettings(), draft_model=helper)
        assert refused.value.code == "draft_memory"
