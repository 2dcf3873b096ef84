"""The contract suite finds backends that break the contract: each here breaks one rule of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace

import pytest

from mull.backends.base import Capabilities, ChatBackend, KeyedEvent, TokenCount, TurnSource
from mull.control import TurnControl
from mull.events import Done, Event, Notice
from mull.messages import Message
from mull.settings import ReasoningAsk, TurnSettings
from tests.backends import test_contract as contract
from tests.chat.fakes import FakeBackend

ABLE = Capabilities(exact_token_count=True, answer_now=True, parallel=True)


class Good(FakeBackend):
    def stream(
        self, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
    ) -> Iterator[Event]:
        thinks = settings.reasoning.on is not False
        self.script = [f"{contract.THINKING}|{contract.ANSWER}" if thinks else contract.PLAIN]
        yield from super().stream(messages, settings, control)


def ignoring(**values: object) -> type[Good]:
    """A backend that ignores these settings."""

    class Ignoring(Good):
        def stream(
            self, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
        ) -> Iterator[Event]:
            return super().stream(messages, replace(settings, **values), control)  # type: ignore[arg-type]

    return Ignoring


class Deaf(Good):
    """Ignores stop and answer-now."""

    def stream(
        self,
        messages: Sequence[Message],
        settings: TurnSettings,
        control: TurnControl,  # noqa: ARG002 - that is the fault
    ) -> Iterator[Event]:
        return super().stream(messages, settings, TurnControl())


class Serial(Good):
    """One turn after the other, without a None; a stop ends the last one with a Done."""

    def stream_many(
        self, turns: TurnSource, control: TurnControl
    ) -> Generator[KeyedEvent | None, None, None]:
        while not (control.stopped or turns.ended):
            if request := turns.take(wait=True):
                for event in self.stream(request.messages, request.settings, control):
                    yield request.key, event


class Silent(Good):
    """Reports a notice that is not an event."""

    def stream(
        self, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
    ) -> Iterator[Event]:
        for event in super().stream(messages, settings, control):
            if isinstance(event, Done):
                yield replace(event, reasoning=replace(event.reasoning, notice="It cannot."))
            elif not isinstance(event, Notice):
                yield event


@pytest.mark.parametrize(
    ("kind", "able", "rule"),
    [
        (ignoring(max_tokens=None), ABLE, contract.test_max_tokens_limits_the_answer),
        (ignoring(max_tokens=None), ABLE, contract.test_max_tokens_counts_the_thinking_too),
        (
            ignoring(stop=()),
            ABLE,
            lambda backend: contract.test_nothing_is_shown_from_a_stop_string_on(backend, "42"),
        ),
        (
            ignoring(reasoning=ReasoningAsk()),
            ABLE,
            contract.test_a_thinking_budget_is_kept_or_a_notice_says_why_not,
        ),
        (Deaf, ABLE, contract.test_a_stop_ends_the_thinking_too),
        (Deaf, ABLE, contract.test_a_stop_ends_the_turn_with_what_was_said),
        (Deaf, ABLE, contract.test_answer_now_ends_the_thinking),
        (Good, replace(ABLE, grammar=True), contract.test_a_grammar_constrains_the_answer),
        (Good, replace(ABLE, json_schema=True), contract.test_a_schema_constrains_the_answer),
        (Good, replace(ABLE, logprobs=True), contract.test_log_probabilities_belong_to_the_answers_tokens),
        (Serial, ABLE, contract.test_turns_run_in_parallel),
        (Serial, ABLE, contract.test_many_turns_wait_for_a_slow_source),
        (Serial, ABLE, contract.test_the_turns_that_a_stop_interrupts_are_dropped),
        (
            Silent,
            ABLE,
            lambda backend: contract.test_what_its_report_notices_is_an_event_too(backend, ReasoningAsk()),
        ),
    ],
)
def test_a_broken_rule_is_found(
    kind: type[Good], able: Capabilities, rule: Callable[[ChatBackend], None]
) -> None:
    backend = kind(context_tokens=contract.CONTEXT, capabilities=able)
    list(backend.load(TurnControl()))
    with pytest.raises((AssertionError, ValueError)):
        rule(backend)


def test_a_backend_may_estimate_and_not_know_its_context() -> None:
    class Estimating(Good):
        def count_tokens(self, messages: Sequence[Message], settings: TurnSettings) -> TokenCount:
            return replace(super().count_tokens(messages, settings), exact=False)

    backend = Estimating(capabilities=replace(ABLE, exact_token_count=False))
    list(backend.load(TurnControl()))
    contract.test_tokens_are_counted(backend)
