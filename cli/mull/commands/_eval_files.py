"""The files that an evaluation is written to at its end: a report, a card. They are checked before anything is asked.

In: paths, whose endings say what they become. Out: files. Raises UsageError (usage_error) for another ending, and
MullError: write_failed, missing_extra.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mull.errors import MullError, UsageError
from mull.fs.out_file import OutFile

if TYPE_CHECKING:
    from mull.evaluation.report.contents import Contents

REPORTS, CARDS = (".html", ".svg", ".png"), (".md", ".html")


class EvalFiles:
    """A context manager; leaving it without `write` leaves the files as they were."""

    def __init__(self, report: Path | None = None, card: Path | None = None) -> None:
        if report is not None and card is not None and report.resolve() == card.resolve():
            raise UsageError("same_file", "The report and the card are the same file.", "Name two files.")
        self._made: list[tuple[OutFile, Callable[[Contents], bytes]]] = []
        self._stack = ExitStack()
        with ExitStack() as stack:
            for path, endings, option in ((report, REPORTS, "--report"), (card, CARDS, "--card")):
                if path is not None:
                    make = _maker(path, endings, option)
                    self._made.append((stack.enter_context(OutFile(path, mode=None)), make))
            self._stack = stack.pop_all()

    def write(self, contents: Contents) -> None:
        """Write each file, in place of one that it replaces. Raises the first failure once all were tried."""
        failures: list[MullError] = []
        for file, make in self._made:
            try:
                file.write_bytes(make(contents))
            except MullError as failure:
                failures.append(failure)
        if failures:
            raise failures[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _maker(path: Path, endings: tuple[str, ...], option: str) -> Callable[[Contents], bytes]:
    ending = path.suffix.lower()
    if ending not in endings:
        raise UsageError(
            "usage_error",
            f"{option} writes {', '.join(endings[:-1])} and {endings[-1]} files; {path.name or path} is none.",
            f"For instance: {option} eval{endings[0]}",
        )
    if ending == ".png":
        from mull.evaluation.report.png import check_png

        check_png()
    return {"--report": _REPORTS, "--card": _CARDS}[option][ending]


def _html(contents: Contents) -> bytes:
    from mull.evaluation.report.page import report_page

    return _encoded(report_page(contents))


def _svg(contents: Contents) -> bytes:
    from mull.evaluation.report.marks import marks
    from mull.evaluation.report.svg import svg_file

    return _encoded(svg_file(marks(contents.groups)))


def _png(contents: Contents) -> bytes:
    from mull.evaluation.report.marks import marks
    from mull.evaluation.report.png import png

    return png(marks(contents.groups))


def _card(contents: Contents) -> bytes:
    from mull.evaluation.report.card import card_text

    return _encoded(card_text(contents))


def _card_page(contents: Contents) -> bytes:
    from mull.evaluation.report.card import card_page

    return _encoded(card_page(contents))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", errors="backslashreplace")


_REPORTS: Mapping[str, Callable[[Contents], bytes]] = {".html": _html, ".svg": _svg, ".png": _png}
_CARDS: Mapping[str, Callable[[Contents], bytes]] = {".md": _card, ".html": _card_page}


def show_card(path: Path, name: str | None) -> None:
    """`mull show --card FILE [RUN]`: the card of a run that is on this disk."""
    from mull.evaluation.report.loading import find_run, load_contents
    from mull.fs import paths
    from mull.models.catalogue.catalogue import load_catalogue

    contents = load_contents(find_run(name), load_catalogue(paths.config_dir()))
    if not contents.groups:
        raise MullError(
            "unknown_eval_run",
            f"The run {contents.run.id} has no answers.",
            "mull eval --resume continues it.",
        )
    with EvalFiles(card=path) as files:
        files.write(contents)
