"""Which models generate text token by token; the others are refused with what they are.

In: a loaded model. Out: nothing for one that generates text. Raises ModelFileError (model_not_generative).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mull.errors import ModelFileError

if TYPE_CHECKING:
    from mull.engine.model import Model

_RANK = "4"  # llama.h, LLAMA_POOLING_TYPE_RANK
_POOLED = frozenset({"1", "2", "3"})  # mean, first token, last token
_EMBEDDINGS = "an embedding model: it makes vectors for a search and generates no text"


def require_generation(model: Model) -> None:
    """Raises ModelFileError for a model whose header says that it generates no text."""
    if what := _other_purpose(model):
        raise not_generative(model.path, model.architecture, what)


def not_generative(path: Path, architecture: str, what: str = _EMBEDDINGS) -> ModelFileError:
    """The error for a model that does not generate text."""
    return ModelFileError(
        "model_not_generative", f"{path} ({architecture}) is {what}.", "Use a chat or text model."
    )


def _other_purpose(model: Model) -> str:
    """What the model is, if it does not generate text token by token; else empty."""
    llama, own = model.llama, model.architecture
    if llama.llama_model_is_diffusion(model.handle):
        return "a diffusion model: it does not generate text token by token"
    if llama.llama_model_has_encoder(model.handle) and llama.llama_model_has_decoder(model.handle):
        return "a model with an encoder, for translations for instance: mull does not run these"
    pooling = model.metadata(f"{own}.pooling_type")
    if pooling == _RANK:
        return "a reranking model: it compares texts with a question and generates no text"
    encoder = not llama.llama_model_has_decoder(model.handle)
    if encoder or pooling in _POOLED or model.metadata(f"{own}.attention.causal") == "false":
        return _EMBEDDINGS
    return ""
