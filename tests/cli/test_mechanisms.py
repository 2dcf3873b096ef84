"""Every mechanism of reasoning through `mull ask --json` and a chat, with models that play a script."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mull.reasoning.markers import chunks
from mull.reasoning.profiler import profile
from tests.conftest import Run
from tests.model_files.scripted import write_scripted
from tests.reasoning import templates as t

THINK = ("<think>", "</think>")
CHAT = ("<|im_start|>", "<|im_end|>")
HARMONY = ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|call|>", "<|return|>")
CHANNELS = [
    *("<|channel|>", "analysis", "<|message|>", "Hm", "m.", "<|end|>", "<|start|>", "assistant"),
    *("<|channel|>", "final", "<|message|>", "Yes", "."),
]
ENDLESS = [f" so{number}" for number in range(60)]


@dataclass(frozen=True)
class Case:
    """A chat template, a script, flags, and the expected result."""

    template: str  # one of tests/reasoning/templates
    script: Sequence[
        str
    ]  # what the model generates after the prompt, one token each; the prompt may open the thinking
    thinking: str  # what the thinking starts with; "" for none
    answer: str
    flags: Sequence[str] = ()  # of `mull ask` and `mull chat`
    applied: str = "default"  # `reasoning.applied` in the result: default, on, off, low … high, always, none
    finish: str = "stop"  # `finish` in the result
    code: int = 0  # the exit code of `mull ask`
    # Arguments of `write_scripted`: `user_defined` makes markers tokens (else they are plain text), `starts` gives a
    # script to a prompt's last token (thinking switched off, for instance), `control` replaces the tokens of CHAT.
    options: dict[str, Any] = field(default_factory=dict)


TAGS: dict[str, Any] = {"user_defined": THINK}
CASES = {
    "no thinking": Case(t.PLAIN, ["Forty", "-two"], "", "Forty-two", applied="none"),
    "tags unprefilled": Case(
        t.CLOSED, ["<think>", "\nHm", "m.\n", "</think>", "\n\nYes", "."], "Hmm.", "Yes.", options=TAGS
    ),
    "plain-text markers": Case(
        t.CLOSED, ["<thi", "nk>\nHm", "m.\n</th", "ink>", "\n\nYes", "."], "Hmm.", "Yes."
    ),
    "prefilled open": Case(t.OPENED, ["Hm", "m.\n", "</think>", "\n\nYes"], "Hmm.", "Yes", options=TAGS),
    "bare end": Case(
        t.BARE,
        ["Hm"],
        "",
        "Yes",
        ["--no-reason"],
        "off",
        options={**TAGS, "starts": {"</think>": ["Yes"]}},
    ),
    "header channels": Case(
        t.CHANNELS,
        CHANNELS,
        "Hmm.",
        "Yes.",
        ["--effort", "high"],
        "high",
        options={"control": HARMONY, "eos": "<|return|>"},
    ),
    "final marker": Case(
        t.FINAL,
        ["Hm", "m.\n", "[BEGIN FINAL", " RESPONSE]", "\nYes"],
        "Hmm.",
        "Yes",
        applied="always",
        options={"control": ("<|end|>",)},
    ),
    "unclosed": Case(t.OPENED, ["Hm", "m."], "Hmm.", "", finish="thinking", code=4, options=TAGS),
    "off refused": Case(
        t.ALWAYS,
        ["Hm", "m.\n", "</think>", "\n\nYes"],
        "Hmm.",
        "Yes",
        ["--no-reason"],
        "always",
        options=TAGS,
    ),
    "budget cut": Case(
        t.OPENED,
        [*ENDLESS, "</think>", "\n\nNo"],
        "so0",
        "Yes.",
        ["--think-budget", "8"],
        "on",
        options={**TAGS, "starts": {"\n\n": ["Yes", "."]}},
    ),
}


def markers(case: Case) -> set[str]:
    """What must never be on the screen: the markers of the case's own profile, whole and in parts."""
    known = {key: case.options[key] for key in ("name", "architecture") if key in case.options}
    found = profile(case.template, **known)
    spelled = (found.start, found.end, found.answer_start, found.answer_end, found.header, found.restart)
    texts = [text.strip() for text in (*spelled, *found.turn_ends, *THINK) if text]
    return {marker for text in texts for marker in (text, *chunks(text))}


def model(tmp_path: Path, case: Case) -> Path:
    options = {"control": CHAT, **case.options}
    return write_scripted(tmp_path / "scripted.gguf", case.script, template=case.template, **options)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_ask_json(mull: Run, tmp_path: Path, case: Case) -> None:
    done = mull("-m", model(tmp_path, case), "--temp", "0", "--json", *case.flags, "What is it?")
    found = json.loads(done.stdout)
    assert (found["answer"], found["finish"], done.returncode) == (case.answer, case.finish, case.code)
    assert found["thinking"].startswith(case.thinking)
    assert bool(found["thinking"]) is bool(case.thinking)
    assert found["reasoning"]["applied"] == case.applied
    assert "so20" not in found["thinking"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX pseudo-terminal")
@pytest.mark.parametrize("name", CASES)
def test_chat(home: dict[str, str], tmp_path: Path, name: str) -> None:
    from tests.terminal.harness import Terminal

    case = CASES[name]
    command = [
        sys.executable,
        "-m",
        "mull",
        "chat",
        "-m",
        str(model(tmp_path, case)),
        "--temp",
        "0",
        "--no-save",
        *case.flags,
    ]
    with Terminal(command, environ=home) as terminal:
        terminal.wait("· /help", "the prompt")
        terminal.press("What is it?\r")
        terminal.wait(lambda: case.answer in terminal.lines, case.answer)
        if case.thinking and "--no-reason" not in case.flags:
            terminal.wait("Thought for")
        if case.finish == "thinking":
            terminal.wait("never answered")
        assert not case.thinking or case.thinking not in terminal.lines  # folded, or hidden
        assert not any(marker in terminal.text for marker in markers(case))
        terminal.press("\x04")
        assert terminal.exit() == 0
