"""Streaming Markdown: parsed incrementally, rendered block by block in O(n)."""
