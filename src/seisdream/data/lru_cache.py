"""A cache of arrays that is limited by memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from numpy.typing import NDArray

Arrays = tuple[NDArray, ...]


class BytesLRUCache:
    """Arrays by key; above the limit, the least recently used are discarded.

    Parameters
    ----------
    megabytes : float
        The limit. Arrays that exceed it by themselves are not cached.
    """

    def __init__(self, megabytes: float):
        self._max_bytes = round(megabytes * 1e6)
        self._n_bytes = 0
        self._cached: OrderedDict[Hashable, Arrays] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Arrays]) -> Arrays:
        """Return the arrays of a key; `make` makes them where they are not cached."""
        if key in self._cached:
            self._cached.move_to_end(key)
            return self._cached[key]
        arrays = make()
        n_bytes = sum(array.nbytes for array in arrays)
        if n_bytes <= self._max_bytes:
            self._cached[key] = arrays
            self._n_bytes += n_bytes
            while self._n_bytes > self._max_bytes:
                _, oldest = self._cached.popitem(last=False)
                self._n_bytes -= sum(array.nbytes for array in oldest)
        return arrays
