"""`seisdream replay`: run the recipe inside an output again."""

from __future__ import annotations

import json

import click

from seisdream.cli.progress import DreamProgress


@click.command()
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("--input", metavar="INPUT", help="Where the input is now, if it moved.")
@click.option("--weights", type=click.Path(), metavar="FILE", help="Where the weights are now, if they moved.")
@click.option("--network", metavar="NAME", help="The network to use instead of the one that the recipe names.")
@click.option(
    "--trust", multiple=True, metavar="NAME",
    help="Allow a network of the recipe that is Python code (PACKAGE.MODULE:FACTORY) to run. Give it once for each.",
)  # fmt: skip
@click.option("--device", help="Where to run, if the recipe's device is not here.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for scripts.")
def replay(
    file: str,
    input: str | None,
    weights: str | None,
    network: str | None,
    trust: tuple[str, ...],
    device: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the recipe of a dream again and say whether the result is identical.

    FILE is a dream's folder or any file in it.
    """
    from seisdream.dreaming.dream import Dream, DreamState
    from seisdream.dreaming.replay import read_story
    from seisdream.dreaming.replay import replay as run_again
    from seisdream.dreaming.settings import DreamSettings

    recipe = DreamSettings.from_dict(read_story(file)[0]["recipe"])
    n_states = recipe.levels * (recipe.octaves or 1) * recipe.steps
    with DreamProgress(n_states, is_shown=not (quiet or as_json)) as progress:

        def see(_dream: Dream, state: DreamState) -> None:
            progress.see(state)

        result = run_again(
            file, input=input, network=network, weights=weights, trust=trust, device=device, on_state=see
        )
    if as_json:
        click.echo(json.dumps({"is_identical": result.is_identical, "differences": result.differences}))
    elif result.is_identical:
        click.echo("Identical: the replay gives the stored result bit for bit.")
    else:
        click.echo("Not identical: " + "; ".join(result.differences) + ".")
