"""Many prompts at once: lines in, answers out, many of them computed side by side."""
