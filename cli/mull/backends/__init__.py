"""Backends: everything that turns messages and settings into the event stream of a turn. base.py is the protocol."""
