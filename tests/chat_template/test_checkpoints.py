"""Checkpoints: prefixes of the prompt's tokens after the system prompt, files and question, in any template."""

from __future__ import annotations

import pytest

from mull.chat_template.checkpoints import MIN_DISTANCE, checkpoints
from mull.chat_template.render import render
from mull.chat_template.template import Template
from mull.messages import Message

CHATML = (
    "{%- for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SYSTEM = "Answer as a pirate would. " * 20
FILE = "Twenty-three ducks, ämne, 漢字.\n" * 20


def parted(*messages: Message, question: bool = False, source: str | None = CHATML) -> list[bytes]:
    """The prefixes of the prompt at the checkpoints, with one token per byte and BOS."""
    template = Template(source) if source else None
    segments = render(template, [{"role": m.role, "content": m.content} for m in messages])
    data = "".join(segment.text for segment in segments).encode()
    tokens = [999, *data]
    spell = {999: b"<s>"}
    found = checkpoints(
        messages, segments, tokens, lambda token: spell.get(token) or bytes([token]), question=question
    )
    return [data[: fork - 1] for fork in found]


def ask(text: str, material: str = "") -> Message:
    return Message("user", f"{material}\n\n{text}" if material else text, material=len(material))


def test_after_the_system_prompt_and_after_the_file() -> None:
    system, file = parted(Message("system", SYSTEM), ask("How many?", FILE))
    assert system.decode() == f"<|im_start|>system\n{SYSTEM.strip()}<|im_end|>\n<|im_start|>user\n"
    assert file.decode() == system.decode() + FILE.rstrip()


def test_another_question_shares_every_checkpoint() -> None:
    first = parted(Message("system", SYSTEM), ask("How many?", FILE))
    assert parted(Message("system", SYSTEM), ask("Who?", FILE)) == first


def test_after_the_question_if_requested() -> None:
    *_, last = parted(ask("How many? " * 30, FILE), question=True)
    assert last.decode().endswith("How many?")
    assert len(parted(ask("How many? " * 30, FILE))) == 1


def test_checkpoints_have_a_least_distance() -> None:
    assert parted(Message("system", "Be brief."), ask("How many?")) == []
    assert parted(Message("system", "Be brief."), ask("Why?", "x" * (MIN_DISTANCE // 2))) == []
    found = parted(Message("system", SYSTEM), ask("Why?", "short"), question=True)
    assert len(found) == 1


def test_only_the_last_question_counts() -> None:
    found = parted(ask("Who?", FILE), Message("assistant", "Nobody."), ask("Why?"))
    assert found == []


def test_text_that_the_template_rewrites_has_no_checkpoints() -> None:
    shouting = CHATML.replace("trim", "upper")
    assert parted(ask("How many ducks?", FILE), source=shouting) == []


@pytest.mark.parametrize("source", [CHATML, None])
def test_text_around_the_file_is_trimmed_as_the_template_does(source: str | None) -> None:
    padded = f"\n\n  {FILE}\n\n"
    (found,) = parted(Message("user", f"{padded}How many?", material=len(padded)), source=source)
    assert found.decode().endswith(FILE.rstrip())
