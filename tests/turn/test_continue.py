"""Answers that are continued: from their own tokens, as if they had not been cut, or from their text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mull.backends.loading import load
from mull.chat_template.render import render
from mull.chat_template.template import Template
from mull.control import TurnControl
from mull.errors import TemplateError
from mull.events import Done, Notice, ThinkingDelta
from mull.messages import Message
from mull.reasoning.chat_messages import to_chat
from mull.reasoning.control import decide
from mull.reasoning.markers import chunks
from mull.reasoning.parts import AnswerPart, Part, ThinkingPart
from mull.reasoning.profiler import profile
from mull.reasoning.splitter import Splitter
from mull.settings import EngineSettings, ReasoningAsk, Sampling, TurnSettings
from mull.structured.reading import read_answer_format
from mull.turn.loaded_model import LoadedModel
from mull.turn.parallel import run_many
from mull.turn.prefill import ask_for, prefill_segments
from mull.turn.request import TurnRequest
from mull.turn.turn import run
from tests.cli.conftest import CHATML
from tests.model_files.random_model import TINY, cached
from tests.model_files.scripted import write_scripted
from tests.reasoning import templates
from tests.reasoning.corpus import sources
from tests.streams import check_stream

QUESTION = Message("user", "hi")
THOUGHT = ["<think>", "\nLet me", " see.\n", "</think>", "\n\nForty", "-two", ", I", " think", "."]


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, checked_state: Path) -> None:
    monkeypatch.setenv("MULL_STATE_DIR", str(checked_state))


@contextmanager
def speaking(path: Path) -> Iterator[LoadedModel]:
    loaded = load(path.stem, path, EngineSettings(threads=1), trusted=True)
    with loaded.engine.model, loaded.engine:
        yield loaded


def settings(**more: object) -> TurnSettings:
    return TurnSettings(sampling=Sampling(temperature=0.0), **more)  # type: ignore[arg-type]


def ask(loaded: LoadedModel, wanted: TurnSettings, begun: Message | None = None) -> Done:
    messages = [QUESTION] if begun is None else [QUESTION, begun]
    wanted = replace(wanted, continue_answer=begun is not None)
    return check_stream(run(loaded, messages, wanted, TurnControl()))


def cut(done: Done, *, tokens: bool = True) -> Message:
    """What a session has of an answer that was cut."""
    return Message("assistant", done.answer, done.thinking, True, tokens=done.tokens if tokens else ())


@pytest.fixture
def thinker(tmp_path: Path) -> Path:
    script = {"starts": {"x": ["yz", "!"], "\n\n": ["Now", "."]}, "user_defined": ["<think>", "</think>"]}
    return write_scripted(tmp_path / "thinker.gguf", THOUGHT, template=CHATML, **script)  # type: ignore[arg-type]


@pytest.mark.parametrize("at", [1, 7, 30, 59])
def test_a_greedy_answer_continues_token_for_token(at: int) -> None:
    with speaking(cached(TINY)) as loaded:
        whole = ask(loaded, settings(max_tokens=60, loop_guard=False))
        first = ask(loaded, settings(max_tokens=at, loop_guard=False))
        rest = ask(loaded, settings(max_tokens=60 - at, loop_guard=False), cut(first))
    assert len(whole.tokens) == 60
    assert (rest.tokens, rest.answer) == (whole.tokens, whole.answer)
    assert (rest.usage.prefill, rest.usage.answer) == (at, 60 - at)
    assert rest.usage.prompt == whole.usage.prompt + at


def test_a_cut_within_a_character_is_healed(tmp_path: Path) -> None:
    path = write_scripted(tmp_path / "half.gguf", ["Caf", b"\xc3", b"\xa9", " au lait"], template=CHATML)
    with speaking(path) as loaded:
        first = ask(loaded, settings(max_tokens=2))
        assert first.answer == "Caf�"
        assert ask(loaded, settings(), cut(first)).answer == "Café au lait"


@pytest.mark.parametrize("at", range(1, len(THOUGHT)))
def test_thinking_and_answer_continue_wherever_they_were_cut(thinker: Path, at: int) -> None:
    with speaking(thinker) as loaded:
        whole = ask(loaded, settings())
        first = ask(loaded, settings(max_tokens=at))
        rest = ask(loaded, settings(), cut(first))
    assert whole.answer == "Forty-two, I think."
    assert (rest.thinking, rest.answer, rest.finish) == (whole.thinking, whole.answer, "stop")
    assert rest.usage.thinking + rest.usage.answer == len(THOUGHT) - at


def test_a_stopped_answer_continues(thinker: Path) -> None:
    control, seen = TurnControl(), []
    with speaking(thinker) as loaded:
        for event in run(loaded, [QUESTION], settings(), control):
            seen.append(event)
            if isinstance(event, ThinkingDelta):
                control.stop()
        first = check_stream(seen)
        assert first.finish == "interrupted"
        assert ask(loaded, settings(), cut(first)).answer == "Forty-two, I think."


def test_the_budget_counts_the_thinking_before_the_cut(thinker: Path) -> None:
    with speaking(thinker) as loaded:
        first = ask(loaded, settings(max_tokens=2))
        assert first.usage.thinking == 2
        rest = ask(loaded, settings(reasoning=ReasoningAsk(budget=2)), cut(first))
    assert "see" not in rest.thinking


def test_the_words_of_an_answer_are_enough(thinker: Path) -> None:
    """Without tokens, or with those of another vocabulary, the text is tokenized; the thinking is over then."""
    with speaking(thinker) as loaded:
        for begun in (Message("assistant", "x"), Message("assistant", "x", tokens=(10**6, 3))):
            done = ask(loaded, settings(), begun)
            assert (done.answer, done.thinking, done.reasoning.applied) == ("xyz!", "", "off")
        wrong = ask(loaded, settings(), Message("assistant", "x", tokens=(loaded.engine.model.end_token, 5)))
        assert wrong.answer == "xyz!"


def test_an_answer_that_was_begun_leaves_no_room_for_thinking(thinker: Path) -> None:
    wanted = settings(reasoning=ReasoningAsk(on=True), continue_answer=True)
    with speaking(thinker) as loaded:
        events = list(run(loaded, [QUESTION, Message("assistant", "x")], wanted, TurnControl()))
    assert any(isinstance(event, Notice) and "does not think" in event.text for event in events)
    assert check_stream(events).reasoning.asked == "on"


def test_an_empty_beginning_is_none(thinker: Path) -> None:
    with speaking(thinker) as loaded:
        done = ask(loaded, settings(), Message("assistant", ""))
        assert (done.answer, done.usage.prefill) == (ask(loaded, settings()).answer, 0)


def test_a_marker_in_a_beginning_is_text(thinker: Path) -> None:
    """What a user writes becomes no control token."""
    with speaking(thinker) as loaded:
        model = loaded.engine.model
        done = ask(loaded, settings(max_tokens=1), Message("assistant", "<|im_end|>x"))
        assert done.answer.startswith("<|im_end|>x")
        assert model.special_tokens["<|im_end|>"] not in done.tokens


def test_the_format_holds_for_the_whole_answer(thinker: Path) -> None:
    wanted = settings(answer_format=read_answer_format(schema='{"const": "xyz!"}'))
    with speaking(thinker) as loaded:
        done = ask(loaded, wanted, Message("assistant", '"x'))
        assert (done.answer, done.finish) == ('"xyz!"', "stop")


class Source:
    """Turns that wait for a slot from the beginning."""

    def __init__(self, requests: Sequence[TurnRequest]) -> None:
        self._left = list(requests)

    @property
    def ended(self) -> bool:
        return not self._left

    def take(self, *, wait: bool) -> TurnRequest | None:  # noqa: ARG002
        return self._left.pop(0) if self._left else None


def test_turns_in_parallel_continue_too(thinker: Path) -> None:
    wanted = settings(continue_answer=True)
    requests = [
        TurnRequest(0, [QUESTION, Message("assistant", "x")], wanted),
        TurnRequest(1, [QUESTION], settings()),
    ]
    with speaking(thinker) as loaded:
        events = [event for event in run_many(loaded, Source(requests), TurnControl()) if event is not None]
    answers = [check_stream([event for key, event in events if key == one]).answer for one in (0, 1)]  # type: ignore[misc]
    assert answers == ["xyz!", "Forty-two, I think."]


# Every family's markers, in front of a text.


def fed(splitter: Splitter, trusted: bool, text: str) -> list[Part]:
    """The parts of a text that comes marker by marker, else character by character."""
    markers = sorted(set(chunks(text)), key=len, reverse=True) if trusted else []
    pieces = re.split(f"({'|'.join(map(re.escape, markers))})", text) if markers else list(text)
    return [
        part
        for piece in pieces
        if piece
        for part in splitter.feed(0, piece.encode(), special=piece in markers)
    ]


@pytest.mark.parametrize("on", [None, True, False])
@pytest.mark.parametrize("name", [*templates.ALL, *sources()])
def test_each_family_takes_up_thinking_and_answer(name: str, on: bool | None) -> None:
    """Thinking that was cut stays thinking, an answer an answer, with the markers that mull writes around them."""
    source = (templates.ALL | dict(sources()))[name]
    found, template = profile(source), Template(source)
    for thinking, content in (("I muse", "The ans"), ("I muse", ""), ("", "The ans")):
        answer = Message("assistant", content, thinking)
        if thinking and not (found.reasons and found.end):
            continue
        decision = decide(ask_for(ReasoningAsk(on=on), answer), found, [QUESTION])
        chat = to_chat([QUESTION], found, decision)
        try:
            prompt = render(template, chat, arguments=decision.arguments, prefill=decision.prefill)
        except TemplateError:
            continue
        end = prompt[-1].text if prompt[-1].trusted else ""
        splitter = Splitter(found, end, [QUESTION.content])
        parts: list[Part] = []
        for segment in prefill_segments(answer, found, end):
            parts += fed(splitter, segment.trusted, segment.text)
        assert splitter.position == ("answer" if content else "thinking")
        parts += splitter.finish()
        assert "".join(part.text for part in parts if isinstance(part, ThinkingPart)) == thinking
        assert "".join(part.text for part in parts if isinstance(part, AnswerPart)) == content
