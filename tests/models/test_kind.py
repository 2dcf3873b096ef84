"""Files in the GGUF format that are no whole language model are named for what they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import pytest

from mull.errors import ModelFileError
from mull.models.gguf.header import read_header
from mull.models.gguf.kind import check_kind, other_kind
from mull.models.gguf.values import check_values
from mull.models.memory.layout_cache import LayoutCache
from mull.models.naming.filenames import is_beside
from tests.models.conftest import Puller
from tests.models.hub_server import Hub

PEBBLE = Path(__file__).parents[2] / "cli" / "mull" / "data" / "pebble.gguf"
BY_THE_ENGINE = ("embedding", "reranking", "diffusion")  # which refuses them itself
Value = str | int | bool | list[str]


def write(path: Path, architecture: str, values: Mapping[str, Value], *tensors: str) -> Path:
    """A small file with one value in each tensor."""
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in values.items():
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, list):
            writer.add_array(key, value)
        else:
            writer.add_string(key, value)
    for name in tensors:
        writer.add_tensor(name, np.zeros(1, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


VOCABULARY: Mapping[str, Value] = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": ["a", "b"]}


@pytest.mark.parametrize(
    ("architecture", "values", "tensors", "word"),
    [
        ("llama", {"general.type": "adapter", "adapter.type": "lora"}, ["x"], "adapter"),
        ("llama", {}, ["blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b"], "adapter"),
        ("controlvector", {}, ["direction.1"], "control vector"),
        ("clip", {"general.type": "mmproj"}, ["v.blk.0.ln1.weight"], "projector"),
        ("clip", {}, ["mm.0.weight"], "projector"),
        ("imatrix", {"general.type": "imatrix"}, ["blk.0.ffn_up.weight.in_sum2"], "importance matrix"),
        ("llama", VOCABULARY, [], "vocabulary"),
        ("bert", VOCABULARY, ["token_embd.weight", "blk.0.x"], "embedding"),
        ("gemma-embedding", VOCABULARY, ["token_embd.weight", "blk.0.x"], "embedding"),
        ("qwen3", {**VOCABULARY, "qwen3.pooling_type": 3}, ["token_embd.weight", "blk.0.x"], "embedding"),
        ("qwen3", {**VOCABULARY, "qwen3.pooling_type": 4}, ["token_embd.weight", "blk.0.x"], "reranking"),
        ("qwen3", {**VOCABULARY, "qwen3.attention.causal": False}, ["blk.0.x"], "embedding"),
        ("llada", {**VOCABULARY, "llada.attention.causal": False}, ["blk.0.x"], "diffusion"),
        ("whisper", {}, ["encoder.conv1.weight"], "speech"),
        ("flux", {}, ["double_blocks.0.x"], "images"),
        ("sd3", {}, ["model.diffusion_model.x"], "images"),
        ("qwen3", {**VOCABULARY, "qwen3.block_count": 29}, ["blk.28.nextn.eh_proj.weight"], "draft head"),
        ("eagle3", VOCABULARY, ["x"], "draft head"),
        ("new-thing", {}, ["token_embd.weight"], "no vocabulary"),
        ("new-thing", {**VOCABULARY, "new-thing.pooling_type": 0}, ["token_embd.weight", "blk.0.x"], ""),
    ],
)
def test_kinds(
    tmp_path: Path, architecture: str, values: Mapping[str, Value], tensors: list[str], word: str
) -> None:
    path = write(tmp_path / "file.gguf", architecture, values, *tensors)
    header = read_header(path)
    assert word in other_kind(header)
    assert bool(other_kind(header)) is bool(word)
    if word:
        if word not in BY_THE_ENGINE:
            with pytest.raises(ModelFileError, match=word):
                check_kind(header, path)
        layouts = LayoutCache(None, 1.0)
        assert layouts.of((path,)) is None
        assert word in layouts.kind((path,))


def test_a_model_is_a_model() -> None:
    check_kind(read_header(PEBBLE), PEBBLE)


@pytest.mark.parametrize(
    ("name", "number", "words"),
    [
        ("m-00001-of-00002.gguf", 0, ""),
        ("m.gguf", 0, "part 1 of 2"),
        ("m.gguf", 1, "part 2 of 2"),
        ("m-00001-of-00002.gguf", 1, "part 2 of 2"),
        ("m-00001-of-00003.gguf", 0, "part 1 of 2"),
    ],
)
def test_renamed_parts(tmp_path: Path, name: str, number: int, words: str) -> None:
    path = write(tmp_path / name, "llama", {**VOCABULARY, "split.count": 2, "split.no": number}, "blk.0.x")
    if not words:
        check_kind(read_header(path), path)
        return
    with pytest.raises(ModelFileError, match=words) as caught:
        check_kind(read_header(path), path)
    assert "m-00001-of-00002.gguf" in caught.value.hint


def test_joined_parts(tmp_path: Path) -> None:
    parts = [
        write(tmp_path / f"p{n}.gguf", "llama", {**VOCABULARY, "split.count": 2, "split.no": n}, f"blk.{n}.x")
        for n in (0, 1)
    ]
    joined = tmp_path / "m.gguf"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(ModelFileError, match="joined into one file"):
        check_kind(read_header(joined), joined)


def test_a_key_or_a_tensor_that_occurs_twice_is_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "file.gguf", "llama", {"general.name": "one", "general.nama": "two"}, "x.1", "x.2"
    )
    data = path.read_bytes()
    path.write_bytes(data.replace(b"general.nama", b"general.name"))
    with pytest.raises(ModelFileError, match=r"the key 'general\.name' twice"):
        read_header(path)
    path.write_bytes(data.replace(b"x.2", b"x.1"))
    with pytest.raises(ModelFileError, match=r"the tensor 'x\.1' twice"):
        read_header(path)


def test_a_context_of_zero_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "file.gguf", "llama", {**VOCABULARY, "llama.context_length": 0}, "blk.0.x")
    with pytest.raises(ModelFileError, match=r"llama\.context_length is 0"):
        check_values(read_header(path), "file.gguf")


@pytest.mark.parametrize("value", [7, "texts", True])
def test_a_vocabulary_of_another_type_is_none(tmp_path: Path, value: Value) -> None:
    path = write(tmp_path / "file.gguf", "llama", {"tokenizer.ggml.tokens": value}, "blk.0.x")
    header = read_header(path)
    assert (header.n_vocab, dict(header.special_tokens), header.bos) == (0, {}, "")
    with pytest.raises(ModelFileError, match="not a list of texts"):
        check_values(header, "file.gguf")


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("mtp-Qwen3-Q8_0.gguf", True),
        ("MTP/model-Q8_0.gguf", True),
        ("model-Q8_0-draft.gguf", True),
        ("model-eagle3.gguf", True),
        ("model-Q8_0.gguf", False),
        ("Aircraft-Q8_0.gguf", False),
        ("BF16/model-BF16.gguf", False),
    ],
)
def test_files_beside_a_model_by_their_names(name: str, beside: bool) -> None:
    assert is_beside(name) is beside


def test_a_draft_beside_the_weights_is_no_second_model(hub: Hub, fetch: Puller) -> None:
    model = PEBBLE.read_bytes()
    hub.add(
        "owner/m-GGUF",
        {"m-Q8_0.gguf": model, "mtp-m-Q8_0.gguf": model + b"1", "draft/m-Q4_K_M.gguf": model + b"2"},
    )
    assert fetch("owner/m-GGUF:Q8_0").path.name == "m-Q8_0.gguf"
    assert fetch("owner/m-GGUF").path.name == "m-Q8_0.gguf"
    assert fetch("owner/m-GGUF/mtp-m-Q8_0.gguf").path.name == "mtp-m-Q8_0.gguf"
    hub.add("owner/draft-GGUF", {"m-draft-Q8_0.gguf": model})
    assert fetch("owner/draft-GGUF").path.name == "m-draft-Q8_0.gguf"


def test_a_pulled_adapter_is_told_and_no_default(hub: Hub, fetch: Puller, tmp_path: Path) -> None:
    from mull.models.disk import records

    lora = write(tmp_path / "lora.gguf", "llama", {"general.type": "adapter"}, "x")
    hub.add("owner/lora-GGUF", {"lora.gguf": lora.read_bytes()})
    fetch("owner/lora-GGUF")
    assert "is an adapter" in fetch.notices["not_chat_model"]
    assert records.last_pulled() is None
