"""A turn's figures on one line, for --stats and the chat's /stats."""

from __future__ import annotations

from mull.events import Done


def stats_line(done: Done) -> str:
    """Tokens, speed and times: `prompt 41 (30 cached) · thinking 96 · answer 12 · 910.0 tokens/s · …`."""
    usage, timing = done.usage, done.timing
    cached = f" ({usage.cached} cached)" if usage.cached else ""
    drafted = (f"drafted {usage.drafted} ({usage.accepted} accepted)",) if usage.drafted else ()
    return " · ".join(
        (
            f"prompt {usage.prompt}{cached}",
            f"thinking {usage.thinking}",
            f"answer {usage.answer}",
            *drafted,
            f"{timing.tokens_per_second:.1f} tokens/s",
            f"load {timing.load:.2f} s",
            f"first token {timing.first_token:.2f} s",
        )
    )
