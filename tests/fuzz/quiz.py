"""Answers to the quiz as CSV."""

from fuzz.mutations import mutate_text
from seisdream.research.quiz.answers import COLUMNS, read_answers


def seeds(folder):
    rows = [f"1,1,0a1b2c,{number},fault,4.0,{'right' if number % 2 else 'left'},left,1.25" for number in range(1, 9)]
    for name, end in (("unix", "\n"), ("windows", "\r\n")):
        (folder / name).mkdir()
        (folder / name / "answers.csv").write_bytes((end.join([",".join(COLUMNS), *rows]) + end).encode())


def mutate(files, random, others):
    return {"answers.csv": mutate_text(files["answers.csv"].decode(), random, (*COLUMNS, '"', "left", "\0", "\r"))}


def use(folder):
    read_answers([folder / "answers.csv"])
