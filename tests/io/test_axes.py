"""The line of a survey is found in a file name."""

import pytest

from seisdream.io.axes import line_in_name


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("f3_inline362", ("inline", 362)),
        ("crossline_300_mask", ("crossline", 300)),
        ("XL-12", ("crossline", 12)),
        ("il7", ("inline", 7)),
        ("inline 4 crossline 5", ("", None)),
        ("profil3", ("", None)),
        ("line7", ("", None)),
    ],
)
def test_the_line_is_found_in_the_file_name(name, found):
    assert line_in_name(name) == found
