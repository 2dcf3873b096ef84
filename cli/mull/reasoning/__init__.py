"""Pure: what a template can do, what was asked of it, and what its output means."""
