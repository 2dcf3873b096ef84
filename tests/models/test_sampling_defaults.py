"""Sampling defaults in a file's header apply to models that are not in the catalogue."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from mull.models.gguf.header import read_general, read_header
from mull.models.gguf.sampling_defaults import sampling_defaults
from mull.models.resolve import resolve
from mull.settings import Sampling
from tests.models.test_resolve import OSS, put


def write(path: Path, **values: float) -> Path:
    """A GGUF with these sampling defaults in its header."""
    writer = gguf.GGUFWriter(path, "llama")
    for name, value in values.items():
        key = f"general.sampling.{name}"
        writer.add_int32(key, value) if isinstance(value, int) else writer.add_float32(key, value)
    writer.add_name("Odd")
    writer.add_block_count(2)
    writer.add_tensor("token_embd.weight", np.zeros((32, 64), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_model_that_is_not_in_the_catalogue_has_the_headers_defaults(user: Path) -> None:
    path = write(user / "odd.gguf", temp=0.7, top_p=0.8, top_k=20, penalty_repeat=1.05, penalty_last_n=128)
    wanted = Sampling(temperature=0.7, top_p=0.8, top_k=20, repeat_penalty=1.05, repeat_last_n=128)
    for thinking in (None, True, False):
        assert resolve(str(path)).sampling(thinking) == wanted


def test_the_catalogue_takes_precedence(user: Path) -> None:
    path = write(user / "made.gguf", temp=0.1)
    put(OSS, "gpt-oss-20b-MXFP4.gguf", path.read_bytes())
    assert resolve("gpt-oss-20b").sampling(True) == Sampling(temperature=1.0, top_p=1.0)


def test_the_general_metadata_equals_that_of_the_whole_header(tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf", temp=0.5)
    general, header = read_general(path), read_header(path)
    assert general["general.name"] == "Odd"
    assert general.items() <= header.metadata.items()
    assert not [key for key in general if not key.startswith("general.")]


@pytest.mark.parametrize(
    "data", [b"", b"GGUF", b"<html>", b"GGUF" + bytes(20), b"GGUF\x03\x00\x00\x00" + b"\xff" * 64]
)
def test_a_file_that_is_not_a_gguf_has_no_defaults(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.gguf").write_bytes(data)
    assert read_general(tmp_path / "m.gguf") == {}
    assert read_general(tmp_path / "none.gguf") == {}


@pytest.mark.parametrize(
    "values",
    [
        {"temp": -1.0},
        {"temp": float("nan")},
        {"temp": float("inf")},
        {"temp": "hot"},
        {"top_p": 1.5},
        {"top_k": -3},
        {"top_k": True},
        {"penalty_repeat": 0.0},
    ],
)
def test_values_out_of_range_are_ignored(values: dict[str, object]) -> None:
    assert (
        sampling_defaults({f"general.sampling.{name}": value for name, value in values.items()}) == Sampling()
    )
