"""Which models generate text token by token; the others are refused with what they are.

In: llama.cpp's bindings, a loaded model's handle, and its metadata. Out: nothing for a model that generates text.
Raises ModelFileError (model_not_generative).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mull.errors import ModelFileError

Metadata = Callable[[str], str | None]

_RANK = "4"  # llama.h, LLAMA_POOLING_TYPE_RANK
_POOLED = frozenset({"1", "2", "3"})  # mean, first token, last token
_EMBEDDINGS = "an embedding model: it makes vectors for a search and generates no text"


def require_generation(llama: Any, handle: int | None, path: Path, metadata: Metadata) -> None:
    """Raises ModelFileError for a model whose kind or header says that it generates no text."""
    own = metadata("general.architecture") or ""
    if what := _other_purpose(llama, handle, own, metadata):
        raise not_generative(path, own, what)


def not_generative(path: Path, architecture: str, what: str = _EMBEDDINGS) -> ModelFileError:
    """The error for a model that does not generate text."""
    return ModelFileError(
        "model_not_generative", f"{path} ({architecture}) is {what}.", "Use a chat or text model."
    )


def _other_purpose(llama: Any, handle: int | None, own: str, metadata: Metadata) -> str:
    """What the model is, if it does not generate text token by token; else empty."""
    encoder, decoder = llama.llama_model_has_encoder(handle), llama.llama_model_has_decoder(handle)
    if llama.llama_model_is_diffusion(handle):
        return "a diffusion model: it does not generate text token by token"
    if encoder and decoder:
        return "a model with an encoder, for translations for instance: mull does not run these"
    pooling = metadata(f"{own}.pooling_type")
    if pooling == _RANK:
        return "a reranking model: it compares texts with a question and generates no text"
    if not decoder or pooling in _POOLED or metadata(f"{own}.attention.causal") == "false":
        return _EMBEDDINGS
    return ""
