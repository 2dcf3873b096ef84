"""The tokens of a prompt: as the server counts them where it can, else estimated from its characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mull.api.request import request_body
from mull.backends.base import TokenCount
from mull.backends.openai.chunks import inner, number
from mull.backends.openai.facts import Remote
from mull.backends.openai.reasoning import how_to_ask
from mull.backends.openai.request import body
from mull.endpoints.errors import ServerError
from mull.endpoints.http import Client
from mull.messages import Message
from mull.settings import TurnSettings

CHARACTERS = 3.5
"""Per token. English prose has 4 to 4.7 with current tokenizers, code about 3.3; an estimate should not be too low."""
MESSAGE = 5  # tokens that a template adds to a message
COUNT_SECONDS = 2.0  # then it is estimated: the prompt of a chat waits for it
COUNTING = "/chat/completions/input_tokens"


LEAST = 100  # tokens of an estimate that a server's own count corrects: in shorter prompts the template's are many

LOWEST = 0.7  # of an estimate: some servers count only what they had not cached


class Estimate:
    """Estimates, corrected by what the server counted: other languages have up to six times as many tokens."""

    def __init__(self) -> None:
        self._scale = 1.0

    def learn(self, messages: Sequence[Message], tokens: int) -> None:
        """The server counted so many tokens in a prompt of these messages."""
        if (guess := estimate(messages)) >= LEAST and tokens > 0:
            self._scale = max(LOWEST, tokens / guess)

    def of(self, messages: Sequence[Message]) -> TokenCount:
        return TokenCount(math.ceil(estimate(messages) * self._scale), exact=False)


def count(
    client: Client, remote: Remote, messages: Sequence[Message], settings: TurnSettings, guess: Estimate
) -> TokenCount:
    """Count, or estimate."""
    if remote.kind in ("mull", "llama-server"):
        asked = _request(remote, messages, settings, client.name)
        try:
            answer = client.post_json(
                f"{client.url.api}{COUNTING}", {**asked, "stream": False}, seconds=COUNT_SECONDS
            )
            found = number(inner(answer, "input_tokens"))
        except ServerError:
            found = None
        if found:
            return TokenCount(int(found), exact=answer.get("exact", True) is True)
    return guess.of(messages)


def _request(
    remote: Remote, messages: Sequence[Message], settings: TurnSettings, name: str
) -> dict[str, Any]:
    """The request whose prompt is counted: the one that would be sent."""
    if remote.facts.extended:
        return request_body(remote.model, messages, settings, extended=True)
    return body(remote.kind, remote.model, messages, settings, how_to_ask(remote, messages, settings, name))


def estimate(messages: Sequence[Message]) -> int:
    """The tokens that a prompt of these messages has, from its characters."""
    characters = sum(len(message.content) for message in messages)
    return math.ceil(characters / CHARACTERS) + MESSAGE * len(messages)
