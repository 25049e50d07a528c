"""Training and evaluation of the lifting network."""
