"""The styles in use: names resolved to rich styles and SGR codes, by the chosen theme and what the terminal can show.

In: a function that says what the user chose, called when something is first drawn in colour, which also imports rich.
Out: styles and codes by name. `use` switches the theme at any time, for all streams that share the palette. Raises
MullError (invalid_config) for a style that rich cannot parse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from mull.errors import MullError
from mull.terminal.console.code_styles import CODE, pygments_style, pygments_theme, theme_style
from mull.terminal.console.theme import STYLES, Override, ThemeChoice, ThemeName

if TYPE_CHECKING:
    from rich.style import Style as RichStyle
    from rich.syntax import SyntaxTheme
    from rich.theme import Theme

Depth = Literal["standard", "256", "truecolor"]
"""How many colours the terminal has: 16, 256 or 16 million; rich's names for them."""


class Palette:
    """One theme at a time. `name` is its name, `ready` whether it was needed yet."""

    def __init__(
        self,
        choose: Callable[[], ThemeChoice] = lambda: ThemeChoice("ansi"),
        *,
        depth: Depth = "standard",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.depth: Depth = depth
        self._choose = choose
        self._environ = environ or {}
        self._choice: ThemeChoice | None = None
        self._theme: Theme | None = None
        self._colorless: Theme | None = None
        self._code: SyntaxTheme | None = None
        self._name: ThemeName = "ansi"
        self._styles: dict[tuple[str, bool], RichStyle] = {}
        self._codes: dict[tuple[str, bool], str] = {}

    @property
    def ready(self) -> bool:
        return self._theme is not None

    @property
    def choice(self) -> ThemeChoice:
        """What the user chose; asked for once."""
        if self._choice is None:
            self._choice = self._choose()
        return self._choice

    @property
    def name(self) -> ThemeName:
        """The theme in use; never "auto"."""
        self.theme  # noqa: B018 - resolves it
        return self._name

    @property
    def theme(self) -> Theme:
        """Every style by its name, as rich's consoles take it."""
        if self._theme is None:
            self.use(self.choice)
        assert self._theme is not None
        return self._theme

    def current(self, *, color: bool) -> Theme:
        """The theme in use; without colours for a stream that takes none."""
        if color:
            return self.theme
        if self._colorless is None:
            self._colorless = _build("mono", self.choice.overrides, self.depth)
        return self._colorless

    def use(self, choice: ThemeChoice, background: ThemeName | None = None) -> None:
        """Switch to this theme; `background` is what "auto" means: dark or light, None where it is not known."""
        name: ThemeName = choice.name
        if name == "auto":
            name = background or _from_environment(self._environ) or "ansi"
        if name in {"dark", "light"} and self.depth == "standard":
            name = "ansi"  # the nearest of sixteen colours may be the background
        theme = _build(name, choice.overrides, self.depth)
        self._code = pygments_theme(choice.code_theme) if choice.code_theme else None
        self._choice, self._theme, self._name, self._colorless = choice, theme, name, None
        self._styles.clear()
        self._codes.clear()

    def style(self, names: str, *, color: bool = True) -> RichStyle:
        """The style of these names, separated by spaces: styles of the theme, and attributes such as "bold"."""
        found = self._styles.get((names, color))
        if found is None:
            from rich.style import Style as RichStyle

            found = RichStyle.combine([self._named(name, color=color) for name in names.split()])
            self._styles[names, color] = found = found if color else found.without_color
        return found

    def _named(self, name: str, *, color: bool) -> RichStyle:
        from rich.style import Style as RichStyle

        styles = self.current(color=color).styles
        if name in styles:
            return styles[name]
        if not name.startswith(CODE):
            return RichStyle.parse(name)
        short = name.removeprefix(CODE)
        if self._code is None:
            return theme_style(short, styles)
        return _fitted(pygments_style(short, self._code), self.depth)

    def codes(self, names: str, *, color: bool = True) -> str:
        """The SGR sequence that begins the style; empty if nothing of it can be shown."""
        codes = self._codes.get((names, color))
        if codes is None:
            shown = self.style(names, color=color).render("x")
            codes = self._codes[names, color] = shown.partition("x")[0]
        return codes


def _build(name: ThemeName, overrides: Mapping[str, Override], depth: Depth) -> Theme:
    from rich.errors import StyleSyntaxError
    from rich.style import Style as RichStyle
    from rich.theme import Theme

    styles = {key: RichStyle.parse(getattr(entry, name)) for key, entry in STYLES.items()}
    for key, (definition, place) in overrides.items():
        try:
            styles[key] = RichStyle.parse(definition)
        except StyleSyntaxError as error:
            raise MullError(
                "invalid_config",
                f'The config has no valid style for "theme.{key}": {error}.',
                f"mull config edit opens it{': ' * bool(place)}{place}",
            ) from error
    return Theme({key: _fitted(style, depth) for key, style in styles.items()}, inherit=False)


def _fitted(style: RichStyle, depth: Depth) -> RichStyle:
    """The style in colours that the terminal has. rich would do so when it writes, but caches the first result."""
    from rich.color import ColorSystem
    from rich.style import Style as RichStyle

    system = {
        "standard": ColorSystem.STANDARD,
        "256": ColorSystem.EIGHT_BIT,
        "truecolor": ColorSystem.TRUECOLOR,
    }
    text, ground = (each and each.downgrade(system[depth]) for each in (style.color, style.bgcolor))
    return style + RichStyle.from_color(text, ground)


def _from_environment(environ: Mapping[str, str]) -> ThemeName | None:
    """rxvt, Konsole and others say in COLORFGBG which of their sixteen colours is the background."""
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    if not background.isdecimal():
        return None
    return "light" if background in {"7", "15"} else "dark"
