"""The catalogue of known models, read from models.toml.

In: the catalogue that ships with mull (or a newer one from `mull models --refresh`), and the user's own `models.toml`
in the config folder, whose entries add to it or override it field by field. Out: frozen entries. Raises CatalogueError,
for unknown keys too. No network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from mull.dataclass import dataclass
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
from mull.models.catalogue.table import CatalogueError, Table
from mull.models.memory.kv_size import KvLayers
from mull.settings import Sampling
from mull.suggest import nearest

_LONGEST = 4 << 20  # bytes; the bundled one has a fortieth of that
FORMAT = 1  # of the file; a catalogue with a higher one needs a newer mull
FETCHED = "catalogue.toml"  # in the config folder: a whole catalogue, from --refresh
OWN = "models.toml"  # in the config folder: the user's entries and overrides

__all__ = [
    "Catalogue",
    "CatalogueEntry",
    "CatalogueError",
    "CatalogueFile",
    "bundled_date",
    "bundled_path",
    "load_catalogue",
]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries, in the order of the file. `notices` are for the user.

    `tables` were checked before. An entry is made of its table when it is first used: a question needs one of sixty.
    """

    tables: Sequence[Mapping[str, Any]]
    updated: str = ""
    notices: tuple[str, ...] = ()
    _numbers: Mapping[str, int] = field(init=False, repr=False, compare=False)  # of names and aliases
    _made: dict[int, CatalogueEntry] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        named = list(enumerate(self.tables))
        numbers = {alias: number for number, table in named for alias in table.get("aliases", ())}
        numbers.update((str(table.get("name")), number) for number, table in named)
        object.__setattr__(self, "_numbers", numbers)

    @property
    def entries(self) -> tuple[CatalogueEntry, ...]:
        """All of them, in the order of the file."""
        return tuple(map(self._entry, range(len(self.tables))))

    def find(self, name: str) -> CatalogueEntry | None:
        """The entry of that name or alias, in any case."""
        number = self._numbers.get(name.strip().lower())
        return None if number is None else self._entry(number)

    def nearest(self, name: str) -> list[str]:
        """Up to three similar names, best first; never an alias."""
        wanted = name.strip().lower()
        near = nearest(wanted, self._numbers, count=6)
        near += [known for known in self._numbers if len(wanted) > 2 and wanted in known]
        return list(dict.fromkeys(self._entry(self._numbers[known]).name for known in near))[:3]

    def _entry(self, number: int) -> CatalogueEntry:
        if number not in self._made:
            table = self.tables[number]
            self._made[number] = _entry(Table(table, f"model {table.get('name')!r}"))
        return self._made[number]


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
    tables, updated = parsed_once(bundled_path(), _read)  # the tests check it
    notices: list[str] = []
    if config_dir is not None and any(ownership.weakness(config_dir / name) for name in (FETCHED, OWN)):
        config_dir = None  # others could have written it: an entry names what is downloaded
    if config_dir is not None and (config_dir / FETCHED).is_file():
        try:
            newer, its_date = _read(config_dir / FETCHED)
            check(newer, str(config_dir / FETCHED))
        except CatalogueError as error:
            notices.append(f"The fetched catalogue is ignored. {error.message}")
        else:
            if its_date >= updated:
                tables, updated = newer, its_date
    if config_dir is not None and (config_dir / OWN).is_file():
        own, _ = _read(config_dir / OWN)
        known = {str(table.get("name", "")): table for table in tables}
        merged = [_over(table, known.get(str(table.get("name", "")), {})) for table in own]
        check(merged, str(config_dir / OWN))
        tables = list({**known, **{table["name"]: table for table in merged}}.values())
    return Catalogue(tables, updated, tuple(notices))


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


def check(tables: list[dict[str, Any]], where: str) -> None:
    """Raises CatalogueError at the first mistake in these tables, or at a name that is used twice."""
    seen: set[str] = set()
    for number, table in enumerate(tables, 1):
        name = table.get("name")
        place = f"{where}, model {name!r}" if isinstance(name, str) else f"{where}, model {number}"
        entry = _entry(Table(table, place))
        for known in (entry.name, *entry.aliases):
            if known in seen:
                raise CatalogueError(place, f"the name {known!r} is used twice")
            seen.add(known)


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


def _entry(table: Table) -> CatalogueEntry:
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


def _file(table: Table) -> CatalogueFile:
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


def _licence(table: Table) -> Licence:
    return table.done(
        Licence(table.need("spdx", str), table.take("permissive", bool, False), table.take("asks", str, ""))
    )


def _reasoning(table: Table) -> ReasoningFacts:
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


def _sampling(table: Table) -> Sampling | None:
    values = table.rest()
    if not values:
        return None
    kinds = {"temperature": float, "top_p": float, "top_k": int, "min_p": float}
    kinds |= {"presence_penalty": float, "frequency_penalty": float, "repeat_penalty": float}
    checked = Table(values, table.where)
    return checked.done(Sampling(**{key: checked.optional(key, kind) for key, kind in kinds.items()}))


def _benchmark(table: Table) -> Benchmark:
    scores = table.take("scores", dict, {})
    if not scores or not all(isinstance(v, int | float) for v in scores.values()):
        raise CatalogueError(table.where, "'scores' has to be a table of numbers")
    return table.done(Benchmark(table.need("at", str), scores, table.take("second_hand", bool, False)))


def _shape(table: Table) -> ModelShape | None:
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


def _kv_group(table: Table) -> KvLayers:
    layers, row = table.need("layers", int), table.need("heads", int) * table.need("head_dim", int)
    values = row if table.take("values", bool, True) else 0
    return table.done(KvLayers(layers, row, values, table.optional("window", int)))
