"""The ``.seisdream`` accessor of xarray: plot, convert and write arrays of seismic and results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from seisdream.errors import SeisdreamError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seisdream.notebook.widget import SectionWidget


@xr.register_dataarray_accessor("seisdream")
class SectionAccessor:
    """Methods of a section, a cube or a map, as ``array.seisdream.plot()``."""

    def __init__(self, array: xr.DataArray):
        self._array = array

    def plot(self, *, section: xr.DataArray | None = None, **options: Any) -> Figure:
        """Draw the array; of a cube, its middle inline.

        Parameters
        ----------
        section : DataArray, optional
            For an attribution: the section that was explained; by default it is opened again.
        **options
            For other arrays, as for `seisdream.plotting.figures.draw_section`: ``colormap``, ``percentile``,
            ``polarity``, ``title``.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from seisdream.plotting.figures import draw_section
        from seisdream.results.result import Result

        array = self._array
        if "provenance" in array.attrs:
            return Result.of(array, section).plot()
        if array.ndim == 3 and "inline" in array.dims:
            array = array.isel(inline=array.sizes["inline"] // 2, drop=True)
            array = array.transpose("time", ..., missing_dims="ignore")
        return draw_section(array, **options)

    def show(self, network: Any = None, objective: Any = None, **settings: Any) -> SectionWidget:
        """Show the section in a notebook, live; the arguments are those of `seisdream.show`."""
        from seisdream.notebook.show import show

        return show(self._array, network, objective, **settings)

    def to_grey(self, percentile: float = 99.0) -> xr.DataArray:
        """Return the section as a picture in grey levels 0 to 255, as networks receive it.

        Parameters
        ----------
        percentile : float, 50 to 100, default 99
            The percentile of absolute amplitude that becomes black and white; zero becomes mid-grey.
        """
        from seisdream.seismic.sections import GreyMapping

        grey = GreyMapping.of(self._array, percentile).to_grey(self._array.values).clip(0.0, 255.0)
        return self._array.copy(data=grey).assign_attrs(units="grey level", value_range=(0.0, 255.0))

    def to_segy(
        self, path: str | os.PathLike[str], like: xr.DataArray, *, scope: str = "whole", force: bool = False
    ) -> Path:
        """Write the array as SEG-Y with the headers of the file that a section was opened from.

        Amplitudes (arrays in the units of `like`) go into a copy of the file, in which every sample that did not change
        keeps its bytes. Other numbers, such as probabilities, are written as floating-point samples.

        Parameters
        ----------
        path : path
            The file to write; never the file that was opened.
        like : DataArray
            The section as `seisdream.open_section` returned it, of the same shape.
        scope : {"whole", "section"}
            Write all traces of the file, or only those of the section.
        force : bool, default False
            Replace a file that exists.

        Returns
        -------
        Path

        Raises
        ------
        SeisdreamError
            If `like` is not from SEG-Y (``not-supported``) or has another shape (``wrong-shape``), the file exists
            (``exists``), or the disk refuses (``write-failed``).
        """
        from seisdream.io.segy import write_segy_like, writing_segy_numbers
        from seisdream.io.segy.text_lines import DREAM_MARK, PREDICTION_MARK
        from seisdream.provenance import version_of
        from seisdream.results.dream_result import TITLE

        array = self._array
        if like.attrs.get("format") != "SEG-Y":
            raise SeisdreamError(
                "`like` was not opened from SEG-Y, so there are no headers to copy; give a section that `open_section` "
                "returned for a SEG-Y file.",
                code="not-supported",
                option="like",
            )
        if array.shape != like.shape:
            raise SeisdreamError(
                f"The array has shape {array.shape}, and `like` {like.shape}; a zoomed or cropped section has "
                "left the positions it was recorded at.",
                code="wrong-shape",
                option="like",
            )
        path, version, units = Path(path), version_of("seisdream"), like.attrs.get("units")
        if array.attrs.get("units", units) == units and "provenance" not in array.attrs:
            title = (f"{TITLE.upper()}.",) if array.attrs.get("title") == TITLE else ()
            line = f"{DREAM_MARK} {version}"
            write_segy_like(array, like, path, line=line, title=title, scope=scope, force=force)
        else:
            line = f"{PREDICTION_MARK} {version}: {array.attrs.get('long_name', array.name or 'values')}"
            with writing_segy_numbers(like, path, line=line, scope=scope, force=force, absent=0.0) as file:
                file.put(like.copy(data=array.values))
        return path

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        section: xr.DataArray | None = None,
        force: bool = False,
        segy: str = "section",
    ) -> list[Path]:
        """Write a result (an attribution) with its provenance to a folder; see `seisdream.Result.save`.

        Parameters
        ----------
        folder : path
            The folder to make.
        section : DataArray, optional
            The section that was explained; by default it is opened again.
        force : bool, default False
            Replace a folder that an earlier result was saved to.
        segy : {"section", "none"}
            For SEG-Y input, write SEG-Y of the section's traces too.
        """
        from seisdream.results.result import Result

        return Result.of(self._array, section).save(folder, force=force, segy=segy)


@xr.register_dataset_accessor("seisdream")
class ResultAccessor:
    """Methods of a result, as ``prediction.seisdream.save(folder)``."""

    def __init__(self, dataset: xr.Dataset):
        self._dataset = dataset

    def plot(self, *, section: xr.DataArray | None = None) -> Figure:
        """Draw the result (a prediction).

        Parameters
        ----------
        section : DataArray, optional
            The input; by default it is opened again.
        """
        from seisdream.results.result import Result

        return Result.of(self._dataset, section).plot()

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        section: xr.DataArray | None = None,
        force: bool = False,
        segy: str = "section",
    ) -> list[Path]:
        """Write the result (a prediction) with its provenance to a folder; see `seisdream.Result.save`.

        Parameters
        ----------
        folder : path
            The folder to make.
        section : DataArray, optional
            The input; by default it is opened again.
        force : bool, default False
            Replace a folder that an earlier result was saved to.
        segy : {"section", "none"}
            For SEG-Y input, write SEG-Y of the section's traces too.
        """
        from seisdream.results.result import Result

        return Result.of(self._dataset, section).save(folder, force=force, segy=segy)
