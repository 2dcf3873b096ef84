"""What a one-shot command asks: a question, perhaps with the beginning of its answer, or the last answer to continue.

In: what the user typed and piped. Out: a `Query`. Raises UsageError where no answer of the requested format begins so.
"""

from __future__ import annotations

from mull.commands._input import UserInput
from mull.conversation.conversation import Conversation, Query
from mull.messages import Message
from mull.settings import AnswerFormat


def query_of(
    question: UserInput, conversation: Conversation, begun: str, answer_format: AnswerFormat | None
) -> Query:
    """`begun`: the text of --prefill. An empty question continues the last answer."""
    if question.empty:
        query = conversation.go_on()
    else:
        beginning = Message("assistant", begun, partial=True) if begun else None
        query = Query(question.text, question.files, material=question.material, begun=beginning)
    if query.begun is not None and answer_format is not None:
        from mull.structured.beginning import check_beginning

        other = "Give --prefill another text" if begun else "Ask again without --continue"
        check_beginning(query.begun.content, answer_format, f"{other}, or leave the format out.")
    return query
