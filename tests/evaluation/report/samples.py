"""Runs of an evaluation, made by hand: two models in two modes over two suites, and a hostile one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mull.evaluation.questions import EvalQuestion
from mull.evaluation.records import AnswerRecord, ModelRecord, RunRecord
from mull.evaluation.report.against import Against, Amount, Share, against
from mull.evaluation.report.contents import Contents
from tests.page.samples import HOSTILE

MODELS, MODES, SUITES = ("small", "large"), ("off", "on"), ("arithmetic", "logic")
QUESTIONS = 10  # of each suite
RIGHT = {("small", "off"): 2, ("small", "on"): 4, ("large", "off"): 5, ("large", "on"): 9}
"""How many of each suite's questions are answered right: the first ones."""
IDENTITY = {
    "reference": "small",
    "files": [{"path": "/models/small-Q8_0.gguf", "bytes": 1234567, "sha256": "ab" * 32}],
    "versions": {"mull": "0.1.0"},
}


def run_record(models: Sequence[str] = MODELS) -> RunRecord:
    return RunRecord(
        id="2026-11-30-0603-k3f9",
        started=1_796_000_000.0,
        command=["--suite", "arithmetic,logic", "--models", ",".join(models)],
        suites={suite: f"{number}" * 64 for number, suite in enumerate(SUITES, 1)},
        modes=list(MODES),
        repeats=1,
        seed=7,
        limit=QUESTIONS,
        parallel=4,
        settings={
            "sampling": {name: {mode: {"temperature": 0.7} for mode in MODES} for name in models},
            "max_tokens": 512,
        },
        models=[ModelRecord(name, name, IDENTITY, 4096, "Apache-2.0", None, thinks=True) for name in models],
        machine={"cpu": "Example CPU 3000", "cores": 2, "memory": 8 << 30, "os": "Linux 6.1"},
        versions={"mull": "0.1.0", "llama_cpp_python": "0.3.36", "python": "3.11.7"},
    )


def answer(
    model: str,
    mode: str,
    number: int,
    suite: str = "arithmetic",
    *,
    right: bool | None = True,
    text: str = "",
) -> AnswerRecord:
    thinks = mode == "on"
    return AnswerRecord(
        suite=suite,
        id=f"{suite}-{number:03}",
        model=model,
        mode=mode,
        repeat=0,
        applied=mode,
        answer=text or f"It is **{number if right else number + 1}**.",
        thinking=(text or f"Let me add up to {number}.") if thinks else "",
        replies=[],
        right=right,
        reason="the last number",
        label="",
        finish="stop",
        error=None,
        prompt_tokens=20,
        thinking_tokens=30 if thinks else 0,
        answer_tokens=10,
        seconds=(2.0 if model == "large" else 0.5) * (2 if thinks else 1),
        seed=7,
    )


def answers(models: Sequence[str] = MODELS) -> list[AnswerRecord]:
    return [
        answer(model, mode, number, suite, right=number <= RIGHT[model, mode])
        for model in models
        for mode in MODES
        for suite in SUITES
        for number in range(1, QUESTIONS + 1)
    ]


def questions() -> dict[tuple[str, str], EvalQuestion]:
    return {
        (suite, f"{suite}-{number:03}"): EvalQuestion(
            f"What is {number - 1} + 1?", (str(number),), kind="addition", id=f"{suite}-{number:03}", level=1
        )
        for suite in SUITES
        for number in range(1, QUESTIONS + 1)
    }


def contents() -> Contents:
    return replace(Contents.of(run_record(), answers()), questions=questions(), comparisons=["a is b."])


def beside_base() -> Contents:
    """The same, "large" beside "small"; one question has an answer of one of them alone."""
    some = [one for one in answers() if (one.model, one.id) != ("large", "logic-001")]
    found = Contents.of(run_record(), some)
    return replace(found, questions=questions(), against=against("small", found.groups, lambda _: ""))


def hostile() -> Contents:
    """Names, questions, reasons, thinking and answers that want to break out of a page, and an answer of 1 MB."""
    run = run_record([HOSTILE])
    run = replace(run, suites={HOSTILE: HOSTILE}, command=[HOSTILE], machine={HOSTILE: HOSTILE})
    one = replace(answer(HOSTILE, "on", 1, HOSTILE, text=HOSTILE), id=HOSTILE, reason=HOSTILE, finish=HOSTILE)
    long = replace(
        one, id="long", answer="<script>alert(1)</script>" + "A\x1b[2J\0" * 250_000, thinking="x" * 50_000
    )
    question = EvalQuestion(HOSTILE, (HOSTILE,), kind=HOSTILE, system=HOSTILE, turns=(HOSTILE, HOSTILE))
    found = Contents.of(run, [one, long, replace(one, mode="off", error=HOSTILE, right=None)])
    beside = Against(
        HOSTILE, HOSTILE, HOSTILE, [Share(HOSTILE, 3, 1, 1, 1)], [Amount(HOSTILE, 0, 1, [1.0])], 1
    )
    more = {"comparisons": [HOSTILE], "notes": [HOSTILE], "against": [beside]}
    return replace(found, questions={(HOSTILE, HOSTILE): question}, **more)
