"""What a model's name means, read from its spelling alone: no disk, no network.

In: `owner/repo[:QUANT]`, `hf.co/…`, the address of a file on the Hub, or a path. Out: a `HubReference`, or None for a
name that is not one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mull.models.naming.filenames import is_safe

DEFAULT_QUANT = "Q4_K_M"  # the default of llama.cpp and Ollama
HUB_PREFIX = re.compile(r"^(?:https?://)?(?:www\.)?(?:hf\.co|huggingface\.co)/", re.IGNORECASE)
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_REPOSITORY = re.compile(rf"(?P<repo>{_WORD}/{_WORD})(?:/(?P<rest>[^:]+))?(?::(?P<quant>[^:/]+))?")


@dataclass(frozen=True, slots=True)
class HubReference:
    """A repository on the Hub; `quant` and `file` (a path inside it) narrow it down, `revision` pins it."""

    repo: str
    quant: str | None = None
    file: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        return self.repo + (f"/{self.file}" if self.file else f":{self.quant}" if self.quant else "")


def parse_hub(name: str) -> HubReference | None:
    """Parse `owner/repo`, `owner/repo:QUANT` or `owner/repo/path.gguf`, also after hf.co/ or as a page's URL."""
    bare = HUB_PREFIX.sub("", name.strip()).split("?")[0].rstrip("/")
    match = _REPOSITORY.fullmatch(bare)
    if match is None:
        return None
    repo, rest, quant = match["repo"], match["rest"], match["quant"]
    if quant is not None and quant.lower() == "latest":  # Ollama's and llama.cpp's word for the default
        quant = None
    if "--" in repo or ".." in repo or len(repo) > 96:  # the Hub rejects such names too
        return None
    if rest is None:
        return HubReference(repo, quant)
    page = re.fullmatch(r"(?:blob|resolve|raw|tree)/([^/]+)(?:/(.+))?", rest)
    revision, file = (page[1], page[2]) if page else (None, rest)
    if file is None:
        return HubReference(repo, quant, revision=revision)
    if not file.lower().endswith(".gguf") or not is_safe(file):
        return None
    return HubReference(repo, quant, file, revision)


def is_path(name: str) -> bool:
    """Whether a name has the form of a path: `./x`, `~/x`, `C:\\x`, `/x` and `*.gguf`, but not `owner/repo`."""
    if HUB_PREFIX.match(name):
        return False
    looks = name.startswith(("./", "../", "/", "~", ".\\", "..\\", "\\\\")) or name in {".", ".."}
    return looks or name.lower().endswith(".gguf") or bool(re.match(r"[A-Za-z]:[\\/]", name))
