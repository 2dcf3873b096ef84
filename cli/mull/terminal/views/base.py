"""The `View` protocol: what every output view is, and the options that it is made from.

A view is a function of an event stream: it shows the events as they come and returns the stream's result. A view of
a turn returns the turn's `Done`; it raises what the turn raises, and MullError when its output cannot be written.
`views/open.py` is the table of the views of a turn. To add one: write its maker, add it to that table and its name to
`OutputForm`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, get_args

from mull.control import TurnControl
from mull.dataclass import dataclass
from mull.errors import MullError
from mull.events import Done, Event
from mull.settings import ThinkingView
from mull.terminal.console.last_turn import LastTurn
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.terminal.input.typeahead import Typeahead
    from mull.terminal.views.input_frame import InputFrame

EventT_contra = TypeVar("EventT_contra", contravariant=True)
ResultT_co = TypeVar("ResultT_co", covariant=True)

OutputForm = Literal["text", "json", "jsonl"]
"""What stdout carries. Every form but text has the flag of its name, such as `--json`."""

SessionId = Callable[[], str | None]  # the conversation's id, known once the turn has ended


class View(Protocol[EventT_contra, ResultT_co]):
    """Show every event; return the result of the stream."""

    def __call__(self, events: Iterable[EventT_contra], /) -> ResultT_co: ...


TurnView = View[Event, Done]


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """Everything that a view of a turn may need; each takes what it uses.

    `quiet`: no notices and no progress. `typeahead` collects what the user types meanwhile; without it, keys that mean
    nothing during a turn are dropped. `frame`: the input's, which stays when the turn has ended. `turn` gets the turn's
    lines, to draw them again. `shown`: characters at the answer's beginning that the screen has already.
    """

    streams: Streams
    control: TurnControl
    thinking: ThinkingView = "auto"
    markdown: bool = True
    math: bool = True
    quiet: bool = False
    session: SessionId = lambda: None
    typeahead: Typeahead | None = None
    frame: InputFrame | None = None
    turn: LastTurn | None = None
    shown: int = 0


MakeView = Callable[[ViewOptions], TurnView]


def requested_forms(flags: Container[str]) -> list[OutputForm]:
    """The output forms whose flags are among these, such as `--json`; text alone where none is."""
    return [form for form in get_args(OutputForm) if f"--{form}" in flags] or ["text"]


def show_each(events: Iterable[Event], show: Callable[[Event], object]) -> Done:
    """Pass every event to `show`; return the turn's `Done`. Raises MullError for a stream without one."""
    done: Done | None = None
    for event in events:
        show(event)
        if isinstance(event, Done):
            done = event
    if done is None:
        raise MullError(
            "internal_error", "The turn ended without a result.", "This is a bug in mull; please report it."
        )
    return done
