"""Check an unverified model file before this process opens it: its header first, then in a child process.

In: a path (of a split model: the first part), the settings that it will be loaded with. Out: nothing for a file that is
fine. Raises ModelFileError: the header has impossible values, llama.cpp refuses the file, or crashes on it; EngineError
(check_stopped) when something else stopped the child. Verdicts are cached by file stamps (`native/verdicts.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mull.engine.native import isolated, selfcheck
from mull.engine.native.memory_errors import lacking
from mull.engine.native.verdicts import FILES, Verdicts
from mull.engine.threads import default_threads
from mull.errors import EngineError, ModelFileError, MullError
from mull.fs.file_stamp import stamp
from mull.fs.os_failures import used_up_in
from mull.models.naming.filenames import part_paths
from mull.settings import EngineSettings

Command = Callable[[Sequence[str]], Sequence[str]]

DEVICE_MEMORY = "device_memory"
"""The code of the error that a model does not fit on the GPU."""

LARGE = 1 << 30
"""Bytes of a file above which the child leaves out CPU weight repacking: it would copy all weights."""

SLOWEST = 50e6
"""Bytes per second of the slowest disk that the child is given the time to read from."""


def checker(arguments: Sequence[str]) -> Sequence[str]:
    """The command line of the child process."""
    return isolated.python("mull.engine.file_check_child", *arguments)


def was_checked(path: Path, state_dir: Path) -> bool:
    """Whether this file has passed the check, with whatever settings."""
    try:
        verdict = _verdicts(state_dir).get(_identity(path))
    except OSError:
        return False
    return verdict is not None and verdict["ok"]


def check_file(
    path: Path,
    state_dir: Path,
    settings: EngineSettings | None = None,
    *,
    use_extra_bufts: bool = True,
    command: Command = checker,
) -> None:
    """Check a file, once for each KV type and kind of attention.

    `use_extra_bufts`: whether the library may repack weights. `command`: makes the command line to run of the child's
    arguments. A child that cannot run, or fails without a crash, is no verdict: the file is not opened.
    """
    settings = settings or EngineSettings()
    verdicts, key = _verdicts(state_dir), _identity(path)
    kind = f"{settings.kv_type or 'f16'} {settings.flash_attention}"
    verdict = verdicts.get(key)
    if verdict is None or (verdict["ok"] and kind not in verdict.get("kinds", ())):
        _check_headers(path)
        outcome = isolated.run(
            command(_arguments(path, settings, use_extra_bufts=use_extra_bufts)),
            timeout=isolated.TIMEOUT + _size(path) / SLOWEST,
        )
        if outcome is None:
            raise EngineError(
                "check_stopped",
                f"{path} could not be checked: the child process that checks model files cannot run.",
                "This says nothing about the file. Check the limits of processes and open files (ulimit -a), and the "
                "temporary folder.",
            )
        if outcome.stopped:
            raise EngineError(
                "check_stopped",
                f"{path} could not be checked: the check {outcome.stopped}.",
                "This says nothing about the file. Free memory or wait until the machine is less busy, and try again.",
            )
        if not outcome.crashed and not outcome.answer.get("loaded", True):
            raise refused(path, outcome.answer.get("reason"))
        damage = "" if outcome.crashed else outcome.answer.get("damage", "")
        verdict = verdicts.put(
            key,
            str(path),
            ok=not outcome.crashed and not damage,
            reason=damage or (outcome.crashed and (_assertion(outcome.last_words) or outcome.crashed)),
            crashed=bool(outcome.crashed),
            kinds=[*(verdict.get("kinds", ()) if verdict else ()), kind],
        )
    if not verdict["ok"] and not verdict.get("crashed", True):
        raise ModelFileError(
            "model_damaged",
            f"{path} is damaged: it {verdict.get('reason')}.",
            "Get the file from another source, or convert it again.",
        )
    if not verdict["ok"]:
        raise ModelFileError(
            "model_crash",
            f"{path} is malformed: it crashes llama.cpp ({verdict.get('reason')}).",
            "Get the file from another source, or convert it again.",
        )


def refused(path: Path, reason: str | None, *, on_gpu: bool = False) -> MullError:
    """The error for a file that llama.cpp does not load, with its reason: memory, file descriptors, or the file."""
    match lacking(reason, on_gpu=on_gpu):
        case "device":
            return EngineError(
                DEVICE_MEMORY,
                f"{path.name} does not fit on the GPU: {reason}.",
                "Put fewer layers on it: --gpu-layers N; 0 keeps the GPU out.",
            )
        case "main":
            return EngineError(
                "out_of_memory",
                f"{path.name} needs more memory than this machine can provide: {reason}.",
                "Close other programs, or use a smaller quantization or a smaller model.",
            )
    if limit := used_up_in(reason or ""):
        return limit
    try:
        _check_headers(path)  # of a verified file for the first time
    except ModelFileError as error:
        return error
    return ModelFileError(
        "model_refused",
        f"{path} cannot be loaded: {(reason or 'llama.cpp gave no reason').rstrip('.')}.",
        "If the file is truncated or damaged, download it again; newer models may need a newer llama.cpp.",
    )


def _check_headers(path: Path) -> None:
    """Raises ModelFileError for no language model, and for impossible values.

    A header that mull cannot parse is left to llama.cpp."""
    from mull.models.gguf.header import DAMAGED, read_header
    from mull.models.gguf.kind import NOT_CHAT, check_kind
    from mull.models.gguf.values import check_values

    for part in part_paths(path):
        try:
            header = read_header(part)
            if part == path:
                check_kind(header, path)
            check_values(header, str(part))
        except ModelFileError as error:
            if error.code in {DAMAGED, NOT_CHAT}:
                raise


def _arguments(path: Path, settings: EngineSettings, *, use_extra_bufts: bool) -> list[str]:
    from mull.models.memory.machine import measure

    size = _size(path)
    arguments = ["--threads", str(settings.threads or default_threads())]
    if not use_extra_bufts or size > LARGE:
        arguments.append("--no-extra-buffers")
    if size > measure(speed=False).ram_free:
        arguments.append("--no-decode")  # it would read the file from disk again and again
    if settings.kv_type is not None:
        arguments += ["--kv-type", settings.kv_type]
    if settings.flash_attention is not None:
        arguments += ["--flash", "on" if settings.flash_attention else "off"]
    return [*arguments, str(path)]


def _size(path: Path) -> int:
    size = 0
    for part in part_paths(path):
        with suppress(OSError):  # llama.cpp names a missing part
            size += part.stat().st_size
    return size


def _verdicts(state_dir: Path) -> Verdicts:
    return Verdicts(state_dir, FILES, selfcheck.library_identity())


def _identity(path: Path) -> str:
    """A digest of the paths and stamps of all parts. Raises OSError for the first part."""
    facts: list[Any] = [path.resolve(), stamp(path)]
    for part in part_paths(path):
        with suppress(OSError):
            facts.append(stamp(part))
    return hashlib.sha256("\n".join(map(str, facts)).encode("utf-8", "replace")).hexdigest()[:32]


def _assertion(last_words: str) -> str:
    """ "/src/llama-vocab.cpp:2012: GGML_ASSERT(a == b) failed" without the path of the build folder."""
    _, found, rest = last_words.partition("GGML_ASSERT")
    return found + rest
