"""The logic of a chat, between its commands and the model: branches, wishes, recording, the full context."""
