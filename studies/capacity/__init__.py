"""How many bits does a binary weight remember? its plan says what is run and what is claimed."""
