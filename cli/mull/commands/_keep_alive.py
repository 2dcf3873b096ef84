"""Keep-alive as a command sees it: the flag, what was asked for, and the hint at the setting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mull.dataclass import dataclass
from mull.settings import Duration

if TYPE_CHECKING:
    from mull.config import Config
    from mull.models.resolved import Resolved


def duration(text: str) -> Duration:
    try:
        return Duration(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time like 5m, 90s or 1h, at most 30d, or off.") from None


KeepAlive = Annotated[
    str | None,
    typer.Option(
        "--keep-alive",
        metavar="TIME",
        help="Keep the model loaded for this time after the answer (5m); off: not at all.",
        parser=duration,
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class KeepAliveChoice:
    """How long a model is kept loaded, in seconds; 0: not at all. `by_flag`: the command line says so.

    `is_set`: the flag, the environment or the config names a time, or switches it off.
    """

    seconds: float
    by_flag: bool
    is_set: bool

    def applies_to(self, resolved: Resolved) -> bool:
        """Whether the model is to be kept loaded. pebble loads in no time: it is only with the flag."""
        kinds = {"other"} if self.by_flag else {"other", "builtin"}
        return self.seconds > 0 and resolved.source not in kinds


def keep_alive_choice(flag: str | None, config: Config) -> KeepAliveChoice:
    """The flag, else what the config says."""
    chosen = Duration(flag or config["keep_alive"])
    return KeepAliveChoice(chosen.seconds, flag is not None, bool(flag or "keep_alive" in config.values))


SLOW = 2.0  # seconds of loading that are worth a hint
WINDOW = 600.0  # seconds between two slow loads of which the second gets it
QUIET = 86_400.0  # seconds until it is said again


def slow_load_hint(seconds: float, choice: KeepAliveChoice) -> str | None:
    """What to say after a load that took so long: only for the second one in ten minutes, once a day.

    Nothing where keep-alive was chosen or switched off by the user. The disk remembers it between calls.
    """
    if seconds < SLOW or choice.is_set:
        return None
    import time

    from mull.fs import paths
    from mull.fs.json_cache import JsonCache

    try:
        known = JsonCache(paths.private_dir(paths.state_dir()) / "slow_loads.json")
        earlier, now = known.get("last") or {}, time.time()
        times = (earlier.get(name) for name in ("loaded", "said"))
        loaded, said = (float(each) if isinstance(each, int | float) else 0.0 for each in times)
        due = 0 <= now - loaded < WINDOW and not 0 <= now - said < QUIET
        known.put("last", {"loaded": now, "said": now if due else said})
    except OSError:
        return None
    if not due:
        return None
    return (
        f"Loading took {seconds:.1f} s. To keep the model loaded between calls: mull config set keep_alive 5m"
    )
