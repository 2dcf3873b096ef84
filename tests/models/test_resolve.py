"""Every form of a model name that -m takes resolves to a file, or to an error with the next step."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mull
from mull.errors import ModelFileError, MullError
from mull.models.disk import records
from mull.models.disk.discover import installed
from mull.models.disk.hf_cache import RepositoryFolder
from mull.models.resolve import matching, resolve
from mull.models.resolved import NotInstalled
from mull.settings import Sampling
from tests.models.conftest import environment

BUILTIN = Path(mull.__file__).parent / "data" / "pebble.gguf"
OSS = "ggml-org/gpt-oss-20b-GGUF"


def put(repo: str, filename: str, content: bytes = b"GGUF", commit: str = "a" * 40) -> Path:
    """A file in the Hugging Face cache."""
    import hashlib

    folder = RepositoryFolder.of(repo)
    blob = folder.blob(hashlib.sha256(content).hexdigest())
    link = folder.link(commit, filename)
    for path in (blob, link):
        path.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    link.symlink_to(blob)
    (folder.folder / "refs").mkdir(exist_ok=True)
    (folder.folder / "refs" / "main").write_text(commit)
    return link


def write(path: Path, content: bytes = b"GGUF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# Who chooses


def test_the_order_of_precedence(user: Path) -> None:
    one, two, three = (write(user / f"{name}.gguf") for name in ("one", "two", "three"))
    said = {"environment": str(two), "configured": str(three)}
    found = resolve(str(one), **said)
    assert (found.path, found.chosen_by) == (one, "flag")
    found = resolve(None, **said)
    assert (found.path, found.chosen_by) == (two, "env")
    found = resolve("", environment=" ", configured=str(three))
    assert (found.path, found.chosen_by) == (three, "config")


def test_the_default_is_the_last_pulled_then_the_built_in(user: Path) -> None:
    link = put(OSS, "gpt-oss-20b-MXFP4.gguf")
    records.record_pulled("gpt-oss-20b", link)
    found = resolve(None)
    assert (found.name, found.path, found.chosen_by) == ("gpt-oss-20b", link, "last_pulled")
    assert found.entry is not None
    link.unlink()
    assert records.last_pulled() is None


@pytest.mark.skipif(not BUILTIN.is_file(), reason="the built-in model has not been made in this checkout")
def test_a_new_user_gets_the_built_in_model(user: Path) -> None:
    found = resolve(None)
    assert (found.name, found.path, found.chosen_by, found.trusted) == ("pebble", BUILTIN, "builtin", True)
    assert resolve("pebble").chosen_by == "flag"


# Paths


def test_paths(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(user / "models" / "My-Model-Q4_0.gguf")
    monkeypatch.chdir(user)
    for spelling in (
        str(file),
        "models/My-Model-Q4_0.gguf",
        "./models/My-Model-Q4_0.gguf",
        "~/models/My-Model-Q4_0.gguf",
    ):
        found = resolve(spelling)
        assert found.path.samefile(file)
        assert (found.name, found.source, found.trusted) == ("My-Model-Q4_0", "file", False)


def test_any_part_of_a_split_model_resolves_to_the_first(user: Path) -> None:
    parts = [write(user / f"m-{n:05d}-of-00003.gguf") for n in (1, 2, 3)]
    assert resolve(str(parts[1])).path == parts[0]
    assert resolve(str(parts[0])).name == "m"
    parts[2].unlink()
    with pytest.raises(ModelFileError, match=r"m-00003-of-00003\.gguf is missing"):
        resolve(str(parts[0]))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "LFS pointer"),
        (b"lmgg\x01\x00\x00\x00", "old format"),
        (b"\x40\x00\x00\x00\x00\x00\x00\x00{}", "safetensors"),
        (b"PK\x03\x04zip", "not a GGUF"),
    ],
)
def test_files_that_are_not_gguf(user: Path, content: bytes, words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        resolve(str(write(user / "x.gguf", content)))


def test_missing_files_and_folders(user: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        resolve("~/no.gguf")
    assert caught.value.code == "model_missing"
    write(user / "folder" / "a.gguf")
    with pytest.raises(ModelFileError) as caught:
        resolve(str(user / "folder"))
    assert caught.value.code == "model_is_folder"
    assert "a.gguf" in caught.value.hint
    with pytest.raises(ModelFileError, match="is a folder"):
        resolve("~/folder")


# Names


def test_catalogue_names(user: Path) -> None:
    link = put(OSS, "gpt-oss-20b-MXFP4.gguf")
    for name in (
        "gpt-oss-20b",
        "GPT-OSS-20B",
        "gpt-oss",
        "gpt-oss-20b:mxfp4",
        OSS,
        f"hf.co/{OSS}:MXFP4",
        OSS.upper(),
    ):
        found = resolve(name)
        assert found.path == link
        assert found.entry is not None
        assert found.entry.name == "gpt-oss-20b"
    assert resolve("gpt-oss").name == "gpt-oss-20b"
    assert resolve(OSS).name == f"{OSS}:MXFP4"


@pytest.mark.parametrize("variable", ["", "HF_HUB_OFFLINE"])
def test_a_model_that_is_not_installed_names_the_pull_command(
    user: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1" if variable else "")
    how = f"{variable} is set; unset it, then" if variable else "Get it with"
    put(OSS, "gpt-oss-20b-MXFP4.gguf")
    for name in (
        "qwen3-8b",
        "gpt-oss-20b:Q4_K_M",
        "someone/thing-GGUF",
        "someone/thing-GGUF:Q4_0",
        f"{OSS}:Q2_K",
    ):
        with pytest.raises(NotInstalled) as caught:
            resolve(name)
        assert caught.value.hint == f"{how}: mull pull {name}"
        assert caught.value.pull == name


def test_unknown_names_suggest_the_nearest(user: Path) -> None:
    for name, near in (("gpt-os-20b", "gpt-oss-20b"), ("qwen3-8", "qwen3-8b")):
        with pytest.raises(MullError) as caught:
            resolve(name)
        assert caught.value.code == "unknown_model"
        assert near in caught.value.hint
    with pytest.raises(MullError, match="no model called"):
        resolve("what is this")


def test_an_installed_quantization_is_used_if_the_default_is_not_installed(user: Path) -> None:
    put(OSS, "gpt-oss-20b-Q8_0.gguf", b"GGUF8")
    assert resolve("gpt-oss-20b").name == "gpt-oss-20b:Q8_0"
    put(OSS, "gpt-oss-20b-MXFP4.gguf")
    assert resolve("gpt-oss-20b").name == "gpt-oss-20b"
    assert {model.quant for model in matching("gpt-oss-20b")} == {"Q8_0", "MXFP4"}


def test_a_newer_revision_is_taken(user: Path) -> None:
    put(OSS, "gpt-oss-20b-MXFP4.gguf", b"GGUF old", "a" * 40)
    newer = put(OSS, "gpt-oss-20b-MXFP4.gguf", b"GGUF new", "b" * 40)
    assert resolve("gpt-oss-20b").path == newer
    assert len(installed()) == 1


def test_a_changed_file_is_not_trusted(user: Path) -> None:
    link = put(OSS, "gpt-oss-20b-MXFP4.gguf")
    assert not resolve("gpt-oss-20b").trusted
    records.record_verified(link, "0" * 64, "hub")
    assert resolve("gpt-oss-20b").trusted
    link.resolve().write_bytes(b"GGUF2")
    assert not resolve("gpt-oss-20b").trusted


def test_broken_links_and_foreign_files_in_the_cache_are_ignored(user: Path) -> None:
    put(OSS, "gpt-oss-20b-MXFP4.gguf").resolve().unlink()
    hub = user / "hf" / "hub"
    write(hub / "models--x" / "snapshots" / "y" / "z.txt")
    write(hub / "models--a--b" / "snapshots")
    (hub / "version.txt").write_text("1")
    assert installed() == []


def test_sampling_defaults_are_the_vendors(user: Path) -> None:
    put(OSS, "gpt-oss-20b-MXFP4.gguf")
    found = resolve("gpt-oss-20b")
    assert found.sampling(None).temperature == 1.0
    assert found.sampling(False) == found.sampling(True)  # it always thinks
    file = write(user / "x.gguf")
    assert resolve(str(file)).sampling(True) == Sampling()


def test_sampling_defaults_are_those_of_the_models_default_mode(user: Path) -> None:
    (user / "config").mkdir()
    put("owner/tiny-GGUF", "tiny-Q4_K_M.gguf")
    for default, temperature in (("on", 0.6), ("off", 0.7)):
        (user / "config" / "models.toml").write_text(
            f"""
