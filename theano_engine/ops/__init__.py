"""Theano Ops of the project's own; each file holds one family."""

from theano_engine.setup import compat

compat.prepare()
