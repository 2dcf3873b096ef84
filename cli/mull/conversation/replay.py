"""Repeat a recorded turn: what to send, with which settings, and whether the outcome is the same.

Pure. In: a turn's record, which may come from an import or an older mull. Out: a `Replay`, then `Difference`s. What the
record does not have, or what cannot be the same, becomes a sentence in `caveats`. Raises MullError for a turn that
cannot be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from typing import Any, get_args

from mull.api.fields import take_sampling
from mull.backends.identity import digest
from mull.conversation import context_budget
from mull.conversation.preferences import asked_before, format_before
from mull.dataclass import dataclass
from mull.errors import MullError
from mull.events import Asked
from mull.messages import Message
from mull.settings import (
    DRAFT_OFF,
    LIMITS,
    EngineSettings,
    Sampling,
    TurnSettings,
    parse_lora,
)
from mull.store.records import Session, TurnRecord, to_messages

_AROUND = 40  # characters on each side of a difference
_CUT = {"interrupted", "error"}  # of such a turn, what it has is compared
_KNOWN = (
    {f.name for f in fields(TurnSettings)} | {"reason", "think_budget"} | {f.name for f in fields(Sampling)}
)


@dataclass(frozen=True, slots=True)
class Replay:
    """What to send for a turn, and how. `caveats`: sentences on what may make the outcome another one."""

    messages: list[Message]
    settings: TurnSettings
    engine: EngineSettings
    caveats: list[str]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference: in the thinking or the answer, at a character and in a line, both from 1."""

    part: str
    character: int
    line: int
    then: str
    now: str


@dataclass(frozen=True, slots=True)
class Change:
    """Something recorded that is different now."""

    what: str
    then: str
    now: str


def replay_of(session: Session, path: Sequence[TurnRecord], number: int) -> Replay:
    """How to repeat turn `number` (from 1) of this branch. Raises MullError where that cannot be."""
    if not 1 <= number <= len(path):
        count = f"{len(path)} turn{'' if len(path) == 1 else 's'}"
        raise MullError(
            "no_such_turn", f"The session has {count}; there is no turn {number}.", "Count from 1."
        )
    turn = path[number - 1]
    if turn.finish is None or not (turn.answer or turn.thinking):
        why = "is being answered" if turn.finish is None else "has no answer to compare with"
        raise MullError("nothing_to_replay", f"Turn {number} {why}.", "Name another turn.")
    settings, caveats = _settings(turn)
    caveats += _caveats(turn, settings)
    messages, unknown = _messages(session, path[: number - 1], turn)
    return Replay(messages, settings, _engine(turn), [*caveats, *unknown])


def _caveats(turn: TurnRecord, settings: TurnSettings) -> Iterator[str]:
    ran = turn.ran
    if "files" not in ran and "endpoint" not in ran:
        yield "What answered was not recorded: the model's file, the versions and how it was loaded."
    if "endpoint" in ran:
        yield "An endpoint answered: which model and version it runs, and whether it keeps to a seed, is not known."
    elif settings.drawn_seed is None and not settings.sampling.repeatable:
        yield "The seed was not recorded, so that another one is drawn."
    if "workers" in ran:
        yield "Other machines computed a part of it."
    if turn.usage.drafted:
        yield "It was generated with drafts, whose number depends on the time that they took."
    if turn.usage.cached:
        yield "Tokens of its prompt came from the prompt cache; now all of them are computed, in other batches."


def _messages(
    session: Session, base: Sequence[TurnRecord], turn: TurnRecord
) -> tuple[list[Message], list[str]]:
    sent = turn.ran.get("sent")
    known: Mapping[str, Any] = sent if isinstance(sent, dict) else {}
    system, unknown = session.system, []
    if "system_digest" in known:
        if digest(system) != known["system_digest"]:
            unknown = ["The system prompt was another one; it was too long to be recorded."]
    elif turn.ran:
        system = str(known.get("system") or "")
    first = _whole(known.get("first"), 0, len(base)) or 0
    summary = known.get("summary")
    messages = [Message("system", system)] if system else []
    messages += context_budget.summary_messages(summary if first and isinstance(summary, str) else "")
    messages += to_messages(base[first:])
    content = turn.content
    material = len(content) - len(turn.question) + (_whole(known.get("material"), 0, len(turn.question)) or 0)
    messages.append(Message("user", content, material=material))
    begun = known.get("begun")
    if isinstance(begun, dict):  # the turn continued an answer
        answer, thinking = (str(begun.get(name) or "") for name in ("answer", "thinking"))
        count = _whole(begun.get("tokens"), 0, len(turn.tokens)) or 0
        messages.append(Message("assistant", answer, thinking, partial=True, tokens=turn.tokens[:count]))
    return messages, unknown


