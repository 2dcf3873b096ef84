"""The same questions with and without thinking: what it buys, and what it costs."""
