"""The rules that judge a reply, one module for each judge. Pure functions; no model takes part."""
