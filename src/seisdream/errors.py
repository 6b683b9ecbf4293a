"""The one base of all errors that are the user's to mend."""


class SeisdreamError(Exception):
    """Something about the input or the request is wrong, and the message says how to mend it.

    The message says what was got, what was expected and what to do. The command line shows it without a
    traceback and exits with 2; a library user catches this one class.
    """


def nearest(name: str, choices, n_most: int = 3) -> list[str]:
    """Return the choices that look most like a mistyped name, best first."""
    import difflib

    choices = [str(choice) for choice in choices]
    close = difflib.get_close_matches(name, choices, n=n_most, cutoff=0.5)
    containing = [choice for choice in choices if name.lower() in choice.lower() and choice not in close]
    return (close + containing)[:n_most]
