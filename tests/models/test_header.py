"""The header reader: the values of a valid GGUF, and one error for every invalid one."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import gguf
import pytest

from mull.errors import ModelFileError
from mull.models.gguf.header import read_header

TOKENS = ["<unk>", "<s>", "</s>", "<|im_start|>", "<think>", "a", "b", *(f"t{n}" for n in range(5000))]
TYPES = [2, 3, 3, 3, 4, *[1] * (len(TOKENS) - 5)]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    import numpy as np

    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny")
    writer.add_context_length(2048)
    writer.add_array("llama.attention.head_count_kv", [1, 2, 3])
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(TOKENS)
    writer.add_token_types(TYPES)
    writer.add_token_scores([0.0] * len(TOKENS))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(
        [{"name": "default", "template": "{{ 1 }}"}, {"name": "rag", "template": "{{ 2 }}"}]
    )
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), dtype=np.float32))
    writer.add_tensor("output.weight", np.zeros((2, 32), dtype=np.float16))
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        step()
    writer.close()
    return path


def test_a_header_has_the_values_of_the_file(model: Path) -> None:
    header = read_header(model)
    assert (header.name, header.architecture, header.n_ctx_train) == ("Tiny", "llama", 2048)
    assert header.metadata["llama.attention.head_count_kv"] == (1, 2, 3)
    assert header.template == "{{ 1 }}"
    assert dict(header.templates) == {"default": "{{ 1 }}", "rag": "{{ 2 }}"}
    assert (header.n_vocab, header.has_tokenizer) == (len(TOKENS), True)
    assert dict(header.special_tokens) == dict(enumerate(TOKENS[:5]))
    assert (header.bos, header.eos) == ("<s>", "</s>")
    assert list(header.array("tokenizer.ggml.tokens")) == TOKENS
    assert list(header.array("tokenizer.ggml.token_type")) == TYPES
    assert list(header.array("no.such.key")) == []
    by_name = {tensor.name: tensor for tensor in header.tensors}
    assert (by_name["token_embd.weight"].type, by_name["token_embd.weight"].size) == ("F32", 512)
    assert (by_name["output.weight"].shape, by_name["output.weight"].size) == ((32, 2), 128)
    assert header.size == model.stat().st_size


def test_sizes_of_all_types_agree_with_the_format_library() -> None:
    from mull.models.gguf.header import TYPES as OURS

    theirs = {int(kind): (kind.name, *size) for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert {kind: value for kind, value in theirs.items() if kind in OURS} == OURS


def test_a_partial_download_has_a_header(model: Path) -> None:
    part = io.BytesIO(model.read_bytes()[: read_header(model).data_offset])
    assert read_header(part).name == "Tiny"
    model.write_bytes(part.getvalue())
    assert read_header(model, whole=False).name == "Tiny"


def header_of(*values: bytes, tensors: int = 0, pairs: int = 1, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs) + b"".join(values)


def text(value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(value) if length is None else length) + value


KEY = text(b"k")


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("model_empty", b""),
        ("model_not_gguf", b"PK\x03\x04 something else"),
        ("model_damaged", b"GGUF"),
        ("model_damaged", header_of(version=1, pairs=0)),
        ("model_damaged", header_of(version=1 << 24, pairs=0)),
        ("model_damaged", header_of(pairs=1 << 40)),
        ("model_damaged", header_of(pairs=0, tensors=1 << 60)),
        ("model_damaged", header_of(text(b"k", 1 << 62))),
        ("model_damaged", header_of(KEY, struct.pack("<I", 8), text(b"v", 1 << 40))),
        ("model_damaged", header_of(KEY, struct.pack("<I", 77))),
        ("model_damaged", header_of(KEY, struct.pack("<IIQ", 9, 4, 1 << 50))),
        ("model_damaged", header_of(KEY, struct.pack("<IIQ", 9, 8, 8 << 20), text(b"", 1 << 63))),
        ("model_damaged", header_of(KEY, struct.pack("<IIQ", 9, 9, 4))),
        ("model_damaged", header_of(KEY, struct.pack("<IIQ", 9, 4, 5000), b"\0" * 64)),
        ("model_damaged", header_of(text(b"t"), struct.pack("<I", 1 << 30), pairs=0, tensors=1)),
        (
            "model_damaged",
            header_of(text(b"t"), struct.pack("<IQQQIQ", 3, 1 << 40, 1 << 40, 9, 0, 0), pairs=0, tensors=1),
        ),
        ("model_damaged", header_of(text(b"t"), struct.pack("<IQIQ", 1, 1 << 20, 0, 0), pairs=0, tensors=1)),
        ("model_damaged", header_of(text(b"general.alignment"), struct.pack("<II", 4, 0))),
    ],
)
def test_a_bad_file_is_one_sentence_and_a_hint(tmp_path: Path, code: str, data: bytes) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    with pytest.raises(ModelFileError) as error:
        read_header(path)
    assert error.value.code == code
    assert str(path) in error.value.message
    assert error.value.message.endswith(".")
    assert error.value.hint


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as error:
        read_header(tmp_path / "none.gguf")
    assert error.value.code == "model_missing"
    with pytest.raises(ModelFileError) as error:
        read_header(tmp_path)
    assert error.value.code == "model_unreadable"


def test_no_truncation_and_no_flipped_bit_does_worse_than_an_error(model: Path, tmp_path: Path) -> None:
    data = model.read_bytes()
    path = tmp_path / "cut.gguf"
    for length in [*range(0, 400, 7), *range(400, len(data), 5003)]:
        path.write_bytes(data[:length])
        with pytest.raises(ModelFileError):
            read_header(path)
    for place in range(4, 600):
        flipped = bytearray(data)
        flipped[place] ^= 0x55
        path.write_bytes(flipped)
        try:
            header = read_header(path)
        except ModelFileError:
            continue
        assert isinstance(header.name, str)
        list(header.array("tokenizer.ggml.tokens"))
