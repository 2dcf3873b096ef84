"""Backends: whatever turns messages and settings into the event stream of a turn."""
