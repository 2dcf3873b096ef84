"""The decode loop returns exactly what the model generates: scripts played by the real llama.cpp."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mull.engine.engine import Engine, Piece, Prefill, Request
from mull.errors import ContextOverflow, EngineError
from tests.engine.conftest import GREEDY, run
from tests.model_files.architectures import ARCHITECTURES

Scripted = Callable[..., Engine]


def test_a_script_is_played_to_its_end(scripted: Scripted) -> None:
    result = run(scripted(["Hello", ",", " world", "!"]), "hi\n")
    assert [piece.data for piece in result.pieces] == [b"Hello", b",", b" world", b"!"]
    assert result.ended == "eog"
    assert not any(piece.special or piece.injected for piece in result.pieces)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_plays_it(scripted: Scripted, architecture: str) -> None:
    result = run(scripted(["One", " two", " three"], architecture=architecture), "go")
    assert result.data == b"One two three"


def test_sampling_does_not_disturb_a_certain_model(scripted: Scripted) -> None:
    engine = scripted(["a b", "c d", "e f"])
    assert (
        run(engine, "x", sampling=GREEDY.__class__(temperature=1.5, top_k=0, top_p=1.0, min_p=0.0)).data
        == b"a bc de f"
    )


def test_characters_split_over_tokens_arrive_byte_by_byte(scripted: Scripted) -> None:
    euro = "€".encode()
    result = run(scripted(["cost: ", euro[:1], euro[1:2], euro[2:], " 5", b"\xf0\x9f", b"\x98\x80"]), "?")
    assert [piece.data for piece in result.pieces][1:4] == [b"\xe2", b"\x82", b"\xac"]
    assert result.data.decode() == "cost: € 5😀"


def test_byte_tokens_of_a_sentencepiece_vocabulary(scripted: Scripted) -> None:
    result = run(scripted(["caf", b"\xc3", b"\xa9", " ok"], tokenizer="llama"), "?")
    assert result.data.decode() == "café ok"


@pytest.mark.parametrize("length", [31, 32, 33, 64, 65, 700])
def test_pieces_of_any_length(scripted: Scripted, length: int) -> None:
    long = "x" * length
    assert run(scripted(["a", long, "b"]), "?").data == f"a{long}b".encode()


def test_special_tokens_are_spelled_out_and_marked(scripted: Scripted) -> None:
    engine = scripted(["<think>", "hm", "</think>", "yes"], user_defined=["<think>", "</think>"])
    result = run(engine, "?")
    assert [(piece.data, piece.special) for piece in result.pieces] == [
        (b"<think>", True),
        (b"hm", False),
        (b"</think>", True),
        (b"yes", False),
    ]


def test_the_prompts_last_token_chooses_the_script(scripted: Scripted) -> None:
    engine = scripted(["thinking"], starts={"\n\n": ["answer"]})
    assert run(engine, "x\n").data == b"thinking"
    assert run(engine, "x\n\n").data == b"answer"


def test_a_token_can_come_twice_with_different_successors(scripted: Scripted) -> None:
    harmony = ["<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|return|>"]
    script = ["<|channel|>", "analysis", "<|message|>", "Let me", " see", "<|end|>", "<|start|>", "assistant"]
    script += ["<|channel|>", "final", "<|message|>", "42"]
    result = run(scripted(script, control=harmony), "<|start|>user<|message|>?<|end|><|start|>assistant")
    assert result.data.decode() == "".join(script)
    assert result.ended == "eog"


def test_a_script_that_no_model_could_play_is_rejected(scripted: Scripted) -> None:
    with pytest.raises(ValueError, match="merge it with a neighbour"):
        scripted(["<a>", "<b>", "<a>", "<c>"], control=["<a>", "<b>", "<c>", "<end>"])


def test_prefill_progress_is_reported_before_the_first_piece(tiny: Engine) -> None:
    events = list(tiny.generate(Request([5] * 300, GREEDY, max_tokens=2)))
    prefills = [event for event in events if isinstance(event, Prefill)]
    assert [type(event) for event in events] == [Prefill] * len(prefills) + [Piece, Piece]
    assert prefills[0] == Prefill(0, 300, 0)
    assert prefills[-1] == Prefill(300, 300, 0)
    assert [event.done for event in prefills] == sorted({event.done for event in prefills})


# injection


def test_injected_tokens_come_out_as_pieces_and_steer_the_model(scripted: Scripted) -> None:
    script = ["<think>", "one", " two", " three", "</think>", "\n\n", "Answer"]
    engine = scripted(script, user_defined=["<think>", "</think>"])
    closing_text = engine.model.tokenize(" enough.</think>\n\n", special=True)
    generation = engine.generate(Request(engine.model.tokenize("?", special=True), GREEDY))
    said = []
    for event in generation:
        if isinstance(event, Piece):
            said.append(event)
            if event.data == b" two":
                generation.inject(closing_text)
    assert b"".join(piece.data for piece in said).decode() == "<think>one two enough.</think>\n\nAnswer"
    assert [piece.token for piece in said if piece.injected] == closing_text
    assert generation.ended == "eog"


def test_injecting_gives_the_same_as_having_it_in_the_prompt(tiny: Engine) -> None:
    prompt, forced = [7, 8, 9], [100, 101, 102, 103]
    generation = tiny.generate(Request(prompt, GREEDY, max_tokens=20))
    tokens = []
    for event in generation:
        if isinstance(event, Piece):
            tokens.append(event.token)
            if len(tokens) == 5:
                generation.inject(forced)
    assert tokens[5:9] == forced
    rest = run(tiny, [*prompt, *tokens[:9]], max_tokens=11)
    assert rest.tokens == tokens[9:]


def test_injecting_after_the_end_changes_nothing(scripted: Scripted) -> None:
    engine = scripted(["bye"])
    generation = engine.generate(Request([65], GREEDY))
    assert [event.data for event in generation if isinstance(event, Piece)] == [b"bye"]
    generation.inject([65])
    assert list(generation) == []


# ends


def test_it_stops_at_given_tokens(scripted: Scripted) -> None:
    engine = scripted(["a a", "<stop>", "b b"], control=["<stop>", "<end>"])
    result = run(engine, "?", stop_tokens=[engine.model.special_tokens["<stop>"]])
    assert (result.data, result.ended) == (b"a a", "stop")


def test_it_stops_at_the_limit(tiny: Engine) -> None:
    result = run(tiny, [1, 2, 3], max_tokens=7)
    assert (len(result.tokens), result.ended) == (7, "length")
    assert run(tiny, [1, 2, 3], max_tokens=0).ended == "length"


def test_it_stops_where_the_context_ends(start: Callable[..., Engine], tiny_path: object) -> None:
    engine = start(tiny_path, ctx=256)
    result = run(engine, [3] * 200)
    assert result.ended == "context"
    assert len(result.tokens) == 256 - 200 + 1  # the last one need not be decoded


def test_a_prompt_longer_than_the_context_is_rejected_with_its_counts(
    start: Callable[..., Engine], tiny_path: object
) -> None:
    engine = start(tiny_path, ctx=256)
    with pytest.raises(ContextOverflow) as refused:
        engine.generate(Request([3] * 256))
    assert (refused.value.prompt_tokens, refused.value.context_tokens) == (256, 256)
    assert engine.n_ctx == 0  # nothing was computed
    assert run(engine, [3] * 255, max_tokens=1).ended == "length"


def test_an_empty_prompt_is_rejected(tiny: Engine) -> None:
    with pytest.raises(EngineError) as refused:
        tiny.generate(Request([]))
    assert refused.value.code == "empty_prompt"


def test_a_closed_generation_frees_its_slot(tiny: Engine) -> None:
    first = tiny.generate(Request([1, 2, 3], GREEDY))
    next(first)
    with pytest.raises(EngineError, match="being answered"):
        tiny.generate(Request([1, 2, 3]))
    first.close()
    assert first.ended == "stopped"
    assert run(tiny, [1, 2, 3], max_tokens=3).ended == "length"


def test_a_long_script(scripted: Scripted) -> None:
    script = [f"piece {number} " for number in range(1200)]
    result = run(scripted(script), "?")
    assert result.data.decode() == "".join(script)
