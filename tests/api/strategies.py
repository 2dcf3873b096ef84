"""Every event and setting, as hypothesis draws them."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import strategies as st

from mull.api.fields import MOST_LOGPROBS
from mull.errors import (
    ContextOverflow,
    EngineError,
    ExitCode,
    Interrupted,
    ModelFileError,
    MullError,
    TemplateError,
    UsageError,
)
from mull.events import (
    AnswerDelta,
    Done,
    Loading,
    Notice,
    Placement,
    PromptProgress,
    ReasoningReport,
    ThinkingDelta,
    Timing,
    TokenChance,
    Usage,
    Waiting,
)
from mull.messages import Message
from mull.settings import LIMITS, AnswerFormat, ReasoningAsk, Sampling, TurnSettings
from mull.structured import reading

COUNT = st.integers(0, 10_000_000)
TEXT = st.text(max_size=20)  # without surrogates: text is decoded UTF-8
SOME = st.text(min_size=1, max_size=20)
FRACTION = st.floats(0, 1)
SECONDS = st.floats(0, 1e6)
PLACEMENT = st.builds(Placement, st.lists(SOME, max_size=2).map(tuple), COUNT, COUNT, TEXT)

USAGE = st.builds(Usage, *[COUNT] * 7)
TIMING = st.builds(Timing, *[SECONDS] * 6)
REPORT = st.builds(
    ReasoningReport,
    st.sampled_from(["default", "on", "off", "low", "medium", "high"]),
    st.sampled_from(["default", "on", "off", "low", "medium", "high", "always", "none"]),
    TEXT,
    st.none() | SOME,
)
LEAF = st.builds(TokenChance, st.binary(max_size=6), st.floats(-1e3, 0))
CHANCE = st.builds(
    TokenChance, st.binary(max_size=6), st.floats(-1e3, 0), st.lists(LEAF, max_size=3).map(tuple)
)
ERROR = st.one_of(
    *(st.builds(kind, SOME, SOME, TEXT) for kind in (UsageError, ModelFileError, TemplateError, EngineError)),
    st.builds(ContextOverflow, COUNT, COUNT, TEXT, at_least=st.booleans()),
    st.builds(MullError, SOME, SOME, TEXT, exit_code=st.sampled_from([ExitCode.FAILURE, ExitCode.SCHEMA])),
    st.builds(Interrupted),
)

BEFORE_THE_END = st.one_of(
    st.builds(Loading, TEXT, FRACTION),
    st.builds(Waiting, TEXT, st.booleans()),
    st.builds(PromptProgress, COUNT, COUNT, COUNT),
    st.builds(ThinkingDelta, SOME, COUNT, st.booleans()),
    st.builds(AnswerDelta, SOME, COUNT, COUNT),
    st.builds(Notice, SOME, TEXT),
)


@st.composite
def streams(
    draw: st.DrawFn,
) -> list[Loading | Waiting | PromptProgress | ThinkingDelta | AnswerDelta | Notice | Done]:
    """A whole turn: any events, and the `Done` that belongs to them."""
    events = draw(st.lists(BEFORE_THE_END, max_size=12))
    finish = draw(st.sampled_from(["stop", "length", "thinking", "loop", "interrupted", "schema", "error"]))
    done = Done(
        model=draw(TEXT),
        answer="".join(event.text for event in events if isinstance(event, AnswerDelta)),
        thinking="".join(event.text for event in events if isinstance(event, ThinkingDelta)),
        reasoning=draw(REPORT),
        finish=finish,
        usage=draw(USAGE),
        timing=draw(TIMING),
        limit=draw(st.sampled_from([None, "max_tokens", "default", "context"])),
        error=draw(ERROR) if finish in {"schema", "error"} else None,
        logprobs=draw(st.none() | st.lists(CHANCE, max_size=3).map(tuple)),
        tokens=draw(st.lists(COUNT, max_size=3).map(tuple)),
        begun=draw(st.tuples(COUNT, COUNT)),
        placement=draw(st.none() | PLACEMENT),
    )
    return [*events, done]


def _sampling() -> st.SearchStrategy[Sampling]:
    whole = {"top_k", "seed", "mirostat"}
    ranges = {
        name: st.integers(*map(int, LIMITS[name])) if name in whole else st.floats(*LIMITS[name])
        for name in (field.name for field in fields(Sampling))
        if name in LIMITS
    }
    ranges["dry_base"] = st.floats(0, 10)
    for name in ("repeat_last_n", "dry_penalty_last_n"):
        ranges[name] = st.integers(-1, 1_000_000)
    ranges["dry_allowed_length"] = st.integers(0, 1000)
    bias = st.tuples(st.integers(0, 10**6) | SOME.map('"{}"'.format), st.floats(-1e6, 1e6) | st.just("-inf"))
    ranges["logit_bias"] = st.lists(bias.map(lambda pair: f"{pair[0]}={pair[1]}"), max_size=3).map(tuple)
    return st.builds(Sampling, **{name: st.none() | each for name, each in ranges.items()})


FORMATS: list[AnswerFormat | None] = [
    None,
    reading.from_schema(reading.short_schema("name, age int, tags[]")),
    reading.from_schema({"type": "integer"}),
    reading.from_gbnf('root ::= "yes" | "no"'),
    reading.from_lark('start: "yes" | "no"'),
    reading.from_regex("[a-z]+/é"),
    reading.from_choices(["yes, please", "no\n"]),
    reading.any_json(),
]
SETTINGS = st.builds(
    TurnSettings,
    reasoning=st.builds(
        ReasoningAsk,
        st.sampled_from([None, True, False]),
        st.sampled_from([None, "low", "medium", "high"]),
        st.none() | st.integers(0, 2**31 - 1),
    ),
    sampling=_sampling(),
    max_tokens=st.none() | st.integers(1, 2**31 - 1),
    stop=st.lists(SOME, max_size=3).map(tuple),
    answer_format=st.sampled_from(FORMATS),
    logprobs=st.none() | st.integers(0, MOST_LOGPROBS),
    loop_guard=st.booleans(),
)


@st.composite
def messages(draw: st.DrawFn) -> tuple[Message, ...]:
    """A conversation that ends with a question."""
    found = draw(
        st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT), max_size=4)
    )
    thoughts = [
        Message(one.role, one.content, thinking=draw(TEXT), partial=partial, tokens=tokens if partial else ())
        for one in found
        for partial, tokens in [draw(st.tuples(st.booleans(), st.lists(COUNT, max_size=3).map(tuple)))]
    ]
    question = draw(SOME)
    return (*thoughts, Message("user", question, material=draw(st.integers(0, len(question)))))
