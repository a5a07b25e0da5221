"""What this machine lacks, and nothing here can replace."""

from foundations.errors import UserError


class SetupError(UserError, RuntimeError):
    """The machine lacks something that cannot be replaced; the message says what to install."""
