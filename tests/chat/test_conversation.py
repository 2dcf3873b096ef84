"""The logic of a chat: branches, wishes, partial answers, a full context, a store that refuses."""

from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mull.backends.base import Capabilities
from mull.control import TurnControl
from mull.conversation.conversation import Conversation, Query
from mull.errors import ContextOverflow, EngineError, MullError, UsageError
from mull.events import Done, Event, Notice
from mull.messages import Message
from mull.settings import ReasoningAsk, Sampling, TurnSettings
from mull.store.records import Attachment
from mull.store.sessions import Store, open_store
from tests.chat.fakes import FakeBackend


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "sessions.db") as opened:
        yield opened


def take(
    conversation: Conversation, model: FakeBackend, question: str | Query, control: TurnControl | None = None
) -> Done:
    query = conversation.query(question) if isinstance(question, str) else question
    *_, done = conversation.ask(query, model, control or TurnControl())
    assert isinstance(done, Done)
    return done


def test_a_turn_is_on_disk_before_the_view_sees_its_end(store: Store) -> None:
    chat = Conversation(store, system="Be brief.")
    model = FakeBackend(["hm|Forty two"])
    for event in chat.ask(chat.query("6 times 7?"), model, TurnControl()):
        last = store.last()
        assert last is not None
        (turn,) = store.branch(last.id)
        assert turn.question == "6 times 7?"
        assert (turn.answer == "Forty two") == isinstance(event, Done)
    assert store.messages(last.id) == [
        Message("system", "Be brief."),
        Message("user", "6 times 7?"),
        Message("assistant", "Forty two", thinking="hm"),
    ]


def test_the_next_question_comes_with_what_was_said(store: Store) -> None:
    chat, model = Conversation(store), FakeBackend(["thought|one", "two"])
    take(chat, model, "first")
    take(chat, model, "second")
    assert model.seen[1] == [
        Message("user", "first"),
        Message("assistant", "one", thinking="thought"),
        Message("user", "second"),
    ]


def test_a_stopped_answer_is_kept_marked_and_goes_to_the_model(store: Store) -> None:
    chat, model, control = Conversation(store), FakeBackend(["a b c d", "e"]), TurnControl()
    for number, _ in enumerate(chat.ask(chat.query("letters"), model, control)):
        if number == 1:
            control.stop()
    assert chat.last is not None
    assert (chat.last.answer, chat.last.partial, chat.last.finish) == ("a b", True, "interrupted")
    take(chat, model, "go on")
    assert model.seen[1][1] == Message("assistant", "a b", partial=True)


def test_a_view_that_leaves_in_mid_turn_loses_nothing(store: Store) -> None:
    chat, model = Conversation(store), FakeBackend(["hm|a b c"])
    events = chat.ask(chat.query("letters"), model, TurnControl())
    for _ in range(3):
        next(events)
    events.close()  # type: ignore[attr-defined]
    assert chat.last is not None
    assert (chat.last.thinking, chat.last.answer, chat.last.finish) == ("hm", "a b", "interrupted")
    assert store.branch(chat.last.session)[0].answer == "a b"


def test_a_failure_keeps_the_question_and_is_not_handed_on(store: Store) -> None:
    chat, model = Conversation(store), FakeBackend(["fine"], fails=True)
    with pytest.raises(EngineError):
        take(chat, model, "will it?")
    assert [turn.finish for turn in chat.path] == ["error"]
    model.fails = False
    take(chat, model, chat.again())
    assert [turn.answer for turn in chat.path] == ["fine"]
    assert model.seen[-1] == [Message("user", "will it?")]


def test_retry_and_edit_grow_branches(store: Store) -> None:
    chat, model = Conversation(store), FakeBackend(["one", "two", "three", "four"])
    take(chat, model, "a")
    take(chat, model, "b")
    take(chat, model, chat.again())
    assert [turn.answer for turn in chat.path] == ["one", "three"]
    take(chat, model, chat.again("c"))
    assert [(turn.question, turn.answer) for turn in chat.path] == [("a", "one"), ("c", "four")]
    assert model.seen[-1][-1] == Message("user", "c")
    session = chat.path[0].session
    assert [turn.answer for turn in store.turns(session)] == ["one", "two", "three", "four"]
    assert [turn.answer for turn in store.branch(session)] == ["one", "four"]


