"""Many requests in one cache: beginnings are copied instead of computed, and the youngest gives way when it is full.

In: the slots and the live requests of an engine. Out: changed slots. A copied beginning occupies the cells of the one
it was copied from, so it costs neither time nor memory; where a memory cannot be copied (recurrent ones, a sliding
window that has moved on) the tokens are computed, and nobody notices. It decodes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mull.engine.context import Context
from mull.engine.kv.slot import Slot, common_prefix
from mull.engine.sequence import Generation

WORTH = 32
"""Tokens that must be saved for a copy, or for waiting until it can be made: fewer are computed in the same batch."""


def borrow(slot: Slot, slots: Iterable[Slot], prompt: Sequence[int], context: Context) -> int:
    """Let a slot copy what another one holds of the prompt's beginning, when that is more than it holds itself.

    The number of the prompt's tokens that the slot then holds. The last one is never among them.
    """
    others = [other for other in slots if other is not slot and other.tokens]
    shared, _, donor = max(
        # Of equals the one that has least after it: a sliding window has not moved on there.
        ((common_prefix(other.tokens, prompt), -len(other.tokens), other) for other in others),
        key=lambda found: found[:2],
        default=(0, 0, slot),
    )
    shared = min(shared, len(prompt) - 1)
    if shared >= len(slot.tokens) + WORTH:
        slot.copy(context, donor, shared)
    return len(slot.tokens)


def is_coming(prompt: Sequence[int], slots: Iterable[Slot], live: Iterable[Generation]) -> bool:
    """Whether a live request is still reading a beginning that this prompt could copy a moment later."""
    here = max(common_prefix(slot.tokens, prompt) for slot in slots)
    coming = max((common_prefix(g.prompt, prompt) for g in live if g.is_reading), default=0)
    return coming >= here + WORTH


def tidy(slots: Sequence[Slot], context: Context) -> None:
    """Idle sequences give back what nobody else has: it is worth less than a live one's next token.

    What they share with others costs no room, and the next prompt may begin with it.
    """
    for slot in slots:
        if not slot.busy and slot.tokens:
            slot.cut(context, slot.shared)
    for slot in slots:
        lenders = (other for other in slots if other is not slot and other.shared < slot.shared)
        if slot.shared and not any(common_prefix(o.tokens, slot.tokens) >= slot.shared for o in lenders):
            slot.shared = 0  # the one it was copied from is gone: the cells count as its own


def clear_idle(slots: Sequence[Slot], context: Context) -> bool:
    """Idle sequences give back everything; whether that was anything."""
    idle = [slot for slot in slots if not slot.busy and slot.tokens]
    for slot in idle:
        slot.clear(context)
    return bool(idle)


def give_way(live: Sequence[Generation], context: Context) -> bool:
    """The youngest request hands back its cells and waits; False when there is only one left.

    It keeps every token that was said and computes them again when another request has ended: nothing is lost but time.
    """
    running = [generation for generation in live if not generation.parked]
    if len(running) < 2:
        return False
    youngest = running[-1]
    youngest.parked = True
    youngest.pending[:0] = youngest.slot.tokens
    youngest.slot.clear(context)
    return True


def let_in(live: Sequence[Generation], slots: Sequence[Slot], context: Context | None) -> None:
    """One that gave way goes on: the one that has waited longest for its answer. `context`: where it can copy."""
    parked = next((generation for generation in live if generation.parked), None)
    if parked is None:
        return
    parked.parked = False
    if context is not None:
        del parked.pending[: borrow(parked.slot, slots, parked.pending, context)]
