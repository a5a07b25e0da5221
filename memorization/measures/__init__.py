"""What --measure adds to a run."""
