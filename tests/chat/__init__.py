"""The chat: its logic with scripted answers, and the whole of it in a terminal."""
