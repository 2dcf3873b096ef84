"""The built-in themes: every style can be read on every common background, in all depths of colour; overrides; SGR."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.color import ANSI_COLOR_NAMES, Color, ColorSystem
from rich.style import Style as RichStyle
from rich.terminal_theme import TerminalTheme

from mull import config
from mull.errors import MullError
from mull.terminal.console.palette import Depth, Palette
from mull.terminal.console.style import Style
from mull.terminal.console.theme import STYLES, THEMES, Override, ThemeChoice, ThemeName, theme_name

Rgb = tuple[int, int, int]
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
SOLARIZED_LIGHT, SOLARIZED_DARK = (0xFD, 0xF6, 0xE3), (0x00, 0x2B, 0x36)
DARK, LIGHT = (BLACK, SOLARIZED_DARK), (WHITE, SOLARIZED_LIGHT)
# https://ethanschoonover.com/solarized: its sixteen colours, in the order of their numbers.
SOLARIZED = [
    (0x07, 0x36, 0x42), (0xDC, 0x32, 0x2F), (0x85, 0x99, 0x00), (0xB5, 0x89, 0x00),
    (0x26, 0x8B, 0xD2), (0xD3, 0x36, 0x82), (0x2A, 0xA1, 0x98), (0xEE, 0xE8, 0xD5),
    (0x00, 0x2B, 0x36), (0xCB, 0x4B, 0x16), (0x58, 0x6E, 0x75), (0x65, 0x7B, 0x83),
    (0x83, 0x94, 0x96), (0x6C, 0x71, 0xC4), (0x93, 0xA1, 0xA1), (0xFD, 0xF6, 0xE3),
]  # fmt: skip
XTERM = [
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
    (255, 255, 255),
]  # fmt: skip
LINES = {"border", "progress_left"}  # no text


def luminance(rgb: Rgb) -> float:
    parts = [part / 255 for part in rgb]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Rgb, other: Rgb) -> float:
    """WCAG 2's contrast ratio, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_wcags() -> None:
    assert contrast(WHITE, BLACK) == pytest.approx(21)
    assert contrast((0x77, 0x77, 0x77), WHITE) == pytest.approx(
        4.48, abs=0.01
    )  # the known limit of grey on white


def shown(
    style: RichStyle, background: Rgb, system: ColorSystem, palette: list[Rgb]
) -> tuple[Rgb, Rgb] | None:
    """The colours of text and background; None for text in the terminal's own colour on its own background."""
    theme = TerminalTheme(background, (128, 128, 128), palette[:8], palette[8:])

    def of(color: Color) -> Rgb:
        return tuple(color.downgrade(system).get_truecolor(theme))

    if style.bgcolor is not None:
        assert style.color is not None, (
            "a background needs a colour of its own: the terminal's may vanish on it"
        )
        return of(style.color), of(style.bgcolor)
    return None if style.color is None else (of(style.color), background)


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT])
@pytest.mark.parametrize(("theme", "own", "other"), [("dark", DARK, LIGHT), ("light", LIGHT, DARK)])
def test_every_style_is_readable_on_its_background_and_vanishes_on_none(
    name: str, system: ColorSystem, theme: str, own: tuple[Rgb, ...], other: tuple[Rgb, ...]
) -> None:
    style = RichStyle.parse(getattr(STYLES[name], theme))
    exact = system is ColorSystem.TRUECOLOR
    for background, least in [
        *((one, (3.0 if name in LINES else 4.5) - (0 if exact else 0.8)) for one in own),
        *((one, 2.0 - (0 if exact else 0.2)) for one in other),
    ]:
        colors = shown(style, background, system, XTERM)
        assert colors is None or contrast(*colors) >= least, (name, background)


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize(("palette", "backgrounds", "least"), [
    (SOLARIZED, (SOLARIZED_LIGHT, SOLARIZED_DARK), 2.3), (XTERM, (WHITE, BLACK), 1.6),
])  # fmt: skip
def test_ansi_styles_vanish_on_no_common_palette(
    name: str, palette: list[Rgb], backgrounds: tuple[Rgb, ...], least: float
) -> None:
    """xterm's yellow on white has 1.7, as in every program that uses it."""
    style = RichStyle.parse(STYLES[name].ansi)
    assert style.color is None or style.color.name not in {"bright_black", "black", "white", "bright_white"}
    for background in backgrounds:
        colors = shown(style, background, ColorSystem.STANDARD, palette)
        assert colors is None or contrast(*colors) >= least, (name, background)


@pytest.mark.parametrize("name", STYLES)
def test_mono_has_no_colour(name: str) -> None:
    style = RichStyle.parse(STYLES[name].mono)
    assert style.color is None
    assert style.bgcolor is None


def painted(text: str, name: str, choice: ThemeChoice, depth: Depth, *, color: bool = True) -> str:
    return Style(color=color, palette=Palette(lambda: choice, depth=depth))(text, name)


def test_the_depth_decides_the_codes() -> None:
    dark = ThemeChoice("dark")
    assert painted("x", "accent", dark, "truecolor") == "\x1b[38;2;56;177;192mx\x1b[0m"
    assert "38;5;" in painted("x", "accent", dark, "256")
    assert painted("x", "accent", dark, "standard") == "\x1b[36mx\x1b[0m"  # the theme ansi
    assert painted("x", "accent", dark, "truecolor", color=False) == "\x1b[1mx\x1b[0m"


