"""The sources of llama-cpp-python: fetched by pip, which checks the pinned hash, and unpacked.

Only what the build reads is unpacked: half of the package is vocabularies, documents and tests.
"""

from __future__ import annotations

import re
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from llama_build.errors import BuildError
from llama_build.recipe import PACKAGE
from llama_build.step import Steps

_UNUSED = re.compile(
    r"[^/]+/(docs|examples|tests|docker|vendor/llama\.cpp/(models|docs|tests|benches|examples|gguf-py|conversion|media|app))/"
)


def fetch(
    pip: Sequence[str | Path], pinned: str, folder: Path, environment: Mapping[str, str], steps: Steps
) -> Path:
    """The unpacked sources below `folder`; fetched only if they are not there. Raises BuildError, OSError.

    `pip` works in an environment with the build's tools: it asks the package about itself.
    """
    target = folder / "source"
    if target.is_dir():
        return target
    requirement = folder / "requirement.txt"
    requirement.write_text(pinned, encoding="utf-8")
    options = ["--no-deps", "--no-build-isolation", "--no-binary", PACKAGE, "--require-hashes"]
    steps.run(
        f"Fetching the sources of {PACKAGE}",
        [*pip, "download", *options, "-r", requirement, "-d", folder],
        environment,
    )
    archive = next(folder.glob("*.tar.gz"), None)
    if archive is None:
        raise BuildError(f"pip fetched no sources of {PACKAGE}.", f"The log is {steps.log}.")
    unpack(archive, target)
    return target


def unpack(archive: Path, target: Path) -> None:
    """Unpack into `target`, which appears when it is complete. The archive is removed."""
    scratch = target.with_name("unpacking")
    shutil.rmtree(scratch, ignore_errors=True)
    with tarfile.open(archive) as tar:
        wanted = [member for member in tar if not _UNUSED.match(member.name)]
        if hasattr(tarfile, "data_filter"):
            tar.extractall(scratch, members=wanted, filter="data")
        else:  # before Python 3.11.4; the archive's hash is pinned
            tar.extractall(scratch, members=wanted)
    next(scratch.iterdir()).replace(target)
    scratch.rmdir()
    archive.unlink()
