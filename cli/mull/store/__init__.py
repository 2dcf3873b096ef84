"""Conversations on the disk: sessions, turns, search and exports."""
