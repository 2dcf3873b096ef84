"""What another needs to repeat a run, as names and values: settings, versions, machine, the identity of the models.

In: a run's record. Out: pairs of text. A value that is not known is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from mull.evaluation.command_words import base_name, file_name
from mull.evaluation.records import ModelRecord, RunRecord
from mull.settings import DEFAULT_SAMPLING
from mull.terminal.console.quantities import counted

Pairs = list[tuple[str, str]]
_NAMES = {"cpu": "Processor", "cores": "Cores", "memory": "Memory", "gpu": "GPU", "os": "System"}
_GIB = 1 << 30
OF_MODELS = ("sampling", "reasoning")
"""Settings that are another for each model and mode."""


def run_facts(run: RunRecord) -> Pairs:
    """Suites, modes, seed, settings."""
    settings = dict(run.settings)
    pairs = [
        ("Suites", "; ".join(f"{name} (sha256 {digest[:16]}…)" for name, digest in run.suites.items())),
        ("Questions of each", "" if run.limit is None else f"{run.limit}, spread over the suite"),
        ("Thinking", ", ".join(run.modes)),
        ("Repeats", str(run.repeats)),
        ("Seed", f"seed {run.seed}"),
        ("In parallel", "" if run.parallel is None else str(run.parallel)),
    ]
    for name in OF_MODELS:
        settings.pop(name, None)
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


def sampling_of(run: RunRecord, model: str, mode: str) -> str:
    """The sampling of a model in a mode, in words, without samplers that do nothing; empty where it is not known."""
    found = run.settings.get("sampling")
    for name in (model, mode):
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        return ""
    usual = asdict(replace(DEFAULT_SAMPLING, temperature=None, top_k=None, top_p=None, min_p=None))
    return value_text(
        {name: value for name, value in found.items() if value != usual.get(name) and value not in ([], ())}
    )


def model_facts(run: RunRecord, model: ModelRecord) -> Pairs:
    """The files with their digests, licence, base, context, sampling."""
    pairs = [("Reference", base_name(model.reference))]
    for file in files_of(model):
        size = f"{file['bytes']:,} bytes" if isinstance(file.get("bytes"), int) else ""
        digest = next(
            (f"{name} {file[name]}" for name in ("sha256", "samples") if file.get(name)), "not known"
        )
        name = file_name(str(file.get("path", "")))
        pairs.append(("File", "; ".join(filter(None, (name, size, digest)))))
    pairs += [
        ("Licence", model.license or "not stated"),
        ("Base model", model.base_model or ""),
        ("Context", counted(model.context, "token") if model.context else ""),
        ("Can think", "" if model.thinks is None else "yes" if model.thinks else "no"),
    ]
    pairs += [(f"Sampling, thinking {mode}", sampling_of(run, model.name, mode)) for mode in run.modes]
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
