"""The catalogue of known models, read from models.toml.

In: the catalogue that ships with mull (or a newer one from `mull models --refresh`), and the user's own `models.toml`
in the config folder, whose entries add to it or override it field by field. Out: frozen entries. Raises CatalogueError,
for unknown keys too. No network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, TypeVar

from mull.dataclass import dataclass
from mull.errors import MullError
from mull.fs import ownership
from mull.fs.text import read_utf8, reason
from mull.fs.toml_text import loads
from mull.models.catalogue.entry import (
    Benchmark,
    CatalogueEntry,
    CatalogueFile,
    Licence,
    ModelShape,
    ReasoningFacts,
    ReasoningKind,
)
from mull.models.catalogue.parsed import parsed_once
from mull.models.memory.kv_size import KvLayers
from mull.settings import Sampling
from mull.suggest import nearest

_LONGEST = 4 << 20  # bytes; the bundled one has a fortieth of that
FORMAT = 1  # of the file; a catalogue with a higher one needs a newer mull
FETCHED = "catalogue.toml"  # in the config folder: a whole catalogue, from --refresh
OWN = "models.toml"  # in the config folder: the user's entries and overrides

T = TypeVar("T")
_WORDS: Mapping[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}

__all__ = [
    "Catalogue",
    "CatalogueEntry",
    "CatalogueError",
    "CatalogueFile",
    "bundled_date",
    "bundled_path",
    "load_catalogue",
]


class CatalogueError(MullError):
    """A catalogue file that cannot be read, with the place in it."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(
            "invalid_catalogue",
            f"{where}: {problem}.",
            "Correct the file; docs/models.md describes its keys.",
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries, in the order of the file. `notices` are for the user."""

    entries: tuple[CatalogueEntry, ...]
    updated: str = ""
    notices: tuple[str, ...] = ()
    _index: Mapping[str, CatalogueEntry] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {alias: entry for entry in self.entries for alias in entry.aliases}
        index.update({entry.name: entry for entry in self.entries})
        object.__setattr__(self, "_index", index)

    def find(self, name: str) -> CatalogueEntry | None:
        """The entry of that name or alias, in any case."""
        return self._index.get(name.strip().lower())

    def nearest(self, name: str) -> list[str]:
        """Up to three similar names, best first; never an alias."""
        wanted = name.strip().lower()
        near = nearest(wanted, self._index, count=6)
        near += [known for known in self._index if len(wanted) > 2 and wanted in known]
        return list(dict.fromkeys(self._index[known].name for known in near))[:3]


def bundled_path() -> Path:
    """models.toml inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parents[2]
    inside = package / "models.toml"
    return inside if inside.is_file() else package.parents[1] / "models.toml"


def bundled_date() -> str:
    """The date of the bundled catalogue; an older one is not used."""
    return _read(bundled_path())[1]


def load_catalogue(config_dir: Path | None) -> Catalogue:
    """The newer of the bundled and the fetched catalogue, overridden by the user's own entries.

    A damaged fetched catalogue is ignored with a notice; a mistake in the user's own file raises CatalogueError.
    """
    tables, updated = parsed_once(bundled_path(), _read)
    entries = dict(parse_entries(tables, "models.toml"))
    notices: list[str] = []
    if config_dir is not None and any(ownership.weakness(config_dir / name) for name in (FETCHED, OWN)):
        config_dir = None  # others could have written it: an entry names what is downloaded
    if config_dir is not None and (config_dir / FETCHED).is_file():
        try:
            newer, its_date = _read(config_dir / FETCHED)
            fetched = dict(parse_entries(newer, str(config_dir / FETCHED)))
        except CatalogueError as error:
            notices.append(f"The fetched catalogue is ignored. {error.message}")
        else:
            if its_date >= updated:
                tables, entries, updated = newer, fetched, its_date
    if config_dir is not None and (config_dir / OWN).is_file():
        own, _ = _read(config_dir / OWN)
        known = {str(table.get("name", "")): table for table in tables}
        merged = [_over(table, known.get(str(table.get("name", "")), {})) for table in own]
        entries.update(parse_entries(merged, str(config_dir / OWN)))
    return Catalogue(tuple(entries.values()), updated, tuple(notices))


