"""Resolve a model's name to a file on this disk, or to a model of an endpoint.

In: the names from `-m`, the environment and the config. Out: `Resolved`. Raises MullError that names the next step: the
`mull pull` command for a model that is not installed, similar names for an unknown one. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from mull.endpoints.address import Address, misspelled, parse
from mull.endpoints.endpoint import Endpoint
from mull.errors import ModelFileError, MullError
from mull.fs import paths
from mull.models.builtin import BUILTIN
from mull.models.disk import packaged, records
from mull.models.disk.discover import LocalModel, everywhere, in_ollama, installed
from mull.models.disk.hf_cache import is_file, is_folder
from mull.models.gguf.magic import check_gguf
from mull.models.naming.filenames import (
    is_beside,
    part_of,
    part_paths,
    quantization,
    same_quant,
    select,
    whole_name,
)
from mull.models.naming.reference import DEFAULT_QUANT, HubReference, is_path, parse_hub
from mull.models.resolved import ChosenBy, NotInstalled, Resolved, no_file
from mull.suggest import did_you_mean, nearest

if TYPE_CHECKING:
    from mull.models.catalogue.catalogue import Catalogue, CatalogueEntry

PUBLISHED = frozenset({"hub", "ollama", "catalogue"})  # sources of published digests


def resolve(
    name: str | None,
    *,
    environment: str | None = None,
    configured: str | None = None,
    folders: Sequence[Path | str] = (),
    endpoints: Mapping[str, Endpoint] = MappingProxyType({}),
) -> Resolved:
    """The model to use: `name` (from -m), else the environment's, the config's, the last pulled, else pebble.

    Raises NotInstalled, ModelFileError, MullError("unknown_model", "unknown_endpoint").
    """
    said: tuple[tuple[str | None, ChosenBy], ...] = (
        (name, "flag"),
        (environment, "env"),
        (configured, "config"),
    )
    for text, chosen_by in said:
        if text and text.strip():
            return find(text.strip(), chosen_by, [Path(folder) for folder in folders], endpoints=endpoints)
    last = records.last_pulled()
    if last is not None:
        return _last_pulled(last)
    return _builtin("builtin")


def find(
    name: str,
    chosen_by: ChosenBy = "flag",
    folders: Sequence[Path] = (),
    catalogue: Catalogue | None = None,
    endpoints: Mapping[str, Endpoint] = MappingProxyType({}),
) -> Resolved:
    """The model of that name: catalogue name, Hub reference, path, another tool's name for it, or MODEL@ENDPOINT."""
    if address := address_of(name, endpoints):
        return Resolved(
            str(address), Path(), chosen_by, trusted=False, entry=None, source="other", address=address
        )
    try:
        return _find(name, chosen_by, folders, catalogue)
    except MullError as error:
        if error.code not in {"unknown_model", "not_installed", "model_missing"}:
            raise
        meant = misspelled(name, endpoints, surely=error.code == "unknown_model")
        raise meant or error from error


def address_of(name: str, endpoints: Mapping[str, Endpoint]) -> Address | None:
    """The address that a name is; None for another name, and for a file that is here. Raises UsageError."""
    return None if is_path(name) and is_file(Path(name)) else parse(name, endpoints)


def check_local(names: Iterable[str], endpoints: Mapping[str, Endpoint]) -> None:
    """Raises UsageError (no_model_file) for the first name that is a model of an endpoint."""
    for name in names:
        if address := address_of(name, endpoints):
            raise no_file(address)


def _find(name: str, chosen_by: ChosenBy, folders: Sequence[Path], catalogue: Catalogue | None) -> Resolved:
    """`find` on this disk."""
    if is_path(name) and (found := _by_path(name, chosen_by)):
        return found
    catalogue = catalogue or _catalogue()
    if ":" in name:  # Ollama's own file of that name comes before the one that the catalogue would fetch
        for model in in_ollama():
            if _is_called(model, name):
                return _resolved(model, model.name, chosen_by, entry_of(model, catalogue))
    entry, quant = split_name(name, catalogue)
    if entry is not None:
        return _by_entry(entry, quant, chosen_by, folders)
    for model in everywhere(folders):
        if _is_called(model, name):
            return _resolved(model, model.name, chosen_by, entry_of(model, catalogue))
    reference = parse_hub(name)
    if reference is not None:
        return _by_reference(reference, chosen_by, folders, catalogue)
    raise unknown(name, catalogue, folders)


