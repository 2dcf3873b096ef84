"""Views of the event stream: live, plain, JSON, and the progress of downloads and batches."""
