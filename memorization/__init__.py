"""What the experiments' scripts stand on."""
