"""Compare answers with and without thinking: accuracy, and cost in tokens and seconds."""
