"""Shell completion of the names of models, sessions and prompt templates.

In: the incomplete word. Out: pairs of a name and a description; a name that cannot be typed is left out. It returns
nothing on any error and opens no model, because the shell waits for it at every press of Tab; endpoints have 0.3 s.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any

from mull.commands._system import MARK
from mull.config import CONFIG_FILE, Config, read_config
from mull.endpoints.known_models import WAIT_SECONDS, known_models
from mull.errors import MullError
from mull.fs import paths
from mull.models.builtin import BUILTIN
from mull.models.disk.discover import everywhere
from mull.terminal.console.sanitize import one_line

Found = list[tuple[str, str]]
_MOST_ENTRIES = 10_000  # of a folder, which are looked at while a shell waits


def installed() -> Iterator[tuple[str, str]]:
    """The models on this disk and the built-in ones, each with its source. Raises MullError, OSError."""
    for model in everywhere(_config().model_folders()):
        yield model.name, model.source
    yield BUILTIN, "built in"


def _config() -> Config:
    """The settings; those by default where a file or a variable is wrong, which the command itself says."""
    try:
        return read_config()
    except MullError:
        return Config(paths.config_dir() / CONFIG_FILE)


def aliases() -> Iterator[tuple[str, str]]:
    """The config's aliases, each with what it means."""
    yield from ((alias, f"alias of {model}") for alias, model in _config().aliases.items())


def installed_models(incomplete: str) -> Found:
    """Aliases, and names of installed models."""
    return _matching(incomplete, chain(aliases(), installed()))


def drafts(incomplete: str) -> Found:
    """What --draft takes: ways to draft without a model, and installed models."""
    ways = (
        ("auto", "prompt lookup"),
        ("all", "also hybrid models and NextN layers"),
        ("off", "no speculative decoding"),
    )
    return _matching(incomplete, chain(ways, aliases(), installed()))


def answering_models(incomplete: str) -> Found:
    """What -m takes: installed models, `MODEL@ENDPOINT` and `@ENDPOINT`. The network is waited for 0.3 s at most."""
    return _matching(incomplete, chain(aliases(), installed(), of_endpoints(incomplete)))


def of_endpoints(incomplete: str, *, wait: float = WAIT_SECONDS) -> Iterator[tuple[str, str]]:
    """Models of endpoints as -m names them; behind an `@`, the names of endpoints. Raises MullError.

    `wait`: seconds for endpoints that have not been asked lately.
    """
    endpoints = _config().endpoints
    head, at, _ = incomplete.rpartition("@")
    yield from ((f"{head}@{one.name}", one.url) for one in endpoints.values())
    if at or not endpoints:
        return
    for name, models in known_models(endpoints.values(), wait=wait).items():
        yield from ((f"{model}@{name}", f"on {name}") for model in models)


def catalogue_models(incomplete: str) -> Found:
    """Names of the catalogue's and of installed models."""
    named = ((str(table["name"]), str(table["made_by"])) for table in _tables())
    return _matching(incomplete, chain(aliases(), named, installed()))


def shown_models(incomplete: str) -> Found:
    """What `mull show` takes: the catalogue's and installed models, and those of endpoints."""
    return [*catalogue_models(incomplete), *_matching(incomplete, of_endpoints(incomplete))]


def settings(incomplete: str) -> Found:
    """The settings' names, aliases and the keys of endpoints included."""
    from mull.config import rows

    return _matching(incomplete, ((key.name, key.help) for key, _, _ in rows(_config())))


def endpoint_names(incomplete: str) -> Found:
    """Names of endpoints."""
    return _matching(incomplete, ((one.name, one.url) for one in _config().endpoints.values()))


def kept_models(incomplete: str) -> Found:
    """Models that are kept loaded; of one with several processes, these too."""
    from mull.keep_alive import record

    servers = record.running()
    names = [server.model for server in servers]
    found = {one.model: f"process {one.pid}" for one in servers}
    found |= {name: f"{names.count(name)} processes" for name in names if names.count(name) > 1}
    found |= {
        str(one.pid): f"{one.model}, {one.settings_text}" for one in servers if names.count(one.model) > 1
    }
    return _matching(incomplete, found.items())


def sessions(incomplete: str) -> Found:
    """Saved sessions by name, else by id."""
    from mull.store.sessions import default_path, open_store

    def found() -> Iterator[tuple[str, str]]:
        if default_path().exists():
            with open_store(default_path()) as store:
                yield from (
                    (_typed(session.name) or session.id, session.title) for session in store.sessions()
                )

    return _matching(incomplete, found())


def templates(incomplete: str) -> Found:
    """Prompt templates available in this folder."""
    from mull.prompt_templates.files import all_files, working_folder

    return _matching(incomplete, ((path.stem, str(path)) for path in all_files(working_folder())))


def chat_templates(incomplete: str) -> Found:
    """Names of mull's own chat templates."""
    from mull.chat_template.builtin import BUILTIN

    return _matching(incomplete, ((name, "a chat template of mull's own") for name in BUILTIN))


def system_files(incomplete: str) -> Found:
    """Files behind the @ of a system prompt. A lone folder is offered with what it holds, as a shell adds a space."""
    if not incomplete.startswith(MARK) or incomplete.startswith(MARK * 2):
        return []
    typed = incomplete.removeprefix(MARK)
    try:
        found = _entries_of(typed)
        if len(found) == 1 and found[0].endswith("/"):
            found = _entries_of(found[0]) or found
    except OSError:
        return []
    return [(f"{MARK}{path}", "") for path in found if path.isprintable()]


def _entries_of(typed: str) -> list[str]:
    """The paths that begin as a typed one, folders with a slash at the end. Raises OSError."""
    folder, slash, begin = typed.rpartition("/")
    with os.scandir(os.path.expanduser(folder + slash) or ".") as entries:  # noqa: PTH111 - also of a user without a home
        names = {entry.name: entry.is_dir() for entry in islice(entries, _MOST_ENTRIES)}
    return sorted(
        f"{folder}{slash}{name}{'/' if is_folder else ''}"
        for name, is_folder in names.items()
        if name.startswith(begin) and (begin.startswith(".") or not name.startswith("."))
    )


def devices(incomplete: str) -> Found:
    """Devices of this build, each with its description; of a list with commas, the last name is completed."""
    from mull.engine.native import devices as native
    from mull.engine.native import library
    from mull.settings import DEVICE_NONE

    head, comma, last = incomplete.rpartition(",")

    def found() -> Iterator[tuple[str, str]]:
        if not comma:
            yield DEVICE_NONE, "the CPU alone"
        if native.has_gpu_backend():
            library.prepare(paths.state_dir())
            named = (device for device in native.devices() if device.kind in {"gpu", "igpu"})
            yield from ((device.name, device.description) for device in named)

    return [(head + comma + name, about) for name, about in _matching(last, found())]


def _matching(incomplete: str, candidates: Iterable[tuple[str, str]]) -> Found:
    try:
        named = dict(candidates)
    except (MullError, OSError):
        return []
    return [
        (name, one_line(about))
        for name, about in named.items()
        if name.lower().startswith(incomplete.lower()) and _typed(name)
    ]


def _typed(name: str | None) -> str | None:
    """A name that can be typed: no control characters, and nothing that the command line would take for an option."""
    return name if name and name.isprintable() and not name.startswith("-") else None


@cache
def _tables() -> Sequence[Mapping[str, Any]]:
    """The catalogue's, read once, for names alone: making all its entries takes as long as anything else here."""
    from mull.models.catalogue.catalogue import load_catalogue

    return load_catalogue(paths.config_dir()).tables
