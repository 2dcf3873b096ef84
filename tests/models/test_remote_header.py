"""Headers are read from the Hub with few requests and little data; invalid ones are reported."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
import pytest

from mull.errors import ModelFileError
from mull.models.hub import remote_header
from mull.models.hub.errors import HubError
from mull.models.memory import layout
from tests.models.hub_server import TOKEN, Hub, serve

REPO = "maker/model-GGUF"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    with serve() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield server


def write_model(path: Path, tokens: int, hole: int = 0) -> Path:
    """A llama model of two layers with a vocabulary of `tokens`, and `hole` more bytes of sparse weights."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_context_length(4096)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(128)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"token number {i:09}" for i in range(tokens)])
    writer.add_tensor("token_embd.weight", np.zeros((32, 64), dtype=np.float32))
    for i in range(2):
        writer.add_tensor(f"blk.{i}.attn_q.weight", np.zeros((64, 64), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    if hole:
        os.truncate(path, path.stat().st_size + hole)
    return path


def test_the_layout_of_a_remote_file_equals_that_of_the_local_one(hub: Hub, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", 100)
    hub.add(REPO, {"m.gguf": path})
    from mull.models.gguf.header import read_header

    far, near = remote_header.remote_header(REPO, "m.gguf"), read_header(path)
    assert layout.from_headers([far]) == layout.from_headers([near])
    assert layout.from_headers([far]).weights == 32 * 64 * 4 + 2 * 64 * 64 * 4


def test_a_large_file_costs_one_range_of_a_few_megabytes(hub: Hub, tmp_path: Path) -> None:
    hub.add(REPO, {"m.gguf": write_model(tmp_path / "m.gguf", 1000, hole=200 << 20)})
    remote_header.remote_header(REPO, "m.gguf")
    assert len(hub.downloads()) == 1
    assert hub.sent <= 10 << 20
    assert len([path for _, path, _ in hub.requests]) <= 4


def test_a_large_vocabulary_takes_at_most_four_requests_and_sixteen_megabytes(
    hub: Hub, tmp_path: Path
) -> None:
    hub.add(REPO, {"m.gguf": write_model(tmp_path / "m.gguf", 400_000, hole=100 << 20)})
    header = remote_header.remote_header(REPO, "m.gguf")
    assert header.n_vocab == 400_000
    assert len(hub.requests) <= 4
    assert hub.sent <= 16_000_000


def test_the_token_is_sent_to_the_hub_only(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.add(REPO, {"m.gguf": write_model(tmp_path / "m.gguf", 400_000)}, gated=True)
    assert remote_header.remote_header(REPO, "m.gguf").n_vocab == 400_000
    assert len(hub.downloads()) > 1
    assert hub.tokens_at_cdn == 0


def test_a_header_beyond_the_limit_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.add(REPO, {"m.gguf": write_model(tmp_path / "m.gguf", 600_000, hole=1 << 20)})
    with pytest.raises(ModelFileError, match="longer than"):
        remote_header.remote_header(REPO, "m.gguf")
    assert hub.sent <= 17_000_000


def test_reading_from_a_server_that_ignores_ranges_stops_early(hub: Hub, tmp_path: Path) -> None:
    hub.add(REPO, {"m.gguf": write_model(tmp_path / "m.gguf", 1000, hole=64 << 20)})
    hub.fault(ignore_range=True, times=9)
    assert remote_header.remote_header(REPO, "m.gguf").architecture == "llama"
    assert hub.sent <= 24 << 20


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><title>Sign in</title>",
        b"",
        b"GGUF",
        b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60),
    ],
)
def test_an_invalid_header_is_reported(hub: Hub, content: bytes) -> None:
    hub.add(REPO, {"m.gguf": content})
    with pytest.raises(ModelFileError):
        remote_header.remote_header(REPO, "m.gguf")


def test_errors_of_the_hub_are_explained(hub: Hub, tmp_path: Path) -> None:
    hub.add(REPO, {"m.gguf": write_model(tmp_path / "m.gguf", 10)}, gated=True)
    with pytest.raises(HubError) as gated:
        remote_header.remote_header(REPO, "m.gguf")
    assert gated.value.hint
    with pytest.raises(HubError):
        remote_header.remote_header(REPO.replace("maker", "nobody"), "m.gguf")


def test_offline_sends_no_request(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE"):
        remote_header.remote_header(REPO, "m.gguf")
    assert hub.requests == []
