"""The only importer of rich and prompt_toolkit: every view of a stream of events, and the prompt."""
