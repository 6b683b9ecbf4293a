"""A ``.npy`` file that is written part by part, so that the whole array is never in memory."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike


def allocate_array(path: str | os.PathLike[str], dtype: DTypeLike, shape: Sequence[int]) -> int:
    """Make an ``.npy`` file of zeros with all its room on the disk; return the offset of its first number.

    Raises
    ------
    OSError
        If the disk has no room for it.
    """
    dtype = np.dtype(dtype)
    with open(path, "xb") as file:
        header = {"descr": dtype.str, "fortran_order": False, "shape": tuple(shape)}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        end = start + math.prod(shape) * dtype.itemsize
        try:
            os.posix_fallocate(file.fileno(), 0, end)
        except AttributeError:  # Not on every system.
            file.truncate(end)
        except OSError as error:  # Not on every file system.
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
            file.truncate(end)
    return start


class ArrayFile:
    """An array on disk, seen as rows ``(row, value)``, each of which is filled in parts.

    Plain writes, not memory mapping: mapped pages count as this process's memory, and a full disk would end it
    without an error.

    Parameters
    ----------
    path : path
        The file to make.
    dtype : dtype
        Type of the values.
    shape : sequence of int
        Of the array.
    n_row_axes : int
        How many of its first axes number the rows; the others are the values of a row.
    """

    def __init__(self, path: str | os.PathLike[str], dtype: np.dtype, shape: Sequence[int], n_row_axes: int):
        self._dtype = np.dtype(dtype)
        self._n_rows, self._n_values = math.prod(shape[:n_row_axes]), math.prod(shape[n_row_axes:])
        self._start = allocate_array(path, self._dtype, shape)
        self._file = open(path, "r+b")  # noqa: SIM115  (closed by `close`)

    def put(self, values: np.ndarray, first: int = 0) -> None:
        """Write values of all rows from a position on; `values` has as many for each row.

        Parameters
        ----------
        values : array
            Any shape whose elements, in C order, are the values of the first row, of the second, and so on.
        first : int, default 0
            Position in a row of its first value.
        """
        rows = values.reshape(self._n_rows, -1)
        if rows.shape[1] == self._n_values:
            rows = rows.reshape(1, -1)
        for number, row in enumerate(rows):
            self._file.seek(self._start + (number * self._n_values + first) * self._dtype.itemsize)
            self._file.write(np.ascontiguousarray(row, self._dtype).data)

    def fill(self, value: float, first: int, n_values: int) -> None:
        """Write one value to a part of all rows."""
        self.put(np.broadcast_to(self._dtype.type(value), (self._n_rows, n_values)), first)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
