"""How the weights that lie in this repository were trained: one module a checkpoint, one command each."""
