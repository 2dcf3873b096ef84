"""llguidance's compiled module, imported without the package around it.

The package's `__init__` reads its own version from the installed metadata and imports converters that mull does not
use: 0.06 to 0.1 s of processor time on a busy machine, where the compiled module takes 0.002 s.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import types
from typing import Any

_PACKAGE = "llguidance"
_MODULE = f"{_PACKAGE}._lib"

_lock = threading.Lock()


def llguidance() -> Any:
    """The module `llguidance._lib`, which has everything that the package exports and mull uses."""
    found = sys.modules.get(_MODULE)
    if found is not None:
        return found
    with _lock:
        return _import()


def _import() -> Any:
    """A stub with the right `__path__` replaces the package during the import; a later import gets the real one."""
    if _MODULE in sys.modules or _PACKAGE in sys.modules:
        return importlib.import_module(_MODULE)
    spec = importlib.util.find_spec(_PACKAGE)
    stub = types.ModuleType(_PACKAGE)
    stub.__path__ = list(spec.submodule_search_locations or ()) if spec is not None else []
    sys.modules[_PACKAGE] = stub
    try:
        return importlib.import_module(_MODULE)
    except ImportError:  # a version with another layout: import the whole package
        del sys.modules[_PACKAGE]
        return importlib.import_module(_PACKAGE)
    finally:
        if sys.modules.get(_PACKAGE) is stub:
            del sys.modules[_PACKAGE]
