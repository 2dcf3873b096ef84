"""What the name of a model file says: its quantization, its part of a split model, and whether it is a safe path.

In: file names of a repository or a folder. Out: quantizations, parts in order, groups of parts. Names in a repository
are not trusted: `is_safe` says which may become a path in the cache.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

_PART = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf$)", re.IGNORECASE)
_QUANT = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-)?(?:I?Q[1-8](?:_[0-9]|_[KN]L?|_X?X?[SML]|_X[SML])*|BF16|FP?16|FP?32|MXFP4(?:_MOE)?|NVFP4|TQ[12]_0))"
    r"(?![A-Za-z0-9_])",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[-_.:]*(?:gguf)?[-_.:]*$", re.IGNORECASE)
_NO_MODEL = re.compile(r"(?:^|[-_.])(?:mmproj|imatrix)(?:[-_.]|$)", re.IGNORECASE)
_BESIDE = re.compile(
    r"(?:^|[-_./])(?:mtp|nextn|draft|eagle[0-9]?|dflash|medusa|lora|adapter|projector|vocab)(?:[-_./]|$)",
    re.IGNORECASE,
)
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}
)


def quantization(filename: str) -> str | None:
    """The quantization in a file's name (or its folder's), in upper case."""
    path = PurePosixPath(_PART.sub("", filename))
    for text in (path.name.removesuffix(".gguf"), *reversed(path.parts[:-1])):
        if found := _QUANT.findall(text):
            return str(found[-1]).upper()
    return None


def same_quant(one: str | None, other: str | None) -> bool:
    """Whether two spellings mean the same quantization, as F16 and FP16 do."""
    return one is not None and other is not None and _plain(one) == _plain(other)


def _plain(quant: str) -> str:
    return quant.upper().replace("FP16", "F16").replace("FP32", "F32").replace("-", "_")


def without_quant(name: str) -> str:
    """A model's name, or its file's, without folder, endpoint, extension and quantization, in lower case.

    The same for all quantizations of a model: `qwen3-8b` of `Qwen/Qwen3-8B-GGUF:Q8_0` and `Qwen3-8B-Q4_K_M.gguf`.
    """
    base = whole_name(name.rsplit("/", 1)[-1].partition("@")[0]).removesuffix(".gguf")
    return _ENDS.sub("", _QUANT.sub("", base)).lower()


def is_weights(filename: str) -> bool:
    """Whether a file is a GGUF of a language model, not a vision projector or an importance matrix."""
    return filename.lower().endswith(".gguf") and not _NO_MODEL.search(PurePosixPath(filename).stem)


def is_beside(filename: str) -> bool:
    """Whether a GGUF's name (or its folder's) tells a draft head, an adapter or the like: files beside a model."""
    return bool(_BESIDE.search(filename))


def is_safe(filename: str) -> bool:
    """Whether a name from a repository may become a path in the cache, on every operating system."""
    if not filename or len(filename) > 512 or filename.startswith(("/", "~")):
        return False
    if any(ord(letter) < 32 or ord(letter) == 127 or letter in '\\:*?"<>|' for letter in filename):
        return False
    return all(
        part not in {"", ".", ".."}
        and part == part.rstrip(" .")
        and part.split(".")[0].lower() not in _DEVICES
        for part in filename.split("/")
    )


def part_of(filename: str) -> tuple[int, int] | None:
    """(number, count) of a part of a split model; numbers from 1."""
    match = _PART.search(filename)
    return (int(match[1]), int(match[2])) if match else None


def whole_name(filename: str) -> str:
    """The name that the parts of a split model share."""
    return _PART.sub("", filename)


def parts_of(filename: str) -> tuple[str, ...]:
    """The names of all parts of this file's model, in order; the file itself if it is not split."""
    part = part_of(filename)
    if part is None:
        return (filename,)
    return tuple(_PART.sub(f"-{number:05d}-of-{part[1]:05d}", filename) for number in range(1, part[1] + 1))


def part_paths(path: Path) -> tuple[Path, ...]:
    """The paths of all parts of a file on disk, whether or not they exist."""
    return tuple(path.with_name(name) for name in parts_of(path.name))


def group_parts(filenames: Iterable[str]) -> list[tuple[str, ...]]:
    """Group files into models: the parts of a split one in order. Incomplete models are left out."""
    present = [name for name in filenames if is_weights(name)]
    known = set(present)
    models = [parts_of(name) for name in present if (part := part_of(name)) is None or part[0] == 1]
    return [parts for parts in models if known.issuperset(parts)]


def select(models: Sequence[tuple[str, ...]], wanted: str) -> list[tuple[str, ...]]:
    """The models that match `wanted`: a quantization, a folder, or a file's name with or without its extension.

    An exact match has priority over a dynamic quantization (`Q4_K_XL` matches `UD-Q4_K_XL` if nothing else matches).
    """
    exact = [parts for parts in models if wanted.lower() in _spellings(parts[0])]
    if exact:
        return exact
    for quant in (wanted, f"UD-{wanted}"):
        if named := [parts for parts in models if same_quant(quantization(parts[0]), quant)]:
            return named
    return [parts for parts in models if parts[0].lower().startswith(f"{wanted.lower()}/")]


def _spellings(filename: str) -> set[str]:
    whole = whole_name(filename).lower()
    base = whole.rsplit("/", 1)[-1]
    return {filename.lower(), whole, base, base.removesuffix(".gguf")}


def as_local(filename: str) -> str:
    """A repository's path with this operating system's separator."""
    return filename.replace("/", os.sep)
