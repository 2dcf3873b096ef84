"""Memory plans: within free memory, the longest context that fits, fast placements first, user settings unchanged."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mull.models.catalogue.catalogue import Catalogue, CatalogueEntry, load_catalogue
from mull.models.catalogue.estimate import from_entry
from mull.models.catalogue.recommend import DoesNotFit, best, check_fit, instead, offer, score
from mull.models.memory.fit import MIN_CTX, MemoryPlan, plan
from mull.models.memory.kv_size import KvLayers, cells, kv_bytes
from mull.models.memory.layout import MemoryLayout
from mull.models.memory.machine import GIB, Gpu, Machine

CATALOGUE = load_catalogue(None)
LAYOUTS = {
    one.name: layout
    for one in CATALOGUE.entries
    if (layout := from_entry(one, one.file())) is not None and not one.builtin
}
RANK = {"gpu": 0, "partial": 1, "memory": 2, "slow": 3, "no": 4}


def machine(ram: float, vram: float = 0, *, free: float | None = None, unified: bool = False) -> Machine:
    """`ram` and `vram` in GiB; 3 GiB of RAM are in use unless `free` says otherwise."""
    devices = (Gpu("gpu", round(vram * GIB), round(vram * GIB), 300e9, unified),) if vram else ()
    return Machine(round(ram * GIB), round((ram - 3 if free is None else free) * GIB), devices, 40e9)


def layout(name: str) -> MemoryLayout:
    return LAYOUTS[name]


def entry(name: str) -> CatalogueEntry:
    found = CATALOGUE.find(name)
    assert found is not None
    return found


machines = st.builds(
    machine,
    st.sampled_from([8, 16, 32, 64, 128]),
    st.sampled_from([0, 4, 8, 12, 24, 48]),
    unified=st.booleans(),
)
layouts = st.sampled_from(sorted(LAYOUTS)).map(layout)


@given(layouts, machines)
def test_a_plan_that_fits_stays_within_free_memory(what: MemoryLayout, where: Machine) -> None:
    found = plan(what, where)
    vram = sum(gpu.free for gpu in where.devices)
    if found.fits:
        shared = any(gpu.unified for gpu in where.devices)
        assert found.vram <= vram
        assert found.ram + (found.vram if shared else 0) <= where.ram_free
        assert min(MIN_CTX, what.n_ctx_train) <= found.ctx <= what.n_ctx_train
    else:
        assert found.speed is None
        assert found.reasons


@given(layouts, machines, st.sampled_from([1, 4, 16]))
def test_more_memory_never_makes_it_worse(what: MemoryLayout, where: Machine, more: int) -> None:
    bigger = replace(where, ram_total=where.ram_total + more * GIB, ram_free=where.ram_free + more * GIB)
    before, after = plan(what, where), plan(what, bigger)
    assert RANK[after.verdict] <= RANK[before.verdict]
    if before.fits and (after.gpu_layers, after.kv_type) == (before.gpu_layers, before.kv_type):
        assert after.ctx >= before.ctx


@given(layouts, machines, st.sampled_from([512, 4096, 10_000]), st.sampled_from([None, 0, 5, -1]))
def test_the_users_settings_are_not_changed(
    what: MemoryLayout, where: Machine, ctx: int, layers: int | None
) -> None:
    found = plan(what, where, ctx=ctx, gpu_layers=layers, kv_type="q4_0")
    assert (found.ctx, found.kv_type) == (ctx, "q4_0")
    if layers is not None and where.devices:
        assert found.gpu_layers == (-1 if layers > what.layers else layers)


def test_a_small_model_is_offloaded_completely() -> None:
    found = plan(layout("qwen3-4b"), machine(16, 8))
    assert (found.verdict, found.gpu_layers, found.words) == ("gpu", -1, "fits on GPU")


def test_a_dense_model_too_large_for_the_gpu_is_split_by_layers() -> None:
    found = plan(layout("phi-4"), machine(32, 8))
    assert found.verdict == "partial"
    assert 0 < found.gpu_layers <= 40
    assert found.words == f"fits with {found.gpu_layers} layers on GPU"


def test_a_mixture_of_experts_keeps_attention_on_the_gpu_and_experts_in_memory() -> None:
    found = plan(layout("gpt-oss-20b"), machine(32, 8))
    assert found.expert_offload
    assert found.gpu_layers == -1
    assert found.words == "fits with experts in memory"
    alone = plan(layout("gpt-oss-20b"), machine(32))
    assert (found.speed or 0) > (alone.speed or 0)


def test_without_a_gpu_it_runs_in_main_memory_and_slow_is_reported() -> None:
    assert plan(layout("qwen3-4b"), machine(16)).words == "fits in memory"
    assert plan(layout("qwen3-32b"), machine(64)).words == "slow"


def test_a_tight_fit_takes_a_smaller_cache_type_for_a_longer_context() -> None:
    what = layout("gemma-3-12b")
    tight = machine(16, 8)
    found = plan(what, tight)
    assert found.kv_type == "q8_0"
    assert any("q8_0" in reason for reason in found.reasons)
    assert plan(what, tight, kv_type="f16", gpu_layers=-1, ctx=found.ctx).verdict == "no"


def test_a_misfit_reports_the_memory_needed_and_whether_closing_programs_helps() -> None:
    assert plan(layout("gpt-oss-120b"), machine(16)).reasons[0].startswith("needs 6")
    crowded = plan(layout("qwen3-8b"), machine(16, free=4))
    assert not crowded.fits
    assert "it would fit with other programs closed" in crowded.reasons
    assert plan(layout("qwen3-8b"), machine(16)).fits


def test_unified_memory_is_counted_once() -> None:
    what = layout("gpt-oss-20b")
    apple = machine(16, 12, unified=True)
    assert plan(what, apple).verdict != "gpu"
    assert plan(what, machine(32, 24, unified=True)).verdict == "gpu"


def test_the_longest_context_is_found() -> None:
    what, where = layout("qwen3-8b"), machine(16, 8)
    found = plan(what, where)
    assert found.ctx < what.n_ctx_train
    assert plan(what, where, ctx=found.ctx, gpu_layers=-1, kv_type=found.kv_type).fits
    assert not plan(what, where, ctx=found.ctx + 2048, gpu_layers=-1, kv_type=found.kv_type).fits


@pytest.mark.parametrize(
    ("ctx", "window", "expected"),
    [(1000, None, 1024), (4096, None, 4096), (32768, 1024, 1536), (700, 1024, 768)],
)
def test_cells_are_rounded_as_llama_cpp_rounds_them(ctx: int, window: int | None, expected: int) -> None:
    assert cells(ctx, window) == expected


def test_kv_size_of_a_well_known_model() -> None:
    """Qwen3-0.6B: 114,688 bytes per token at f16 (28 layers, 8 KV heads of 128)."""
    groups = (KvLayers(28, 1024, 1024),)
    assert kv_bytes(groups, 4096) == 4096 * 114_688
    assert kv_bytes(groups, 4096, "q8_0") == 4096 * 114_688 * 34 // 64


def test_an_offer_takes_a_smaller_file_only_where_the_default_does_not_fit() -> None:
    roomy, tight = (
        offer(entry("llama-3.1-8b"), machine(16)),
        offer(entry("llama-3.1-8b"), machine(8, free=5.0)),
    )
    assert roomy.file is not None
    assert roomy.file.quant == "Q4_K_M"
    assert tight.file is not None
    assert tight.plan is not None
    assert tight.file.quant == "Q3_K_M"
    assert tight.plan.fits


def test_no_offer_is_coarser_than_three_bits() -> None:
    quants = {file.quant for one in CATALOGUE.entries if (file := offer(one, machine(8)).file)}
    assert not {quant for quant in quants if quant.startswith(("Q2", "UD-Q2", "IQ2", "Q1", "IQ1"))}


@pytest.mark.parametrize("where", [machine(8), machine(16), machine(32, 12), machine(64, 24)])
def test_the_best_is_the_highest_score_among_the_fast_and_the_reason_names_it(where: Machine) -> None:
    found = best(CATALOGUE.entries, where)
    assert found is not None
    chosen, why = found
    top = score(chosen.entry)
    assert top is not None
    for one in CATALOGUE.entries:
        other, other_plan = score(one), offer(one, where).plan
        if other and other_plan and (other_plan.speed or 0) >= 8 and offer(one, where).file is one.file():
            assert other[0] <= top[0], one.name
    assert f"{top[0]:g}" in why
    assert "estimate" in why


def test_nothing_is_recommended_if_nothing_fits() -> None:
    assert best(CATALOGUE.entries, Machine(GIB // 2, GIB // 4)) is None


def test_a_model_that_does_not_fit_is_refused_with_alternatives() -> None:
    with pytest.raises(DoesNotFit) as caught:
        check_fit("gpt-oss-120b", layout("gpt-oss-120b"), machine(16), CATALOGUE, entry("gpt-oss-120b"))
    assert "gpt-oss-20b" in caught.value.instead
    assert "--force" in caught.value.hint
    for name in caught.value.instead:
        kept = plan_of(name.partition(":")[0], machine(16))
        assert kept is None or kept.fits


def test_a_model_that_fits_is_not_refused() -> None:
    assert check_fit("qwen3-8b", layout("qwen3-8b"), machine(16), CATALOGUE, entry("qwen3-8b")).fits


def test_alternatives_to_an_unknown_model_fit_too() -> None:
    assert all((plan_of(name, machine(16)) or fail()).fits for name in instead(CATALOGUE, None, machine(16)))


def test_known_but_too_large_models_never_fit_a_desktop() -> None:
    for one in CATALOGUE.entries:
        if one.too_large:
            assert not plan(layout(one.name), machine(64, 24)).fits or one.name == "llama-4-scout"


def plan_of(name: str, where: Machine, catalogue: Catalogue = CATALOGUE) -> MemoryPlan | None:
    found = catalogue.find(name)
    return offer(found, where).plan if found else None


def fail() -> MemoryPlan:
    pytest.fail("no plan")
