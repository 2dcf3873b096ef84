"""The facts that `mull doctor` shows: the machine, the build of llama.cpp, the self-check, and the command for a fix.

Out: a frozen `Diagnosis`. `diagnose` runs the library's self-check in a child process; it loads no model here and
raises nothing.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import field, replace
from typing import Any

from mull import __version__
from mull.dataclass import dataclass
from mull.engine.diagnostics.cards import Card, find_cards, unused
from mull.engine.diagnostics.repair import CPU, rebuild_command
from mull.engine.native import devices as native_devices
from mull.engine.native import library as native
from mull.engine.native import selfcheck, verdicts
from mull.engine.native.devices import Device
from mull.engine.threads import default_threads
from mull.errors import MullError
from mull.fs import paths
from mull.models.memory.machine import measure

FEATURES = {
    # the spelling of /proc/cpuinfo: that of llama_print_system_info() (ggml-cpu.cpp, ggml_cpu_get_features)
    "avx": "AVX",
    "avx2": "AVX2",
    "f16c": "F16C",
    "fma": "FMA",
    "bmi2": "BMI2",
    "avx_vnni": "AVX_VNNI",
    "avx512f": "AVX512",
    "avx512vbmi": "AVX512_VBMI",
    "avx512_vnni": "AVX512_VNNI",
    "avx512_bf16": "AVX512_BF16",
    "amx_int8": "AMX_INT8",
    "asimd": "NEON",
    "asimddp": "DOTPROD",
    "i8mm": "MATMUL_INT8",
    "sve": "SVE",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Facts for `mull doctor`.

    `unused`: CPU features that llama.cpp has kernels for, but was built without; `verdict`: the result of the
    self-check; `fix`: a shell command, empty when nothing is wrong; `unused_cards`: graphics cards that this build does
    not use; `verdicts`: the stored results of checks in a child process, as `native/verdicts.py` stores them; `places`:
    label and path; `weaknesses`: why others could change what mull reads from there.
    """

    mull: str
    python: str
    system: str
    cpu: str
    cpu_features: tuple[str, ...]
    compiled_in: tuple[str, ...]
    unused: tuple[str, ...]
    threads: int
    llama: str
    library: str
    healthy: bool
    verdict: str
    fix: str = ""
    devices: tuple[Device, ...] = ()
    unused_cards: tuple[Card, ...] = ()
    verdicts: tuple[dict[str, Any], ...] = ()
    places: dict[str, str] = field(default_factory=dict)
    weaknesses: tuple[str, ...] = ()


def diagnose() -> Diagnosis:
    """Collect all facts. Raises nothing: a library that does not load is a finding."""
    identity = selfcheck.cpu_identity()
    features = cpu_features(identity)
    llama, library = "", ""
    compiled: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    try:
        library = _llama_library()
        healthy, verdict = (
            _self_check()
        )  # first: the calls below crash this process when the library is broken
        native.prepare(paths.state_dir())
        compiled, llama = compiled_features(native.system_info()), native.version()
        devices = tuple(map(_with_free_memory, native_devices.devices()))
    except MullError as error:
        healthy, verdict = False, error.message
    missing = tuple(name for name in features if name not in compiled) if compiled else ()
    cards = tuple(unused(find_cards(), devices))
    return Diagnosis(
        mull=__version__,
        python=f"{platform.python_version()} ({sys.executable})",
        system=f"{platform.system()} {platform.release()} ({platform.machine()})",
        cpu=_cpu_name(identity),
        cpu_features=features,
        compiled_in=compiled,
        unused=missing,
        threads=default_threads(),
        llama=llama,
        library=library,
        healthy=healthy,
        verdict=verdict,
        fix=_fix(cards, repair=not healthy or bool(missing)),
        devices=devices,
        unused_cards=cards,
        verdicts=tuple(verdicts.stored(paths.state_dir(), selfcheck.library_identity())),
        places=_places(),
        weaknesses=tuple(paths.weaknesses()),
    )


def clear_verdicts() -> int:
    """Remove the stored verdicts on the library and on model files; returns how many there were. Raises OSError."""
    return verdicts.clear(paths.state_dir())


def cpu_features(identity: str) -> tuple[str, ...]:
    """The CPU's features that llama.cpp has kernels for, in llama.cpp's spelling."""
    flags = set(identity.lower().split())
    return tuple(name for flag, name in FEATURES.items() if flag in flags)


def compiled_features(info: str) -> tuple[str, ...]:
    """The features in `llama_print_system_info()`: "AVX = 1 | AVX2 = 1 | …"."""
    return tuple(re.findall(r"(\w+) = 1\b", info))


def _fix(cards: Sequence[Card], *, repair: bool) -> str:
    """The command for a build that uses the first usable card too; for the CPU alone where that needs one."""
    usable = next((card.builds[0] for card in cards if not card.problem), None)
    if usable is None:
        return rebuild_command(CPU) if repair else ""
    return rebuild_command(usable)


def _llama_library() -> str:
    """The library that the bindings load."""
    names = {"libllama", "llama"}
    return next((str(path) for path in native.library_files() if path.name.split(".")[0] in names), "")


def _with_free_memory(device: Device) -> Device:
    """A CPU's free memory is the system's, which llama.cpp does not report."""
    if device.kind != "cpu":
        return device
    free = measure(speed=False).ram_free
    return replace(device, memory_free=min(free, device.memory_total))


def _self_check() -> tuple[bool, str]:
    verdict = selfcheck.check_library(paths.state_dir())
    if verdict.use_extra_bufts:
        return True, verdict.detail
    return False, f"{verdict.detail}; CPU weight repacking is disabled, so generation is slower"


def _cpu_name(identity: str) -> str:
    named = re.search(r"^model name\s*:\s*(.+)$", identity, re.MULTILINE)
    return named.group(1) if named else platform.processor() or platform.machine()


def _places() -> dict[str, str]:
    state = paths.state_dir()
    return {
        "Config": str(paths.config_dir() / "config.toml"),
        "State": str(state),
        "Cache": str(paths.cache_dir()),
        "llama.cpp log": str(state / "llama.log"),
    }
