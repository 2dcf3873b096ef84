"""What `mull eval` does once its questions are answered, beside the table: files, plot, base, what a card says.

In: the flags, the run's folder. Out: files, text and JSON values. Files are checked when it is entered, before anything
is asked. Raises what `EvalFiles` and `read_card` raise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mull.commands import _eval_against, _eval_repeat
from mull.commands._eval_files import EvalFiles
from mull.commands._eval_plot import show_plot
from mull.errors import MullError, UsageError
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.commands._eval_folder import RunFolder
    from mull.commands._eval_models import EvalModel
    from mull.commands._eval_options import EvalFlags
    from mull.evaluation.report.against import Against
    from mull.evaluation.report.card_file import Card
    from mull.evaluation.report.contents import Contents
    from mull.evaluation.report.repeated import Repeated


def repeats(flags: EvalFlags) -> Card | None:
    """The card that is to be repeated, if one is."""
    if flags.repeat_card is None:
        return None
    from mull.evaluation.report.card_file import read_card

    if flags.resume_run:
        raise UsageError(
            "conflicting_options", "--resume and --repeat-card exclude each other.", "Give one of them."
        )
    return read_card(flags.repeat_card)


class Endings:
    """A context manager; `write` before it is left, `show` or `as_json` afterwards."""

    def __init__(self, flags: EvalFlags, card: Card | None, models: Sequence[EvalModel]) -> None:
        self._base = models[-1].name if flags.against is not None else None
        self._card = card
        self._files = EvalFiles(flags.report, flags.card)
        self._contents: Contents | None = None
        self._against: list[Against] = []
        self._repeated: Repeated | None = None
        self.failure: MullError | None = None
        """Why a file was not written; the answers are there all the same."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.__exit__(kind, value, trace)

    def write(self, folder: RunFolder) -> None:
        """Write the files; of a run that was interrupted, with what it has."""
        from mull.evaluation.report.loading import contents_of
        from mull.fs import paths
        from mull.models.catalogue.catalogue import load_catalogue

        contents = contents_of(folder.run, folder.answers, load_catalogue(paths.config_dir()))
        if self._base is not None:
            self._against = _eval_against.compared(self._base, contents.groups, contents.questions)
            contents = replace(contents, against=self._against)
        self._contents = contents
        if contents.groups:
            try:
                self._files.write(contents)
            except MullError as failure:
                self.failure = failure
                if folder.path is not None:
                    failure.hint += " mull eval --resume, with the option again, asks nothing twice."
        if self._card is not None:
            self._repeated = _eval_repeat.compared(self._card, contents)

    def show(self, streams: Streams) -> None:
        """Below the table."""
        if self._contents is not None:
            show_plot(streams, self._contents.groups)
        _eval_against.show_against(streams, self._against)
        if self._repeated is not None:
            _eval_repeat.show(streams, self._repeated)

    def as_json(self) -> dict[str, Any]:
        """The fields `against` and `repeated`, where they were asked for."""
        found: dict[str, Any] = {}
        if self._base is not None:
            found["against"] = _eval_against.as_json(self._against)
        if self._repeated is not None:
            found["repeated"] = _eval_repeat.as_json(self._repeated)
        return found
