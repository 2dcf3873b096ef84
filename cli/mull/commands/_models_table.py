"""The table of `mull models` and `mull list`.

In: models with their plans, and the name of the recommended one. Out: on a terminal, a group of what runs well here,
one of what is slow, one of base models, and the names of what is too large; in a pipe, a line for each model in the
catalogue's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mull.models.catalogue.recommend import BRISK
from mull.models.memory.fit import FAST, MemoryPlan
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Styled
from mull.terminal.console.tables import Column, Group, grouped, table
from mull.terminal.console.width import wrap

if TYPE_CHECKING:
    from mull.models.inventory import InventoryItem

_COLUMNS = (
    Column("NAME"),
    Column("SIZE", 2, right=True),
    Column("LICENCE", 6),
    Column("THINKS", 3),
    Column("THIS MACHINE", 4),
    Column("CTX", 5, right=True),
    Column("T/S", 1, right=True),
)
_WIDE, _USUAL = 112, 80  # terminal widths from which most lists have the licence, the context
_THINKS = {"none": "no", "always": "always", "switchable": "on/off"}
VERDICT_STYLES = {"gpu": "good", "memory": "good", "partial": "good", "slow": "warning", "no": "error"}


def show_models(streams: Streams, rows: Sequence[InventoryItem], best: str, *, all_rows: bool) -> None:
    """`best`: the recommended model; `all_rows`: what is too large has rows, too."""
    if not streams.stdout_tty:
        table(streams, ("",) * 8, [plain(row) for row in rows])
        return
    others = [row for row in rows if row.kind]
    base = [row for row in rows if row.base and row.plan and row.plan.fits]
    rows = [row for row in rows if not row.kind and row not in base]
    small = [row for row in rows if row.plan and row.plan.fits]
    well = [row for row in small if is_brisk(row.plan)]
    well.sort(key=lambda row: (row.name != best, not row.installed))
    slow = [row for row in small if not is_brisk(row.plan)]
    large = [row for row in rows if row not in small]
    groups = [("Runs well here", well), (f"Slower than {BRISK:.0f} tokens/s here", slow)]
    groups.append(("Base models (they continue text)", base))
    if all_rows or (rows and not small) or any(row.installed for row in large):
        groups.append(("Too large for this machine", large))
        large = []
    groups.append(("No chat models", others))
    drawn = [Group(title, [_cells(streams, row, best) for row in some]) for title, some in groups if some]
    grouped(streams, _COLUMNS, drawn)
    if large:
        names = f"Too large for this machine: {', '.join(row.name for row in large)}."
        style = streams.stdout_style
        lines = [style(line, "muted") for line in wrap(names, streams.width - 1)]
        streams.write("".join(f"{line}\n" for line in ("", *lines)))
    streams.stdout.flush()
    streams.note(f"{', '.join(_legend(streams, rows, best))}. Details: mull show NAME")


def _legend(streams: Streams, rows: Sequence[InventoryItem], best: str) -> Iterator[str]:
    if any(row.name == best for row in rows):
        yield f"{_best_mark(streams)} recommended: {best}"  # its row may have scrolled away
    if any(row.installed for row in rows):
        yield f"{_here_mark(streams)} installed"
    if streams.width >= _WIDE:
        yield "✓ permissive licence"
    if streams.width >= _USUAL:
        yield "CTX context that fits"
    yield "T/S tokens per second (estimate)"


def _best_mark(streams: Streams) -> str:
    return "★" if streams.unicode else "*"


def _here_mark(streams: Streams) -> str:
    return "●" if streams.unicode else "+"


def is_brisk(plan: MemoryPlan | None) -> bool:
    return plan is not None and plan.verdict != "slow" and (plan.speed is None or plan.speed >= BRISK)


def plain(row: InventoryItem) -> Sequence[str]:
    """One line of the list in a pipe. Unknown values are empty."""
    entry, plan = row.entry, row.plan
    return (
        _pull_name(row),
        _size(row),
        _licence(row),
        _THINKS[entry.reasoning.kind] if entry else "",
        "yes" if row.installed else "",
        _verdict(row),
        _tokens(plan.ctx) if plan and plan.fits else "",
        _speed(plan.speed) if plan and plan.speed else "",
    )


def _verdict(row: InventoryItem) -> str:
    if row.plan is None:
        return row.kind.partition(",")[0]
    return f"{row.plan.words} (base model)" if row.base else row.plan.words


def _cells(streams: Streams, row: InventoryItem, best: str) -> Sequence[object]:
    """One row of the table: the same, with marks instead of a column for what is installed."""
    name, size, licence, thinks, _, words, context, speed = plain(row)
    mark, style = (_here_mark(streams), "accent") if row.installed else (" ", "")
    if row.name == best:
        mark, style = _best_mark(streams), "bold accent"
    verdict = VERDICT_STYLES[row.plan.verdict] if row.plan else ""
    return (
        Styled(name, style, mark),
        size,
        Styled(licence, "muted"),
        thinks,
        Styled(
            row.plan.words if row.plan else words,
            "warning" if verdict == "good" and not is_brisk(row.plan) else verdict,
        ),
        Styled(context, "muted"),
        speed,
    )


def _licence(row: InventoryItem) -> str:
    if row.entry is None:
        return ""
    mark = "✓" if row.entry.licence.permissive else ""
    return f"{row.entry.licence.spdx.removeprefix('LicenseRef-')} {mark}".rstrip()


def _pull_name(row: InventoryItem) -> str:
    """The name to pull; it includes the quantization when a smaller one than the default is recommended."""
    if row.entry is None or row.file is None or row.file.quant == row.entry.default_quant:
        return row.name
    return f"{row.name}:{row.file.quant}"


def _speed(speed: float) -> str:
    if speed > FAST:
        return f"{FAST:.0f}+"
    return f"~{speed:.{0 if speed >= 10 else 1}f}"


def _size(row: InventoryItem) -> str:
    if not row.bytes:
        return "?"
    size = f"{row.bytes / 1e9:.1f} GB" if row.bytes >= 1e8 else f"{row.bytes / 1e6:.0f} MB"
    return f"~{size}" if row.approximate else size


def _tokens(count: int) -> str:
    return f"{count // 1024}k" if count >= 1024 else str(count)
