"""What another needs to repeat a run, as names and values: settings, versions, machine, the identity of the models.

In: a run's record. Out: pairs of text. A value that is not known is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mull.evaluation.records import ModelRecord, RunRecord
from mull.terminal.console.quantities import counted

Pairs = list[tuple[str, str]]
_NAMES = {"cpu": "Processor", "cores": "Cores", "memory": "Memory", "gpu": "GPU", "os": "System"}
_GIB = 1 << 30


def run_facts(run: RunRecord) -> Pairs:
    """Suites, modes, seed, settings."""
    settings = dict(run.settings)
    pairs = [
        ("Suites", "; ".join(f"{name} (sha256 {digest[:16]}…)" for name, digest in run.suites.items())),
        ("Questions of each", "" if run.limit is None else f"the first {run.limit}"),
        ("Thinking", ", ".join(run.modes)),
        ("Repeats", str(run.repeats)),
        ("Seed", f"seed {run.seed}"),
        ("In parallel", "" if run.parallel is None else str(run.parallel)),
    ]
    sampling = settings.pop("sampling", None)
    if isinstance(sampling, dict):
        known = {name: value for name, value in sampling.items() if value is not None}
        pairs.append(("Sampling", value_text(known) or "as each model’s maker advises"))
    pairs += [(name.replace("_", " ").capitalize(), value_text(value)) for name, value in settings.items()]
    return [(name, value) for name, value in pairs if value]


def machine_facts(run: RunRecord) -> Pairs:
    """Machine and versions."""
    pairs = []
    for name, value in run.machine.items():
        shown = value_text(value)
        if name == "memory" and isinstance(value, int):
            shown = f"{value / _GIB:.0f} GiB"
        pairs.append((_NAMES.get(name, name.replace("_", " ").capitalize()), shown))
    pairs += [(name.replace("_", "-"), value_text(value)) for name, value in run.versions.items()]
    return [(name, value) for name, value in pairs if value]


def model_facts(model: ModelRecord) -> Pairs:
    """The files with their digests, licence, base, context."""
    pairs = [("Reference", model.reference)]
    for file in files_of(model):
        size = f"{file['bytes']:,} bytes" if isinstance(file.get("bytes"), int) else ""
        digest = next(
            (f"{name} {file[name]}" for name in ("sha256", "samples") if file.get(name)), "not known"
        )
        name = str(file.get("path", "")).replace("\\", "/").rpartition("/")[2]
        pairs.append(("File", "; ".join(filter(None, (name, size, digest)))))
    pairs += [
        ("Licence", model.license or "not stated"),
        ("Base model", model.base_model or ""),
        ("Context", counted(model.context, "token") if model.context else ""),
        ("Can think", "" if model.thinks is None else "yes" if model.thinks else "no"),
    ]
    for name in ("template", "server", "engine"):
        if known := model.identity.get(name):
            pairs.append((name.capitalize(), value_text(known)))
    return [(name, value) for name, value in pairs if value]


def files_of(model: ModelRecord) -> list[Mapping[str, Any]]:
    """The files of the model's identity; of a model of a server there are none."""
    files = model.identity.get("files")
    return [file for file in files if isinstance(file, dict)] if isinstance(files, list) else []


def value_text(value: Any) -> str:
    """A value for people: a mapping as `name value`, joined by commas."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{name} {value_text(one)}" for name, one in value.items() if one not in (None, {}, [])
        )
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(value_text, value))
    return json.dumps(value, ensure_ascii=False)
