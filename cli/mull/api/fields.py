"""A turn's settings as fields of a request, and back.

Sampling has llama-server's names. Thinking is `chat_template_kwargs.enable_thinking`, `reasoning_effort` and
`reasoning_budget_tokens`; the answer's format is in `formats.py`. What is absent or null is unset. Each `take_`
function takes its fields out of the request, so that what is left over is known to have no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from mull.api import checks
from mull.api.errors import InvalidRequest
from mull.api.logit_bias import bias_pairs, take_bias
from mull.settings import LIMITS, Effort, ReasoningAsk, Sampling

MOST_STOPS, MOST_LOGPROBS = 64, 20
_ANY_SEED = -1  # llama-server's spelling of a random seed, and of no limit
_MOST_TOKENS = 1_000_000  # that a penalty looks back on: llama.cpp reserves memory for them
_SAMPLING: Mapping[str, tuple[float, float]] = {
    "repeat_last_n": (-1, _MOST_TOKENS),
    "dry_base": (0, LIMITS["dry_multiplier"][1]),
    "dry_allowed_length": (0, _MOST_TOKENS),
    "dry_penalty_last_n": (-1, _MOST_TOKENS),
} | {field.name: LIMITS[field.name] for field in fields(Sampling) if field.name in LIMITS}
_WHOLE = {"mirostat", "top_k", "repeat_last_n", "dry_allowed_length", "dry_penalty_last_n", "seed"}
_MAX_TOKENS = ("max_completion_tokens", "max_tokens", "n_predict")  # the first that is given counts
_EFFORTS: tuple[Effort, ...] = get_args(Effort)
_NEAREST_EFFORT: Mapping[str, Effort] = {"minimal": "low", "xhigh": "high", "max": "high"}
_SWITCHES = ("enable_thinking", "thinking")  # the argument of most templates, and of DeepSeek's and Granite's


def sampling_fields(sampling: Sampling) -> dict[str, Any]:
    """The sampling that is set."""
    values = {field.name: getattr(sampling, field.name) for field in fields(Sampling)}
    if sampling.logit_bias is not None:
        values["logit_bias"] = bias_pairs(sampling.logit_bias)
    return {name: value for name, value in values.items() if value is not None}


def take_sampling(request: dict[str, Any]) -> Sampling:
    """The sampling of a request; what it leaves out is None."""
    if request.get("seed") == _ANY_SEED:
        del request["seed"]
    given = {name: request.pop(name, None) for name in _SAMPLING}
    return Sampling(
        logit_bias=take_bias(request.pop("logit_bias", None)),
        **{
            name: checks.number(name, value, *_SAMPLING[name], whole=name in _WHOLE)
            for name, value in given.items()
            if value is not None
        },
    )


def take_drawn_seed(own: dict[str, Any]) -> int | None:
    """The seed that the client has drawn and records; None: the server draws one."""
    value = own.pop("drawn_seed", None)
    if value is None:
        return None
    seed: int = checks.number("mull.settings.drawn_seed", value, *LIMITS["seed"], whole=True)
    return seed


def reasoning_fields(ask: ReasoningAsk) -> dict[str, Any]:
    """How to think, as far as it is set."""
    switch = None if ask.on is None else {"enable_thinking": ask.on}
    values = {
        "chat_template_kwargs": switch,
        "reasoning_effort": ask.effort,
        "reasoning_budget_tokens": ask.budget,
    }
    return {name: value for name, value in values.items() if value is not None}


def take_reasoning(request: dict[str, Any]) -> tuple[ReasoningAsk, tuple[str, ...]]:
    """How to think, and the template arguments that have no effect."""
    arguments = dict(checks.mapping("chat_template_kwargs", request.pop("chat_template_kwargs", None) or {}))
    switches = {name: arguments.pop(name, None) for name in _SWITCHES}
    on = next((checks.flag(name, value) for name, value in switches.items() if value is not None), None)
    for place in (request, arguments):
        effort = place.pop("reasoning_effort", None)
        if effort is None:
            continue
        if effort == "none":
            on = False
            continue
        known = (*_EFFORTS, *_NEAREST_EFFORT, "none")
        found = checks.choice("reasoning_effort", effort, known)
        level = _NEAREST_EFFORT.get(found) or next(one for one in _EFFORTS if one == found)
        return ReasoningAsk(on, level, _budget(request)), _named(arguments)
    return ReasoningAsk(on, None, _budget(request)), _named(arguments)


def _budget(request: dict[str, Any]) -> int | None:
    value = request.pop("reasoning_budget_tokens", None)
    if value is None or value == _ANY_SEED:
        return None
    budget: int = checks.number("reasoning_budget_tokens", value, *LIMITS["think_budget"], whole=True)
    return budget


def _named(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"chat_template_kwargs.{name}" for name in sorted(arguments))


def limit_fields(max_tokens: int | None, stop: tuple[str, ...], logprobs: int | None) -> dict[str, Any]:
    """Where the answer ends, and its log probabilities."""
    values: dict[str, Any] = {"max_tokens": max_tokens, "stop": list(stop) or None}
    if logprobs is not None:
        values |= {"logprobs": True, "top_logprobs": logprobs}
    return {name: value for name, value in values.items() if value is not None}


def take_max_tokens(request: dict[str, Any]) -> int | None:
    """The most tokens to generate, thinking included; None: no limit is set."""
    given = {name: request.pop(name, None) for name in _MAX_TOKENS}
    for name, value in given.items():
        if value is not None and value != _ANY_SEED:
            most: int = checks.number(name, value, *LIMITS["max_tokens"], whole=True)
            return most
    return None


def take_stop(request: dict[str, Any]) -> tuple[str, ...]:
    """The stop strings; empty ones have no effect."""
    value = request.pop("stop", None)
    stops = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise InvalidRequest('"stop" has to be text, or a list of texts.', param="stop")
    if len(stops) > MOST_STOPS:
        raise InvalidRequest(f'"stop" may have {MOST_STOPS} texts.', param="stop")
    return tuple(stop for stop in stops if stop)


def take_logprobs(request: dict[str, Any]) -> int | None:
    """How many of the likeliest tokens to report; None: no log probabilities."""
    asked, top = request.pop("logprobs", None), request.pop("top_logprobs", None)
    count: int = 0 if top is None else checks.number("top_logprobs", top, 0, MOST_LOGPROBS, whole=True)
    if asked is None or not checks.flag("logprobs", asked):
        if count:
            raise InvalidRequest('"top_logprobs" needs "logprobs": true.', param="top_logprobs")
        return None
    return count
