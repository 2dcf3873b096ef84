"""What `mull eval` prints: the table of models and modes, the comparisons in words, the wrong answers; or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.commands._eval_folder import RunFolder
    from mull.errors import MullError
    from mull.evaluation.outcome import Comparison, Outcome

HEADS = (("THINKING", 0), ("RIGHT", 0), ("SHARE", 0), ("95%", 1), ("UNFINISHED", 6), ("TOKENS EACH", 4),
         ("OF THEM THOUGHT", 5), ("TOKENS PER RIGHT", 3), ("SECONDS", 2))  # fmt: skip
MOST_COMPARISONS = 12
"""Sentences that are shown; the JSON has all."""


def show(
    found: Sequence[Outcome],
    compared: Sequence[Comparison],
    streams: Streams,
    *,
    several: bool,
    wrong: bool,
    quiet: bool,
) -> None:
    """The tables, then the sentences, which are notes: a pipe gets the rows alone. `several`: models were asked."""
    from mull.evaluation.outcome import in_words
    from mull.terminal.console.tables import Column, table

    if not found:
        return
    best = max(outcome.accuracy for outcome in found)
    heads = [Column(head, leaves, right=head != "THINKING") for head, leaves in HEADS]
    rows = [_row(outcome, best) for outcome in found]
    if several:
        heads = [Column("MODEL"), *heads]
        rows = [(outcome.model, *row) for outcome, row in zip(found, rows, strict=True)]
    table(streams, heads, rows)
    if streams.stdout_tty and len(found[0].by_suite()) > 1:
        _show_suites(found, streams, several=several)
    for outcome in found:
        if outcome.notice:
            streams.note(outcome.notice)
    if streams.stdout_tty and compared and not quiet:
        streams.write("\n")
    for one in () if quiet else compared[:MOST_COMPARISONS]:
        streams.note(in_words(one))
    for outcome in found if wrong else ():
        for line in _wrong(outcome, several=several):
            streams.write_stdout(line + "\n")


def _row(outcome: Outcome, best: float) -> tuple[object, ...]:
    from mull.terminal.console.style import Styled

    count = max(len(outcome.answers), 1)
    shown: str = outcome.asked
    if outcome.applied != outcome.asked and outcome.failed < len(outcome.answers):
        shown += f" (applied: {outcome.applied})"
    tokens = outcome.thinking_tokens + outcome.answer_tokens
    low, high = outcome.interval
    per_right = outcome.tokens_per_right
    return (
        shown,
        f"{outcome.right}/{len(outcome.answers)}",
        Styled(f"{outcome.accuracy:.0%}", "bold good" if outcome.accuracy == best else ""),
        f"{100 * low:.0f}–{100 * high:.0f}%",
        str(outcome.unfinished + outcome.failed),
        f"{tokens / count:.0f}",
        f"{outcome.thinking_tokens / max(tokens, 1):.0%}",
        "-" if per_right is None else f"{per_right:.0f}",
        f"{outcome.seconds:.1f}",
    )


def _show_suites(found: Sequence[Outcome], streams: Streams, *, several: bool) -> None:
    """For each suite, how many answers of each model and mode are right."""
    from mull.terminal.console.tables import Column, table

    heads = [
        Column(f"{outcome.model} {outcome.asked}" if several else outcome.asked.upper(), number, right=True)
        for number, outcome in enumerate(found)
    ]
    names = dict.fromkeys(suite for suite, _ in found[0].questions)
    streams.write("\n")
    table(
        streams,
        [Column("SUITE"), *heads],
        [(name, *(_share(outcome, name) for outcome in found)) for name in names],
    )


def _share(outcome: Outcome, suite: str) -> str:
    answers = outcome.by_suite().get(suite, ())
    return f"{sum(one.right is True for one in answers)}/{len(answers)}" if answers else "-"


def _wrong(outcome: Outcome, *, several: bool) -> Iterator[str]:
    name = f"{outcome.model}, {outcome.asked}" if several else outcome.asked
    for answer in outcome.wrong():
        question = outcome.question(answer)
        said = one_line(answer.answer) or "(nothing)"
        expected = " or ".join(question.expected)
        yield one_line(f"{name}: {question.prompt} → {said}; expected {expected}")


def as_object(
    folder: RunFolder,
    found: Sequence[Outcome],
    compared: Sequence[Comparison],
    questions: int,
    failure: MullError | None,
    *,
    stopped: bool,
) -> Mapping[str, Any]:
    """The JSON of a run. `questions`: of each mode. `model` is null where there are several."""
    from mull.evaluation.outcome import as_json, comparison_json
    from mull.terminal.views.json_output import error_fields

    models = [model.name for model in folder.run.models]
    return {
        "v": 1,
        "id": folder.run.id,
        "folder": None if folder.path is None else str(folder.path),
        "model": models[0] if len(models) == 1 else None,
        "models": models,
        "questions": questions,
        "repeats": folder.run.repeats,
        "runs": [as_json(outcome) for outcome in found],
        "comparisons": [comparison_json(one) for one in compared],
        "finish": "interrupted" if stopped else "error" if failure else "stop",
        "error": error_fields(failure),
    }


def failed(found: Sequence[Outcome], failure: MullError) -> str:
    """How many answers the table lacks, and why."""
    count = sum(outcome.failed for outcome in found)
    if not count:
        return f"{failure.model}: {failure.message}" if failure.model else failure.message
    return f"{count} of {sum(len(outcome.answers) for outcome in found)} got no answer: {failure.message}"


def note(found: Sequence[Outcome], once: Sequence[str], modes: int, total: int, *, stopped: bool) -> str:
    """Why there are fewer than `total` answers; empty if there are not."""
    if stopped:
        finished = sum(len(outcome.answers) for outcome in found)
        return f"Stopped after {finished} of {total} questions." if finished < total else ""
    if once and modes > 1:
        have = "has" if len(once) == 1 else "have"
        were = "it was" if len(once) == 1 else "they were"
        return f"{' and '.join(once)} {have} no thinking mode, so {were} asked once."
    return ""
