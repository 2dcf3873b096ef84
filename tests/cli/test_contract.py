"""However a turn ends, its JSON matches docs/output.schema.json and its exit code is the documented one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.conftest import CHATML
from tests.conftest import Run
from tests.model_files.scripted import write_scripted
from tests.modes import both_modes

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "output.schema.json").read_text(encoding="utf-8"))
VALID = jsonschema.Draft202012Validator(SCHEMA)
RESULT = jsonschema.Draft202012Validator({"$ref": "#/$defs/result", "$defs": SCHEMA["$defs"]})

EXAMPLE: dict[str, Any] = {
    "v": 1, "model": "pebble", "answer": "…", "thinking": "…",
    "reasoning": {"asked": "on", "applied": "on", "how": "template: enable_thinking=true", "notice": None},
    "finish": "stop", "error": None,
    "usage": {"prompt": 41, "cached": 30, "thinking": 96, "answer": 12},
    "timing": {"load": 0.21, "prompt": 0.02, "first_token": 0.24, "thinking": 0.11, "answer": 0.02,
               "tokens_per_second": 910.0},
    "session": "…",
    "placement": {"devices": [], "gpu_layers": 0, "layers": 7, "why": "this build of llama.cpp has no GPU backend"},
}  # fmt: skip
"""The result as the contract shows it."""

RULES = [f"r{number}" for number in range(2100)]
AMBIGUOUS = "\n".join(
    [f'start: "x" ({" | ".join(RULES)})', *(f'{name}: "a" {name} "{name}" | "a"' for name in RULES)]
)
"""After the "x", 2,100 rules may go on, more than llguidance follows at once: a failure during the answer."""


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "endless.gguf"
    return write_scripted(path, [f" w{i}" for i in range(300)], template=CHATML, end=False)


@dataclass(frozen=True)
class Case:
    """Flags after `mull --json`; the model by the name of its fixture."""

    code: int
    finish: str
    flags: tuple[str, ...]
    model: str | None = "thinker"
    error: str | None = None
    stdin: bytes = b""


CASES = {
    "stop": Case(0, "stop", ("hi",)),
    "no thinking": Case(0, "stop", ("--no-reason", "hi")),
    "kept in a session": Case(0, "stop", ("--session", "s", "hi")),
    "the user's limit": Case(0, "length", ("--max-tokens", "6", "hi")),
    "a schema": Case(0, "stop", ("--schema", "a bool", "hi")),
    "chances": Case(0, "stop", ("--logprobs", "3", "hi")),
    "chances without others": Case(0, "stop", ("--logprobs", "0", "hi")),
    "no such model": Case(1, "error", ("-m", "nothing.gguf", "hi"), None, "model_missing"),
    "a folder as the model": Case(1, "error", ("-m", ".", "hi"), None, "model_is_folder"),
    "a prompt too long": Case(1, "error", ("--ctx", "64", "word " * 200), error="context_overflow"),
    "a binary input": Case(1, "error", ("hi",), error="binary_input", stdin=b"\xff\x00\xfe"),
    "a failure during the answer": Case(1, "error", ("--lark", "g.lark", "hi"), error="grammar_ambiguous"),
    "no prompt": Case(2, "error", (), error="missing_prompt"),
    "an unknown flag": Case(2, "error", ("--resaon", "hi"), error="usage_error"),
    "contradictions": Case(2, "error", ("--no-reason", "--effort", "low", "hi"), error="conflicting_options"),
    "a malformed schema": Case(2, "error", ("--schema", '{"type": 3}', "hi"), error="invalid_schema"),
    "a malformed grammar": Case(2, "error", ("--grammar", "bad.gbnf", "hi"), error="invalid_grammar"),
    "two output formats": Case(2, "error", ("--format", "json", "--schema", "a", "hi"), error="conflicting_options"),
    "the context's end": Case(3, "length", ("--ctx", "256", "hi"), "endless"),
    "thinking without an answer": Case(4, "thinking", ("--max-tokens", "3", "hi")),
    "an answer that was cut": Case(5, "schema", ("--schema", "a", "--max-tokens", "9", "hi"), error="schema_cut"),
    "a schema that cannot be enforced": Case(
        5, "schema", ("--schema", '{"type": "array", "uniqueItems": true}', "hi"), error="schema_unsupported"
    ),
    "an answer that does not fit": Case(
        5, "schema", ("--schema", '{"type": "string", "format": "date"}', "hi"), error="schema_misfit"
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", ["--json", "--jsonl"])
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
@both_modes
def test_every_end(mull: Run, tmp_path: Path, request: pytest.FixtureRequest, case: Case, form: str) -> None:
    (tmp_path / "g.lark").write_text(AMBIGUOUS)
    (tmp_path / "bad.gbnf").write_text("root ::= (\n")
    model = ["-m", str(request.getfixturevalue(case.model))] if case.model else []
    saved = () if "--session" in case.flags else ("--no-save",)
    done = mull(form, *model, "--temp", "0", *saved, *case.flags, stdin=case.stdin)
    *events, result = [json.loads(line) for line in done.stdout.splitlines()]
    for line in (*events, result):
        VALID.validate(line)
    RESULT.validate(result)
    assert (done.returncode, result["finish"]) == (case.code, case.finish)
    assert (result["error"] or {}).get("code") == case.error
    assert (result["answer"] is None) == (case.finish == "error" or case.error == "schema_unsupported")
    assert (result["session"] is not None) == ("--session" in case.flags)
    assert ("logprobs" in result) == ("--logprobs" in case.flags)
    assert set(result) - {"logprobs", "threads"} == set(EXAMPLE)
    assert ("threads" not in result) or 1 <= result["threads"][0] <= result["threads"][1]
    assert not events or form == "--jsonl"
    assert events or form == "--json" or result["answer"] is None
    if events:
        joined = "".join(event["text"] for event in events if event["event"] == "thinking")
        assert joined == result["thinking"]
    if case.error == "grammar_ambiguous":
        assert result["thinking"] == "Let me see."  # nothing that was said is lost


def test_the_documented_example_matches_the_schema_and_has_its_types(mull: Run, thinker: Path) -> None:
    RESULT.validate(EXAMPLE)

    def types(value: Any) -> Any:
        return {key: types(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value)

    result = json.loads(mull("--json", "-m", thinker, "hi").stdout)
    assert result.pop("threads") == [1, 1]  # the model is tiny
    assert types(result) == types(EXAMPLE)


@pytest.mark.parametrize(
    "broken",
    [
        {"v": 2},
        {"answer": None},
        {"finish": "done"},
        {"error": {"code": "x", "message": "m"}},
        {"usage": {"prompt": 1}},
        {"timing": {**EXAMPLE["timing"], "load": "0.1"}},
        {"reasoning": {**EXAMPLE["reasoning"], "applied": "maybe"}},
    ],
)
def test_the_schema_rejects_invalid_objects(broken: dict[str, Any]) -> None:
    assert not RESULT.is_valid({**EXAMPLE, **broken})


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("form", ["--json", "--jsonl"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@both_modes
def test_interrupted(home: dict[str, str], slow: Path, form: str, number: signal.Signals) -> None:
    """At any moment after Python is up: while loading it is an error's object, later the turn's own."""
    for seconds in (0.5, 2.5):
        command = [sys.executable, "-m", "mull", form, "--no-save", "-m", str(slow), "hi"]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home
        ) as process:
            time.sleep(seconds)
            process.send_signal(number)
            out, said = process.communicate(timeout=30)
        if not out:
            assert process.returncode == -number  # before the arguments had been read
            continue
        lines = [json.loads(line) for line in out.splitlines()]
        for line in lines:
            VALID.validate(line)
        assert (process.returncode, lines[-1]["finish"], said) == (-number, "interrupted", b"")


@both_modes
def test_logprobs_belong_to_the_tokens_of_the_answer(mull: Run, thinker: Path) -> None:
    result = json.loads(mull("--json", "-m", thinker, "--logprobs", "2", "hi").stdout)
    assert "".join(one["token"] for one in result["logprobs"]).strip() == result["answer"] == "Forty-two."
    for one in result["logprobs"]:
        assert one["logprob"] == pytest.approx(0, abs=1e-4)  # a script is certain
        assert [one["token"], one["logprob"]] == [one["top"][0]["token"], one["top"][0]["logprob"]]
        assert one["top"][1]["logprob"] < -10
    bare = json.loads(mull("--json", "-m", thinker, "--no-reason", "--logprobs", "0", "hi").stdout)
    assert [(one["token"], one["top"]) for one in bare["logprobs"]] == [("42", [])]


def test_logprobs_need_json(mull: Run, thinker: Path) -> None:
    assert mull("-m", thinker, "--logprobs", "2", "hi").returncode == 2
    assert mull("--json", "-m", thinker, "--logprobs", "21", "hi").returncode == 2
