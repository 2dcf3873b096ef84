"""Chat templates: render messages to prompt segments, each trusted or not, and tokenize them. Pure."""
