"""What is asked: a question, perhaps with the beginning of its answer, or the last answer to continue.

In: what the user typed and piped. Out: a `Query`. Raises UsageError where no answer of the requested format begins so,
and where another model wrote the answer that is to be continued.
"""

from __future__ import annotations

from dataclasses import replace

from mull.commands._input import UserInput
from mull.conversation.conversation import Conversation, Query
from mull.errors import UsageError
from mull.messages import Message
from mull.models.naming.filenames import without_quant
from mull.models.resolved import Resolved
from mull.settings import AnswerFormat
from mull.store.records import TurnRecord


def query_of(
    question: UserInput, conversation: Conversation, begun: str, answer_format: AnswerFormat | None
) -> Query:
    """`begun`: the text of --prefill. An empty question continues the last answer, in its format or a given one."""
    if question.empty:
        query = conversation.go_on()
    else:
        beginning = Message("assistant", begun, partial=True) if begun else None
        query = Query(question.text, question.files, material=question.material, begun=beginning)
    if query.begun is not None and answer_format is not None:
        from mull.structured.beginning import check_beginning

        other = "Give --prefill another text" if begun else "Ask again without --continue"
        check_beginning(query.begun.content, answer_format, f"{other}, or leave the format out.")
        query = replace(query, answer_format=None)
    return query


def check_author(query: Query, turn: TurnRecord | None, model: Resolved, *, in_chat: bool = False) -> None:
    """Raises UsageError if the query continues the answer of `turn`, and another model wrote that.

    Other quantizations and copies of a model are the same one.
    """
    if turn is None or query.begun is None or not query.replace:
        return
    known = {turn.model, str(turn.ran.get("reference") or "")}
    files = turn.ran.get("files")
    if isinstance(files, list) and files and isinstance(files[0], dict):
        known.add(str(files[0].get("path") or ""))
    here = {*model.names, *([model.path.name] if model.address is None else [])}
    if {without_quant(name) for name in known if name} & {without_quant(name) for name in here}:
        return
    author = turn.ran.get("reference") or turn.model
    back = f"Continue it after /model {author}" if in_chat else f"Continue it with -m {author}"
    raise UsageError(
        "begun_by_another_model",
        f"The answer was begun by {turn.model}; {model.name} cannot continue it.",
        f"{back}, or ask {model.name} a question.",
    )
