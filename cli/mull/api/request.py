"""A request for a completion: messages and settings to the body of `/v1/chat/completions`, and back.

Fields that mull does not have are accepted and listed in `ignored`, so that the server can name them; what would change
the answer's form (tools, several choices, images) is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from mull import __version__
from mull.api import checks, fields, formats
from mull.api.errors import InvalidRequest
from mull.api.messages import message_object, read_messages
from mull.dataclass import dataclass
from mull.messages import Message
from mull.settings import DEFAULT_SAMPLING, Sampling, TurnSettings, over
from mull.structured.beginning import check_beginning

ReasoningFormat = Literal["deepseek", "none"]
"""Where thinking goes: into `reasoning_content`, or into `content` between `<think>` tags."""

_FORMATS = ("deepseek", "auto", "none")
_WITHOUT_EFFECT = {"reasoning_control", "cache_prompt", "user", "metadata", "store", "parallel_tool_calls"}
"""Fields whose every value means what mull does anyway, or that are notes for the server's owner."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a request asks for. In `settings`, sampling that is not set is None: see `turn_settings`.

    `ignored`: fields without effect. `extended`: the client has this version of mull and wants the exact events.
    `echo`: the beginning of a continued answer is part of the response.
    """

    model: str
    messages: tuple[Message, ...]
    settings: TurnSettings
    stream: bool = False
    include_usage: bool = False
    return_progress: bool = False
    reasoning_format: ReasoningFormat = "deepseek"
    ignored: tuple[str, ...] = ()
    extended: bool = False
    echo: bool = False

    def turn_settings(self, advice: Callable[[bool | None], Sampling]) -> TurnSettings:
        """The settings with the sampling that the model's vendor recommends, and the defaults, where none is set."""
        settings = self.settings
        rest = over(advice(settings.reasoning.on), DEFAULT_SAMPLING)
        return replace(settings, sampling=over(settings.sampling, rest))


def request_body(
    model: str, messages: Sequence[Message], settings: TurnSettings, *, extended: bool
) -> dict[str, Any]:
    """The body of a streaming request. `extended`: for a server of the same version of mull.

    The fields are llama-server's: a dialect that spells them otherwise renames them.
    """
    body = {
        "model": model,
        "messages": [message_object(message, extended=extended) for message in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
        "reasoning_control": True,
        **fields.sampling_fields(settings.sampling),
        **fields.reasoning_fields(settings.reasoning),
        **fields.limit_fields(settings.max_tokens, settings.stop, settings.logprobs),
        **formats.format_fields(settings.answer_format),
    }
    if extended:
        own = {
            "loop_guard": settings.loop_guard,
            "schema_prompt": settings.schema_prompt,
            "continue_answer": settings.continue_answer,
            "drawn_seed": settings.drawn_seed,
        }
        body["mull"] = {"version": __version__, "settings": own}
    return body


def read_request(body: Any) -> ChatRequest:
    """The request in a body that was parsed from JSON. An answer as its last message is to be continued.

    Raises InvalidRequest, and what `structured.reading` raises for schemas and grammars.
    """
    if not isinstance(body, dict):
        raise InvalidRequest("The body has to be a JSON object.", 'For example: {"messages": […]}')
    left = {name: value for name, value in body.items() if value is not None}
    _refuse_unsupported(left)
    messages, unread = read_messages(left.pop("messages", None))
    continues = _continues(left, messages)
    reasoning, arguments = fields.take_reasoning(left)
    own = dict(checks.mapping("mull", left.pop("mull", {})))
    own_settings = dict(checks.mapping("mull.settings", own.pop("settings", None) or {}))
    settings = TurnSettings(
        reasoning=reasoning,
        sampling=fields.take_sampling(left),
        max_tokens=fields.take_max_tokens(left),
        stop=fields.take_stop(left),
        answer_format=formats.take_format(left),
        schema_prompt=checks.flag_or_none(
            "mull.settings.schema_prompt", own_settings.pop("schema_prompt", False)
        ),
        logprobs=fields.take_logprobs(left),
        loop_guard=checks.flag("mull.settings.loop_guard", own_settings.pop("loop_guard", True)),
        continue_answer=checks.flag(
            "mull.settings.continue_answer", own_settings.pop("continue_answer", continues)
        ),
        drawn_seed=fields.take_drawn_seed(own_settings),
    )
    if settings.continue_answer and messages[-1].role == "assistant":
        hint = "Send another beginning, or leave the format out."
        check_beginning(messages[-1].content, settings.answer_format, hint)
    version = own.pop("version", None)
    options = dict(checks.mapping("stream_options", left.pop("stream_options", {})))
    form = checks.choice("reasoning_format", left.pop("reasoning_format", "deepseek"), _FORMATS)
    request = ChatRequest(
        model=checks.text("model", left.pop("model", "")),
        messages=messages,
        settings=settings,
        stream=checks.flag("stream", left.pop("stream", False)),
        include_usage=checks.flag(
            "stream_options.include_usage", options.pop("include_usage", None) or False
        ),
        return_progress=checks.flag("return_progress", left.pop("return_progress", False)),
        reasoning_format="none" if form == "none" else "deepseek",
        extended=version == __version__,
        echo=version == __version__ or checks.flag("echo", left.pop("echo", False)),
    )
    ignored = [*unread, *arguments, *sorted(left.keys() - _WITHOUT_EFFECT)]
    ignored += [f"mull.{name}" for name in sorted(own)] + [
        f"mull.settings.{name}" for name in sorted(own_settings)
    ]
    ignored += [f"stream_options.{name}" for name in sorted(options)]
    if version is not None and not request.extended:
        ignored.append("mull.version")
    return replace(request, ignored=tuple(ignored))


def _continues(left: dict[str, Any], messages: Sequence[Message]) -> bool:
    """Whether an answer is to be continued: llama-server and vLLM have fields for it, which the messages decide."""
    ends_with_answer = messages[-1].role == "assistant"
    asked, new = left.pop("continue_final_message", False), left.pop("add_generation_prompt", False)
    if asked and not ends_with_answer:
        text = '"continue_final_message" needs an answer as the last message.'
        raise InvalidRequest(text, param="continue_final_message")
    if asked and new:
        text = '"continue_final_message" and "add_generation_prompt" exclude each other.'
        raise InvalidRequest(text, param="add_generation_prompt")
    return ends_with_answer


def _refuse_unsupported(left: dict[str, Any]) -> None:
    """Refuse what would change the form of the answer, and take it out where it changes nothing."""
    if left.pop("n", 1) != 1:
        raise InvalidRequest('"n" has to be 1: mull makes one answer for a request.', param="n")
    choice = left.pop("tool_choice", "none")
    for name in ("tools", "functions"):
        if left.pop(name, None):
            raise InvalidRequest(f'"{name}" is not supported: mull answers with text.', param=name)
    if choice not in ("none", "auto"):
        raise InvalidRequest('"tool_choice" is not supported.', param="tool_choice")
    if left.pop("modalities", ["text"]) != ["text"]:
        raise InvalidRequest('"modalities" has to be ["text"].', param="modalities")
