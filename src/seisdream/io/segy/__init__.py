"""SEG-Y: read headers and geometry, open sections and volumes, write changed samples into a copy of the file."""

from seisdream.io.segy.headers import Problem, read_text_header
from seisdream.io.segy.sections import SEGY_ENDINGS, is_segy_name, open_segy
from seisdream.io.segy.survey import Survey, read_survey, survey_statistics
from seisdream.io.segy.volumes import SegyVolume
from seisdream.io.segy.writing import (
    WriteReport,
    segy_ending,
    write_sections_like,
    write_segy_like,
    writing_segy_numbers,
)

__all__ = [
    "SEGY_ENDINGS",
    "Problem",
    "SegyVolume",
    "Survey",
    "WriteReport",
    "is_segy_name",
    "open_segy",
    "read_survey",
    "read_text_header",
    "segy_ending",
    "survey_statistics",
    "write_sections_like",
    "write_segy_like",
    "writing_segy_numbers",
]
