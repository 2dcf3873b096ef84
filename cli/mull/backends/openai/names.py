"""Names of models, as servers and users write them: whether two of them mean the same model."""

from __future__ import annotations


def same_model(one: str, other: str) -> bool:
    """Whether two names may mean the same model: a path, an owner, a tag or a date more or less makes no other one."""
    short, long = sorted((_bare(one), _bare(other)), key=len)
    return not short or short in long


def _bare(name: str) -> str:
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return last.lower().removesuffix(".gguf")
