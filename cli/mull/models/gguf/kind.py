"""What a GGUF is if it is no whole language model: an adapter, a projector, an embedding model, a part of a split one.

In: a header, and the file's name. Out: words that end the sentence "this file is …"; empty for a whole language model,
and for anything that only llama.cpp can judge, such as an architecture that is newer than this list.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from mull.errors import ModelFileError
from mull.models.gguf.header import Header
from mull.models.gguf.magic import MAGIC
from mull.models.naming.filenames import part_of

NOT_CHAT: Final = "not_chat_model"
"""The error code of a file that is something else than a whole language model."""

_TYPES: Final = {  # general.type
    "adapter": "an adapter (LoRA), which changes a model",
    "mmproj": "a projector, which lets a model see or hear",
    "imatrix": "an importance matrix, which guides a quantization",
    "vocab": "a vocabulary without a model",
    "draft": "a draft model without a model of its own",
}
_ADAPTER, _PROJECTOR, _IMATRIX, _VOCAB = (_TYPES[key] for key in ("adapter", "mmproj", "imatrix", "vocab"))
_DRAFT: Final = "a draft head (such as MTP or EAGLE), which only proposes tokens to the model it belongs to"
_EMBEDDING: Final = "an embedding model, which makes vectors for a search"
_RERANKER: Final = "a reranking model, which scores texts and generates none"
_DIFFUSION: Final = "a diffusion model, which does not generate text token by token"
_WITHOUT_TEXT: Final = frozenset({_EMBEDDING, _RERANKER, _DIFFUSION})
_SPEECH: Final = "a speech model"
_IMAGE: Final = "a model for images or video"
_CONTROL: Final = "a control vector, which steers a model"

_ARCHITECTURES: Final = (
    (re.compile(r"clip|mmproj|.*[_-]?(vision|audio)[_-]?(tower|encoder)|siglip"), _PROJECTOR),
    (re.compile(r"controlvector"), _CONTROL),
    (re.compile(r"lora|adapter"), _ADAPTER),
    (re.compile(r"imatrix"), _IMATRIX),
    (re.compile(r"(eagle|medusa|dflash|mtp).*|.*[_-](eagle\d*|medusa|mtp|draft)"), _DRAFT),
    (re.compile(r".*bert.*|t5encoder|.*[_-]?embed(ding)?s?"), _EMBEDDING),
    (
        re.compile(
            r"whisper.*|wavtokenizer.*|.*[_-](tts|asr|vocoder|codec)|bark|kokoro|parler.*|dia|snac|encodec"
        ),
        _SPEECH,
    ),
    (
        re.compile(
            r"flux.*|sd|sd[123x].*|sdxl.*|stable.?diffusion.*|unet.*|vae.*|aura(flow)?|lumina.*|hidream.*|cosmos.*|ltxv?.*"
            r"|wan.*|hyvid|hunyuan.?video|qwen.?image.*|chroma.*|z.?image.*|kolors|pixart.*|omnigen.*|esrgan.*"
        ),
        _IMAGE,
    ),
)
_TENSORS: Final = (
    (re.compile(r"\.lora_[ab]$"), _ADAPTER),
    (re.compile(r"^(mm|v|a)\.(\d|blk|patch_embd|position_embd|conv)"), _PROJECTOR),
    (re.compile(r"\.in_sum2$"), _IMATRIX),
    (re.compile(r"^direction\.\d+$"), _CONTROL),
    (
        re.compile(r"^(model\.diffusion_model|first_stage_model|double_blocks|single_blocks|joint_blocks)\."),
        _IMAGE,
    ),
    (re.compile(r"^(encoder|decoder)\.(conv1|blocks)\b"), _SPEECH),
)
_CAUSAL_EMBEDDINGS: Final = {
    1: _EMBEDDING,
    2: _EMBEDDING,
    3: _EMBEDDING,
    4: _RERANKER,
}  # llama.cpp's pooling types


def other_kind(header: Header) -> str:
    """What the file is instead of a whole language model; parts of a split model are `part_problem`'s."""
    metadata, architecture = header.metadata, header.architecture.lower()
    if (found := _TYPES.get(str(metadata.get("general.type", "")).lower())) is not None:
        return found
    for pattern, words in _ARCHITECTURES:
        if pattern.fullmatch(architecture):
            return words
    names = [tensor.name for tensor in header.tensors]
    if _is_part(header):
        return ""
    for pattern, words in _TENSORS:
        if any(pattern.search(name) for name in names):
            return words
    if not names:
        return _VOCAB if header.has_tokenizer else "a header without a model"
    pooling = metadata.get(f"{header.architecture}.pooling_type")
    if isinstance(pooling, int) and pooling in _CAUSAL_EMBEDDINGS:
        return _CAUSAL_EMBEDDINGS[pooling]
    if metadata.get(f"{header.architecture}.attention.causal") is False:
        return _DIFFUSION if re.match(r"dream|llada|rnd|.*diffusion", architecture) else _EMBEDDING
    if any(".nextn." in name for name in names) and not any(name.startswith("blk.0.") for name in names):
        return _DRAFT
    if not header.has_tokenizer and "tokenizer.ggml.model" not in metadata:
        named = f" (architecture {header.architecture[:40]!r})" if header.architecture else ""
        return f"no language model{named}: it has no vocabulary"
    return ""


def part_problem(header: Header, path: Path) -> str:
    """What is wrong with a part of a split model; empty for a whole model, and for parts under their own names."""
    if not _is_part(header):
        return ""
    count, number = header.metadata["split.count"], header.metadata.get("split.no")
    number = number + 1 if isinstance(number, int) else 1
    if _has_another_behind(header, path):
        return f"made of the parts of a split model, joined into one file; {count} separate files are needed"
    if part_of(path.name) == (number, count):
        return ""
    return f"part {number} of {count} of a split model, which its name does not tell"


def check_kind(header: Header, path: Path) -> None:
    """Raise ModelFileError for a file that no chat can run on, in words that tell what it is."""
    if problem := part_problem(header, path):
        stem = re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", path.name, flags=re.IGNORECASE)
        count = header.metadata["split.count"]
        raise ModelFileError(
            NOT_CHAT,
            f"{path} is {problem}.",
            f"Keep all parts in one folder as {stem}-00001-of-{count:05d}.gguf and so on; name the first one.",
        )
    kind = other_kind(header)
    if kind and kind not in _WITHOUT_TEXT:  # of those the engine knows more (engine/generative.py)
        raise ModelFileError(NOT_CHAT, f"{path} is {kind}.", _hint(kind))


def _hint(kind: str) -> str:
    if kind in {_ADAPTER, _CONTROL, _PROJECTOR, _DRAFT, _IMATRIX}:
        return "Name the model that it belongs to; mull does not use this file."
    return "mull runs language models that answer in text; mull models lists some."


def _is_part(header: Header) -> bool:
    count = header.metadata.get("split.count")
    return isinstance(count, int) and not isinstance(count, bool) and 1 < count < 100_000


def _has_another_behind(header: Header, path: Path) -> bool:
    """Whether another GGUF begins behind this one's last tensor."""
    end = max((header.data_offset + one.offset + (one.size or 0) for one in header.tensors), default=0)
    if not end < header.size:
        return False
    with path.open("rb") as file:
        file.seek(end)
        return file.read(64).lstrip(b"\0").startswith(MAGIC)