def test_names_add_up_and_attributes_are_styles_too() -> None:
    ansi = ThemeChoice("ansi")
    assert painted("x", "bold code", ansi, "standard") == "\x1b[1;36mx\x1b[0m"
    assert painted("x", "bold", ansi, "standard") == "\x1b[1mx\x1b[0m"
    assert painted("", "bold", ansi, "standard") == ""
    assert Style(plain=True)("x", "error") == "x"


@pytest.mark.parametrize(("colorfgbg", "theme"), [("0;15", "light"), ("15;default;0", "dark"), ("", "ansi")])
def test_colorfgbg_is_the_background_where_the_terminal_does_not_say(colorfgbg: str, theme: str) -> None:
    palette = Palette(ThemeChoice, depth="truecolor", environ={"COLORFGBG": colorfgbg})
    assert palette.name == theme


def test_the_theme_changes_for_all_who_share_the_palette() -> None:
    palette = Palette(lambda: ThemeChoice("ansi"), depth="truecolor")
    one, other = Style(palette=palette), Style(color=False, palette=palette)
    assert one("x", "accent") == "\x1b[36mx\x1b[0m"
    palette.use(ThemeChoice("light"))
    assert one("x", "accent") == "\x1b[38;2;10;109;122mx\x1b[0m"
    assert other("x", "accent") == "\x1b[1mx\x1b[0m"


def test_code_has_the_styles_of_the_theme_or_of_pygments() -> None:
    own = painted("x", "code.kn", ThemeChoice("ansi"), "truecolor")
    assert own == painted("x", "keyword", ThemeChoice("ansi"), "truecolor")
    monokai = painted("x", "code.kn", ThemeChoice("ansi", code_theme="monokai"), "truecolor")
    assert (
        monokai == "\x1b[38;2;255;70;137mx\x1b[0m"
    )  # Keyword.Namespace of pygments/styles/monokai.py: #ff4689
    with pytest.raises(MullError, match="monokay") as error:
        painted("x", "code.kn", ThemeChoice("ansi", code_theme="monokay"), "truecolor")
    assert "monokai" in error.value.hint


@pytest.mark.parametrize("text", ["dark", "LIGHT", "Mono"])
def test_theme_names_have_no_case(text: str) -> None:
    assert theme_name(text) == text.lower()


def test_an_unknown_theme_suggests_one() -> None:
    with pytest.raises(ValueError, match="Did you mean light"):
        theme_name("ligth")


# The config


def loaded(tmp_path: Path, text: str) -> config.Config:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return config.load(path)


def test_a_table_changes_single_styles(tmp_path: Path) -> None:
    found = loaded(tmp_path, '[theme]\nbase = "dark"\nthinking = "italic #888888"\n').theme()
    assert found.name == "dark"
    assert painted("x", "thinking", found, "truecolor") == "\x1b[3;38;2;136;136;136mx\x1b[0m"
    assert painted("x", "accent", found, "truecolor") == painted(
        "x", "accent", ThemeChoice("dark"), "truecolor"
    )


def test_a_text_names_the_theme(tmp_path: Path) -> None:
    assert loaded(tmp_path, 'theme = "mono"\n').theme() == ThemeChoice("mono")
    assert loaded(tmp_path, "").theme().name == "auto"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('thinkin = "red"', "thinking"),
        ("accent = 7", "theme.accent"),
        ('base = "drak"', "theme.base"),
        ('accent = { color = "red" }', "theme.accent"),
    ],
)
def test_a_wrong_table_is_an_error_with_its_line(tmp_path: Path, line: str, word: str) -> None:
    with pytest.raises(MullError, match=word) as error:
        loaded(tmp_path, f"seed = 1\n[theme]\n{line}\n")
    assert "line 3" in error.value.hint


@pytest.mark.parametrize("definition", ["#12", "bold blu", "rgb(300,0,0)", "on", "not", "link"])
def test_a_style_that_cannot_be_parsed_is_an_error_with_its_line(tmp_path: Path, definition: str) -> None:
    found = loaded(tmp_path, f'# colours\n[theme]\naccent = "{definition}"\n').theme()
    with pytest.raises(MullError, match=r"theme\.accent") as error:
        Palette(lambda: found).codes("muted")
    assert "line 3" in error.value.hint


@pytest.mark.parametrize("name", [*list(ANSI_COLOR_NAMES)[::40], "color(17)", "rgb(1,2,3)", "default"])
def test_every_name_of_a_colour_is_a_style(name: str) -> None:
    choice = ThemeChoice("ansi", {"accent": Override(name)})
    assert Palette(lambda: choice, depth="truecolor").style("accent").color == Color.parse(name)


def test_set_and_unset_leave_single_styles(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[theme]\naccent = "red"  # mine\n', encoding="utf-8")
    config.save_value(path, "theme", "light")
    config.save_value(path, "seed", "4")
    found = config.load(path)
    assert (found.theme().name, found["seed"]) == ("light", 4)
    assert found.theme().overrides["accent"].definition == "red"
    config.save_value(path, "theme", None)
    assert config.load(path).theme().name == "auto"
    assert "# mine" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", THEMES)
def test_every_theme_is_complete(name: ThemeName) -> None:
    assert set(Palette(lambda: ThemeChoice(name), depth="truecolor").theme.styles) == set(STYLES)
