"""`seisdream replay`: repeat a dream from its output and compare the results."""

from __future__ import annotations

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import NetworkType, expand_home, json_option, quiet_option
from seisdream.cli.report import ProgressBar, report, summary_of

NOT_IDENTICAL = 1
"""Exit code where the repeated result differs from the stored one."""


@command(
    examples={
        "Repeat a dream and compare": "seisdream replay line.sgy.dream",
        "The input has moved": "seisdream replay line.sgy.dream --input archive/line.sgy",
        "Its network is Python code that you trust": "seisdream replay line.sgy.dream --trust mynets:small",
    }
)
@click.argument("file", metavar="FILE", type=click.Path())
@option("--input", metavar="INPUT", title="Input", help="Where the input is now, if it has moved.")
@option(
    "--network", type=NetworkType(), metavar="NAME|FILE", title="Network", help="The network to use instead of its own."
)
@option(
    "--weights",
    type=click.Path(),
    metavar="FILE",
    title="Network",
    help="Where the weights are now, if they have moved.",
)
@option(
    "--trust",
    multiple=True,
    metavar="NAME",
    title="Network",
    help="Allow a recorded network that is code (PACKAGE.MODULE:FACTORY) or from timm or torchvision, or a file that "
    "has changed; repeat for more.",
)
@option(
    "--device",
    metavar="NAME",
    title="Network",
    help="auto, cpu, cuda or mps, if the recorded device is missing here.",
)
@quiet_option
@json_option
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
    """Repeat a dream from its output and compare the results.

    FILE is the folder of a dream, or any file in it. The exit code is 1 where the result is not identical.
    """
    from seisdream.dreaming.dream import Dream
    from seisdream.dreaming.loop import DreamState
    from seisdream.dreaming.replay import replay as run_again

    file = expand_home(file)
    with ProgressBar(is_shown=not (quiet or as_json)) as bar:

        def show(dream: Dream, state: DreamState) -> None:
            bar.step(state, dream.octave_samples)

        result = run_again(
            file, input=input, network=network, weights=weights, trust=trust, device=device, on_state=show
        )
    summary = summary_of(
        "replay",
        {"is_identical": result.is_identical, "differences": list(result.differences)},
        settings=result.dream.settings.to_dict(),
    )
    verdict = (
        "Identical: the repeated result equals the stored one bit for bit."
        if result.is_identical
        else "Not identical: " + "; ".join(result.differences) + "."
    )
    report(summary, [verdict], as_json=as_json)
    if not result.is_identical:
        click.get_current_context().exit(NOT_IDENTICAL)
