"""`mull inspect`: describe a template or model as text or JSON, render a prompt, parse a raw output."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest

from mull.commands._inspection import Inspected, read_messages
from mull.errors import ModelFileError, TemplateError, UsageError
from mull.settings import ReasoningAsk
from tests.conftest import Run
from tests.reasoning import templates as t


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "closed.jinja"
    path.write_text(t.CLOSED, encoding="utf-8")
    return path


def model(path: Path, source: str | None) -> Path:
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_name("Tiny")
    writer.add_context_length(4096)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["<|im_start|>", "<|im_end|>", "<think>", "</think>", "a"])
    writer.add_token_types([3, 3, 4, 4, 1])
    writer.add_eos_token_id(1)
    if source is not None:
        writer.add_chat_template(source)
    writer.add_tensor(
        "token_embd.weight", np.zeros((5, 4), dtype=np.float32)
    )  # else it is a vocabulary alone
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        step()
    writer.close()
    return path


def test_the_json_is_the_contract(mull: Run, template: Path) -> None:
    done = mull("inspect", template, "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["v"] == 1
    reasoning = {key: found["reasoning"][key] for key in list(found["reasoning"])[:7]}
    assert reasoning == {
        "kind": "switchable",
        "default": "on",
        "switch": {"argument": "enable_thinking", "on": True, "off": False},
        "effort": None,
        "markers": {"start": "<think>", "end": "</think>"},
        "prefill": {"on": "none", "off": "closed"},
        "off": "template",
    }


def test_the_text_describes_what_off_does(mull: Run, template: Path) -> None:
    done = mull("inspect", template, "--stats")
    text = done.stdout.decode()
    assert "enable_thinking = false" in text
    assert "an empty thinking block" in text
    assert float(done.stderr.split()[0]) > 0


def test_the_family_is_shown_where_a_rule_knows_it(mull: Run, tmp_path: Path) -> None:
    path = tmp_path / "chat_template.jinja"
    path.write_text(t.CHANNELS, encoding="utf-8")
    assert ["Family", "gpt-oss"] in [
        line.split() for line in mull("inspect", path).stdout.decode().splitlines()
    ]
    assert json.loads(mull("inspect", path, "--json").stdout)["reasoning"]["family"] == "gpt-oss"
    path.write_text(t.CLOSED, encoding="utf-8")
    assert "Family" not in mull("inspect", path).stdout.decode()
    assert json.loads(mull("inspect", path, "--json").stdout)["reasoning"]["family"] is None


@pytest.mark.parametrize(
    ("flags", "prefill"), [([], ""), (["--reason"], ""), (["--no-reason"], "<think>\n\n</think>\n\n")]
)
def test_render_prints_the_exact_prompt(
    mull: Run, template: Path, tmp_path: Path, flags: list[str], prefill: str
) -> None:
    messages = tmp_path / "m.json"
    messages.write_text(json.dumps([{"role": "user", "content": "Hé </think>"}]), encoding="utf-8")
    done = mull("inspect", template, "--render", messages, *flags)
    assert done.stdout.decode() == (
        f"<|im_start|>user\nHé </think><|im_end|>\n<|im_start|>assistant\n{prefill}"
    )


@pytest.mark.parametrize(
    ("flags", "output", "result"),
    [
        ([], "<think>\nHm.\n</think>\n\nYes\n", {"thinking": "Hm.", "answer": "Yes\n"}),
        (["--no-reason"], "Yes\n", {"thinking": "", "answer": "Yes\n"}),
        (["--effort", "low"], "<think>Hm.", {"thinking": "Hm.", "answer": ""}),
    ],
)
def test_parse_splits_a_raw_output(
    mull: Run, template: Path, flags: list[str], output: str, result: dict[str, str]
) -> None:
    done = mull("inspect", template, "--parse", *flags, stdin=output.encode())
    assert json.loads(done.stdout) == result


def test_a_model_file_is_read_without_loading_it(mull: Run, tmp_path: Path) -> None:
    path = model(tmp_path / "tiny.gguf", t.CLOSED)
    done = mull("inspect", path, "--json")
    found = json.loads(done.stdout)
    assert found["format"] == "gguf"
    assert (found["model"]["name"], found["model"]["architecture"], found["model"]["context"]) == (
        "Tiny",
        "qwen3",
        4096,
    )
    assert found["reasoning"]["kind"] == "switchable"
    assert "Tiny" in mull("inspect", path).stdout.decode()
    # its markers are tokens there, yet a file of text can only spell them
    parsed = mull("inspect", path, "--parse", stdin=b"<think>Hm.</think>Yes")
    assert json.loads(parsed.stdout) == {"thinking": "Hm.", "answer": "Yes"}


def test_a_model_without_a_template_is_a_base_model(mull: Run, tmp_path: Path) -> None:
    path = model(tmp_path / "base.gguf", None)
    assert b"base model" in mull("inspect", path).stdout
    assert json.loads(mull("inspect", path, "--json").stdout)["reasoning"]["kind"] == "none"


def test_a_tokenizer_config_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({"chat_template": t.OPENED}), encoding="utf-8")
    assert Inspected.open(path).profile.prompts.on.endswith("<think>\n")


def test_a_tokenizer_config_may_have_named_templates_and_special_texts(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer_config.json"
    templates = [{"name": "tool_use", "template": t.TOOLS}, {"name": "default", "template": t.PROMPTED}]
    value = {"chat_template": templates, "bos_token": "<s>", "eos_token": {"content": "</s>"}}
    path.write_text(json.dumps(value), encoding="utf-8")
    found = Inspected.open(path).profile
    assert found.start == "[THINK]"
    assert found.turn_ends == ("</s>",)


def test_a_template_with_a_generic_name_is_named_after_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "Llama-3_3-Nemotron-Super-49B"
    folder.mkdir()
    path = folder / "chat_template.jinja"
    path.write_text(t.PLAIN, encoding="utf-8")
    assert Inspected.open(path).profile.family == "Llama-Nemotron"


def test_a_model_with_an_unusable_template_is_still_described(mull: Run, tmp_path: Path) -> None:
    path = model(tmp_path / "broken.gguf", "{{ ''.__class__ }}")
    done = mull("inspect", path)
    assert done.returncode == 0
    assert b"Tiny" in done.stdout
    assert b"cannot be used" in done.stdout
    found = json.loads(mull("inspect", path, "--json").stdout)
    assert "__class__" in found["problem"]
    assert found["reasoning"]["kind"] == "none"
    assert mull("inspect", path, "--parse", stdin=b"x").returncode == 1


def test_a_narrow_window_wraps_and_truncates_nothing(home: dict[str, str], tmp_path: Path) -> None:
    from tests.terminal.harness import Terminal

    path = tmp_path / "closed.jinja"
    path.write_text(t.CLOSED, encoding="utf-8")
    command = [sys.executable, "-m", "mull", "inspect", str(path)]
    with Terminal(command, environ=home, columns=40) as terminal:
        assert terminal.exit() == 0
        assert all(len(line) <= 40 for line in terminal.lines)
        shown = " ".join(" ".join(terminal.lines).split())
    assert "template argument enable_thinking = false; the prompt contains an empty thinking block" in shown


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.gguf", b""),
        ("x.gguf", b"GGUF\x03"),
        ("x.bin", b"\xff\xfe\x00"),
        ("x.jinja", b" \n"),
        ("x.json", b"{}"),
    ],
)
def test_other_files_are_an_error(mull: Run, tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    done = mull("inspect", path)
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 2  # one sentence, one hint
    with pytest.raises(ModelFileError):
        Inspected.open(path)


@pytest.mark.parametrize("name", ["nowhere.jinja", "folder", "folder.gguf"])
def test_a_missing_file_or_a_folder_is_an_error(mull: Run, tmp_path: Path, name: str) -> None:
    if name.startswith("folder"):
        (tmp_path / name).mkdir()
    done = mull("inspect", tmp_path / name)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 2)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(10**9) %}{% endfor %}",
        "{{ messages.__class__ }}",
        "{{ 'a' * 10**10 }}",
        "{{ raise_exception('\x1b[2Jno') }}",
        "{% if %}",
        "{{ 'no messages' }}",
    ],
)
def test_an_unusable_template_is_an_error(tmp_path: Path, mull: Run, source: str) -> None:
    path = tmp_path / "bad.jinja"
    path.write_text(source, encoding="utf-8")
    done = mull("inspect", path)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 2)
    assert b"\x1b" not in done.stderr
    assert b"mull inspect FILE" not in done.stderr  # where the user is already
    assert b"The model" not in done.stderr
    with pytest.raises(TemplateError):
        Inspected.open(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "# A project\n\nIt has {braces} and % signs, and no messages.\n"),
        ("setup.toml", "[project]\nname = 'x'\n"),
        ("tokenizer_config.json", '{"chat_template": "Say something."}'),
    ],
)
def test_a_text_without_jinja_is_no_chat_template(tmp_path: Path, mull: Run, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = mull("inspect", name, "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (1, "no_chat_template")
    assert name in error["message"]


@pytest.mark.parametrize(
    "value",
    ["{}", "[]", "nonsense", '[{"role": "tool", "content": "x"}]', '[{"role": "user", "content": 3}]', "[1]"],
)
def test_malformed_messages_are_an_error(tmp_path: Path, value: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(value, encoding="utf-8")
    with pytest.raises(UsageError):
        read_messages(path)


def test_messages_may_carry_thinking_and_parts(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(
        json.dumps(
            [
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                {"role": "assistant", "content": "Yes", "reasoning_content": "Hm"},
            ]
        ),
        encoding="utf-8",
    )
    assert [(m.content, m.thinking) for m in read_messages(path)] == [("Hi", ""), ("Yes", "Hm")]


def test_parse_and_render_exclude_each_other(mull: Run, template: Path) -> None:
    assert mull("inspect", template, "--parse", "--render", template).returncode == 2


def test_without_the_final_marker_the_output_is_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "final.jinja"
    path.write_text(t.FINAL, encoding="utf-8")
    inspected = Inspected.open(path)
    assert inspected.parse(b"It is 4.", ReasoningAsk()) == {"thinking": "", "answer": "It is 4."}
