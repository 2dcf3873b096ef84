"""A script that builds one session: what `context_full` says happens when it is full, without a user to ask."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run

LONG = " ".join(map(str, range(1, 91)))  # some 270 tokens of the context's 512


def ask(mull: Run, model: Path, number: int, *flags: str) -> tuple[int, str, str]:
    done = mull("-m", model, "--no-reason", "--ctx", "512", "--session", "log", *flags, f"{number}: {LONG}")
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize(
    ("policy", "said"),
    [("drop", "the model no longer sees the oldest turns"), ("summarize", "was summarized: 42")],
)
def test_the_policy_holds_for_single_questions(mull: Run, thinker: Path, policy: str, said: str) -> None:
    assert mull("config", "set", "context_full", policy).returncode == 0
    assert ask(mull, thinker, 1) == (0, "42\n", "")
    code, out, errors = ask(mull, thinker, 2)
    assert (code, out) == (0, "42\n")
    assert said in errors
    code, out, errors = ask(mull, thinker, 3, "--json")
    result = json.loads(out)
    assert (code, errors, result["answer"]) == (0, "", "42")
    assert any("context was full" in notice["text"] for notice in result["notices"])
    turns = json.loads(mull("sessions", "export", "log", "--format", "json").stdout)["turns"]
    assert [turn["question"][:2] for turn in turns] == ["1:", "2:", "3:"]  # the session has all of them


@pytest.mark.parametrize("policy", ["ask", "stop"])
def test_where_the_policy_needs_a_user_the_hint_names_the_other(
    mull: Run, thinker: Path, policy: str
) -> None:
    assert mull("config", "set", "context_full", policy).returncode == 0
    assert ask(mull, thinker, 1)[0] == 0
    code, out, errors = ask(mull, thinker, 2)
    assert (code, out) == (1, "")
    assert "the context 512." in errors
    assert "mull config set context_full drop leaves out the oldest turns" in errors
    assert ask(mull, thinker, 3)[0] == 1  # and the refused question is no part of the session
