"""The header of a GGUF: metadata, tensors, special tokens, chat templates. No tensor data, no llama.cpp.

In: a path, or any seekable binary file. Out: a `Header`; long arrays (vocabularies) are skipped and read on demand. The
file is not trusted: every length is validated, and memory use is bounded. Raises ModelFileError for a file that is
missing, empty, truncated, damaged, or not a GGUF.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Final

from mull.chat_template.special_texts import KEYS, SpecialTexts, special_texts
from mull.dataclass import dataclass
from mull.errors import ModelFileError
from mull.models.gguf.magic import MAGIC
from mull.models.gguf.reader import MAX_KEY, STRING, DamagedError, LongArray, Reader

VERSIONS: Final = (2, 3)  # version 1 had 32-bit lengths; its models are no longer in use
MAX_PAIRS, MAX_TENSORS, MAX_DIMENSIONS = 65_536, 65_536, 8
UNKNOWN, CONTROL, USER_DEFINED = 2, 3, 4  # token types
BOS, EOS = "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"
MAX_SPECIAL = 65_536  # the largest vocabularies reserve some ten thousand
DAMAGED: Final = "model_damaged"  # error code for a file that is a GGUF, but damaged
AGAIN: Final = "Get the file again, for example with: mull pull"
# ggml type: name, elements per block, bytes per block (ggml's type table).
TYPES: Final[Mapping[int, tuple[str, int, int]]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor. `shape` in elements, fastest dimension first; `size` in bytes, None for a type unknown here."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    size: int | None


@dataclass(frozen=True)
class Header:
    """The header of a GGUF. `size`: bytes of the whole file; `data_offset`: where the tensor data begins."""

    version: int
    metadata: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    data_offset: int
    size: int
    source: Path | BinaryIO = field(repr=False)

    @property
    def architecture(self) -> str:
        return self._text("general.architecture")

    @property
    def name(self) -> str:
        return self._text("general.name")

    @property
    def n_ctx_train(self) -> int | None:
        """Context length that the model was trained for, in tokens."""
        value = self.metadata.get(f"{self.architecture}.context_length")
        return value if type(value) is int and value > 0 else None

    @property
    def template(self) -> str | None:
        """The chat template, if there is one."""
        return self._text("tokenizer.chat_template") or None

    @property
    def templates(self) -> Mapping[str, str]:
        """All chat templates by name; the main one is `default`."""
        found = {} if self.template is None else {"default": self.template}
        prefix = "tokenizer.chat_template."
        return found | {
            key.removeprefix(prefix): value
            for key, value in self.metadata.items()
            if key.startswith(prefix) and isinstance(value, str)
        }

    @property
    def has_tokenizer(self) -> bool:
        return "tokenizer.ggml.tokens" in self.metadata

    @property
    def _tokens(self) -> tuple[Any, ...] | LongArray:
        """The vocabulary; empty where the header has something else than texts under its key."""
        found = self.metadata.get("tokenizer.ggml.tokens", ())
        texts = found.kind == STRING if isinstance(found, LongArray) else isinstance(found, tuple)
        return found if texts else ()

    @property
    def n_vocab(self) -> int:
        """Tokens in the vocabulary."""
        tokens = self._tokens
        return tokens.count if isinstance(tokens, LongArray) else len(tokens)

    @cached_property
    def special_tokens(self) -> Mapping[int, str]:
        """Id to text of every control, user-defined and unknown token. Reads the vocabulary."""
        types = self.array("tokenizer.ggml.token_type")
        special = (i for i, kind in enumerate(types) if kind in (UNKNOWN, CONTROL, USER_DEFINED))
        wanted = set(itertools.islice(special, MAX_SPECIAL))
        wanted |= {self._token(key) for key in (BOS, EOS, *KEYS.values())}
        tokens = self._tokens
        if not isinstance(tokens, LongArray):
            return {i: str(text) for i, text in enumerate(tokens) if i in wanted}
        with self._open() as file:
            return Reader(file, self.size, tokens.offset).strings_at(tokens.count, wanted)

    @property
    def bos(self) -> str:
        """The text of the BOS token; empty without one."""
        return self._spelled(BOS)

    @property
    def eos(self) -> str:
        """The text of the EOS token; empty without one."""
        return self._spelled(EOS)

    @property
    def special_texts(self) -> SpecialTexts:
        """The other special tokens that a chat template may write."""
        return special_texts(self._spelled)

    def _spelled(self, key: str) -> str:
        return self.special_tokens.get(self._token(key), "")

    def _token(self, key: str) -> int:
        value = self.metadata.get(key)
        return value if isinstance(value, int) else -1

    def array(self, key: str) -> Iterator[Any]:
        """The elements of an array; a long one is read from the file. Empty where there is none."""
        value = self.metadata.get(key, ())
        if isinstance(value, LongArray):
            with self._open() as file:
                yield from Reader(file, self.size, value.offset).members(value.kind, value.count)
        else:
            yield from value if isinstance(value, tuple) else ()

    def _open(self) -> AbstractContextManager[BinaryIO]:
        return self.source.open("rb") if isinstance(self.source, Path) else nullcontext(self.source)

    def _text(self, key: str) -> str:
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""


def read_header(source: Path | str | BinaryIO, *, whole: bool = True) -> Header:
    """Read a header. `whole=False`: the tensor data may be missing (a partial download)."""
    if isinstance(source, str):
        source = Path(source)
    if not isinstance(source, Path):
        return _read(source, source, whole=False)
    try:
        with source.open("rb") as file:
            return _read(file, source, whole=whole)
    except FileNotFoundError as error:
        raise ModelFileError(
            "model_missing", f"There is no file {source}.", "mull models lists what is installed."
        ) from error
    except OSError as error:
        raise ModelFileError(
            "model_unreadable", f"{source} cannot be read: {error.strerror or error}."
        ) from error


def read_general(source: Path) -> Mapping[str, Any]:
    """The `general.*` metadata at a header's beginning: name, licence, sampling defaults.

    Fast: stops at the first other key. Empty for a file that cannot be read or is not a GGUF.
    """
    found: dict[str, Any] = {}
    try:
        with source.open("rb") as file:
            reader = Reader(file, source.stat().st_size, 0)
            if reader.take(4) != MAGIC or reader.number("I") not in VERSIONS:
                return {}
            _, pairs = reader.number("Q"), reader.number("Q")
            for _ in range(min(pairs, MAX_PAIRS)):
                key = reader.stored_string(MAX_KEY)
                if not key.startswith("general."):
                    break
                found[key] = reader.value(reader.number("I"))
    except (OSError, DamagedError):
        return {}
    return found


def _read(file: BinaryIO, source: Path | BinaryIO, *, whole: bool) -> Header:
    size = file.seek(0, io.SEEK_END)
    if size == 0:
        raise ModelFileError("model_empty", f"{_name(source)} is empty.", AGAIN)
    reader = Reader(file, size, 0)
    if size < len(MAGIC) or reader.take(4) != MAGIC:
        raise ModelFileError(
            "model_not_gguf", f"{_name(source)} is not a GGUF file.", "mull runs models in the GGUF format."
        )
    try:
        return _parse(reader, source, size, whole=whole)
    except DamagedError as error:
        raise ModelFileError(DAMAGED, f"{_name(source)} is damaged: {error}.", AGAIN) from error


def _parse(reader: Reader, source: Path | BinaryIO, size: int, *, whole: bool) -> Header:
    version = reader.number("I")
    if version not in VERSIONS:
        raise DamagedError(f"its GGUF version is {version}; versions 2 and 3 are supported")
    tensors, pairs = reader.number("Q"), reader.number("Q")
    if tensors > MAX_TENSORS or pairs > MAX_PAIRS:
        raise DamagedError(f"it claims {tensors:,} tensors and {pairs:,} metadata entries")
    metadata: dict[str, Any] = {}
    for _ in range(pairs):
        key = reader.stored_string(MAX_KEY)
        if key in metadata:
            raise DamagedError(f"it has the key {key[:80]!r} twice")
        metadata[key] = reader.value(reader.number("I"))
    infos, names = [], set[str]()
    for _ in range(tensors):
        name = reader.stored_string(MAX_KEY)
        if name in names:
            raise DamagedError(f"it has the tensor {name[:80]!r} twice")
        names.add(name)
        dimensions = reader.number("I")
        if dimensions > MAX_DIMENSIONS:
            raise DamagedError(f"a tensor claims {dimensions:,} dimensions")
        shape = tuple(reader.number("Q") for _ in range(dimensions))
        infos.append((name, shape, reader.number("I"), reader.number("Q")))
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
        raise DamagedError("its alignment is impossible")
    start = -(-reader.position // alignment) * alignment
    found = tuple(_tensor(*info) for info in infos)
    end = max((start + tensor.offset + (tensor.size or 0) for tensor in found), default=0)
    if whole and end > size:
        raise DamagedError(f"it ends after {size:,} of {end:,} bytes")
    return Header(version, metadata, found, start, size, source)


def _tensor(name: str, shape: tuple[int, ...], kind: int, offset: int) -> Tensor:
    elements = 1
    for length in shape:
        elements *= length
    if elements > 1 << 50 or offset > 1 << 50:
        raise DamagedError(f"its tensor {name[:80]!r} is of impossible size")
    label, per_block, block = TYPES.get(kind, (f"type {kind}", 0, 0))
    return Tensor(name, shape, label, offset, elements // per_block * block if per_block else None)


def _name(source: Path | BinaryIO) -> str:
    return str(source) if isinstance(source, Path) else "The file"
