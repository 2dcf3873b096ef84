"""Which model a run uses: the names that flags, environment and config give, aliases among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from mull.config.aliases import model_of
from mull.dataclass import dataclass
from mull.endpoints.endpoint import Endpoint
from mull.errors import MullError
from mull.models.resolve import resolve
from mull.models.resolved import Resolved


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model to use: the names that -m, $MULL_MODEL and the config give; folders of files, and endpoints.

    `ignored`: aliases without effect, each with a sentence on how it takes effect.
    """

    flag: str | None
    environment: str | None
    configured: str | None
    folders: tuple[Path, ...]
    endpoints: Mapping[str, Endpoint]
    aliases: Mapping[str, str] = field(default_factory=dict)
    ignored: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, name: str | None = None) -> Resolved:
        """The model; `name` takes the place of -m. Raises what `models.resolve.resolve` raises."""
        flag = self._meant(name or self.flag)
        environment = None if flag else self._meant(self.environment)
        try:
            return resolve(
                flag,
                environment=environment,
                configured=None if flag or environment else self._meant(self.configured),
                folders=self.folders,
                endpoints=self.endpoints,
            )
        except MullError as error:
            wanted = flag or environment or self.configured or ""
            if error.code == "unknown_model" and (hint := self.ignored.get(wanted.strip())):
                error.hint = hint
            raise

    def _meant(self, name: str | None) -> str | None:
        return model_of(name.strip(), self.aliases) if name else name
