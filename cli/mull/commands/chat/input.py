"""The prompt of a chat: its toolbar, past thinking, and completions for each command.

In: the chat. Out: a `Prompt` whose callbacks read the chat's current state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from mull import config
from mull.commands._completion import aliases, installed, of_endpoints, templates
from mull.commands.chat import slash
from mull.commands.chat.key_table import key_lines
from mull.commands.chat.session import Chat
from mull.conversation.preferences import SETTABLE
from mull.errors import MullError
from mull.fs import paths
from mull.terminal.console.quantities import counted
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.width import clip, wrap
from mull.terminal.input.completion import AfterEnter, Suggestion
from mull.terminal.input.completion import paths as suggest_paths
from mull.terminal.input.fuzzy import best
from mull.terminal.input.prompt import Prompt

HISTORY = "chat-history"
ROOMY = 64  # columns from which the toolbar spells everything out
PLACEHOLDER = "Ask a question, or / for commands"
SHORTEST_NAME = 8  # columns of a model's name that always show


def make_prompt(chat: Chat) -> Prompt:
    """The chat's input. A private chat, or one without `history` in the config, writes no history to disk."""
    writes_history = chat.config.saving.input_history and not chat.private
    prompt = Prompt(
        history_path=paths.state_dir() / HISTORY if writes_history else None,
        completer=lambda line: suggest(chat, line),
        toolbar=lambda columns: toolbar(chat, columns, prompt.refresh),
        thoughts=lambda: [(turn.question, turn.thinking) for turn in chat.conversation.path],
        keys=key_lines,
        vi=chat.config.vi,
        streams=chat.streams,
        turn=chat.turn,
        draw=lambda text, columns: _thoughts(chat, text, columns),
        placeholder=PLACEHOLDER,
        literal=slash.literal,
        is_command=lambda line: not isinstance(slash.parse(line), slash.PlainText),
    )
    return prompt


def _thoughts(chat: Chat, text: str, columns: int) -> Sequence[str]:
    """The thinking of a past turn, as it was shown."""
    preferences, streams = chat.conversation.preferences, chat.streams
    if not preferences.markdown:
        return wrap(text, columns)
    from mull.terminal.markdown.thoughts import drawn

    return drawn(text, columns, streams.stdout_style, unicode=streams.unicode, math=preferences.math)


def toolbar(chat: Chat, columns: int, refresh: Callable[[], None]) -> Sequence[str]:
    """Model, thinking, context, attached files; the most important first, abbreviated on a narrow terminal."""
    # The prompt is being drawn: from here on, loading the model does not delay it.
    chat.backend.start(refresh)
    files = chat.conversation.files
    name, thinking = one_line(chat.model_name), _thinking(chat)
    context = _context(chat, short=columns < ROOMY)
    if columns < ROOMY:
        thinking = thinking.partition(",")[0]
        beside = [text for text in (thinking, context) if text]
        name = clip(name, max(columns - sum(len(text) + len(" · ") for text in beside) - 3, SHORTEST_NAME))
    return [
        name,
        thinking,
        context,
        _speed(chat),
        f"{counted(len(files), 'file')} attached" if files else "",
        "private" if chat.private else "" if chat.conversation.branch.store.saved else "not saved",
        "editing the last question" if chat.replacing else "",
        "/help",
        "Ctrl+O thinking" if any(turn.thinking for turn in chat.conversation.path) else "",
    ]


def _thinking(chat: Chat) -> str:
    """How the next turn thinks; empty for a model that cannot, as far as is known."""
    preferences = chat.conversation.preferences
    able = chat.backend.can_think
    if able or (able is None and preferences.reasoning.asked != "default"):
        return f"thinking {preferences.reasoning_text}"
    return ""


def _speed(chat: Chat) -> str:
    """The tokens per second of the last turn."""
    last = chat.conversation.last
    speed = last.timing.tokens_per_second if last is not None else 0.0
    return f"{speed:,.0f} tokens/s" if speed else ""


def _context(chat: Chat, *, short: bool) -> str:
    """How full the context is, in tokens and percent; before that, how far the model is loaded."""
    loaded, usage = chat.backend.progress, chat.context_usage
    if loaded is not None:
        return f"loading {loaded:.0%}" if chat.address is None else "connecting"
    if usage is None:
        return ""
    if usage.limit is None:
        return usage.text
    if short:
        return f"{_thousands(usage.used)}/{_thousands(usage.limit)} {usage.percent}%"
    return f"{usage.text}, {usage.percent}%"


def _thousands(tokens: int) -> str:
    return f"{tokens:,}" if tokens < 10_000 else f"{tokens // 1000}k"


def suggest(chat: Chat, line: str) -> Iterator[Suggestion]:
    """Completions for the text before the cursor."""
    for name, about in slash.completions(line):
        command = slash.BY_NAME[name[1:]]
        begun = name.startswith(line.lower())  # else it only resembles the line, and nothing is done unasked
        then: AfterEnter = "argument" if command.needs_argument else "submit" if begun else "nothing"
        yield Suggestion(name, len(line), about, then, closed=True)
    meant = slash.parse(line) if " " in line else None
    if not isinstance(meant, slash.Call):
        return
    argument = line.lstrip().partition(" ")[2].lstrip()
    kind, command = meant.command.completes, meant.command
    if kind == "path" or (kind == "model" and argument.startswith((".", "~", "/"))):
        yield from suggest_paths(argument)
    elif kind == "choice":
        if command.name == "system" and argument.startswith("@"):
            yield from suggest_paths(argument[1:])
            return
        words = ((word, "") for word in command.choices)
        yield from _matching(argument, words, closed=not command.free)
    elif kind == "command":
        yield from _matching(argument, ((one.name, one.help) for one in slash.COMMANDS), closed=True)
    elif kind == "setting":
        yield from _settings(argument)
    elif kind == "template":
        yield from _matching(argument, templates(""), more=True)
    elif kind == "model":
        yield from _matching(argument, _models(argument))
    elif kind == "session" and not chat.private:
        yield from _matching(argument, _sessions(chat))


def _matching(
    word: str, candidates: Iterable[tuple[str, str]], *, closed: bool = False, more: bool = False
) -> Iterator[Suggestion]:
    """`more`: an argument follows."""
    for name, about in best(word, candidates, lambda one: one[0]):
        unasked = closed and name.lower().startswith(word.lower())
        yield Suggestion(name, len(word), about, "argument" if more else "submit", closed=unasked)


def _settings(argument: str) -> Iterator[Suggestion]:
    name, space, value = argument.partition(" ")
    if not space:
        about = ((key, config.find_key(key).help) for key in SETTABLE)
        yield from _matching(name, about, closed=True, more=True)
    elif name in SETTABLE:
        key = config.find_key(name)
        words = key.choices or (("on", "off") if key.kind is bool else ())
        yield from _matching(value, ((word, "") for word in (*words, "none")), closed=bool(words))


def _models(argument: str) -> Iterator[tuple[str, str]]:
    """Aliases, the installed models, and those that endpoints had when they were last asked."""
    try:
        yield from aliases()
        yield from installed()
        yield from of_endpoints(argument, wait=0)
    except (MullError, OSError):
        return


def _sessions(chat: Chat) -> Iterator[tuple[str, str]]:
    try:
        for session in chat.conversation.branch.store.sessions(limit=200):
            yield session.name or session.id, session.title
    except MullError:
        return
