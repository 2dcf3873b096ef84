"""Pure: messages to prompt segments, each trusted or not."""
