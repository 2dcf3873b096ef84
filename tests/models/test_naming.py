"""Model references and file names are parsed without disk or network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mull.models.naming.filenames import (
    group_parts,
    is_safe,
    is_weights,
    parts_of,
    quantization,
    same_quant,
    select,
)
from mull.models.naming.reference import HubReference, is_path, parse_hub


@pytest.mark.parametrize(
    ("name", "quant"),
    [
        ("SmolLM3-Q4_K_M.gguf", "Q4_K_M"),
        ("gemma-4-E4B_q4_0-it.gguf", "Q4_0"),
        ("gemma-4-12b-it-qat-q4_0.gguf", "Q4_0"),
        ("phi-4-Q4_K.gguf", "Q4_K"),
        ("qwq-32b-q4_k_m.gguf", "Q4_K_M"),
        ("gpt2.Q4_K_M.gguf", "Q4_K_M"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("gpt-oss-20b-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("model-IQ2_XXS.gguf", "IQ2_XXS"),
        ("model-IQ4_NL.gguf", "IQ4_NL"),
        ("model-Q2_K_L.gguf", "Q2_K_L"),
        ("model-Q3_K_S.gguf", "Q3_K_S"),
        ("model-BF16-00001-of-00002.gguf", "BF16"),
        ("model.f16.gguf", "F16"),
        ("model-TQ1_0.gguf", "TQ1_0"),
        ("Q8_0/model-00001-of-00002.gguf", "Q8_0"),
        ("Q8_0/model-Q4_0.gguf", "Q4_0"),
        ("qwen3-8b.gguf", None),
        ("IQ-test.gguf", None),
        ("model-Q4_K_Mixed.gguf", None),
    ],
)
def test_quantization_of_a_file_name(name: str, quant: str | None) -> None:
    assert quantization(name) == quant


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("owner/repo", HubReference("owner/repo")),
        ("owner/repo:Q4_K_M", HubReference("owner/repo", "Q4_K_M")),
        ("hf.co/owner/repo:Q8_0", HubReference("owner/repo", "Q8_0")),
        ("hf.co/owner/repo:latest", HubReference("owner/repo")),
        ("https://huggingface.co/owner/repo", HubReference("owner/repo")),
        ("https://huggingface.co/owner/repo/", HubReference("owner/repo")),
        ("huggingface.co/owner/repo/tree/v2", HubReference("owner/repo", revision="v2")),
        ("hf.co/owner/repo/blob/main/a/b.gguf", HubReference("owner/repo", None, "a/b.gguf", "main")),
        (
            "https://huggingface.co/owner/repo/resolve/main/b.gguf?download=true",
            HubReference("owner/repo", None, "b.gguf", "main"),
        ),
        ("owner/repo/b.gguf", HubReference("owner/repo", None, "b.gguf")),
        (
            "https://huggingface.co/owner/repo/tree/main/BF16",
            HubReference("owner/repo", "BF16", None, "main"),
        ),
        ("owner/repo/BF16", HubReference("owner/repo", "BF16")),
        ("owner/repo/gguf/small/", HubReference("owner/repo", "gguf/small")),
        ("hf://owner/repo", HubReference("owner/repo")),
        ("hf://owner/repo@v2/a/b.gguf", HubReference("owner/repo", None, "a/b.gguf", "v2")),
        ("owner/repo@v2", HubReference("owner/repo", revision="v2")),
        ("owner/repo@refs/pr/3", HubReference("owner/repo", revision="refs/pr/3")),
        ("owner/repo@v2:Q8_0", HubReference("owner/repo", "Q8_0", None, "v2")),
        ("owner/repo:Q8_0@v2", HubReference("owner/repo", "Q8_0", None, "v2")),
        ("https://hf-mirror.com/owner/repo", HubReference("owner/repo")),
        ("https://hub.company.example/owner/repo/tree/main", HubReference("owner/repo", revision="main")),
        (" 'hf.co/owner/repo : Q8_0' ", HubReference("owner/repo", "Q8_0")),
        ("https://huggingface.co/owner/repo.git", HubReference("owner/repo")),
        ("https://huggingface.co/owner/repo#card", HubReference("owner/repo")),
        ("https://huggingface.co/owner/repo/discussions/3", HubReference("owner/repo")),
        (
            "https://huggingface.co/owner/repo?show_file_info=b.gguf",
            HubReference("owner/repo", None, "b.gguf"),
        ),
        (
            "https://huggingface.co/owner/repo/blob/refs%2Fpr%2F3/a%20b.gguf",
            HubReference("owner/repo", None, "a b.gguf", "refs/pr/3"),
        ),
        ("https://huggingface.co/datasets/owner/repo", None),
        ("https://example.org/owner/repo", None),
        ("hf://owner/repo/%2e%2e/x.gguf", None),
        ("owner/repo:../x", None),
        ("/owner/repo/b.gguf", None),
        ("owner", None),
        ("owner/repo/no-gguf.bin", None),
        ("owner/repo/../x.gguf", None),
        ("owner/re--po", None),
        ("owner/re..po", None),
        ("what is 2/3", None),
        ("", None),
    ],
)
def test_hub_references(name: str, reference: HubReference | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.company.example")
    assert parse_hub(name) == reference


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("./x", True),
        ("~/x", True),
        ("/x", True),
        ("../x.gguf", True),
        ("x.GGUF", True),
        ("C:\\models\\x", True),
        ("owner/repo", False),
        ("hf.co/owner/repo/x.gguf", False),
        ("hf://owner/repo/x.gguf", False),
        ("https://mirror.example/owner/repo/x.gguf", False),
        ("qwen3-8b:Q4_K_M", False),
    ],
)
def test_paths_are_recognized(name: str, expected: bool) -> None:
    assert is_path(name) is expected


def test_parts_and_groups() -> None:
    names = [f"m-Q4_0-{n:05d}-of-00003.gguf" for n in (2, 1, 3)]
    assert parts_of(names[0]) == tuple(sorted(names))
    others = ["m-Q8_0.gguf", "mmproj-m-F16.gguf", "m.imatrix.gguf", "x-00001-of-00002.gguf", "README.md"]
    assert group_parts([*names, *others]) == [tuple(sorted(names)), ("m-Q8_0.gguf",)]


def test_selecting_by_quantization_or_name() -> None:
    models = [("a-Q4_K_M.gguf",), ("a-UD-Q4_K_XL.gguf",), ("a-F16.gguf",), ("sub/b-Q4_K_M.gguf",)]
    assert select(models, "q4_k_m") == [models[0], models[3]]
    assert select(models, "Q4_K_XL") == [models[1]]
    assert select(models, "fp16") == [models[2]]
    assert select(models, "b-Q4_K_M") == [models[3]]
    assert select(models, "sub") == [models[3]]
    assert select(models, "Q6_K") == []
    assert same_quant("ud-q4_k_xl", "UD-Q4_K_XL")


@given(st.text(max_size=80))
def test_any_text_is_parsed_without_a_crash_and_never_leaves_the_cache(text: str) -> None:
    reference = parse_hub(text)
    if reference is not None:
        assert reference.repo.count("/") == 1
        assert ".." not in reference.repo.split("/")
        assert reference.file is None or is_safe(reference.file)
    quantization(text)
    is_path(text)
    is_weights(text)
    if is_safe(text):
        assert ".." not in text.split("/")
        assert not text.startswith("/")
