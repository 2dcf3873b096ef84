"""The models of a run of `mull eval`: which ones, and what is recorded of each. Raises UsageError, MullError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mull.dataclass import dataclass
from mull.errors import MullError, UsageError
from mull.evaluation.records import ModelRecord

if TYPE_CHECKING:
    from mull.backends.base import ChatBackend
    from mull.commands._eval_options import EvalFlags
    from mull.commands._run_config import RunConfig
    from mull.events import Asked
    from mull.models.resolved import Resolved
    from mull.settings import TurnSettings

_AGAIN = "Start the evaluation again, without --resume."


@dataclass(frozen=True, slots=True)
class EvalModel:
    """A model to ask. `name`: what records and tables call it; no two models of a run have the same."""

    name: str
    resolved: Resolved


def models_of(flags: EvalFlags, run: RunConfig) -> list[EvalModel]:
    """Those of --models, else the one that -m, the environment or the config name."""
    if flags.models is None:
        resolved = run.model.resolve()
        return _with_base([resolved], [resolved.reference], flags, run)
    if flags.model is not None:
        raise UsageError("conflicting_options", "-m and --models exclude each other.", "Give one of them.")
    names = [word.strip() for word in flags.models.split(",") if word.strip()]
    if not names:
        raise UsageError("usage_error", "--models names no model.", "Separate names with commas.")
    found = [run.model.resolve(name) for name in names]
    return _with_base(found, names, flags, run)


def _with_base(
    found: Sequence[Resolved], names: Sequence[str], flags: EvalFlags, run: RunConfig
) -> list[EvalModel]:
    """The models by their names, and the base that they are compared with, last."""
    if flags.against is not None:
        found, names = [*found, run.model.resolve(flags.against)], [*names, flags.against]
    return [EvalModel(name, one) for name, one in zip(_unique(found, names), found, strict=True)]


def _unique(found: Sequence[Resolved], given: Sequence[str]) -> list[str]:
    """The models' names; where two are the same, what the user wrote, of paths as much as tells them apart."""
    names = [model.name for model in found]
    shared = [model for model in found if names.count(model.name) > 1]
    files = [model for model in shared if model.source == "file"]
    ends = dict(zip(map(id, files), _ends([model.path.absolute() for model in files]), strict=True))
    words = [ends.get(id(model), word) for model, word in zip(found, given, strict=True)]
    names = [word if names.count(name) > 1 else name for name, word in zip(names, words, strict=True)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError("usage_error", f"--models names {twice} twice.", "Use --repeat to ask it twice.")
    return names


def _ends(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of absolute paths of which no two are the same; the names of the files if two paths are."""
    for count in range(1, max((len(path.parts) for path in paths), default=0)):
        ends = ["/".join(path.parts[-count:]) for path in paths]
        if len({*ends}) == len(ends):
            return ends
    return [path.name for path in paths]


def settings_of(run: RunConfig, backend: ChatBackend, mode: Asked, seed: int) -> TurnSettings:
    """A mode's settings; the seed is set, so that a run can be repeated."""
    sampling = replace(run.preferences.sampling, seed=seed)
    preferences = replace(run.preferences, reasoning=run.reasoning.with_mode(mode), sampling=sampling)
    return preferences.turn_settings(backend.sampling_advice)


def recorded(model: EvalModel, backend: ChatBackend | None = None) -> ModelRecord:
    """What a run records of a model; with a backend that is loaded, its identity, context and thinking too."""
    from mull.backends.base import Identified

    licence, base = _origin(model.resolved)
    record = ModelRecord(model.name, model.resolved.reference, license=licence, base_model=base)
    if backend is None:
        return record
    identity = dict(backend.identity()) if isinstance(backend, Identified) else {}
    return replace(record, identity=identity, context=backend.context_tokens, thinks=backend.can_think)


def _origin(resolved: Resolved) -> tuple[str | None, str | None]:
    """The licence and the base of a model: as its file claims, the licence as the catalogue says where it is there."""
    from mull.models.card import claims
    from mull.models.gguf.header import read_header

    claimed: Mapping[str, Any] = {}
    if resolved.address is None and resolved.path.is_file():
        with suppress(MullError, OSError):  # loading the model says what is wrong with the file
            claimed = claims(read_header(resolved.path))
    licence = resolved.entry.licence.spdx if resolved.entry is not None else claimed.get("licence")
    base = claimed.get("base_model")
    return (str(licence) if licence else None, str(base) if base else None)


def check_same(then: ModelRecord, now: ModelRecord) -> None:
    """Raises MullError (eval_run_changed) if the file of a model is another one than when the run began."""
    before, after = _files(then.identity), _files(now.identity)
    if before and (len(before) != len(after) or any(map(_differ, before, after))):
        raise MullError(
            "eval_run_changed", f"The file of {now.name} has changed since the run began.", _AGAIN
        )


def _files(identity: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    files = identity.get("files")
    return [one for one in files if isinstance(one, dict)] if isinstance(files, list) else []


def _differ(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """By size, and by the digest that both have."""
    return any(
        then[name] != now[name] for name in ("bytes", "sha256", "samples") if name in then and name in now
    )
