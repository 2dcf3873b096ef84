"""Speculative decoding changes the speed only: the same tokens with and without drafts, accepted and rejected ones."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mull.engine.engine import Engine, Generation, Piece, Request
from mull.engine.kv.slot import Slot
from mull.engine.native.selfcheck import PEBBLE
from mull.engine.request import GrammarSpec
from mull.engine.speculative import drafting
from mull.engine.speculative.base import MAX_DRAFT, StepCosts, TypicalCosts, draft_length
from mull.engine.speculative.prompt_lookup import PromptLookup
from mull.settings import Sampling
from mull.structured.reading import from_gbnf
from tests.engine.conftest import GREEDY
from tests.engine.drafts import PROMPT, Hinted, begin, plain, tokens
from tests.model_files.architectures import ARCHITECTURES
from tests.model_files.random_model import TINY, write_random

Start = Callable[..., Engine]


@pytest.fixture(autouse=True)
def _tiny_models_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    """As big models do: with tiny ones it does not pay, but is fast to test."""
    monkeypatch.setattr(drafting, "SMALL", 0)


def hinted(
    engine: Engine, prompt: Sequence[int], answer: Sequence[int], wrong: float, **request: object
) -> Generation:
    generation = begin(engine, prompt, **request)
    generation.drafter = Hinted(answer, wrong=wrong)
    return generation


@pytest.fixture(params=["tiny", "gemma3", "pebble"])
def path(request: pytest.FixtureRequest, tiny_path: Path, tmp_path: Path) -> Path:
    """Full attention, a sliding window that the text outgrows several times, and the built-in model."""
    if request.param == "gemma3":
        return write_random(
            tmp_path / "swa.gguf", TINY, architecture="gemma3", **{"attention.sliding_window": 16}
        )
    return PEBBLE if request.param == "pebble" else tiny_path


# the same tokens


@pytest.mark.parametrize("wrong", [0.0, 0.1, 1.0])
def test_accepted_and_rejected_drafts_leave_the_answer_unchanged(
    start: Start, path: Path, wrong: float
) -> None:
    alone = plain(start(path, draft="off"), max_tokens=150)
    assert len(alone) > 20
    generation = hinted(start(path), PROMPT, alone, wrong, max_tokens=len(alone))
    assert tokens(generation) == alone
    assert generation.drafted > 0
    assert (generation.accepted == generation.drafted) == (wrong == 0.0)
    assert generation.accepted > len(alone) / 3 or wrong == 1.0


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=1.0, seed=5),
        Sampling(temperature=0.7, seed=6, repeat_penalty=1.3, dry_multiplier=0.8),
    ],
)
def test_a_seed_samples_the_same_tokens_with_drafts(
    start: Start, tiny_path: Path, sampling: Sampling
) -> None:
    """Each token takes one random number. Rounding changes one now and then; a wrong count would change them at
    once."""
    same = 0
    alone, drafting = start(tiny_path, draft="off"), start(tiny_path)
    for seed in range(10):
        chosen = replace(sampling, seed=seed)
        said = tokens(begin(alone, PROMPT, sampling=chosen, max_tokens=40))
        generation = hinted(drafting, PROMPT, said, 0.1, sampling=chosen, max_tokens=40)
        same += tokens(generation) == said
        assert generation.drafted > 10
    assert same >= 8


def test_sampled_tokens_have_the_same_distribution_with_drafts(start: Start, tiny_path: Path) -> None:
    """The third token of many short answers, whose first ones were drafted, some accepted and some rejected."""
    engines = start(tiny_path, draft="off"), start(tiny_path)
    guess = tokens(begin(engines[0], PROMPT, max_tokens=3))
    counts: list[dict[int, int]] = [{}, {}]
    runs, accepted = 500, 0
    for number, (said, engine) in itertools.product(range(runs), enumerate(engines)):
        sampling = Sampling(temperature=1.0, top_k=3, top_p=1.0, min_p=0.0, seed=1000 * said + number)
        generation = begin(engine, PROMPT, sampling=sampling, max_tokens=3)
        if said:
            generation.drafter = Hinted(guess, wrong=0.1, seed=number)
        third = tokens(generation)[2]
        accepted += generation.accepted
        counts[said][third] = counts[said].get(third, 0) + 1
    kinds = {
        token
        for count in counts
        for token in count
        if counts[0].get(token, 0) + counts[1].get(token, 0) >= 20
    }
    chi = sum(
        (counts[0].get(token, 0) - counts[1].get(token, 0)) ** 2
        / (counts[0].get(token, 0) + counts[1].get(token, 0))
        for token in kinds
    )
    freedom = len(kinds)
    assert accepted > runs / 10
    assert freedom >= 5
    assert chi < freedom + 4 * (2 * freedom) ** 0.5, "four deviations beyond what chance gives"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_verifies_drafts(scripted: Callable[..., Engine], architecture: str) -> None:
    engine = scripted([f" w{i}" for i in range(80)], architecture=architecture)
    question = engine.model.tokenize("?", special=True)
    alone = tokens(begin(engine, question))
    generation = hinted(engine, question, alone, 0.05)
    assert tokens(generation) == alone
    assert generation.ended == "eog"
    assert generation.accepted > 20


def test_a_text_that_repeats_itself_is_drafted(scripted: Callable[..., Engine], free: None) -> None:
    engine = scripted([f" w{i}" for i in range(200)])
    question = engine.model.tokenize("?", special=True)
    said = tokens(begin(engine, question))
    copying = begin(engine, [*said[:150], *question])
    assert tokens(copying) == said
    assert copying.accepted > 100


def test_the_cache_is_right_after_drafts(start: Start, tiny_path: Path) -> None:
    alone = plain(start(tiny_path, draft="off"), max_tokens=60)
    engine, half = start(tiny_path), len(alone) // 2
    assert tokens(hinted(engine, PROMPT, alone, 0.2, max_tokens=half)) == alone[:half]
    again = begin(engine, [*PROMPT, *alone[:half]], max_tokens=len(alone) - half)
    assert again.cached >= len(PROMPT) + half - 1
    assert tokens(again) == alone[half:]


def test_a_small_model_gets_no_drafts(start: Start, tiny_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert begin(start(tiny_path), PROMPT, max_tokens=5).drafter is None
    assert begin(start(tiny_path, draft="off"), PROMPT, max_tokens=5).drafter is None


def test_a_failed_truncation_disables_drafts(
    scripted: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = scripted([f" w{i}" for i in range(60)])
    question = engine.model.tokenize("?", special=True)
    alone = tokens(begin(engine, question))
    monkeypatch.setattr(Slot, "truncate", lambda slot, context, _length: slot.clear(context))
    generation = hinted(engine, question, alone, 0.5)
    assert tokens(generation) == alone
    assert generation.accepted < generation.drafted <= MAX_DRAFT, "computed again, and only once"
    assert begin(engine, question).drafter is None


# ends and interruptions


@pytest.mark.parametrize("limit", [1, 2, 3, 17, 20])
def test_the_limit_holds_exactly(start: Start, tiny_path: Path, limit: int) -> None:
    alone = plain(start(tiny_path, draft="off"), max_tokens=60)
    generation = hinted(start(tiny_path), PROMPT, alone, 0.0, max_tokens=limit)
    assert tokens(generation) == alone[:limit]
    assert (generation.ended, generation.generated) == ("length", limit)


def test_a_draft_never_outgrows_the_context(scripted: Callable[..., Engine]) -> None:
    script = [f" w{i}" for i in range(100)]
    engine = scripted(script, ctx=256)
    prompt = engine.model.tokenize("x" * 200, special=True)
    alone = begin(engine, prompt)
    alone.drafter = None
    said = tokens(alone)
    generation = hinted(engine, prompt, [*said, *range(100)], 0.0)
    assert tokens(generation) == said
    assert generation.ended == alone.ended == "context"
    assert len(said) == 256 - 200 + 1


def test_growing_in_the_middle_of_drafts_changes_nothing(scripted: Callable[..., Engine]) -> None:
    engine = scripted([f" w{i}" for i in range(1400)])
    question = engine.model.tokenize("?", special=True)
    said = tokens(begin(engine, question))
    engine.close()
    generation = hinted(engine, question, said, 0.02)
    before = engine.n_ctx
    assert tokens(generation) == said
    assert before < 1400 < engine.n_ctx


def test_a_stop_token_inside_a_draft_ends_it(start: Start, tiny_path: Path) -> None:
    alone = plain(start(tiny_path, draft="off"), max_tokens=60)
    stop = next(token for place, token in enumerate(alone) if place > 10 and token not in alone[:place])
    generation = hinted(start(tiny_path), PROMPT, alone, 0.0, max_tokens=60, stop_tokens=[stop])
    assert tokens(generation) == alone[: alone.index(stop)]
    assert generation.ended == "stop"


def test_a_stop_between_two_drafted_tokens_takes_effect(start: Start, tiny_path: Path) -> None:
    alone = plain(start(tiny_path, draft="off"), max_tokens=60)
    engine = start(tiny_path)
    for count in (1, 5, 12):
        stop = threading.Event()
        generation = engine.generate(Request(PROMPT, GREEDY), stop.is_set)
        generation.drafter = Hinted(alone, wrong=0.0)
        said = []
        for event in generation:
            if isinstance(event, Piece):
                said.append(event.token)
                if len(said) == count:
                    stop.set()
        assert (said, generation.ended) == (alone[:count], "stopped")
    assert tokens(begin(engine, PROMPT, max_tokens=len(alone))) == alone


@pytest.mark.parametrize("after", range(1, 14, 3))
def test_injecting_between_drafted_tokens_gives_the_same_text_as_without_drafts(
    start: Start, tiny_path: Path, after: int
) -> None:
    forced = [100, 101, 102]

    def steered(generation: Generation) -> list[int]:
        said: list[int] = []
        for event in generation:
            if isinstance(event, Piece):
                said.append(event.token)
                if len(said) == after:
                    generation.inject(forced)
        return said

    alone = plain(start(tiny_path, draft="off"), max_tokens=60)
    steered_alone = steered(begin(start(tiny_path, draft="off"), PROMPT, max_tokens=after + 20))
    generation = hinted(start(tiny_path), PROMPT, alone, 0.0, max_tokens=after + 20)
    assert steered(generation) == steered_alone
    assert steered_alone[after : after + 3] == forced
    assert generation.drafted > 0


def test_a_grammar_set_between_drafted_tokens_constrains_the_following_ones(
    start: Start, tiny_path: Path
) -> None:
    binding = GrammarSpec(from_gbnf('root ::= "tok" [0-9]+ (" tok" [0-9]+)*').grammar)

    def bound(generation: Generation) -> list[int]:
        said: list[int] = []
        for event in generation:
            if isinstance(event, Piece):
                said.append(event.token)
                if len(said) == 6:
                    generation.constrain(binding)
        return said

    bound_alone = bound(begin(start(tiny_path, draft="off"), PROMPT, max_tokens=30))
    alone = plain(start(tiny_path, draft="off"), max_tokens=30)
    assert bound_alone[:6] == alone[:6]
    assert bound_alone[6:] != alone[6:]
    for guess in (bound_alone, alone):
        assert bound(hinted(start(tiny_path), PROMPT, guess, 0.05, max_tokens=30)) == bound_alone


def test_a_second_sequence_may_come_and_go_in_the_middle_of_a_draft(scripted: Callable[..., Engine]) -> None:
    engine = scripted([f" w{i}" for i in range(80)], starts={"\n\n": ["other", " words"]}, n_parallel=2)
    question = engine.model.tokenize("?", special=True)
    alone = tokens(begin(engine, question))
    first = hinted(engine, question, alone, 0.0)
    said = [event.token for event in itertools.islice(first, 12) if isinstance(event, Piece)]
    other = begin(engine, engine.model.tokenize("x\n\n", special=True))
    assert b"".join(event.data for event in other if isinstance(event, Piece)) == b"other words"
    assert [*said, *tokens(first)] == alone


# when a draft pays


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which more rows cost nothing: every draft pays."""
    monkeypatch.setattr(StepCosts, "seconds", lambda *_: 1e-3)
    monkeypatch.setattr(TypicalCosts, "seconds", lambda *_: 1e-3)


