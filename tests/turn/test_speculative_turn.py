"""Turns with speculative decoding: budget, "answer now", stops and limits take effect at the same token as without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mull.control import TurnControl
from mull.engine.engine import Piece, Request
from mull.engine.speculative import drafting
from mull.engine.speculative.drafting import Drafting
from mull.events import AnswerDelta, Done, ThinkingDelta
from mull.messages import Message
from mull.settings import TurnSettings
from mull.turn.loaded_model import LoadedModel
from mull.turn.prepare import prepare
from mull.turn.turn import run
from tests.cli.conftest import CHATML
from tests.engine.test_speculative import Hinted
from tests.model_files.scripted import write_scripted
from tests.streams import check_stream
from tests.turn.test_turn import GREEDY, TAGS, settings, speaking

QUESTION = [Message("user", "hi")]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checked_state: Path) -> None:
    monkeypatch.setattr(drafting, "SMALL", 0)
    monkeypatch.setenv("MULL_STATE_DIR", str(checked_state))


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[LoadedModel]:
    script = [
        "<think>",
        "\nhm",
        *(f" so{i}" for i in range(40)),
        "</think>",
        "\n\nWell",
        *(f", {i}" for i in range(40)),
    ]
    closing_text = ["Now", *(f" then{i}" for i in range(20)), "."]
    path = write_scripted(
        tmp_path / "thinker.gguf", script, template=CHATML, user_defined=TAGS, starts={"\n\n": closing_text}
    )
    with speaking(path) as loaded:
        yield loaded


def outcome(
    loaded: LoadedModel, wanted: TurnSettings, until: str, action: str
) -> tuple[Done, tuple[object, ...]]:
    """The turn's end. When `until` has been generated, the user stops or requests the answer."""
    control = TurnControl()
    events = []
    for event in run(loaded, QUESTION, wanted, control):
        events.append(event)
        if until and isinstance(event, ThinkingDelta | AnswerDelta) and until in event.text:
            getattr(control, action)()
    done = check_stream(events)
    usage = done.usage
    return done, (done.thinking, done.answer, done.finish, done.limit, usage.thinking, usage.answer)


@pytest.mark.parametrize(
    ("wanted", "until", "action"),
    [
        (settings(), "", ""),
        (settings(budget=8), "", ""),
        (settings(budget=0), "", ""),
        (settings(), " so17", "answer_now"),
        (settings(), " so17", "stop"),
        (settings(), ", 21", "stop"),
        (settings(stop=("9, 10",)), "", ""),
        (settings(max_tokens=23), "", ""),
        (settings(on=False), "", ""),
    ],
)
@pytest.mark.parametrize("wrong", [0.0, 0.1])
def test_it_ends_as_without_speculation(
    loaded: LoadedModel,
    monkeypatch: pytest.MonkeyPatch,
    wanted: TurnSettings,
    until: str,
    action: str,
    wrong: float,
) -> None:
    prompt = prepare(loaded, QUESTION, wanted).tokens
    script = [
        event.token for event in loaded.engine.generate(Request(prompt, GREEDY)) if isinstance(event, Piece)
    ]
    monkeypatch.setattr(Drafting, "drafter", lambda *_, **__: None)
    _, alone = outcome(loaded, wanted, until, action)
    monkeypatch.setattr(Drafting, "drafter", lambda *_, **__: Hinted(script, wrong=wrong))
    done, drafted = outcome(loaded, wanted, until, action)
    assert drafted == alone
    assert done.usage.drafted > 0
