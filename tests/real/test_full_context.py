"""An answer that runs to the end of the 8,192 tokens that the model was trained for, and a question beyond them."""

from __future__ import annotations

import pytest

from mull.backends.base import ChatBackend
from mull.errors import ContextOverflow
from mull.messages import Message
from mull.settings import TurnSettings
from tests.real.questions import ask
from tests.real.test_long_context import text

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(1700)]

CONTEXT = 8192


def filling(backend: ChatBackend, tokens: int) -> str:
    """A question of at most so many tokens, and at most three fewer: words, and spaces that are a token each."""
    question, end = text(), "\n\nWhat is this text about?"

    def size(length: int) -> int:
        messages = [Message("user", question[:length] + end)]
        return backend.count_tokens(messages, TurnSettings()).value

    low, high = 0, len(question)
    assert size(high) > tokens
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) <= tokens else (low, middle)
    return question[:low] + end


def test_an_answer_runs_to_the_end_of_the_context(backend: ChatBackend) -> None:
    """Computing 8,192 tokens takes most of the time of these tests."""
    question = filling(backend, CONTEXT - 6)
    done = ask(backend, question, max_tokens=None)
    assert CONTEXT - 10 < done.usage.prompt <= CONTEXT - 6
    if done.finish == "stop":  # it had less to say
        assert done.usage.prompt + done.usage.answer <= CONTEXT
    else:
        assert (done.finish, done.limit, done.exit_code) == ("length", "context", 3)
        assert done.usage.prompt + done.usage.answer == CONTEXT + 1, "the last token needs no cell"
    with pytest.raises(ContextOverflow) as caught:
        ask(backend, question + " Be brief." * 5)
    assert f"{CONTEXT:,}" in caught.value.message
    again = ask(backend, question, max_tokens=4)  # after the refusal
    assert again.usage.cached >= done.usage.prompt - 1
    assert done.answer.startswith(again.answer)
