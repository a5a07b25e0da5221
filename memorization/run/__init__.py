"""One run's folder: its files, its state, what it shows."""
