"""The built-in themes: one table of named styles, and what the user chose from it.

In: names and rich's style definitions ("bold #b490f3", "dim", "on blue"). Out: a `ThemeChoice`; `palette.py` turns it
into styles. This module imports nothing heavy: flags and the config are checked against it without drawing anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, NamedTuple, get_args

from mull.dataclass import dataclass
from mull.suggest import did_you_mean, nearest

ThemeName = Literal["auto", "dark", "light", "ansi", "mono"]
THEMES: tuple[ThemeName, ...] = get_args(ThemeName)
ABOUT: Mapping[ThemeName, str] = {
    "auto": "dark or light, by the terminal's background; ansi if it is not known",
    "dark": "for dark backgrounds",
    "light": "for light backgrounds",
    "ansi": "the terminal's own sixteen colours, for any background",
    "mono": "bold, dim and underlined text, no colours",
}


class StyleEntry(NamedTuple):
    """One named style: what it is for, and its definition in each theme.

    The colours of `dark` and `light` have a contrast of 4.5 and more on their own kind of background, and of 2 on the
    other; lines, 3. Grounds are nearly grey: of 256 colours, rich takes a saturated one for any other dark or pale one.
    `ansi` uses no colour that is the background of a common palette: black, white and their bright forms (bright black
    is Solarized's background); and not blue, which is hard to read on black.
    """

    about: str
    dark: str
    light: str
    ansi: str
    mono: str


def _entry(about: str, dark: str, light: str, ansi: str, mono: str = "", *, with_: str = "") -> StyleEntry:
    """`with_`: attributes of every theme."""
    return StyleEntry(about, *(f"{with_} {one}".strip() for one in (dark, light, ansi, mono)))


STYLES: Mapping[str, StyleEntry] = {
    # Text of mull itself
    "accent": _entry("spinners, marks, names", "#38b1c0", "#0a6d7a", "cyan", "bold"),
    "muted": _entry("notices, hints, figures", "#9aa3af", "#5a6472", "dim", "dim"),
    "border": _entry("lines of tables, cards and panels", "#707d8f", "#768294", "dim", "dim"),
    "good": _entry("what fits, is installed, is right", "#45b76b", "#147234", "green"),
    "warning": _entry("what needs attention", "#ce991d", "#815d07", "yellow", "bold"),
    "error": _entry("what failed", "#f4807c", "#c1211c", "red", with_="bold"),
    "table_head": _entry("the headings of columns", "#9aa3af", "#5a6472", "", with_="bold"),
    "progress": _entry("the finished part of a bar", "#38b1c0", "#0a6d7a", "cyan"),
    "progress_left": _entry("the rest of a bar", "#707d8f", "#768294", "dim", "dim"),
    # The chat
    "prompt": _entry("the mark before your input", "#38b1c0", "#0a6d7a", "cyan", with_="bold"),
    "placeholder": _entry("the text in an empty input", "#9aa3af", "#5a6472", "dim", "dim", with_="italic"),
    "queued": _entry("questions that wait", "#9aa3af", "#5a6472", "dim", "dim", with_="italic"),
    "user": _entry("your questions", "#e3e8ef on #2f343b", "#1f2630 on #e7e9ec", "bold", "bold"),
    "bar": _entry("the bar under the input", "#9aa3af", "#5a6472", "dim", "dim"),
    "menu": _entry("the menu of completions", "#d5dbe4 on #2f343b", "#26303c on #eceef0", "reverse", "reverse"),
    "menu_selected": _entry(
        "the chosen completion", "#0f1720 on #38b1c0", "#ffffff on #0a6d7a", "not reverse", "not reverse",
        with_="bold",
    ),
    "menu_about": _entry(
        "the descriptions in the menu", "#a9b4c3 on #2f343b", "#55606f on #eceef0", "reverse", "reverse"
    ),
    # Answers
    "thinking": _entry("thoughts", "#9aa3af", "#5a6472", "dim", "dim"),
    "title": _entry("headings of the first level", "#b490f3", "#7743d0", "magenta", with_="bold underline"),
    "heading": _entry("headings of the second level", "#b490f3", "#7743d0", "magenta", with_="bold"),
    "code": _entry("inline code", "#d89345", "#915510", "cyan"),
    "math": _entry("mathematics", "#76b14c", "#3f6f1c", "green"),
    "link": _entry("the text of a link", "#66a5ee", "#1a63b6", "cyan", with_="underline"),
    "url": _entry("the target of a link", "#66a5ee", "#1a63b6", "cyan", "dim"),
    "quote": _entry("quotations", "#9aa3af", "#5a6472", "", with_="italic"),
    # Code, unless code_theme names a theme of Pygments
    "keyword": _entry("keywords", "#db81db", "#a035a0", "magenta"),
    "string": _entry("strings", "#6fb34d", "#38701c", "green"),
    "number": _entry("numbers", "#e68b4f", "#a04b12", "cyan"),
    "comment": _entry("comments", "#9aa3af", "#5a6472", "dim", "dim"),
    "name": _entry("names of functions, classes and types", "#6da5e5", "#1f63b1", "cyan", "bold"),
    "deleted": _entry("deleted lines of a diff", "#f4807c", "#c1211c", "red"),
    "inserted": _entry("inserted lines of a diff", "#45b76b", "#147234", "green", "bold"),
}  # fmt: skip


class Override(NamedTuple):
    """A style that the user set: its definition, and where ("line 4 of config.toml") for an error."""

    definition: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class ThemeChoice:
    """What flags, environment and config say. `code_theme`: a theme of Pygments; empty: the theme's own styles."""

    name: ThemeName = "auto"
    overrides: Mapping[str, Override] = field(default_factory=dict)
    code_theme: str = ""


def theme_name(text: str) -> ThemeName:
    """The theme of that name. Raises ValueError that suggests one."""
    for name in THEMES:
        if text.lower() == name:
            return name
    raise ValueError(f'no theme: "{text}". {did_you_mean(nearest(text, THEMES), f"Themes: {_listed()}.")}')


def check_overrides(table: Mapping[str, object]) -> None:
    """Check the names and types of `[theme]`, not the definitions. Raises ValueError, a predicate of "The config"."""
    for name, definition in table.items():
        if name == "base":
            if definition not in THEMES:
                raise ValueError(f'expects {_listed()} for "theme.base", not {definition!r}')
        elif name not in STYLES:
            near = nearest(name, STYLES)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ValueError(f'has an unknown style "{name}" in [theme]{hint}')
        elif not isinstance(definition, str):
            raise ValueError(f'expects a text for "theme.{name}", such as "bold #38b1c0", not {definition!r}')


def _listed() -> str:
    return f"{', '.join(THEMES[:-1])} or {THEMES[-1]}"
