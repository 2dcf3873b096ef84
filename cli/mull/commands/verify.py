"""`mull verify`: compare the SHA-256 of model files with the published or recorded one; exits with 1 on a mismatch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mull.commands._options import Json, completes
from mull.errors import ExitCode, MullError
from mull.fs.size import size_text
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Styled
from mull.terminal.console.tables import Column, table

if TYPE_CHECKING:
    from mull.models.disk.discover import LocalModel
    from mull.models.verify import Verification

_HEADS = (
    Column("MODEL"),
    Column("SIZE", 1, right=True),
    Column("SHA-256", 3),
    Column("COMPARED WITH", 2),
    Column("VERDICT"),
)
_AGAINST = {
    "hub": "the Hub's record",
    "ollama": "Ollama's record",
    "catalogue": "the catalogue",
    "earlier": "an earlier check",
    "nothing": "nothing: first check",
}
_STYLES = {True: "good", False: "error", None: "muted"}
_VERDICTS = {True: "ok", False: "CHANGED", None: "recorded"}

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Models or paths of .gguf files; all installed models if none is given.",
        autocompletion=completes("installed_models"),
    ),
]


def verify(context: typer.Context, names: Names = None, json: Json = False) -> None:
    """Compare model files with the published checksums.

    A file without a published checksum is compared with the one recorded by the first check.
    """
    from mull.config import read_config
    from mull.control import TurnControl, stop_on_interrupt
    from mull.fs import paths
    from mull.models.catalogue.catalogue import load_catalogue
    from mull.models.resolve import check_local
    from mull.models.verify import verify as verify_model
    from mull.terminal.views.download import watch

    streams: Streams = context.obj
    settings = read_config()
    names = [settings.expand(name) for name in names or []]
    check_local(names, settings.endpoints)
    models = _chosen(names, settings.model_folders())
    catalogue = load_catalogue(paths.config_dir())
    control = TurnControl()
    verdicts: list[Verification] = []
    with stop_on_interrupt(control):
        for model in models:
            checks = verify_model(model, catalogue, control)
            verdicts += watch(checks, streams, model.name, quiet=json)
            if control.stopped:
                raise MullError("interrupted", "Interrupted.", exit_code=ExitCode.INTERRUPTED)
    _report(streams, verdicts, json=json)


def _report(streams: Streams, verdicts: Sequence[Verification], *, json: bool) -> None:
    """Print a line or an object for each file. Raises typer.Exit with 1 when a file differs."""
    from mull.terminal.views.json_output import error_fields, write_object

    failure = _failure(verdicts)
    if json:
        files = [_object(verdict) for verdict in verdicts]
        write_object(streams, {"v": 1, "files": files, "error": error_fields(failure)})
    elif verdicts:
        table(streams, _HEADS, [_row(verdict) for verdict in verdicts])
    else:
        streams.note("No model is installed. Download one with mull pull NAME.")
    if failure is not None:
        streams.error(failure.message, failure.hint)
        raise typer.Exit(failure.exit_code)


def _chosen(names: Sequence[str], folders: Sequence[Path]) -> list[LocalModel]:
    """The models to check. Raises what `resolve.find` raises for an unknown name."""
    from mull.models.disk.discover import installed, of_file
    from mull.models.resolve import find, matching

    if not names:
        return installed(folders)
    models: list[LocalModel] = []
    for name in names:
        found = matching(name, folders)
        if not found:
            found = [of_file(find(name, folders=folders).file)]
        models += found
    return models


def _failure(verdicts: Sequence[Verification]) -> MullError | None:
    """The error to report when a checksum differs."""
    first = next((verdict for verdict in verdicts if verdict.same is False), None)
    if first is None:
        return None
    return MullError(
        "checksum_mismatch",
        f"{first.model} has changed: its SHA-256 differs from {_AGAINST[first.against]}.",
        f"Do not use it. Download it again: mull rm {first.model}, then mull pull {first.model}",
    )


def _row(verdict: Verification) -> tuple[object, ...]:
    word = _VERDICTS[verdict.same]
    if verdict.catalogue is False and verdict.same is not False:
        word += ", but not the catalogue's"
    digest = f"{verdict.sha256[:12]}…"
    return (
        verdict.model,
        size_text(verdict.bytes),
        digest,
        _AGAINST[verdict.against],
        Styled(word, _STYLES[verdict.same]),
    )


def _object(verdict: Verification) -> dict[str, object]:
    return {
        "model": verdict.model,
        "path": str(verdict.path),
        "bytes": verdict.bytes,
        "sha256": verdict.sha256,
        "against": verdict.against,
        "same": verdict.same,
        "catalogue": verdict.catalogue,
    }
