"""`--chat-template NAME|FILE`: mull's own templates, files with one, and what is neither."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.model_files.scripted import write_scripted

MESSAGES = [
    {"role": "system", "content": "S"},
    {"role": "user", "content": "U1"},
    {"role": "assistant", "content": "A1"},
    {"role": "user", "content": "U2"},
]
PROMPTS = {
    "chatml": "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU1<|im_end|>\n<|im_start|>assistant\nA1<|im_end|>\n"
    "<|im_start|>user\nU2<|im_end|>\n<|im_start|>assistant\n",
    "llama3": "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nU1<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nA1<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nU2<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "mistral": "<s>[INST] S\n\nU1 [/INST] A1</s>[INST] U2 [/INST]",
    "gemma": "<s><start_of_turn>user\nS\n\nU1<end_of_turn>\n<start_of_turn>model\nA1<end_of_turn>\n"
    "<start_of_turn>user\nU2<end_of_turn>\n<start_of_turn>model\n",
    "phi3": "<|system|>\nS<|end|>\n<|user|>\nU1<|end|>\n<|assistant|>\nA1<|end|>\n<|user|>\nU2<|end|>\n<|assistant|>\n",
    "zephyr": "<|system|>\nS</s>\n<|user|>\nU1</s>\n<|assistant|>\nA1</s>\n<|user|>\nU2</s>\n<|assistant|>\n",
    "vicuna": "<s>S\n\nUSER: U1\nASSISTANT: A1</s>\nUSER: U2\nASSISTANT:",
    "alpaca": "<s>S\n\n### Instruction:\nU1\n\n### Response:\nA1</s>\n\n### Instruction:\nU2\n\n### Response:\n",
}
BROKEN = "{% for m in messages %}{{ m.content"


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose own template is broken, without ChatML's tokens."""
    return write_scripted(
        tmp_path_factory.mktemp("models") / "bare.gguf",
        ["Right", "."],
        template=BROKEN,
        control=["<s>", "</s>"],
        bos="<s>",
        eos="</s>",
        name="bare",
    )


@pytest.mark.parametrize("name", PROMPTS)
def test_the_templates_of_mull_write_their_formats(mull: Run, bare: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "m.json").write_text(json.dumps(MESSAGES))
    done = mull("inspect", bare, "--chat-template", name, "--render", "m.json")
    assert done.stdout.decode() == PROMPTS[name], done.stderr


def test_every_template_of_mull_is_tested() -> None:
    from mull.chat_template.builtin import BUILTIN

    assert BUILTIN.keys() == PROMPTS.keys()


def test_a_model_with_a_broken_template_answers_with_another(mull: Run, bare: Path, tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text("{% for m in messages %}<s>{{ m.content }}</s>{% endfor %}")
    assert mull("-m", bare, "hi").returncode == 1
    named = mull("-m", bare, "--chat-template", "mistral", "hi")
    assert (named.returncode, named.stdout, named.stderr) == (0, b"Right.\n", b"")
    assert mull("-m", bare, "--chat-template", "own.jinja", "hi").stdout == b"Right.\n"
    told = mull("-m", bare, "--chat-template", "chatml", "hi")
    assert told.stdout == b"Right.\n"
    assert b"does not have <|im_start|>, <|im_end|>" in told.stderr


def test_the_config_names_it_for_one_model(
    mull: Run, home: dict[str, str], bare: Path, tmp_path: Path
) -> None:
    config = Path(home["MULL_CONFIG_DIR"])
    (config / "own.jinja").write_text("{% for m in messages %}<s>{{ m.content }}</s>{% endfor %}")
    (config / "config.toml").write_text(
        f'model_folders = ["{bare.parent}"]\n[models.bare]\nchat_template = "own.jinja"\n'
    )
    assert mull("-m", bare, "hi").stdout == b"Right.\n"
    assert json.loads(mull("show", "bare", "--json").stdout)["chat_template"] == str(config / "own.jinja")
    assert b"own.jinja, as the config says" in mull("show", "bare").stdout
    assert json.loads(mull("inspect", bare, "--json", "--chat-template", "gemma").stdout)["problem"] is None
    assert mull("-m", bare, "--chat-template", "zephyr", "hi").stdout == b"Right.\n"
    project = tmp_path / ".mull.toml"
    project.write_text('chat_template = "theirs.jinja"\n')
    assert b"sets chat_template in vain" in mull("-m", bare, "hi").stderr


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("chatlm", None, "chatml"),
        ("gone.jinja", None, "mull has chatml"),
        (".", None, "cannot be read: it is a folder"),
        ("t.jinja", "no Jinja here", "neither a GGUF nor a chat template"),
        ("t.jinja", " \n", "is empty"),
        ("t.jinja", "{" * 9_000_000, "longer than"),
        ("t.json", "{}", "has no chat_template"),
        ("t.jinja", BROKEN, "The chat template"),
        ("t.jinja", "{{ messages[0].content }}{% for i in range(10**9) %}x{% endfor %}", "was stopped"),
        ("t.jinja", "{{ messages[0].content ~ 'x' * 10**10 }}", "The chat template"),
        ("t.jinja", "{{ messages.__class__.__mro__ }}", "The chat template"),
    ],
)
def test_what_is_no_chat_template_is_named(
    mull: Run, bare: Path, tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    began = time.monotonic()
    done = mull("-m", bare, "--chat-template", name, "hi")
    assert (done.returncode, done.stdout) == (1, b"")
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert time.monotonic() - began < 60


def test_a_template_is_not_inspected_with_another(mull: Run, tmp_path: Path) -> None:
    (tmp_path / "t.jinja").write_text("{{ messages[0].content }}")
    assert mull("inspect", "t.jinja", "--chat-template", "gemma").returncode == 2


def test_a_server_has_its_own_template(mull: Run) -> None:
    done = mull("-m", "m@http://127.0.0.1:9/v1", "--chat-template", "chatml", "hi")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--chat-template says how a model is loaded" in done.stderr
