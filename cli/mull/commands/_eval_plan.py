"""What a run of `mull eval` asks: its suites, modes and repeats, from the flags. Raises UsageError, MullError."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from mull.commands._eval_options import EvalFlags
from mull.dataclass import dataclass
from mull.errors import UsageError
from mull.evaluation import suites
from mull.evaluation.outcome import QuestionKey
from mull.evaluation.questions import EvalQuestion
from mull.evaluation.run import Job, seed_of
from mull.evaluation.suites import Suite
from mull.events import Asked


@dataclass(frozen=True, slots=True)
class Plan:
    """The suites, already limited, the modes in order, and how often each question is asked, from which seed."""

    suites: Sequence[Suite]
    modes: Sequence[Asked]
    repeats: int
    seed: int
    limit: int | None

    @property
    def questions(self) -> dict[QuestionKey, EvalQuestion]:
        """All questions, in the order in which they are asked."""
        return {(suite.name, one.id): one for suite in self.suites for one in suite.questions}

    @property
    def answers_per_mode(self) -> int:
        return len(self.questions) * self.repeats

    def jobs(self, model: str, mode: Asked, done: Collection[object]) -> Iterator[Job]:
        """What a model is asked in one mode, without the keys that are `done`."""
        for repeat in range(self.repeats):
            seed = seed_of(self.seed, repeat)
            for suite in self.suites:
                for question in suite.questions:
                    job = Job(model, suite.name, question, mode, repeat, seed)
                    if job.key not in done:
                        yield job


def plan_of(file: Path | None, flags: EvalFlags) -> Plan:
    """The plan that the flags describe."""
    if file is not None and flags.suite is not None:
        raise UsageError(
            "conflicting_options", "FILE and --suite exclude each other.", "Give one of them; see --help."
        )
    if flags.suite is not None:
        found = [suites.read_suite(name) for name in suites.chosen(flags.suite)]
    else:
        found = [suites.read_file(file) if file is not None else suites.read_suite(suites.FORTY)]
    limited = [limited_to(suite, flags.limit) for suite in found]
    return Plan(limited, modes(flags.modes), flags.repeat, flags.seed or 0, flags.limit)


def limited_to(suite: Suite, limit: int | None) -> Suite:
    """The suite with at most `limit` questions, at equal distances, so that all kinds and levels are among them."""
    count = len(suite.questions)
    if limit is None or limit >= count:
        return suite
    return replace(suite, questions=[suite.questions[number * count // limit] for number in range(limit)])


def modes(text: str) -> list[Asked]:
    """The modes of a comma-separated list, each once. Raises UsageError for an unknown one."""
    known: tuple[Asked, ...] = get_args(Asked)
    found: list[Asked] = []
    for word in text.split(","):
        mode = next((one for one in known if one == word.strip()), None)
        if mode is None:
            raise UsageError(
                "usage_error",
                f'--modes takes {", ".join(known)}; not "{word.strip()}".',
                "Separate modes with commas.",
            )
        if mode not in found:
            found.append(mode)
    return found
