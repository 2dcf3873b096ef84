"""Invented families: templates combined from how real ones write tags, turns, switches and prefills.

What each can do is known from how it was made, so the whole profile is compared.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import pytest

from mull.chat_template.template import Template
from mull.reasoning.describe import as_json
from mull.reasoning.profiler import profile

TAGS = (
    ("<think>", "</think>"),
    ("<|thinking|>", "<|/thinking|>"),
    ("[REASON]", "[/REASON]"),
    ("<ponder>", "</ponder>"),
    ("<|begin_reason|>", "<|end_reason|>"),
    ("<|cot_start|>", "<|cot_end|>"),
)
# The text before and after a message, and the one that begins an answer.
TURNS = {
    "chatml": (
        "{{ '<|im_start|>' + m.role + '\n' }}",
        "{{ '<|im_end|>\n' }}",
        "{{ '<|im_start|>assistant\n' }}",
    ),
    "llama": (
        "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' }}",
        "{{ '<|eot_id|>' }}",
        "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}",
    ),
    "roles": ("{{ '<|' + m.role + '|>' }}", "{{ eos_token }}", "{{ '<|assistant|>' }}"),
    "inst": (
        "{{ '[INST]' if m.role == 'user' }}",
        "{{ '[/INST]' if m.role == 'user' else eos_token }}",
        "",
    ),
    "names": ("{{ m.role | capitalize + ': ' }}", "{{ '\n\n' }}", "{{ 'Assistant:' }}"),
}


@dataclass(frozen=True)
class Way:
    """The condition for thinking, the default, the argument, and its values."""

    condition: str
    default: str
    argument: str
    on: object
    off: object


SWITCHES = (
    Way("enable_thinking is not defined or enable_thinking", "on", "enable_thinking", True, False),
    Way("reasoning | default(false)", "off", "reasoning", True, False),
    Way("not (no_think | default(false))", "on", "no_think", False, True),
    Way("(think_mode | default('deep')) == 'deep'", "on", "think_mode", "deep", "quick"),
    Way("(thinking | default('off')) == 'on'", "off", "thinking", "on", "off"),
    Way("(reasoning_effort | default('none')) != 'none'", "off", "reasoning_effort", "high", "none"),
    Way("(thinking_budget | default(-1)) != 0", "on", "thinking_budget", -1, 0),
)
# Prefills with thinking on and off, S and E for the tags, and their names.
PREFILLS = (
    ("S\n", "S\n\nE\n\n", "open", "closed"),
    ("S", "SE", "open", "closed"),
    ("", "S\n\nE\n\n", "none", "closed"),
    ("S", "E", "open", "bare"),
)
FIELDS = ("reasoning_content", "thinking", None)


def template(tags: tuple[str, str], turn: str, way: Way, prefill: tuple[str, ...], field: str | None) -> str:
    before, after, answer = TURNS[turn]
    thought = (
        f"{{% if m.role == 'assistant' and m.{field} %}}{{{{ '{tags[0]}\n' + m.{field} + '\n{tags[1]}\n\n' }}}}"
        "{% endif %}"
    )
    on, off = (text.replace("E", "\0").replace("S", tags[0]).replace("\0", tags[1]) for text in prefill[:2])
    return (
        f"{{%- for m in messages %}}{before}{thought if field else ''}{{{{ m.content }}}}{after}{{%- endfor %}}"
        f"{{%- if add_generation_prompt %}}{answer}"
        f"{{%- if {way.condition} %}}{{{{ '{on}' }}}}{{% else %}}{{{{ '{off}' }}}}{{% endif %}}{{% endif %}}"
    )


def sample() -> list[tuple[tuple[str, str], str, Way, tuple[str, ...], str | None]]:
    return random.Random(3).sample(list(itertools.product(TAGS, TURNS, SWITCHES, PREFILLS, FIELDS)), 150)


@pytest.mark.parametrize(("tags", "turn", "way", "prefill", "field"), sample())
def test_an_invented_family_is_detected(
    tags: tuple[str, str], turn: str, way: Way, prefill: tuple[str, ...], field: str | None
) -> None:
    source = template(tags, turn, way, prefill, field)
    found = as_json(profile(source, bos="<s>", eos="</s>"))
    assert (found["kind"], found["default"], found["off"]) == ("switchable", way.default, "template")
    assert found["markers"] == {"start": tags[0], "end": tags[1]}
    assert found["prefill"] == {"on": prefill[2], "off": prefill[3]}
    switch = found["switch"]
    assert switch["argument"] == way.argument

    def rendered(value: object) -> str:
        question = [{"role": "user", "content": "q"}]
        return Template(source, bos="<s>", eos="</s>").render(question, arguments={way.argument: value})

    assert rendered(switch["on"]) == rendered(way.on)
    assert rendered(switch["off"]) == rendered(way.off)
