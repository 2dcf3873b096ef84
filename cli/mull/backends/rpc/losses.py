"""Why a child process with workers has died: which worker was lost, or what else.

In: a `Child` that has ended. Out: the MullError that the running turns and the next ones get.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mull.backends.rpc.handshake import greet_all
from mull.backends.rpc.process import Child
from mull.errors import EngineError, MullError

ANSWER_SECONDS = 1.0  # for each worker, which has nothing else to do now

_AGAIN = "The model is loaded again as soon as all workers answer; send the request again."
_CHECK = "Check the workers, and run the same version of mull on all machines."
_PLACE = re.compile(r"^\S+\.\w+:\d+: ")  # where in llama.cpp's sources it was said


def loss(child: Child, workers: Sequence[str], patience: float) -> MullError:
    """The error for what ran in this child. Asks the workers, so it takes up to a second or two."""
    try:
        greet_all(workers, seconds=ANSWER_SECONDS)
        reason = ""
    except MullError as failure:
        reason = failure.message.rstrip(".")
    hint = _AGAIN if child.loaded else _CHECK
    if child.silenced:
        found = reason or "all of them answer now"
        return EngineError("worker_stalled", f"A worker sent nothing for {patience:g} s: {found}.", hint)
    if reason:
        return EngineError("worker_lost", f"A worker was lost: {reason}.", hint)
    return EngineError(
        "model_process_ended",
        f"The process that computes with the workers failed: {_PLACE.sub('', child.why).rstrip('.')}.",
        hint,
    )
