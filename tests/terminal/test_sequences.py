"""Terminal input as tokens: sequences that come apart or never end, pastes with and without brackets."""

from __future__ import annotations

import pytest

from mull.terminal.input.key_codes import plain
from mull.terminal.input.sequences import Token, Tokenizer
from mull.terminal.input.unbracketed import InputReader

ESC = "\x1b"
ESCAPE, INTERRUPT, ENTER = Token("escape"), Token("control", "\x03"), Token("control", "\r")
UP = Token("sequence", "\x1b[A")


def read(reader: Tokenizer | InputReader, *parts: tuple[float, str]) -> list[Token]:
    """The tokens of parts, each with the seconds that pass before it; in between, what is due is decided."""
    now, tokens = 0.0, []
    for pause, data in (*parts, (100.0, "")):
        while (due := reader.deadline) is not None and due <= now + pause:
            tokens += reader.flush(due)
        now += pause
        tokens += reader.feed(data, now) if data else []
    return tokens


def text(found: str) -> Token:
    return Token("text", found)


@pytest.mark.parametrize(
    ("parts", "tokens"),
    [
        ([(0, ESC), (0.12, "[A")], [UP]),
        ([(0, ESC), (0.12, "["), (0.12, "A")], [UP]),
        ([(0, ESC), (0.12, "OA")], [Token("sequence", "\x1bOA")]),
        ([(0, ESC + "["), (0.25, "1;"), (0.25, "5C")], [Token("sequence", "\x1b[1;5C")]),
        ([(0, ESC), (0.5, "/help")], [ESCAPE, text("/help")]),
        ([(0, ESC), (0.12, "Okay")], [ESCAPE, text("Okay")]),  # typed: it does not belong to the escape
        ([(0, ESC), (0.01, "f")], [Token("alt", "f")]),
        ([(0, ESC + "]")], [Token("alt", "]")]),
        ([(0, ESC + "]11;rgb:00"), (2, "x")], [text("x")]),  # a report without end
        ([(0, ESC + "]11;"), (0.12, "rgb:0/0/0"), (0.12, ESC + "\\x")], [text("x")]),
        ([(0, ESC + "[1;2"), (1, "x")], [text("x")]),
    ],
)
def test_sequences_that_come_apart(parts: list[tuple[float, str]], tokens: list[Token]) -> None:
    assert read(Tokenizer(0.2), *parts) == tokens


@pytest.mark.parametrize(
    ("parts", "tokens"),
    [
        ([(0, ESC), (0.12, "[A")], [ESCAPE, UP]),
        ([(0, ESC), (0.12, "["), (0.12, "A")], [ESCAPE, UP]),
        ([(0, ESC), (0.12, "["), (0.12, "l"), (0.1, "ink")], [ESCAPE, text("[l"), text("ink")]),
        ([(0, ESC), (0.12, "[")], [ESCAPE, text("[")]),
        ([(0, ESC), (1, "[A")], [ESCAPE, text("[A")]),
    ],
)
def test_the_rest_of_a_sequence_whose_escape_was_taken_for_the_key(
    parts: list[tuple[float, str]], tokens: list[Token]
) -> None:
    assert read(Tokenizer(0.05), *parts) == tokens


@pytest.mark.parametrize(
    ("parts", "tokens"),
    [
        ([(0, ESC + "[200~a"), (0.3, "\x03")], [Token("paste", "a"), INTERRUPT]),
        ([(0, ESC + "[200~a"), (0.3, ESC + "[99;5u")], [Token("paste", "a"), INTERRUPT]),
        ([(0, ESC + "[200~a"), (2, "\rb")], [Token("paste", "a"), ENTER, text("b")]),
        ([(0, ESC + "[200~a\x03"), (0.01, f"b{ESC}[20"), (0.3, "1~c")], [Token("paste", "a\x03b"), text("c")]),
        ([(0, ESC + "[200~" + "x" * 9), *[(0.1, "y" * 3)] * 5, (0.1, ESC + "[201~")], [
            Token("paste", "x" * 9 + "y" * 15)]),
        ([(0, ESC + "[201~a")], [Token("sequence", ESC + "[201~"), text("a")]),
    ],
)  # fmt: skip
def test_pastes_end(parts: list[tuple[float, str]], tokens: list[Token]) -> None:
    assert read(Tokenizer(0.05), *parts) == tokens


