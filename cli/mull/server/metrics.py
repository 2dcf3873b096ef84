"""What the server counts, as Prometheus reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mull.events import Done

_HELP = {
    "requests_total": ("counter", "Completions that have ended, by how."),
    "prompt_tokens_total": ("counter", "Tokens of prompts, cached ones included."),
    "cached_tokens_total": ("counter", "Tokens of prompts that came from the prompt cache."),
    "generated_tokens_total": ("counter", "Generated tokens, thinking included."),
    "thinking_tokens_total": ("counter", "Generated tokens that are thinking."),
    "drafted_tokens_total": ("counter", "Tokens that were drafted (speculative decoding)."),
    "accepted_tokens_total": ("counter", "Drafted tokens that the model accepted."),
    "completion_seconds_total": ("counter", "Seconds from requests to the ends of their completions."),
    "first_token_seconds_total": ("counter", "Seconds from prompts to first tokens."),
    "requests_running": ("gauge", "Completions that have a slot now."),
    "requests_waiting": ("gauge", "Completions that wait for a slot now."),
    "models_loaded": ("gauge", "Models in memory."),
}


@dataclass(slots=True)
class Metrics:
    """Counters since the start. `ends`: how completions ended, by `finish` or by the error's code."""

    ends: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    first_token: float = 0.0

    def ended(self, how: str, seconds: float, done: Done | None) -> None:
        """A completion has ended after so many seconds; `done`: if its turn came that far."""
        self.ends[how] += 1
        self.seconds += seconds
        if done is None:
            return
        usage = done.usage
        self.first_token += done.timing.first_token
        self.sums.update(
            prompt_tokens_total=usage.prompt,
            cached_tokens_total=usage.cached,
            generated_tokens_total=usage.thinking + usage.answer,
            thinking_tokens_total=usage.thinking,
            drafted_tokens_total=usage.drafted,
            accepted_tokens_total=usage.accepted,
        )

    @property
    def mean_seconds(self) -> float:
        """Of a completion; 0 before the first."""
        return self.seconds / max(1, self.ends.total())

    def text(self, *, running: int, waiting: int, loaded: int) -> str:
        """The exposition format, version 0.0.4."""
        values: dict[str, float] = {
            **{name: self.sums[name] for name in _HELP if name.endswith("tokens_total")},
            "completion_seconds_total": self.seconds,
            "first_token_seconds_total": self.first_token,
            "requests_running": running,
            "requests_waiting": waiting,
            "models_loaded": loaded,
        }
        ends = ((f'{{end="{how}"}}', count) for how, count in sorted(self.ends.items()))
        lines = list(_series("requests_total", ends))
        for name, value in values.items():
            lines += _series(name, [("", value)])
        return "\n".join(lines) + "\n"


def _series(name: str, samples: Iterable[tuple[str, float]]) -> Iterator[str]:
    kind, text = _HELP[name]
    yield f"# HELP mull_{name} {text}"
    yield f"# TYPE mull_{name} {kind}"
    for labels, value in samples:
        yield (
            f"mull_{name}{labels} {value:.6g}" if isinstance(value, float) else f"mull_{name}{labels} {value}"
        )
