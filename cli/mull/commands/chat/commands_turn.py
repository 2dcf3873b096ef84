"""The slash commands that ask, and those that change the next question: its model, settings, files and branch."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

from mull.commands._completion import installed, of_endpoints
from mull.commands._editor import edit_text, editor
from mull.commands._files import attach, check_no_url
from mull.commands._query import check_author
from mull.commands._session import offering
from mull.commands._system import system_text
from mull.commands.chat.asking import ask
from mull.commands.chat.pickers import pick_effort, pick_model
from mull.commands.chat.registry import action, choice, needed, say, user_path, wait_for_model
from mull.commands.chat.session import Chat
from mull.conversation.conversation import Query
from mull.errors import MullError, UsageError
from mull.fs.text import read_text
from mull.fs.text_files import is_many
from mull.settings import DEFAULT_SAMPLING, Effort, ReasoningAsk, Sampling, over, without_effect
from mull.store.records import Attachment
from mull.terminal.console.quantities import counted, token_count
from mull.terminal.console.sanitize import one_line, visible
from mull.terminal.input.picker import can_pick

LISTED = 12  # models that /model names
_BYTES_PER_TOKEN = 16  # more than any tokenizer needs: a longer file is refused unread
_EFFORTS: dict[str, Effort] = {level: level for level in get_args(Effort)}


@action("model")
def _model(chat: Chat, argument: str) -> None:
    argument = argument or pick_model(chat) or ""
    if not argument:
        _name_model(chat)
        return
    resolved = offering(lambda: chat.config.model.resolve(argument), chat.streams, chat.held.released)
    before, backend = chat.backend, chat.config.open_backend(resolved, switching=True)
    if backend.location == before.location and resolved.address == chat.address:
        chat.is_builtin = False  # it was chosen by name now
        chat.note(f"{chat.model_name} is in use already.")
        return
    before.persist()
    before.close()  # memory may not have room for two models
    here, chat.backend, chat.resolved = chat.resolved, backend, resolved
    try:
        wait_for_model(chat)
    except (MullError, KeyboardInterrupt) as failure:
        backend.close()
        chat.backend, chat.resolved = before, here
        before.start()
        chat.note(f"Still using {chat.model_name}.")
        if isinstance(failure, MullError):
            raise
        return
    chat.is_builtin = False
    chat.conversation.branch.set_reference(backend.reference)
    chat.use_settings(chat.config.for_model(resolved))
    chat.note(f"Switched to {chat.model_name}.")
    chat.measure()


def _name_model(chat: Chat) -> None:
    """Name the model in use; where no picker can be drawn, also its place and the other models."""
    if can_pick(chat.streams):
        chat.note(f"Still using {chat.model_name}.")
        return
    state = "" if chat.backend.ready else " (loading)"
    chat.note(f"{chat.model_name}{state} · {chat.backend.location}")
    others = [name for name, _ in (*installed(), *of_endpoints("", wait=0)) if name != chat.model_name]
    if others:
        more = f" and {len(others) - LISTED} more" if len(others) > LISTED else ""
        chat.note(f"Also here: {', '.join(others[:LISTED])}{more}.")


@action("reason")
def _reason(chat: Chat, argument: str) -> None:
    if argument:
        on = choice(argument, {"on": True, "off": False, "auto": None}, "/reason")
        chat.conversation.preferences = chat.conversation.preferences.with_thinking(on)
    chat.note(f"Thinking: {chat.conversation.preferences.reasoning_text}.")


@action("effort")
def _effort(chat: Chat, argument: str) -> None:
    argument = argument or pick_effort(chat) or ""
    if argument:
        effort = None if argument == "auto" else choice(argument, _EFFORTS, "/effort")
        chat.conversation.preferences = chat.conversation.preferences.with_effort(effort)
    chat.note(f"Thinking: {chat.conversation.preferences.reasoning_text}.")


@action("think")
def _think(chat: Chat, argument: str) -> None:
    once = dataclasses.replace(chat.conversation.preferences.reasoning, on=True)
    ask(chat, chat.conversation.query(needed(argument, "think"), once))


@action("nothink")
def _nothink(chat: Chat, argument: str) -> None:
    ask(chat, chat.conversation.query(needed(argument, "nothink"), ReasoningAsk(on=False)))


@action("system")
def _system(chat: Chat, argument: str) -> None:
    branch = chat.conversation.branch
    if argument:
        branch.set_system("" if argument == "none" else system_text(argument))
        chat.measure()
    chat.note(f"System prompt: {branch.system or 'none'}")


@action("set")
def _set(chat: Chat, argument: str) -> None:
    name, _, value = argument.partition(" ")
    conversation = chat.conversation
    if value.strip():
        conversation.preferences = conversation.preferences.with_setting(name, value.strip())
    rows = conversation.preferences.rows(chat.backend.sampling_advice)
    rows = [row for row in rows if not name or row[0] == name]
    if not rows:
        conversation.preferences.with_setting(name, "none")  # raises: there is no such setting
    if value.strip() and name in {f.name for f in dataclasses.fields(Sampling)}:
        own = conversation.preferences.sampling
        applied = over(over(own, chat.backend.sampling_advice(None)), DEFAULT_SAMPLING)
        if idle := without_effect(Sampling(**{name: getattr(own, name)}), applied):
            chat.note(idle)
    width = max(len(row[0]) for row in rows)
    say(chat, *(f"{name:<{width}}  {value}{'' if own else '  (default)'}" for name, value, own in rows))


@action("file")
def _file(chat: Chat, argument: str) -> None:
    attached = chat.conversation.files
    if argument == "none":
        attached.clear()
        chat.note("No files attached.")
        return
    if not argument:
        names = ", ".join(one.name for one in attached)
        chat.note(f"Attached to the next question: {names}." if attached else "No files attached.")
        return
    wait_for_model(chat)
    path = user_path(argument)
    check_no_url(argument)
    context = chat.backend.context_tokens
    if is_many(str(path)):
        many = attach([str(path)])
        new, name = many.files, f"{counted(len(many.files), 'file')} of {path}"
        for note in many.notes:
            chat.note(note)
    else:
        text = _text_of(path, None if context is None else context * _BYTES_PER_TOKEN)
        new, name = (Attachment(path.name, text),), path.name
    before = chat.conversation.context_usage(chat.backend, Query("", tuple(attached)))
    after = chat.conversation.context_usage(chat.backend, Query("", (*attached, *new)))
    size = after.used - before.used
    if after.full:
        more = ", or allow more context with --ctx" if chat.backend.capabilities.context_size else ""
        raise MullError(
            "file_too_long",
            f"{name} {'is' if len(new) == 1 else 'are'} {token_count(size)}; the context has {before.free:,} left.",
            f"Attach a part of it{more}.",
        )
    attached += new
    chat.note(f"Attached {name} ({token_count(size)}) to the next question.")


@action("retry")
def _retry(chat: Chat, _argument: str) -> None:
    ask(chat, chat.conversation.again())


@action("continue")
def _continue(chat: Chat, _argument: str) -> None:
    query = chat.conversation.go_on()
    check_author(query, chat.conversation.last, chat.resolved, in_chat=True)
    ask(chat, query)


@action("edit")
def _edit(chat: Chat, argument: str) -> None:
    if choice(argument or "question", {"question": False, "answer": True}, "/edit"):
        _edit_answer(chat)
        return
    question = chat.conversation.again().text
    if editor() is None:  # then the prompt is the editor
        chat.draft, chat.replacing = question, True
        return
    with chat.held.released():
        changed = edit_text(question).strip()
    if not changed or changed == question.strip():
        chat.note("Unchanged.")
        return
    say(chat, *(f"> {line}" for line in visible(changed).splitlines()))
    ask(chat, chat.conversation.again(changed))


def _edit_answer(chat: Chat) -> None:
    """Change the last answer in the editor; the model continues what is left of it."""
    last = chat.conversation.last
    if last is None or not last.answer.strip():
        raise UsageError("empty_conversation", "There is no answer to edit.", "/retry asks again.")
    with chat.held.released():
        changed = edit_text(last.answer, "answer.md")
    if not last.answer.endswith("\n"):
        changed = changed.removesuffix("\n")  # editors end a file with one
    if not changed.strip() or changed == last.answer:
        chat.note("Unchanged.")
        return
    ask(chat, chat.conversation.go_on(changed))


@action("undo")
def _undo(chat: Chat, _argument: str) -> None:
    gone = chat.conversation.branch.undo()
    chat.note(f"Taken back: {one_line(gone.question)}")
    chat.measure()


def _text_of(path: Path, limit: int | None) -> str:
    """A file's text. Raises MullError if it is no text, empty, or longer than `limit` bytes."""
    text, _ = read_text(path) if limit is None else read_text(path, most=limit)
    if not text.strip():
        raise MullError("empty_file", f"{path.name} is empty.", "Attach a file with text in it.")
    return text
