"""What computes the blocks of a volume: the frame that each command fills in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.inference.surroundings import Surroundings
from seisdream.models.network import Network
from seisdream.seismic.volumes import Volume
from seisdream.volumes.lines import Lines
from seisdream.volumes.plan import Block, Reach, Shape, Task
from seisdream.volumes.scale import AmplitudeScale
from seisdream.volumes.settings import OF_COMMANDS, VolumeSettings
from seisdream.volumes.slices import Slice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seisdream.results.result_page import ResultPage


class Variable(NamedTuple):
    """A variable of the output.

    Attributes
    ----------
    dtype : str
        NumPy's name of its number format.
    fill : float
        Its value where nothing is computed.
    attrs : dict
        Attributes in the store; ``segy_line`` is for the text header of SEG-Y.
    absent : float
        What SEG-Y has for absent samples.
    file : str
        Name of the SEG-Y, without ending; by default that of the variable.
    """

    dtype: str
    fill: float
    attrs: dict[str, Any]
    absent: float = -1.0
    file: str = ""


class Kernel(ABC):
    """What a command computes in a block, and what it writes of the whole.

    Parameters
    ----------
    volume : Volume
        The input.
    network : Network
        The network.
    settings : Settings
        Of the command.
    how : VolumeSettings
        Direction, blocks and number formats.
    scale : AmplitudeScale
        Of the volume.

    Attributes
    ----------
    shape : (int, int, int)
        Of the volume.
    shard : (int, int, int)
        Of the output.
    reach : tuple of Reach
        What a task needs around its shard.
    measured : dict
        What `measure` returned when the job began.
    folder : Path or None
        Of the job, in a worker.

    Raises
    ------
    SeisdreamError
        If a setting of the volume job belongs to another command (``not-supported``).
    """

    figure: ClassVar[str] = "figure.png"
    """The file of the picture."""
    takes: ClassVar[tuple[str, ...]] = ()
    """Those of `OF_COMMANDS` that apply."""
    directions: ClassVar[tuple[str, ...]] = ("inline", "crossline")

    shard: Shape
    reach: tuple[Reach, Reach, Reach]

    def __init__(
        self, volume: Volume, network: Network, settings: Any, how: VolumeSettings, scale: AmplitudeScale
    ) -> None:
        self.volume, self.network, self.settings, self.how, self.scale = volume, network, settings, how, scale
        self.shape: Shape = volume.shape
        self.measured: dict[str, Any] = {}
        self.folder: Path | None = None
        for one in how.declared():
            if one.name in OF_COMMANDS and one.name not in self.takes and getattr(how, one.name) != one.default:
                raise SeisdreamError(
                    f"`{one.name}` is a setting of {OF_COMMANDS[one.name]}; leave it out.",
                    code="not-supported",
                    option=one.name,
                )
        if how.direction not in self.directions:
            choices = " or ".join(f"`direction={one}`" for one in self.directions)
            raise SeisdreamError(
                f"`direction={how.direction}` does not apply here; use {choices}.",
                code="not-supported",
                option="direction",
            )

    @property
    @abstractmethod
    def variables(self) -> dict[str, Variable]:
        """The variables of the output by name."""

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the result."""
        return {}

    def measure(self) -> dict[str, Any]:
        """Return what is measured on the volume once, before the first task."""
        return {}

    @abstractmethod
    def compute(self, values: NDArray[np.float32], task: Task) -> dict[str, NDArray]:
        """Return the arrays of a task's shard, by variable.

        Parameters
        ----------
        values : array
            The input block ``(inline, crossline, time)``, NaN where absent.
        task : Task
            The task.
        """

    @abstractmethod
    def provenance(self) -> dict[str, Any]:
        """Return the provenance of the whole result."""

    @abstractmethod
    def notes(self) -> list[str]:
        """Return what limits the result, a sentence each."""

    @abstractmethod
    def draw(self, slices: Sequence[Slice], summary: dict[str, Any], title: str) -> Figure:
        """Return the picture of an inline, a crossline and a time slice.

        Parameters
        ----------
        slices : sequence of Slice
            Of the volume and of the result.
        summary : dict
            What `summarize` returned.
        title : str
            A line above all panels.
        """

    @abstractmethod
    def page(self, middle: Slice, title: str) -> ResultPage:
        """Return the page of the result, which shows the middle inline.

        Parameters
        ----------
        middle : Slice
            The middle inline.
        title : str
            Above everything.
        """

    def summarize(self, dataset: xr.Dataset, folder: Path, failures: list[str]) -> dict[str, Any]:
        """Return numbers that describe the complete result, and write what belongs to it in addition.

        Parameters
        ----------
        dataset : Dataset
            The result, unread.
        folder : Path
            Of the job.
        failures : list of str
            What cannot be written is added to it.
        """
        return {}

    def _empty(self, output: Block) -> dict[str, NDArray]:
        """Return the arrays of a shard in which nothing is computed."""
        shape = [stop - first for first, stop in output]
        return {name: np.full(shape, one.fill, one.dtype) for name, one in self.variables.items()}


class SectionKernel(Kernel):
    """A command of a network for sections, which computes whole inlines or crosslines one after the other.

    Attributes
    ----------
    lines : Lines
        The sections.
    """

    n_together: ClassVar[int | None] = None
    """Sections of a block, unless it is given; by default those of about 16 million samples."""
    n_coupled: int = 0
    """Sections on each side of a block that are computed with those of the block."""

    def __init__(
        self, volume: Volume, network: Network, settings: Any, how: VolumeSettings, scale: AmplitudeScale
    ) -> None:
        super().__init__(volume, network, settings, how, scale)
        self.lines = Lines(volume, how.direction, scale)
        self.reach = self.lines.reach(self._n_around())
        self.shard = self.lines.shard(how.block, self.n_together)

    def _n_around(self) -> int:
        """Return how many neighbouring sections on each side a section needs."""
        return self.network.preprocessing.lines // 2

    def compute(self, values: NDArray[np.float32], task: Task) -> dict[str, NDArray]:
        """Return the arrays of a task's shard; sections without traces or signal keep the fill value."""
        lines, arrays = self.lines, self._empty(task.output)
        (first, stop), read = task.output[lines.axis], task.input[lines.axis]
        near = range(max(read[0], first - self.n_coupled), min(read[1], stop + self.n_coupled))
        sections = ((one, lines.section(values, task.input, one)) for one in near if lines.has_traces[one])
        for position, maps in self.compute_sections(sections, lines.surroundings(values, task.input)):
            for name, map_ in maps.items() if first <= position < stop else ():
                # A section is (time, trace), and a volume has its samples last.
                arrays[name][lines.at(position - first)] = map_.T
        return arrays

    @abstractmethod
    def compute_sections(
        self, sections: Iterable[tuple[int, xr.DataArray]], around: Surroundings
    ) -> Iterator[tuple[int, dict[str, NDArray]]]:
        """Yield the position of each section and its arrays ``(time, trace)``, by variable.

        Parameters
        ----------
        sections : iterable of (int, DataArray)
            Positions and sections, NaN where absent.
        around : Surroundings
            The lines of the volume.
        """
