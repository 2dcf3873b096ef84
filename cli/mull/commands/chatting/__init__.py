"""The parts of `mull chat`."""
