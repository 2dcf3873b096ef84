"""Drafts by a model's own NextN layer, and of models with a recurrent state: the same text, computed in fewer steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mull.engine.engine import Engine, Generation, Piece
from mull.engine.model import load
from mull.engine.native import nextn
from mull.engine.speculative import drafting
from mull.engine.speculative.base import AcceptanceRate, StepCosts, TypicalCosts
from mull.engine.speculative.draft_model import ModelDrafter
from mull.engine.speculative.prompt_lookup import PromptLookup
from mull.settings import EngineSettings, Sampling
from tests.engine.drafts import PROMPT, Hinted, begin, plain, tokens
from tests.model_files.nextn import write_nextn
from tests.model_files.recurrent import write_hybrid, write_recurrent

Start = Callable[..., Engine]

needs_nextn = pytest.mark.skipif(not nextn.available(), reason="this llama.cpp gives no hidden states")


@pytest.fixture(autouse=True)
def _every_draft_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tiny models too, and whatever the acceptance rate of random weights is."""
    monkeypatch.setattr(drafting, "SMALL", 0)
    monkeypatch.setattr(StepCosts, "seconds", lambda _costs, rows: 1e-3 + rows * 1e-9)
    monkeypatch.setattr(TypicalCosts, "seconds", lambda _costs, rows: 1 + rows * 1e-6)
    monkeypatch.setattr(AcceptanceRate, "probability", 0.9)
    monkeypatch.setattr(PromptLookup, "propose", lambda *_: [])


@pytest.fixture
def hybrid(tmp_path: Path) -> Path:
    return write_nextn(tmp_path / "hybrid.gguf")


# recurrent states are rolled back


@pytest.mark.parametrize("wrong", [0.0, 0.2, 1.0])
def test_drafts_of_a_hybrid_model_leave_its_answer_unchanged(
    start: Start, hybrid: Path, wrong: float
) -> None:
    alone = plain(start(hybrid, draft="off"), max_tokens=120)
    assert len(alone) > 30
    generation = begin(start(hybrid, draft="all"), max_tokens=len(alone))
    generation.drafter = Hinted(alone, wrong=wrong)
    assert tokens(generation) == alone
    assert generation.drafted > len(alone) / 2
    assert generation.drafter is not None, "no draft cost the state"
    assert (generation.accepted == generation.drafted) == (wrong == 0.0)


def test_the_state_is_right_after_drafts_and_in_a_larger_context(start: Start, hybrid: Path) -> None:
    alone = plain(start(hybrid, draft="off"), max_tokens=900)
    assert len(alone) > 30
    engine, half = start(hybrid, draft="all"), len(alone) // 2
    engine.reserve(
        1000
    )  # beyond the contexts with flash attention: a recurrent model's state cannot leave them
    first = begin(engine, max_tokens=half)
    first.drafter = Hinted(alone, wrong=0.3)
    assert tokens(first) == alone[:half]
    engine.reserve(3000)
    again = begin(engine, [*PROMPT, *alone[:half]], max_tokens=len(alone) - half)
    assert again.cached >= len(PROMPT) + half - 1
    again.drafter = Hinted(alone[half:], wrong=0.3)
    assert tokens(again) == alone[half:]


def test_injecting_within_a_draft_of_a_hybrid_model(start: Start, hybrid: Path) -> None:
    def steered(generation: Generation) -> list[int]:
        said: list[int] = []
        for event in generation:
            if isinstance(event, Piece):
                said.append(event.token)
                if len(said) == 6:
                    generation.inject([100, 101])
        return said

    alone = plain(start(hybrid, draft="off"), max_tokens=120)
    expected = steered(begin(start(hybrid, draft="off"), max_tokens=20))
    generation = begin(start(hybrid, draft="all"), max_tokens=20)
    generation.drafter = Hinted(alone, wrong=0.0)
    assert steered(generation) == expected
    assert generation.drafted > 0


