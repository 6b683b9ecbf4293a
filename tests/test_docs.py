"""The documentation says what there is, all of it, and its examples run."""

import json
import re
from pathlib import Path

import click
import pytest
import torch

from seisdream.cli.main import cli
from seisdream.research.experiments.base import find_experiment

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
RUNNING = ("python.md", "objectives.md", "parameterizations.md", "your-network.md")
# Headings of the page whose options hold for several commands.
SHARED_PARTS = {
    "How an input is opened": {"info", "dream", "activations", "predict", "attribute", "controls", "atlas"},
    "Which network": {"dream", "activations", "predict", "attribute", "controls", "layers", "atlas"},
}


def python_blocks(page):
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def parts_of_reference():
    """Return the parts of the command line's page by heading."""
    text = (DOCS / "command-line.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def commands_by_name():
    """Return all commands, those inside others by both words."""
    commands = dict(cli.commands)
    for name, command in cli.commands.items():
        if isinstance(command, click.Group):
            commands |= {f"{name} {inner}": other for inner, other in command.commands.items()}
    return commands


def options_of(command):
    """Return the long names of a command's options, those that switch off included."""
    names = [name for option in command.params if isinstance(option, click.Option)
             for name in (*option.opts, *option.secondary_opts)]  # fmt: skip
    return {name for name in names if name.startswith("--")}


@pytest.mark.parametrize("name", sorted(commands_by_name()))
def test_every_command_and_option_is_documented(name):
    parts = parts_of_reference()
    assert f"seisdream {name}" in parts
    documented = options_in(parts[f"seisdream {name}"])
    for heading, commands in SHARED_PARTS.items():
        if name in commands:
            documented |= options_in(parts[heading])
    assert options_of(commands_by_name()[name]) - documented == set()


@pytest.mark.parametrize("name", sorted(commands_by_name()))
def test_no_option_is_documented_that_a_command_does_not_have(name):
    assert options_in(parts_of_reference()[f"seisdream {name}"]) - options_of(commands_by_name()[name]) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_only_commands_and_options_that_there_are(page):
    text = page.read_text(encoding="utf-8")
    known = {"--help", "--version", "--nproc-per-node"}.union(
        *(options_of(command) for command in commands_by_name().values())
    )
    assert options_in(text) - known == set()
    for command in re.findall(r"^ +(?:\$ )?seisdream ([a-z]+) ", text, re.MULTILINE):
        assert command in cli.commands


@pytest.mark.parametrize("page", RUNNING)
def test_python_examples_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    earlier = torch.get_num_threads()
    torch.set_num_threads(1)
    blocks = python_blocks(page)
    assert blocks
    namespace = {"__name__": "__main__"}
    try:
        for number, block in enumerate(blocks, start=1):
            exec(compile(block, f"{page}, block {number}", "exec"), namespace)
    finally:
        torch.set_num_threads(earlier)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_other_python_examples_compile(page):
    for number, block in enumerate(python_blocks(page.name), start=1):
        compile(block, f"{page.name}, block {number}", "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            path, _, _ = target.partition("#")
            assert not path or (page.parent / path).is_file(), target


@pytest.mark.parametrize("results", sorted((DOCS / "experiments").glob("*.json")), ids=lambda path: path.stem)
def test_pages_of_experiments_are_what_their_results_say(results):
    told = json.loads(results.read_text(encoding="utf-8"))
    experiment = find_experiment(results.stem)
    name = experiment.page_name or results.stem
    page = experiment.page(told, f"pictures/{name}-{{}}.png")
    assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == page


def test_every_page_is_in_the_table_of_contents():
    contents = (DOCS / "index.md").read_text(encoding="utf-8")
    named = re.search(r"```\{toctree\}(.*?)```", contents, re.DOTALL).group(1).split()
    assert {page.stem for page in PAGES} - {"index"} <= set(named)


def test_pictures_are_small_enough_to_read_over_a_slow_line():
    sizes = {path.name: path.stat().st_size for path in (DOCS / "pictures").iterdir()}
    assert "dream-31-81.png" in sizes
    assert {name: size for name, size in sizes.items() if size > 250_000} == {}
