"""Memory: what a model needs, what this machine has, and whether the model fits."""
