"""The slash commands that only show something: help, thoughts, figures, what fills the context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from mull.commands.chatting.actions import action, say, wait_for_model
from mull.errors import UsageError
from mull.settings import ThinkingView
from mull.store.records import Turn
from mull.terminal import slash
from mull.terminal.sanitize import one_line, visible

if TYPE_CHECKING:
    from mull.commands.chatting.session import Chat

_BAR = 24  # columns of the bars of /context
_VIEWS = get_args(ThinkingView)


@action("help")
def _help(chat: Chat, argument: str) -> None:
    columns = chat.streams.width
    try:
        lines = slash.help_on(argument, columns) if argument else slash.help_lines(columns)
    except KeyError:
        raise UsageError("unknown_command", f"There is no command {argument}.", "/help lists them.") from None
    say(chat, *lines)


@action("thinking")
def _thinking(chat: Chat, argument: str) -> None:
    if argument in _VIEWS:
        chat.conversation.wishes.set("thinking", argument)
        chat.streams.note(f"Thinking is shown: {argument}.")
        return
    if argument and not argument.isdigit():
        raise UsageError(
            "bad_argument", f"/thinking takes a number, {', '.join(_VIEWS)}.", "1 is the last turn."
        )
    thoughts = [turn for turn in chat.conversation.path if turn.thinking]
    back = int(argument or 1)
    if not 1 <= back <= len(thoughts):
        raise UsageError("no_thinking", "There is no such thinking.", f"{len(thoughts)} turns have some.")
    turn = thoughts[-back]
    chat.streams.note(f"> {one_line(turn.question)}")
    say(chat, *visible(turn.thinking.strip()).splitlines(), style="dim")


@action("stats")
def _stats(chat: Chat, _argument: str) -> None:
    path = chat.conversation.path
    if not path:
        raise UsageError("nothing_said", "Nothing has been said yet.", "Ask something first.")
    last, usage = path[-1], path[-1].usage
    cached = f" ({usage.cached:,} from the cache)" if usage.cached else ""
    times = last.timing
    seconds = sum(turn.timing.thinking + turn.timing.answer for turn in path)
    say(
        chat,
        f"last answer   prompt {usage.prompt:,}{cached} · thinking {usage.thinking:,} · answer {usage.answer:,} tokens",
        f"              prompt {times.prompt:.2f} s · thinking {times.thinking:.2f} s · answer {times.answer:.2f} s",
        f"              {times.tokens_per_second:.1f} tokens/s · first token after {times.first_token:.2f} s",
        f"conversation  {len(path)} turns · thinking {_sum(path, 'thinking'):,} tokens · "
        f"answers {_sum(path, 'answer'):,} tokens · {seconds:.1f} s",
    )


@action("context")
def _context(chat: Chat, _argument: str) -> None:
    wait_for_model(chat)
    room = chat.conversation.room(chat.model)
    unicode = chat.streams.unicode
    say(chat, f"{room.used:,} of {room.limit:,} tokens, {room.share:.0%}")
    left = chat.conversation.left_out
    if left:
        say(chat, f"  the first {len(left)} turns are left out", style="dim")
    parts = chat.conversation.context_parts(chat.model)
    number = max((len(f"{size:,}") for _, size in parts), default=1)
    name_room = max(chat.streams.width - _BAR - number - 6, 8)
    for name, size in parts:
        filled = min(round(size / max(room.limit, 1) * _BAR), _BAR)
        bar = ("█" if unicode else "#") * filled + ("░" if unicode else ".") * (_BAR - filled)
        say(chat, f"  {size:>{number},}  {bar}  {one_line(name)[:name_room]}")


def _sum(path: Sequence[Turn], part: str) -> int:
    return sum(getattr(turn.usage, part) for turn in path)
