"""Whether `mull eval` runs a model's code on this system, and what the user has to know about that."""

from __future__ import annotations

from dataclasses import replace

from mull.commands._eval_plan import Plan
from mull.errors import UsageError

_ALLOW = "With --allow-code it runs within limits of time and memory, and can do what you can do."


def checked(plan: Plan, *, allow: bool) -> tuple[Plan, str]:
    """The plan without the questions whose code is not run here, and a note; empty where all is isolated.

    Raises UsageError (code_not_isolated) if no question is left.
    """
    if all(question.judge != "code" for question in plan.questions.values()):
        return plan, ""
    from mull.evaluation.judges import code

    if allow:
        code.allow_unisolated()
    if code.runs_here():
        reached = sorted(code.not_isolated())
        return (
            plan,
            f"A model's code is not isolated from {', '.join(reached)} on this system." if reached else "",
        )
    suites = [
        replace(suite, questions=[one for one in suite.questions if one.judge != "code"])
        for suite in plan.suites
    ]
    left = replace(plan, suites=[suite for suite in suites if suite.questions])
    why = "A model's code cannot be isolated on this system"
    if not left.suites:
        raise UsageError("code_not_isolated", f"{why}.", _ALLOW)
    return left, f"{why}, so the questions about code are left out. {_ALLOW}"
