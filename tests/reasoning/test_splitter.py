"""Splitting token pieces into thinking, answer and tool calls: all states and edge cases, independent of chunking."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mull.reasoning.parts import AnswerPart, Part, ThinkingPart, ToolCallPart
from mull.reasoning.profile import Profile
from mull.reasoning.profiler import profile
from mull.reasoning.splitter import Splitter
from mull.turn.close_thinking import closing_text
from tests.reasoning import templates as t

Result = tuple[str, str, str]


def joined(parts: list[Part]) -> Result:
    kinds = (ThinkingPart, AnswerPart, ToolCallPart)
    return tuple("".join(part.text for part in parts if isinstance(part, kind)) for kind in kinds)  # type: ignore[return-value]


def split(found: Profile, prompt: str, pieces: list[bytes]) -> Result:
    splitter = Splitter(found, prompt)
    parts: list[Part] = []
    for piece in pieces:
        new = splitter.feed(0, piece, False)
        assert all(part.text for part in new if not isinstance(part, ToolCallPart)), "no empty part"
        parts += new
    return joined(parts + splitter.finish())


def every_way(found: Profile, prompt: str, text: str) -> Result:
    data = text.encode()
    results = {
        split(found, prompt, [data[i : i + n] for i in range(0, len(data), n)])
        for n in (1, 2, 3, 5, 8, 10**6)
    }
    assert len(results) == 1, results
    return results.pop()


def on(source: str) -> tuple[Profile, str]:
    found = profile(source)
    return found, found.prompts.on


def off(source: str) -> tuple[Profile, str]:
    found = profile(source)
    return found, found.prompts.off


def either(source: str) -> tuple[Profile, str]:
    """The prompt after which the model decides."""
    found = profile(source)
    return found, found.prompts.default


STRAY = (
    "<|channel|>commentary to=assistant<|channel|>analysis<|message|>Hm.<|end|>"
    "<|start|>assistant<|channel|>analysis<|message|> More.<|end|>"
    "<|start|>assistant<|channel|>final <|constrain|>json<|message|>{}"
)
CALLING = (
    "<|channel|>analysis<|message|>Hm.<|end|>"
    "<|start|>assistant to=shell<|channel|>commentary<|message|>ls<|call|>"
)


@pytest.mark.parametrize(
    ("where", "output", "result"),
    [
        # nothing prefilled: the model opens its thinking, or does not
        (on(t.CLOSED), "<think>\nHm.\n</think>\n\nYes", ("Hm.", "Yes", "")),
        (on(t.CLOSED), "\n <think>Hm.</think>Yes", ("Hm.", "Yes", "")),
        (on(t.CLOSED), "Yes", ("", "Yes", "")),
        (on(t.CLOSED), "</think>\n\nYes", ("", "Yes", "")),
        (on(t.CLOSED), "<think>\n\n</think>\n\n    code\n", ("", "    code\n", "")),
        (on(t.CLOSED), "Yes, <think> is a tag\n", ("", "Yes, <think> is a tag\n", "")),
        (on(t.CLOSED), "Yes</think>", ("", "Yes</think>", "")),
        (on(t.CLOSED), "<think>a <think> b</think>c", ("a <think> b", "c", "")),
        (on(t.CLOSED), "<think>Hm.", ("Hm.", "", "")),
        (on(t.CLOSED), "<thin", ("", "<thin", "")),
        (on(t.CLOSED), "<thinly spread", ("", "<thinly spread", "")),
        (on(t.CLOSED), "<think>a</thi</think>b", ("a</thi", "b", "")),
        (on(t.CLOSED), "<think>a<<//think</</think>b", ("a<<//think</", "b", "")),
        (on(t.CLOSED), "<think>a</think><think>b</think>c", ("a\n\nb", "c", "")),
        (on(t.CLOSED), "<think>\r\nHm.\r\n</think>\r\n\r\nYes\r\n", ("Hm.", "Yes\r\n", "")),
        (on(t.CLOSED), "```\n<think>x</think>\n```\n", ("", "```\n<think>x</think>\n```\n", "")),
        (on(t.CLOSED), "", ("", "", "")),
        (on(t.CLOSED), "\n\n  ", ("", "", "")),
        # opened by the prompt
        (on(t.OPENED), "Hm.\n</think>\n\nYes", ("Hm.", "Yes", "")),
        (on(t.OPENED), "<think>\nHm.</think>Yes", ("Hm.", "Yes", "")),
        (on(t.OPENED), "</think>Yes", ("", "Yes", "")),
        (on(t.OPENED), "Hm, and that was all.", ("Hm, and that was all.", "", "")),
        # closed by the prompt: the output is the answer, and unrequested thinking is split off
        (off(t.OPENED), "Yes", ("", "Yes", "")),
        (off(t.CLOSED), "<think>\nHm.</think>\nYes", ("Hm.", "Yes", "")),
        (off(t.BARE), "\n\nYes", ("", "Yes", "")),
        (off(t.BARE), "</think>Yes", ("", "Yes", "")),
        # wrapped answers
        (on(t.WRAPPED), "Hm.<|END_THINKING|><|START_TEXT|>Yes<|END_TEXT|><|turn_end|>", ("Hm.", "Yes", "")),
        (off(t.WRAPPED), "<|START_TEXT|>Yes<|END_TEXT|>", ("", "Yes", "")),
        (on(t.WRAPPED), "Hm.<|START_TEXT|>Yes", ("Hm.", "Yes", "")),
        (on(t.BLOCKED), "<think>Hm.</think><response>Yes</response>", ("Hm.", "Yes", "")),
        # a final marker
        (
            on(t.FINAL),
            "Hm. [BEGIN\n[BEGIN FINAL RESPONSE]\nYes\n[END FINAL RESPONSE]",
            ("Hm. [BEGIN", "Yes\n", ""),
        ),
        # headers
        (
            on(t.CHANNELS),
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes<|return|>",
            ("Hm.", "Yes", ""),
        ),
        (on(t.CHANNELS), "<|channel|>final<|message|>Yes", ("", "Yes", "")),
        (
            on(t.ROLES),
            "Hm.<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|><|endofturn|>",
            ("Hm.", "Yes.", ""),
        ),
        (off(t.ROLES), "Yes.\nNo.<|im_end|><|endofturn|>", ("", "Yes.\nNo.", "")),
        (
            either(t.ROLES),
            "/think\nHm.<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>",
            ("Hm.", "Yes.", ""),
        ),
        (either(t.ROLES), "\nYes.\nNo.<|im_end|><|im_start|>user\nMore?", ("", "Yes.\nNo.", "")),
        (either(t.ROLES), "Yes.\nNo.", ("", "Yes.\nNo.", "")),  # without the line that a role ends with
        (either(t.ROLES), "Yes.<|im_end|>", ("", "Yes.", "")),
        (either(t.ROLES), " -> tool/call\n[{}]<|im_end|>", ("", "", "[{}]")),
        (on(t.CHANNELS), "<|message|>Yes", ("", "Yes", "")),
        (on(t.CHANNELS), "<|channel|>commentary<|message|>First.<|end|>", ("", "First.", "")),
        (
            on(t.CHANNELS),
            STRAY,
            ("Hm.\n\nMore.", "{}", ""),
        ),
        (
            on(t.CHANNELS),
            CALLING,
            ("Hm.", "", "ls<|call|>"),
        ),
        (
            on(t.CHANNELS),
            "<|channel|>analysis<|message|>Hm.<|channel|>final<|message|>Yes",
            ("Hm.", "Yes", ""),
        ),
        (on(t.CHANNELS), "Just text,\nno header at all", ("", "Just text,\nno header at all", "")),
        (on(t.CHANNELS), "Text", ("", "Text", "")),
        (on(t.CHANNELS), "<|channel|>analysis<|message|>Hm.", ("Hm.", "", "")),
        # malformed headers: no text is lost
        (on(t.CHANNELS), "<|channel|>analysis Hm.<|end|><|channel|>final<|message|>Yes", ("Hm.", "Yes", "")),
        (on(t.CHANNELS), "<|channel|>analysis\nHm, and so on", ("Hm, and so on", "", "")),
        (on(t.CHANNELS), "<|channel|>analysis " + "so " * 80, (("so " * 80).strip(), "", "")),
        (on(t.CHANNELS), "We say: <|channel|>final<|message|>Yes", ("", "We say: \n\nYes", "")),
        (on(t.CHANNELS), "<|channel|>final<|message|>Yes<|end|>And more", ("", "Yes\n\nAnd more", "")),
        (
            on(t.CHANNELS),
            "<|channel|>final<|message|>Yes<|end|><|start|>assistant<|channel|>analysis<|message|>Hm.<|return|>",
            ("Hm.", "Yes", ""),
        ),
        (
            on(t.CHANNELS),
            "<|channel|>commentary<|message|>First.<|end|><|start|>assistant<|channel|>final<|message|>\nYes<|return|>",
            ("", "First.\n\nYes", ""),
        ),
        (on(t.CHANNELS), "<|channel|>analysis<|message|>Hm.<|end|> to=shell<|message|>ls", ("Hm.", "", "ls")),
        (on(t.CHANNELS), "<|channel|>analysis<|message|>Hm.<|end|>Yes", ("Hm.", "Yes", "")),
        (on(t.CHANNELS), "<|channel|>final", ("", "", "")),
        # unrequested tool calls
        (
            on(t.TOOLS),
            'Look:\n<tool_call>\n{"a": 1}\n</tool_call>\nDone',
            ("", "Look:\n\nDone", '\n{"a": 1}\n'),
        ),
        (on(t.TOOLS), "A <tool_call> is written so", ("", "A <tool_call> is written so", "")),
        (on(t.TOOLS), "```\n<tool_call>\n```\n", ("", "```\n<tool_call>\n```\n", "")),
        (on(t.TOOLS), "<tool_call>\n{}", ("", "", "\n{}")),
        # without a thinking mode, common tags at the start of the output are split off
        (on(t.PLAIN), "<think>Hm.</think>\n\nYes", ("Hm.", "Yes", "")),
        (on(t.PLAIN), "[THINK]Hm.[/THINK]Yes", ("Hm.", "Yes", "")),
        (on(t.PLAIN), "<|START_THINKING|>Hm.<|END_THINKING|>Yes", ("Hm.", "Yes", "")),
        (on(t.PLAIN), "Yes <think>no</think>", ("", "Yes <think>no</think>", "")),
        (on(t.PLAIN), "Yes<|im_end|>\n<|im_start|>user", ("", "Yes", "")),
        (on(t.PLAIN), "  indented\n", ("", "  indented\n", "")),
        (on(t.PLAIN), "日本語 😀\n", ("", "日本語 😀\n", "")),
    ],
)
def test_an_output_is_split(where: tuple[Profile, str], output: str, result: Result) -> None:
    assert every_way(*where, output) == result


def test_a_base_model_is_all_answer() -> None:
    assert every_way(profile(None), "", "upon a time <b>") == ("", "upon a time <b>", "")


def tokens(
    source: str, *pieces: str, special: tuple[str, ...] = ("<think>", "</think>", "<|im_end|>")
) -> Result:
    """Feed pieces as tokens of a known vocabulary: `@piece` is a special token if it is in `special`."""
    found = profile(source, special=special)
    splitter = Splitter(found, found.prompts.on)
    parts: list[Part] = []
    for piece in pieces:
        is_special = piece.startswith("@")
        parts += splitter.feed(0, piece.removeprefix("@").encode(), is_special)
    return joined(parts + splitter.finish())


def test_spelled_out_text_never_matches_a_marker_token() -> None:
    assert tokens(t.CLOSED, "@<think>", "I say </think>", " twice", "@</think>", "Yes") == (
        "I say </think> twice",
        "Yes",
        "",
    )
    assert tokens(t.CLOSED, "<think>", "no token") == ("", "<think>no token", "")


def test_a_marker_token_in_the_answer_begins_thinking_again() -> None:
    assert tokens(t.CLOSED, "Yes.", "@<think>", "Hm.", "@</think>", "No.") == ("Hm.", "Yes.No.", "")


def test_stray_end_tokens_and_unknown_control_tokens_are_dropped() -> None:
    assert tokens(t.CLOSED, "Yes", "@</think>", ".", "@<|fim_pad|>", "@<table>") == ("", "Yes.<table>", "")


def test_common_thinking_tokens_are_split_without_a_thinking_mode() -> None:
    square = ("[THINK]", "[/THINK]", "<|im_end|>")
    assert tokens(t.PLAIN, "@[THINK]", "Hm.", "@[/THINK]", "Yes", special=square) == ("Hm.", "Yes", "")
    assert tokens(t.PLAIN, "[THINK]", "Yes", special=square) == ("", "[THINK]Yes", "")


def test_the_splitter_reports_its_state() -> None:
    found = profile(t.OPENED)
    splitter = Splitter(found, found.prompts.on)
    assert splitter.thinking
    splitter.feed(0, b"Hm", False)
    assert (splitter.thinking, splitter.answered) == (True, False)
    splitter.feed(0, b"</think>", False)
    assert (splitter.thinking, splitter.answered) == (False, False)
    splitter.feed(0, b"Yes", False)
    assert (splitter.thinking, splitter.answered, splitter.ended) == (False, True, False)
    splitter.feed(0, b"<|im_end|>", False)
    assert splitter.ended


def test_the_closing_text_leads_into_the_answer() -> None:
    reasoning = {name: found for name, source in t.ALL.items() if (found := profile(source)).reasons}
    assert reasoning
    for name, found in reasoning.items():
        splitter = Splitter(found, found.prompts.on)
        parts = splitter.feed(0, (found.start or "").encode() if not splitter.thinking else b"", False)
        parts += splitter.feed(0, b"Hm, let me see", False)
        assert splitter.thinking, name
        parts += splitter.feed(0, closing_text(found).encode(), False)
        assert not splitter.thinking, name
        parts += splitter.feed(0, b"Yes", False)
        thinking, answer, hidden = joined(parts + splitter.finish())
        assert thinking.startswith("Hm, let me see"), name
        assert (answer, hidden) == ("Yes", ""), name


def test_without_the_final_marker_a_complete_output_is_the_answer() -> None:
    found = profile(t.FINAL)
    splitter = Splitter(found, found.prompts.on)
    parts = splitter.feed(0, b"It is 4.", False)
    assert joined(parts + splitter.finish(complete=True)) == ("It is 4.", "It is 4.", "")


def test_parts_end_at_characters_and_invalid_bytes_are_replaced() -> None:
    found = profile(t.PLAIN)
    assert split(found, "", [b"a\xf0", b"\x9f", b"\x98", b"\x80b"]) == ("", "a😀b", "")
    assert split(found, "", [b"a\xff", b"b\xf0\x9f"]) == ("", "a\ufffdb\ufffd", "")


TEXT = st.text(st.sampled_from("ab <>/\n|thinkxé😀"), max_size=30)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["<think>", "[THINK]", "<|begin|>", "<aab>", "◁think▷"]),
    TEXT,
    TEXT,
    st.integers(0, 2**32),
)
def test_text_is_preserved_in_any_chunking(opener: str, thinking: str, answer: str, seed: int) -> None:
    closer = opener[0] + "/" + opener[1:]
    found = Profile(None, kind="always", start=opener, end=closer)
    data = f"{opener}{thinking}{closer}{answer}".encode()
    dice = random.Random(seed)
    pieces = []
    while data:
        size = dice.randint(1, 6)
        pieces.append(data[:size])
        data = data[size:]
    whole = split(found, "", [b"".join(pieces)])
    assert split(found, "", pieces) == whole
    if closer not in thinking + closer[:-1] and opener not in thinking + answer and closer not in answer:
        assert whole[0] == thinking.strip()
        assert whole[1].strip() == answer.strip()


def test_a_tool_call_is_one_part() -> None:
    found = profile(t.TOOLS)
    splitter = Splitter(found, found.prompts.on)
    parts: list[Part] = []
    for piece in ("A\n", "<tool", "_call>", "\n{", "}", "</tool_call>", "B\n", "<tool_call>", "x"):
        parts += splitter.feed(0, piece.encode(), False)
    calls = [part for part in parts + splitter.finish() if isinstance(part, ToolCallPart)]
    assert calls == [ToolCallPart("\n{}", "<tool_call>"), ToolCallPart("x", "<tool_call>")]


SCRAPS = (
    "a",
    " ",
    "\n",
    "\n\n",
    "two words",
    "é€😀",
    "```",
    "to=x ",
    "analysis",
    "assistant",
    "<",
    "|>",
    "y" * 210,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(t.ALL)), st.data())
def test_any_mixture_of_markers_is_split_the_same_in_any_chunking(name: str, data: st.DataObject) -> None:
    found = profile(t.ALL[name])
    known = [found.start, found.end, found.answer_start, found.answer_end, found.header, found.restart]
    known += [found.tool_start, found.tool_end, found.prompts.header, *found.turn_ends, "<think>", "</think>"]
    markers = sorted({marker for marker in known if marker})
    cut = st.sampled_from(markers).flatmap(lambda m: st.integers(0, len(m)).map(lambda n: m[:n]))
    scraps = st.one_of(st.sampled_from(markers), cut, st.sampled_from(SCRAPS))
    output = "".join(data.draw(st.lists(scraps, max_size=8)))
    for tail in {found.prompts.on, found.prompts.off, found.prompts.default}:
        every_way(found, tail, output)
