"""pebble, the built-in model: which prompts it is asked, and what its own refusals look like."""

BUILTIN = "pebble"
"""Its name."""

NAMES_A_MODEL = (
    " `mull pull gpt-oss-20b` gets you a bigger model",
    "; `mull pull gpt-oss-20b` gets you a bigger model",
    " `mull pull qwen3-8b` gets you a bigger model",
)
"""Where pebble's own refusals are cut. It learned to name models that need not fit this machine; mull names one that
does."""

MODEST = frozenset(
    {"I am too small for that.", "That sum is too hard for me.", "I am sorry. I am very small"}
)
"""What is left of those refusals."""
