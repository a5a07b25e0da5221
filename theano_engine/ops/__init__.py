"""Theano Ops of the project's own; each file holds one family."""
