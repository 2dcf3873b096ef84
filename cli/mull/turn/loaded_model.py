"""A loaded model: what a turn needs of it."""

from __future__ import annotations

from mull.chat_template.template import Template
from mull.dataclass import dataclass
from mull.engine.engine import Engine
from mull.events import Placement
from mull.reasoning.profile import Profile


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A loaded model: its engine, its template and profile, and the time that loading took in seconds.

    `stops`: strings that end every answer of this model and are not shown.
    """

    name: str
    engine: Engine
    template: Template | None
    profile: Profile
    load_seconds: float = 0.0
    stops: tuple[str, ...] = ()
    placement: Placement | None = None
