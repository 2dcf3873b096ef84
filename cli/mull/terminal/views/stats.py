"""A turn's figures on one line: all of them for --stats, the most important ones below an answer in a chat."""

from __future__ import annotations

from mull.events import Done, Placement
from mull.terminal.console.quantities import duration, token_count


def stats_line(done: Done) -> str:
    """Tokens, speed and times: `prompt 41 (30 cached) · thinking 96 · answer 12 · 910.0 tokens/s · …`."""
    usage, timing = done.usage, done.timing
    cached = f" ({usage.cached} cached)" if usage.cached else ""
    adapters = (f"lora {', '.join(done.lora)}",) if done.lora else ()
    drafted = (f"drafted {usage.drafted} ({usage.accepted} accepted)",) if usage.drafted else ()
    threads = (f"{_range(done.threads)} threads",) if done.threads and done.threads[1] > 1 else ()
    return " · ".join(
        (
            f"prompt {usage.prompt}{cached}",
            f"thinking {usage.thinking}",
            f"answer {usage.answer}",
            *drafted,
            *adapters,
            f"{timing.tokens_per_second:.1f} tokens/s",
            *threads,
            f"load {timing.load:.2f} s",
            f"first token {timing.first_token:.2f} s",
            *((_place(done.placement),) if done.placement else ()),
        )
    )


def _place(found: Placement) -> str:
    if not found.devices:
        return "CPU"
    return f"{found.gpu_layers} of {found.layers} layers on {', '.join(found.devices)}"


def figures(done: Done, context: str = "") -> list[str]:
    """Seconds, tokens, tokens per second, how full the context is; none for a turn without a token."""
    usage, timing = done.usage, done.timing
    if not (tokens := usage.thinking + usage.answer):
        return []
    seconds = timing.first_token - timing.load + timing.thinking + timing.answer
    parts = [duration(max(seconds, 0.0)), token_count(tokens)]
    if timing.tokens_per_second:
        parts.append(f"{timing.tokens_per_second:,.0f} tokens/s")
    return [*parts, f"context {context}"] if context else parts


def _range(both: tuple[int, int]) -> str:
    fewest, most = both
    return str(most) if fewest == most else f"{fewest} to {most}"
