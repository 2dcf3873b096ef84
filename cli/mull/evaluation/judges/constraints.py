"""Judge a reply by properties that a program can check: the idea of IFEval.

In: a question with constraints, a reply. Out: a `Verdict`: right if all constraints hold; else the reason names the
first that does not.
"""

from __future__ import annotations

import json

from mull.evaluation.judges.rules import RULES
from mull.evaluation.questions import EvalQuestion
from mull.evaluation.verdict import Reply, Verdict

_LONGEST = 200_000
"""Characters; a longer reply to a constraint is wrong, and reading it with every rule would take seconds."""


def judge_constraints(question: EvalQuestion, reply: Reply) -> Verdict:
    """Right if the answer keeps every constraint."""
    text = reply.answer.strip()
    if not text:
        return Verdict(False, "the answer is empty")
    if len(text) > _LONGEST:
        return Verdict(False, f"the answer has more than {_LONGEST:,} characters")
    for one in question.constraints:
        if not RULES[one.rule].holds(text, one.value):
            shown = (
                one.value if isinstance(one.value, str | int) else json.dumps(one.value, ensure_ascii=False)
            )
            return Verdict(False, f'it breaks "{RULES[one.rule].words.format(shown)}"')
    return Verdict(True, "it keeps every constraint")
