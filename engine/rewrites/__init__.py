"""Rewrites that put the project's own Ops in place of Theano's; each file holds one family."""
