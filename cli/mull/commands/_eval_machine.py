"""The machine and the versions that a run of `mull eval` records, as JSON values. Nothing in them names a user."""

from __future__ import annotations

import os
import platform
import re
from typing import Any


def machine() -> dict[str, Any]:
    """CPU, cores, memory in bytes, GPUs, operating system."""
    from mull.backends.load_plan import this_machine
    from mull.engine.native.selfcheck import cpu_identity

    found = this_machine(speed=False)
    named = re.search(r"^model name\s*:\s*(.+)$", cpu_identity(), re.MULTILINE)
    return {
        "cpu": named.group(1) if named else platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory": found.ram_total,
        "gpu": [{"name": gpu.name, "memory": gpu.total} for gpu in found.devices],
        "os": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    """Of mull, llama-cpp-python and Python; that of llama.cpp is in a model's identity."""
    from mull import __version__
    from mull.engine.native import library

    return {
        "mull": __version__,
        "llama_cpp_python": library.bindings_version(),
        "python": platform.python_version(),
    }
