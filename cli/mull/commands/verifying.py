"""Model files read and compared with what was published, told in a table or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from mull.config import read_config
from mull.control import TurnControl, stop_on_interrupt
from mull.errors import ExitCode, MullError
from mull.fs import paths
from mull.fs.size import size_text
from mull.models.catalogue.catalogue import load_catalogue
from mull.models.disk.discover import LocalModel, installed, of_file
from mull.models.resolve import find, matching
from mull.models.verify import Verification
from mull.models.verify import verify as verify_model
from mull.terminal.console.streams import Streams
from mull.terminal.console.tables import table
from mull.terminal.views import download
from mull.terminal.views.json_output import error_object, write_object

HEADS = ("MODEL", "SIZE", "SHA-256", "COMPARED WITH", "VERDICT")
_AGAINST = {
    "hub": "the Hub's record",
    "ollama": "Ollama's record",
    "catalogue": "the catalogue",
    "earlier": "an earlier reading",
    "nothing": "nothing: first reading",
}
_WORDS = {True: "ok", False: "CHANGED", None: "remembered"}


def verify_models(streams: Streams, names: Sequence[str], *, json: bool) -> None:
    """Read what is named, or all that is installed. Raises typer.Exit with 1 when a file differs, MullError."""
    folders = [Path(folder) for folder in read_config()["model_folders"]]
    catalogue = load_catalogue(paths.config_dir())
    models = _chosen(names, folders)
    control = TurnControl()
    verdicts: list[Verification] = []
    with stop_on_interrupt(control):
        for model in models:
            reading = verify_model(model, catalogue, control)
            verdicts += download.watch(reading, streams, model.name, quiet=json)
            if control.stopped:
                raise MullError("interrupted", "Interrupted.", exit_code=ExitCode.INTERRUPTED)
    failure = _failure(verdicts)
    if json:
        error = error_object(failure)["error"] if failure else None
        write_object(streams, {"v": 1, "files": [_object(verdict) for verdict in verdicts], "error": error})
    else:
        rows = [_row(verdict) for verdict in verdicts]
        if rows:
            table(streams, HEADS, rows)
        else:
            streams.note("No model is installed. mull pull gets one.")
    if failure is not None:
        streams.error(failure.message, failure.hint)
        raise typer.Exit(failure.exit_code)


def _chosen(names: Sequence[str], folders: Sequence[Path]) -> list[LocalModel]:
    """The models to read. Raises what `resolve.find` raises for a name that means none."""
    if not names:
        return installed(folders)
    models: list[LocalModel] = []
    for name in names:
        found = matching(name, folders)
        if not found:
            found = [of_file(find(name, folders=folders).path)]
        models += found
    return models


def _failure(verdicts: Sequence[Verification]) -> MullError | None:
    """What to say when a file is not what it should be."""
    first = next((verdict for verdict in verdicts if verdict.same is False), None)
    if first is None:
        return None
    return MullError(
        "changed",
        f"{first.model} is not what it was: its SHA-256 differs from {_AGAINST[first.against]}.",
        f"Do not trust it. mull rm {first.model}, then mull pull {first.model}, gets it afresh.",
    )


def _row(verdict: Verification) -> tuple[str, ...]:
    word = _WORDS[verdict.same]
    if verdict.catalogue is False and verdict.same is not False:
        word += ", but not the catalogue's"
    digest = f"{verdict.sha256[:12]}…"
    return verdict.model, size_text(verdict.bytes), digest, _AGAINST[verdict.against], word


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
