"""The palette's styles as prompt_toolkit takes them, for the prompt, its bar and its menus.

In: a palette. Out: a style that follows it, so that a theme chosen at the prompt shows with the next key.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Style

if TYPE_CHECKING:
    from prompt_toolkit.output import ColorDepth
    from prompt_toolkit.styles import BaseStyle
    from rich.color import Color
    from rich.style import Style as RichStyle

# Classes of prompt_toolkit and of mull's own prompt, and their styles in the palette.
_CLASSES = {
    "mark": "prompt",
    "placeholder": "placeholder",
    "frame": "border",
    "bar": "bar",
    "search-toolbar": "bar",
    "search-toolbar.text": "prompt",
    "thought": "thinking",
    "paste": "accent",
    "picker.heading": "table_head",
    "picker.chosen": "menu_selected",
    "picker.about": "muted",
    "completion-menu": "menu",
    "completion-menu.completion": "menu",
    "completion-menu.completion.current": "menu_selected",
    "completion-menu.meta.completion": "menu_about",
    "completion-menu.meta.completion.current": "menu_selected",
    "completion-menu.multi-column-meta": "menu_about",
    "scrollbar.background": "menu",
    "scrollbar.button": "menu_selected",
}
_ANSI = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "gray",
         "brightblack", "brightred", "brightgreen", "brightyellow", "brightblue", "brightmagenta", "brightcyan",
         "white")  # fmt: skip
_ATTRIBUTES = ("bold", "dim", "italic", "underline", "reverse", "strike")


def prompt_style(style: Style) -> BaseStyle:
    """The style of a prompt on this stream."""
    from prompt_toolkit.styles import DynamicStyle

    return DynamicStyle(lambda: _style(tuple(_rules(style))))


def _rules(style: Style) -> list[tuple[str, str]]:
    found = [(name, style.palette.style(named, color=style.color)) for name, named in _CLASSES.items()]
    return [("bottom-toolbar", "noreverse"), *((name, definition(each)) for name, each in found)]


def color_depth(streams: Streams) -> ColorDepth:
    """As many colours as everything else that is drawn has."""
    from prompt_toolkit.output import ColorDepth

    if not streams.stdout_style.color:
        return ColorDepth.DEPTH_1_BIT
    depths = {"standard": ColorDepth.DEPTH_4_BIT, "256": ColorDepth.DEPTH_8_BIT}
    return depths.get(streams.palette.depth, ColorDepth.DEPTH_24_BIT)


@lru_cache(maxsize=8)
def _style(rules: tuple[tuple[str, str], ...]) -> BaseStyle:
    from prompt_toolkit.styles import Style as PromptStyle

    return PromptStyle(list(rules))


@lru_cache(maxsize=128)
def definition(style: RichStyle) -> str:
    """A rich style in prompt_toolkit's words."""
    # The menus have colours in prompt_toolkit's own style sheet, which these replace.
    words = [f"fg:{_color(style.color)}", f"bg:{_color(style.bgcolor)}"]
    for name in _ATTRIBUTES:
        value = getattr(style, name)
        if value is not None:
            words.append(name if value else f"no{name}")
    return " ".join(words)


def _color(color: Color | None) -> str:
    if color is None or color.is_default:
        return "default"
    if color.number is not None and color.number < len(_ANSI):
        return f"ansi{_ANSI[color.number]}"
    return color.get_truecolor().hex
