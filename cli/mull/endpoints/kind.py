"""Which server answers at an address, and which models it has.

In: a client. Out: a `Server`. Raises ServerError where nothing answers or the key is refused; a server without a list
of models is of the kind `other`. The kind shows in the list of models; Ollama and LM Studio are asked once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from mull.control import TurnControl
from mull.dataclass import dataclass
from mull.endpoints.errors import ServerError
from mull.endpoints.http import Client

ServerKind = Literal[
    "mull", "llama-server", "llama_cpp.server", "vLLM", "SGLang", "Ollama", "LM Studio", "OpenRouter", "other"
]
LOOK_SECONDS = 15.0
_OWNERS: Mapping[str, ServerKind] = {
    "mull": "mull",
    "llamacpp": "llama-server",
    "vllm": "vLLM",
    "sglang": "SGLang",
    "library": "Ollama",
    "organization_owner": "LM Studio",
    "me": "llama_cpp.server",
}


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model of a server. `context`: tokens, None if the list does not tell; `thinks`: None if unknown."""

    name: str
    context: int | None = None
    thinks: bool | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """What answers. `models` is empty where the server lists none."""

    kind: ServerKind
    models: tuple[ServedModel, ...] = ()


def look(client: Client, control: TurnControl | None = None) -> Server:
    """Ask the server for its models, and recognize it."""
    try:
        with client.request(
            "GET", f"{client.url.api}/models", control=control, seconds=LOOK_SECONDS
        ) as response:
            headers, body = response.headers, response.json()
    except ServerError as error:
        if (
            error.code not in {"endpoint_not_found", "endpoint_refused", "endpoint_answer"}
            or error.status == 403
        ):
            raise
        headers, body = {}, {}
    rows = _rows(body)
    kind = _kind(client, headers, rows)
    if kind == "LM Studio" or (kind == "other" and headers.get("x-powered-by") == "Express"):
        if found := _rows(_ask(client, "/api/v0/models", control)):
            return Server("LM Studio", _models(found))
    elif kind == "other" and "version" in _ask(client, "/api/version", control):
        kind = "Ollama"
    return Server(kind, _models(rows))


def _kind(client: Client, headers: Mapping[str, str], rows: list[Mapping[str, Any]]) -> ServerKind:
    if headers.get("server", "").startswith("llama.cpp"):
        return "llama-server"
    if client.url.host.endswith("openrouter.ai") or any("canonical_slug" in row for row in rows):
        return "OpenRouter"
    owners = (_OWNERS.get(str(row.get("owned_by"))) for row in rows)
    return next((found for found in owners if found), "other")


def _ask(client: Client, path: str, control: TurnControl | None) -> Mapping[str, Any]:
    """A JSON object that only one kind of server has; empty from others."""
    try:
        body = client.get_json(f"{client.url.root}{path}", control, seconds=LOOK_SECONDS)
    except ServerError:
        return {}
    return body if isinstance(body, dict) else {}


def _rows(body: Any) -> list[Mapping[str, Any]]:
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        return []
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str) and row["id"]]


def _models(rows: list[Mapping[str, Any]]) -> tuple[ServedModel, ...]:
    return tuple(ServedModel(row["id"], _context(row), _thinks(row)) for row in rows if _chats(row))


def _chats(row: Mapping[str, Any]) -> bool:
    """Whether a model answers questions: LM Studio lists its embedding models too."""
    return row.get("type") not in ("embeddings", "embedding")


def _context(row: Mapping[str, Any]) -> int | None:
    """The context that a request may have: llama-server's, vLLM's, LM Studio's and OpenRouter's fields."""
    meta = row.get("meta")
    found = (meta if isinstance(meta, dict) else {}).get("n_ctx")
    for value in (found, *map(row.get, ("max_model_len", "loaded_context_length", "context_length"))):
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _thinks(row: Mapping[str, Any]) -> bool | None:
    able = row.get("supported_parameters")
    return "reasoning" in able if isinstance(able, list) else None
