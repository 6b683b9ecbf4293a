"""Sampling intervals that no seismic has."""

from __future__ import annotations

# In ms, and in m or ft.
_SHORTEST_MS, _LONGEST_MS = 0.02, 32.767
_SHORTEST_DEPTH, _LONGEST_DEPTH = 0.01, 200.0


def doubt_interval(dt_ms: float, *, is_depth: bool = False) -> tuple[str, str] | None:
    """Return why a sampling interval is implausible, and what to do; None if it is plausible.

    Parameters
    ----------
    dt_ms : float
        In ms, or for depth in m or ft.
    is_depth : bool
        Whether the vertical axis is depth.

    Examples
    --------
    >>> doubt_interval(0.004)
    ('The sampling interval is 0.004 ms, shorter than that of any seismic.', 'It may be 4 ms: use `dt_ms=4`.')
    """
    unit = "m or ft" if is_depth else "ms"
    shortest, longest = (_SHORTEST_DEPTH, _LONGEST_DEPTH) if is_depth else (_SHORTEST_MS, _LONGEST_MS)
    if shortest <= dt_ms <= longest:
        return None
    if dt_ms < shortest:
        what, probable = f"The sampling interval is {dt_ms:g} {unit}, shorter than that of any seismic.", dt_ms * 1000
    elif not is_depth and dt_ms < 65.536:
        # The header word is unsigned; some programs write a negative number.
        probable = 65.536 - dt_ms
        what = f"The sampling interval is {dt_ms:g} ms, or {-1000 * probable:g} µs as a signed number."
    else:
        what, probable = f"The sampling interval is {dt_ms:g} {unit}, longer than that of any seismic.", dt_ms / 1000
    if not 0.25 <= probable <= 25:
        return what, "If it is wrong, give the right one (`dt_ms`)."
    return what, f"It may be {probable:g} {unit}: use `dt_ms={probable:g}`."
