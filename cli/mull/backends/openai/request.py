"""The body of a completion request, in the dialect of a kind of server.

In: messages, settings and what was decided about thinking. Out: the body. It carries what the kind understands; what it
cannot carry and would change the answer is listed by `left_out`, so that it can be said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields as fields_of
from typing import Any

from mull.api.fields import limit_fields, sampling_fields
from mull.api.messages import message_object
from mull.backends.openai import ollama
from mull.backends.openai.facts import Remote
from mull.backends.openai.formats import format_fields
from mull.backends.openai.reasoning import ReasoningRequest
from mull.endpoints.kind import ServerKind
from mull.messages import Message
from mull.settings import DEFAULT_SAMPLING, Sampling, TurnSettings, parse_bias
from mull.turn.request import DEFAULT_LIMIT

_COMMON = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed")
_ALL = tuple(field.name for field in fields_of(Sampling))
_LLAMA_CPP_PYTHON = {
    "mirostat": "mirostat_mode",
    "mirostat_tau": "mirostat_tau",
    "mirostat_eta": "mirostat_eta",
}
_LLAMA = (*_COMMON, "top_k", "min_p", "repeat_penalty")
_NAMES: Mapping[ServerKind, Mapping[str, str]] = {
    "mull": {name: name for name in _ALL},
    "llama-server": {name: name for name in _ALL},
    "llama_cpp.server": {name: name for name in _LLAMA} | _LLAMA_CPP_PYTHON,
    "LM Studio": {name: name for name in _LLAMA},
    "vLLM": {name: name for name in _LLAMA} | {"repeat_penalty": "repetition_penalty"},
    "SGLang": {name: name for name in _LLAMA} | {"repeat_penalty": "repetition_penalty"},
    "OpenRouter": {name: name for name in _LLAMA} | {"repeat_penalty": "repetition_penalty"},
}
"""How a kind of server spells the fields of `Sampling`; other kinds know OpenAI's alone."""
_OPENAI = {name: name for name in _COMMON}


def body(
    kind: ServerKind,
    model: str,
    messages: Sequence[Message],
    settings: TurnSettings,
    reasoning: ReasoningRequest,
) -> dict[str, Any]:
    """A streaming request. Messages carry their thinking to servers that render it as their template wants."""
    spelled = _NAMES.get(kind, _OPENAI)
    given = sampling_fields(settings.sampling)
    sampling = {spelled[name]: given[name] for name in spelled if name in given}
    if bias := _bias(kind, settings.sampling):
        sampling["logit_bias"] = bias
    made: dict[str, Any] = {
        "model": model,
        "messages": reasoning.chat or [_message(one, kind) for one in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **sampling,
        **limit_fields(settings.max_tokens, (), settings.logprobs),
        **format_fields(kind, settings.answer_format),
        **reasoning.fields,
    }
    if settings.stop and reasoning.spares_thinking:
        made["stop"] = list(settings.stop)
    if settings.continue_answer:  # asked like this, llama-server does not repeat the beginning in its stream
        made |= {"continue_final_message": True, "add_generation_prompt": False}
    if kind in ("llama-server", "mull"):
        made |= {"return_progress": True, "reasoning_control": True}
        made.setdefault("max_tokens", DEFAULT_LIMIT)
    return made


def _bias(kind: ServerKind, sampling: Sampling) -> list[list[Any]] | dict[str, float]:
    """llama-server knows texts too; OpenAI's field has token ids alone, with values from -100 to 100."""
    if kind in ("mull", "llama-server"):
        pairs: list[list[Any]] = sampling_fields(sampling).get("logit_bias", [])
        return pairs
    pairs_of_ids = [pair for pair in map(parse_bias, sampling.logit_bias or ()) if isinstance(pair[0], int)]
    return {str(token): min(max(value, -100.0), 100.0) for token, value in pairs_of_ids}


def left_out(remote: Remote, sampling: Sampling) -> list[str]:
    """The sampling that is set and that this server does not know."""
    spelled = ollama.SAMPLING if remote.facts.native else _NAMES.get(remote.kind, _OPENAI)
    return [
        name
        for name in _ALL
        if name not in spelled
        and getattr(sampling, name) not in (None, getattr(DEFAULT_SAMPLING, name))
        and not (name == "logit_bias" and _takes_bias(remote, sampling))
    ]


def _takes_bias(remote: Remote, sampling: Sampling) -> bool:
    """Whether the whole bias can be sent."""
    whole = len(_bias(remote.kind, sampling)) == len(sampling.logit_bias or ())
    return whole and not remote.facts.native


def _message(message: Message, kind: ServerKind) -> dict[str, Any]:
    value = message_object(message)
    if kind not in ("llama-server", "mull"):  # others refuse the field, or know another one
        value.pop("reasoning_content", None)
    return value
