"""Several sequences in one loop generate what each generates alone. Scripts make this exact for every batch shape."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from mull.engine.engine import Engine, Generation, Piece, Request
from mull.errors import EngineError
from tests.engine.conftest import GREEDY, ambiguous, run

Scripted = Callable[..., Engine]

SCRIPTS = {
    "\n": ["a a", "b b", "c c"],
    "\n\n": ["d d", "e e"],
    "<one>": ["f f"],
    "<two>": ["g g", "h h", "i i", "j j"],
}
CONTROL = ["<one>", "<two>", "<end>"]


def engine_of(scripted: Scripted, n_parallel: int, **options: object) -> Engine:
    starts = {key: said for key, said in SCRIPTS.items() if key != "\n"}
    return scripted(SCRIPTS["\n"], starts=starts, control=CONTROL, n_parallel=n_parallel, **options)


def ask(engine: Engine, prompt: str) -> Generation:
    return engine.generate(Request(engine.model.tokenize(prompt, special=True), GREEDY))


def said(generation: Generation) -> str:
    return b"".join(event.data for event in generation if isinstance(event, Piece)).decode()


def test_round_robin_readers_get_their_own_answers(scripted: Scripted) -> None:
    engine = engine_of(scripted, 4)
    generations = {key: ask(engine, f"prompt of {key}{key}" if key != "\n" else "x\n") for key in SCRIPTS}
    heard: dict[str, list[bytes]] = {key: [] for key in SCRIPTS}
    open_ = dict(generations)
    while open_:
        for key, generation in list(open_.items()):
            event = next(generation, None)
            if event is None:
                del open_[key]
            elif isinstance(event, Piece):
                heard[key].append(event.data)
    assert {key: [d.decode() for d in data] for key, data in heard.items()} == SCRIPTS
    assert {generation.ended for generation in generations.values()} == {"eog"}


def test_one_reader_at_a_time_gets_the_same(scripted: Scripted) -> None:
    engine = engine_of(scripted, 2)
    first, second = ask(engine, "x\n"), ask(engine, "x<two>")
    assert said(first) == "a ab bc c"
    assert said(second) == "g gh hi ij j"


def test_a_finished_sequence_frees_its_slot_at_once(scripted: Scripted) -> None:
    engine = engine_of(scripted, 2)
    long, short = ask(engine, "x<two>"), ask(engine, "x<one>")
    assert said(short) == "f f"
    third = ask(engine, "x\n\n")
    with pytest.raises(EngineError, match="being answered"):
        ask(engine, "x\n")
    assert said(third) == "d de e"
    assert said(long) == "g gh hi ij j"


def test_a_stop_of_one_leaves_the_others_alone(scripted: Scripted) -> None:
    engine = engine_of(scripted, 2)
    tokens = engine.model.tokenize("x\n", special=True)
    doomed = engine.generate(Request(tokens, GREEDY), lambda: True)
    other = ask(engine, "x<two>")
    assert said(doomed) == ""
    assert doomed.ended == "stopped"
    assert said(other) == "g gh hi ij j"


def test_injecting_into_one_leaves_the_others_alone(scripted: Scripted) -> None:
    engine = engine_of(scripted, 2)
    first, second = ask(engine, "x\n"), ask(engine, "x<two>")
    heard = b""
    for event in first:
        if isinstance(event, Piece):
            heard += event.data
            if event.data == b"a a":
                first.inject(engine.model.tokenize("!\n\n", special=True))
        next(second, None)
    assert heard == b"a a!\n\nd de e"
    assert second.ended is None or second.ended == "eog"


def test_prompts_of_different_length_share_batches(scripted: Scripted) -> None:
    engine = engine_of(scripted, 3)
    generations = [
        ask(engine, "word " * n + ending) for n, ending in ((1, "\n"), (200, "\n\n"), (50, "<two>"))
    ]
    assert [said(generation) for generation in generations] == ["a ab bc c", "d de e", "g gh hi ij j"]


def test_sequences_together_outgrow_the_context_and_continue(
    tiny_path: object, start: Callable[..., Engine]
) -> None:
    engine = start(tiny_path, n_parallel=3)
    generations = [engine.generate(Request([7 + i] * 100, GREEDY, max_tokens=200)) for i in range(3)]
    counts = [0, 0, 0]
    for events in itertools.zip_longest(*generations):
        counts = [count + isinstance(event, Piece) for count, event in zip(counts, events, strict=True)]
    assert counts == [200, 200, 200]
    assert engine.n_ctx >= 900


def test_the_slot_with_the_longest_shared_prefix_is_taken(scripted: Scripted) -> None:
    engine = engine_of(scripted, 2)
    one, two = "the first question " * 3, "another thing " * 3
    first, second = ask(engine, one + "\n"), ask(engine, two + "\n")
    assert said(first) == said(second) == "a ab bc c"
    for prompt in (two, one):
        result = run(engine, prompt + "more\n")
        assert result.cached >= len(prompt)


def test_what_fails_while_one_samples_is_raised_to_its_reader_alone(
    tiny_path: object, start: Callable[..., Engine]
) -> None:
    engine = start(tiny_path, n_parallel=2)
    expected = engine.generate(Request([5, 6, 7], GREEDY, max_tokens=60))
    alone = [event.token for event in expected if isinstance(event, Piece)]
    doomed = engine.generate(Request([20, 30, 40], GREEDY, max_tokens=60))
    doomed.constrain(ambiguous())
    other = engine.generate(Request([5, 6, 7], GREEDY, max_tokens=60))
    heard: list[int] = []

    def read_both() -> None:
        while True:
            for generation in (other, doomed):
                while (event := generation.poll()) is not None:
                    if generation is other and isinstance(event, Piece):
                        heard.append(event.token)
            engine.step()

    with pytest.raises(EngineError, match="too many ways"):
        read_both()
    doomed.close()
    heard += [event.token for event in other if isinstance(event, Piece)]
    assert heard == alone
