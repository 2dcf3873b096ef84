"""Names of models, as servers and users write them: whether two of them mean the same model."""

from __future__ import annotations

from collections.abc import Sequence


def same_model(one: str, other: str) -> bool:
    """Whether two names may mean the same model: a path, an owner, a tag or a date more or less makes no other one."""
    short, long = sorted((_bare(one), _bare(other)), key=len)
    return not short or short in long


def is_listed(name: str, listed: Sequence[str]) -> bool:
    """Whether a server has a model under this name: Ollama's may lack the tag, OpenRouter's have one more."""
    return name in listed or f"{name}:latest" in listed or name.rpartition(":")[0] in listed


def _bare(name: str) -> str:
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return last.lower().removesuffix(".gguf")
