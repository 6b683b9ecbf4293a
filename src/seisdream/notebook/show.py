"""Show a section in a notebook."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import xarray as xr

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.objectives import Objective
from seisdream.extras import require_extra
from seisdream.io.inputs import open_section
from seisdream.models.network import Network

if TYPE_CHECKING:
    from seisdream.notebook.widget import SectionWidget


def show(
    section: xr.DataArray | str | os.PathLike[str],
    network: Network | str | None = None,
    objective: Objective | str | None = None,
    **settings: Any,
) -> SectionWidget:
    """Show a section in a notebook, with zoom, gain, colours and readout; with a network, dream on it live.

    Parameters
    ----------
    section : DataArray or path
        ``(time, trace)``, or a picture.
    network : Network or str, optional
        With a network there is a button that dreams.
    objective : Objective or str, optional
        As for `seisdream.dream`.
    **settings
        Settings of the dream, as for `seisdream.dream`.

    Returns
    -------
    SectionWidget
        Shown where it is the last value of a cell. Its ``result`` is that of the last dream.

    Raises
    ------
    SeisdreamError
        If anywidget is not installed (``missing-extra``), or the section or the settings cannot be used.

    Examples
    --------
    >>> import seisdream as sd
    >>> widget = sd.show("sample:built-in", "gabor", steps=1, octaves=1)
    >>> widget.can_dream
    True
    """
    require_extra("anywidget", "notebook", "`show`")

    from seisdream.notebook.widget import SectionWidget

    data = section if isinstance(section, xr.DataArray) else open_section(section)
    if network is None:
        return SectionWidget(data)
    first = Dream(data, network, objective, **settings)  # Here, so that what does not go together raises at once.
    dreams = [first]
    return SectionWidget(data, lambda: dreams.pop() if dreams else Dream(data, network, objective, **settings))
