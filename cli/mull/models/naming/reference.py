"""What a model's name means, read from its spelling alone: no disk, no network.

In: `owner/repo[@REVISION][:QUANT]`, with a folder or a file behind it, `hf://…`, `hf.co/…`, the address of a page or a
file on the Hub or a mirror, or a path. Out: a `HubReference`, or None for a name that is not one. A mirror's host is
dropped: HF_ENDPOINT alone decides where files come from.
"""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qs, unquote, urlsplit

from mull.dataclass import dataclass
from mull.models.naming.filenames import is_safe

DEFAULT_QUANT = "Q4_K_M"  # the default of llama.cpp and Ollama
HUB_PREFIX = re.compile(
    r"^(?:hf:/*|git@hf\.co:|(?:https?://)?(?:[\w-]+\.)*(?:hf|huggingface)(?:-[\w-]+)?(?:\.[\w-]+)+(?::\d+)?/)",
    re.IGNORECASE,
)
"""hf://, hf.co, huggingface.co, and mirrors by their usual names (hf-mirror.com)."""
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_REVISION = r"@(refs/[a-z]+/[^/:@]+|[^/:@]+)"
_REPOSITORY = re.compile(
    rf"(?P<repo>{_WORD}/{_WORD})(?:{_REVISION})?(?:/(?P<rest>[^:]+))?(?::(?P<quant>[^:@]+))?(?:{_REVISION})?"
)
_PAGE = re.compile(r"(?:blob|resolve|raw|tree|blame|commits?)/([^/]+)(?:/(.+))?")
_OTHER_FILES = re.compile(r"\.(?:bin|dat|json|md|onnx|pt|pth|safetensors|txt|zip)$", re.IGNORECASE)
_OTHER_PAGES = frozenset({"discussions", "settings", "community"})


@dataclass(frozen=True, slots=True)
class HubReference:
    """A repository on the Hub; `quant` (or a folder) and `file` (a path in it) narrow it down."""

    repo: str
    quant: str | None = None
    file: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        return self.repo + self._inside

    @property
    def address(self) -> str:
        """The reference with its revision."""
        return self.repo + (f"@{self.revision}" if self.revision else "") + self._inside

    @property
    def _inside(self) -> str:
        return f"/{self.file}" if self.file else f":{self.quant}" if self.quant else ""


def parse_hub(name: str) -> HubReference | None:
    """Parse `owner/repo`, with a revision, a quantization, a folder or a file; also as an address of the Hub."""
    text, asked_file = _without_host(name.strip().strip("\"'<>"))
    match = _REPOSITORY.fullmatch(re.sub(r"\s*([:@])\s*", r"\1", text.strip()).rstrip("/ "))
    if match is None:
        return None
    repo, rest, quant = match["repo"].removesuffix(".git"), match["rest"], match["quant"]
    revision = match[2] or match[5]
    if quant is not None and quant.lower() == "latest":  # Ollama's and llama.cpp's word for the default
        quant = None
    if "--" in repo or ".." in repo or len(repo) > 96:  # the Hub rejects such names too
        return None
    inside = asked_file or rest
    if rest is not None and (page := _PAGE.fullmatch(rest)):
        revision, inside = unquote(page[1]), asked_file or page[2]
    elif rest is not None and rest.partition("/")[0] in _OTHER_PAGES:
        inside = asked_file
    if inside is None:
        return HubReference(repo, quant, revision=revision) if quant is None or is_safe(quant) else None
    inside = unquote(inside) if HUB_PREFIX.match(name.strip()) else inside
    if not is_safe(inside) or _OTHER_FILES.search(inside):
        return None
    if inside.lower().endswith(".gguf"):
        return HubReference(repo, quant, inside, revision)
    return HubReference(repo, quant or inside, revision=revision)


def _without_host(name: str) -> tuple[str, str | None]:
    """The path of an address, and the file that its query names (a page that shows a file's header has one)."""
    prefix = HUB_PREFIX.match(name)
    own = _own_host(name)
    if prefix is None and own is None:
        return name, None
    rest, _, query = (own if own is not None else name[prefix.end() :] if prefix else name).partition("?")
    shown = parse_qs(query.partition("#")[0]).get("show_file_info")
    path = re.sub(r"^(?:api/)?models/", "", rest.partition("#")[0].lstrip("/"))
    if path.startswith(("datasets/", "spaces/")):
        return "", None
    return path, shown[0] if shown else None


def _own_host(name: str) -> str | None:
    """What follows the host of HF_ENDPOINT in an address; None for another address."""
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    try:
        same = bool(endpoint) and urlsplit(name).netloc == urlsplit(endpoint).netloc != ""
    except ValueError:
        return None
    return name.partition("://")[2].partition("/")[2] if same else None


def is_path(name: str) -> bool:
    """Whether a name has the form of a path: `./x`, `~/x`, `C:\\x`, `/x` and `*.gguf`, but not `owner/repo`."""
    if HUB_PREFIX.match(name) or re.match(r"https?://", name, re.IGNORECASE):
        return False
    looks = name.startswith(("./", "../", "/", "~", ".\\", "..\\", "\\\\")) or name in {".", ".."}
    return looks or name.lower().endswith(".gguf") or bool(re.match(r"[A-Za-z]:[\\/]", name))
