"""`rm` and `verify`: what removal frees and what it does not touch, and which changes verification detects."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mull.control import TurnControl
from mull.errors import MullError, UsageError
from mull.fs.paths import config_dir
from mull.job_events import DownloadProgress
from mull.models.catalogue.catalogue import load_catalogue
from mull.models.disk import records
from mull.models.disk.discover import installed
from mull.models.disk.hf_cache import RepositoryFolder
from mull.models.hub.transfer import FileTransfer
from mull.models.remove import Removed, remove
from mull.models.resolve import matching, resolve
from mull.models.verify import Verification, verify
from tests.models.conftest import Puller, environment
from tests.models.hub_server import Hub, gguf
from tests.models.test_resolve import OSS, ollama, put, write

REPO = "owner/tiny-GGUF"
SMALL, BIG = gguf(100_000), gguf(300_000, 1)


def everything(user: Path) -> list[str]:
    """All files and links in the Hub's cache, without its locks."""
    root = user / "hf" / "hub"
    return sorted(
        str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir() and ".locks" not in p.parts
    )


# Removal


def test_removal_frees_the_blob_and_leaves_no_files(hub: Hub, fetch: Puller, user: Path) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": SMALL, "README.md": b"# Tiny"})
    path = fetch(REPO).path
    assert remove(REPO) == [Removed(f"{REPO}:Q4_K_M", len(SMALL) + 6)]
    assert everything(user) == []
    assert not RepositoryFolder.of(REPO).folder.exists()
    assert records.recorded(path) is None
    assert records.last_pulled() is None
    with pytest.raises(MullError) as caught:
        remove(REPO)
    assert caught.value.code == "not_installed"


def test_removal_of_one_quantization_does_not_touch_the_other(hub: Hub, fetch: Puller, user: Path) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": SMALL, "tiny-Q8_0.gguf": BIG, "README.md": b"# Tiny"})
    fetch(f"{REPO}:Q4_K_M")
    kept = fetch(f"{REPO}:Q8_0").path
    with pytest.raises(UsageError) as caught:
        remove(REPO)
    assert "Q4_K_M" in caught.value.message
    assert "Q8_0" in caught.value.message
    assert remove(f"{REPO}:Q4_K_M") == [Removed(f"{REPO}:Q4_K_M", len(SMALL))]
    assert kept.read_bytes() == BIG
    assert kept.with_name("README.md").is_file()
    assert [one.name for one in remove(REPO, every=True)] == [f"{REPO}:Q8_0"]


def test_a_blob_shared_by_revisions_is_removed_with_the_last(hub: Hub, fetch: Puller, user: Path) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": SMALL}, commit="a" * 40)
    fetch(REPO)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": SMALL, "other-Q8_0.gguf": SMALL}, commit="b" * 40)
    fetch(REPO, again=True)
    fetch(f"{REPO}:Q8_0")
    assert len([name for name in everything(user) if "/blobs/" in name]) == 1
    assert remove(f"{REPO}:Q4_K_M") == [Removed(f"{REPO}:Q4_K_M", 0)]
    assert resolve(f"{REPO}:Q8_0").path.read_bytes() == SMALL
    assert remove(REPO) == [Removed(f"{REPO}:Q8_0", len(SMALL))]
    assert everything(user) == []


def test_all_revisions_of_a_file_are_removed(hub: Hub, fetch: Puller, user: Path) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": SMALL}, commit="a" * 40)
    fetch(REPO)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": BIG}, commit="b" * 40)
    fetch(REPO, again=True)
    assert sum(one.freed for one in remove(REPO)) == len(SMALL) + len(BIG)
    assert everything(user) == []


def test_files_that_mull_did_not_download_stay(hub: Hub, fetch: Puller, user: Path) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": SMALL})
    other = fetch(REPO).path.with_name("config.json")
    other.write_text("{}")
    remove(REPO)
    assert other.read_text() == "{}"


def test_a_partial_download_is_removed_by_its_name(hub: Hub, fetch: Puller, user: Path) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": BIG})
    hub.fault(cut_at=100_000, times=99)
    with pytest.raises(MullError):
        fetch(REPO)
    assert remove(REPO) == [Removed(REPO, 100_000, partial=True)]
    assert everything(user) == []