def test_undo_takes_turns_back_to_the_first(store: Store) -> None:
    chat, model = Conversation(store), FakeBackend(["one", "two", "three"])
    take(chat, model, "a")
    take(chat, model, "b")
    assert chat.branch.undo().question == "b"
    assert chat.branch.undo().question == "a"
    with pytest.raises(UsageError):
        chat.branch.undo()
    take(chat, model, "c")
    assert model.seen[-1] == [Message("user", "c")]
    assert len(store.sessions()) == 1
    assert [turn.question for turn in store.branch(store.sessions()[0].id)] == ["c"]


def test_files_go_with_the_next_question_only_and_with_its_retry(store: Store) -> None:
    chat, model = Conversation(store), FakeBackend(["one", "two", "three"])
    chat.files.append(Attachment("notes.txt", "alpha\n"))
    take(chat, model, "what is this?")
    assert "alpha" in model.seen[0][0].content
    assert chat.files == []
    take(chat, model, chat.again())
    assert model.seen[1] == model.seen[0]
    take(chat, model, "and now?")
    assert "alpha" not in model.seen[2][-1].content
    assert "alpha" in model.seen[2][0].content


def test_a_session_goes_on_where_it_was(store: Store) -> None:
    chat, model = Conversation(store, system="Be kind."), FakeBackend(["one", "two"])
    take(chat, model, "a")
    again = Conversation(store)
    last = store.last()
    assert last is not None
    again.open(last)
    take(again, model, "b")
    assert [message.content for message in model.seen[1]] == ["Be kind.", "a", "one", "b"]
    assert len(store.sessions()) == 1


def test_nothing_is_kept_of_a_chat_in_which_nothing_was_said(store: Store) -> None:
    chat = Conversation(store)
    chat.branch.set_system("Be brief.")
    chat.new()
    assert store.sessions() == []


def test_a_named_session_in_which_nothing_was_said_is_gone_when_it_is_left(tmp_path: Path) -> None:
    path = tmp_path / "named.db"
    for said in (False, True):
        chat, model = Conversation(open_store(path)), FakeBackend(["one"])
        chat.branch.rename("fix")
        if said:
            take(chat, model, "a")
        chat.branch.close()
        with open_store(path) as store:
            assert [session.title for session in store.sessions()] == (["fix"] if said else [])


def test_once_changes_one_turn(store: Store) -> None:
    chat, model = Conversation(store), FakeBackend(["one", "two"])
    chat.preferences = chat.preferences.with_thinking(False)
    take(chat, model, chat.query("a", ReasoningAsk(on=True)))
    take(chat, model, "b")
    assert [settings.reasoning.asked for settings in model.asked] == ["on", "off"]
    assert [settings.sampling.temperature for settings in model.asked] == [0.6, 0.7]
    assert chat.path[0].settings["reason"] == "on"


def test_what_the_user_sets_beats_the_vendor(store: Store) -> None:
    chat, model = Conversation(store), FakeBackend(["one"])
    chat.preferences = chat.preferences.with_setting("temperature", "0.1")
    chat.preferences = chat.preferences.with_setting("max_tokens", "7")
    take(chat, model, "a")
    assert model.asked[0].sampling.temperature == 0.1
    assert model.asked[0].sampling.top_k == 40
    assert model.asked[0].max_tokens == 7
    chat.preferences = chat.preferences.with_setting("temperature", "none")
    assert chat.preferences.sampling == Sampling()
    shown = {name: (value, said) for name, value, said in chat.preferences.rows(model.sampling_advice)}
    assert shown["temperature"] == ("0.7", False)
    assert shown["max_tokens"] == ("7", True)


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("temprature", "1", "Did you mean temperature?"),
        ("temperature", "warm", "0 is greedy"),
        ("temperature", "-1", "0 is greedy"),
        ("temperature", "nan", "0 is greedy"),
        ("presence_penalty", "-inf", "penalty"),
        ("thinking", "loud", "how thinking is shown"),
        ("markdown", "perhaps", "render answers"),
        ("model", "x", "/set"),
        ("temp", "1", "Did you mean temperature?"),
    ],
)
def test_wrong_settings_are_refused(store: Store, name: str, text: str, hint: str) -> None:
    with pytest.raises(MullError) as caught:
        Conversation(store).preferences.with_setting(name, text)
    assert hint in caught.value.hint


def long_chat(store: Store, turns: int, context: int) -> tuple[Conversation, FakeBackend]:
    """Turns of 20 tokens each: 8 words and 2 in the question, the same in the answer."""
    chat, model = Conversation(store), FakeBackend(context_tokens=10_000)
    for number in range(turns):
        model.script.append(f"answer {number} " + "word " * 5 + "end")
        take(chat, model, f"question {number} " + "word " * 5 + "end")
    model.context_tokens = context
    return chat, model


