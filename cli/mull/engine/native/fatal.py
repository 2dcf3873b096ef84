"""What llama.cpp ends the process for (a device that is lost, a failed assertion), turned into an error of one thread.

ggml aborts on a fatal error of a device, and an exception that its Vulkan backend throws while it computes ends the
process too. Both call a function first, which must not return. Ours reports the failure to whoever waits for the
thread, and then blocks that thread for good: what llama.cpp holds is lost, but the text so far is kept and the process
ends in its usual way. In a thread without a watcher the message is printed as ggml prints it.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from mull.engine.native import library

Watcher = Callable[[str], None]

_TERMINATE = "_ZSt13set_terminatePFvvE"  # std::set_terminate(void (*)())
_RUNTIMES = ("libstdc++.so.6", "libc++.so.1", "/usr/lib/libc++abi.dylib")

_watchers: dict[int, Watcher] = {}  # by thread
_process_watchers: list[Watcher] = []
_kept: list[Any] = []  # the callbacks, which native code holds pointers to


def watch(watcher: Watcher) -> None:
    """Have fatal errors of this thread reported to `watcher`, with their message. It must not raise."""
    _install()
    _watchers[threading.get_ident()] = watcher


def watch_process(watcher: Watcher) -> None:
    """Have fatal errors of every thread reported to `watcher`, which ends the process."""
    _install()
    _process_watchers.append(watcher)


def _install() -> None:
    if _kept:
        return
    aborted = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(
        lambda message: _report((message or b"").decode("utf-8", "replace"))
    )
    terminated = ctypes.CFUNCTYPE(None)(lambda: _report(""))
    for callback in (aborted, terminated):
        _kept.append(callback)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(callback))  # native threads may outlive this module
    for path in library.library_files():
        if path.name.split(".")[0] in {"libggml-base", "ggml-base", "libggml", "ggml"}:
            with suppress(OSError, AttributeError):
                ctypes.CDLL(str(path)).ggml_set_abort_callback(aborted)
                break
    for name in _RUNTIMES:
        with suppress(OSError, AttributeError):
            getattr(ctypes.CDLL(name), _TERMINATE)(terminated)
            break


def _report(message: str) -> None:
    for last in _process_watchers:
        last(message)
    watcher = _watchers.get(threading.get_ident())
    if watcher is None:
        with suppress(OSError):
            os.write(2, f"{message or 'llama.cpp failed'}\n".encode())
        if not message:  # std::terminate: its handler must not return
            os.abort()
        return  # ggml aborts
    watcher(message)
    threading.Event().wait()
