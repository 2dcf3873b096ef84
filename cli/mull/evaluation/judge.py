"""Judge a reply: calls the rule that the question names, in `judges/`. Programs judge, no model does.

In: a question and a reply. Out: a `Verdict`. It raises nothing: a reply is hostile until judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mull.evaluation.judges.choice import judge_choice
from mull.evaluation.judges.code import judge_code
from mull.evaluation.judges.constraints import judge_constraints
from mull.evaluation.judges.extraction import judge_json
from mull.evaluation.judges.text import judge_text
from mull.evaluation.questions import EvalQuestion, JudgeName
from mull.evaluation.safety.judge import judge_safety
from mull.evaluation.verdict import Reply, Verdict

__all__ = ["JUDGES", "Reply", "Verdict", "judge"]

JUDGES: Mapping[JudgeName, Callable[[EvalQuestion, Reply], Verdict]] = {
    "text": judge_text,
    "choice": judge_choice,
    "constraints": judge_constraints,
    "json": judge_json,
    "code": judge_code,
    "safety": judge_safety,
}
"""The rule of each judge, by the name that a question gives it."""


def judge(question: EvalQuestion, reply: Reply | str) -> Verdict:
    """The verdict on a reply; a string is an answer without thinking."""
    if isinstance(reply, str):
        reply = Reply(reply)
    rule = JUDGES.get(question.judge)
    if rule is None:
        return Verdict(None, f"there is no judge “{question.judge}”")
    return rule(question, reply)
