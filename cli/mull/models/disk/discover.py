"""Find the model files on this machine: in the Hugging Face cache and in the folders of other tools.

In: the folders of LM Studio, Ollama and llama.cpp, Python packages that carry a model, and the folders of the config.
Out: `LocalModel`s under the names that `-m` takes. Read-only; an unreadable folder counts as empty.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from mull.dataclass import dataclass
from mull.fs.json_text import read_json
from mull.fs.text import read_utf8
from mull.models.disk import packaged
from mull.models.disk.hf_cache import RepositoryFolder, home, hub_cache, is_file, is_folder, repositories
from mull.models.naming.filenames import group_parts, is_weights, part_paths, quantization, whole_name

Source = Literal["hub", "lmstudio", "llama.cpp", "ollama", "package", "folder"]
_MANIFEST_LIMIT = 1 << 20  # bytes; Ollama's manifests are a few hundred


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One model on the disk. `parts`: its files in order, several for a split model; `bytes`: of all parts.

    `repo` and `filename` if the folder has them; `sha256` if the file's name is its digest.
    """

    name: str
    source: Source
    parts: tuple[Path, ...]
    bytes: int
    repo: str | None = None
    filename: str = ""
    quant: str | None = None
    sha256: str | None = None

    @property
    def path(self) -> Path:
        """What llama.cpp opens: the first part."""
        return self.parts[0]


def installed(folders: Sequence[Path] = ()) -> list[LocalModel]:
    """Every model on this machine, each file once: the Hub's cache first, then the other tools in a fixed order."""
    seen: set[str] = set()
    models = []
    for model in everywhere(folders):
        real = os.path.realpath(model.path)
        if real not in seen:
            seen.add(real)
            models.append(model)
    return models


def everywhere(folders: Sequence[Path] = ()) -> Iterator[LocalModel]:
    """The models of all folders, lazily; a file may occur twice."""
    for repository in repositories():
        yield from in_hub_cache(repository)
    yield from in_lmstudio()
    yield from in_llama_cpp()
    yield from in_ollama()
    yield from in_packages()
    for folder in folders:
        yield from in_folder(folder)


def in_hub_cache(repository: RepositoryFolder) -> Iterator[LocalModel]:
    """The models of one repository; of a file that several snapshots hold, the newest."""
    paths: dict[str, Path] = {}
    for commit in repository.commits():
        root = repository.folder / "snapshots" / commit
        fresh = {name: path for name, path in _ggufs(root).items() if name not in paths}
        paths.update(fresh)
    yield from _of_repository("hub", repository.repo, paths)


def unfinished() -> list[tuple[str, int]]:
    """(repository, bytes on the disk) of downloads in the Hub's cache that were interrupted, or are running."""
    found = []
    for repository in repositories():
        blobs = repository.folder / "blobs"
        sizes = (
            [_size(path) for path in _files(blobs) if path.suffix == ".incomplete"]
            if is_folder(blobs)
            else []
        )
        if sizes:
            found.append((repository.repo, sum(sizes)))
    return found


def in_lmstudio() -> Iterator[LocalModel]:
    """LM Studio's layout: publisher/repository/file.gguf."""
    for root in _existing(_lmstudio_roots()):
        for publisher in _folders(root):
            for repository in _folders(publisher):
                yield from _of_repository(
                    "lmstudio", f"{publisher.name}/{repository.name}", _ggufs(repository)
                )


def in_llama_cpp() -> Iterator[LocalModel]:
    """llama.cpp's download cache: owner_repo_file.gguf, with a manifest that tells the parts of the name."""
    for root in _existing([_llama_cpp_cache()]):
        paths = _ggufs(root, deep=False)
        for manifest in sorted(root.glob("manifest=*=*=*.json")):
            _, owner, repository, _ = manifest.stem.split("=", 3)
            prefix = f"{owner}_{repository}_"
            own = {name: path for name, path in paths.items() if name.startswith(prefix)}
            for name in own:
                del paths[name]
            renamed = {name.removeprefix(prefix): path for name, path in own.items()}
            yield from _of_repository("llama.cpp", f"{owner}/{repository}", renamed)
        yield from _loose("llama.cpp", paths)


def in_ollama() -> Iterator[LocalModel]:
    """Ollama's models, whose manifests map names to blobs; those with an adapter are left out."""
    for root in _existing(_ollama_roots()):
        for manifest in _files(root / "manifests"):
            place = manifest.relative_to(root / "manifests").parts
            if len(place) < 4:  # not host/namespace/model/tag
                continue
            host, *spaces, model, tag = place
            digest = _ollama_weights(manifest)
            blob = root / "blobs" / f"sha256-{digest}"
            if digest is None or not is_file(blob):
                continue
            library = host == "registry.ollama.ai" and spaces == ["library"]
            from_hub = host in {"hf.co", "huggingface.co"}
            path = [] if library else spaces if host == "registry.ollama.ai" or from_hub else [host, *spaces]
            yield LocalModel(
                name=f"{'/'.join([*path, model])}:{tag}",
                source="ollama",
                parts=(blob,),
                bytes=_size(blob),
                repo=f"{spaces[-1]}/{model}" if from_hub else None,
                quant=quantization(f"{tag}.gguf"),
                sha256=digest,
            )


