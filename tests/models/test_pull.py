"""`pull`: which file, where to, nothing downloaded twice, and nothing lost by a stop or a kill."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mull.errors import MullError, UsageError
from mull.job_events import PullStarted
from mull.models.disk import records
from mull.models.disk.hf_cache import RepositoryFolder, hub_cache
from mull.models.hub import xet
from mull.models.remove import remove
from mull.models.resolve import resolve
from tests.models.conftest import Puller, blobs, environment
from tests.models.hub_server import Hub, gguf

REPO = "owner/tiny-GGUF"
MODEL = gguf(300_000)
BIG = gguf(2_000_000, 3)
HUGE = "7d7ed105208e76c97cb352734f14a6513027b065966bd4ab243d7373da1af35f"  # of the 5 GB below


def publish(user: Path, **file: object) -> None:
    """The user's models.toml with one entry, `tiny`."""
    (user / "config").mkdir(exist_ok=True)
    pinned = {"quant": "Q4_K_M", "name": "tiny-Q4_K_M.gguf", **file}
    fields = ", ".join(f"{key} = {json.dumps(value)}" for key, value in pinned.items() if key != "at")
    at = f'revision = "{file["at"]}"' if "at" in file else ""
    (user / "config" / "models.toml").write_text(
        f"""
[[model]]
name = "tiny"
made_by = "nobody"
licence = {{ spdx = "MIT", permissive = true }}
reasoning = {{ kind = "none" }}
repo = "{REPO}"
{at}
default = "Q4_K_M"
files = [{{ {fields} }}, {{ quant = "Q8_0", name = "tiny-Q8_0.gguf" }}]
"""
    )


def start(user: Path, hub: Hub, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mull", *arguments],
        env=environment(user, hub),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def partial_bytes(user: Path) -> int:
    return sum(path.stat().st_size for path in (user / "hf").rglob("*.incomplete"))


# What is chosen


def test_the_default_quantization_is_taken_when_none_is_named(hub: Hub, fetch: Puller) -> None:
    hub.add(REPO, {"tiny-Q8_0.gguf": BIG, "tiny-Q4_K_M.gguf": MODEL, "mmproj-tiny-Q4_K_M.gguf": gguf(99)})
    assert fetch(REPO).path.read_bytes() == MODEL
    assert fetch(f"hf.co/{REPO}:q8_0").path.read_bytes() == BIG
    assert fetch(f"https://huggingface.co/{REPO}/blob/main/tiny-Q8_0.gguf").already


def test_a_dynamic_quantization_is_the_default_where_there_is_no_other(hub: Hub, fetch: Puller) -> None:
    hub.add(REPO, {"tiny-Q8_0.gguf": BIG, "tiny-UD-Q4_K_M.gguf": MODEL, "tiny-UD-Q4_K_XL.gguf": BIG})
    assert fetch(REPO).path.name == "tiny-UD-Q4_K_M.gguf"


def test_a_catalogue_name_leads_to_its_repository(hub: Hub, fetch: Puller, user: Path) -> None:
    publish(user)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL, "tiny-Q8_0.gguf": BIG})
    assert fetch("tiny").path.name == "tiny-Q4_K_M.gguf"
    assert fetch("tiny:Q8_0").path.name == "tiny-Q8_0.gguf"
    assert fetch("tiny", quant="q8_0").already
    with pytest.raises(UsageError):
        fetch("tiny:Q8_0", quant="Q4_K_M")


def test_a_renamed_file_is_found_by_its_quantization(hub: Hub, fetch: Puller, user: Path) -> None:
    publish(user, sha256="0" * 64)
    hub.add(REPO, {"Tiny-2-q4_k_m.gguf": MODEL, "Tiny-2-q8_0.gguf": BIG})
    assert fetch("tiny").path.name == "Tiny-2-q4_k_m.gguf"
    assert "Tiny-2-q4_k_m.gguf" in fetch.notices["renamed"]
    assert "changed" in fetch.notices


def test_a_pinned_revision_must_have_the_pinned_bytes(hub: Hub, fetch: Puller, user: Path) -> None:
    commit = "a" * 40
    publish(user, sha256="0" * 64, at=commit)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL}, commit=commit)
    with pytest.raises(MullError) as caught:
        fetch("tiny")
    assert caught.value.code == "pin_mismatch"
    assert blobs(user) == []
    publish(user, sha256=hub.digest(MODEL)[0], at=commit)
    assert fetch("tiny").verified


@pytest.mark.parametrize("plain", [False, True])
def test_the_newest_revision_replaces_a_pinned_one_that_is_gone(
    hub: Hub, fetch: Puller, user: Path, plain: bool
) -> None:
    publish(user, at="e" * 40)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL})
    if plain:
        hub.fault(where="/revision/e", status=404)
    assert fetch("tiny").verified
    assert "unpinned" in fetch.notices


