"""Speed of a model on this machine: measuring it, and finding the fastest engine settings."""
