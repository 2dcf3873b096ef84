"""Which calls share a server."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

import mull
from mull.keep_alive.spec import ServerSpec
from mull.models.resolved import Resolved
from mull.settings import EngineSettings, PromptCacheSettings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    return path


def spec(file: Path, **engine: object) -> ServerSpec:
    resolved = Resolved("model", file, "flag", trusted=False, entry=None, source="file")
    return ServerSpec.of(resolved, EngineSettings(**engine), 300)  # type: ignore[arg-type]


def test_the_same_call_has_the_same_server(file: Path) -> None:
    one = spec(file, threads=2)
    assert one.key == spec(file, threads=2).key
    assert one.key == replace(one, keep_alive=10).key
    assert one == ServerSpec.from_json(one.to_json())


@pytest.mark.parametrize(
    "engine",
    [
        {"ctx": 4096},
        {"threads": 1},
        {"gpu_layers": 3},
        {"kv_type": "q8_0"},
        {"draft": "off"},
        {"batch_size": 256},
        {"flash_attention": True},
        {"device": "none"},
        {"cpu_experts": True},
        {"lora": ("/a.gguf=1",)},
    ],
)
def test_other_engine_settings_are_another_server(file: Path, engine: dict[str, object]) -> None:
    assert spec(file, **engine).key != spec(file).key


def test_another_file_is_another_server(file: Path, tmp_path: Path) -> None:
    before = spec(file).key
    (tmp_path / "new").write_bytes(b"GGUF")
    (tmp_path / "new").replace(file)
    assert spec(file).key != before


def test_a_changed_draft_model_is_another_server(file: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft.gguf"
    draft.write_bytes(b"GGUF")
    before = spec(file, draft=str(draft)).key
    os.utime(draft, ns=(1, 1))
    assert spec(file, draft=str(draft)).key != before


def test_a_changed_adapter_is_another_server(file: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter.gguf"
    adapter.write_bytes(b"GGUF")
    one = spec(file, lora=(f"{adapter}=1",))
    before = one.key
    assert one == ServerSpec.from_json(one.to_json())
    assert spec(file, lora=(f"{adapter}=0.5",)).key != before
    os.utime(adapter, ns=(1, 1))
    assert spec(file, lora=(f"{adapter}=1",)).key != before


def test_another_version_is_another_server(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = spec(file).key
    monkeypatch.setattr(mull, "__version__", "99")
    assert spec(file).key != before


@pytest.mark.parametrize("name", ["LLAMA_CPP_LIB_PATH", "CUDA_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"])
def test_what_llama_cpp_reads_makes_another_server(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = spec(file).key
    monkeypatch.setenv("UNRELATED", "1")
    assert spec(file).key == before
    monkeypatch.setenv(name, "1")
    assert spec(file).key != before


def test_another_prompt_cache_is_another_server_but_not_another_limit(file: Path, tmp_path: Path) -> None:
    one = replace(spec(file), prompt_cache=PromptCacheSettings(tmp_path, None))
    assert one.key == replace(one, prompt_cache=PromptCacheSettings(tmp_path, 10)).key
    assert one.key != spec(file).key
    assert ServerSpec.from_json(one.to_json()).prompt_cache == one.prompt_cache
