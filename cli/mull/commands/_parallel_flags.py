"""The flags of a turn that mean nothing where many turns are decoded in parallel: `mull batch` and `mull eval`."""

from __future__ import annotations

NOT_HERE = (
    *("resume", "continue_answer", "session", "no_save"),  # no session is saved
    "no_cache",  # the prompt cache on disk is not used
    *("thinking", "markdown", "math", "stats"),  # no answer is shown as it comes
    "keep_alive",  # the model is loaded once for all turns
    *("draft", "no_draft"),  # parallel sequences already fill the compute that speculative decoding would use
)
