"""What the experiments' scripts stand on."""

from foundations import packages

packages.check()
