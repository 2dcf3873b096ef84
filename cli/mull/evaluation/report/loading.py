"""A run on this disk, and what its report says besides its answers: questions, comparisons, published scores.

In: the identifier of a run, its beginning, or its folder. Out: `Contents`. Raises MullError: unknown_eval_run, and what
`records.read` raises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mull.errors import MullError
from mull.evaluation.outcome import comparisons, in_words, outcomes
from mull.evaluation.records import RUN, AnswerRecord, RunRecord, folder_of_runs, read
from mull.evaluation.report.contents import Contents
from mull.evaluation.report.published import published
from mull.evaluation.suites import Suite, read_file, read_suite
from mull.models.catalogue.catalogue import Catalogue
from mull.terminal.console.quantities import counted


def find_run(name: str | None) -> Path:
    """The folder of the run with this identifier, or one that begins so, or this path; None: the last run."""
    if name is not None and Path(name, RUN).is_file():
        return Path(name)
    found = sorted(_runs(), key=lambda folder: (folder / RUN).stat().st_mtime)
    if name is None:
        if not found:
            raise MullError("unknown_eval_run", "No evaluation was run yet.", "mull eval runs one.")
        return found[-1]
    near = [folder for folder in found if folder.name.startswith(name)]
    exact = [folder for folder in near if folder.name == name]
    if len(exact or near) != 1:
        what = "more than one evaluation that begins with" if near else "no evaluation"
        last = f"The last ones are {', '.join(folder.name for folder in found[-3:])}." if found else ""
        raise MullError("unknown_eval_run", f'There is {what} "{name}".', last or "mull eval runs one.")
    return (exact or near)[0]


def _runs() -> Iterator[Path]:
    folder = folder_of_runs()
    return (path.parent for path in folder.glob(f"*/{RUN}")) if folder.is_dir() else iter(())


def load_contents(folder: Path, catalogue: Catalogue) -> Contents:
    """All that is known of a run that has ended, or was interrupted."""
    return contents_of(*read(folder), catalogue)


def contents_of(
    run: RunRecord, answers: Sequence[AnswerRecord], catalogue: Catalogue, notes: Sequence[str] = ()
) -> Contents:
    """The same of records in memory. `notes`: lines to come before the results."""
    known, changed = _suites(run)
    questions = {(suite.name, one.id): one for suite in known.values() for one in suite.questions}
    found = [*notes, *_interrupted(run, answers, known)]
    if changed:
        found.append(
            f"The questions of {', '.join(changed)} are others now than in this run; they are not shown."
        )
    return replace(
        Contents.of(run, answers),
        questions=questions,
        comparisons=[in_words(one) for one in comparisons(outcomes(answers, questions))],
        published=published(run.models, catalogue),
        notes=found,
    )


def _suites(run: RunRecord) -> tuple[Mapping[str, Suite], list[str]]:
    """The suites as they were asked, by name, and the names of those that have changed or gone since."""
    known, changed = {}, []
    for name, digest in run.suites.items():
        try:
            suite = read_file(Path(run.file)) if run.file else read_suite(name)
        except MullError:
            suite = None
        if suite is not None and suite.digest == digest:
            known[name] = suite
        else:
            changed.append(name)
    return known, changed


def _interrupted(
    run: RunRecord, answers: Sequence[AnswerRecord], known: Mapping[str, Suite]
) -> Iterator[str]:
    """Says how far a run got that did not reach its end; a model that cannot think is asked in one mode only."""
    if set(known) != set(run.suites):
        return
    counts = [len(suite.questions) for suite in known.values()]
    questions = sum(count if run.limit is None else min(count, run.limit) for count in counts) * run.repeats
    total = sum(questions * (1 if model.thinks is False else len(run.modes)) for model in run.models)
    if len(answers) < total:
        yield f"The run was interrupted: it has {counted(len(answers), 'answer')} of {total:,}."