def test_room_is_measured_with_the_question_and_its_files(store: Store) -> None:
    chat, model = long_chat(store, 3, context=80)
    now = chat.context_usage(model)
    assert (now.used, now.tight, now.full) == (60, False, False)
    question = chat.query("a b c d")
    assert (chat.context_usage(model, question).used, chat.context_usage(model, question).tight) == (66, True)
    chat.files.append(Attachment("f", "word " * 10))
    assert chat.context_usage(model, chat.query("a b c d")).full
    assert not chat.context_usage(model, chat.again("short")).full


def test_dropping_leaves_out_no_more_of_the_oldest_than_it_must(store: Store) -> None:
    chat, model = long_chat(store, 5, context=96)
    question = chat.query("one two three four")
    assert chat.context_usage(model, question).full
    dropped = chat.drop(model, question)
    assert [turn.question.split()[1] for turn in dropped] == ["0", "1"]
    assert not chat.context_usage(model, question).full
    model.script.append("ok")
    take(chat, model, question)
    assert model.seen[-1][0].content.startswith("question 2")
    assert len(store.branch(chat.path[0].session)) == 6  # nothing is gone from the session
    reopened = Conversation(store)
    last = store.last()
    assert last is not None
    reopened.open(last)
    assert reopened.context_usage(model).used == chat.context_usage(model).used
    chat.branch.undo()
    for _ in range(4):
        chat.branch.undo()
    assert chat.left_out == []  # before the point where turns were left out, all are back


def test_a_question_that_alone_is_too_long_is_refused_with_counts(store: Store) -> None:
    chat, model = long_chat(store, 2, context=30)
    with pytest.raises(ContextOverflow) as caught:
        chat.drop(model, chat.query("word " * 40))
    assert (caught.value.prompt_tokens, caught.value.context_tokens) == (42, 30)
    assert len(chat.left_out) == 0


def test_a_question_that_just_fits_is_asked_without_its_past(store: Store) -> None:
    chat, model = long_chat(store, 2, context=40)
    assert len(chat.drop(model, chat.query("word " * 34))) == 2
    assert [message.content for message in chat._messages(chat.path)] == []


def test_summarizing_puts_the_oldest_turns_into_the_model_s_words(store: Store) -> None:
    chat, model = long_chat(store, 6, context=130)
    model.script += ["They counted.", "ok"]
    events: list[Event] = list(chat.summarize(model, TurnControl()))
    assert isinstance(events[-1], Done)
    assert "question 0" in model.seen[-1][0].content
    assert model.asked[-1].reasoning.on is False
    assert [turn.question.split()[1] for turn in chat.left_out] == ["0", "1", "2", "3"]
    take(chat, model, "go on")
    handed = [message.content for message in model.seen[-1]]
    assert "They counted." in handed[0]
    assert handed[2].startswith("question 4")
    assert [message.role for message in model.seen[-1]] == ["user", "assistant"] * 3 + ["user"]
    names = [name for name, _ in chat.context_parts(model)]
    assert names[:2] == ["summary of turns 1 to 4", "5. question 4 word word word word word end"]
    assert sum(size for _, size in chat.context_parts(model)) == chat.context_usage(model).used


def test_a_stopped_summary_changes_nothing(store: Store) -> None:
    chat, model = long_chat(store, 6, context=130)
    model.script.append("They counted for long.")
    control = TurnControl()
    for _ in chat.summarize(model, control):
        control.stop()
    assert chat.left_out == []
    assert chat.context_usage(model).used == 120


class Refusing(Store):
    """A store on a disk that fills up after some writes."""

    @classmethod
    def after(cls, path: Path, writes: int) -> Refusing:
        inner = open_store(path)
        store = cls(inner._db, path, None)
        store.writes = writes
        return store

    writes = 0

    def _writing(self):  # type: ignore[no-untyped-def]
        self.writes -= 1
        if self.writes < 0:
            self._db.execute("PRAGMA query_only = ON")
        return super()._writing()


