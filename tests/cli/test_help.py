"""Help that can be scanned, and completion by the shell."""

import os
import subprocess
import sys

import click
import pytest

from seisdream.cli.command import Option
from seisdream.cli.main import cli
from seisdream.settings import GROUPS

COMMANDS = {
    "activations",
    "atlas",
    "attribute",
    "compare",
    "completion",
    "concepts",
    "controls",
    "dream",
    "evaluate",
    "experiment",
    "export",
    "info",
    "ingest",
    "layers",
    "networks",
    "plan",
    "predict",
    "quiz",
    "replay",
    "sheet",
    "studio",
    "train",
    "verify",
}
KEPT_OPTIONS = {
    *("--network", "--weights", "--layer", "--octaves", "--octave-scale", "--steps", "--step-size", "--jitter"),
    *("--levels", "--zoom", "--seed", "--precision", "--device", "--parameterization", "--band", "--dt-ms", "--inline"),
    *("--crossline", "--time", "--out", "--force", "--quiet", "--json"),
}
ALL = {**cli.commands, "quiz score": cli.commands["quiz"].commands["score"]}


def help_of(seisdream, *words):
    code, out, err = seisdream(*words)
    assert (code, err) == (0, "")
    return out


def test_the_names_of_commands_and_options_stay():
    assert set(cli.commands) == COMMANDS
    assert {flag for param in cli.commands["dream"].params for flag in param.opts} >= KEPT_OPTIONS


def test_summaries_of_commands_are_not_cut_off(seisdream):
    out = " ".join(help_of(seisdream, "--help").split())
    for name, command in cli.commands.items():
        summary = command.get_short_help_str()
        assert f"{name} {summary}" in out
        assert len(summary) <= 90, "about one line"


@pytest.mark.parametrize("name", ALL)
def test_every_help_is_grouped_and_ends_in_examples(seisdream, name):
    whole = help_of(seisdream, *name.split(), "--help-all") if name != "quiz" else help_of(seisdream, name, "--help")
    short = help_of(seisdream, *name.split(), "--help")
    for text in (short, whole):
        examples = text.partition("\nExamples:\n")[2].splitlines()
        assert 2 <= len(examples) <= 8
        assert all(line.startswith(("  # ", "  seisdream ", "  eval ")) for line in examples)
    titles = [line[:-1] for line in whole.splitlines() if line.removesuffix(":") in GROUPS]
    assert titles == [title for title in GROUPS if title in titles]


@pytest.mark.parametrize("name", ALL)
def test_help_lists_about_a_dozen_options(name):
    options = [param for param in ALL[name].params if isinstance(param, Option)]
    assert sum(option.is_primary for option in options) <= 22


@pytest.mark.parametrize("name", ALL)
def test_every_option_is_explained_in_plain_words(seisdream, name):
    for param in ALL[name].params:
        if isinstance(param, click.Option):
            assert param.help, param.name
            assert param.help.endswith((".", "]")), param.help
            assert "  " not in param.help, param.help


@pytest.mark.parametrize("name", ALL)
def test_examples_name_options_that_exist(name):
    flags = {flag for param in ALL[name].params for flag in (*param.opts, *param.secondary_opts)}
    for line in ALL[name].examples.values():
        used = [word for word in line.split() if word.startswith("--")]
        if line.startswith(f"seisdream {name}"):
            assert set(used) <= flags, line


def test_help_of_every_command_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from seisdream.cli.main import cli\n"
        f"for name in {sorted(COMMANDS)}:\n"
        "    cli.main([name, '--help'], standalone_mode=False)\n"
        "heavy = {'torch', 'numpy', 'xarray', 'matplotlib', 'scipy', 'sklearn', 'torchmetrics', 'tqdm'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def completed(words, number):
    environment = os.environ | {
        "_SEISDREAM_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(number),
    }
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'seisdream'; from seisdream.cli.main import main; main()"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {line.partition(",")[2] for line in done.stdout.splitlines()}


def test_the_shell_completes_commands_options_networks_and_choices():
    assert completed("seisdream at", 1) == {"atlas", "attribute"}
    assert completed("seisdream predict --inl", 2) == {"--inline", "--inline-byte"}
    assert completed("seisdream predict --network ga", 3) == {"gabor"}
    assert completed("seisdream layers f", 2) == {"facies", "facies-robust", "f3-intervals", "faults"}
    assert completed("seisdream predict --nan a", 3) == {"absent"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(seisdream, shell):
    code, out, _ = seisdream("completion", shell)
    assert code == 0
    assert f"_SEISDREAM_COMPLETE={shell}_complete" in out