def parse_text(text: str, where: str) -> tuple[list[dict[str, Any]], str]:
    """The raw tables and the date of a catalogue. Raises CatalogueError with the place."""
    try:
        data = loads(text)
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError is a ValueError
        raise CatalogueError(where, reason(error)) from error
    if data.get("format", FORMAT) != FORMAT:
        problem = f"its format is {data['format']!r}; this version of mull reads format {FORMAT}"
        raise CatalogueError(where, problem)
    unknown = set(data) - {"format", "updated", "model"}
    if unknown:
        raise CatalogueError(where, f"unknown key {min(unknown)!r}")
    tables = data.get("model", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise CatalogueError(where, "'model' has to be a list of tables: [[model]]")
    return tables, str(data.get("updated", ""))


def parse_entries(tables: list[dict[str, Any]], where: str) -> Iterator[tuple[str, CatalogueEntry]]:
    """(name, entry) of every table. Raises CatalogueError at the first mistake, or at a duplicate name."""
    seen: set[str] = set()
    for number, table in enumerate(tables, 1):
        name = table.get("name")
        place = f"{where}, model {name!r}" if isinstance(name, str) else f"{where}, model {number}"
        entry = _entry(_Table(table, place))
        for known in (entry.name, *entry.aliases):
            if known in seen:
                raise CatalogueError(place, f"the name {known!r} is used twice")
            seen.add(known)
        yield entry.name, entry


def _over(own: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The known keys, overridden by the user's; tables are merged key by key."""
    return {**known, **own} | {
        key: {**below, **value}
        for key, value in own.items()
        if isinstance(value, dict) and isinstance(below := known.get(key), dict)
    }


def _read(path: Path) -> tuple[list[dict[str, Any]], str]:
    try:
        text = read_utf8(path, most=_LONGEST)
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(str(path), f"cannot be read ({reason(error)})") from error
    return parse_text(text, str(path))


class _Table:
    """A TOML table that validates its keys: `done` raises CatalogueError for those that nothing has read."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values = dict(values)
        self.where = where

    def take(self, key: str, kind: type[T], default: T) -> T:
        value = self._values.pop(key, default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return kind(value)  # type: ignore[call-arg]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise CatalogueError(self.where, f"{key!r} has to be {_WORDS[kind]}")
        return value

    def optional(self, key: str, kind: type[T]) -> T | None:
        return self.take(key, kind, kind()) if key in self._values else None

    def need(self, key: str, kind: type[T]) -> T:
        if key not in self._values:
            raise CatalogueError(self.where, f"{key!r} is missing")
        return self.take(key, kind, kind())

    def strings(self, key: str) -> tuple[str, ...]:
        values: list[Any] = self.take(key, list, [])
        if not all(isinstance(value, str) for value in values):
            raise CatalogueError(self.where, f"{key!r} has to be a list of strings")
        return tuple(values)

    def table(self, key: str) -> _Table:
        return _Table(self.take(key, dict, {}), f"{self.where}, {key}")

    def tables(self, key: str) -> list[_Table]:
        values: list[Any] = self.take(key, list, [])
        if not all(isinstance(value, dict) for value in values):
            raise CatalogueError(self.where, f"{key!r} has to be a list of tables")
        return [_Table(value, f"{self.where}, {key} {i}") for i, value in enumerate(values, 1)]

    def rest(self) -> dict[str, Any]:
        rest, self._values = self._values, {}
        return rest

    def done(self, value: T) -> T:
        if self._values:
            raise CatalogueError(self.where, f"unknown key {min(self._values)!r}")
        return value


def _entry(table: _Table) -> CatalogueEntry:
    name = table.need("name", str)
    aliases = table.strings("aliases")
    for known in (name, *aliases):
        if not known or known != known.lower() or any(c in known for c in " /:\\"):
            raise CatalogueError(
                table.where, f"{known!r} is not a valid name: lower case, without spaces, slashes or colons"
            )
    parameters, sampling = table.table("parameters"), table.table("sampling")
    files = tuple(_file(one) for one in table.tables("files"))
    default = table.optional("default", str)
    if (default is None) != (not files) or (files and default not in {file.quant for file in files}):
        raise CatalogueError(table.where, "'default' has to name one of the files' quantizations")
    return table.done(
        CatalogueEntry(
            name=name,
            aliases=aliases,
            made_by=table.need("made_by", str),
            family=table.take("family", str, ""),
            released=table.take("released", str, ""),
            licence=_licence(table.table("licence")),
            reasoning=_reasoning(table.table("reasoning")),
            total=parameters.optional("total", float),
            active=parameters.done(parameters.optional("active", float)),
            context=table.optional("context", int),
            card=table.take("card", str, ""),
            safety=table.take("safety", str, ""),
            note=table.take("note", str, ""),
            sampling_thinking=_sampling(sampling.table("thinking")),
            sampling_plain=sampling.done(_sampling(sampling.table("plain"))),
            benchmarks=tuple(_benchmark(one) for one in table.tables("benchmarks")),
            shape=_shape(table.table("shape")),
            repo=table.optional("repo", str),
            revision=table.optional("revision", str),
            default_quant=default,
            files=files,
            approximate=frozenset(table.strings("approximate")),
            base=table.take("base", bool, False),
            builtin=table.take("builtin", bool, False),
            too_large=table.take("too_large", bool, False),
        )
    )


def _file(table: _Table) -> CatalogueFile:
    exact, rounded = table.optional("bytes", int), table.optional("gb", float)
    names = table.strings("names") or (table.need("name", str),)
    if any(name.startswith("/") or ".." in name.split("/") or "\\" in name for name in names):
        raise CatalogueError(table.where, "a file name may not leave its repository")
    sha256 = table.optional("sha256", str)
    if sha256 is not None and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef")):
        raise CatalogueError(table.where, "'sha256' has to be 64 lower-case hexadecimal digits")
    return table.done(
        CatalogueFile(
            quant=table.need("quant", str),
            filenames=names,
            bytes=exact if exact is not None else None if rounded is None else round(rounded * 1e9),
            approximate=exact is None and rounded is not None,
            sha256=sha256,
            revision=table.optional("revision", str),
        )
    )


def _licence(table: _Table) -> Licence:
    return table.done(
        Licence(table.need("spdx", str), table.take("permissive", bool, False), table.take("asks", str, ""))
    )


def _reasoning(table: _Table) -> ReasoningFacts:
    kind = table.need("kind", str)
    kinds: tuple[ReasoningKind, ...] = ("none", "always", "switchable")
    known = next((one for one in kinds if one == kind), None)
    if known is None:
        raise CatalogueError(table.where, f"'kind' is one of {', '.join(kinds)}")
    return table.done(
        ReasoningFacts(
            known, table.take("control", str, ""), table.take("default", str, ""), table.strings("efforts")
        )
    )


def _sampling(table: _Table) -> Sampling | None:
    values = table.rest()
    if not values:
        return None
    kinds = {"temperature": float, "top_p": float, "top_k": int, "min_p": float}
    kinds |= {"presence_penalty": float, "frequency_penalty": float, "repeat_penalty": float}
    checked = _Table(values, table.where)
    return checked.done(Sampling(**{key: checked.optional(key, kind) for key, kind in kinds.items()}))


def _benchmark(table: _Table) -> Benchmark:
    scores = table.take("scores", dict, {})
    if not scores or not all(isinstance(v, int | float) for v in scores.values()):
        raise CatalogueError(table.where, "'scores' has to be a table of numbers")
    return table.done(Benchmark(table.need("at", str), scores, table.take("second_hand", bool, False)))


def _shape(table: _Table) -> ModelShape | None:
    layers = table.optional("layers", int)
    if layers is None:
        return table.done(None)
    experts: list[int] = table.take("experts", list, [0, 0])
    if len(experts) != 2 or not all(isinstance(n, int) for n in experts):
        raise CatalogueError(table.where, "'experts' has to be [all, used per token]")
    groups = tuple(_kv_group(one) for one in table.tables("kv"))
    if sum(group.layers for group in groups) > layers:
        raise CatalogueError(table.where, "more layers with a KV cache than layers")
    state = table.take("state_bytes", int, 0)
    return table.done(ModelShape(layers, groups, state, experts[0], experts[1]))


def _kv_group(table: _Table) -> KvLayers:
    layers, row = table.need("layers", int), table.need("heads", int) * table.need("head_dim", int)
    values = row if table.take("values", bool, True) else 0
    return table.done(KvLayers(layers, row, values, table.optional("window", int)))
