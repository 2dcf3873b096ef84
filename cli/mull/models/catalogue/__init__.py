"""The catalogue of known models, its updates, and the model recommended for a machine."""