@pytest.mark.parametrize("writes", range(7))
def test_a_disk_that_refuses_costs_one_notice_and_no_turn(tmp_path: Path, writes: int) -> None:
    with Refusing.after(tmp_path / "sessions.db", writes) as store:
        chat, model = Conversation(store), FakeBackend(["one", "two", "three", "four"])
        chat.branch.set_system("Be brief.")
        for question in ("a", "b"):
            take(chat, model, question)
        take(chat, model, chat.again())
        take(chat, model, "c")
        assert [(turn.question, turn.answer) for turn in chat.path] == [
            ("a", "one"),
            ("b", "three"),
            ("c", "four"),
        ]
        assert [message.content for message in model.seen[-1]] == ["Be brief.", "a", "one", "b", "three", "c"]
        assert len(chat.branch.notices) == 1
        assert "continues unsaved" in chat.branch.notices[0]
        assert not chat.branch.store.saved
        chat.branch.store.close()


def test_a_session_removed_elsewhere_is_put_back(store: Store) -> None:
    chat, model = Conversation(store), FakeBackend(["one", "two"])
    take(chat, model, "a")
    store.remove(chat.path[0].session)
    take(chat, model, "b")
    assert [turn.answer for turn in store.branch(chat.path[0].session)] == ["one", "two"]
    assert chat.branch.notices == []


@pytest.fixture
def duo(tmp_path: Path) -> Iterator[tuple[Conversation, Conversation]]:
    """Two chats, as of two processes, in one session that has a turn."""
    with open_store(tmp_path / "duo.db") as one, open_store(tmp_path / "duo.db") as other:
        first, second = Conversation(one), Conversation(other)
        first.branch.join("duo")
        take(first, FakeBackend(["one"]), "a")
        second.branch.join("duo")
        yield first, second


def asked_in(store: Store) -> list[str]:
    return [turn.question for turn in store.branch(store.find("duo").id)]


def test_two_chats_in_one_session_continue_each_other(duo: tuple[Conversation, Conversation]) -> None:
    first, second = duo
    take(second, FakeBackend(["two"]), "b")
    model = FakeBackend(["three"])
    assert first.catch_up(first.query("c"))
    assert not first.catch_up(first.query("c"))
    take(first, model, "c")
    assert [message.content for message in model.seen[0]] == ["a", "one", "b", "two", "c"]
    take(second, FakeBackend(["four"]), "d")
    assert asked_in(first.branch.store) == [turn.question for turn in second.path] == ["a", "b", "c", "d"]


def test_turns_that_run_at_once_are_on_one_branch(duo: tuple[Conversation, Conversation]) -> None:
    first, second = duo
    running = first.ask(first.query("b"), FakeBackend(["two words"]), TurnControl())
    next(running)
    late = second.ask(second.query("c"), FakeBackend(["three words"]), TurnControl())
    next(late)
    list(running)
    list(late)
    assert asked_in(first.branch.store) == ["a", "b", "c"]
    answers = [turn.answer for turn in first.branch.store.branch(first.path[0].session)]
    assert answers == ["one", "two words", "three words"]


def test_a_turn_added_between_looking_and_storing_stays_visible(
    duo: tuple[Conversation, Conversation],
) -> None:
    first, second = duo
    second.branch.begin("b", second.path, "fake", TurnSettings())
    first.branch.begin("c", first.path, "fake", TurnSettings())
    assert asked_in(first.branch.store) == [turn.question for turn in first.path] == ["a", "b", "c"]


def test_another_chats_turn_is_neither_replaced_nor_taken_back(
    duo: tuple[Conversation, Conversation],
) -> None:
    first, second = duo
    for attempt in (lambda: take(first, FakeBackend(["x"]), first.again()), first.branch.undo):
        take(second, FakeBackend(["two"]), "b")
        with pytest.raises(UsageError) as caught:
            attempt()
        assert caught.value.code == "session_changed"
        assert first.path[-1].question == "b"
    assert asked_in(first.branch.store) == ["a", "b", "b"]
    take(first, FakeBackend(["again"]), first.again())
    assert asked_in(first.branch.store) == ["a", "b", "b"]
    assert first.path[-1].answer == "again"


def test_one_chat_does_not_undo_what_another_left_out(duo: tuple[Conversation, Conversation]) -> None:
    first, second = duo
    second.branch.leave_out(second.path, 1, "a summary")
    first.branch.set_reference("another model")
    state = first.branch.store.find("duo").state
    assert (state["summary"], state["model"]) == ("a summary", "another model")


def test_a_session_removed_during_an_answer_is_put_back(store: Store) -> None:
    chat = Conversation(store)
    running = chat.ask(chat.query("a"), FakeBackend(["one two"]), TurnControl())
    next(running)
    store.remove(chat.path[0].session)
    list(running)
    assert [turn.answer for turn in store.branch(chat.path[0].session)] == ["one two"]


