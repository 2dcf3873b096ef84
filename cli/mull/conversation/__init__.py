"""The logic of a chat, between its commands and the backend: branches, preferences, recording, a full context."""
