"""Whether a model was changed after its maker published it: what its file and its repository say, and what follows."""
