"""Many prompts from JSON Lines, decoded in parallel: reading them, running them, writing and resuming results."""
