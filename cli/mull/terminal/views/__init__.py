"""Views of event streams: a turn live, as plain text or as JSON; downloads and batches. `base.py` has the protocol."""
