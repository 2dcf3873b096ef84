"""Judge a reply: calls the rule that the question names, in `judges/`. Programs judge, no model does.

In: a question and a reply. Out: a `Verdict`. It raises nothing: a reply is hostile until judged.
"""

from __future__ import annotations

from collections.abc import Callable

from mull.evaluation.questions import EvalQuestion
from mull.evaluation.verdict import Reply, Verdict

__all__ = ["Reply", "Verdict", "judge"]


def judge(question: EvalQuestion, reply: Reply | str) -> Verdict:
    """The verdict on a reply; a string is an answer without thinking."""
    if isinstance(reply, str):
        reply = Reply(reply)
    rule = _rule(question.judge)
    if rule is None:
        return Verdict(None, f'there is no judge "{question.judge}"')
    return rule(question, reply)


def _rule(name: str) -> Callable[[EvalQuestion, Reply], Verdict] | None:
    """The rule of that name. It is imported when a question needs it: rules compile many regular expressions."""
    match name:
        case "text":
            from mull.evaluation.judges.text import judge_text

            return judge_text
        case "choice":
            from mull.evaluation.judges.choice import judge_choice

            return judge_choice
        case "constraints":
            from mull.evaluation.judges.constraints import judge_constraints

            return judge_constraints
        case "json":
            from mull.evaluation.judges.extraction import judge_json

            return judge_json
        case "code":
            from mull.evaluation.judges.code import judge_code

            return judge_code
        case "safety":
            from mull.evaluation.safety.judge import judge_safety

            return judge_safety
    return None
