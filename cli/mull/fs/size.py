"""Sizes of files for people to read."""

from __future__ import annotations


def size_text(size: int) -> str:
    """A number of bytes as text, in decimal units like the Hub's and the disk makers': `4.7 GB`."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return ""
