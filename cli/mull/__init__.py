"""mull: open-weights language models in the terminal, with thinking as a thing of its own."""

__version__ = "0.1.0"
