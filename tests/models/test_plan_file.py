"""Memory plans from a file's header: on the disk before loading, on the Hub before downloading."""

from __future__ import annotations

from pathlib import Path

import pytest

from mull.errors import ModelFileError
from mull.models.catalogue.catalogue import load_catalogue
from mull.models.catalogue.recommend import DoesNotFit
from mull.models.hub.fit_gate import check_download
from mull.models.memory.machine import GIB, Machine
from mull.models.memory.plan_file import load_settings, plan_file
from mull.settings import EngineSettings
from tests.model_files.nextn import write_nextn
from tests.models.hub_server import Hub
from tests.models.test_remote_header import REPO, hub, write_model

__all__ = ["hub"]

CATALOGUE = load_catalogue(None)
SMALL, TINY = Machine(16 * GIB, 13 * GIB), Machine(1 * GIB, GIB // 4)


def test_the_plan_of_a_local_file_has_the_users_settings(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", 50)
    assert plan_file(path, SMALL, EngineSettings()).ctx == 4096
    found = plan_file(path, SMALL, EngineSettings(ctx=512, kv_type="q8_0"))
    assert (found.ctx, found.kv_type, found.exact) == (512, "q8_0", True)


def test_the_memory_of_nextn_layers_and_saved_states_counts_where_they_are_used(tmp_path: Path) -> None:
    path = write_nextn(tmp_path / "hybrid.gguf")
    plain, off = (plan_file(path, SMALL, EngineSettings(ctx=4096, draft=draft)) for draft in (None, "off"))
    everything = plan_file(path, SMALL, EngineSettings(ctx=4096, draft="all"))
    assert plain.ram == off.ram
    cells = 4096 * 2 * 2 * 32 * 2  # of one layer: keys and values of two heads of 32 numbers of two bytes
    assert everything.ram >= plain.ram + cells


def test_the_settings_to_load_with_are_the_users_and_then_the_plans(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", 50)
    merged, found = load_settings(path, SMALL, EngineSettings(threads=3, kv_type="q8_0"))
    assert merged == EngineSettings(ctx=4096, threads=3, gpu_layers=0, kv_type="q8_0")
    assert found.fits


def test_a_damaged_file_is_reported(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", 50)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelFileError):
        plan_file(path, SMALL, EngineSettings())


def test_a_remote_file_is_checked_before_it_is_downloaded(hub: Hub, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", 50, hole=30 << 20)
    hub.add(REPO, {"m.gguf": path})
    files = [("m.gguf", path.stat().st_size)]
    found = check_download("m", REPO, "main", files, SMALL, CATALOGUE)
    assert found is not None
    assert found.exact
    with pytest.raises(DoesNotFit):
        check_download("m", REPO, "main", files, TINY, CATALOGUE)
    assert hub.sent < 16 << 20


def test_the_parts_of_a_split_model_are_added_up(hub: Hub, tmp_path: Path) -> None:
    hub.add(
        REPO,
        {"m-00001-of-00002.gguf": write_model(tmp_path / "a.gguf", 50), "m-00002-of-00002.gguf": b"GGUF"},
    )
    files = [("m-00001-of-00002.gguf", 10 * GIB), ("m-00002-of-00002.gguf", 10 * GIB)]
    with pytest.raises(DoesNotFit) as caught:
        check_download("m", REPO, "main", files, SMALL, CATALOGUE)
    assert "needs 20." in caught.value.message


def test_the_catalogue_is_used_where_the_header_is_too_long(hub: Hub, tmp_path: Path) -> None:
    hub.add(REPO, {"m.gguf": write_model(tmp_path / "m.gguf", 600_000)})
    entry = CATALOGUE.find("qwen3-8b")
    found = check_download("m", REPO, "main", [("m.gguf", 5_027_783_488)], SMALL, CATALOGUE, entry)
    assert found is not None
    assert not found.exact
    assert check_download("m", REPO, "main", [("m.gguf", 5_027_783_488)], SMALL, CATALOGUE) is None


def test_a_web_page_instead_of_a_model_is_not_downloaded(hub: Hub) -> None:
    hub.add(REPO, {"m.gguf": b"<!doctype html>" * 100})
    with pytest.raises(ModelFileError):
        check_download("m", REPO, "main", [("m.gguf", 1500)], SMALL, CATALOGUE)
