"""What is recorded of a turn so that it can be repeated: the backend's identity, what was sent, the seed.

In: the branch, the turns before the question, a loaded backend. Out: JSON values, and the settings with a seed. The
turns before are in the store; of what else was sent, the system prompt and a summary can change later.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mull.backends.base import ChatBackend, Identified
from mull.backends.identity import digest
from mull.conversation.branch import Branch
from mull.messages import Message
from mull.settings import LIMITS, TurnSettings
from mull.store.records import CONTINUES, TurnRecord

LONGEST_SYSTEM = 4_000
"""Characters of a system prompt that each turn records; of a longer one, its digest."""


def with_seed(settings: TurnSettings, backend: ChatBackend) -> TurnSettings:
    """The settings with a drawn seed, where the backend uses one and none is needed otherwise."""
    if settings.sampling.repeatable or not backend.capabilities.drawn_seed:
        return settings
    least, greatest = map(int, LIMITS["seed"])
    return replace(settings, drawn_seed=least + int.from_bytes(os.urandom(8)) % (greatest - least + 1))


def what_ran(
    branch: Branch,
    base: Sequence[TurnRecord],
    backend: ChatBackend,
    material: int,
    begun: Message | None,
    *,
    continues: bool,
) -> dict[str, Any]:
    """The record. `first`: how many of the turns before were left out; `material`, `begun`: see `Query`.

    `continues`: the turn takes up the last one, in whose place it is.
    """
    first, system = branch.first(base), branch.system
    if len(system) > LONGEST_SYSTEM:
        system = ""
    sent: dict[str, Any] = {"system": system, "first": first, "material": material}
    if first and branch.summary:
        sent["summary"] = branch.summary
    if system != branch.system:
        sent["system_digest"] = digest(branch.system)
    if begun is not None:  # of its tokens the number: the turn's own begin with them
        sent["begun"] = {"answer": begun.content, "thinking": begun.thinking, "tokens": len(begun.tokens)}
    known = backend.identity() if isinstance(backend, Identified) else {}
    taken_up = {CONTINUES: True} if continues else {}
    return {**known, **taken_up, "sent": {name: value for name, value in sent.items() if value}}
