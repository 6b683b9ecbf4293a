"""Check a stated sample format by what its words can be, on a few traces.

IBM floats are normalised: the first hexadecimal digit of their fraction is never 0, and small digits are the most
frequent. Of IEEE floats about 7 % have a 0 there. Integers read as floats are NaN or smaller than any amplitude, floats
read as integers have no small values, and swapped bytes make amplitudes of 60 decades.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seisdream.io.segy.formats import (
    IBM,
    IEEE,
    ORDERS,
    SAMPLE_FORMATS,
    WORD_OF_FORMAT,
    bytes_of_format,
    decode_words,
    word_type,
)
from seisdream.io.segy.headers import Layout, Problem, reading

_N_TRACES, _N_SAMPLES = 32, 768
# Fewer words than this say nothing about their format.
_FEWEST_WORDS = 400
_GARBAGE = 1e30
_MOST_UNNORMALISED = 0.02
_FLOATS = (IBM, IEEE, 6)


@dataclass(frozen=True)
class _Reading:
    """Words read in one format."""

    code: int
    endian: str
    unnormalised: float  # share of words whose first hexadecimal digit of the fraction is 0
    is_like_ibm: bool
    bad: float  # share of samples that are no amplitudes
    decades: float  # between the 2nd and the 98th percentile of absolute amplitude
    roughness: float  # mean difference of neighbouring samples over mean absolute amplitude; 1.4 for white noise
    has_small: bool
    is_wrapped: bool  # whether integers lie at both ends of their range, as with the wrong kind of sign
    is_swapped: bool  # whether integers end in the byte with which amplitudes begin
    is_normal: bool  # whether amplitudes are larger than the smallest IEEE floats

    @property
    def is_impossible(self) -> bool:
        """Whether the words are implausible as samples of this format."""
        return self._is_unlikely(0.05, 25.0)

    @property
    def has_only_many_decades(self) -> bool:
        """Whether nothing else is wrong with floats than the range of their amplitudes."""
        return self.code in _FLOATS and not self._is_unlikely(0.05, np.inf)

    @property
    def is_plausible(self) -> bool:
        """Whether the words look like seismic samples of this format."""
        is_varied = self.decades > 0.5 or self.code not in _FLOATS
        return is_varied and not self._is_unlikely(0.02, 15.0) and self.roughness < 1.7

    def _is_unlikely(self, most_bad: float, most_decades: float) -> bool:
        is_float = self.code in _FLOATS
        return (
            self.bad > most_bad
            or (is_float and (self.decades > most_decades or not self.is_normal))
            or (self.code == IBM and self.unnormalised > _MOST_UNNORMALISED)
            or (self.code == IEEE and self.is_like_ibm)
            or (not is_float and (self.is_wrapped or self.is_swapped or not self.has_small))
        )


def read_sample_block(layout: Layout) -> np.ndarray:
    """Return the bytes of samples from the middle of evenly spaced traces, uint8 ``(trace, byte)``."""
    n_samples = min(layout.n_samples, _N_SAMPLES)
    first = (layout.n_samples - n_samples) // 2
    traces = np.unique(np.linspace(0, layout.n_traces - 1, min(layout.n_traces, _N_TRACES)).astype(np.int64))
    block = np.zeros((traces.size, n_samples * layout.sample_bytes), np.uint8)
    with reading(layout.path), layout.file.open("rb", buffering=0) as file:
        for row, trace in zip(block, traces.tolist(), strict=True):
            file.seek(layout.start + trace * layout.trace_bytes + layout.header_bytes + first * layout.sample_bytes)
            file.readinto(row.data)
    return block


def check_samples(layout: Layout, block: np.ndarray) -> Problem | None:
    """Return what is wrong if the samples cannot have the format of the layout but look like those of another."""
    doubt = doubt_format(block, layout.sample_format, layout.sample_endian or layout.endian)
    if doubt is None:
        return None
    word = WORD_OF_FORMAT[doubt.code] + (f"-{doubt.endian}" if doubt.endian != layout.endian else "")
    name = SAMPLE_FORMATS[layout.sample_format][0]
    return Problem(
        f"The samples do not look like {name}s, format {layout.sample_format} of the binary header: {doubt.reason}. "
        f"They look like {SAMPLE_FORMATS[doubt.code][0]}s, {doubt.endian} endian.",
        f"State the right format with `sample_format='{word}'`, or "
        f"`sample_format='{WORD_OF_FORMAT[layout.sample_format]}'` if the header is right.",
        is_noted=True,
        option="sample_format",
    )


class FormatDoubt(NamedTuple):
    """Why samples cannot have their format, and the code and byte order of the one that they look like."""

    reason: str
    code: int
    endian: str


def doubt_format(block: np.ndarray, code: int, endian: str) -> FormatDoubt | None:
    """Return why samples cannot have a format, if they look like those of another.

    Parameters
    ----------
    block : array
        The bytes of samples, uint8 ``(trace, byte)``.
    code : int
        Sample format.
    endian : {"big", "little"}
        Byte order.
    """
    if np.count_nonzero(block) < _FEWEST_WORDS:
        return None
    stated = _read(block, code, endian)
    if stated is None:
        return None
    is_rough = stated.code not in _FLOATS and stated.roughness > 1.0
    if not (stated.is_impossible or is_rough):
        return None
    best = _best(block, bytes_of_format(code), endian)
    if best is None or (best.code, best.endian) == (stated.code, stated.endian):
        return None
    if not stated.is_impossible and best.roughness > 0.5 * stated.roughness:
        return None
    if stated.has_only_many_decades and best.code not in _FLOATS:
        # Modelled amplitudes decay over many decades too.
        return None
    return FormatDoubt(_reason(stated), best.code, best.endian)


def guess_format(layout: Layout) -> str | None:
    """Return the word of the format that samples look like, of the size that the layout states; None if of none."""
    best = _best(read_sample_block(layout), layout.sample_bytes, layout.endian)
    if best is None:
        return None
    return WORD_OF_FORMAT[best.code] + (f"-{best.endian}" if best.endian != layout.endian else "")


def decode_block(layout: Layout, block: np.ndarray) -> np.ndarray:
    """Return the samples of a block, float32 ``(trace, sample)``, in the format of the layout."""
    return decode_words(block.view(word_type(layout.sample_format, layout.sample_endian or layout.endian)),
                        layout.sample_format)  # fmt: skip


def _reason(stated: _Reading) -> str:
    if stated.code == IBM and stated.unnormalised > _MOST_UNNORMALISED:
        return f"the first digit of {100 * stated.unnormalised:.0f} % of them is 0, which it never is in an IBM float"
    if stated.code == IEEE and stated.is_like_ibm:
        return "the first digit of all of them is not 0, as in IBM floats"
    if stated.bad > 0.05:
        return f"{100 * stated.bad:.0f} % of them cannot be amplitudes"
    if stated.is_swapped:
        return "they end in the byte with which amplitudes begin"
    if stated.is_wrapped:
        return "amplitudes lie at both ends of the range"
    if not stated.has_small:
        return "there are no small amplitudes among them"
    if stated.code in _FLOATS:
        return f"amplitudes span {stated.decades:.0f} decades" if stated.is_normal else "all amplitudes are nearly 0"
    return "neighbouring samples are unrelated"


def _best(block: np.ndarray, size: int, endian: str) -> _Reading | None:
    """Return the smoothest plausible reading; the stated byte order and signed formats are preferred."""
    orders = [endian, *(name for name in ORDERS if name != endian)] if size > 1 else [endian]
    codes = [code for code in (1, 5, 2, 10, 3, 11, 8, 16, 6, 9, 12) if bytes_of_format(code) == size]
    readings = [found for order in orders for code in codes if (found := _read(block, code, order)) is not None]
    plausible = [found for found in readings if found.is_plausible]
    return min(plausible, key=lambda found: (found.endian != endian) * 0.2 + found.roughness, default=None)


def _read(block: np.ndarray, code: int, endian: str) -> _Reading | None:
    words = block.view(word_type(code, endian))
    with np.errstate(invalid="ignore"):
        values = decode_words(words, code).astype(np.float64)
    bits = words.view(np.dtype(words.dtype.str.replace(words.dtype.kind, "u")))
    nonzero = bits != 0
    if code in _FLOATS:
        nonzero &= bits != 1 << (8 * bits.itemsize - 1)  # minus zero, of muted samples
    if np.count_nonzero(nonzero) < _FEWEST_WORDS:
        return None
    with np.errstate(invalid="ignore"):
        is_bad = ~np.isfinite(values) | (np.abs(values) > _GARBAGE)
    if is_bad.any() and np.unique(bits[is_bad]).size <= 2:
        # One value is a mark of undefined samples.
        bad, nonzero = 0.0, nonzero & ~is_bad
    else:
        bad = float(np.count_nonzero(is_bad) / np.count_nonzero(nonzero))
    good = np.where(is_bad, 0.0, values)
    magnitude = np.abs(good[nonzero & ~is_bad & (good != 0)])
    if magnitude.size < _FEWEST_WORDS // 2:
        return _Reading(code, endian, 0.0, False, 1.0, 0.0, 9.0, True, False, False, True)
    low, high = np.percentile(magnitude, [2, 98])
    limit = float(np.percentile(magnitude, 99))
    clipped = np.clip(good, -limit, limit)
    # About its middle, so that words that are all positive do not look smooth.
    clipped -= np.median(clipped[nonzero])
    level = float(np.abs(clipped).mean())
    roughness = float(np.abs(np.diff(clipped, axis=1)).mean()) / level if level > 0 and clipped.shape[1] > 1 else 9.0
    unnormalised, is_like_ibm = _digits(bits, nonzero) if bytes_of_format(code) == 4 else (0.0, False)
    is_huge = code in (2, 10, 9, 12) and magnitude.max() >= 2.0 ** (8 * bytes_of_format(code) - 4)
    # Unsigned samples have their zero in the middle.
    middle = 0.0 if code in (2, 9) else float(np.percentile(good[nonzero], [5, 95]).mean())
    signed = np.abs(good[nonzero] - middle)
    has_small = not is_huge or float((signed < signed.max() / 16).mean()) >= 0.05
    is_normal = code != IEEE or float(np.median(magnitude)) > 1e-36
    decades = float(np.log10(high / low))
    is_wrapped = code not in _FLOATS and _is_wrapped(words)
    is_swapped = code not in _FLOATS and bits.itemsize > 1 and _is_swapped(bits[nonzero])
    return _Reading(
        code,
        endian,
        unnormalised,
        is_like_ibm,
        bad,
        decades,
        roughness,
        has_small,
        is_wrapped,
        is_swapped,
        is_normal,
    )


def _is_swapped(bits: np.ndarray) -> bool:
    """Return whether integers end in bytes with which amplitudes begin: signs and exponents, or signs alone."""
    last = (bits & 0xFF).astype(np.uint8)
    exponents = last & 0x7F
    n_signs = [np.count_nonzero(last == sign) for sign in (0, 0xFF)]
    is_float = bits.itemsize > 2 and np.count_nonzero((exponents >= 0x30) & (exponents <= 0x50)) > 0.95 * last.size
    is_sign = sum(n_signs) > 0.95 * last.size and min(n_signs) > 0.1 * last.size
    return bool(is_float or is_sign or (bits.itemsize == 2 and _is_shuffled(bits, last)))


def _is_shuffled(bits: np.ndarray, last: np.ndarray) -> bool:
    """Return whether all first bytes are equally frequent, but last bytes crowd about 0, as the first ones should."""
    shares = np.bincount(bits >> 8, minlength=256) / bits.size
    entropy = -float(np.sum(shares * np.log2(np.where(shares > 0, shares, 1.0))))
    counts = np.bincount(last, minlength=256)
    return entropy > 7.5 and counts.max() < bits.size and counts[:32].sum() + counts[-32:].sum() > 0.4 * bits.size


def _is_wrapped(words: np.ndarray) -> bool:
    """Return whether integers crowd at both ends of their range, without being clipped there."""
    limits = np.iinfo(words.dtype)
    eighth = (int(limits.max) - int(limits.min)) // 8
    ends = [words[words >= limits.max - eighth], words[words <= limits.min + eighth]]
    n_fewest = min(end.size for end in ends)
    middle = np.count_nonzero((words > limits.min + 3 * eighth) & (words < limits.max - 3 * eighth))
    if n_fewest < 0.1 * words.size or middle > n_fewest:
        return False
    # Clipped samples have the largest value; wrapped ones differ.
    return all(np.unique(end, return_counts=True)[1].max() < end.size / 2 for end in ends)


def _digits(bits: np.ndarray, nonzero: np.ndarray) -> tuple[float, bool]:
    """Return the share of words whose first fraction digit, read as IBM floats, is 0, and whether all look like IBM."""
    words = bits[nonzero & (bits & 0xFFFFFF != 0)].astype(np.uint32)
    if words.size < _FEWEST_WORDS:
        return 0.0, False
    shares = np.bincount(words >> 20 & 15, minlength=16) / words.size
    is_varied = np.unique(words[:: max(1, words.size // 4096)]).size >= 200
    is_like_ibm = is_varied and shares[0] <= 5e-4 and shares[1] >= 0.1 and shares[8:].sum() <= 0.5
    return float(shares[0]), bool(is_like_ibm)
