"""What was opened last, kept in memory up to a limit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from numpy.typing import NDArray

Arrays = tuple[NDArray, ...]


class BytesLRUCache:
    """Arrays by key; when they grow too large together, those go that were not asked for the longest.

    Parameters
    ----------
    megabytes : float
        The limit. What is larger by itself is not kept.
    """

    def __init__(self, megabytes: float):
        self._most = round(megabytes * 1e6)
        self._n_bytes = 0
        self._kept: OrderedDict[Hashable, Arrays] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Arrays]) -> Arrays:
        """Return the arrays of a key, making them where they are not kept."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        arrays = make()
        n_bytes = sum(array.nbytes for array in arrays)
        if n_bytes <= self._most:
            self._kept[key] = arrays
            self._n_bytes += n_bytes
            while self._n_bytes > self._most:
                _, old = self._kept.popitem(last=False)
                self._n_bytes -= sum(array.nbytes for array in old)
        return arrays
