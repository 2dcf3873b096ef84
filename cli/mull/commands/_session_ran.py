"""What answered a turn, as lines of text: the model and its file, settings and seed, versions.

In: a turn's record, which may come from an import. Out: pairs of a name and a text; control characters are the
caller's to remove.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mull.fs.size import size_text
from mull.settings import DEFAULT_SAMPLING
from mull.store.records import TurnRecord

NOT_RECORDED = "not recorded"
_SMALL = 64 << 20  # bytes of a file that is read to say its digest: less than 0.1 s
_HIDDEN = {"seed", "drawn_seed", "reason"}


def ran_rows(turn: TurnRecord) -> Iterator[tuple[str, str]]:
    """The rows for a turn."""
    ran = turn.ran
    yield "model", turn.model or NOT_RECORDED
    if endpoint := _mapping(ran.get("endpoint")):
        yield (
            "server",
            f"{endpoint.get('name')} ({endpoint.get('server')}); its files and versions are not known",
        )
    else:
        for text in map(_file, map(_mapping, _list(ran.get("files")))):
            yield "file", text
        if not _list(ran.get("files")):
            yield "file", NOT_RECORDED
    yield "seed", _seed(turn)
    yield "settings", ", ".join(_settings(turn)) or "the defaults"
    versions = _mapping(ran.get("versions"))
    yield "versions", ", ".join(f"{name} {value}" for name, value in versions.items()) or NOT_RECORDED
    if loaded := _mapping(ran.get("engine")):
        yield "loaded with", ", ".join(f"{name} {value}" for name, value in loaded.items())
    for name in ("template", "library"):
        if ran.get(name):
            yield name, f"digest {str(ran[name])[:16]}"


def _file(file: Mapping[str, Any]) -> str:
    size = file.get("bytes")
    facts = [str(file.get("path")), size_text(size) if isinstance(size, int) else ""]
    digest = file.get("sha256") or _digest_now(file)
    facts.append(f"sha256 {digest}" if digest else "sha256 not known: mull verify computes it")
    return ", ".join(filter(None, facts))


def _digest_now(file: Mapping[str, Any]) -> str:
    """The digest of a file that is still the same: what was verified since, or of a small one computed now."""
    from mull.backends.identity import sha256_of
    from mull.fs.file_stamp import stamp
    from mull.models.disk.records import verified

    try:
        path = Path(str(file.get("path")))
        found = stamp(path)
        if (found.size, found.mtime_ns) != (file.get("bytes"), file.get("mtime_ns")):
            return ""
        if record := verified(path):
            return record.sha256
        return sha256_of(path) if path.is_file() and found.size <= _SMALL else ""
    except (OSError, ValueError):
        return ""


def _seed(turn: TurnRecord) -> str:
    settings = turn.settings
    if settings.get("seed") is not None:
        return str(settings["seed"])
    if settings.get("drawn_seed") is not None:
        return f"{settings['drawn_seed']} (drawn)"
    return "none: the temperature is 0" if settings.get("temperature") == 0 else NOT_RECORDED


def _settings(turn: TurnRecord) -> Iterator[str]:
    """Those that are not the defaults."""
    if turn.reasoning is not None:
        yield f"thinking {turn.reasoning.asked} → {turn.reasoning.applied}"
    for name, value in turn.settings.items():
        if name not in _HIDDEN and value != getattr(DEFAULT_SAMPLING, name, None) and value != []:
            if name == "continue_answer":
                yield "the answer continued"
                continue
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield f"{name} {text if len(text) <= 80 else text[:79] + '…'}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
