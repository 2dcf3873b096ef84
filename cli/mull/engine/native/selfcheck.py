"""The self-check: the native library computes in a child process before it is used in this one.

In: the state folder. Out: a `SelfCheckVerdict`. Raises EngineError when the library crashes (native_crash), or when
something else stopped the child (check_stopped). Verdicts are cached in the state folder, by library files and CPU
(`verdicts.py`). So a native crash never takes down the user's first command.
"""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mull.dataclass import dataclass
from mull.engine.native import isolated
from mull.engine.native import library as native
from mull.engine.native.verdicts import LIBRARY, Verdicts
from mull.errors import EngineError
from mull.fs.file_stamp import stamp

PEBBLE = Path(__file__).resolve().parents[2] / "data" / "pebble.gguf"

_FORMAT = 1  # of the digests, which other caches use too

Command = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True, slots=True)
class SelfCheckVerdict:
    """On the library. `use_extra_bufts` False: CPU weight repacking crashes and is to be disabled. `new`: not
    cached."""

    ok: bool
    use_extra_bufts: bool
    detail: str
    new: bool = False


def checker(arguments: Sequence[str]) -> Sequence[str]:
    """The command line of the child process."""
    return isolated.python("mull.engine.native.selfcheck_child", *arguments)


def check_library(state_dir: Path, *, model: Path = PEBBLE, command: Command = checker) -> SelfCheckVerdict:
    """Check that the library computes a prompt without crashing; once per library and CPU.

    `model`: the model to compute with. `command`: makes the command line to run of the child's arguments.
    Raises EngineError when it crashes even with weight repacking disabled.
    """
    if not model.is_file():
        return SelfCheckVerdict(ok=True, use_extra_bufts=True, detail="not checked: no model to check with")
    identity = library_identity()
    verdicts, key = Verdicts(state_dir, LIBRARY, identity), _digest(identity, str(model.stat().st_size))
    stored = verdicts.get(key)
    if stored is not None:
        fallback = bool(stored.get("fallback"))
        result = SelfCheckVerdict(stored["ok"] or fallback, stored["ok"], str(stored.get("reason")))
    else:
        found = _try_library(str(model), command)
        if found is None:
            return SelfCheckVerdict(
                ok=True, use_extra_bufts=True, detail="not checked: no child process could be run"
            )
        # Weight repacking that crashes is a bad verdict too: it is tried again after a while.
        verdicts.put(
            key,
            "the llama.cpp library",
            ok=found.use_extra_bufts,
            reason=found.detail,
            fallback=found.ok and not found.use_extra_bufts,
        )
        result = replace(found, new=True)
    if not result.ok:
        raise EngineError(
            "native_crash",
            f"The llama.cpp library crashes on this machine ({result.detail}).",
            "`mull doctor` shows how to build it so that it does not.",
        )
    return result


def _try_library(model: str, command: Command) -> SelfCheckVerdict | None:
    plain = _run(command(["--model", model]))
    if plain is None:
        return None
    problem = plain.crashed or _wrong_results(plain)
    if not problem:
        return SelfCheckVerdict(ok=True, use_extra_bufts=True, detail="passed")
    slower = _run(command(["--model", model, "--no-extra-buffers"]))
    if slower is not None and not slower.crashed and not _wrong_results(slower):
        return SelfCheckVerdict(
            ok=True, use_extra_bufts=False, detail=f"{problem} with repacked weights, passed without"
        )
    return SelfCheckVerdict(ok=False, use_extra_bufts=False, detail=problem)


def _run(command: Sequence[str]) -> isolated.ChildOutcome | None:
    """Run a child. Raises EngineError when something else than the library ended it."""
    outcome = isolated.run(command)
    if outcome is not None and outcome.stopped:
        raise EngineError(
            "check_stopped",
            f"The self-check of the llama.cpp library {outcome.stopped}.",
            "Free memory or wait until the machine is less busy, and try again.",
        )
    return outcome


def _wrong_results(outcome: isolated.ChildOutcome) -> str:
    return "" if outcome.answer.get("finite", True) else "results that are not numbers"


@functools.cache
def cpu_identity() -> str:
    """This CPU's model and feature flags, which decide which kernels run."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = []
            for line in file:
                if not line.strip():
                    break  # the first core stands for all
                if line.startswith(("model name", "flags", "Features", "CPU part", "CPU implementer")):
                    lines.append(line.strip())
            return "\n".join(lines)
    except OSError:
        return f"{platform.machine()} {platform.processor()}"


def library_identity() -> str:
    """A digest of the library's files and the CPU. Where it is equal, the same kernels run."""
    stamps = ((path, stamp(path)) for path in native.library_files())
    facts = [f"{path}:{found.size}:{found.mtime_ns}" for path, found in stamps]
    return _digest("library", *facts, cpu_identity())


def _digest(*facts: object) -> str:
    return hashlib.sha256("\n".join(map(str, (_FORMAT, *facts))).encode("utf-8", "replace")).hexdigest()[:32]
