"""Bad input."""


class InputError(Exception):
    """One line that says where, what was expected, and what was found."""