def in_packages() -> Iterator[LocalModel]:
    """The models of installed Python packages."""
    for package, path in packaged.found():
        yield LocalModel(
            name=package.model,
            source="package",
            parts=(path,),
            bytes=_size(path),
            repo=package.repo,
            filename=path.name,
            quant=package.quant,
        )


def in_folder(folder: Path) -> Iterator[LocalModel]:
    """A folder of the config, with its subfolders."""
    with suppress(RuntimeError):
        yield from _loose("folder", _ggufs(folder.expanduser()))


def of_file(path: Path) -> LocalModel:
    """The model of a file, with all parts of a split one."""
    parts = part_paths(path)
    size = sum(_size(part) for part in parts)
    stem = Path(whole_name(path.name)).stem
    return LocalModel(stem, "folder", parts, size, filename=path.name, quant=quantization(path.name))


def _of_repository(source: Source, repo: str, paths: dict[str, Path]) -> Iterator[LocalModel]:
    """Models of one repository, named owner/repo:QUANT where that is unique, else by the file."""
    groups = group_parts(paths)
    quants = [quantization(parts[0]) for parts in groups]
    for parts, quant in zip(groups, quants, strict=True):
        plain = quant is not None and quants.count(quant) == 1
        yield LocalModel(
            name=f"{repo}:{quant}" if plain else f"{repo}/{whole_name(parts[0])}",
            source=source,
            parts=tuple(paths[part] for part in parts),
            bytes=sum(_size(paths[part]) for part in parts),
            repo=repo,
            filename=parts[0],
            quant=quant,
            sha256=blob_digest(paths[parts[0]]) if source == "hub" and len(parts) == 1 else None,
        )


def _loose(source: Source, paths: dict[str, Path]) -> Iterator[LocalModel]:
    for parts in group_parts(paths):
        yield LocalModel(
            name=Path(whole_name(parts[0])).stem,
            source=source,
            parts=tuple(paths[part] for part in parts),
            bytes=sum(_size(paths[part]) for part in parts),
            filename=parts[0],
            quant=quantization(parts[0]),
        )


def _ggufs(root: Path, *, deep: bool = True) -> dict[str, Path]:
    """Path inside `root` (with slashes) → file, of every GGUF with weights; broken links are left out."""
    found: dict[str, Path] = {}
    for folder, folders, names in os.walk(root):
        if not deep:
            folders.clear()
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            if is_weights(name) and is_file(path):
                found[path.relative_to(root).as_posix()] = path
    return found


def blob_digest(link: Path) -> str | None:
    """The SHA-256 of a file in the Hub's cache: the name of the blob that the link points to.

    Only the first link counts: the blob may itself link to a store that repositories share, with other names.
    """
    try:
        name = os.path.basename(os.readlink(link))  # noqa: PTH115, PTH119
    except OSError:
        return None
    return name if len(name) == 64 and not set(name) - set("0123456789abcdef") else None


def _lmstudio_roots() -> list[Path]:
    """Its home may have been moved (pointer file), and its models apart from that (settings)."""
    base = home()
    roots = [base / ".lmstudio", base / ".cache" / "lm-studio"]
    with suppress(OSError, ValueError):
        pointed = read_utf8(base / ".lmstudio-home-pointer", most=_MANIFEST_LIMIT).strip()
        if pointed:
            roots.insert(0, Path(pointed))
    models = []
    for root in roots:
        chosen = _json(root / "settings.json").get("downloadsFolder")
        models += [Path(chosen)] if isinstance(chosen, str) and chosen else []
        models.append(root / "models")
    return models


def _llama_cpp_cache() -> Path:
    if chosen := os.environ.get("LLAMA_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        return home() / "Library" / "Caches" / "llama.cpp"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home() / "AppData" / "Local")) / "llama.cpp"
    return Path(os.environ.get("XDG_CACHE_HOME") or home() / ".cache") / "llama.cpp"


def _ollama_roots() -> list[Path]:
    if chosen := os.environ.get("OLLAMA_MODELS"):
        return [Path(chosen)]
    # the second is the folder of its Linux service
    return [home() / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")]


def _ollama_weights(manifest: Path) -> str | None:
    """The SHA-256 of the one layer with the weights."""
    layers = _json(manifest).get("layers")
    kinds: dict[str, list[str]] = {}
    for layer in layers if isinstance(layers, list) else []:
        if isinstance(layer, dict):
            kind = str(layer.get("mediaType", "")).removeprefix("application/vnd.ollama.image.")
            kinds.setdefault(kind, []).append(str(layer.get("digest", "")).removeprefix("sha256:"))
    weights = kinds.get("model", [])
    if len(weights) != 1 or "adapter" in kinds:
        return None
    return weights[0] if len(weights[0]) == 64 and weights[0].isalnum() else None


def _json(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        values = read_json(path, most=_MANIFEST_LIMIT)
        return values if isinstance(values, dict) else {}
    return {}


def _existing(roots: Iterable[Path]) -> list[Path]:
    """The existing folders, each once, without the Hub's cache (llama.cpp may share it)."""
    hub = os.path.realpath(hub_cache())
    real = {os.path.realpath(root): root for root in roots}
    return [root for path, root in real.items() if path != hub and is_folder(root)]


def _files(root: Path) -> list[Path]:
    """Every file below a folder; unreadable folders are left out."""
    return sorted(Path(folder) / name for folder, _, names in os.walk(root) for name in names)


def _folders(root: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(entry for entry in root.iterdir() if is_folder(entry))
    return []


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