def _settings(turn: TurnRecord) -> tuple[TurnSettings, list[str]]:
    """The recorded settings; a sentence names those that this mull does not know or cannot use."""
    values = turn.settings
    wrong = [name for name in values if name not in _KNOWN]
    sampling = {}
    for name in (f.name for f in fields(Sampling) if values.get(f.name) is not None):
        try:
            sampling[name] = getattr(take_sampling({name: values[name]}), name)
        except MullError:
            wrong.append(name)
    if values.get("reason", "default") not in get_args(Asked):
        wrong.append("reason")
    stop = values.get("stop") or []
    stops = tuple(one for one in stop if isinstance(one, str)) if isinstance(stop, list) else ()
    try:
        answer_format = format_before(values)
    except MullError:
        answer_format = None
        wrong.append("answer_format")
    settings = TurnSettings(
        reasoning=asked_before(values),
        sampling=Sampling(**sampling),
        max_tokens=_whole(values.get("max_tokens"), *LIMITS["max_tokens"]),
        stop=stops,
        answer_format=answer_format,
        schema_prompt=told if isinstance(told := values.get("schema_prompt"), bool) else None,
        logprobs=_whole(values.get("logprobs"), 0, 20),
        loop_guard=values.get("loop_guard") is not False,
        drawn_seed=_whole(values.get("drawn_seed"), *LIMITS["seed"]),
        continue_answer=values.get("continue_answer") is True,
    )
    names = ", ".join(sorted(wrong))
    return settings, [f"These settings are not repeated: {names}."] if wrong else []


def _engine(turn: TurnRecord) -> EngineSettings:
    """How the model was loaded. A turn without drafts is repeated without: they change the batches."""
    recorded = turn.ran.get("engine")
    values: Mapping[str, Any] = recorded if isinstance(recorded, dict) else {}
    found: dict[str, Any] = {}
    for each in fields(EngineSettings):
        value = values.get(each.name)
        if each.name in LIMITS:
            found[each.name] = _whole(value, *LIMITS[each.name])
        elif each.name == "lora":
            found[each.name] = _adapters(value)
        elif isinstance(value, bool if each.name in {"cpu_experts", "flash_attention"} else str):
            found[each.name] = value
    if not turn.usage.drafted:
        found["draft"] = DRAFT_OFF
    return EngineSettings(**found)


def _adapters(value: object) -> list[str] | None:
    """The LoRA adapters that were applied; None for a record that is no list of them."""
    with suppress(ValueError):
        if isinstance(value, list) and all(isinstance(one, str) and parse_lora(one) for one in value):
            return value
    return None


def _whole(value: object, least: float, greatest: float) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and isinstance(value, int) and least <= value <= greatest else None


# The outcome.


def difference(turn: TurnRecord, thinking: str, answer: str) -> Difference | None:
    """The first difference between the record and these texts; of an incomplete turn, in what it has."""
    cut = turn.finish in _CUT
    for part, then, now in (("thinking", turn.thinking, thinking), ("answer", turn.answer, answer)):
        shown = now[: len(then)] if cut and (part == "answer" or not turn.answer) else now
        if then != shown:
            at = next(
                (i for i, pair in enumerate(zip(then, shown, strict=False)) if pair[0] != pair[1]), None
            )
            at = min(len(then), len(shown)) if at is None else at
            line = then.count("\n", 0, at) + 1
            return Difference(part, at + 1, line, _excerpt(then, at), _excerpt(now, at))
    return None


def enough(turn: TurnRecord, thinking: int, answer: int) -> bool:
    """Whether an incomplete turn's texts have been generated again; given the characters so far."""
    if turn.finish not in _CUT:
        return False
    return answer >= len(turn.answer) if turn.answer else thinking >= len(turn.thinking)


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """What was recorded of the one that answered and is different now."""
    found = []
    for what, name in (("template", "template"), ("llama.cpp library or processor", "library")):
        if then.get(name) and now.get(name) and then[name] != now[name]:
            found.append(Change(what, str(then[name])[:12], str(now[name])[:12]))
    for group in ("versions", "engine", "endpoint"):
        old, new = then.get(group), now.get(group)
        if isinstance(old, dict) and isinstance(new, dict):
            names = [name for name in {**old, **new} if old.get(name) != new.get(name) and name != "draft"]
            found += [Change(name, _said(old.get(name)), _said(new.get(name))) for name in names]
    return found


def _said(value: object) -> str:
    return "not set" if value is None else str(value)


def _excerpt(text: str, at: int) -> str:
    head, tail = max(at - _AROUND, 0), at + _AROUND
    return ("…" if head else "") + text[head:tail] + ("…" if tail < len(text) else "")
