"""The slash commands that only show something: help, thinking, statistics, what fills the context."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import get_args

from mull.commands.chat import slash
from mull.commands.chat.pickers import pick_theme
from mull.commands.chat.registry import action, choice, say, wait_for_model
from mull.commands.chat.session import Chat
from mull.errors import UsageError
from mull.settings import ThinkingView
from mull.store.records import TurnRecord
from mull.terminal.console.quantities import counted, token_count
from mull.terminal.console.sanitize import one_line, visible
from mull.terminal.console.tables import card
from mull.terminal.console.theme import ABOUT, THEMES
from mull.terminal.console.width import clip
from mull.terminal.input.background import use_theme

_BAR = 24  # columns at most of the bars of /context
_VIEWS = get_args(ThinkingView)


@action("help")
def _help(chat: Chat, argument: str) -> None:
    columns = chat.streams.width
    try:
        lines = slash.help_on(argument, columns) if argument else slash.help_lines(columns)
    except KeyError:
        raise slash.unknown(argument.removeprefix("/")) from None
    say(chat, *lines)


@action("thinking")
def _thinking(chat: Chat, argument: str) -> None:
    if argument in _VIEWS:
        chat.conversation.preferences = chat.conversation.preferences.with_setting("thinking", argument)
        chat.note(f"Thinking is shown: {argument}.")
        return
    if argument and not argument.isdecimal():
        raise UsageError(
            "invalid_argument",
            f'/thinking takes a number or {", ".join(_VIEWS)}; not "{argument}".',
            "1 is the last turn that has thinking.",
        )
    thoughts = [turn for turn in chat.conversation.path if turn.thinking]
    back = int(argument or 1)
    if not thoughts:
        raise UsageError(
            "no_thinking", "There is no thinking to show yet.", "/think TEXT asks with thinking."
        )
    if not 1 <= back <= len(thoughts):
        raise UsageError(
            "no_thinking", "Fewer turns have thinking.", f"/thinking takes 1 to {len(thoughts)}."
        )
    turn = thoughts[-back]
    chat.note(f"> {one_line(turn.question)}")
    say(chat, *visible(turn.thinking.strip()).splitlines(), style="thinking")


@action("theme")
def _theme(chat: Chat, argument: str) -> None:
    palette = chat.streams.palette
    argument = argument or pick_theme(chat) or ""
    if argument:
        name = choice(argument, {theme: theme for theme in THEMES}, "/theme")
        use_theme(chat.streams, dataclasses.replace(palette.choice, name=name))
    by = " (auto)" if palette.choice.name == "auto" else ""
    chat.note(f"The theme is {palette.name}{by}: {ABOUT[palette.name]}.")


@action("stats")
def _stats(chat: Chat, _argument: str) -> None:
    path = chat.conversation.path
    if not path:
        raise UsageError("empty_conversation", "Nothing has been said yet.", "Ask something first.")
    last = path[-1]
    usage, times = last.usage, last.timing
    cached = f", {usage.cached:,} from the cache" if usage.cached else ""
    report = last.reasoning
    rows = (
        ("model", last.model),
        (
            "reasoning",
            f"asked {report.asked}, applied {report.applied}: {report.how}" if report else "unknown",
        ),
        ("prompt", f"{token_count(usage.prompt)}{cached}, {times.prompt:.2f} s"),
        ("thinking", f"{token_count(usage.thinking)}, {times.thinking:.2f} s"),
        ("answer", f"{token_count(usage.answer)}, {times.answer:.2f} s"),
        ("speed", f"{times.tokens_per_second:,.1f} tokens/s, the first after {times.first_token:.2f} s"),
        ("", ""),
        ("turns", f"{len(path):,}"),
        (
            "all thinking",
            f"{token_count(_sum(path, 'thinking'))}, {sum(turn.timing.thinking for turn in path):.1f} s",
        ),
        (
            "all answers",
            f"{token_count(_sum(path, 'answer'))}, {sum(turn.timing.answer for turn in path):.1f} s",
        ),
    )
    card(chat.streams, rows)


@action("context")
def _context(chat: Chat, _argument: str) -> None:
    wait_for_model(chat)
    usage = chat.conversation.context_usage(chat.backend)
    unicode = chat.streams.unicode
    say(chat, usage.text if usage.limit is None else f"{usage.text}, {usage.percent}%")
    left = chat.conversation.left_out
    if left:
        say(chat, f"  left out from the beginning: {counted(len(left), 'turn')}", style="muted")
    parts = chat.conversation.context_parts(chat.backend)
    number = max((len(f"{size:,}") for _, size in parts), default=1)
    bar = min(_BAR, chat.streams.width // 4)
    for name, size in parts:
        filled = min(round(size / max(usage.limit or usage.used, 1) * bar), bar)
        drawn = ("█" if unicode else "#") * filled + ("░" if unicode else ".") * (bar - filled)
        line = f"  {size:>{number},}  {drawn}  {one_line(name)}"
        say(chat, clip(line, chat.streams.width - 1))


def _sum(path: Sequence[TurnRecord], part: str) -> int:
    return sum(getattr(turn.usage, part) for turn in path)
