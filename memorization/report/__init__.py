"""A run's figures, and runs compared."""
