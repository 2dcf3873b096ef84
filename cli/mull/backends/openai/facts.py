"""What is known of a model on a server before it is asked anything.

In: a client, the kind of server, the model's name. Out: `ModelFacts`. llama-server tells its context and its chat
template (`/props`), Ollama what a model is capable of. Raises Interrupted; what a server does not tell is None.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mull.backends.openai.chunks import inner
from mull.backends.openai.names import is_listed, same_model
from mull.control import TurnControl
from mull.dataclass import dataclass
from mull.endpoints.errors import ServerError
from mull.endpoints.http import Client
from mull.endpoints.kind import LOOK_SECONDS, ServedModel, Server, ServerKind
from mull.errors import TemplateError
from mull.events import Notice

if TYPE_CHECKING:
    from mull.reasoning.profile import Profile

ONE_MODEL = ("llama-server", "llama_cpp.server")
"""Kinds of servers that answer with the model they have, whatever name a request gives."""

_SIGNS = re.compile(r"think|reason|channel|thought|effort", re.IGNORECASE)
"""What a chat template that can do anything about thinking has in its source."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`context` in tokens; `profile`: of its chat template, where the server shows it and it is about thinking."""

    context: int | None = None
    thinks: bool | None = None
    profile: Profile | None = None
    extended: bool = False  # a mull of this version, which sends the exact events
    native: bool = False  # an Ollama that answers to its own API


@dataclass(frozen=True, slots=True)
class Remote:
    """What looking found: the kind of server, the model, what is known of it, the models that the server lists."""

    kind: ServerKind
    model: str
    facts: ModelFacts
    notices: tuple[Notice, ...] = ()
    listed: tuple[str, ...] = ()
    asked_context: int | None = None  # tokens that the config of the endpoint names

    @property
    def is_listed(self) -> bool:
        """The server lists the model, under this name or another one for it."""
        if self.kind in ONE_MODEL and len(self.listed) == 1:
            return same_model(self.model, self.listed[0])
        return is_listed(self.model, self.listed)


def facts(client: Client, server: Server, model: ServedModel, control: TurnControl | None) -> ModelFacts:
    """Ask what the kind can be asked."""
    kind, several = server.kind, len(server.models) > 1
    if kind == "llama-server":
        props = _ask(client, f"/props{_quoted(model, several)}", control)
        context = _whole(inner(props, "default_generation_settings", "n_ctx"))
        template = props.get("chat_template")
        template = template if isinstance(template, str) else ""
        found = _profile(template, model.name)
        thinks = found.reasons if found else None
        if template and not _SIGNS.search(template):
            thinks = False
        return ModelFacts(context or model.context, thinks, found)
    if kind == "mull":
        from mull import __version__

        own = _ask(client, f"/props{_quoted(model, several)}", control)
        thinks = inner(own, "mull", "can_think")
        context = _whole(inner(own, "default_generation_settings", "n_ctx"))
        same = inner(own, "mull", "version") == __version__
        return ModelFacts(context, thinks if isinstance(thinks, bool) else None, extended=same)
    if kind == "Ollama":
        shown = _ask(client, "/api/show", control, {"model": model.name})
        able = shown.get("capabilities")
        thinks = "thinking" in able if isinstance(able, list) else None
        return ModelFacts(_running(client, model.name, control), thinks, native=bool(shown))
    return ModelFacts(model.context, model.thinks)


def _running(client: Client, name: str, control: TurnControl | None) -> int | None:
    """The context that Ollama gave a model, if the model is loaded."""
    for row in _ask(client, "/api/ps", control).get("models") or ():
        if isinstance(row, dict) and row.get("name") in (name, f"{name}:latest"):
            return _whole(row.get("context_length"))
    return None


def _profile(template: str, name: str) -> Profile | None:
    """The profile of a template; it is a stranger's, and renders in the renderer process."""
    if not _SIGNS.search(template):
        return None
    from mull.reasoning.profiler import profile

    try:
        return profile(template, name=name)
    except TemplateError:
        return None


def _ask(
    client: Client, path: str, control: TurnControl | None, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A JSON object; empty where the server has none."""
    where = f"{client.url.root}{path}"
    try:
        if body is None:
            found = client.get_json(where, control, seconds=LOOK_SECONDS)
        else:
            found = client.post_json(where, body, control, seconds=LOOK_SECONDS)
    except ServerError:
        return {}
    return found if isinstance(found, dict) else {}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _quoted(model: ServedModel, several: bool) -> str:
    """The query that names one of several models."""
    from urllib.parse import quote

    return f"?model={quote(model.name, safe='')}" if several else ""
