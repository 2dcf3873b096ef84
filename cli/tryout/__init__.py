"""`make try`."""
