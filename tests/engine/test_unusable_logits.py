"""A file that computes nothing to choose from is refused in one sentence; never an empty answer with exit code 0."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import jsonschema
import numpy as np
import pytest

from mull.engine.engine import Engine
from mull.engine.model import load
from mull.errors import EngineError, MullError
from mull.models.gguf.header import read_header
from mull.models.gguf.values import first_problem
from tests.conftest import Run
from tests.engine.conftest import ONE_THREAD, run
from tests.model_files.faults import KINDS, write_changed
from tests.model_files.scripted import write_scripted

FLOAT = KINDS.FLOAT32
SCHEMA = Path(__file__).parents[2] / "docs" / "output.schema.json"
VALID = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def with_weights(source: Path, target: Path, name: str, value: float, *, part: Any = ...) -> Path:
    """A copy in which these tensors, or a part of each of them, have one value everywhere."""
    shutil.copy(source, target)
    reader = gguf.GGUFReader(target, "r+")
    for tensor in reader.tensors:
        if name in tensor.name:
            tensor.data[part] = value
    return target


WEIGHTS = {
    "NaN in the attention": ("attn_v", np.nan, ...),
    "NaN in a norm": ("output_norm", np.nan, 3),
    "infinite output": ("output.weight", np.inf, ...),
    "NaN for one token": ("output.weight", np.nan, 5),
    "no output": ("output.weight", 0.0, ...),
    "nothing at all": ("", 0.0, ...),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_the_check_of_a_file_finds_useless_logits(tiny_path: Path, tmp_path: Path, kind: str) -> None:
    name, value, part = WEIGHTS[kind]
    path = with_weights(tiny_path, tmp_path / "bad.gguf", name, value, part=part)
    for _ in range(2):  # the second time from the stored verdict
        with pytest.raises(MullError) as refused:
            load(path, ONE_THREAD, state_dir=tmp_path / "state")
        assert refused.value.code == "model_damaged"
        assert "logit" in refused.value.message


def test_a_single_step_finds_what_the_check_missed(
    tiny_path: Path, tmp_path: Path, start: Callable[[Path], Engine]
) -> None:
    """The embedding of one token is NaN: the check computes with others."""
    engine = start(tiny_path)
    token = engine.model.tokenize(" tok9", special=True)[-1]
    path = with_weights(tiny_path, tmp_path / "rare.gguf", "token_embd", np.nan, part=token)
    load(path, ONE_THREAD, state_dir=tmp_path / "state").close()
    broken = start(path)
    assert run(broken, "hi", max_tokens=1).pieces
    with pytest.raises(EngineError) as failed:
        run(broken, [*broken.model.tokenize("hi", special=True), token], max_tokens=3)
    assert failed.value.code == "unusable_logits"


def test_a_token_that_turns_the_rest_into_nan_ends_the_answer(
    tiny_path: Path, tmp_path: Path, start: Callable[[Path], Engine]
) -> None:
    """The model generates the token itself, after its first one."""
    third = run(start(tiny_path), "hi", max_tokens=3).tokens[2]
    broken = start(with_weights(tiny_path, tmp_path / "later.gguf", "token_embd", np.nan, part=third))
    with pytest.raises(EngineError) as failed:
        run(broken, "hi", max_tokens=6)
    assert failed.value.code == "unusable_logits"


def generated(path: Path, state_dir: Path) -> str:
    """The code of the error, or "tokens" for a model that generates some."""
    try:
        with load(path, ONE_THREAD, state_dir=state_dir) as model, Engine(model, ONE_THREAD) as engine:
            return "tokens" if run(engine, "hi", max_tokens=8).pieces else ""
    except MullError as error:
        return error.code


@pytest.mark.parametrize("seed", range(6))
def test_whatever_weights_are_broken_an_answer_is_made_of_numbers(
    tiny_path: Path, tmp_path: Path, seed: int
) -> None:
    """Random tensors, rows and values: the file is refused, the turn fails with a sentence, or it generates."""
    chance = random.Random(seed)
    names = [tensor.name for tensor in gguf.GGUFReader(tiny_path).tensors]
    value = chance.choice([np.nan, np.inf, -np.inf, 0.0, 3e38])
    path = with_weights(
        tiny_path, tmp_path / "bad.gguf", chance.choice(names), value, part=chance.choice([..., 0, 7])
    )
    assert generated(path, tmp_path / "state") in {"model_damaged", "unusable_logits", "tokens"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"qwen3.rope.freq_base": (FLOAT, 0.0)}, "rope.freq_base"),
        ({"qwen3.rope.freq_base": (FLOAT, -1e6)}, "rope.freq_base"),
        ({"qwen3.rope.freq_base": (FLOAT, np.nan)}, "rope.freq_base"),
        ({"qwen3.rope.freq_base_swa": (FLOAT, 1e-40)}, "rope.freq_base_swa"),
        ({"qwen3.rope.scaling.factor": (FLOAT, -2.0)}, "rope.scaling.factor"),
        ({"qwen3.rope.scaling.attn_factor": (FLOAT, np.nan)}, "rope.scaling.attn_factor"),
        ({"qwen3.attention.scale": (FLOAT, -1.0)}, "attention.scale"),
        ({"qwen3.attention.clamp_kqv": (FLOAT, -1.0)}, "attention.clamp_kqv"),
        ({"qwen3.attn_logit_softcapping": (FLOAT, -50.0)}, "attn_logit_softcapping"),
        ({"qwen3.final_logit_softcapping": (FLOAT, np.inf)}, "final_logit_softcapping"),
        ({"qwen3.logit_scale": (FLOAT, -1.0)}, "logit_scale"),
        ({"qwen3.logit_scale": (FLOAT, 0.0)}, "logit_scale"),
        ({"qwen3.logit_scale": (FLOAT, 1e-30)}, "logit_scale"),
        ({"qwen3.rope.scaling.factor": (FLOAT, 1e-30)}, "rope.scaling.factor"),
        ({"qwen3.rope.scaling.factor": (FLOAT, 1e30)}, "rope.scaling.factor"),
        ({"qwen3.rope.scaling.attn_factor": (FLOAT, 1e-30)}, "rope.scaling.attn_factor"),
        ({"qwen3.attention.scale": (FLOAT, 1e30)}, "attention.scale"),
        ({"qwen3.residual_scale": (FLOAT, 1e-30)}, "residual_scale"),
        ({"qwen3.embedding_scale": (FLOAT, 1e30)}, "embedding_scale"),
        ({"qwen3.final_logit_softcapping": (FLOAT, 1e-30)}, "final_logit_softcapping"),
        (
            {"qwen3.expert_count": (KINDS.UINT32, 4), "qwen3.expert_used_count": (KINDS.UINT32, 0)},
            "expert_used_count",
        ),
        ({"tokenizer.ggml.token_type": [5] * 320}, "token_type"),
        ({"tokenizer.ggml.token_type": [3] * 320}, "token_type"),
        ({"tokenizer.ggml.token_type": [0] * 320}, "token_type"),
    ],
)
def test_a_header_that_makes_an_answer_senseless_is_refused(
    tiny_path: Path, tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    path = write_changed(tiny_path, tmp_path / "bad.gguf", changes)
    assert named in first_problem(read_header(path))


def test_values_of_real_models_are_none_of_that(tiny_path: Path, tmp_path: Path) -> None:
    real = {
        "rope.scaling.factor": 128.0,
        "rope.scaling.attn_factor": 1.0,
        "rope.freq_base": 5e8,
        "attention.scale": 0.0078125,
        "residual_scale": 0.22,
        "embedding_scale": 12.0,
        "logit_scale": 0.0625,
        "final_logit_softcapping": 30.0,
    }
    changes: dict[str, Any] = {f"qwen3.{key}": (FLOAT, value) for key, value in real.items()}
    changes["qwen3.activation_sparsity_scale"] = [1.6448, -np.inf]  # Gemma 3n
    assert first_problem(read_header(write_changed(tiny_path, tmp_path / "good.gguf", changes))) == ""


def test_ask_and_inspect_name_what_is_wrong(mull: Run, tiny_path: Path, tmp_path: Path) -> None:
    path = write_changed(tiny_path, tmp_path / "bad.gguf", {"qwen3.rope.freq_base": (FLOAT, 0.0)})
    done = mull("-m", path, "--no-save", "hi")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"rope.freq_base is 0.0" in done.stderr
    done = mull("inspect", path)
    assert b"rope.freq_base is 0.0" in done.stdout


def test_a_vocabulary_in_the_form_of_another_tokenizer(mull: Run, tmp_path: Path) -> None:
    good = write_scripted(tmp_path / "good.gguf", ["yes"])
    path = write_changed(good, tmp_path / "rwkv.gguf", {"tokenizer.ggml.model": (KINDS.STRING, "rwkv")})
    done = mull("-m", path, "--no-save", "hi")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"is damaged: it makes token -1 of a text" in done.stderr


@pytest.mark.parametrize("script", [[], [" ", "\n"]], ids=["nothing", "blanks"])
def test_an_empty_answer_is_not_silent(mull: Run, tmp_path: Path, script: list[str]) -> None:
    path = write_scripted(tmp_path / "empty.gguf", script)
    done = mull("-m", path, "--no-save", "hi")
    assert (done.returncode, done.stdout.strip()) == (0, b"")
    assert b"The answer is empty" in done.stderr
    for flags in (["--json", "hi"], ["--jsonl", "hi"]):
        done = mull("-m", path, "--no-save", *flags)
        said = json.loads(done.stdout.splitlines()[-1])
        assert (done.returncode, said["finish"], said["answer"].strip()) == (0, "stop", "")
        notices = [one["code"] for one in said["notices"]]
        assert notices == ["chat_template", "empty_answer"], flags
        VALID.validate(said)
    (line,) = mull("batch", "-m", path, "-", stdin=b'"hi"\n').stdout.splitlines()
    assert json.loads(line)["notices"][0]["code"] == "empty_answer"
