"""A LoRA adapter that was loaded for a model, as a value; `adapters.py` loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mull.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter. `handle`: llama.cpp's pointer; `print`: a digest of its file, for the key of the prompt cache."""

    handle: Any
    path: Path
    scale: float
    print: str

    @property
    def text(self) -> str:
        """Its name and scale for people and JSON: `style.gguf=0.5`."""
        return f"{self.path.name}={self.scale:g}"
