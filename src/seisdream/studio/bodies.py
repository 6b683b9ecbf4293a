"""Bodies of requests, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SectionId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Number = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
Line = dict[Literal["inline", "crossline", "time"], Number]


class Body(BaseModel):
    """A body without other fields than its own."""

    model_config = ConfigDict(extra="forbid")


class SectionBody(Body):
    """What to open, and how."""

    source: Annotated[str, Field(min_length=1, max_length=4096)]
    options: dict[str, Any] = Field(default_factory=dict, description="As `open` in /api/schema.")


class MaskBody(Body):
    """A mask drawn by hand: polygons in the coordinates of the section, or a sample of one byte for each."""

    polygons: Annotated[list[Annotated[list[tuple[Number, Number]], Field(min_length=3)]], Field(max_length=1000)] = []
    shape: tuple[Annotated[int, Field(ge=1, le=100_000)], Annotated[int, Field(ge=1, le=100_000)]] | None = None
    data: str | None = None


class RunBody(Body):
    """A run: what on which section with which network."""

    kind: Literal["dream", "predict", "attribute", "controls", "volume"]
    section: SectionId
    line: Line = Field(default_factory=dict)
    network: Name = "facies-robust"
    settings: dict[str, Any] = Field(default_factory=dict, description="As in /api/schema; others have their defaults.")
    mask: MaskBody | None = None
    label: Annotated[str, Field(max_length=200)] = ""
    command: Literal["predict", "dream", "controls", "attribute"] = "predict"
    direction: Literal["inline", "crossline"] = "inline"


class PointBody(Body):
    """A point of a section, and the layers whose channels are compared there."""

    section: SectionId
    line: Line = Field(default_factory=dict)
    network: Name
    down: Number
    across: Number
    layers: Annotated[list[Name], Field(min_length=1, max_length=12)] | None = None
    count: Annotated[int, Field(ge=1, le=100)] = 8
