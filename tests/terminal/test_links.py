"""Links in an answer: a click opens them where the terminal is known to, and their text and address stay."""

from __future__ import annotations

import re

import pytest

from mull.terminal.console.links import opens_links
from mull.terminal.console.style import Style
from mull.terminal.markdown.stream import render
from mull.terminal.views.live_region import LiveRegion

LINKS = Style(links=True)
LINK = re.compile(r"\x1b\]8;id=\w+;([^\x1b]*)\x1b\\(.*?)\x1b\]8;;\x1b\\")
SGR = re.compile(r"\x1b\[[0-9;]*m")


def linked(source: str, columns: int = 60) -> list[tuple[str, str]]:
    """(address, visible text) of each link in the lines."""
    shown = "\n".join(render(source, columns, LINKS))
    return [(address, SGR.sub("", text)) for address, text in LINK.findall(shown)]


def test_text_and_address_lead_there() -> None:
    assert linked("a [page](https://x.y/z) b <https://c.d>") == [
        ("https://x.y/z", "page"),
        ("https://x.y/z", " (https://x.y/z)"),
        ("https://c.d", "https://c.d"),
    ]
    assert linked("[**bold** `code`](https://x.y)")[:3] == [
        *(("https://x.y", text) for text in ("bold", " ", "code")),
    ]


def test_each_line_of_a_wrapped_link_is_linked() -> None:
    lines = linked("[" + "word " * 12 + "](https://x.y)", 20)
    assert len(lines) > 3
    assert {address for address, _ in lines} == {"https://x.y"}


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "file:///etc/passwd", "x/y.md", "https://x.y/" + "a" * 2000, "#anchor"]
)
def test_other_addresses_are_text_only(target: str) -> None:
    assert linked(f"[a]({target})") == []


def test_no_address_ends_the_sequence_early() -> None:
    for target in (
        "https://x.y/\x1b\\z",
        "https://x.y/\x07z",
        "https://x.y/ä你",
        "<https://x.y/a b>",
        "https://x/%1b",
    ):
        for address, _ in linked(f"[a]({target})"):
            assert re.fullmatch("[!-~]+", address)


def test_the_visible_text_is_the_same_without_links() -> None:
    source = "a [page](https://x.y/z) b, ![picture](https://p.q)"
    plain = [SGR.sub("", line) for line in render(source, 30, Style())]
    assert [SGR.sub("", LINK.sub(r"\2", line)) for line in render(source, 30, LINKS)] == plain
    assert "\x1b" not in "".join(render(source, 30, Style(plain=True, links=True)))


def test_the_live_region_does_not_count_addresses() -> None:
    written: list[str] = []
    region = LiveRegion(written.append, lambda: (20, 6))
    line = LINKS.linked("short", "https://x.y/" + "a" * 40)
    region.paint([line, "below"])
    assert (
        f"{line}\x1b[K" in written[0]
    )  # the row is cleared behind a line that fits, before one that does not


@pytest.mark.parametrize(
    ("environ", "opens"),
    [
        ({}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.5.10"}, True),
        ({"TERM_PROGRAM": "vscode", "TERM_PROGRAM_VERSION": "1.71.2"}, False),
        ({"TERM_PROGRAM": "vscode", "TERM_PROGRAM_VERSION": "1.100.0"}, True),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"VTE_VERSION": "7600"}, True),
        ({"VTE_VERSION": "4600"}, False),
        ({"WT_SESSION": "1"}, True),
        ({"KONSOLE_VERSION": "220401"}, True),
        ({"TERM": "screen", "VTE_VERSION": "7600"}, False),
        ({"TMUX": "x", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "3.3a", "WT_SESSION": "1"}, False),
        ({"TMUX": "x", "TERM_PROGRAM": "tmux", "TERM_PROGRAM_VERSION": "3.10"}, True),
        ({"FORCE_HYPERLINK": "1"}, True),
        ({"FORCE_HYPERLINK": "0", "TERM": "xterm-kitty"}, False),
    ],
)
def test_which_terminals_open_links(environ: dict[str, str], opens: bool) -> None:
    assert opens_links(environ) == opens
