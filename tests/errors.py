"""Assert the code of a `SeisdreamError` instead of its sentence."""

from contextlib import contextmanager

import pytest

from seisdream.errors import CODES, SeisdreamError


@contextmanager
def raises(code, option=None):
    """Pass where a `SeisdreamError` of this code (and for this argument, where it is given) is raised."""
    assert code in CODES
    with pytest.raises(SeisdreamError) as raised:
        yield raised
    assert raised.value.code == code, f"{raised.value.code}: {raised.value}"
    if option is not None:
        assert raised.value.option == option