def costs(*steps: tuple[int, float]) -> StepCosts:
    known = StepCosts()
    for rows, seconds in steps:
        known.record(rows, seconds, prompt=rows >= 64)
    return known


def test_the_length_of_a_draft_follows_what_rows_cost() -> None:
    def likely(_place: int) -> float:
        return 0.9

    cheap, dear = costs((1, 0.1), (512, 1.0)), costs((1, 0.1), (512, 45.0))
    assert draft_length(likely, cheap.seconds, MAX_DRAFT) > 7
    assert draft_length(likely, dear.seconds, MAX_DRAFT) == 0
    assert draft_length(lambda _: 0.05, cheap.seconds, MAX_DRAFT) == 0
    assert draft_length(likely, StepCosts().seconds, MAX_DRAFT) == 0, "before anything was timed"
    assert draft_length(likely, cheap.seconds, 5) <= 5


def test_a_step_that_stalled_once_does_not_end_the_drafts() -> None:
    known = costs((1, 0.1), (512, 1.0), *[(16, 0.2)] * 10)
    before = known.seconds(16)
    known.record(16, 5.0, prompt=False)
    assert known.seconds(16) < 1.5 * before


def test_reproducible_answers_get_the_same_drafts_on_every_machine(start: Start, tiny_path: Path) -> None:
    """Two machines, one slow at several rows: with a seed or greedy sampling, both get the same drafts."""
    text = [*range(100, 160)] * 2
    for sampling, alike in ((GREEDY, True), (Sampling(seed=1), True), (Sampling(temperature=0.8), False)):
        lengths = []
        for pace in (0.2, 60.0):
            engine = start(tiny_path)
            for rows, seconds in ((1, 0.1), (512, pace)):
                engine._drafting.costs.record(rows, seconds, prompt=rows > 1)
            generation = begin(engine, text[:1], sampling=sampling)
            assert generation.drafter is not None
            lengths.append([])
            for token in text[1:]:
                generation.drafter.observe(token)
                lengths[-1].append(len(generation.drafter.propose(MAX_DRAFT)))
            generation.close()
        assert max(lengths[0]) > 7
        assert (lengths[0] == lengths[1]) == alike