@pytest.mark.parametrize(
    ("parts", "tokens"),
    [
        ([(0, "a\rb\r\tc\r")], [Token("lines", "a\nb\n\tc"), ENTER]),
        ([(0, "a\r"), (0.01, "b"), (0.01, "\r")], [text("a"), Token("lines", "\nb"), ENTER]),
        ([(0, "a\r"), (0.2, "b\r")], [text("a"), ENTER, text("b"), ENTER]),
        ([(0, "a\r\r\rb")], [Token("lines", "a\n\n\nb")]),
        (
            [(0, f"{ESC}[200~a\rb{ESC}[201~ and {ESC}[200~c{ESC}[201~\r")],
            [Token("paste", "a\nb"), text(" and "), Token("paste", "c"), ENTER],
        ),
        (
            [(0, "x" * 150), (0.01, "y" * 300), (0.01, "\tz\r")],
            [text("x" * 150), Token("lines", "y" * 300 + "\tz"), ENTER],
        ),
        ([(0, "\r\r")], [ENTER, ENTER]),
        ([(0, "a\r"), (0.01, "/copy code\r")], [text("a"), ENTER, text("/copy code"), ENTER]),
        ([(0, "/set a b\rc\r")], [text("/set a b"), ENTER, text("c"), ENTER]),
        ([(0, "see\r/etc/hosts\r")], [Token("lines", "see\n/etc/hosts"), ENTER]),
        ([(0, "/m\t\r")], [text("/m"), Token("control", "\t"), ENTER]),
        ([(0, f"a\rb{ESC}[Ac")], [Token("lines", "a\nb"), UP, Token("lines", "c")]),
        ([(0, f"a\r{ESC}[A")], [text("a"), ENTER, UP]),
    ],
)
def test_a_paste_without_brackets(parts: list[tuple[float, str]], tokens: list[Token]) -> None:
    assert read(InputReader(0.05), *parts) == tokens


def test_lines_that_have_waited_are_lines() -> None:
    assert InputReader(0.05).feed("a\rb\r", 0.0, typed=True) == [text("a"), ENTER, text("b"), ENTER]


@pytest.mark.parametrize(
    ("sequence", "key"),
    [
        ("\x1b[13u", "\r"),
        ("\x1b[13;2u", "\x1b\r"),
        ("\x1b[13;5u", "\x1b\r"),
        ("\x1b[13;130u", "\x1b\r"),  # num lock is on
        ("\x1b[27;2;13~", "\x1b\r"),
        ("\x1b[57414u", "\r"),  # the keypad's
        ("\x1b[27u", "\x1b"),
        ("\x1b[9;2u", "\x1b[Z"),
        ("\x1b[97;5u", "\x01"),
        ("\x1b[27;5;97~", "\x01"),
        ("\x1b[97:65;6u", "\x01"),
        ("\x1b[97:65;2u", "A"),
        ("\x1b[233;2u", "É"),
        ("\x1b[98;3u", "\x1bb"),
        ("\x1b[127;3u", "\x1b\x7f"),
        ("\x1b[32;5u", "\0"),
        ("\x1b[47;5u", "\x1f"),
        ("\x1b[57405u", "6"),
        ("\x1b[57419u", "\x1b[A"),
        ("\x1b[1;129A", "\x1b[A"),
        ("\x1b[1;133A", "\x1b[1;5A"),
        ("\x1b[1;1:3A", ""),  # let go
        ("\x1b[3;65~", "\x1b[3~"),
        ("\x1b[99;9u", ""),  # Super+C
        ("\x1b[57441u", ""),  # Shift alone
        ("\x1b[1114112u", ""),
        ("\x1b[12;40R", "\x1b[12;40R"),
    ],
)
def test_keys_of_the_keyboard_protocols(sequence: str, key: str) -> None:
    assert plain(sequence) == key
