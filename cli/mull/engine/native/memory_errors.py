"""Whether a failure of llama.cpp was a lack of memory, and of which: judged by the line that it logged.

In: the reason from the log. Out: "device", "main", or None for another failure. The patterns are messages of
llama.cpp (llama-model.cpp, llama-kv-cache.cpp, llama-context.cpp, ggml-alloc.c) and of the backends.
"""

from __future__ import annotations

import re
from typing import Literal

Memory = Literal["device", "main"]

_BUFFER = re.compile(r"(?:unable|failed) to allocate (\S+) buffer\b")
_ALLOCATION = re.compile(
    r"(?:unable|failed) to allocate (?:buffer|compute|output buffer|graph)|bad_alloc|cannot allocate memory|"
    r"out of (?:host )?memory|OutOfHostMemory|posix_memalign|insufficient memory",
    re.IGNORECASE,
)
_DEVICE = re.compile(r"OutOfDeviceMemory|cudaMalloc|hipMalloc|out of device memory", re.IGNORECASE)
_MAIN_BUFFER = re.compile(r"CPU|AMX|.*_Host$")


def lacking(reason: str | None, *, on_gpu: bool) -> Memory | None:
    """Which memory ran out. `on_gpu`: a message that names no buffer is taken to mean the device's."""
    text = reason or ""
    if _DEVICE.search(text):
        return "device"
    if named := _BUFFER.search(text):
        return "main" if _MAIN_BUFFER.match(named.group(1)) else "device"
    if _ALLOCATION.search(text):
        return "device" if on_gpu else "main"
    return None
