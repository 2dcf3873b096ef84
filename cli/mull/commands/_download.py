"""Download one model and show the progress on stderr: for `mull pull`, and for a model that is missing when it is used.

In: a name as `mull pull` takes it. Out: a `PullDone`. Raises what `mull.models.hub.pull` raises. It imports the Hub
client, so commands import this module only when they download.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mull.config import read_config
from mull.control import TurnControl, stop_on_interrupt
from mull.errors import ExitCode, MullError
from mull.fs import paths
from mull.job_events import PullDone
from mull.models.hub.pull import pull
from mull.terminal.console.streams import Streams
from mull.terminal.views.download import download_view

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
    json: bool = False,
) -> PullDone:
    """Download the model unless it is installed. Nothing goes to stdout.

    `update`: ask the Hub even when it is installed; `force`: skip the check whether it fits this machine;
    `quiet`: print nothing; `json`: print only how to resume after Ctrl+C.
    """
    control = TurnControl()
    events = pull(
        name,
        control,
        quant=quant,
        revision=revision,
        again=update,
        folders=read_config().model_folders(),
        make_gate=None if force else fit_gate,
    )
    with stop_on_interrupt(control):
        try:
            return download_view(streams, quiet=quiet or json)(events)
        except MullError as error:
            if error.exit_code is ExitCode.INTERRUPTED and not quiet:
                streams.note(f"{error.message} {error.hint}")
            raise


def fit_gate() -> FitGate:
    """The check whether a model fits this machine, which is measured when a download is about to start."""
    from mull.backends.load_plan import this_machine
    from mull.models.catalogue.catalogue import load_catalogue
    from mull.models.hub.fit_gate import FitGate

    return FitGate(this_machine, load_catalogue(paths.config_dir()))
