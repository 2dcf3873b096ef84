"""Reading keys: the prompt with history and completion, and keys pressed while a turn runs."""
