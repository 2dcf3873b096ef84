"""The folder of a run while `mull eval` writes it: its description, and each answer as it ends.

In: a `RunRecord`, and the answers of an earlier run where it is resumed. Raises MullError (write_failed, file_in_use,
file_exists, unknown_eval_run).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mull.errors import MullError
from mull.evaluation import records
from mull.evaluation.records import AnswerRecord, ModelRecord, RunRecord
from mull.suggest import did_you_mean, nearest


class RunFolder:
    """A context manager. `path` None: nothing is written, as the setting `save` says, or nothing is left."""

    def __init__(self, path: Path | None, run: RunRecord, answers: list[AnswerRecord]) -> None:
        self.path = path
        self.run = run
        self._answers = {answer.key: answer for answer in answers}
        self._file: FileIO | None = None
        self._is_new = self._made_folder = False

    def __enter__(self) -> Self:
        if self.path is not None:
            self._is_new = not (self.path / records.RUN).exists()
            self._made_folder = not self.path.exists()
            try:
                records.write_run(self.path, self.run, begun=bool(self._answers))
                self._file = records.open_answers(self.path)
            except MullError:
                if self._is_new:
                    self._remove()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        if self._is_new and not self._answers:
            self._remove()

    def _remove(self) -> None:
        """A new run without an answer leaves no folder: there would be nothing to show or to resume."""
        assert self.path is not None
        with suppress(OSError):  # others may have written into the folder
            for name in (records.RUN, records.ANSWERS):
                (self.path / name).unlink(missing_ok=True)
            if self._made_folder:
                self.path.rmdir()
        self.path = None

    def add(self, answer: AnswerRecord) -> None:
        """Append an answer; one that failed before is replaced."""
        self._answers.pop(answer.key, None)
        self._answers[answer.key] = answer
        if self._file is not None and self.path is not None:
            try:
                records.append(self._file, answer)
            except OSError as failure:
                raise records.write_failed(self.path, failure, begun=True) from failure

    @property
    def answers(self) -> list[AnswerRecord]:
        return list(self._answers.values())

    @property
    def done(self) -> set[object]:
        """The keys of what does not have to be asked again."""
        return {answer.key for answer in self.answers if answer.error is None}

    def loaded(self, index: int, model: ModelRecord, sampling: Mapping[str, Any]) -> None:
        """A model has been loaded: what is known of it now, and the sampling in each mode."""
        models = list(self.run.models)
        models[index] = model
        known = {
            **self.run.settings,
            "sampling": {**self.run.settings.get("sampling", {}), model.name: sampling},
        }
        self._write(replace(self.run, models=models, settings=known))

    def applied(self, model: str, mode: str, how: str, notice: str | None) -> None:
        """How a mode was applied to a model."""
        reasoning = {name: dict(modes) for name, modes in self.run.settings.get("reasoning", {}).items()}
        reasoning.setdefault(model, {})[mode] = {"how": how, "notice": notice}
        self._write(replace(self.run, settings={**self.run.settings, "reasoning": reasoning}))

    def _write(self, run: RunRecord) -> None:
        self.run = run
        if self.path is not None:
            records.write_run(self.path, run, begun=bool(self._answers))


def new_folder(out: Path | None, run: RunRecord, *, saves: bool) -> RunFolder:
    """The folder of a new run: `out`, else one of mull's own, if mull `saves` at all."""
    if out is None:
        return RunFolder(records.folder_of_runs() / run.id if saves else None, run, [])
    if (out / records.RUN).exists() or (out / records.ANSWERS).exists():
        raise MullError(
            "file_exists", f"{out} has a run already.", f"Give another folder, or resume it: --resume {out}"
        )
    return RunFolder(out.absolute(), run, [])


def earlier(name: Path | None) -> RunFolder:
    """The run of that identifier or in that folder; None: the last one."""
    path = _found(name)
    run, answers = records.read(path)
    return RunFolder(path, run, answers)


def _found(name: Path | None) -> Path:
    runs = sorted(one.parent for one in records.folder_of_runs().glob(f"*/{records.RUN}"))
    if name is None:
        if not runs:
            raise MullError("unknown_eval_run", "There is no run to resume.", "mull eval starts one.")
        return max(runs, key=lambda run: (run / records.RUN).stat().st_mtime)
    if (name / records.RUN).is_file():
        return name.absolute()
    known = {run.name: run for run in runs}
    if (found := known.get(str(name))) is not None:
        return found
    listed = f"There are {', '.join(list(known)[-3:])}." if known else "mull eval starts one."
    hint = did_you_mean(nearest(str(name), known), listed)
    raise MullError("unknown_eval_run", f'There is no run "{name}".', hint)
