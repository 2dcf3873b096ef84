"""Published templates with their own special tokens in their own architectures: load, switch, split, second turn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mull.chat_template.template import Template
from mull.control import TurnControl
from mull.engine.engine import Engine
from mull.engine.model import load
from mull.events import Done
from mull.messages import Message
from mull.reasoning.markers import chunks
from mull.reasoning.profiler import profile
from mull.settings import EngineSettings, ReasoningAsk, Sampling, TurnSettings
from mull.turn.loaded_model import LoadedModel
from mull.turn.turn import run
from tests.model_files.scripted import write_scripted
from tests.reasoning.corpus import needed, source

pytestmark = needed
SETTINGS = EngineSettings(threads=1)
TAGS = ("<think>", "</think>")
CASES: list[tuple[str, str, Sequence[str], dict[str, Sequence[str]], dict[str, Any], str, str]] = [
    # template, architecture, script, starts, vocabulary, thinking, answer with thinking off
    (
        "openai-gpt-oss-120b",
        "gpt-oss",
        ["<|channel|>", "analysis", "<|message|>", "Hm", ".", "<|end|>"],
        {},
        {"eos": "<|return|>"},
        "Hm.",
        "Hm",  # after the prefill the script starts over, and its text is the answer
    ),
    (
        "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
        "llama",
        ["Hm", ".\n", "</think>", "\n\nYes"],
        {},
        {},
        "Hm.",
        "Yes",
    ),
    (
        "Qwen-Qwen3-0.6B",
        "qwen3",
        ["<think>", "Hm", ".", "</think>", "\nYes"],
        {"\n\n": ["No"]},
        {},
        "Hm.",
        "No",
    ),
    ("google-gemma-2-2b-it", "gemma3", ["Yes"], {}, {}, "", "Yes"),
    (
        "google-gemma-4-31B-it",
        "gemma3",
        ["<|channel>", "thought\nHm", ".\n", "<channel|>", "Yes"],
        {},
        {"eos": "<turn|>"},
        "Hm.",
        "Yes",
    ),
    ("meta-llama-Llama-3.1-8B-Instruct", "llama", ["Yes"], {}, {}, "", "Yes"),
    ("deepseek-ai-DeepSeek-V3.1", "deepseek2", ["Hm", ".", "</think>", "Yes"], {}, {}, "Hm.", "Yes"),
]


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_family_runs_end_to_end(case: Any, tmp_path: Path, state: Path) -> None:
    name, architecture, script, starts, options, thinking, calm = case
    text = source(f"{name}.jinja")
    found = profile(text, name=name)
    special = [c for c in dict.fromkeys([*chunks(text), *found.turn_ends]) if "{" not in c and len(c) < 40]
    control = [c for c in special if c not in TAGS] or ["<|end|>"]
    options.setdefault("eos", found.turn_ends[0] if found.turn_ends else control[-1])
    path = write_scripted(
        tmp_path / "model.gguf",
        script,
        starts=starts,
        template=text,
        control=[c for c in control if c != options["eos"]] + [options["eos"]],
        user_defined=[tag for tag in TAGS if tag in special],
        architecture=architecture,
        name=name,
        **{key: value for key, value in options.items() if key != "eos"},
    )
    with load(path, SETTINGS, state_dir=state, trusted=True) as model:
        engine = Engine(model, SETTINGS)
        found = profile(text, special=model.special_tokens, architecture=model.architecture, name=name)
        loaded = LoadedModel(name, engine, Template(text, bos=model.bos, eos=model.eos), found)

        def turn(messages: list[Message], **ask: Any) -> Done:
            settings = TurnSettings(
                reasoning=ReasoningAsk(**ask), sampling=Sampling(temperature=0.0), max_tokens=40
            )
            done = list(run(loaded, messages, settings, TurnControl()))[-1]
            assert isinstance(done, Done)
            return done

        try:
            first = turn([Message("system", "Be brief."), Message("user", "What?")], on=True)
            assert first.thinking == thinking
            talk = [Message("user", "What?"), Message("assistant", "Yes", "Hm."), Message("user", "Sure?")]
            assert turn(talk, on=True).thinking == thinking
            off = turn(talk, on=False)
            assert off.reasoning.applied in ("off", "none", "always")
            assert calm in off.answer
        finally:
            engine.close()
