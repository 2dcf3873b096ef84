"""`--color` and `--theme`, which work with every command: taken off the command line before anything parses it.

In: the words. Out: the choices, and the words without them.
"""

from __future__ import annotations

from mull.errors import UsageError
from mull.terminal.console.streams import ColorChoice
from mull.terminal.console.theme import ThemeName, theme_name

COLORS: tuple[ColorChoice, ...] = ("auto", "always", "never")


def take_appearance(words: list[str]) -> tuple[ColorChoice, ThemeName | None, list[str]]:
    """Take --color and --theme off the words, as usage errors obey --color too. Raises UsageError."""
    color, words = _take(words, "--color")
    theme, words = _take(words, "--theme")
    if color is not None and color not in COLORS:
        raise UsageError(
            "usage_error",
            f'--color is auto, always or never, not "{color}"',
            "mull --help shows the options.",
        )
    return (
        next((choice for choice in COLORS if choice == color), "auto"),
        named_theme("--theme", theme),
        words,
    )


def _take(words: list[str], option: str) -> tuple[str | None, list[str]]:
    """The option's last value, if it was given anywhere before `--`, and the words without it."""
    end = words.index("--") if "--" in words else len(words)
    rest: list[str] = []
    taken = None
    position = 0
    while position < end:
        name, equals, value = words[position].partition("=")
        if name != option:
            rest.append(words[position])
        else:
            if not equals:
                position += 1
                value = words[position] if position < end else ""
            taken = value
        position += 1
    return taken, [*rest, *words[end:]]


def named_theme(where: str, name: str | None) -> ThemeName | None:
    """The theme of that name; None for none. Raises UsageError."""
    if name is None:
        return None
    try:
        return theme_name(name)
    except ValueError as error:
        raise UsageError("usage_error", f"{where} names {error}") from error