def test_a_running_download_is_not_removed(hub: Hub, user: Path) -> None:
    from mull.models.hub.listing import look_up

    model = hub.add(REPO, {"tiny-Q4_K_M.gguf": BIG, "tiny-Q8_0.gguf": SMALL})
    hub.fault(bytes_per_second=300_000)
    folder, listing = RepositoryFolder.of(REPO), look_up(REPO)
    transfer = FileTransfer(folder, model.commit, listing.files[0], threading.Event())
    thread = threading.Thread(target=transfer.run)
    thread.start()
    while not transfer.fetched:
        thread.join(0.01)
    with pytest.raises(MullError) as caught:
        remove(REPO)
    assert caught.value.code == "not_installed"
    thread.join()
    assert transfer.link.read_bytes() == BIG


def test_other_tools_files_are_never_touched(user: Path) -> None:
    blob = ollama(user, "registry.ollama.ai/library/qwen3/8b", "1" * 64)
    studio = write(user / ".lmstudio" / "models" / "o" / "r-GGUF" / "m-Q4_K_M.gguf")
    folder = write(user / "mine" / "n-Q4_0.gguf")
    for name, hint in (
        ("qwen3:8b", "ollama rm qwen3:8b"),
        ("o/r-GGUF", "LM Studio"),
        ("n-q4_0", str(folder)),
    ):
        with pytest.raises(MullError) as caught:
            remove(name, folders=[user / "mine"])
        assert caught.value.code == "unmanaged_model"
        assert hint in caught.value.message + caught.value.hint
    for name in ("pebble", str(folder)):
        with pytest.raises(UsageError):
            remove(name)
    with pytest.raises(MullError, match="no model called"):
        remove("gpt-os-20b")
    assert all(path.is_file() for path in (blob, studio, folder))


def test_a_blob_in_the_shared_store_is_removed_with_its_last_link(user: Path) -> None:
    """The layout of newer huggingface_hub versions for files from Xet."""
    from huggingface_hub.utils import _shared_blobs

    xet = "c" * 64
    for repo in ("o/one-GGUF", "o/two-GGUF"):
        link = put(repo, "m-Q4_K_M.gguf", SMALL)
        cache = RepositoryFolder.of(repo).folder.parent
        assert _shared_blobs.publish_blob_to_shared_store(
            blob_path=str(link.resolve()), xet_hash=xet, cache_dir=str(cache), expected_size=len(SMALL)
        )
    store = _shared_blobs.shared_blob_path(cache, xet)
    assert matching("o/one-GGUF")[0].sha256 == hashlib.sha256(SMALL).hexdigest()
    assert remove("o/one-GGUF")[0].freed == 0
    assert store.read_bytes() == SMALL
    assert remove("o/two-GGUF")[0].freed == len(SMALL)
    assert not store.exists()


# Verification


def check(name: str, folders: list[Path] | None = None) -> list[Verification]:
    catalogue = load_catalogue(config_dir())
    verdicts = []
    for model in matching(name, folders or []):
        for value in verify(model, catalogue, TurnControl()):
            assert isinstance(value, Verification | DownloadProgress)
            verdicts += [value] if isinstance(value, Verification) else []
    return verdicts


def test_an_intact_file_is_trusted_after_verification(user: Path) -> None:
    put("o/m-GGUF", "m-Q4_K_M.gguf", SMALL)
    assert not resolve("o/m-GGUF").trusted
    (verdict,) = check("o/m-GGUF")
    assert (verdict.same, verdict.against, verdict.bytes) == (True, "hub", len(SMALL))
    assert verdict.sha256 == hashlib.sha256(SMALL).hexdigest()
    assert resolve("o/m-GGUF").trusted


def test_one_changed_bit_is_detected(user: Path) -> None:
    link = put("o/m-GGUF", "m-Q4_K_M.gguf", SMALL)
    link.resolve().write_bytes(SMALL[:50_000] + bytes([SMALL[50_000] ^ 1]) + SMALL[50_001:])
    (verdict,) = check("o/m-GGUF")
    assert verdict.same is False
    assert not resolve("o/m-GGUF").trusted


