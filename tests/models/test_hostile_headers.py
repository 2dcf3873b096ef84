"""Headers made to exhaust the reader: a process that reads them stays below 100 MB."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from mull.errors import ModelFileError
from mull.models.gguf.header import Header, read_header
from mull.models.gguf.reader import LongArray
from mull.models.memory.layout import from_header, from_headers

MOST = 100_000_000  # bytes
BYTE, UINT32, STRING, ARRAY, DOUBLE = 0, 4, 8, 9, 12
READ = """
import sys
from mull.errors import ModelFileError
from mull.models.gguf.header import read_header
try:
    header = read_header(sys.argv[1])
    print(len(header.special_tokens))
except ModelFileError as error:
    print(error.message)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
STATUS = Path("/proc/self/status")  # a child's own peak; what wait4 tells includes its parent's at the fork


def text(value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(value) if length is None else length) + value


def pair(name: bytes, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def write(path: Path, pieces: Iterable[bytes | int], *, tensors: int = 0, pairs: int = 1) -> Path:
    """Write bytes, and holes of a number of bytes."""
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, tensors, pairs))
        for piece in pieces:
            if isinstance(piece, int):
                file.seek(piece, os.SEEK_CUR)
            else:
                file.write(piece)
        file.write(b"\0")
    return path


def many_tensors() -> Iterable[bytes | int]:
    for number in range(65_536):
        yield text(b"%060d" % number) + struct.pack("<I8QIQ", 8, *[1] * 8, 0, 0)


def long_texts() -> Iterable[bytes | int]:
    for number in range(300):
        yield pair(b"k%d" % number, STRING, text(b"", 8 << 20))
        yield 8 << 20


def middling_texts() -> Iterable[bytes | int]:
    for number in range(3000):
        yield pair(b"k%d" % number, STRING, text(b"", 1 << 20))
        yield 1 << 20


def long_keys() -> Iterable[bytes | int]:
    for number in range(5000):
        yield text(b"%09d" % number, 65_000)
        yield 65_000 - 9
        yield struct.pack("<IB", BYTE, 1)


def lists_of_numbers() -> Iterable[bytes | int]:
    for number in range(5000):
        yield pair(b"k%d" % number, ARRAY, struct.pack("<IQ", DOUBLE, 1024))
        yield 8 * 1024


def lists_of_texts() -> Iterable[bytes | int]:
    for number in range(20):
        yield pair(b"k%d" % number, ARRAY, struct.pack("<IQ", STRING, 100))
        for _ in range(100):
            yield struct.pack("<Q", 1 << 20)
            yield 1 << 20


def vocabularies() -> Iterable[bytes | int]:
    for number in range(3):
        yield pair(b"k%d" % number, ARRAY, struct.pack("<IQ", STRING, 2 << 20))
        yield 8 * (2 << 20)


def special_tokens() -> Iterable[bytes | int]:
    count = 1 << 20
    yield pair(b"tokenizer.ggml.token_type", ARRAY, struct.pack("<IQ", UINT32, count))
    yield struct.pack("<I", 3) * count
    yield pair(b"tokenizer.ggml.tokens", ARRAY, struct.pack("<IQ", STRING, count))
    yield text(b"token") * count


HOSTILE = {
    "absurd counts": ([1 << 30], 1 << 60, 1 << 60),
    "many tensors": (many_tensors(), 65_536, 0),
    "long texts": (long_texts(), 0, 300),
    "middling texts": (middling_texts(), 0, 3000),
    "long keys": (long_keys(), 0, 5000),
    "lists of numbers": (lists_of_numbers(), 0, 5000),
    "lists of texts": (lists_of_texts(), 0, 20),
    "vocabularies": (vocabularies(), 0, 3),
    "special tokens": (special_tokens(), 0, 2),
}


@pytest.mark.skipif(not STATUS.exists(), reason="needs a system that tells how much memory a process had")
@pytest.mark.parametrize("what", HOSTILE)
def test_no_header_takes_more_than_a_hundred_megabytes(what: str, tmp_path: Path) -> None:
    pieces, tensors, pairs = HOSTILE[what]
    path = write(tmp_path / "m.gguf", pieces, tensors=tensors, pairs=pairs)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "cli")},
        capture_output=True,
        text=True,
        check=True,
    )
    said, kilobytes = done.stdout.splitlines()
    assert int(kilobytes) * 1024 < MOST
    assert said.endswith(".") or int(said) <= 65_536


def test_a_long_text_is_skipped_and_what_follows_is_read(tmp_path: Path) -> None:
    pieces = [pair(b"tokenizer.huggingface.json", STRING, text(b"", 3 << 20)), 3 << 20]
    path = write(tmp_path / "m.gguf", [*pieces, pair(b"general.name", STRING, text(b"Odd"))], pairs=2)
    header = read_header(path)
    assert header.name == "Odd"
    assert isinstance(header.metadata["tokenizer.huggingface.json"], LongArray)


def metadata(**more: object) -> dict[str, object]:
    return {"general.architecture": "llama", **{f"llama.{key}": value for key, value in more.items()}}


@pytest.mark.parametrize(
    "values",
    [
        metadata(),
        metadata(block_count=1 << 31),
        metadata(block_count=-3),
        metadata(block_count="many"),
        metadata(block_count=2, **{"attention.head_count_kv": ("a", "b")}),
        metadata(block_count=2, embedding_length=float("nan")),
        {"general.architecture": "qwen35", "qwen35.block_count": 4, "qwen35.full_attention_interval": 0},
    ],
)
def test_absurd_numbers_are_one_error(values: dict[str, object]) -> None:
    with pytest.raises(ModelFileError) as error:
        from_header(values, [])
    assert error.value.code == "model_not_language"


def test_a_first_part_without_tensors_is_no_obstacle(tmp_path: Path) -> None:
    """The first part of large models often has metadata only."""
    first = write(
        tmp_path / "m-00001-of-00002.gguf",
        [
            pair(b"general.architecture", STRING, text(b"llama")),
            pair(b"llama.block_count", UINT32, struct.pack("<I", 2)),
        ],
        pairs=2,
    )
    tensor = text(b"output.weight") + struct.pack("<IQQIQ", 2, 32, 4, 0, 0)
    second = write(tmp_path / "m-00002-of-00002.gguf", [tensor, 1024], tensors=1, pairs=0)
    headers: list[Header] = [read_header(first), read_header(second)]
    assert headers[0].tensors == ()
    assert from_headers(headers).weights == 32 * 4 * 4
