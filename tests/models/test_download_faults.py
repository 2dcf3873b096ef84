"""Faults of a download, each injected once: the network, the Hub, the disk."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from mull.errors import MullError
from mull.job_events import DownloadProgress, PullStarted
from mull.models.disk.hf_cache import RepositoryFolder
from mull.models.hub import transfer
from tests.models.conftest import Puller, blobs, environment
from tests.models.hub_server import TOKEN, Hub, gguf

REPO = "owner/tiny-GGUF"
SIZE = 600_000
MODEL = gguf(SIZE)


@pytest.fixture
def tiny(hub: Hub) -> Hub:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL})
    return hub


def fails(fetch: Puller, code: str, name: str = REPO, **more: object) -> MullError:
    with pytest.raises(MullError) as caught:
        fetch(name, **more)
    assert caught.value.code == code, caught.value.message
    assert caught.value.message.endswith(".")
    assert caught.value.hint
    return caught.value


# Refusals


def test_unknown_name_suggests_the_nearest(fetch: Puller) -> None:
    error = fails(fetch, "unknown_model", "gpt-os-20b")
    assert "gpt-oss-20b" in error.hint


def test_missing_repository(tiny: Hub, fetch: Puller) -> None:
    assert "owner/none" in fails(fetch, "unknown_repository", "owner/none").message


def test_missing_revision(tiny: Hub, fetch: Puller) -> None:
    assert "v9" in fails(fetch, "unknown_revision", revision="v9").message


def test_ambiguous_quantization_lists_the_choices(hub: Hub, fetch: Puller) -> None:
    hub.add(
        REPO, {"tiny-Q5_K_M.gguf": gguf(2000), "tiny-Q8_0.gguf": gguf(3000), "mmproj-tiny-F16.gguf": gguf(10)}
    )
    error = fails(fetch, "ambiguous_quantization")
    assert "Q5_K_M (2.0 kB), Q8_0 (3.0 kB)" in error.hint
    assert "mmproj" not in error.hint
    error = fails(fetch, "ambiguous_quantization", quant="Q2_K")
    assert "no Q2_K" in error.message
    assert "Q8_0" in error.hint


def test_two_files_of_one_quantization_are_selected_by_name(hub: Hub, fetch: Puller) -> None:
    hub.add(REPO, {"a-Q4_K_M.gguf": gguf(2000), "b-Q4_K_M.gguf": gguf(3000, 1)})
    assert "a-Q4_K_M" in fails(fetch, "ambiguous_quantization").hint
    assert fetch(f"{REPO}:b-Q4_K_M").bytes == 3000


def test_gated_repository_names_the_licence_page_and_the_token(
    hub: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL}, gated=True)
    error = fails(fetch, "gated_repository")
    assert f"{hub.url}/{REPO}" in error.hint
    assert "HF_TOKEN" in error.hint
    monkeypatch.setenv("HF_TOKEN", "hf_badtoken")
    fails(fetch, "invalid_token")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert fetch(REPO).verified
    assert hub.tokens_at_cdn == 0  # the token is the Hub's alone, wherever it redirects to


@pytest.mark.parametrize("status", [401, 403])
def test_a_listed_repository_that_refuses_its_files_is_gated(
    tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    tiny.fault(where="/resolve/", status=status, times=9)
    assert f"{tiny.url}/{REPO}, then set HF_TOKEN" in fails(fetch, "gated_repository").hint
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert "your token's account" in fails(fetch, "gated_repository").hint


def test_repository_without_a_gguf(hub: Hub, fetch: Puller) -> None:
    hub.add(REPO, {"model.safetensors": b"x" * 10, "README.md": b"hello"})
    assert "mull models search" in fails(fetch, "no_gguf").hint


def test_offline_mode_is_reported(tiny: Hub, user: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mull", "pull", REPO],
        env=environment(user, tiny, HF_HUB_OFFLINE="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "HF_HUB_OFFLINE" in done.stderr
    assert tiny.requests == []


# The network


def test_no_network(fetch: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in fails(fetch, "connection_failed").message


@pytest.mark.parametrize(
    "address", ["hub", "ftp://hub", "http://", "http://[::1", "http://hub:99999", "http://a b"]
)
def test_an_invalid_endpoint(fetch: Puller, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert address in fails(fetch, "invalid_endpoint").message


def test_dns_failure(fetch: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_name(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)  # a resolver's own timeout may take half a minute
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    assert "hub.invalid" in fails(fetch, "host_not_found").message


def test_a_silent_server_times_out_and_is_retried(
    tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "READ_SECONDS", 0.2)
    tiny.fault(hang=0.6)
    assert fetch(REPO).verified
    assert len(tiny.downloads()) == 2


@pytest.mark.parametrize("where", ["/api/", "/resolve/", "/cdn/"])
def test_rate_limit_with_retry_after(tiny: Hub, fetch: Puller, where: str) -> None:
    tiny.fault(where=where, status=429, headers={"Retry-After": "0"}, times=2)
    assert fetch(REPO).verified


def test_a_long_retry_after_is_reported_instead_of_waited_for(tiny: Hub, fetch: Puller) -> None:
    tiny.fault(where="/api/", status=429, headers={"Retry-After": "3600"}, times=9)
    assert "3600 seconds" in fails(fetch, "rate_limited").hint


@pytest.mark.parametrize("where", ["/api/", "/resolve/", "/cdn/"])
def test_server_errors_are_retried(tiny: Hub, fetch: Puller, where: str) -> None:
    for status in (500, 502, 503):
        tiny.fault(where=where, status=status)
    assert fetch(REPO).verified


def test_permanent_server_errors_end_the_retries(tiny: Hub, fetch: Puller) -> None:
    tiny.fault(where="/cdn/", status=500, times=99)
    assert "HTTP 500" in fails(fetch, "hub_error").message


def test_a_web_page_instead_of_the_hubs_response(tiny: Hub, fetch: Puller) -> None:
    tiny.fault(where="/api/", body=b"<html>Sign in to the hotel's network</html>", times=9)
    assert "proxy" in fails(fetch, "unexpected_response").hint


# The bytes


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_a_download_is_resumed_after_a_lost_connection(tiny: Hub, fetch: Puller, share: float) -> None:
    at = int(SIZE * share)
    tiny.fault(cut_at=at)
    pulled = fetch(REPO)
    assert pulled.path.read_bytes() == MODEL
    assert tiny.downloads() == ["", f"bytes={at}-"]
    assert pulled.fetched == SIZE


def test_a_pull_that_gave_up_is_resumed_next_time(tiny: Hub, fetch: Puller, user: Path) -> None:
    tiny.fault(cut_at=200_000, times=99)
    assert "is resumed" in fails(fetch, "connection_lost").hint
    assert [name.endswith(".incomplete") for name in blobs(user)] == [True]
    tiny.faults.clear()
    pulled = fetch(REPO)
    assert pulled.fetched == SIZE - 200_000
    assert PullStarted(REPO, 1, SIZE, 200_000) in fetch.said
    assert pulled.path.read_bytes() == MODEL


def test_a_server_that_ignores_the_range_starts_over(tiny: Hub, fetch: Puller) -> None:
    tiny.fault(cut_at=300_000)
    tiny.fault(ignore_range=True)
    assert fetch(REPO).path.read_bytes() == MODEL


def test_another_range_than_requested_is_not_written(tiny: Hub, fetch: Puller) -> None:
    tiny.fault(cut_at=300_000)
    tiny.fault(shift_range=1000)
    assert fetch(REPO).path.read_bytes() == MODEL
    assert len(tiny.downloads()) == 3


@pytest.mark.parametrize("error", [1000, -1000])
def test_a_wrong_content_length(tiny: Hub, fetch: Puller, error: int) -> None:
    tiny.fault(length_error=error)
    assert fetch(REPO).path.read_bytes() == MODEL


@pytest.mark.parametrize("at", [100, SIZE // 2, SIZE - 1])
def test_corrupted_bytes_are_caught_and_removed(tiny: Hub, fetch: Puller, user: Path, at: int) -> None:
    tiny.fault(corrupt_at=at)
    assert "SHA-256" in fails(fetch, "checksum_mismatch").message
    assert blobs(user) == []
    assert fetch(REPO).path.read_bytes() == MODEL


def test_a_damaged_partial_file_is_detected(tiny: Hub, fetch: Puller, user: Path) -> None:
    tiny.fault(cut_at=200_000, times=99)
    fails(fetch, "connection_lost")
    tiny.faults.clear()
    (partial,) = (user / "hf" / "hub").glob("models--*/blobs/*.incomplete")
    partial.write_bytes(b"GGUF" + bytes(199_996))
    fails(fetch, "checksum_mismatch")
    assert fetch(REPO).path.read_bytes() == MODEL


def test_a_partial_file_that_is_too_long_starts_over(tiny: Hub, fetch: Puller) -> None:
    tiny.fault(cut_at=200_000, times=99)
    fails(fetch, "connection_lost")
    tiny.faults.clear()
    folder = RepositoryFolder.of(REPO)
    (partial,) = (folder.folder / "blobs").glob("*.incomplete")
    partial.write_bytes(MODEL + b"more")
    assert fetch(REPO).path.read_bytes() == MODEL


@pytest.mark.parametrize("where", ["/resolve/", "/cdn/"])
def test_a_web_page_instead_of_the_model(tiny: Hub, fetch: Puller, user: Path, where: str) -> None:
    tiny.fault(where=where, body=b"<!DOCTYPE html><title>Sign in</title>", times=9)
    assert "web page" in fails(fetch, "unexpected_response").message
    assert blobs(user) == []


def test_a_web_page_in_mid_download_does_not_cost_the_partial_file(tiny: Hub, fetch: Puller) -> None:
    tiny.fault(cut_at=300_000)
    tiny.fault(where="/cdn/", body=b"<!DOCTYPE html><title>Sign in</title>")
    assert "partial download stays" in fails(fetch, "unexpected_response").hint
    pulled = fetch(REPO)
    assert pulled.fetched == SIZE - 300_000
    assert pulled.path.read_bytes() == MODEL


def test_a_file_on_the_hub_that_is_not_a_gguf(hub: Hub, fetch: Puller, user: Path) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": b"PK\x03\x04 a zip archive"})
    fails(fetch, "unexpected_response")
    assert blobs(user) == []


def test_replaced_on_the_hub_in_mid_download(tiny: Hub, fetch: Puller, user: Path) -> None:
    newer = gguf(SIZE + 5000, seed=7)

    def replace() -> None:
        tiny.add(REPO, {"tiny-Q4_K_M.gguf": newer}, commit="c" * 40)

    tiny.fault(cut_at=300_000)
    tiny.fault(where="/resolve/", times=1)  # the first request of the file goes through
    tiny.fault(where="/resolve/", before=replace)
    assert fetch(REPO).path.read_bytes() == newer
    assert "replaced" in fetch.notices
    assert not [name for name in blobs(user) if name.endswith(".incomplete")]


def test_replaced_under_the_same_commit(tiny: Hub, fetch: Puller) -> None:
    newer, commit = gguf(SIZE, seed=8), tiny.models[REPO].commit

    def replace() -> None:
        tiny.add(REPO, {"tiny-Q4_K_M.gguf": newer}, commit=commit)

    tiny.fault(where="/resolve/", before=replace)
    assert fetch(REPO).path.read_bytes() == newer


# The disk


def test_too_little_disk_space_is_reported_before_the_first_byte(
    hub: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(REPO, {"huge-Q4_K_M.gguf": MODEL})
    size = 10**18
    monkeypatch.setattr(hub, "digest", lambda content, known=hub.digest: (known(content)[0], size))
    error = fails(fetch, "disk_full")
    assert "free" in error.message
    assert hub.downloads() == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_during_the_download(
    tiny: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, *, new: bool) -> BinaryIO:
        return Path("/dev/full").open("r+b", buffering=0)

    monkeypatch.setattr(transfer, "open_partial", full)
    assert "is resumed" in fails(fetch, "disk_full").hint


@pytest.mark.skipif(
    sys.platform == "win32" or (os.geteuid() == 0 and not shutil.which("setpriv")),
    reason="needs POSIX permissions",
)
def test_a_read_only_cache(tiny: Hub, user: Path) -> None:
    cache = user / "hf" / "hub"
    cache.mkdir(parents=True)
    state = user / "state"
    state.mkdir()
    for path in (cache, cache.parent):
        path.chmod(0o555)
    # root may write everywhere, unless it gives that up
    obey = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*obey, sys.executable, "-m", "mull", "pull", REPO],
        env=environment(user, tiny),
        capture_output=True,
        text=True,
        check=False,
    )
    for path in (cache, cache.parent):
        path.chmod(0o755)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "HF_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cache_that_is_not_a_folder(tiny: Hub, fetch: Puller, user: Path) -> None:
    (user / "hf").write_text("in the way")
    assert "HF_HOME" in fails(fetch, "cache_failed").hint


def test_an_interrupted_rename(tiny: Hub, fetch: Puller) -> None:
    """The process was killed after the last byte, before the rename."""
    folder = RepositoryFolder.of(REPO)
    digest = tiny.digest(MODEL)[0]
    (folder.folder / "blobs").mkdir(parents=True)
    (folder.folder / "blobs" / f"{digest}.incomplete").write_bytes(MODEL)
    pulled = fetch(REPO)
    assert pulled.path.read_bytes() == MODEL
    assert pulled.fetched == 0
    assert tiny.downloads() == []


def test_a_blob_that_was_never_linked(tiny: Hub, fetch: Puller) -> None:
    folder = RepositoryFolder.of(REPO)
    digest = tiny.digest(MODEL)[0]
    (folder.folder / "blobs").mkdir(parents=True)
    (folder.folder / "blobs" / digest).write_bytes(MODEL)
    pulled = fetch(REPO)
    assert pulled.path.read_bytes() == MODEL
    assert tiny.downloads() == []
    assert pulled.verified


def test_a_blob_that_is_damaged_is_not_linked(tiny: Hub, fetch: Puller) -> None:
    folder = RepositoryFolder.of(REPO)
    digest = tiny.digest(MODEL)[0]
    (folder.folder / "blobs").mkdir(parents=True)
    (folder.folder / "blobs" / digest).write_bytes(MODEL[:-1] + b"?")
    fails(fetch, "checksum_mismatch")
    assert fetch(REPO).path.read_bytes() == MODEL


# Hostile repositories


@pytest.mark.parametrize(
    "name",
    [
        "../../evil-Q4_K_M.gguf",
        "/tmp/evil-Q4_K_M.gguf",
        "a/../../evil-Q4_K_M.gguf",
        "..\\evil-Q4_K_M.gguf",
        "C:evil-Q4_K_M.gguf",
        "nul.gguf",
        "evil\n-Q4_K_M.gguf",
        "~/evil-Q4_K_M.gguf",
    ],
)
def test_hostile_file_names_are_refused(hub: Hub, fetch: Puller, user: Path, name: str) -> None:
    hub.add(REPO, {name: MODEL})
    assert fails(fetch, "unsafe_filename").hint == "Do not trust this repository."
    assert list(user.rglob("*.gguf")) == []
    assert hub.downloads() == []


def test_a_hostile_name_does_not_affect_other_files(hub: Hub, fetch: Puller) -> None:
    hub.add(REPO, {"../x-Q4_K_M.gguf": MODEL, "tiny-Q4_K_M.gguf": MODEL})
    assert fetch(REPO).path.name == "tiny-Q4_K_M.gguf"


@pytest.mark.parametrize("field", ["sha", "oid"])
def test_hashes_that_are_paths_are_refused(tiny: Hub, fetch: Puller, user: Path, field: str) -> None:
    evil = "../../../../evil"
    oid = evil if field == "oid" else "a" * 64
    sibling = (
        f'{{"rfilename": "t.gguf", "size": 9, "lfs": {{"sha256": "{oid}", "size": 9, "pointerSize": 1}}}}'
    )
    sha = evil if field == "sha" else "b" * 40
    body = f'{{"id": "{REPO}", "sha": "{sha}", "siblings": [{sibling}]}}'
    tiny.fault(where="/api/", body=body.encode(), content_type="application/json", times=9)
    fails(fetch, "unexpected_response")
    assert not (user / "evil").exists()


def test_progress_stays_within_the_total(tiny: Hub, fetch: Puller) -> None:
    tiny.fault(bytes_per_second=2_000_000)
    fetch(REPO)
    shares = [value.done for value in fetch.said if isinstance(value, DownloadProgress)]
    assert shares == sorted(shares)
    assert shares[-1] == SIZE


def test_connections_lost_at_any_byte_lose_and_repeat_nothing(tiny: Hub, fetch: Puller) -> None:
    """Many lost connections in one download, some one byte apart, and one pull that gave up between them."""
    places = sorted(
        {1, 2, 3, 4, 5, 4096, 65_535, 65_536, 65_537, *(n * 7919 % SIZE for n in range(1, 20)), SIZE - 1}
    )
    for at in places:
        tiny.fault(cut_at=at)
    pulled = fetch(REPO)
    assert pulled.path.read_bytes() == MODEL
    assert pulled.fetched == SIZE
    assert tiny.downloads() == ["", *(f"bytes={at}-" for at in places)]
