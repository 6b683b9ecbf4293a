"""Commands whose help lists options in groups, the ones that matter first, and ends in examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click
import cloup

from seisdream.cli.errors import CommandError, name_options
from seisdream.errors import SeisdreamError
from seisdream.settings import GROUPS

CONTEXT = cloup.Context.settings(
    help_option_names=["-h", "--help"],
    max_content_width=100,
    formatter_settings=cloup.HelpFormatter.settings(col1_max_width=32),
)

_SHOWS_ALL = "seisdream.shows_all_options"


class Option(cloup.Option):
    """An option of a group that ``--help`` lists if it is primary, and ``--help-all`` in any case.

    Parameters
    ----------
    title : str, default "Output"
        The group's title, one of `GROUPS`.
    is_primary : bool, default True
        Whether ``--help`` lists it.
    """

    def __init__(self, *args: Any, title: str = "Output", is_primary: bool = True, **attributes: Any):
        super().__init__(*args, **attributes)
        self.title, self.is_primary = title, is_primary

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Return nothing: the help itself names the default, and the error the range."""
        return {}

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option and its help, in which other settings are named as options."""
        record = super().get_help_record(ctx)
        return record and (record[0], name_options(record[1], ctx.command))


class _WithExamples:
    """What commands and groups of commands share: their examples, whole summaries and errors that name options."""

    def __init__(self, *args: Any, examples: Mapping[str, str] | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.examples = dict(examples or {})

    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the first sentence of the help, whole."""
        return " ".join((self.help or "").partition("\n\n")[0].split()).removesuffix(".")  # type: ignore[attr-defined]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each below what it does."""
        if self.examples:
            formatter.write("\n")
            formatter.write_heading("Examples")
            for purpose, line in self.examples.items():
                formatter.write(f"  # {purpose}\n  {line}\n")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command line; errors name options."""
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc]
        except SeisdreamError as error:
            raise CommandError(error, ctx.command) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors, and notes on the pages of its results, name options."""
        from seisdream.results.page import naming_settings

        try:
            with naming_settings(lambda text: name_options(text, ctx.command)):
                return super().invoke(ctx)  # type: ignore[misc]
        except SeisdreamError as error:
            raise CommandError(error, ctx.command) from error
        except EOFError as error:
            # Click would take it for the end of a terminal's input, and say that the command was interrupted.
            cut = SeisdreamError(
                f"A file ends before it is complete ({error}); copy or write it again.", code="corrupt"
            )
            raise CommandError(cut, ctx.command) from error


class Command(_WithExamples, cloup.Command):
    """A command with its options in the order of `GROUPS`.

    Parameters
    ----------
    examples : mapping of str to str
        From what an example does to its command line.
    """

    def __init__(self, *args: Any, params: list[click.Parameter] | None = None, **kwargs: Any):
        groups = {title: cloup.OptionGroup(title) for title in GROUPS}
        arguments = [param for param in params or [] if not isinstance(param, Option)]
        options = sorted(
            (param for param in params or [] if isinstance(param, Option)), key=lambda one: GROUPS.index(one.title)
        )
        for option in options:
            option.group = groups[option.title]
        super().__init__(*args, params=[*arguments, *options, _help_all()], **kwargs)

    def format_params(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups with their primary options, or with all."""
        assert isinstance(formatter, cloup.HelpFormatter)
        shows_all, n_hidden, sections = ctx.meta.get(_SHOWS_ALL, False), 0, []
        for group in self.option_groups:
            listed = [option for option in group if shows_all or getattr(option, "is_primary", True)]
            n_hidden += len(group) - len(listed)
            if records := [record for option in listed if (record := option.get_help_record(ctx))]:
                sections.append(cloup.HelpSection(group.title, records))
        help_option = self.get_help_option(ctx)
        records = [record] if help_option and (record := help_option.get_help_record(ctx)) else []
        if n_hidden:
            records.append(("--help-all", f"Show all options ({n_hidden} more) and exit."))
        formatter.write_many_sections([*sections, cloup.HelpSection("Help", records)])


class Group(_WithExamples, cloup.Group):
    """A group of commands, listed in sections with whole summaries."""


def _help_all() -> click.Option:
    def show(ctx: click.Context, _param: click.Parameter, is_given: bool) -> None:
        if is_given and not ctx.resilient_parsing:
            ctx.meta[_SHOWS_ALL] = True
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()

    return click.Option(
        ["--help-all"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show all options and exit.",
    )


def command(name: str | None = None, *, examples: Mapping[str, str]) -> Callable[[Callable], Command]:
    """Return a decorator that makes a command of a function; its docstring is the help."""
    return cloup.command(name, cls=Command, context_settings=CONTEXT, examples=examples)


def option(*declarations: str, **attributes: Any) -> Callable[[Callable], Callable]:
    """Return a decorator that adds an `Option`."""
    return cloup.option(*declarations, cls=Option, **attributes)
