"""Constrained decoding: only texts of the grammar, an end only where it is complete, and the model's own choice among
the allowed tokens."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

from mull.engine.engine import Engine, Piece, Request
from mull.engine.request import GrammarSpec
from mull.engine.sampling.chain import Chain
from mull.errors import EngineError
from mull.settings import Sampling
from mull.structured.reading import from_gbnf, from_schema
from tests.engine.conftest import GREEDY, Run, ambiguous, run

OBJECT = r"""root ::= "{" ws "\"name\":" ws string "," ws "\"age\":" ws [1-9] [0-9]{0,2} "}"
ws ::= | " " | "\n" [ \t]{0,8}
string ::= "\"" [^"\\\x00-\x1f]{0,9} "\""
"""


def gbnf(text: str, **rest: Any) -> GrammarSpec:
    return GrammarSpec(from_gbnf(text).grammar, **rest)


def constrained(engine: Engine, spec: GrammarSpec, sampling: Sampling = GREEDY, **request: object) -> Run:
    result = Run()
    generation = engine.generate(Request([20, 30, 40], sampling, **{"max_tokens": 200, **request}))  # type: ignore[arg-type]
    generation.constrain(spec)
    for event in generation:
        if isinstance(event, Piece):
            result.pieces.append(event)
    result.ended = f"{generation.ended}, {'complete' if generation.complete else 'incomplete'}"
    return result


@pytest.mark.parametrize("seed", range(6))
def test_random_weights_write_text_of_the_grammar(tiny: Engine, seed: int) -> None:
    done = constrained(tiny, gbnf(OBJECT), Sampling(temperature=1.5, seed=seed))
    value = json.loads(done.data.decode("utf-8", "replace"))
    assert list(value) == ["name", "age"]
    assert done.ended == "eog, complete"


@pytest.mark.parametrize(
    "values",
    [
        [f"{'common beginning ' * 2}{number}" for number in range(9900)],
        [f"{number:05}" for number in range(9900)],
        [*range(4000), *map(str, range(4000)), None, [1], {"a": 'b"'}, "", "é"],
    ],
    ids=["a long beginning", "digits", "kinds"],
)
def test_an_enum_of_thousands_is_answered_with_one_of_its_values(tiny: Engine, values: list[object]) -> None:
    spec = GrammarSpec(from_schema({"enum": values}).grammar)
    for seed in range(2):
        done = constrained(tiny, spec, Sampling(temperature=2, seed=seed))
        assert done.ended == "eog, complete"
        assert json.loads(done.data) in values


def test_an_end_is_allowed_only_where_the_grammar_is_complete(tiny: Engine) -> None:
    assert constrained(tiny, gbnf('root ::= "yes"')).data == b"yes"
    assert constrained(tiny, gbnf('root ::= "yes"')).ended == "eog, complete"
    assert constrained(tiny, gbnf("root ::= [a-z]+"), max_tokens=40).ended in {
        "length, complete",
        "eog, complete",
    }
    assert constrained(tiny, gbnf('root ::= "yes"'), max_tokens=2).ended == "length, incomplete"


def test_greedy_sampling_takes_the_most_likely_allowed_token(tiny: Engine) -> None:
    """By definition: the largest logit among the tokens whose bytes the grammar allows."""
    prompt = [20, 30, 40]
    free = tiny.generate(Request(prompt, GREEDY, max_tokens=1))
    free.top_logprobs = 320
    (piece,) = (event for event in free if isinstance(event, Piece))
    assert piece.logprobs is not None
    expected = next(
        token
        for token, _ in piece.logprobs.top
        if re.fullmatch(rb"[a-f]|[0-9]", tiny.model.piece(token)) and not tiny.model.is_special(token)
    )
    assert constrained(tiny, gbnf("root ::= [a-f0-9]{5}")).tokens[0] == expected


def test_sampling_keeps_the_proportions_of_the_allowed_tokens(tiny: Engine) -> None:
    """First tokens of many seeds against the softmax over what the grammar allows."""
    free = tiny.generate(Request([20, 30, 40], GREEDY, max_tokens=1))
    free.top_logprobs = 320
    (piece,) = (event for event in free if isinstance(event, Piece))
    assert piece.logprobs is not None
    logs = dict(piece.logprobs.top)
    letters = [next(iter(tiny.model.tokenize(letter, special=False))) for letter in "abc"]
    weights = np.exp([logs[token] for token in letters])
    wild = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
    seen = Counter(
        constrained(tiny, gbnf("root ::= [abc]"), Sampling(seed=seed, **wild), max_tokens=1).tokens[0]  # type: ignore[arg-type]
        for seed in range(400)
    )
    assert set(seen) <= set(letters)
    for token, share in zip(letters, weights / weights.sum(), strict=True):
        assert abs(seen[token] / 400 - share) < 4 * (share * (1 - share) / 400) ** 0.5 + 0.01


def test_the_same_seed_writes_the_same(tiny: Engine) -> None:
    wild = Sampling(temperature=1.5, seed=11, repeat_penalty=1.3)
    assert constrained(tiny, gbnf(OBJECT), wild).tokens == constrained(tiny, gbnf(OBJECT), wild).tokens


def test_characters_of_several_bytes(tiny: Engine) -> None:
    assert constrained(tiny, gbnf('root ::= "é日😀"')).data.decode() == "é日😀"
    assert re.fullmatch("[α-ω]{4}", constrained(tiny, gbnf("root ::= [α-ω]{4}")).data.decode())


def test_control_tokens_are_forbidden_on_request(tiny: Engine) -> None:
    marker = tiny.model.special_tokens["<|im_start|>"]
    spelled = gbnf('root ::= "<|im_start|>"')
    assert constrained(tiny, GrammarSpec(spelled.grammar, forbidden=[marker])).tokens[0] != marker
    assert constrained(tiny, GrammarSpec(spelled.grammar, forbidden=[marker])).data == b"<|im_start|>"


def test_a_turn_may_end_with_a_token_of_the_callers(tiny: Engine) -> None:
    marker = tiny.model.special_tokens["<|im_start|>"]
    eos = tiny.model.end_token
    done = constrained(
        tiny, gbnf('root ::= "ok"', end_tokens=[marker], forbidden=[eos, marker]), max_tokens=3
    )
    assert done.data == b"ok<|im_start|>"


def test_a_grammar_can_be_bound_and_let_go_in_the_middle(tiny: Engine) -> None:
    free = run(tiny, [20, 30, 40], max_tokens=12).tokens
    said: list[int] = []
    generation = tiny.generate(Request([20, 30, 40], GREEDY, max_tokens=12))
    for event in generation:
        if isinstance(event, Piece):
            said.append(event.token)
            if len(said) == 4:
                generation.constrain(gbnf("root ::= [0-9]+"))
            if len(said) == 8:
                generation.constrain(None)
    assert said[:4] == free[:4]
    assert all(tiny.model.piece(token).isdigit() for token in said[4:8])
    assert len(said) == 12


def test_what_was_said_already_counts(tiny: Engine) -> None:
    """And where it does not fit, nothing more is said."""
    assert constrained(tiny, gbnf('root ::= "é, yes"', prefix="é, y".encode())).data == b"es"
    lost = constrained(tiny, gbnf('root ::= "yes"', prefix=b"no"))
    assert (lost.data, lost.ended) == (b"", "eog, incomplete")


def test_what_llguidance_refuses_is_an_error_and_the_sequence_is_given_back(tiny: Engine) -> None:
    generation = tiny.generate(Request([20, 30, 40], GREEDY, max_tokens=2))
    generation.constrain(GrammarSpec("start: ("))
    with pytest.raises(EngineError):
        list(generation)
    generation.close()
    assert len(run(tiny, [20, 30, 40], max_tokens=3).tokens) == 3


def test_a_grammar_with_too_many_readings_ends_in_an_error(tiny: Engine) -> None:
    with pytest.raises(EngineError) as caught:
        constrained(tiny, ambiguous(), max_tokens=9)
    assert caught.value.code == "grammar_ambiguous"


def test_a_grammar_that_doubles_what_may_follow_is_no_problem(tiny: Engine) -> None:
    """Every "(" would double the states of a matcher that follows each reading on its own."""
    spec = gbnf(
        'root ::= s\ns ::= "(" s "a" | "(" s "b" | "!"', forbidden=tiny.model.tokenize("!", special=False)
    )
    assert constrained(tiny, spec, max_tokens=60).data == b"(" * 60


def test_chances_are_logarithms_of_probabilities(tiny: Engine) -> None:
    generation = tiny.generate(Request([20, 30, 40], GREEDY, max_tokens=3))
    generation.top_logprobs = 320
    for event in generation:
        if isinstance(event, Piece):
            assert event.logprobs is not None
            assert event.logprobs.top[0] == (event.token, event.logprobs.chosen)  # greedy
            assert sum(np.exp(log) for _, log in event.logprobs.top) == pytest.approx(1)
            logs = [log for _, log in event.logprobs.top]
            assert logs == sorted(logs, reverse=True)


def test_a_bound_chain_is_freed(tiny: Engine) -> None:
    with Chain(tiny.model, GREEDY) as chain:
        chain.constrain(gbnf(OBJECT))
        assert not chain.complete
    assert chain.handle is None
