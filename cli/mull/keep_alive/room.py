"""Room for another model: servers without work end, the least recently used first, until it fits beside the rest.

In: the model file and its engine settings. Out: fewer servers, where memory is short. It fits if the memory plan says
so with what the other servers have mapped taken off, and if it lies on the GPU as a whole where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mull.keep_alive import process, record, stopping
from mull.keep_alive.record import KeptServer
from mull.settings import EngineSettings

Fits = Callable[[Sequence[KeptServer]], bool]


def make_room(own_key: str, fits: Fits) -> None:
    """End servers until `fits` says yes of those that are left. One that answers a call is left alone."""
    others = [server for server in record.running() if server.key != own_key]
    for server in sorted(others, key=lambda one: one.used):
        if fits(others):
            return
        if not stopping.is_busy(server) and stopping.stop(server):
            others.remove(server)


def memory_fits(path: Path, engine: EngineSettings) -> Fits:
    """Whether there is memory for this model beside some servers."""

    def fits(others: Sequence[KeptServer]) -> bool:
        import psutil

        from mull.backends.load_plan import planned
        from mull.engine.native import devices

        _, plan = planned(path, engine)
        if plan is None:  # too small to matter
            return True
        # The system counts a mapped model as memory that it could take back.
        mapped = sum(process.memory(server.pid) or 0 for server in others)
        room = psutil.virtual_memory().available - mapped
        on_gpu = engine.gpu_layers is None and devices.has_gpu_backend()
        return plan.fits and plan.ram <= room and (plan.verdict == "gpu" or not on_gpu)

    return fits
