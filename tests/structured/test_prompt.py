"""The model is told the format of its answer, in the system prompt."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mull.messages import Message
from mull.settings import AnswerFormat, TurnSettings
from mull.structured import reading
from mull.structured.prompt import LARGE, told

HI = Message("user", "Hi")


def _told(
    wanted: AnswerFormat | None, *messages: Message, tell: bool | None = True, n_params: int | None = 0
) -> Sequence[Message]:
    settings = TurnSettings(answer_format=wanted, schema_prompt=tell)
    return told(messages or [HI], settings, n_params=n_params)


def test_the_schema_follows_the_system_prompt() -> None:
    wanted = reading.from_schema({"type": "object", "properties": {"größe": {"type": "integer"}}})
    system, question = _told(wanted, Message("system", "Be brief."), HI)
    assert system.content.startswith("Be brief.\n\nAnswer with JSON")
    assert '{"type":"object","properties":{"größe":{"type":"integer"}}}' in system.content
    assert question == HI


def test_without_a_system_prompt_one_is_made() -> None:
    system, question = _told(reading.from_choices(["yes, please", "no"]))
    assert (system.role, question) == ("system", HI)
    assert '"yes, please", "no"' in system.content
    assert _told(reading.any_json())[0].role == "system"


def test_what_a_model_does_not_read_is_not_said() -> None:
    assert _told(None) == [HI]
    assert _told(reading.from_regex("[a-z]+")) == [HI]
    assert _told(reading.from_gbnf('root ::= "a"')) == [HI]
    assert _told(reading.from_schema({"enum": [f"value {n}" for n in range(2000)]})) == [HI]  # too long


@pytest.mark.parametrize(
    ("tell", "n_params", "said"),
    [
        (None, LARGE - 1, False),
        (None, LARGE, True),
        (None, None, True),
        (True, 1, True),
        (False, LARGE, False),
        (False, None, False),
    ],
)
def test_small_models_are_told_only_on_request(tell: bool | None, n_params: int | None, said: bool) -> None:
    messages = _told(reading.any_json(), tell=tell, n_params=n_params)
    assert (messages[0].role == "system") is said


def test_requests_of_others_get_nothing_added() -> None:
    assert told([HI], TurnSettings(answer_format=reading.any_json()), n_params=LARGE) == [HI]
