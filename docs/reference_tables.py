"""Write the parts of the reference that are made from the code: commands, settings by kind of input, error codes.

Sphinx calls `write_tables` before each build (see conf.py). The files land in docs/reference/generated, which git
ignores; the pages of docs/reference include them.
"""

from pathlib import Path

import click

from seisdream.cli.main import cli
from seisdream.dreaming.compatibility import ARRAYS_FOR_CUBES
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import CODES

GENERATED = Path(__file__).parent / "reference" / "generated"
KINDS = {"section": "One section", "variants": "Several variants", "volume": "Whole volume", "cube": "Cube"}


def write_tables(folder=GENERATED):
    """Write every table as Markdown and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"commands": command_tables(), "settings": settings_table(), "errors": error_table()}
    for name, text in tables.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return [folder / f"{name}.md" for name in tables]


def commands():
    """Return every command by name, those of a group by both words."""
    found = {}
    for name, command in cli.commands.items():
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": other for inner, other in command.commands.items()}
    return found


def options(command):
    """Return the options of a command, those of its help left out."""
    visible = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return [one for one in visible if "--help-all" not in one.opts]


def command_tables():
    """Return for each command a heading, its help, its options by group, and its examples."""
    parts = []
    for name, command in commands().items():
        context = click.Context(command, info_name=f"seisdream {name}")
        arguments = [one.make_metavar(context) for one in command.params if isinstance(one, click.Argument)]
        parts += [
            f"## seisdream {name}",
            "    " + " ".join(["seisdream", name, *arguments, "[OPTIONS]"]),
            _help(command),
        ]
        groups = {}
        for option in options(command):
            groups.setdefault(getattr(option, "title", "Options"), []).append(_option_row(option, context))
        for title, rows in groups.items():
            parts.append("\n".join([f"| {title} | |", "| --- | --- |", *rows]))
        if examples := getattr(command, "examples", {}):
            lines = [line for purpose, example in examples.items() for line in (f"# {purpose}", example)]
            parts.append("\n".join(f"    {line}" for line in lines))
    return "\n\n".join(parts) + "\n"


def settings_table():
    """Return a table of all settings of a dream and the kinds of input that accept them."""
    head = ["Setting", "Default", *KINDS.values()]
    rows = [head, ["---"] * len(head)]
    for one in DreamSettings.declared():
        if not one.declared.is_hidden:
            refused = dict.fromkeys(one.declared.unsupported, "no")
            if one.name in ARRAYS_FOR_CUBES:
                refused["cube"] = "array in Python"
            accepts = [refused.get(kind, "yes") for kind in KINDS]
            rows.append([f"`{one.name}`", _default(one), *accepts])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def error_table():
    """Return a table of the error codes."""
    rows = [f"| `{code}` | {meaning} |" for code, meaning in CODES.items()]
    return "\n".join(["| Code | Meaning |", "| --- | --- |", *rows]) + "\n"


def _default(setting):
    if setting.default is None:
        return _escape(setting.declared.auto) or "none"
    if isinstance(setting.default, bool):
        return "yes" if setting.default else "no"
    if isinstance(setting.default, tuple):
        return ", ".join(map(str, setting.default)) or "none"
    return f"{setting.default:g}" if isinstance(setting.default, int | float) else _escape(str(setting.default))


def _help(command):
    paragraphs = (command.help or "").replace("\b", "").split("\f")[0].strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _option_row(option, context):
    # Click itself writes the names, the metavar and the default, as in the terminal.
    names, help = option.get_help_record(context) or (", ".join(option.opts), option.help or "")
    return f"| `{_escape(names)}` | {_escape(help)} |"


def _escape(text):
    return text.replace("|", "\\|").replace("*", "\\*")
