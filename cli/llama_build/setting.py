"""What a backend adds to the build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Setting:
    """CMake definitions, environment variables, and the version of the SDK, which decides about the wheel too."""

    defines: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    notes: tuple[str, ...] = ()  # lines for the user, printed before the build