def test_an_empty_session_is_left_to_who_still_uses_it(duo: tuple[Conversation, Conversation]) -> None:
    first, second = duo
    first.branch.store.remove(first.path[0].session)
    for chat in duo:
        chat.new()
        chat.branch.join("another")
    first.branch.close()  # without a turn: it removes the session
    take(second, FakeBackend(["two"]), "b")
    assert second.branch.store.find("another").turns == 1


def test_a_reserved_question_becomes_the_turn(store: Store) -> None:
    chat, model = Conversation(store), FakeBackend(["one"])
    query = chat.query("a")
    chat.reserve(query, model)
    (session,) = store.sessions()
    assert [(turn.question, turn.finish) for turn in store.turns(session.id)] == [("a", None)]
    take(chat, model, query)
    (turn,) = store.turns(session.id)
    assert (turn.answer, turn.finish, turn.settings["temperature"]) == ("one", "stop", 0.7)
    assert list(chat.path) == [
        dataclasses.replace(turn, started=chat.path[0].started, ended=chat.path[0].ended)
    ]


def test_a_reserved_question_can_be_taken_back(store: Store) -> None:
    chat, model = Conversation(store), FakeBackend(["one", "two"], ready=True)
    take(chat, model, "a")
    model.ready = False
    chat.reserve(chat.query("b"), model)
    chat.discard()
    assert [turn.question for turn in store.branch(chat.path[0].session)] == ["a"]
    chat.reserve(chat.query("c"), model)
    take(chat, model, "d")  # the user asks something else
    assert [turn.question for turn in store.turns(chat.path[0].session)] == ["a", "d"]
    assert store.sessions()[0].turns == 2


def test_a_private_chat_can_be_saved_after_all(store: Store) -> None:
    with open_store(None) as private:
        chat, model = Conversation(private), FakeBackend(["one", "two", "three"])
        take(chat, model, "a")
        take(chat, model, chat.again())
        assert store.sessions() == []
        chat.branch.move_to(store)
    chat.branch.rename("kept")
    take(chat, model, "b")
    session = store.find("kept")
    assert [turn.answer for turn in store.branch(session.id)] == ["two", "three"]
    assert len(store.turns(session.id)) == 3


def test_the_running_answer_is_saved_every_second(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mull.conversation.recording.SAVE_SECONDS", 0.01)
    chat, model = Conversation(store), FakeBackend(["hm|a b c d"])
    events = chat.ask(chat.query("letters"), model, TurnControl())
    for _ in range(4):
        next(events)
    with sqlite3.connect(tmp := store.path) as other:  # type: ignore[arg-type]
        for _ in range(6000):
            row = other.execute("SELECT answer, thinking, finish FROM turns").fetchone()
            if row == ("a b c", "hm", None):
                break
            time.sleep(0.01)
    other.close()
    assert tmp is not None
    assert row == ("a b c", "hm", None)
    events.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("able", [False, True])
def test_a_backend_that_cannot_answer_now_says_so_once(able: bool) -> None:
    chat, control = Conversation(open_store(None)), TurnControl()
    model = FakeBackend(["one two three|four"], capabilities=Capabilities(answer_now=able))
    control.answer_now()
    notices = [event for event in chat.ask(chat.query("Hi"), model, control) if isinstance(event, Notice)]
    assert notices == []  # it did answer at once

    class Deaf(FakeBackend):
        def stream(
            self,
            messages: Sequence[Message],
            settings: TurnSettings,
            control: TurnControl,  # noqa: ARG002 - that is what it cannot do
        ) -> Iterator[Event]:
            return super().stream(messages, settings, TurnControl())

    model = Deaf(["one two three|four"], capabilities=Capabilities(answer_now=able))
    notices = [event for event in chat.ask(chat.query("Hi"), model, control) if isinstance(event, Notice)]
    assert [notice.code for notice in notices] == ([] if able else ["not_supported"])


@pytest.mark.parametrize("able", [False, True])
def test_a_hint_names_ctx_where_that_has_an_effect(able: bool) -> None:
    chat = Conversation(open_store(None))
    model = FakeBackend(context_tokens=5, capabilities=Capabilities(context_size=able))
    for question in ("far too long for it " * 1000, "one two three four five six seven"):
        with pytest.raises(ContextOverflow) as overflow:
            chat.drop(model, chat.query(question))
        assert ("--ctx" in overflow.value.hint) is able
    with pytest.raises(ContextOverflow) as overflow:
        list(chat.ask(chat.query("far too long for it " * 1000), model, TurnControl()))
    assert ("--ctx" in overflow.value.hint) is able