@pytest.mark.parametrize("write", [write_recurrent, write_hybrid])
def test_an_architecture_that_cannot_be_rolled_back_gets_no_drafts(
    start: Start, tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    """llama.cpp saves states of a few architectures only; Mamba and LFM2 are none of them."""
    generation = begin(start(write(tmp_path / "m.gguf"), draft="all"), max_tokens=20)
    assert len(tokens(generation)) == 20
    assert generation.drafted == 0


@pytest.mark.parametrize("draft", [None, "auto"])
def test_a_hybrid_model_gets_drafts_on_request_only(start: Start, hybrid: Path, draft: str | None) -> None:
    """Saving states costs every step."""
    engine = start(hybrid, draft=draft)
    generation = begin(engine, max_tokens=5)
    assert generation.drafter is None
    assert len(tokens(generation)) == 5
    assert engine._resizable.context is not None
    assert engine._resizable.context.n_rollback == 0


def test_several_slots_of_a_hybrid_model_get_no_drafts(start: Start, hybrid: Path) -> None:
    assert begin(start(hybrid, n_parallel=2, draft="all"), max_tokens=5).drafter is None


# NextN layers


@needs_nextn
def test_a_nextn_layer_drafts_and_leaves_the_answer_unchanged(start: Start, hybrid: Path) -> None:
    alone = plain(start(hybrid, draft="off"), max_tokens=120)
    generation = begin(start(hybrid, draft="all"), max_tokens=len(alone))
    assert isinstance(generation.drafter, ModelDrafter)
    assert tokens(generation) == alone
    assert generation.drafted > len(alone) / 2


@needs_nextn
def test_what_a_layer_drafts_right_is_accepted(start: Start, tmp_path: Path) -> None:
    """The next token depends on the last one only, in the model as in its NextN layer."""
    path = write_nextn(tmp_path / "simple.gguf", simple=True)
    alone = plain(start(path, draft="off"), max_tokens=60)
    assert len(alone) > 30
    generation = begin(start(path, draft="all"), max_tokens=len(alone))
    assert tokens(generation) == alone
    assert generation.accepted == generation.drafted > len(alone) / 2


@needs_nextn
def test_a_seed_samples_the_same_tokens_with_a_nextn_layer(start: Start, hybrid: Path) -> None:
    same = 0
    alone, drafts = start(hybrid, draft="off"), start(hybrid, draft="all")
    for seed in range(10):
        sampling = replace(Sampling(temperature=0.8), seed=seed)
        said = tokens(begin(alone, sampling=sampling, max_tokens=40))
        generation = begin(drafts, sampling=sampling, max_tokens=40)
        same += tokens(generation) == said
        assert generation.drafted > 10
    assert same >= 8


@needs_nextn
def test_a_second_turn_continues_with_the_layer(start: Start, hybrid: Path) -> None:
    alone = plain(start(hybrid, draft="off"), max_tokens=120)
    engine, half = start(hybrid, draft="all"), len(alone) // 2
    assert tokens(begin(engine, max_tokens=half)) == alone[:half]
    again = begin(engine, [*PROMPT, *alone[:half]], max_tokens=len(alone) - half)
    assert again.cached > 0
    assert tokens(again) == alone[half:]
    assert again.drafted > 0
    other = list(range(120, 20, -1))
    expected = plain(start(hybrid, draft="off"), other, max_tokens=120)
    assert tokens(begin(engine, other, max_tokens=len(expected))) == expected


@needs_nextn
def test_the_layers_draft_does_not_depend_on_how_its_cache_was_filled(start: Start, hybrid: Path) -> None:
    """A prompt computed at once, and in chunks with answers in between: the same hidden states, the same draft."""
    text = [*PROMPT, *range(200, 290)]
    drafts = []
    for cuts in ([len(text)], [70, 71, len(text)]):
        engine = start(hybrid, draft="all")
        for cut in cuts:
            generation = begin(engine, text[:cut], max_tokens=1)
            (last,) = tokens(generation)
            head = engine._drafting._model
            assert head is not None
        drafts.append(head.draft([*text, last], object(), 3, lambda: False))
    assert len(drafts[0]) == 3
    assert drafts[0] == drafts[1]


@needs_nextn
@pytest.mark.parametrize(("draft", "loaded"), [("all", True), (None, False), ("off", False)])
def test_the_layer_is_loaded_for_drafts_only(
    hybrid: Path, state_dir: Path, draft: str | None, loaded: bool
) -> None:
    with load(hybrid, EngineSettings(threads=1, draft=draft), state_dir=state_dir) as model:
        assert model.has_nextn == loaded


@needs_nextn
def test_several_slots_do_not_use_the_layer(start: Start, hybrid: Path) -> None:
    engine = start(hybrid, n_parallel=2, draft="all")
    assert not engine._drafting.needs_states
    assert len(tokens(begin(engine, max_tokens=5))) == 5