def matching(name: str, folders: Sequence[Path] = ()) -> list[LocalModel]:
    """Every installed model that matches a name: all quantizations if it names none, in all folders."""
    catalogue = _catalogue()
    here = list(everywhere(folders))
    called = [model for model in here if _is_called(model, name)]
    if ":" in name and any(model.source == "ollama" for model in called):
        return called
    entry, quant = split_name(name, catalogue)
    if entry is not None:
        return _of_quant([model for model in here if _is_of(model, entry)], quant)
    reference = parse_hub(name)
    if called or reference is None:
        return called
    found = [model for model in here if _same_repo(model.repo, reference.repo)]
    return _of_quant(found, reference.file or reference.quant)


def split_name(name: str, catalogue: Catalogue) -> tuple[CatalogueEntry | None, str | None]:
    """`qwen3-8b:Q4_K_M` → the catalogue's entry and the quantization. Ollama's spelling `qwen3:8b` works too."""
    entry = catalogue.find(name)
    if entry is not None or ":" not in name:
        return entry, None
    bare, _, tag = name.partition(":")
    if quantization(f"-{tag}.gguf"):
        return catalogue.find(bare), tag
    return catalogue.find(f"{bare}-{tag}"), None


def unknown(name: str, catalogue: Catalogue, folders: Sequence[Path] = ()) -> MullError:
    """The error for an unknown name, with similar names."""
    bare, _, tag = name.partition(":")
    if tag and (entry := catalogue.find(bare)) is not None:
        what = f'{entry.name} has no quantization "{tag}".'
        return MullError("unknown_model", what, f"mull show {entry.name} lists its files.")
    here = {model.name.lower(): model.name for model in installed(folders)}
    near = catalogue.nearest(name.partition(":")[0])
    near += [here[known] for known in nearest(name.lower(), here, count=2)]
    hint = did_you_mean(list(dict.fromkeys(near)), "mull models lists the known ones.")
    return MullError("unknown_model", f'There is no model called "{name}".', hint)


def entry_of(model: LocalModel, catalogue: Catalogue) -> CatalogueEntry | None:
    """The catalogue's entry of an installed file, by its repository or its digest."""
    return next((entry for entry in catalogue.entries if _is_of(model, entry)), None)


def _catalogue() -> Catalogue:
    from mull.models.catalogue.catalogue import load_catalogue  # imported on use: a path needs none

    return load_catalogue(paths.config_dir())


def _builtin(chosen_by: ChosenBy, entry: CatalogueEntry | None = None) -> Resolved:
    path = Path(__file__).parents[1] / "data" / "pebble.gguf"
    if not is_file(path):
        raise ModelFileError(
            "builtin_missing", "The built-in model is missing from this installation.", "Reinstall mull."
        )
    return Resolved(BUILTIN, path, chosen_by, trusted=True, entry=entry, source="builtin")


def _last_pulled(last: records.PullRecord) -> Resolved:
    catalogue = _catalogue()
    entry, _ = split_name(last.name, catalogue)
    if entry is None and (reference := parse_hub(last.name)):
        entry = next((one for one in catalogue.entries if _same_repo(one.repo, reference.repo)), None)
    return Resolved(last.name, last.path, "last_pulled", _trusted((last.path,)), entry, "hub")


