"""The terminal: views of event streams, and the chat's prompt. The only package that imports prompt_toolkit."""
