"""Constrained decoding with every mechanism of reasoning: only the answer is constrained, and no marker leaks."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CHATML
from tests.conftest import Run
from tests.model_files.scripted import write_scripted
from tests.modes import both_modes
from tests.reasoning import templates as t

TAGS: dict[str, Any] = {"user_defined": ["<think>", "</think>"]}
HARMONY = ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|call|>", "<|return|>")
OBJECT = ['{"n', '": 4', "2", "}"]
"""The script of a model that writes the object unconstrained; the grammar forces the others to."""


@dataclass(frozen=True)
class Case:
    """A chat template, a script, flags, and the expected, unconstrained thinking."""

    template: str | None
    script: Sequence[str]
    thinking: str = "Hmm."
    flags: Sequence[str] = ()
    options: dict[str, Any] = field(default_factory=dict)


CASES = {
    "no thinking": Case(t.PLAIN, OBJECT, ""),
    "unprefilled": Case(t.CLOSED, ["<think>", "\nHm", "m.\n", "</think>", "\n\n", *OBJECT], options=TAGS),
    "unprefilled, and does not think": Case(t.CLOSED, OBJECT, "", options=TAGS),
    "markers in plain text": Case(t.CLOSED, ["<thi", "nk>\nHm", "m.\n</th", "ink>", "\n\n", *OBJECT]),
    "a marker and the answer in one token": Case(t.CLOSED, ["<thi", "nk>\nHm", "m.\n</th", 'ink>\n\n{"n', *OBJECT[1:]]),
    "prefilled": Case(t.OPENED, ["Hm", "m.\n", "</think>", "\n\n", *OBJECT], options=TAGS),
    "switched off": Case(t.CLOSED, ["Hm"], "", ["--no-reason"], {**TAGS, "starts": {"\n\n": OBJECT}}),
    "channels": Case(
        t.CHANNELS,
        [
            *("<|channel|>", "analysis", "<|message|>", "Hm", "m.", "<|end|>", "<|start|>", "assistant"),
            *("<|channel|>", "final", "<|message|>", *OBJECT),
        ],
        options={"control": HARMONY, "eos": "<|return|>"},
    ),
    "a final marker": Case(
        t.FINAL,
        ["Hm", "m.\n", "[BEGIN FINAL", " RESPONSE]", *OBJECT],
        options={"control": ("<|end|>",)},
    ),
    "a budget": Case(
        t.OPENED,
        [*(f" so{n}" for n in range(60)), "</think>", "\n\n", "No"],
        "so0 so1",
        ["--think-budget", "8"],
        {**TAGS, "starts": {"\n\n": OBJECT}},
    ),
    "off refused": Case(
        t.ALWAYS, ["Hm", "m.\n", "</think>", "\n\n", *OBJECT], flags=["--no-reason"], options=TAGS
    ),
}  # fmt: skip


@pytest.mark.parametrize("written", ["by the model", "made to"])
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_only_the_answer_is_constrained(mull: Run, tmp_path: Path, case: Case, written: str) -> None:
    """ "made to": the model would go on in prose where the object is due; single bytes of its vocabulary serve."""
    script, options = list(case.script), {"control": ("<|im_start|>", "<|im_end|>"), **case.options}
    if written == "made to":
        at = next((i for i, piece in enumerate(script) if piece == OBJECT[0]), None)
        if not at:
            pytest.skip("the model begins with its answer, or never comes to it in this script")
        script[at:] = ["For", "ty", "-two"]
    model = write_scripted(tmp_path / "m.gguf", script, template=case.template, **options)
    shape = ["--schema", '{"properties": {"n": {"type": "integer", "maximum": 99}}, "required": ["n"]}']
    done = mull("--json", "-m", model, "--temp", "0", "--no-save", *shape, *case.flags, "hi")
    result = json.loads(done.stdout)
    assert (done.returncode, result["finish"], result["error"]) == (0, "stop", None)
    assert isinstance(json.loads(result["answer"])["n"], int)
    assert result["thinking"].startswith(case.thinking)
    assert bool(result["thinking"]) is bool(case.thinking)
    if written == "by the model" and case.thinking != "":
        assert json.loads(result["answer"]) == {"n": 42}
    assert "{" not in result["thinking"]


def test_a_base_model_is_constrained_from_its_first_token(mull: Run, tmp_path: Path) -> None:
    model = write_scripted(tmp_path / "base.gguf", ["Once", " upon", " a time"])
    result = json.loads(mull("--json", "-m", model, "--no-save", "--schema", "ok bool", "hi").stdout)
    assert json.loads(result["answer"])["ok"] in {True, False}


@both_modes
def test_a_gbnf_grammar(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "g.gbnf").write_text('root ::= "yes" | "no"\n')
    done = mull("-m", thinker, "--grammar", "g.gbnf", "hi")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout in {b"yes\n", b"no\n"}
    (tmp_path / "wrong.gbnf").write_text('root ::= "yes"\nno ::= [\n')
    done = mull("-m", thinker, "--grammar", "wrong.gbnf", "hi")
    assert done.returncode == 2
    assert b"line 2" in done.stderr


@both_modes
def test_an_answer_cut_before_the_grammar_ends_is_exit_5(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "g.gbnf").write_text('root ::= "yes" [a-z]{40}\n')
    done = mull("-m", thinker, "--grammar", "g.gbnf", "--max-tokens", "10", "hi")
    assert done.returncode == 5
    assert done.stdout.startswith(b"yes")  # it is kept
    assert b"was cut" in done.stderr


@both_modes
def test_json_of_any_kind(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "--format", "json", "hi")
    assert done.returncode == 0
    json.loads(done.stdout)


def test_the_short_form_and_a_schema_file_are_equivalent(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}')
    by_file = mull("-m", thinker, "--temp", "0", "--schema", "s.json", "hi")
    short = mull("-m", thinker, "--temp", "0", "--schema", "ok bool", "hi")
    assert by_file.returncode == short.returncode == 0
    assert by_file.stdout == short.stdout


def test_a_prompt_template_can_have_a_schema(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text('prompt = "Is $input right?"\nschema = "ok bool"\n')
    done = mull("-m", thinker, "-t", "./t.toml", "it")
    assert done.returncode == 0
    assert set(json.loads(done.stdout)) == {"ok"}
    done = mull("-m", thinker, "-t", "./t.toml", "--schema", "no bool", "it")
    assert set(json.loads(done.stdout)) == {"no"}  # flags are stronger


@both_modes
def test_chatml_without_thinking_is_constrained_in_a_conversation(mull: Run, tmp_path: Path) -> None:
    """The second turn is bound as the first, and the session keeps the answers."""
    model = write_scripted(tmp_path / "m.gguf", ["Well", " then"], template=CHATML)
    for _ in range(2):
        done = mull("-m", model, "--no-reason", "--session", "s", "--schema", "a int", "hi")
        assert done.returncode == 0
        assert set(json.loads(done.stdout)) == {"a"}


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        (["--max-tokens", "9"], "Allow more tokens with --max-tokens."),
        (["--ctx", "128"], "Raise --ctx, or shorten the input."),
        ([], "Shorten the input, or ask for less."),
    ],
)
def test_the_hint_of_a_cut_answer_names_what_helps(
    mull: Run, tmp_path: Path, flags: list[str], hint: str
) -> None:
    long = ['{"a": "', *[f" word{i}" for i in range(400)]]
    model = write_scripted(tmp_path / "long.gguf", long, template=CHATML, n_ctx=256)
    done = mull("-m", model, "--json", "--no-reason", "--schema", "a", *flags, "hi")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"], error["hint"]) == (5, "schema_cut", hint)


@both_modes
@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--choice", "yes,no"], {"yes", "no"}),
        (["--choice", "a,ab,abc"], {"a", "ab", "abc"}),
        (["--choice", '["yes, please", "no\\nthanks"]'], {"yes, please", "no\nthanks"}),
        (["--regex", "(?i)[ab]-\\d"], {f"{letter}-{digit}" for letter in "abAB" for digit in "0123456789"}),
        (["--lark", "g.lark"], {"(x)", "((x))", "x"}),
    ],
    ids=["choice", "prefixes", "list", "regex", "lark"],
)
def test_the_answer_is_printed_bare(
    mull: Run, thinker: Path, tmp_path: Path, flags: list[str], expected: set[str]
) -> None:
    (tmp_path / "g.lark").write_text('start: "x" | "(" start ")"\n')
    done = mull("-m", thinker, "--temp", "1.5", "--seed", "3", *flags, "hi")
    assert (done.returncode, done.stderr) == (0, b"")
    answer = done.stdout.decode().removesuffix("\n")
    assert answer in expected or (flags[0] == "--lark" and re.fullmatch(r"\(*x\)*", answer))


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--choice", ""], "empty"),
        (["--choice", "a,,b"], "empty"),
        (["--choice", "a,b,a"], '"a" is given twice'),
        (["--choice", "[1, 2]"], "list of texts"),
        (["--choice", '["a"'], "no JSON list"),
        (["--regex", ""], "empty"),
        (["--regex", "("], "unclosed group"),
        (["--regex", "(?=a)b"], 'look-around, "(?=", is not supported.'),
        (["--regex", "(a)\\1"], '"\\1" is a back-reference, which is not supported.'),
        (["--regex", "a$b"], "$ is supported only at the end."),
        (["--regex", "(?m)^a$"], "(?m), the end of a line, is not supported."),
        (["--regex", "\\b"], "\\b, a word boundary, is not supported."),
        (["--regex", "(?-u:x\\B)y"], "\\B, any place but a word boundary, is not supported."),
        (["--regex", "(?>a)"], '"(?>" is neither a group nor a flag.'),
        (["--regex", "a\\Q"], '"\\Q" is not an escape sequence.'),
        (["--regex", "\\p{Foo}"], '"\\p{Foo}" is not a property of Unicode.'),
        (["--regex", "a{2,1}"], '"{2,1}"'),
        (["--regex", "a\\"], "backslash"),
        (["--regex", "[^\\x00-\\x{10FFFF}]"], "nothing matches it"),
        (["--regex", "x?" * 3000], "4,000 characters"),
        (["--lark", "g.lark"], "line 2: unknown name"),
        (["--lark", "b.lark"], "line 2: \\b, a word boundary, is not supported."),
        (["--lark", "missing.lark"], "cannot be read"),
        (["--grammar", "g.lark"], "llama.cpp's notation; --lark takes Lark's."),
        (["--lark", "g.gbnf"], "as llguidance reads it; --grammar takes GBNF."),
        (["--choice", "a,b", "--regex", "a"], "--regex and --choice contradict"),
        (["--lark", "g.lark", "--schema", "a"], "--schema and --lark contradict"),
        (["--format", "json", "--choice", "a"], "--choice and --format json contradict"),
    ],
)
def test_what_cannot_be_used_is_refused_before_a_model_is_loaded(
    mull: Run, tmp_path: Path, flags: list[str], named: str
) -> None:
    (tmp_path / "g.lark").write_text('start: "a" | other\nother: nothing\n')
    (tmp_path / "g.gbnf").write_text('root ::= "a"\n')
    (tmp_path / "b.lark").write_text("start: WORD\nWORD: /\\ba/\n")
    done = mull("-m", tmp_path / "no-model.gguf", *flags, "hi")
    assert done.returncode == (1 if "missing.lark" in flags else 2)
    assert named in " ".join(done.stderr.decode().split())
    assert "lookarounds" not in done.stderr.decode()


@both_modes
def test_the_model_is_told_the_schema_where_that_is_asked_for(mull: Run, tmp_path: Path) -> None:
    model = write_scripted(tmp_path / "m.gguf", ["Well", " then"], template=CHATML, n_ctx=2048)

    def prompt_tokens(*flags: str) -> int:
        asked = ("--json", "--no-save", "--no-reason", "--schema", "count int", *flags, "hi")
        done = json.loads(mull("-m", model, *asked).stdout)
        assert set(json.loads(done["answer"])) == {"count"}
        return int(done["usage"]["prompt"])

    untold = prompt_tokens()  # a small model
    assert prompt_tokens("--schema-prompt") > untold + 50
    assert mull("config", "set", "schema_prompt", "true").returncode == 0
    assert prompt_tokens() > untold + 50
    assert prompt_tokens("--no-schema-prompt") == untold


def test_a_line_of_a_batch_decides_whether_its_model_is_told(mull: Run, tmp_path: Path) -> None:
    model = write_scripted(tmp_path / "m.gguf", ["Well", " then"], template=CHATML, n_ctx=2048)
    lines = [{"prompt": "hi", "schema": "a int", "schema_prompt": told} for told in (False, True)]
    text = "\n".join(map(json.dumps, [*lines, {"prompt": "hi", "schema": "a int"}]))
    done = mull("batch", "-m", model, "--no-reason", "-", stdin=text.encode())
    untold, told, unset = (json.loads(line)["usage"]["prompt"] for line in done.stdout.splitlines())
    assert untold == unset
    assert told > untold + 50


def test_an_invalid_schema_is_reported_while_the_model_loads(mull: Run, thinker: Path) -> None:
    for schema, code in (('{"type": "nonsense"}', 2), ('{"not": {"type": "string"}}', 5), ("a b c d", 2)):
        done = mull("-m", thinker, "--schema", schema, "x")
        assert (done.returncode, done.stdout) == (code, b"")
        assert done.stderr.count(b"Error: ") == 1


def test_a_missing_model_comes_after_an_invalid_schema(mull: Run) -> None:
    done = mull("-m", "no-such-model", "--schema", "a b c d", "x")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"not a field" in done.stderr
