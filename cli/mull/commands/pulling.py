"""Downloads, shown while they run and told when they have ended: in a sentence and a path, or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mull.config import read_config
from mull.control import TurnControl, stop_on_interrupt
from mull.errors import ExitCode, MullError
from mull.events import PullDone
from mull.fs import paths
from mull.fs.size import size_text
from mull.models.hub.pull import pull as pull_model
from mull.terminal.console.streams import Streams
from mull.terminal.views import download
from mull.terminal.views.json_output import write_object

if TYPE_CHECKING:
    from mull.models.hub.fit_gate import FitGate


def fetch(
    name: str,
    streams: Streams,
    *,
    quant: str | None = None,
    revision: str | None = None,
    update: bool = False,
    force: bool = False,
    quiet: bool = False,
    json: bool | None = None,
) -> None:
    """Pull one model, shown. `json` None: say nothing on stdout, another command's answer goes there."""
    folders = [Path(folder) for folder in read_config()["model_folders"]]
    control = TurnControl()
    events = pull_model(
        name,
        control,
        quant=quant,
        revision=revision,
        again=update,
        folders=folders,
        admission=None if force else admission,
    )
    with stop_on_interrupt(control):
        try:
            pulled = download.show(events, streams, quiet=quiet or bool(json))
        except MullError as error:
            if error.exit_code is ExitCode.INTERRUPTED and not quiet:
                streams.note(f"{error.message} {error.hint}")
            raise
    if json is not None:
        _tell(pulled, streams, quiet=quiet, json=json)


def admission() -> FitGate:
    """What this machine can hold; imported and measured only when something is about to be downloaded."""
    from mull.backends.load_plan import this_machine
    from mull.models.catalogue.catalogue import load_catalogue
    from mull.models.hub.fit_gate import FitGate

    return FitGate(this_machine, load_catalogue(paths.config_dir()))


def _tell(pulled: PullDone, streams: Streams, *, quiet: bool, json: bool) -> None:
    if json:
        write_object(streams, _object(pulled))
        return
    if not quiet:
        streams.note(_sentence(pulled))
    streams.stdout.write(f"{pulled.path}\n")
    streams.stdout.flush()


def _sentence(pulled: PullDone) -> str:
    if pulled.already and pulled.fetched == 0:
        owner = "" if pulled.source == "hub" else f" ({pulled.source})"
        checked = "" if pulled.verified else f"; mull verify {pulled.model} checks it"
        return f"{pulled.model} is installed{owner}, {size_text(pulled.bytes)}{checked}."
    rate = f", {size_text(int(pulled.fetched / pulled.seconds))}/s" if pulled.seconds > 1 else ""
    time = download.seconds_text(pulled.seconds)
    return f"{pulled.model} is installed: {size_text(pulled.bytes)} in {time}{rate}, SHA-256 verified."


def _object(pulled: PullDone) -> dict[str, object]:
    return {
        "v": 1,
        "model": pulled.model,
        "path": str(pulled.path),
        "bytes": pulled.bytes,
        "fetched": pulled.fetched,
        "seconds": round(pulled.seconds, 3),
        "verified": pulled.verified,
        "already": pulled.already,
        "source": pulled.source,
        "sha256": list(pulled.sha256),
        "error": None,
    }
