"""The check for any stream of a turn's events."""

from __future__ import annotations

from collections.abc import Iterable

from mull.events import AnswerDelta, Done, Event, ThinkingDelta


def check_stream(events: Iterable[Event]) -> Done:
    """Exactly one Done, last; no empty delta; counts never decrease; joined deltas equal Done's text. Returns Done."""
    seen = list(events)
    done = seen[-1]
    assert isinstance(done, Done)
    assert sum(isinstance(event, Done) for event in seen) == 1
    for kind, whole in ((ThinkingDelta, done.thinking), (AnswerDelta, done.answer)):
        deltas = [event for event in seen if isinstance(event, kind)]
        assert all(delta.text for delta in deltas)
        assert [delta.tokens for delta in deltas] == sorted(delta.tokens for delta in deltas)
        assert "".join(delta.text for delta in deltas) == whole
    return done