def test_a_revision_named_by_the_user(hub: Hub, fetch: Puller) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL}, revisions={"v1": ""})
    fetch(REPO, revision="v1")
    assert RepositoryFolder.of(REPO).commit_of("v1") == hub.models[REPO].commit


def test_split_files_are_one_model(hub: Hub, fetch: Puller) -> None:
    names = [f"Q4_K_M/tiny-Q4_K_M-{n:05d}-of-00004.gguf" for n in range(1, 5)]
    contents = {name: gguf(50_000 + n, n) for n, name in enumerate(names)}
    hub.add(
        REPO, {**contents, "tiny-Q8_0-00001-of-00002.gguf": gguf(99)}
    )  # the second half of Q8_0 is missing
    pulled = fetch(REPO)
    assert PullStarted(REPO, 4, sum(map(len, contents.values())), 0) in fetch.said
    assert len(pulled.sha256) == 4
    found = resolve(REPO)
    assert found.path == pulled.path
    assert found.trusted
    for name, content in contents.items():
        assert RepositoryFolder.of(REPO).link(hub.models[REPO].commit, name).read_bytes() == content
    with pytest.raises(MullError, match="no Q8_0"):
        fetch(f"{REPO}:Q8_0")


@pytest.mark.parametrize("trees", [True, False])
def test_a_mirror_that_lists_names_only_is_asked_for_the_rest(hub: Hub, fetch: Puller, trees: bool) -> None:
    names = [f"Q4_K_M/tiny-Q4_K_M-{n:05d}-of-00003.gguf" for n in range(1, 4)]
    hub.add(REPO, {**{name: gguf(50_000, n) for n, name in enumerate(names)}, "README.md": b"# Tiny"})
    hub.names_only, hub.trees, hub.page = True, trees, 2
    pulled = fetch(REPO)
    assert pulled.verified
    assert (len(pulled.sha256), pulled.bytes) == (3, 150_000)
    asked = [(method, path) for method, path, _ in hub.requests if method == "HEAD" or "/tree/" in path]
    assert len(asked) == (3 if trees else 4)  # three pages; or the tree in vain, then every model's headers
    assert all(("/tree/" in path) == trees for method, path in asked[1:])


# Where it lands


def test_other_tools_find_it_in_the_cache(hub: Hub, fetch: Puller) -> None:
    from huggingface_hub import hf_hub_download, scan_cache_dir

    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL, "README.md": b"# Tiny"})
    pulled = fetch(REPO)
    for name, content in {"tiny-Q4_K_M.gguf": MODEL, "README.md": b"# Tiny"}.items():
        path = hf_hub_download(REPO, name, cache_dir=hub_cache(), local_files_only=True)
        assert Path(path).read_bytes() == content
    (repository,) = scan_cache_dir(hub_cache()).repos
    assert repository.repo_id == REPO
    assert repository.size_on_disk == len(MODEL) + 6
    assert pulled.path.resolve().name == hub.digest(MODEL)[0]


def test_other_tools_find_a_pinned_file_without_a_listing_of_main(
    hub: Hub, fetch: Puller, user: Path
) -> None:
    from huggingface_hub import hf_hub_download

    publish(user, at="a" * 40)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL}, commit="a" * 40)
    pulled = fetch("tiny")
    path = hf_hub_download(REPO, "tiny-Q4_K_M.gguf", cache_dir=hub_cache(), local_files_only=True)
    assert Path(path) == pulled.path
    hub.add(REPO, {"tiny-Q4_K_M.gguf": BIG}, commit="b" * 40)
    fetch("tiny", again=True)
    assert RepositoryFolder.of(REPO).commit_of("main") == "b" * 40
    publish(user, at="c" * 40)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL, "tiny-Q8_0.gguf": BIG}, commit="c" * 40)
    assert fetch("tiny:Q8_0").verified
    assert RepositoryFolder.of(REPO).commit_of("main") == "b" * 40  # what somebody asked for stays


def test_downloads_of_other_tools_are_used(hub: Hub, fetch: Puller) -> None:
    from huggingface_hub import hf_hub_download

    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL})
    hf_hub_download(REPO, "tiny-Q4_K_M.gguf", cache_dir=hub_cache(), endpoint=hub.url)
    asked = len(hub.requests)
    pulled = fetch(REPO)
    assert pulled.already
    assert not pulled.verified
    assert len(hub.requests) == asked


