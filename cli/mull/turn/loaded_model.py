"""A loaded model, as everything that takes turns with it sees it."""

from __future__ import annotations

from dataclasses import dataclass

from mull.chat_template.template import Template
from mull.engine.engine import Engine
from mull.reasoning.profile import Profile


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A loaded model ready to take turns: its engine, what its template can do, and how long it took to load."""

    name: str
    engine: Engine
    template: Template | None
    profile: Profile
    load_seconds: float = 0.0
