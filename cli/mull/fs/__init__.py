"""Files: where they are, reading text or refusing it, atomic writes, small JSON caches."""
