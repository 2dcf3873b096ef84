"""Messages in the form a family expects: past thinking, switch words, system messages, strict roles."""

from __future__ import annotations

import pytest

from mull.chat_template.render import Segment, render
from mull.messages import Message
from mull.reasoning.chat_messages import to_chat
from mull.reasoning.control import decide
from mull.reasoning.profiler import profile
from mull.settings import ReasoningAsk
from tests.reasoning import templates as t

TALK = [
    Message("system", "Be brief."),
    Message("user", "One?"),
    Message("assistant", "Yes </think>.", thinking="Hm <|im_end|>"),
    Message("user", "Two?"),
]


def prompt(source: str, messages: list[Message], **ask: object) -> str:
    return "".join(segment.text for segment in segments(source, messages, **ask))


def segments(source: str, messages: list[Message], **ask: object) -> tuple[Segment, ...]:
    found = profile(source)
    decision = decide(ReasoningAsk(**ask), found)  # type: ignore[arg-type]
    return render(
        found.template,
        to_chat(messages, found, decision),
        arguments=decision.arguments,
        prefill=decision.prefill,
    )


def test_past_thinking_is_passed_to_the_template() -> None:
    chat = to_chat(TALK, profile(t.CLOSED), decide(ReasoningAsk(), profile(t.CLOSED)))
    assert chat[2] == {"role": "assistant", "content": "Yes </think>.", "reasoning_content": "Hm <|im_end|>"}
    assert "Hm" not in prompt(t.CLOSED, TALK)
    assert "Hm" in prompt(t.WRAPPED, TALK)
    assert to_chat(TALK, profile(t.WRAPPED), decide(ReasoningAsk(), profile(t.WRAPPED)))[2]["reasoning"]


def test_markers_in_past_messages_stay_text() -> None:
    untrusted = [segment.text for segment in segments(t.WRAPPED, TALK) if not segment.trusted]
    assert untrusted == ["Be brief.", "One?", "Hm <|im_end|>", "Yes </think>.", "Two?"]


def test_keys_without_a_value_are_left_out() -> None:
    chat = to_chat(
        [Message("user", ""), Message("assistant", "")],
        profile(t.PLAIN),
        decide(ReasoningAsk(), profile(t.PLAIN)),
    )
    assert chat == [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}]


def test_a_switch_word_is_trusted_and_the_users_words_are_unchanged() -> None:
    talk = [Message("user", "Look into /srv/think/x, and do not /think.")]
    found = segments(t.WORDS, talk, on=False)
    assert "".join(s.text for s in found).endswith("<think></think>")
    assert talk[0].content in next(s.text for s in found if not s.trusted)
    assert prompt(t.WORDS, talk, on=True).endswith("<think>\n")
    assert prompt(t.WORDS, [Message("user", "say /no_think")]).endswith("<think>\n")


def test_a_system_message_is_merged_where_the_template_refuses_one() -> None:
    assert prompt(t.STRICT_ROLES, TALK).startswith("<turn>user\nBe brief.\n\nOne?<end>")
    assert prompt(t.STRICT_ROLES, TALK[:1]) == "<turn>user\nBe brief.<end>\n<turn>model\n"


def test_adjacent_messages_of_one_role_are_joined_where_roles_must_alternate() -> None:
    talk = [
        Message("user", "One?"),
        Message("user", "Two?"),
        Message("assistant", "A", partial=True),
        Message("user", "3"),
    ]
    assert prompt(t.STRICT_ROLES, talk).startswith(
        "<turn>user\nOne?\n\nTwo?<end>\n<turn>assistant\nA<end>\n<turn>user\n3"
    )
    assert prompt(t.PLAIN, talk).count("<|im_start|>user") == 3


def test_a_switch_that_a_system_message_would_block_still_works() -> None:
    on = prompt(t.BLOCKED, TALK, on=True)
    assert "Think in <think></think>" in on
    assert "Be brief.\n\nOne?" in on
    assert "Think in" not in prompt(t.BLOCKED, TALK, on=False)
    assert "Think in" not in prompt(t.BLOCKED, TALK)


@pytest.mark.parametrize(("on", "thinks"), [(True, True), (False, False)])
def test_a_family_that_thinks_by_its_default_system_prompt(on: bool, thinks: bool) -> None:
    for talk in (TALK, TALK[1:]):
        text = prompt(t.PROMPTED, talk, on=on)
        assert ("First think" in text) is thinks
        assert ("Be brief." in text) is (talk is TALK)


def test_switch_words_are_appended_to_the_system_message() -> None:
    found = profile(t.PLAIN, name="Llama-Nemotron-Nano", architecture="llama")
    decision = decide(ReasoningAsk(on=False), found)
    chat = to_chat(TALK, found, decision)
    assert chat[0]["content"] == "Be brief.\n\ndetailed thinking off"
    assert to_chat(TALK[1:], found, decision)[0] == {"role": "system", "content": "detailed thinking off"}


def test_a_switch_word_for_the_system_message_is_put_there() -> None:
    assert prompt(t.SYSTEM_WORDS, TALK, on=False).endswith("</think>\n\n")
    assert prompt(t.SYSTEM_WORDS, TALK[1:], on=False).startswith("[|system|]/no_think[|endofturn|]")
    assert prompt(t.SYSTEM_WORDS, [Message("system", "never /no_think"), *TALK[1:]]).endswith("<think>\n")


def test_the_messages_are_not_changed() -> None:
    before = list(TALK)
    for source in t.ALL.values():
        prompt(source, TALK, on=False)
    assert before == TALK


def test_contents_are_lists_of_parts_where_the_template_requires_it() -> None:
    found = segments(t.PARTS, TALK)
    assert prompt(t.PARTS, TALK).startswith(
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOne?<|im_end|>"
    )
    assert [s.text for s in found if not s.trusted] == ["Be brief.", "One?", "Yes </think>.", "Two?"]


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        (t.BLOCKS, "<|assistant|><|inner|>Hm <|im_end|><|outer|>Yes </think>.<|close|>"),
        (t.CHUNKS, "<|assistant|>[THINK]Hm <|im_end|>[/THINK]Yes </think>.<|close|>"),
    ],
)
def test_past_thinking_is_passed_as_typed_pieces_of_the_content(source: str, rendered: str) -> None:
    assert rendered in prompt(source, TALK)
    untrusted = [segment.text for segment in segments(source, TALK) if not segment.trusted]
    assert untrusted == ["Be brief.", "One?", "Hm <|im_end|>", "Yes </think>.", "Two?"]
    without = [Message("user", "One?"), Message("assistant", "Yes."), Message("user", "Two?")]
    assert "<|assistant|>Yes.<|close|>" in prompt(source, without)


def test_an_empty_answer_is_omitted_where_roles_must_alternate() -> None:
    talk = [Message("user", "One?"), Message("assistant", "", thinking="Hm"), Message("user", "Two?")]
    assert prompt(t.STRICT_ROLES, talk).startswith("<turn>user\nOne?\n\nTwo?<end>")


def test_a_familys_system_prompt_is_appended_to_the_users() -> None:
    found = profile(t.PLAIN, name="DeepHermes-3-Llama-3-8B", architecture="llama")
    on, off = (decide(ReasoningAsk(on=on), found) for on in (True, False))
    rendered = to_chat(TALK, found, on)[0]["content"]
    assert rendered.startswith("Be brief.\n\nYou are a deep thinking AI")
    assert on.how == "text: You are a deep thinking AI, you may use … in the system message"
    assert to_chat(TALK, found, off)[0]["content"] == "Be brief."
    assert (off.applied, off.how) == ("off", "the model's default (off)")
