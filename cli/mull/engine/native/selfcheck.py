"""The self-check: the native library and untrusted model files are tried in a child process before they are used.

In: the state folder, and a model file. Out: a `SelfCheckVerdict` on the library; nothing for a file that is fine.
Raises EngineError when the library crashes, ModelFileError when opening the file does. Results are cached in the state
folder, by library files and CPU, and by file stamp. So a native crash never takes down the user's first command.
"""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mull.engine.native import isolated
from mull.engine.native import library as native
from mull.errors import EngineError, ModelFileError
from mull.fs.file_stamp import stamp
from mull.fs.json_cache import JsonCache

PEBBLE = Path(__file__).resolve().parents[2] / "data" / "pebble.gguf"

_FORMAT = 1  # of the cached verdicts; older ones are ignored

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
    cache = JsonCache(state_dir / "native-check.json")
    key = _digest(library_identity(), str(model.stat().st_size))
    verdict = cache.get(key)
    if verdict is None:
        found = _try_library(str(model), command)
        if found is None:
            return SelfCheckVerdict(
                ok=True, use_extra_bufts=True, detail="not checked: no child process could be run"
            )
        cache.put(key, asdict(found))
        verdict = {**asdict(found), "new": True}
    result = SelfCheckVerdict(**verdict)
    if not result.ok:
        raise EngineError(
            "native_crash",
            f"The llama.cpp library crashes on this machine ({result.detail}).",
            "`mull doctor` shows how to build it so that it does not.",
        )
    return result


def _try_library(model: str, command: Command) -> SelfCheckVerdict | None:
    plain = isolated.run(command(["--model", model]))
    if plain is None:
        return None
    problem = plain.crashed or _wrong_results(plain)
    if not problem:
        return SelfCheckVerdict(ok=True, use_extra_bufts=True, detail="passed")
    slower = isolated.run(command(["--model", model, "--no-extra-buffers"]))
    if slower is not None and not slower.crashed and not _wrong_results(slower):
        return SelfCheckVerdict(
            ok=True, use_extra_bufts=False, detail=f"{problem} with repacked weights, passed without"
        )
    return SelfCheckVerdict(ok=False, use_extra_bufts=False, detail=problem)


def _wrong_results(outcome: isolated.ChildOutcome) -> str:
    return "" if outcome.answer.get("finite", True) else "results that are not numbers"


def was_checked(path: Path, state_dir: Path) -> bool:
    """Whether this file was opened in a child process before, without a crash."""
    try:
        verdict = _files(state_dir).get(_file_identity(path))
    except OSError:
        return False
    return verdict is not None and not verdict.get("crashed", True)


def check_file(path: Path, state_dir: Path, *, command: Command = checker) -> None:
    """Open a file in a child process, once per file. Raises ModelFileError when that crashes the child."""
    cache, key = _files(state_dir), _file_identity(path)
    verdict = cache.get(key)
    if verdict is None:
        outcome = isolated.run(command(["--file", str(path)]))
        if outcome is None:
            return
        verdict = {"crashed": outcome.crashed, "last_words": outcome.last_words}
        cache.put(key, verdict)
    if verdict["crashed"]:
        why = _assertion(str(verdict["last_words"])) or str(verdict["crashed"])
        raise ModelFileError(
            "model_crash",
            f"{path} is malformed: opening it crashes llama.cpp ({why}).",
            "Get the file from another source, or convert it again.",
        )


def _files(state_dir: Path) -> JsonCache:
    return JsonCache(state_dir / "file-check.json")


def _assertion(last_words: str) -> str:
    """ "/src/llama-vocab.cpp:2012: GGML_ASSERT(a == b) failed" without the path of the build folder."""
    _, found, rest = last_words.partition("GGML_ASSERT")
    return found + rest


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


def _file_identity(path: Path) -> str:
    found = stamp(path)
    return _digest("file", path.resolve(), found.size, found.mtime_ns, found.inode)


def _digest(*facts: object) -> str:
    return hashlib.sha256("\n".join(map(str, (_FORMAT, *facts))).encode("utf-8", "replace")).hexdigest()[:32]
