"""What to do when the context is full: follow the configured policy, or ask the user.

In: the chat, and how full the context is. Out: a policy for the pending question, or a summary in place of the oldest
turns; a refusal is a ContextOverflow. No turn is ever left out silently.
"""

from __future__ import annotations

from mull.commands.chat.session import Chat
from mull.control import TurnControl
from mull.conversation.context_budget import ContextUsage
from mull.conversation.conversation import Query
from mull.errors import ContextOverflow
from mull.terminal.console.quantities import counted

CHOICES = {"d": "drop", "s": "summarize", "": "stop", "n": "stop"}


def decide(chat: Chat, usage: ContextUsage, policy: str) -> str:
    """The policy to follow: `drop` or `summarize`. Raises ContextOverflow for `stop`."""
    if policy == "ask":
        chat.turn.forget()
        chat.note(
            f"The context is full: with this question it holds {usage.text}, "
            f"and an answer needs {usage.reserve:,} more."
        )
        policy = _choose(
            chat, "Leave out the oldest turns (d), summarize them (s), or not ask (Enter)? ", CHOICES
        )
    if policy == "stop":
        raise overflow(usage)
    return policy


def _choose(chat: Chat, question: str, choices: dict[str, str]) -> str:
    """One of the choices, by its first letter; unknown input asks again, Ctrl+C and Ctrl+D count as Enter."""
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
    """Let the model summarize the oldest turns, visibly. Raises ContextOverflow if the summary is incomplete."""
    before = len(chat.conversation.left_out)
    chat.note(f"{chat.model_name} summarizes the oldest turns:")
    control = TurnControl()
    chat.show(chat.conversation.summarize(chat.backend, control), control)
    gone = len(chat.conversation.left_out) - before
    if not gone:
        usage = chat.conversation.context_usage(chat.backend, query)
        raise usage.overflow("The summary was not finished; /new starts a new conversation.")
    chat.note(
        f"This summary now replaces {counted(gone, 'turn')} in the context; the session still has them."
    )


def overflow(usage: ContextUsage) -> ContextOverflow:
    """The error for a question that was not asked, with what the user can do."""
    return usage.overflow(
        f"An answer needs about {usage.reserve:,} more: /new starts a new conversation, "
        "/set context_full drop leaves out the oldest turns."
    )
