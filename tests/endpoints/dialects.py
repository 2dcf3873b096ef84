"""Servers of the field, as `scripts/*.toml` describe them: what they answer, in which words they fail.

A `Dialect` makes the chunks of any answer, and plays a whole server: its model follows the script of
`tests/backends/test_contract.py`, a word is a token, and max_tokens, stop strings, the key, the context's size and
the switch for thinking count as they do there.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.endpoints.scripted_server import Reply, Request, Server, Step, as_json

SCRIPTS = Path(__file__).parent / "scripts"
NAMES = sorted(path.stem for path in SCRIPTS.glob("*.toml"))


@dataclass(frozen=True)
class Answer:
    """What the model says; `plain` is its answer without thinking. `pace`: seconds before each token."""

    thinking: str = "\nLet me see.\n"
    answer: str = "Forty-two."
    plain: str = "Just 42!"
    pace: float = 0.0


@dataclass(frozen=True)
class Dialect:
    """One kind of server. `script` is its file; `key`: the only key that it takes, "" for none."""

    script: Mapping[str, Any]
    model: str = "thinker"
    answer: Answer = Answer()
    key: str = ""
    context: int = 512

    @property
    def chat(self) -> str:
        """The path of chat requests."""
        return str(self.script["chat"])

    @property
    def kind(self) -> str:
        """The content type of a stream."""
        return str(self.script["stream"].get("kind", "text/event-stream"))

    def chunks(
        self,
        thinking: Sequence[str] = (),
        answer: Sequence[str] = (),
        finish: str = "stop",
        *,
        usage: bool = True,
        prompt: int = 5,
    ) -> list[bytes]:
        """The events of one answer, one token in each: the first, thinking, answer, the last, usage, the end mark."""
        stream = self.script["stream"]
        numbers = {"PROMPT": prompt, "TOKENS": len(thinking) + len(answer)}
        numbers["TOTAL"] = sum(numbers.values())

        def fill(name: str, text: str = "") -> list[bytes]:
            return [self._event(stream[name], TEXT=text, FINISH=finish, **numbers)] if name in stream else []

        opens, closes = (
            [stream[name]] if thinking and name in stream else [] for name in ("opens", "closes")
        )
        found = fill("first")
        for word in (*opens, *thinking, *closes):
            found += fill("thinking", word)
        for word in answer:
            found += fill("answer", word)
        found += fill("last")
        return [*found, *(fill("usage") if usage else []), *fill("done")]

    def error(self, name: str, **values: Any) -> Reply:
        """The reply of a failure that the script describes: key, model, context, busy, loading …"""
        error = self.script["errors"][name]
        text = self._fill(error["body"], CONTEXT=self.context, **values)
        headers = error.get("headers", {})
        kind = error.get("type", "application/json")
        return Reply([text], error["status"], headers, kind, "length")

    def broken(self, **values: Any) -> bytes:
        """The event that reports a failure in mid-stream."""
        return self._event(self.script["stream"]["error"], **values)

    def play_on(self, server: Server, prefix: str = "") -> None:
        """Answer as such a server does. `prefix`: of the paths, as a proxy gets them."""
        for path, body in self.script.get("get", {}).items():
            reply = as_json(self._fill(body, CONTEXT=self.context).decode())
            server.on("GET", prefix + path, partial(self._get, reply))
        for path, body in self.script.get("post", {}).items():
            server.on("POST", prefix + path, as_json(self._fill(body, CONTEXT=self.context).decode()))
        server.on("POST", prefix + self.chat, self.respond)

    def _get(self, reply: Reply, request: Request) -> Reply:
        return self._refused(request) or reply

    def respond(self, request: Request) -> Reply:
        """The reply to one chat request."""
        if (refused := self._refused(request)) is not None:
            return refused
        asked = request.json
        errors = self.script.get("errors", {})
        if "model" in errors and asked.get("model") != self.model:
            return self.error("model", ASKED=asked.get("model"))
        prompt = sum(len(str(message["content"]).split()) for message in asked["messages"])
        if prompt > self.context:
            return self.error("context", PROMPT=prompt) if "context" in errors else Reply(kind=self.kind)
        thinking, answer, finish = self._said(asked)
        usage = (asked.get("stream_options") or {}).get("include_usage") is True
        steps: list[Step] = []
        for chunk in self.chunks(thinking, answer, finish, usage=usage, prompt=prompt):
            steps += [self.answer.pace, chunk] if self.answer.pace else [chunk]
        return Reply(steps, headers=self.script.get("headers", {}), kind=self.kind)

    def _said(self, asked: Mapping[str, Any]) -> tuple[list[str], list[str], str]:
        """Thinking, answer and finish reason, within the limits of the request."""
        off = any(_at(asked, one["path"]) == one["value"] for one in self.script.get("off", ()))
        options = asked.get("options") or {}
        most = asked.get("max_completion_tokens") or asked.get("max_tokens") or options.get("num_predict")
        text = self.answer.plain if off else self.answer.answer
        stops = asked.get("stop") or options.get("stop") or []
        for stop in [stops] if isinstance(stops, str) else stops:
            text = text.partition(stop)[0]
        thinking, answer = [] if off else words(self.answer.thinking), words(text)
        if most is None or most >= len(thinking) + len(answer):
            return thinking, answer, "stop"
        return thinking[:most], answer[: max(0, most - len(thinking))], "length"

    def _refused(self, request: Request) -> Reply | None:
        return self.error("key") if self.key and request.key != self.key else None

    def _event(self, template: str, **values: Any) -> bytes:
        """One event; scripts are written with LF, some servers send CR LF."""
        separator = str(self.script["stream"].get("separator", "\n\n"))
        newline = "\r\n" if "\r" in separator else "\n"
        return self._fill(template.replace("\n", newline) + separator, **values)

    def _fill(self, template: str, **values: Any) -> bytes:
        """The template with its $NAMES filled in; text becomes a JSON string."""
        known = {"MODEL": self.model, **values}
        text = re.sub(
            r"\$([A-Z]+)",
            lambda match: json.dumps(known[match[1]]) if match[1] in known else match[0],
            template,
        )
        return text.encode()


def read_dialect(name: str, **changes: Any) -> Dialect:
    """The dialect of `scripts/NAME.toml`, with other fields."""
    script = tomllib.loads((SCRIPTS / f"{name}.toml").read_text(encoding="utf-8"))
    return replace(Dialect(script), **changes)


def words(text: str) -> list[str]:
    """The text in pieces of one word, with the space before it."""
    return re.findall(r"\s*\S+\s*$|\s*\S+", text)


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
