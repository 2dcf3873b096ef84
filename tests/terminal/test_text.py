"""The pure functions: sanitizing, widths, wrapping, keys."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mull.terminal.console.quantities import counted, token_count
from mull.terminal.console.sanitize import Sanitizer, one_line, visible
from mull.terminal.console.width import breaks, clip, fit, most, width, wrap
from mull.terminal.input.keys import ESCAPE_SECONDS, Key, KeyParser
from mull.terminal.input.typeahead import Typeahead
from mull.terminal.views.wrapping import TextStream, WrappedText

ANY_TEXT = st.text(st.characters(exclude_categories=[]))
FAMILY, FLAG, HAND, HEART, KEY = "👨‍👩‍👧", "🇩🇪", "👍🏽", "❤️", "1️⃣"  # one character each to a reader
CLUSTERS = [FAMILY, FLAG, HAND, HEART, KEY, "🏴\U000e0067\U000e0062\U000e007f", "🤷🏽‍♀️", "e\u0301", "你", "a"]
KINDS = st.text(st.sampled_from("ab \n\r\t\x1b\x9b\x07\u202e你好😀é́‍️"))


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 turns"), (1, "1 turn"), (2, "2 turns"), (1312, "1,312 turns")]
)
def test_a_count_agrees_with_its_noun(number: int, text: str) -> None:
    assert counted(number, "turn") == text
    assert token_count(number) == text.replace("turn", "token")


@given(ANY_TEXT | KINDS)
def test_no_control_character_is_left(text: str) -> None:
    shown = visible(text)
    assert all(char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cs"} for char in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]8;;http://x\x07y", "␛]8;;http://x␇y"),
        ("\x9b1m", "\\x9b1m"),
        ("a\r\nb\rc", "a\nb␍c"),
        ("\x7f\x08\x00", "␡␈␀"),
        ("שלום \u200fעולם", "שלום \u200fעולם"),
        ("tab\tnew\nline", "tab\tnew\nline"),
    ],
)
def test_control_characters_are_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_one_line_is_one() -> None:
    assert one_line(" a\n b\t\x1bc ") == "a b ␛c"


@given(st.lists(KINDS))
def test_sanitizing_does_not_depend_on_the_chunks(parts: list[str]) -> None:
    sanitizer = Sanitizer()
    fed = "".join(sanitizer.feed(part) for part in parts) + sanitizer.finish()
    assert fed == visible("".join(parts))


@given(st.text(st.sampled_from("ab  \t你。😀é-")), st.integers(2, 30))
def test_wrapped_lines_fit_and_lose_nothing(text: str, columns: int) -> None:
    lines = wrap(text, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join(lines).replace(" ", "") == text.expandtabs(4).replace(" ", "")


@given(st.text(st.sampled_from("ab  你。😀")), st.text(st.sampled_from("ab 你。")), st.integers(2, 20))
def test_lines_are_final_but_for_the_last(text: str, more: str, columns: int) -> None:
    before, after = breaks(text, columns), breaks(text + "b" + more, columns)
    settled = [line for line in before if line[1] < len(text.rstrip()) and line[1] < before[-1][0]]
    assert after[: len(settled)] == settled


@pytest.mark.parametrize(
    ("text", "cells"),
    [("abc", 3), ("你好", 4), ("😀", 2), ("é", 1), ("e\u0301", 1), ("⚠️", 2), ("", 0)],
)
def test_widths(text: str, cells: int) -> None:
    assert width(text) == cells


@pytest.mark.parametrize(
    ("text", "cells", "at_most"),
    [
        (FAMILY, 2, 6),
        (FLAG, 2, 4),
        (HAND, 2, 4),
        (HEART, 2, 2),
        (KEY, 2, 2),
        ("a\u200db", 2, 2),
        ("─·↳▸⠋", 5, 5),
    ],
)
def test_sequences_take_two_cells_today_and_more_on_older_terminals(
    text: str, cells: int, at_most: int
) -> None:
    assert (width(text), most(text)) == (cells, at_most)
    assert width(text * 3) == 3 * cells


@given(ANY_TEXT | KINDS)
def test_the_upper_bound_is_one(text: str) -> None:
    assert most(visible(text)) >= width(visible(text)) >= 0


@given(st.lists(st.sampled_from(CLUSTERS)), st.integers(2, 12))
def test_no_line_break_divides_what_a_reader_takes_for_one_character(
    clusters: list[str], columns: int
) -> None:
    text, left = "".join(clusters), iter(clusters)
    for line in wrap(text, columns):
        assert width(line) <= columns
        shown = ""
        while len(shown) < len(line):
            shown += next(left)
        assert shown == line
    assert not list(left)
    whole = ["".join(clusters[:count]) for count in range(len(clusters) + 1)]
    assert text[: fit(text, 0, columns)] == max(
        (start for start in whole if width(start) <= columns), key=len
    )


@given(st.text("ab 你😀" + FAMILY + FLAG + HAND + HEART))
def test_widths_are_those_of_the_library(text: str) -> None:
    from wcwidth import iter_graphemes, wcswidth

    assert width(text) == sum(map(wcswidth, iter_graphemes(text)))


def test_a_closing_mark_does_not_begin_a_line() -> None:
    assert wrap("你好你好。你好", 8) == ["你好你", "好。你好"]


def test_clipping() -> None:
    assert clip("hello", 5) == "hello"
    assert clip("hello!", 5) == "hell…"
    assert clip("你好你好", 5) == "你好…"
    assert clip("hello", 0) == ""


@given(st.lists(KINDS), st.integers(3, 30))
def test_a_text_stream_returns_its_text_once(parts: list[str], columns: int) -> None:
    flow = TextStream()
    out: list[str] = []
    for part in parts:
        flow.feed(part)
        finished, tail = flow.take(columns, 1000)
        out += finished
        assert all(width(line) <= columns for line in tail)
    out += flow.finish(columns)
    assert "\n".join(out).rstrip("\n") == visible("".join(parts)).expandtabs(4).rstrip("\n")


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"\x03", [Key("interrupt")]),
        (b"\x0f\t", [Key("fold"), Key("tab")]),
        (b"hi\r", [Key("text", "hi"), Key("enter")]),
        ("\t\u3000a\u200db\u00a0c\x9b".encode(), [Key("tab"), Key("text", "\u3000a\u200db\u00a0c")]),
        (
            b"one\r\ttwo\rthree\r",
            [Key("text", "one\n\ttwo\nthree"), Key("enter")],
        ),  # a paste without brackets
        (b"\x1b[13;2ux\x1b[27;2;13~", [Key("newline"), Key("text", "x"), Key("newline")]),
        (b"\x1b[99;5u\x1b[27u\x1b[9u\x1b[111;5u", [Key("interrupt"), Key("escape"), Key("tab"), Key("fold")]),
        (b"\x1b[99;133u\x1b[122;5:1u\x1b[122;5:3u", [Key("interrupt"), Key("suspend")]),
        (b"\x1b]52;c;AAAA\x07\x1bP>|term\x1b\\\x1b[M !!\x1b[<0;1;1Mx", [Key("text", "x")]),
        (b"\x1b]52;c\x03x", [Key("interrupt"), Key("text", "x")]),  # a control character ends a sequence
        (b"\x1b[1;5\xc3\xa9", [Key("text", "é")]),
        ("é你".encode(), [Key("text", "é你")]),
        (
            b"\x1b[A\x1b[B\x1b[1;5Cx",
            [Key("up"), Key("text", "x")],
        ),  # other arrows have no meaning during a turn
        (b"\x1bOPx", [Key("text", "x")]),
        (b"\x1b\rx", [Key("newline"), Key("text", "x")]),
        (b"\x1b[200~a\r\nb\x03\x1b[201~!", [Key("text", "a\nb\x03"), Key("text", "!")]),
        (b"\x1b\x1b[Ax", [Key("escape"), Key("up"), Key("text", "x")]),
    ],
)
def test_keys(data: bytes, keys: list[Key]) -> None:
    parser = KeyParser()
    assert parser.feed(data, 0.0) + parser.flush(1.0) == keys


@given(
    st.lists(
        st.sampled_from([b"\x1b[A", b"\x1b[200~x\r\x1b[201~", "é".encode(), b"\x03", b"\x1bOP", b"q", b"\r"])
    )
)
def test_keys_do_not_depend_on_the_chunks(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    whole, parser = KeyParser(), KeyParser()
    bytewise = [key for byte in data for key in parser.feed(bytes([byte]), 0.0)]
    assert _joined(bytewise + parser.flush(1.0)) == _joined(whole.feed(data, 0.0) + whole.flush(1.0))
    assert parser.deadline is None


def _joined(keys: list[Key]) -> list[Key]:
    """Adjacent text as one key."""
    joined: list[Key] = []
    for key in keys:
        if key.name == "text" and joined and joined[-1].name == "text":
            joined[-1] = Key("text", joined[-1].text + key.text)
        else:
            joined.append(key)
    return joined


def test_a_lone_escape_is_a_key_after_a_pause() -> None:
    parser = KeyParser()
    assert parser.feed(b"\x1b", 0.0) == []
    assert parser.deadline == ESCAPE_SECONDS
    assert parser.flush(ESCAPE_SECONDS / 2) == []
    assert parser.flush(ESCAPE_SECONDS) == [Key("escape")]
    assert parser.deadline is None


def test_typing_ahead() -> None:
    typed, parser = Typeahead(), KeyParser()
    for key in [*parser.feed(b"one\r", 0.0), *parser.feed(b"two\x7f\nthree\x15four", 1.0)]:
        typed.press(key)
    assert typed.lines == ["one"]
    assert typed.text == "four"


@given(st.lists(st.text("ab  \n你é-", max_size=30), max_size=12), st.integers(2, 30), st.integers(1, 8))
def test_growing_text_is_wrapped_as_if_it_were_complete(pieces: list[str], columns: int, rows: int) -> None:
    whole = wrap("".join(pieces), columns)
    while whole and not whole[-1]:
        whole.pop()
    kept, taken = WrappedText(), WrappedText()
    lines: list[str] = []
    for piece in pieces:
        kept.feed(piece)
        taken.feed(piece)
        kept.newest(columns, rows)
        lines += taken.take(columns)
    assert kept.all(columns) == whole
    assert kept.newest(columns, rows) == whole[-rows:]
    lines += taken.all(columns)
    while lines and not lines[-1]:
        lines.pop()
    assert lines == whole
    fresh = WrappedText()
    fresh.feed("".join(pieces))
    assert kept.all(columns + 3) == fresh.all(columns + 3)  # another width wraps all of the text again
