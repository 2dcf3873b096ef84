"""What to do when the context is full: as configured, or as the user says.

In: the chat, and the room there is. Out: a policy for the question that waits, or a summary in place of the oldest
turns; a refusal is a ContextOverflow. Nothing is ever left out silently.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.commands.chat.session import Chat
from mull.control import TurnControl
from mull.conversation.context_budget import Room
from mull.conversation.conversation import Query
from mull.errors import ContextOverflow
from mull.store.records import TurnRecord, title_of

CHOICES = {"d": "drop", "s": "summarize", "": "stop", "n": "stop"}


def decide(chat: Chat, room: Room, policy: str) -> str:
    """What to do: as configured, else as the user says. Raises ContextOverflow for "nothing"."""
    if policy == "ask":
        chat.note(
            f"The context is full: with this question it is {room.used:,} of {room.limit:,} tokens, "
            f"and an answer needs {room.reserve:,} more."
        )
        policy = _choose(
            chat, "Leave out the oldest turns (d), summarize them (s), or not ask (Enter)? ", CHOICES
        )
    if policy == "stop":
        raise overflow(room)
    return policy


def _choose(chat: Chat, question: str, choices: dict[str, str]) -> str:
    """One of the choices, by its first letter; anything unknown asks again, Ctrl+C and Ctrl+D choose Enter's."""
    while True:
        chat.streams.stderr.write(question)
        chat.streams.stderr.flush()
        try:
            with chat.held.released():
                line = chat.streams.stdin.readline()
        except KeyboardInterrupt:
            line = ""
        if not line.endswith("\n"):
            chat.streams.stderr.write("\n")
        if (chosen := choices.get(line.strip().lower()[:1])) is not None:
            return chosen


def summarize(chat: Chat, query: Query) -> None:
    """Have the model summarize, in view. Raises ContextOverflow when that came to nothing."""
    before = len(chat.conversation.left_out)
    chat.note(f"{chat.model.name} summarizes the oldest turns:")
    control = TurnControl()
    chat.show(chat.conversation.summarize(chat.model, control), control)
    gone = len(chat.conversation.left_out) - before
    if not gone:
        room = chat.conversation.room(chat.model, query)
        raise ContextOverflow(room.used, room.limit, "The summary was not finished; /new begins afresh.")
    chat.note(f"From now on this summary stands for {gone} turns; the session keeps them.")


def overflow(room: Room) -> ContextOverflow:
    """Why a question was not asked, and what can be done."""
    more = f"An answer needs some {room.reserve:,} more"
    hint = f"{more}: /new begins afresh, /set context_full drop leaves out the oldest turns."
    return ContextOverflow(room.used, room.limit, hint)


def named(dropped: Sequence[TurnRecord]) -> str:
    """Which turns are left out, by the beginnings of their questions."""
    names = ", ".join(f"“{title_of(turn.question)}”" for turn in dropped[:3])
    more = f" and {len(dropped) - 3} more" if len(dropped) > 3 else ""
    return f"To make room, the model no longer sees the oldest turns: {names}{more}."
