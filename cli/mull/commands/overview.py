"""One model as a line of `mull models`: what stands in its cells, for a wide screen, a usual one and a narrow one.

In: a row of the survey. Out: cells of text. A pipe gets the words of the wide screen, whatever the terminal's width.
On a narrow screen the table stacks its cells without heads, so that each has to speak for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mull.models.inventory import Row
from mull.models.memory.fit import FAST, MemoryPlan

Layout = Literal["wide", "usual", "narrow"]

_LEGEND = "✓ permissive licence, CTX room for context, T/S tokens per second (an estimate)."
_SHORT_LEGEND = "✓ a permissive licence, ~ an estimate."
WIDE, USUAL = 118, 72  # columns from which each layout has room
_HEADS = ("NAME", "SIZE", "LICENCE", "THINKS", "HERE", "THIS MACHINE", "CTX", "T/S")
_SHORT_HEADS = ("NAME", "SIZE", "✓", "THINKS", "HERE", "FITS", "CTX", "T/S")
_THINKS = {"none": "no", "always": "always", "switchable": "on/off"}
_FITS = {"gpu": "GPU", "memory": "memory", "slow": "slow", "no": "no"}


def layout_for(columns: int | None) -> Layout:
    """The layout for a screen; None: a pipe."""
    if columns is None or columns >= WIDE:
        return "wide"
    return "usual" if columns >= USUAL else "narrow"


def heads(layout: Layout) -> Sequence[str]:
    """The heads of the columns."""
    return _SHORT_HEADS if layout == "usual" else _HEADS


def legend(layout: Layout) -> str:
    """What a newcomer needs to read the table."""
    return f"{_SHORT_LEGEND if layout == 'narrow' else _LEGEND} mull show NAME tells more."


def cells(row: Row, layout: Layout) -> Sequence[str]:
    """One row of the table. What is not known is left empty."""
    entry, plan = row.entry, row.plan
    licence, thinks = "", ""
    if entry is not None:
        mark = "✓" if entry.licence.permissive else ""
        spdx = entry.licence.spdx.removeprefix("LicenseRef-")
        licence = mark if layout == "usual" else f"{spdx} {mark}".rstrip()
        thinks = _THINKS[entry.reasoning.kind]
    here = "yes" if row.installed else ""
    room = _tokens(plan.ctx) if plan and plan.fits else ""
    pace = _pace(plan.speed) if plan and plan.speed else ""
    if layout == "narrow":
        thinks = f"thinks: {thinks}" if thinks else ""
        here = "installed" if here else ""
        room = f"{room} context" if room else ""
        pace = f"{pace} tokens/s" if pace else ""
    return _pullable(row), _size(row), licence, thinks, here, _verdict(plan, layout), room, pace


def _pullable(row: Row) -> str:
    """The name, with the quantization where another one than the default is offered."""
    if row.entry is None or row.file is None or row.file.quant == row.entry.default_quant:
        return row.name
    return f"{row.name}:{row.file.quant}"


def _verdict(plan: MemoryPlan | None, layout: Layout) -> str:
    if plan is None:
        return ""
    if layout != "usual":
        return plan.words
    if plan.expert_offload and plan.verdict == "partial":
        return "experts"
    return _FITS.get(plan.verdict, f"{plan.gpu_layers} layers")


def _pace(speed: float) -> str:
    if speed > FAST:
        return f"{FAST:.0f}+"
    return f"~{speed:.{0 if speed >= 10 else 1}f}"


def _size(row: Row) -> str:
    if not row.bytes:
        return "?"
    size = f"{row.bytes / 1e9:.1f} GB" if row.bytes >= 1e8 else f"{row.bytes / 1e6:.0f} MB"
    return f"~{size}" if row.approximate else size


def _tokens(count: int) -> str:
    return f"{count // 1024}k" if count >= 1024 else str(count)