def _by_path(name: str, chosen_by: ChosenBy) -> Resolved | None:
    """None when there is no such file and the name may be one on the Hub."""
    try:
        path = Path(name).expanduser()
    except RuntimeError:
        path = Path(name)
    if is_folder(path):
        inside = sorted(one.name for one in path.glob("*.gguf"))[:3]
        hint = f"It holds {', '.join(inside)}; name one." if inside else "Name a .gguf file."
        raise ModelFileError("model_is_folder", f"{path} is a folder.", hint)
    if not is_file(path):
        if not name.startswith((".", "~", "/")) and parse_hub(name):
            return None
        raise ModelFileError(
            "model_missing",
            f"There is no file {path}.",
            "Check the path; mull models lists what is installed.",
        )
    part = part_of(path.name)
    if part is not None:
        parts = part_paths(path)
        missing = [one.name for one in parts if not is_file(one)]
        if missing:
            raise ModelFileError(
                "model_incomplete",
                f"The model is split, and {missing[0]} is missing.",
                f"It belongs in {path.parent}.",
            )
        path = parts[0]
    else:
        parts = (path,)
    check_gguf(path)
    return Resolved(Path(whole_name(path.name)).stem, path, chosen_by, _trusted(parts), None, "file")


def _by_entry(
    entry: CatalogueEntry, quant: str | None, chosen_by: ChosenBy, folders: Sequence[Path]
) -> Resolved:
    if entry.builtin or entry.name == BUILTIN:
        return _builtin(chosen_by, entry if entry.name == BUILTIN else _catalogue().find(BUILTIN))
    candidates = [model for model in everywhere(folders) if _is_of(model, entry)]
    model = _choose(candidates, quant, entry.default_quant)
    name = entry.name if quant is None else f"{entry.name}:{quant}"
    if model is None:
        file = entry.file(quant)
        raise NotInstalled(name, name, file.bytes if file else None)
    usual = same_quant(model.quant, entry.default_quant) or model.quant is None
    return _resolved(model, entry.name if usual else f"{entry.name}:{model.quant}", chosen_by, entry)


def _by_reference(
    reference: HubReference, chosen_by: ChosenBy, folders: Sequence[Path], catalogue: Catalogue
) -> Resolved:
    candidates = [model for model in everywhere(folders) if _same_repo(model.repo, reference.repo)]
    model = _choose(candidates, reference.file or reference.quant, None)
    if model is None:
        raise NotInstalled(str(reference), reference.address)
    return _resolved(model, model.name, chosen_by, entry_of(model, catalogue))


def _choose(models: Sequence[LocalModel], quant: str | None, default: str | None) -> LocalModel | None:
    """The model to load: of the requested quantization, else of the default one, else the first."""
    fitting = sorted(_of_quant(models, quant), key=lambda model: is_beside(model.filename))
    for usual in (default, DEFAULT_QUANT):
        for model in fitting:
            if usual is not None and same_quant(model.quant, usual):
                return model
    return fitting[0] if fitting else None


def _of_quant(models: Sequence[LocalModel], quant: str | None) -> list[LocalModel]:
    """The models of a quantization or a file name; all for None."""
    if quant is None:
        return list(models)
    named = select([(model.filename,) for model in models if model.filename], quant)
    return [model for model in models if (model.filename,) in named or same_quant(model.quant, quant)]


def _is_of(model: LocalModel, entry: CatalogueEntry) -> bool:
    """Compare by repository, or by digest, which is the file name in Ollama."""
    if _same_repo(model.repo, entry.repo):
        return True
    return model.sha256 is not None and any(file.sha256 == model.sha256 for file in entry.files)


def _is_called(model: LocalModel, name: str) -> bool:
    wanted = name.lower()
    called = model.name.lower()
    return wanted == called or (model.source == "ollama" and f"{wanted}:latest" == called)


def _same_repo(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one.lower() == other.lower()


def _resolved(model: LocalModel, name: str, chosen_by: ChosenBy, entry: CatalogueEntry | None) -> Resolved:
    if model.source == "package":
        packaged.check(model.path)
    return Resolved(name, model.path, chosen_by, _trusted(model.parts), entry, model.source)


def _trusted(parts: Iterable[Path]) -> bool:
    """Whether all parts match a published digest and are unchanged since. A first reading is not enough."""
    found = [records.verified(path) for path in parts]
    return all(record is not None and record.source in PUBLISHED for record in found)
