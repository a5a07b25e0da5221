"""The one kind of error that ends a script with a line instead of a traceback."""


class UserError(Exception):
    """Something the user can put right; the message is the one line that says what and how."""
