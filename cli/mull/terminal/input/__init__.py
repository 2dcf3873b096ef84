"""Input: the prompt with history and completion, and the keys pressed while a turn runs."""
