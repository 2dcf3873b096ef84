"""The `View` protocol: what every output view is, and the options that it is made from.

A view is a function of an event stream: it shows the events as they come and returns the stream's result. A view of
a turn returns the turn's `Done`; it raises what the turn raises, and MullError when its output cannot be written.
`views/open.py` is the table of the views of a turn. To add one: write its maker, add it to that table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from mull.control import TurnControl
from mull.errors import MullError
from mull.events import Done, Event
from mull.settings import ThinkingView
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.terminal.input.typeahead import Typeahead

EventT_contra = TypeVar("EventT_contra", contravariant=True)
ResultT_co = TypeVar("ResultT_co", covariant=True)

OutputForm = Literal["text", "json", "jsonl"]
SessionId = Callable[[], str | None]  # the conversation's id, known once the turn has ended


class View(Protocol[EventT_contra, ResultT_co]):
    """Show every event; return the result of the stream."""

    def __call__(self, events: Iterable[EventT_contra], /) -> ResultT_co: ...


TurnView = View[Event, Done]


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """Everything that a view of a turn may need; each takes what it uses.

    `quiet`: no notices and no progress. `typeahead` collects what the user types meanwhile; without it, keys that mean
    nothing during a turn are dropped.
    """

    streams: Streams
    control: TurnControl
    thinking: ThinkingView = "auto"
    markdown: bool = True
    quiet: bool = False
    session: SessionId = lambda: None
    typeahead: Typeahead | None = None


MakeView = Callable[[ViewOptions], TurnView]


def ended(done: Done | None) -> Done:
    """The result of a turn that has ended. Raises MullError for a stream without a `Done`."""
    if done is None:
        raise MullError(
            "internal_error", "The turn ended without a result.", "This is a bug in mull; please report it."
        )
    return done
