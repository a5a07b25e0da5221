"""What everything may stand on: the one error, whole files, careful reading."""
