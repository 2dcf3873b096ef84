"""Model files on this disk: the Hugging Face cache, other tools' folders, what was verified."""
