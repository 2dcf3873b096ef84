"""A turn as JSON: one object at its end (`--json`), or each event as it happens and that object last (`--jsonl`).

In: the event stream. Out: lines of JSON on stdout, and the turn's `Done`. The form is a contract with `"v": 1`,
failures included (docs/scripting.md, docs/output.schema.json); keys are added, never renamed. Nothing else goes to
stdout, and nothing to stderr: notices are events.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from mull.errors import ExitCode, MullError
from mull.events import (
    EMPTY_ANSWER,
    AnswerDelta,
    Done,
    Event,
    Finish,
    Loading,
    Notice,
    PromptProgress,
    ReasoningReport,
    ThinkingDelta,
    Timing,
    TokenChance,
    Usage,
    Waiting,
)
from mull.terminal.console.streams import Streams
from mull.terminal.views.base import TurnView, ViewOptions, show_each

VERSION = 1
_SECONDS_DIGITS = 4
_LOGPROB_DIGITS = 6
_EVENT_NAMES: Mapping[type, str] = {
    Loading: "loading",
    Waiting: "waiting",
    PromptProgress: "prompt",
    ThinkingDelta: "thinking",
    AnswerDelta: "answer",
    Notice: "notice",
}
# JSON requires escapes only below U+0020; terminals interpret more characters.
_CONTROLS = {
    code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}


def json_view(options: ViewOptions) -> TurnView:
    """Wait for the end of the turn, then print its object."""
    return _view(options, lambda _: None)


def jsonl_view(options: ViewOptions) -> TurnView:
    """Print one object per event as it happens, `event_object`'s; the result is the last one."""

    def line(event: Event) -> None:
        if not isinstance(event, Done):
            write_object(options.streams, event_object(event))

    return _view(options, line)


def _view(options: ViewOptions, on_event: Callable[[Event], None]) -> TurnView:
    """Print the result with all notices of the turn, those on reasoning excepted: they are in `reasoning`."""

    def show(events: Iterable[Event]) -> Done:
        notices: list[Notice] = []

        def take(event: Event) -> None:
            on_event(event)
            if isinstance(event, Notice) and event.code != "reasoning":
                notices.append(event)

        done = show_each(events, take)
        result = result_object(done, options.session())
        if notices:
            result["notices"] = [*map(asdict, notices), *result.get("notices", ())]
        write_object(options.streams, result)
        return done

    return show


def write_failure(error: MullError, streams: Streams, *, of_turn: bool) -> None:
    """The object of a failure outside a turn; `of_turn`: with all the keys of a turn's result."""
    value = error_object(error, model=error.model)
    write_object(streams, value if of_turn else {"v": VERSION, "error": value["error"]})


def result_object(done: Done, session: str | None = None) -> dict[str, Any]:
    """The result of a turn. A failed turn has an `error` and no answer, an answer that does not fit its schema both."""
    failed = done.error is not None and done.finish != "schema"
    result: dict[str, Any] = {
        "v": VERSION,
        "model": done.model or None,
        "answer": None if failed else done.answer,
        "thinking": done.thinking,
        "reasoning": _reasoning(done.reasoning),
        "finish": _failed(done.error) if failed and done.error is not None else done.finish,
        "error": error_fields(done.error),
        "usage": _usage(done.usage),
        "timing": _timing(done.timing),
        "session": session,
        "placement": None if done.placement is None else asdict(done.placement),
    }
    if done.threads is not None:
        result["threads"] = list(done.threads)
    if done.lora:
        result["lora"] = list(done.lora)
    if done.empty:
        result["notices"] = [asdict(Notice("empty_answer", EMPTY_ANSWER))]
    if done.logprobs is not None:
        result["logprobs"] = [{**_chance(one), "top": list(map(_chance, one.top))} for one in done.logprobs]
    return result


def error_object(error: MullError, *, model: str = "", session: str | None = None) -> dict[str, Any]:
    """The same object for a failure outside a turn."""
    nothing = ReasoningReport(asked="default", applied="none", how="", notice=None)
    done = Done(
        model=model,
        answer="",
        thinking="",
        reasoning=nothing,
        finish="error",
        usage=Usage(),
        timing=Timing(),
        error=error,
    )
    return result_object(done, session)


def event_object(
    event: Loading | Waiting | PromptProgress | ThinkingDelta | AnswerDelta | Notice,
) -> dict[str, Any]:
    """One event: `{"v": 1, "event": NAME, …its fields}`. NAME is one of loading, waiting, prompt, thinking, answer,
    notice.
    """
    return {"v": VERSION, "event": _EVENT_NAMES[type(event)], **asdict(event)}


def write_object(streams: Streams, value: Mapping[str, Any]) -> None:
    """One line, flushed, so that a reader in a pipe sees it at once. Raises what `Streams.write` raises."""
    streams.write(dumps(value) + "\n")


def dumps(value: Mapping[str, Any]) -> str:
    """One line; non-ASCII text stays readable, control characters are escaped, lone surrogates become U+FFFD."""
    return (
        json.dumps(value, ensure_ascii=False)
        .translate(_CONTROLS)
        .encode("utf-8", errors="surrogatepass")
        .decode("utf-8", "replace")
    )


def _failed(error: MullError) -> Finish:
    """The `finish` of a failed turn."""
    if error.code == "interrupted":
        return "interrupted"
    return "schema" if error.exit_code == ExitCode.SCHEMA else "error"


def _reasoning(report: ReasoningReport) -> dict[str, Any]:
    return {"asked": report.asked, "applied": report.applied, "how": report.how, "notice": report.notice}


def error_fields(error: MullError | None) -> dict[str, str] | None:
    """An error as the JSON carries it."""
    return None if error is None else {"code": error.code, "message": error.message, "hint": error.hint}


def _usage(usage: Usage) -> dict[str, int]:
    """The keys of the contract; `prefill` for an answer that was continued. The drafts' figures are for `--stats`."""
    counts = {name: getattr(usage, name) for name in ("prompt", "cached", "thinking", "answer")}
    return counts | {"prefill": usage.prefill} if usage.prefill else counts


def _chance(one: TokenChance) -> dict[str, Any]:
    """A token's text; for a part of a character, which text cannot show, its bytes too."""
    text = one.data.decode("utf-8", errors="replace")
    parts = {"bytes": list(one.data)} if text.encode() != one.data else {}
    return {"token": text, "logprob": round(one.logprob, _LOGPROB_DIGITS), **parts}


def _timing(timing: Timing) -> dict[str, float]:
    return {name: round(float(value), _SECONDS_DIGITS) for name, value in asdict(timing).items()}