def test_the_cache_folder_is_that_of_huggingface_hub(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    settings: list[dict[str, str]] = [
        {},
        {"HF_HOME": "~/h"},
        {"HF_HUB_CACHE": "$HOME/c"},
        {"HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/home"},
        {"XDG_CACHE_HOME": "/xdg"},
    ]
    for more in settings:
        with monkeypatch.context() as patch:
            patch.delenv("HF_HOME")
            for name, value in more.items():
                patch.setenv(name, value)
            here = environment(user) if "HF_HOME" in more else {**environment_without_home(user), **more}
            theirs = subprocess.run(
                [sys.executable, "-c", code], env={**here, **more}, capture_output=True, text=True, check=True
            )
            assert str(hub_cache()) == theirs.stdout.strip()


def environment_without_home(user: Path) -> dict[str, str]:
    import os

    return {"PATH": os.environ["PATH"], "HOME": str(user)}


# Nothing twice


def test_an_installed_model_needs_no_request(hub: Hub, fetch: Puller) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL})
    first = fetch(REPO)
    hub.requests.clear()
    again = fetch(REPO)
    assert again.already
    assert again.verified
    assert again.path == first.path
    assert hub.requests == []


def test_update_downloads_only_new_files(hub: Hub, fetch: Puller) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL})
    fetch(REPO)
    assert fetch(REPO, again=True).already
    hub.add(REPO, {"tiny-Q4_K_M.gguf": BIG}, commit="f" * 40)
    assert fetch(REPO, again=True).path.read_bytes() == BIG
    assert resolve(REPO).path.read_bytes() == BIG


def test_update_looks_beyond_the_pinned_revision(hub: Hub, fetch: Puller, user: Path) -> None:
    publish(user, sha256=hub.digest(MODEL)[0], at="a" * 40)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL}, commit="a" * 40)
    fetch("tiny")
    hub.add(REPO, {"tiny-Q4_K_M.gguf": BIG}, commit="b" * 40)
    assert fetch("tiny").already
    assert fetch("tiny", again=True).path.read_bytes() == BIG
    assert "changed" in fetch.notices
    assert resolve("tiny").path.read_bytes() == BIG


def test_another_tools_copy_is_not_downloaded_again(hub: Hub, fetch: Puller, user: Path) -> None:
    copy = user / ".lmstudio" / "models" / "owner" / "tiny-GGUF" / "tiny-Q4_K_M.gguf"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(MODEL)
    pulled = fetch(f"{REPO}:Q4_K_M")
    assert pulled.path == copy
    assert pulled.source == "lmstudio"
    assert hub.requests == []


def test_the_last_pulled_model_answers(hub: Hub, fetch: Puller, user: Path) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL, "tiny-Q8_0.gguf": BIG})
    fetch(REPO)
    fetch(f"{REPO}:Q8_0")
    found = resolve(None)
    assert (found.chosen_by, found.path.name, found.trusted) == ("last_pulled", "tiny-Q8_0.gguf", True)
    found.path.unlink()
    assert records.last_pulled() is None


def test_two_pulls_at_once_download_once(hub: Hub, user: Path) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": BIG})
    hub.fault(bytes_per_second=1_500_000, times=9)
    first = start(user, hub, "pull", REPO, "--json")
    wait_for(lambda: partial_bytes(user), first)
    second = start(user, hub, "pull", REPO, "--json")
    results = [json.loads(process.communicate(timeout=30)[0]) for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0]
    assert hub.downloads() == [""]
    assert sorted(result["fetched"] for result in results) == [0, len(BIG)]
    assert Path(results[0]["path"]).read_bytes() == BIG
    assert results[0]["path"] == results[1]["path"]


# Stops


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_keeps_the_partial_file_and_says_how_to_resume(hub: Hub, user: Path, fetch: Puller) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": BIG})
    hub.fault(bytes_per_second=200_000)
    process = start(user, hub, "pull", REPO)
    wait_for(lambda: partial_bytes(user) > 100_000, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert out == ""
    assert "are on the disk" in err
    assert f"mull pull {REPO} resumes from there." in err
    kept = partial_bytes(user)
    assert 0 < kept < len(BIG)
    pulled = fetch(REPO)
    assert pulled.fetched == len(BIG) - kept
    assert pulled.path.read_bytes() == BIG


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_kill_at_any_byte_is_resumed(hub: Hub, user: Path, fetch: Puller) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": BIG})
    hub.fault(bytes_per_second=1_000_000, times=9)
    process = start(user, hub, "pull", REPO)
    wait_for(lambda: partial_bytes(user) > 700_000, process)
    process.kill()
    process.communicate()
    kept = partial_bytes(user)
    hub.faults.clear()
    pulled = fetch(REPO)
    assert pulled.fetched == len(BIG) - kept
    assert pulled.path.read_bytes() == BIG
    assert hub.downloads()[-1] == f"bytes={kept}-"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_while_the_hub_is_silent(hub: Hub, user: Path) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": BIG})
    hub.fault(where="/api/", hang=5.0, times=9)
    process = start(user, hub, "pull", REPO)
    wait_for(lambda: hub.requests, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert "Nothing was downloaded" in err


# The command


def test_the_command_prints_the_path_on_stdout(hub: Hub, user: Path) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL, "tiny-Q8_0.gguf": BIG})
    process = start(user, hub, "pull", f"{REPO}:Q4_K_M", f"{REPO}:Q8_0")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    first, second = map(Path, out.splitlines())
    assert first.read_bytes() == MODEL
    assert second.read_bytes() == BIG
    assert "SHA-256 verified" in err
    assert "\x1b" not in err
    assert not any("agent" in path for _, path, _ in hub.requests)  # no telemetry on the calling program


