"""Which server a call needs: a value that goes to the server process as JSON, and the key that tells servers apart.

In: the resolved model and the settings of the run. Out: a `ServerSpec`. Two calls share a server only if everything
that shapes an answer is equal: mull itself, the model's files, the engine settings, what llama.cpp reads from the
environment. What a request carries (sampling, thinking, limits) is no part of it, nor is the time to stay.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import mull
from mull.chat_template.builtin import BUILTIN
from mull.dataclass import dataclass
from mull.fs.file_stamp import stamps
from mull.fs.json_text import parse_json
from mull.models.naming.filenames import part_paths
from mull.models.resolved import Resolved
from mull.settings import EngineSettings, PromptCacheSettings, draft_model_in, parse_lora

ENVIRONMENT = (
    "LLAMA_",
    "GGML_",
    "CUDA_",
    "HIP_",
    "ROCR_",
    "HSA_",
    "VK_",
    "SYCL_",
    "ONEAPI_",
    "OMP_",
    "GOMP_",
)
"""How the names of variables begin that llama.cpp, its drivers and its thread library read."""

_KEY_LENGTH = 24  # hexadecimal digits


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """What a server loads. `reference`: what `-m` takes; `path`: the file that it has to resolve to.

    `folders`: where models are looked for. `keep_alive` in seconds.
    """

    reference: str
    path: Path
    folders: tuple[Path, ...]
    engine: EngineSettings
    prompt_cache: PromptCacheSettings | None
    keep_alive: float

    @classmethod
    def of(
        cls,
        resolved: Resolved,
        engine: EngineSettings,
        keep_alive: float,
        *,
        folders: Sequence[Path] = (),
        prompt_cache: PromptCacheSettings | None = None,
    ) -> ServerSpec:
        path = resolved.path.absolute()
        return cls(
            reference=resolved.reference,
            path=path,
            folders=tuple(folder.absolute() for folder in folders),
            engine=engine,
            prompt_cache=prompt_cache,
            keep_alive=keep_alive,
        )

    @property
    def key(self) -> str:
        """The name of the server's files: the same for two calls that may share it.

        The limit of the prompt cache is no part of it.
        """
        draft = draft_model_in(self.engine.draft)
        drafts = part_paths(Path(draft)) if draft else []
        template = self.engine.chat_template
        templates = [Path(template)] if template and template not in BUILTIN else []
        adapters = [Path(parse_lora(text)[0]) for text in self.engine.lora or ()]
        cache = self.prompt_cache
        facts = (
            mull.__version__,
            stamps([Path(mull.__file__)]),  # an upgrade replaces it
            sys.executable,
            self.reference,
            stamps([*part_paths(self.path), *drafts, *templates, *adapters]),
            asdict(self.engine),
            None if cache is None else str(cache.folder),
            sorted((name, value) for name, value in os.environ.items() if name.startswith(ENVIRONMENT)),
        )
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:_KEY_LENGTH]

    @property
    def settings(self) -> dict[str, Any]:
        """The engine settings that are set."""
        return {name: value for name, value in asdict(self.engine).items() if value is not None}

    def to_json(self) -> str:
        """One line, for `from_json`."""
        cache = self.prompt_cache
        return json.dumps(
            {
                "reference": self.reference,
                "path": str(self.path),
                "folders": [str(folder) for folder in self.folders],
                "engine": self.settings,
                "prompt_cache": None if cache is None else [str(cache.folder), cache.limit],
                "keep_alive": self.keep_alive,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> ServerSpec:
        """Raises KeyError, TypeError, ValueError for anything that `to_json` did not make."""
        values: Mapping[str, Any] = parse_json(text)
        cache = values["prompt_cache"]
        return cls(
            reference=values["reference"],
            path=Path(values["path"]),
            folders=tuple(map(Path, values["folders"])),
            engine=replace(EngineSettings(), **values["engine"]),
            prompt_cache=None if cache is None else PromptCacheSettings(Path(cache[0]), cache[1]),
            keep_alive=float(values["keep_alive"]),
        )
