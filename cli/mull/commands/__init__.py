"""One file per command: flags, what is needed, a call, a view. No logic."""
