"""Words from files are harmless in a terminal, a page, a table and a figure."""

import csv
import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from torch import nn

from seisdream.cli.terminal import echo
from seisdream.escaping import for_csv, for_html, for_terminal
from seisdream.io.tables import write_csv
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.plotting.figures import draw_section
from seisdream.plotting.panels import write_figure
from seisdream.plotting.scores import draw_confusion, draw_history
from seisdream.seismic.sections import make_section

HOSTILE = "salt\x1b[2J\x1b]0;title\x07\x9b31m\r\u202egnp\u2066\ud800\x00\u2028"


def test_control_characters_and_directions_become_codes():
    shown = for_terminal(HOSTILE)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]", shown)
    assert shown.startswith("salt\\u001b[2J")
    assert for_terminal("größer, 日本語, ‘a’\n\tb") == "größer, 日本語, ‘a’\n\tb"


def test_what_is_printed_as_json_is_still_json(capsys):
    echo(json.dumps({"name": HOSTILE}, ensure_ascii=False))
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"name": HOSTILE}
    assert printed.rstrip("\n").isprintable()


def test_a_name_with_an_end_of_line_is_printed_on_one_line(capsys):
    echo("line.npy\nIdentical: the repeated result equals the stored one bit for bit.")
    assert capsys.readouterr().out.count("\n") == 1
    assert Network("x", nn.Conv2d(1, 2, 1), Preprocessing("grey"), classes=("salt\nall", "shale")).classes == (
        "salt all",
        "shale",
    )


def test_commands_print_in_one_way_only(request):
    folder = request.config.rootpath / "src" / "seisdream" / "cli"
    printing = {path.name for path in folder.glob("*.py") if re.search(r"click\.(s?echo|secho)\(", path.read_text())}
    # Help and the script of completion are the program's own words.
    assert printing == {"terminal.py", "command.py", "completion.py"}


def test_errors_about_hostile_names_do_not_steer_the_terminal(seisdream_words):
    code, out, err = seisdream_words("info", f"{HOSTILE[:20]}.npy")
    assert code == 2
    assert "\x1b" not in out + err
    assert "\\u001b" in err


@pytest.fixture
def seisdream_words(monkeypatch, capsys):
    import sys

    from seisdream.cli.main import main

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["seisdream", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("text", ["=1+1", "+a", "-salt", "@sum", "\t=1", " =1", "-1+cmd|' /c calc'!A0"])
def test_texts_that_a_spreadsheet_would_compute_are_texts(text):
    assert for_csv(text) == f"'{text}"


@pytest.mark.parametrize("value", ["salt", "-1.5", "+3", "1e-5", -1.5, -2, np.float32(-0.5), None, True, ""])
def test_numbers_and_plain_words_stay_as_they_are(value):
    assert for_csv(value) is value


def test_tables_keep_numbers_and_disarm_words(tmp_path):
    write_csv([{"=name": "=1+1", "score": -0.25, "n": -3}], tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["'=name", "score", "n"], ["'=1+1", "-0.25", "-3"]]


def test_markup_is_text_in_a_page():
    assert for_html("<img src=x onerror='a'>&\"") == "&lt;img src=x onerror=&#x27;a&#x27;&gt;&amp;&quot;"


@pytest.mark.parametrize("name", ["$\\frac{1}{0$", "cost $5 and $6_$", "$x$", "a\x07b"])
@pytest.mark.drawn
def test_figures_draw_names_as_they_are(tmp_path, name):
    figures = [
        draw_section(make_section(np.eye(20, 30, dtype=np.float32), units=name), title=name),
        draw_confusion(np.eye(2, dtype=int), (name, "salt"), title=name),
    ]
    own = Figure()
    own.subplots().plot([1, 2], label=name)
    own.axes[0].legend()
    own.axes[0].set_xlabel(name)
    for number, figure in enumerate([*figures, own]):
        write_figure(figure, tmp_path / f"{number}.png", dpi=30)
    assert own.axes[0].get_xlabel() == for_terminal(name)


def test_ticks_of_logarithmic_axes_are_still_powers():
    history = [{"step": step, "loss": 10.0 ** -step, "learning_rate": 1.0, "mean_iou": 0.5, "pixel_accuracy": 0.5}
               for step in range(1, 5)]  # fmt: skip
    figure = draw_history(history, title="$")
    from seisdream.plotting.panels import without_mathematics

    without_mathematics(figure)
    labels = [text for text in figure.axes[0].yaxis.get_ticklabels() if text.get_text()]
    assert labels
    assert all(text.get_parse_math() for text in labels)
