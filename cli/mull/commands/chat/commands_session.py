"""The slash commands on whole conversations: sessions, exports, the clipboard."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from mull.commands._session_text import exported, print_hit, session_table
from mull.commands.chat.pickers import pick_session
from mull.commands.chat.registry import action, choice, needed, user_path
from mull.commands.chat.session import Chat
from mull.errors import MullError, UsageError
from mull.fs.out_file import would_replace
from mull.store.export import file_name, write_export, write_free
from mull.store.formats import ExportFormat
from mull.store.records import Session
from mull.store.sessions import default_path, open_store
from mull.terminal.console.clipboard import copy as to_clipboard
from mull.terminal.console.quantities import counted
from mull.terminal.input.picker import can_pick

LISTED = 10  # sessions and hits that the chat shows


@action("copy")
def _copy(chat: Chat, argument: str) -> None:
    if argument not in {"", "code"}:
        raise UsageError("invalid_argument", f'/copy takes nothing or code, not "{argument}".')
    last = next((turn for turn in reversed(chat.conversation.path) if turn.answer), None)
    if last is None:
        raise UsageError("empty_conversation", "There is no answer to copy.", "Ask something first.")
    text: str | None = last.answer.strip()
    if argument:
        from mull.terminal.markdown.code_blocks import pick

        text = pick(last.answer, last=True)
    if text is None:
        raise UsageError(
            "no_code_block", "There is no code block in the last answer.", "/copy takes all of it."
        )
    taken = to_clipboard(text, chat.streams)
    if taken is None:
        raise MullError("no_clipboard", "There is no clipboard to copy to.", "/export writes a file.")
    chat.note(f"Copied {counted(len(text.splitlines()), 'line')} by {taken}.")


@action("new")
def _new(chat: Chat, _argument: str) -> None:
    chat.conversation.new()
    chat.measure()
    chat.note("A new conversation.")


@action("open")
def _open(chat: Chat, argument: str) -> None:
    if chat.private:
        raise UsageError(
            "private_chat", "A private chat cannot open sessions.", "Leave it, then: mull chat --session NAME"
        )
    if not (argument or can_pick(chat.streams)):
        needed(argument, "open")
    session = chat.conversation.branch.store.find(argument) if argument else pick_session(chat)
    if session is None:
        return
    chat.conversation.open(session)
    chat.forget_usage()
    chat.show_resumed()
    chat.measure()


@action("save")
def _save(chat: Chat, argument: str) -> None:
    branch = chat.conversation.branch
    if not branch.store.saved:
        chat.keep_on(open_store(default_path()))
    if argument:
        branch.rename(argument)
    session = _session(chat)
    chat.note(f'Saved as {session.id}, "{session.title}".')


@action("sessions")
def _sessions(chat: Chat, argument: str) -> None:
    store = chat.conversation.branch.store
    if argument:
        hits = store.search(argument, LISTED)
        for hit in hits:
            print_hit(chat.streams, hit)
        if not hits:
            chat.note("No turn matches.")
        return
    if found := store.sessions(LISTED):
        session_table(chat.streams, found)
    else:
        chat.note("No conversation has been saved yet.")


@action("export")
def _export(chat: Chat, argument: str) -> None:
    form, _, where = argument.partition(" ")
    formats, suffix = list(ExportFormat), Path(argument).suffix[1:]
    if form not in formats and suffix in formats:  # the path's suffix names the format
        form, where = suffix, argument
    form = choice(form or ExportFormat.md, {each.value: each.value for each in formats}, "/export")
    session = _session(chat)
    path = user_path(where) if where.strip() else Path()
    text = exported(chat.conversation.branch.store, session, form)
    try:
        if not where.strip() or path.is_dir():
            path = write_free(path / file_name(session, form), text)
        else:
            write_export(path, text, replace=_may_replace(chat, path), hint="Give another path.")
    except OSError as error:
        raise MullError(
            "write_failed", f"{path} was not written: {error.strerror}.", "Give another path."
        ) from error
    chat.note(f"Written: {path}")


def _may_replace(chat: Chat, path: Path) -> bool:
    """Ask, where a file is at that path. Ctrl+C is no."""
    if not would_replace(path):
        return False
    with chat.held.released(), suppress(KeyboardInterrupt):
        return chat.streams.confirm(f"{path} exists. Replace it?")
    return False


@action("quit")
def _quit(chat: Chat, _argument: str) -> None:
    chat.left = True


def _session(chat: Chat) -> Session:
    if chat.conversation.branch.session is None:
        raise UsageError("empty_conversation", "Nothing has been said yet.", "Ask something first.")
    return chat.conversation.branch.session
