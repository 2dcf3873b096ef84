"""The llama.cpp library: found, loaded and initialized once, with its log in a file.

In: the state folder. Out: the low-level ctypes bindings, and what the library says about itself. Raises
EngineError when it is missing or does not load. Only the bindings are imported, not the package around them, whose
import takes longer than pebble's whole answer. Nothing is written to the screen. Crashes are found by `selfcheck.py`,
in a child process, before the library is used.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import importlib.util
import os
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mull.dataclass import dataclass
from mull.engine.native.log import Log
from mull.errors import EngineError

LOG = "llama.log"  # in the state folder
_PACKAGE = "llama_cpp"

_ENVIRONMENT = {
    # On a failed assertion ggml would start a debugger, which prints a backtrace to the screen.
    "GGML_NO_BACKTRACE": "1",
    # GNU OpenMP spins for milliseconds at every barrier by default, hundreds of barriers per token: when another
    # program has one of the cores, both wait for each other (0.7 tokens per second instead of 11, measured with two
    # busy cores). A thousand rounds bridge the wait between balanced threads, then the core is released.
    "GOMP_SPINCOUNT": "1000",
    # numpy's linear algebra, which is not used here, would start one spinning thread per core.
    "OPENBLAS_NUM_THREADS": "1",
}

_started: _Started | None = None
_log_dropped = False  # once, see `may_drop_log`


@dataclass(frozen=True, slots=True)
class _Started:
    log: Log
    callback: Any  # the library holds a pointer to it


@functools.cache
def bindings() -> Any:
    """The module `llama_cpp.llama_cpp`. Raises EngineError when the library is missing or does not load."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)  # the libraries read these while they are loaded
    try:
        return _import_submodule(_PACKAGE)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise EngineError(
            "native_missing",
            f"The llama.cpp library cannot be loaded: {error}",
            "Reinstall llama-cpp-python for this Python; `mull doctor` shows the command.",
        ) from error


def extension() -> Any:
    """The module `llama_cpp.llama_cpp_ext`. Raises ImportError or AttributeError in versions without it."""
    return _import_submodule(f"{_PACKAGE}_ext")


def _import_submodule(name: str) -> Any:
    """Import a submodule without its package.

    The package's `__init__` imports numpy, jinja2 and its chat formats, which are not needed and take 0.13 to 0.25 s. A
    stub with the right `__path__` replaces the package during the import, and is removed afterwards, so that a later
    plain `import llama_cpp` still imports the real one.
    """
    if _PACKAGE in sys.modules:
        return importlib.import_module(f"{_PACKAGE}.{name}")
    places = _package_places()
    if not places:
        raise ImportError(f"no module named {_PACKAGE}")
    stub = types.ModuleType(_PACKAGE)
    stub.__path__ = places
    sys.modules[_PACKAGE] = stub
    try:
        return importlib.import_module(f"{_PACKAGE}.{name}")
    except ImportError:  # a version with another layout: import the whole package
        del sys.modules[_PACKAGE]
        return importlib.import_module(f"{_PACKAGE}.{name}")
    finally:
        if sys.modules.get(_PACKAGE) is stub:
            del sys.modules[_PACKAGE]


def prepare(state_dir: Path) -> Any:
    """Initialize llama.cpp with its log in `state_dir/llama.log`; returns the bindings. The first call sets the folder.

    Raises EngineError when the library is missing or does not load.
    """
    global _started  # noqa: PLW0603 - llama.cpp has one log callback per process
    llama = bindings()
    if _started is None:
        log = Log(state_dir / LOG, debug=bool(os.environ.get("MULL_DEBUG")))
        callback = llama.llama_log_callback(log)
        # Threads of the library may log until the process ends, after Python has cleared this module.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(callback))
        llama.llama_log_set(callback, None)
        llama.llama_backend_init()
        _started = _Started(log, callback)
    return llama


def may_drop_log() -> bool:
    """Whether no log is needed while a model loads: for the first load of the process, unless MULL_DEBUG is set.

    Later loads may run beside threads whose failures the log explains.
    """
    return _started is not None and not _log_dropped and not os.environ.get("MULL_DEBUG")


@contextlib.contextmanager
def unlogged() -> Iterator[None]:
    """Drop what llama.cpp logs meanwhile, after `prepare`.

    It logs a thousand lines while it loads a model, and each waits for the interpreter, which threads that import
    modules release every 5 ms: SmolLM2-135M loads in 0.1 s without the log, and in 0.6 s with it beside a busy thread.
    """
    global _log_dropped  # noqa: PLW0603 - llama.cpp has one log callback per process
    assert _started is not None
    _log_dropped = True
    llama = bindings()
    libc = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
    nothing = ctypes.cast(
        libc.abs, llama.llama_log_callback
    )  # a function that does nothing with any arguments
    llama.llama_log_set(nothing, None)
    try:
        yield
    finally:
        llama.llama_log_set(_started.callback, None)


def forget_log_errors() -> None:
    """Call this before an operation whose failure `last_log_error()` is to explain."""
    if _started is not None:
        _started.log.forget()


def last_log_error() -> str | None:
    """The line of the log that explains why the last operation failed; None when nothing was logged."""
    return _started.log.reason() if _started is not None else None


def library_files() -> list[Path]:
    """The shared libraries of this llama.cpp, sorted. They are not loaded for this: some crash when they are."""
    override = os.environ.get("LLAMA_CPP_LIB_PATH")  # the bindings use it too
    folders = [Path(override)] if override else [Path(place) / "lib" for place in _package_places()]
    found = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    return sorted(path for path in found if ".so" in path.name or path.suffix in {".dll", ".dylib"})


@functools.cache
def _package_places() -> list[str]:
    """The package's folders; looked up once, because a stub replaces the package during the import."""
    spec = importlib.util.find_spec(_PACKAGE)
    return list(spec.submodule_search_locations or ()) if spec is not None else []


def system_info() -> str:
    """llama.cpp's own line on the CPU features that it was compiled for."""
    return str(bindings().llama_print_system_info().decode("utf-8", "replace")).strip()


@functools.cache
def bindings_version() -> str:
    """The version of llama-cpp-python, read from its source: its import takes 0.1 s. Empty where it has none."""
    for place in _package_places():
        with contextlib.suppress(OSError):
            head = (Path(place) / "__init__.py").read_text(encoding="utf-8", errors="replace")
            if found := re.search(r'__version__\s*=\s*"([^"]+)"', head):
                return found[1]
    return ""


def version() -> str:
    """The version of llama.cpp itself, empty when the library does not report it."""
    llama_version = getattr(bindings(), "llama_version", None)
    return llama_version().decode("utf-8", "replace") if llama_version else ""
