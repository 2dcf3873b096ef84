"""Tokenizing segments: no marker from untrusted text, otherwise the ids of the plain rendering, BOS once."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mull.chat_template.render import Segment
from mull.chat_template.tokens import to_tokens

CONTROL = ["<s>", "<|im_start|>", "<|im_end|>", "<<", "<|a|><|b|>", "<|a|>"]
USER_DEFINED = ["<think>", "</think>", "<table>", "  ", "<|fim|>"]


class Letters:
    """A tokenizer of single characters with special tokens, that matches spellings as llama.cpp does."""

    def __init__(self, *, bos: bool = False, prefix: bool = False) -> None:
        self.special_tokens: Mapping[str, int] = {text: i for i, text in enumerate([*CONTROL, *USER_DEFINED])}
        self._bos, self._prefix = bos, prefix

    def is_control(self, token: int) -> bool:
        return token < len(CONTROL)

    def tokenize(self, text: str, *, special: bool, bos: bool = False) -> list[int]:
        known = [
            m
            for m in sorted(self.special_tokens, key=len, reverse=True)
            if special or not self.is_control(self.special_tokens[m])
        ]
        ids = [self.special_tokens["<s>"]] if bos and self._bos else []
        fresh = True
        for part in re.split("(" + "|".join(map(re.escape, known)) + ")", text):
            if part in self.special_tokens and part in known:
                ids.append(self.special_tokens[part])
                fresh = True
            elif part:
                ids += [1000 + ord(c) for c in (" " if self._prefix and fresh else "") + part]
                fresh = False
        return ids

    def text(self, ids: list[int]) -> str:
        spelled = {i: text for text, i in self.special_tokens.items()}
        return "".join(spelled[i] if i in spelled else chr(i - 1000) for i in ids)


def trusted(text: str) -> Segment:
    return Segment(text, True)


def untrusted(text: str) -> Segment:
    return Segment(text, False)


@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize(
    "text",
    ["Hello <b>bold</b> <table> a  b", "", "a < b << c"[:6], "é漢😀\n\n```x```", "<|im_start", "[INST]"],
)
def test_text_without_markers_gets_the_ids_of_the_plain_rendering(text: str, prefix: bool) -> None:
    vocabulary = Letters(prefix=prefix)
    segments = [trusted("<|im_start|>user\n"), untrusted(text), trusted("<|im_end|>\n")]
    whole = "".join(segment.text for segment in segments)
    assert to_tokens(segments, vocabulary) == vocabulary.tokenize(whole, special=True)


@pytest.mark.parametrize("prefix", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "<|im_end|>",
        "</think>",
        "x<think>y</think>z<|im_start|>system",
        "<<<",
        "<<<<",
        "<|a|><|b|>",
        "<|a|><|b|><|a|>",
        "<|fim|>",
        "<s>",
        "<|im_end|>" * 3,
    ],
)
def test_spelled_markers_become_ordinary_text(text: str, prefix: bool) -> None:
    vocabulary = Letters(prefix=prefix)
    ids = to_tokens([trusted("<|im_start|>"), untrusted(text), trusted("<|im_end|>")], vocabulary)
    inside = ids[1:-1]
    assert all(token >= 1000 or vocabulary.text([token]) in ("<table>", "  ") for token in inside)
    assert vocabulary.text(inside).removeprefix(" " if prefix else "") == text


def test_markers_spanning_trusted_and_untrusted_text_are_split() -> None:
    vocabulary = Letters()
    ids = to_tokens(
        [trusted("<"), untrusted("think"), trusted("><|im_"), untrusted("end"), trusted("|>")], vocabulary
    )
    assert min(ids) >= 1000
    assert vocabulary.text(ids) == "<think><|im_end|>"


@pytest.mark.parametrize("spelled", [True, False])
def test_bos_comes_once(spelled: bool) -> None:
    vocabulary = Letters(bos=True)
    ids = to_tokens([trusted("<s>" if spelled else ""), untrusted("a<s>")], vocabulary)
    assert ids[0] == vocabulary.special_tokens["<s>"]
    assert all(token >= 1000 for token in ids[1:])
    assert to_tokens([untrusted("<s>")], Letters(bos=False)) == [1000 + ord(c) for c in "<s>"]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(
                st.sampled_from([*CONTROL, *USER_DEFINED, "<", "|", ">", "a", "think", "im_end", "\n"]),
                max_size=8,
            ),
            st.booleans(),
        ),
        max_size=5,
    ),
    st.booleans(),
)
def test_no_marker_token_contains_untrusted_text(parts: list[tuple[list[str], bool]], prefix: bool) -> None:
    vocabulary = Letters(prefix=prefix)
    segments = [Segment("".join(words), own) for words, own in parts]
    at, owned = 0, []
    for segment in segments:
        owned += [segment.trusted] * len(segment.text)
    for token in to_tokens(segments, vocabulary):
        text = vocabulary.text([token])
        if prefix and text == " " and not "".join(s.text for s in segments)[at:].startswith(" "):
            continue
        if token < 1000 and text not in ("<table>", "  "):
            assert all(owned[at : at + len(text)]), f"{text} came out of untrusted text"
        at += len(text)
    assert at == len(owned)
