"""A turn's events for a trace (`fs/trace.py`): what prompt, first token, decoding and painting take.

In: the events of a one-shot question, and time that their reader needs for each. Out: the same events. Used while a
trace is recorded only, so that other turns cost nothing.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing

from mull.events import AnswerDelta, Done, Event, PromptProgress, ThinkingDelta
from mull.fs import trace


def traced(turn: Generator[Event, None, None]) -> Generator[Event, None, None]:
    """The events. Whatever their reader does between two of them counts as painting."""
    began, prompt, first, last = time.perf_counter_ns(), 0, 0, 0
    with closing(turn):
        for event in turn:
            last = time.perf_counter_ns()
            if isinstance(event, PromptProgress):
                prompt = last
            elif isinstance(event, ThinkingDelta | AnswerDelta):
                first = first or last
            elif isinstance(event, Done):
                usage = event.usage
                trace.fact(
                    model=event.model,
                    finish=event.finish,
                    prompt_tokens=usage.prompt,
                    cached_tokens=usage.cached,
                    tokens=usage.thinking + usage.answer,
                )
            with trace.span("paint"):
                yield event
    if not first:
        return
    prompt = prompt or first
    trace.add("prompt", began, prompt)
    trace.add("first token", prompt, first)
    trace.add("decoding", first, last)