[[model]]
name = "tiny"
made_by = "nobody"
licence = {{ spdx = "MIT", permissive = true }}
reasoning = {{ kind = "switchable", default = "{default}" }}
sampling.thinking = {{ temperature = 0.6 }}
sampling.plain = {{ temperature = 0.7 }}
repo = "owner/tiny-GGUF"
"""
        )
        found = resolve("tiny")
        assert found.sampling(None).temperature == temperature
        assert (found.sampling(True).temperature, found.sampling(False).temperature) == (0.6, 0.7)


def test_the_size_of_a_download_is_known_from_the_catalogue(user: Path) -> None:
    for name, size in (("gpt-oss-20b", 12_109_566_624), ("owner/unknown", None), ("gpt-oss-20b:Q2_K", None)):
        with pytest.raises(NotInstalled) as caught:
            resolve(name)
        assert caught.value.bytes == size


# Other tools


def test_lmstudio(user: Path) -> None:
    file = write(user / ".lmstudio" / "models" / "owner" / "repo-GGUF" / "m-Q4_K_M.gguf")
    write(file.with_name("mmproj-m-F16.gguf"))
    assert resolve("owner/repo-GGUF").path == file
    assert resolve("owner/repo-GGUF:q4_k_m").source == "lmstudio"
    moved = write(user / "elsewhere" / "o" / "r" / "n-Q8_0.gguf")
    (user / ".lmstudio" / "settings.json").write_text(
        json.dumps({"downloadsFolder": str(user / "elsewhere")})
    )
    assert resolve("o/r").path == moved
    assert [model.name for model in installed()] == ["o/r:Q8_0", "owner/repo-GGUF:Q4_K_M"]


def ollama(user: Path, where: str, digest: str, layers: list[tuple[str, str]] | None = None) -> Path:
    root = user / ".ollama" / "models"
    blob = write(root / "blobs" / f"sha256-{digest}")
    kinds = layers or [("model", digest), ("license", "0" * 64)]
    content = [
        {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{d}"} for kind, d in kinds
    ]
    write(root / "manifests" / where, json.dumps({"schemaVersion": 2, "layers": content}).encode())
    return blob


def test_ollamas_names(user: Path) -> None:
    blob = ollama(user, "registry.ollama.ai/library/qwen3/8b", "1" * 64)
    latest = ollama(user, "registry.ollama.ai/library/llama3.2/latest", "2" * 64)
    ollama(user, "registry.ollama.ai/someone/mine/1b", "3" * 64)
    ollama(user, "hf.co/owner/repo-GGUF/Q4_K_M", "4" * 64)
    ollama(
        user, "registry.ollama.ai/library/tuned/7b", "5" * 64, [("model", "5" * 64), ("adapter", "6" * 64)]
    )
    manifests = user / ".ollama" / "models" / "manifests"
    write(manifests / "registry.ollama.ai" / "library" / "bad" / "1b", b"{")
    write(manifests / ".DS_Store", b"junk")
    names = {model.name for model in installed()}
    assert names == {"qwen3:8b", "llama3.2:latest", "someone/mine:1b", "owner/repo-GGUF:Q4_K_M"}
    assert resolve("qwen3:8b").path == blob
    assert resolve("qwen3:8b").source == "ollama"
    assert resolve("llama3.2").path == latest
    assert resolve("hf.co/owner/repo-GGUF:Q4_K_M").path.name == "sha256-" + "4" * 64


def test_names_as_ollama_spells_them(user: Path) -> None:
    link = put(OSS, "gpt-oss-20b-MXFP4.gguf")
    assert resolve("gpt-oss:20b").path == link
    with pytest.raises(NotInstalled) as caught:
        resolve("qwen3:8b")
    assert caught.value.pull == "qwen3-8b"
    blob = ollama(user, "registry.ollama.ai/library/gpt-oss/20b", "1" * 64)
    assert resolve("gpt-oss:20b").path == blob
    assert resolve("gpt-oss-20b").path == link


def test_ollamas_blob_of_a_catalogue_model_is_recognised(user: Path) -> None:
    digest = "27cd6c432c7672cb812a92f611cf3ba7bbc35928262bb1e1253ff4ee6ae35901"  # the pinned gpt-oss-20b
    blob = ollama(user, "registry.ollama.ai/library/gpt-oss/20b", digest)
    assert resolve("gpt-oss-20b").path == blob


def test_llama_cpps_cache(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = user / "llama"
    monkeypatch.setenv("LLAMA_CACHE", str(cache))
    file = write(cache / "owner_re_po-GGUF_m-Q4_K_M.gguf")
    write(cache / "manifest=owner=re_po-GGUF=latest.json", b"{}")
    loose = write(cache / "loose-Q8_0.gguf")
    assert resolve("owner/re_po-GGUF").path == file
    assert resolve("loose-Q8_0").path == loose
    assert resolve("loose-Q8_0").source == "llama.cpp"


def test_folders_of_the_config(user: Path) -> None:
    file = write(user / "mine" / "deep" / "Some-Model-Q5_K_M.gguf")
    assert resolve("some-model-q5_k_m", folders=["~/mine"]).path == file
    with pytest.raises(MullError):
        resolve("some-model-q5_k_m")


def test_one_file_is_listed_once(user: Path) -> None:
    link = put(OSS, "gpt-oss-20b-MXFP4.gguf")
    other = user / ".lmstudio" / "models" / "o" / "r" / "x-Q4_0.gguf"
    other.parent.mkdir(parents=True)
    other.symlink_to(link.resolve())
    assert [model.source for model in installed()] == ["hub"]


@pytest.mark.skipif(
    sys.platform == "win32" or (os.geteuid() == 0 and not shutil.which("setpriv")),
    reason="needs POSIX permissions",
)
def test_inaccessible_folders_count_as_empty(user: Path) -> None:
    ollama(user, "registry.ollama.ai/library/qwen3/8b", "1" * 64)
    write(user / ".lmstudio" / "models" / "o" / "r" / "m-Q4_0.gguf")
    write(user / "mine" / "n-Q4_0.gguf")
    put("o/hub-GGUF", "k-Q4_0.gguf")
    closed = [user / ".ollama", user / ".lmstudio" / "models" / "o", user / "mine"]
    for folder in closed:
        folder.chmod(0)
    obey = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    config = user / "config" / "config.toml"
    write(config, f'model_folders = ["{user / "mine"}"]'.encode())
    done = subprocess.run(
        [*obey, sys.executable, "-m", "mull", "verify"],
        env=environment(user),
        capture_output=True,
        text=True,
        check=False,
    )
    for folder in closed:
        folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["o/hub-GGUF:Q4_0"]