def test_prompt_lookup_continues_from_the_latest_match(free: None) -> None:
    lookup = PromptLookup([1, 2, 3, 50, 51, 9, 1, 2, 3, 60, 61, 9, 1, 2], StepCosts())
    lookup.observe(3)
    assert lookup.propose(2) == [60, 61]
    for token in (60, 61):
        lookup.observe(token)
    assert lookup.propose(4) == [9, 1, 2, 3]
    lookup.observe(77)
    assert lookup.propose(4) == []


def test_a_match_near_the_end_of_the_text_is_repeated(free: None) -> None:
    lookup = PromptLookup([5, 6, 7, 5, 6, 7, 5], StepCosts())
    lookup.observe(6)
    assert lookup.propose(7) == [7, 5, 6, 7, 5, 6, 7]


def test_a_low_acceptance_rate_ends_the_drafts_and_a_high_one_resumes_them() -> None:
    known = costs((1, 0.1), (512, 1.0))
    source = random.Random(3)
    lookup = PromptLookup([], known)
    pairs = [(source.randrange(40), source.randrange(40)) for _ in range(30)]
    drafted = []
    for _ in range(300):  # pairs repeat, but never what follows them
        for token in (*source.choice(pairs), source.randrange(1000, 9000)):
            lookup.observe(token)
            drafted.append(len(lookup.propose(MAX_DRAFT)))
    assert sum(drafted[-300:]) == 0
    copied = [source.randrange(1000) for _ in range(60)]
    for token in copied * 2:
        lookup.observe(token)
        drafted.append(len(lookup.propose(MAX_DRAFT)))
    assert max(drafted[-50:]) > 7