def test_an_error_is_an_object_with_json(hub: Hub, user: Path) -> None:
    process = start(user, hub, "pull", "owner/none", "--json")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert json.loads(out)["error"]["code"] == "unknown_repository"


def test_pebble_needs_no_pull(fetch: Puller) -> None:
    with pytest.raises(UsageError):
        fetch("pebble")


# Places and sizes that are not the usual ones


def test_without_links_the_file_itself_is_in_the_snapshot(
    hub: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(1314, "A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL})
    pulled = fetch(REPO)
    assert not pulled.path.is_symlink()
    assert pulled.path.read_bytes() == MODEL
    assert resolve(REPO).trusted
    assert fetch(REPO).already
    assert fetch(REPO, again=True).fetched == 0
    assert hub.downloads() == [""]
    (freed,) = remove(REPO)
    assert freed.freed == len(MODEL)
    assert not pulled.path.exists()


def test_files_too_large_for_http_are_downloaded_by_huggingface_hub(
    hub: Hub, fetch: Puller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xet, "HTTP_LIMIT", 1000)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL})
    hub.fault(corrupt_at=1000)
    with pytest.raises(MullError) as caught:
        fetch(REPO)
    assert caught.value.code == "checksum_mismatch"
    pulled = fetch(REPO)
    assert pulled.path.read_bytes() == MODEL
    assert pulled.fetched == len(MODEL)
    assert resolve(REPO).trusted


@pytest.mark.slow
def test_sizes_beyond_four_gigabytes(hub: Hub, fetch: Puller, user: Path) -> None:
    """A sparse file of 5 GB that is partial up to its end: offsets of more than 32 bits."""
    size, tail = 5 << 30, b"the very end"
    remote = user / "remote.gguf"
    with remote.open("wb") as file:
        file.write(b"GGUF")
        file.seek(size - len(tail))
        file.write(tail)
    hub.know(remote, HUGE, size)
    hub.add(REPO, {"huge-Q4_K_M.gguf": remote})
    partial = RepositoryFolder.of(REPO).blob(hub.digest(remote)[0] + ".incomplete")
    partial.parent.mkdir(parents=True)
    with partial.open("wb") as file:
        file.write(b"GGUF")
        file.truncate(size - 1000)
    pulled = fetch(REPO)
    assert (pulled.bytes, pulled.fetched) == (size, 1000)
    assert hub.downloads() == [f"bytes={size - 1000}-"]
    with pulled.path.open("rb") as file:
        file.seek(-len(tail), 2)
        assert file.read() == tail


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX links and permission bits")
@pytest.mark.parametrize("kind", ["symbolic", "hard", "dangling", "directory"])
def test_a_link_in_the_place_of_the_partial_file_is_not_written_through(
    hub: Hub, fetch: Puller, tmp_path: Path, kind: str
) -> None:
    content = gguf(50_000)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": content})
    blobs = hub_cache() / f"models--{REPO.replace('/', '--')}" / "blobs"
    blobs.mkdir(parents=True)
    partial = blobs / f"{hub.digest(content)[0]}.incomplete"
    victim = tmp_path / "victim"
    if kind != "dangling":
        victim.write_bytes(content[:100])
    if kind == "hard":
        partial.hardlink_to(victim)
    else:
        partial.symlink_to(tmp_path if kind == "directory" else victim)
    modes: list[int] = []
    hub.fault(before=lambda: modes.append(partial.lstat().st_mode))
    assert fetch(REPO).verified
    assert modes == [stat.S_IFREG | 0o600]
    assert (victim.read_bytes() if victim.exists() else b"") == (b"" if kind == "dangling" else content[:100])
    blob = blobs / hub.digest(content)[0]
    assert stat.S_IMODE(blob.stat().st_mode) == stat.S_IMODE(blobs.stat().st_mode) & 0o666
