"""`mull show MODEL@ENDPOINT`: what a server reports on a model, and what can be asked of it.

In: an address. Out: a card or JSON; a card sanitizes a server's words. Raises ServerError where it does not answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

from mull.backends.base import Capabilities
from mull.backends.openai.backend import OpenAIBackend
from mull.backends.openai.facts import Remote
from mull.backends.openai.reasoning import how_to_ask
from mull.commands._endpoints import THINKS, named
from mull.control import TurnControl, stop_on_interrupt
from mull.endpoints.address import Address
from mull.endpoints.http import Client
from mull.errors import MullError
from mull.messages import Message
from mull.reasoning.control import ReasoningDecision
from mull.settings import ReasoningAsk, TurnSettings
from mull.suggest import did_you_mean, nearest
from mull.terminal.console.streams import Streams

CAN = {
    "json_schema": "answers after a JSON Schema",
    "regex": "regular expressions",
    "choice": "choices",
    "grammar": "grammars",
    "lark": "grammars in Lark's notation",
    "logprobs": "log probabilities",
    "answer_now": "ending the thinking early",
    "prompt_progress": "progress of the prompt",
    "exact_token_count": "exact token counts",
    "parallel": "several requests at a time",
}
MODES = {
    "off": ReasoningAsk(on=False),
    "on": ReasoningAsk(on=True),
    "low": ReasoningAsk(on=True, effort="low"),
    "high": ReasoningAsk(on=True, effort="high"),
}


def show(streams: Streams, address: Address, *, json: bool) -> None:
    """Ask the server, and print what it tells."""
    client = Client.of(address.endpoint)
    control = TurnControl()
    with (
        closing(OpenAIBackend(client, address.model, context=address.endpoint.context)) as backend,
        stop_on_interrupt(control),
    ):
        remote = backend.remote(control)
        able = backend.capabilities
    _require_listed(address, remote)
    modes = {name: _decision(remote, ask, client.name) for name, ask in MODES.items()}
    if json:
        from mull.terminal.views.json_output import write_object

        write_object(streams, _object(address, remote, able, modes))
        return
    from mull.terminal.console.tables import card

    card(streams, _rows(address, remote, able, modes), f"{remote.model}@{address.endpoint.name}")


def _require_listed(address: Address, remote: Remote) -> None:
    """Raise MullError (unknown_model) for a name that the server does not list; one may list nothing at all."""
    if not remote.listed or remote.is_listed:
        return
    endpoint = address.endpoint.name
    near = [f"{one}@{endpoint}" for one in nearest(remote.model, remote.listed)]
    raise MullError(
        "unknown_model",
        f"{endpoint} does not list {remote.model}. It has {named(remote.listed)}.",
        did_you_mean(near, f"mull models --endpoint {endpoint} lists them."),
    )


def _decision(remote: Remote, ask: ReasoningAsk, name: str) -> ReasoningDecision:
    return how_to_ask(remote, [Message("user", "Hello")], TurnSettings(reasoning=ask), name).decision


def _rows(
    address: Address, remote: Remote, able: Capabilities, modes: dict[str, ReasoningDecision]
) -> Iterator[tuple[str, str]]:
    facts = remote.facts
    yield "Model", remote.model
    yield (
        "Server",
        f"{'of an unknown kind' if remote.kind == 'other' else remote.kind}, {address.endpoint.url}",
    )
    yield "Context", f"{facts.context:,} tokens" if facts.context else "the server does not tell"
    yield "Thinks", THINKS[facts.thinks] or "the server does not tell"
    if facts.extended:
        yield "Thinking", "controlled by the mull there, as on this machine"
    elif facts.thinks is not False:
        yield "Off", _words(modes["off"])
        yield "On", _words(modes["on"])
        yield "Effort", _words(modes["low"])
    can = [words for name, words in CAN.items() if getattr(able, name)]
    cannot = [words for name, words in CAN.items() if not getattr(able, name)]
    yield "Can", ", ".join(can)
    if cannot:
        yield "Cannot", ", ".join(cannot)


def _words(decision: ReasoningDecision) -> str:
    return decision.notice or decision.how


def _object(
    address: Address, remote: Remote, able: Capabilities, modes: dict[str, ReasoningDecision]
) -> dict[str, Any]:
    endpoint = address.endpoint
    asked = {
        name: {"applied": decision.applied, "how": decision.how, "notice": decision.notice}
        for name, decision in modes.items()
    }
    return {
        "v": 1,
        "model": remote.model,
        "endpoint": {"name": endpoint.name, "url": endpoint.url, "key_env": endpoint.key_env},
        "kind": remote.kind,
        "context": remote.facts.context,
        "thinks": remote.facts.thinks,
        "reasoning": None if remote.facts.extended else asked,
        "capabilities": asdict(able),
        "notices": [notice.text for notice in remote.notices],
        "error": None,
    }
