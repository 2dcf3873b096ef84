"""Facts about families that probing cannot find, each with its source. Kept small on purpose.

In: a detected profile, the template's source, the model's architecture and name. Out: the corrected profile. A family
is recognized by text that only its template contains, or by the name in the GGUF where the template reveals nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mull.reasoning.markers import header
from mull.reasoning.profile import THINK_TAGS, Profile, Switch


@dataclass(frozen=True)
class Family:
    """A rule: which models it applies to, and the fields it corrects."""

    name: str
    matches: Callable[[str, str, str], bool]  # the template's source; architecture and name in lower case
    facts: Mapping[str, Any]  # fields of `Profile`


ALWAYS: dict[str, Any] = {"kind": "always", "default": "on", **THINK_TAGS}

FAMILIES: tuple[Family, ...] = (
    Family(
        "gpt-oss",
        lambda source, *_: "<|channel|>analysis<|message|>" in source and "<|start|>assistant" in source,
        # Prefilling the final channel skips the analysis. Two servers that do this report that it works (BigMoeOnEdge
        # pull request 85, Rapid-MLX pull request 1093), as special tokens only. "Reasoning: none" is not trained.
        {"off": "prefill", "off_prefill": "<|channel|>final<|message|>"},
    ),
    Family(
        "DeepSeek-R1 distill",
        lambda source, architecture, name: (
            "<｜Assistant｜><think>" in source
            and "enable_thinking" not in source
            and ("distill" in name or architecture in ("llama", "qwen2"))
        ),
        # Closing the opened tag works on the distilled models at a cost in quality; the vendor advises against it.
        # Reports about R1 itself are mixed (a server got garbage, tenstorrent issue 3234): there off is unsupported.
        {"off": "prefill", "off_prefill": "\n</think>\n\n", "note": "off costs answer quality"},
    ),
    Family(
        "Apriel",
        lambda source, *_: "[BEGIN FINAL RESPONSE]" in source,
        # Everything before the final response is thinking, opened by no marker (vLLM's parser does the same). The
        # <thinking> tags in the template belong to tool calls. A prefilled final response is untested: unsupported.
        {
            "kind": "always",
            "default": "on",
            "start": None,
            "end": "[BEGIN FINAL RESPONSE]",
            "answer_start": "[BEGIN FINAL RESPONSE]",
            "answer_end": "[END FINAL RESPONSE]",
            "between": "\n[BEGIN FINAL RESPONSE]\n",
            "opens_thinking": True,
        },
    ),
    Family(
        "Apriel 1.6",
        lambda source, *_: "Here are my reasoning steps:" in source and "[BEGIN FINAL RESPONSE]" in source,
        {
            "start": "Here are my reasoning steps:",
            "opens_thinking": False,
            "tool_start": "<tool_calls>",
        },  # the generation prompt contains the start
    ),
    Family(
        "Granite 3.2",
        lambda source, *_: "Here is my thought process:" in source and "Here is my response:" in source,
        # The instruction in the template spells the sentences; there are no tags.
        {
            "start": "Here is my thought process:",
            "end": "Here is my response:",
            "between": "\n\nHere is my response:\n\n",
            "answer_start": None,
        },
    ),
    Family(
        "Gemma 4",
        lambda source, *_: (
            "<|channel>" in source and "<channel|>" in source and "<start_of_turn>" not in source
        ),
        # Early templates strip channels from old answers without naming the thinking channel; later ones name it.
        {"start": "<|channel>thought", "end": "<channel|>", "between": "\n<channel|>"},
    ),
    Family(
        "Phi-4-reasoning",
        lambda source, *_: "You are Phi" in source and "{Thought section}" in source,
        # Trained with this one system prompt (model card); no other is known to stop the thinking.
        {"kind": "always", "switch": None, "off": "cannot"},
    ),
    Family(
        "MiMo-VL",
        lambda source, *_: "You are MiMo, an AI assistant developed by Xiaomi" in source,
        # The template does not mention thinking; the model card of later releases gives the word for the user message.
        {
            **ALWAYS,
            "kind": "switchable",
            "switch": Switch(None, "", "/no_think", "user"),
            "off": "text",
            "note": "the model knows this switch; its template does not",
        },
    ),
    Family(
        "MiniMax-M1",
        lambda source, *_: "<beginning_of_sentence>ai name=" in source,
        # The template does not mention thinking; the output contains it.
        {**ALWAYS, "note": "the template does not mention thinking; the model thinks anyway"},
    ),
    Family(
        "Llama-Nemotron",
        lambda source, architecture, name: (
            "nemotron" in name
            and any(size in name for size in ("nano", "super", "ultra"))
            and architecture in ("llama", "deci", "")
            and "think" not in source
        ),
        # Model cards of Llama-3.x-Nemotron Nano, Super and Ultra: the words belong in the system prompt.
        {
            **ALWAYS,
            "kind": "switchable",
            "switch": Switch(None, "detailed thinking on", "detailed thinking off", "system"),
            "off": "text",
        },
    ),
    Family(
        "DeepHermes",
        lambda source, _architecture, name: "deephermes" in name and "think" not in source,
        # Model card of DeepHermes 3: it thinks only with this system prompt.
        {
            **THINK_TAGS,
            "kind": "switchable",
            "default": "off",
            "switch": Switch(
                None,
                "You are a deep thinking AI, you may use extremely long chains of thought to deeply consider the "
                "problem and deliberate with yourself via systematic reasoning processes to help come to a correct "
                "solution prior to answering. You should enclose your thoughts and internal monologue inside <think> "
                "</think> tags, and then provide your solution or response to the problem.",
                "",
                "system",
            ),
            "off": "text",
        },
    ),
    Family(
        "pebble",
        lambda _source, _architecture, name: name.startswith("pebble"),
        {"bridge": ""},  # mull's built-in model was not trained on a bridging sentence
    ),
)


def corrected(found: Profile, source: str, *, architecture: str, name: str) -> Profile:
    """The profile with the facts of matching families applied."""
    for family in FAMILIES:
        if family.matches(source, architecture.lower(), name.lower()):
            found = replace(found, family=family.name, **family.facts)
            prompts = found.prompts
            head = header((prompts.default, prompts.on, prompts.off), found.start, found.end)
            found = replace(found, prompts=replace(prompts, header=head))
    return found
