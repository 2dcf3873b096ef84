"""Why a child process with workers has died: which worker was lost, or what else.

In: a `Child` that has ended. Out: the MullError that the running turns and the next ones get.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.backends.rpc.handshake import greet_all
from mull.backends.rpc.process import Child
from mull.errors import EngineError, MullError

ANSWER_SECONDS = 1.0  # for each worker, which has nothing else to do now

_AGAIN = "The model is loaded again as soon as all workers answer; send the request again."


def loss(child: Child, workers: Sequence[str], patience: float) -> MullError:
    """The error for what ran in this child. Asks the workers, so it takes up to a second or two."""
    try:
        greet_all(workers, seconds=ANSWER_SECONDS)
        reason = ""
    except MullError as failure:
        reason = failure.message.rstrip(".")
    if child.silenced:
        found = reason or "all of them answer now"
        return EngineError("worker_stalled", f"A worker sent nothing for {patience:g} s: {found}.", _AGAIN)
    if reason:
        return EngineError("worker_lost", f"A worker was lost: {reason}.", _AGAIN)
    return EngineError(
        "model_process_ended", f"The process that computes with the workers failed: {child.why}.", _AGAIN
    )