def test_a_change_with_the_same_size_and_time_is_detected(hub: Hub, fetch: Puller) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": SMALL})
    blob = fetch(REPO).path.resolve()
    before = blob.stat()
    blob.write_bytes(SMALL[:-1] + b"?")
    os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [verdict.same for verdict in check(REPO)] == [False]


def test_ollamas_blobs_are_named_after_their_digest(user: Path) -> None:
    digest = hashlib.sha256(SMALL).hexdigest()
    ollama(user, "registry.ollama.ai/library/tiny/1b", digest).write_bytes(SMALL)
    assert [(v.same, v.against) for v in check("tiny:1b")] == [(True, "ollama")]
    ollama(user, "registry.ollama.ai/library/tiny/1b", digest).write_bytes(BIG)
    assert [v.same for v in check("tiny:1b")] == [False]


def test_an_unknown_file_is_compared_with_its_first_reading(user: Path) -> None:
    file = write(user / "mine" / "n-Q4_0.gguf", SMALL)
    folders = [user / "mine"]
    assert [(v.same, v.against) for v in check("n-q4_0", folders)] == [(None, "nothing")]
    assert [(v.same, v.against) for v in check("n-q4_0", folders)] == [(True, "earlier")]
    assert not resolve("n-q4_0", folders=folders).trusted  # no published digest
    file.write_bytes(BIG)
    assert [v.same for v in check("n-q4_0", folders)] == [False]


def test_the_catalogues_digest_verifies_another_tools_file(user: Path) -> None:
    (user / "config").mkdir()
    digest = hashlib.sha256(SMALL).hexdigest()
    (user / "config" / "models.toml").write_text(
        f"""
[[model]]
name = "tiny"
made_by = "nobody"
licence = {{ spdx = "MIT", permissive = true }}
reasoning = {{ kind = "none" }}
repo = "{REPO}"
default = "Q4_K_M"
files = [{{ quant = "Q4_K_M", name = "tiny-Q4_K_M.gguf", sha256 = "{digest}" }}]
"""
    )
    file = write(user / ".lmstudio" / "models" / REPO / "tiny-Q4_K_M.gguf", SMALL)
    for _ in range(2):
        assert [(v.same, v.against, v.catalogue) for v in check("tiny")] == [(True, "catalogue", True)]
        assert resolve("tiny").trusted
    file.write_bytes(BIG)
    assert [(v.same, v.against, v.catalogue) for v in check("tiny")] == [(False, "earlier", False)]


def test_another_file_than_the_catalogues_is_reported(user: Path) -> None:
    put(OSS, "gpt-oss-20b-MXFP4.gguf", SMALL)
    (verdict,) = check("gpt-oss-20b")
    assert (verdict.same, verdict.catalogue) == (True, False)


# The commands


def run(user: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mull", *arguments],
        env=environment(user),
        capture_output=True,
        text=True,
        check=False,
    )


def test_verify_reports_and_fails_when_a_file_has_changed(user: Path) -> None:
    put("o/m-GGUF", "m-Q4_K_M.gguf", SMALL)
    broken = put("o/n-GGUF", "n-Q4_K_M.gguf", BIG)
    broken.resolve().write_bytes(SMALL)
    done = run(user, "verify")
    assert done.returncode == 1
    assert [line.split("\t")[-1] for line in done.stdout.splitlines()] == ["ok", "CHANGED"]
    assert "o/n-GGUF:Q4_K_M" in done.stderr
    done = run(user, "verify", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "checksum_mismatch"
    done = run(user, "verify", "o/m-GGUF", "--json")
    assert done.returncode == 0
    (file,) = json.loads(done.stdout)["files"]
    assert file["same"] is True
    assert run(user, "verify", "nobody/nothing").returncode == 1


def test_rm_reports_the_freed_space(user: Path) -> None:
    put("o/m-GGUF", "m-Q4_K_M.gguf", SMALL)
    done = run(user, "rm", "o/m-GGUF")
    assert done.returncode == 0
    assert "100 kB freed" in done.stderr
    assert installed() == []
