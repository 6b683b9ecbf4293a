"""SEG-Y files with changed samples, and of the wrong length."""

from fuzz import headers
from fuzz.mutations import mutate_bytes
from seisdream.io.inputs import open_section
from seisdream.io.segy import read_survey, survey_statistics
from seisdream.seismic.sections import GreyMapping, check_section, muted_samples

seeds = headers.seeds


def mutate(files, random, others):
    data = files["line.sgy"]
    return {"line.sgy": mutate_bytes(data, random, [one["line.sgy"] for one in others], (3600, len(data)))}


def use(folder):
    path = folder / "line.sgy"
    survey_statistics(read_survey(path))
    section = open_section(path, nan="absent")
    muted_samples(section)
    check_section(section)
    GreyMapping.of(section).to_grey(section.values)
