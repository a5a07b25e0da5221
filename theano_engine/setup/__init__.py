"""What PyPI's Theano needs to run here, and all that this does to the process."""
