"""`seisdream completion`: completion of commands, options and networks by the shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from seisdream.cli.command import command


@command(
    examples={
        "For bash: add this line to ~/.bashrc": 'eval "$(seisdream completion bash)"',
        "For zsh: add this line to ~/.zshrc": 'eval "$(seisdream completion zsh)"',
        "For fish: write the script once": "seisdream completion fish > ~/.config/fish/completions/seisdream.fish",
    }
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that lets the shell complete commands.

    It completes options and the names of networks too. SHELL is bash (4.4 or later), zsh or fish.
    """
    complete = get_completion_class(shell)
    assert complete is not None
    click.echo(complete(context.find_root().command, {}, "seisdream", "_SEISDREAM_COMPLETE").source())
