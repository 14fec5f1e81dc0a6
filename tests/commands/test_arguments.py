"""Argument parsers of the magics: accepted and refused lines, and help."""

from __future__ import annotations

import re

import pytest

from kusto_magic.commands.argument_parser import HelpRequested
from kusto_magic.commands.arguments import cell_parser, line_parser, parse
from kusto_magic.errors import InvalidInputError


def test_cell_line_gives_name_and_base() -> None:
    options = parse(cell_parser(), "img --base Python3_11_7 --wait -o built")
    assert (options.name, options.base, options.python, options.wait, options.output) == (
        "img",
        "Python3_11_7",
        None,
        "yes",
        "built",
    )


def test_quotes_are_removed_as_in_a_shell() -> None:
    assert parse(line_parser(), "use --resource-group 'my group'").resource_group == "my group"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("img --bsae Python3_11_7", "did you mean --base?"),
        ("img --base=Python3_11_7 --dryrun", "did you mean --dry-run?"),
        ("img --bas Python3_11_7", "did you mean --base?"),
        ("img other", "unknown argument 'other'"),
        ("", "NAME"),
        ("img --wait --no-wait", "not allowed with"),
        ('img "unclosed', "cannot be parsed"),
    ],
)
def test_invalid_cell_line_is_refused_with_closest_option(line: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse(cell_parser(), line)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("shwo img", "show"),
        ("delete", "NAME"),
        ("list --clutser x", "did you mean --cluster?"),
        ("use emulator --build-seconds -1", "between 0 and 86,400 seconds"),
        ("use emulator --build-seconds nan", "between 0 and 86,400 seconds"),
        ("use emulator --build-seconds soon", "soon"),
        ("use emulator --clusters 0", "not a number from 1 to 2000"),
        ("use emulator --clusters 2001", "not a number from 1 to 2000"),
        ("use emulator --clusters many", "not a number from 1 to 2000"),
    ],
)
def test_invalid_command_line_is_refused(line: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse(line_parser(), line)
    assert message in str(refused.value)


@pytest.mark.parametrize("command", ["", "use", "list", "show", "attach", "wait", "delete"])
def test_every_command_has_help(command: str) -> None:
    with pytest.raises(HelpRequested) as requested:
        parse(line_parser(), f"{command} --help")
    assert str(requested.value).startswith(f"usage: %kusto_image {command}".rstrip())


def test_cell_magic_help_shows_an_example() -> None:
    with pytest.raises(HelpRequested) as requested:
        parse(cell_parser(), "--help")
    [example] = re.findall(r"Example: %%kusto_image (.+)", str(requested.value))
    assert parse(cell_parser(), example).base == "Python3_11_7"


def test_variable_in_the_line_is_part_of_one_argument() -> None:
    variables = {"name": "x --yes", "n": 3, "flag": True, "other": object()}
    assert parse(line_parser(), "show {name}", variables).name == "x --yes"
    assert parse(line_parser(), "show a-{n}.{n}", variables).name == "a-3.3"
    assert parse(line_parser(), "show a{flag}{other}{missing}{}", variables).name == "a{flag}{other}{missing}{}"


@pytest.mark.parametrize(
    "line",
    [
        "use --token hunter2secret",
        "--token hunter2secret",
        "hunter2secret",
        "list --all=hunter2secret",
        "list --token=hunter2secret",
        "list --cluster x --password 'hunter2secret x'",
        "show img --yes=hunter2secret",
    ],
)
def test_value_that_may_be_a_secret_is_not_repeated(line: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse(line_parser(), line)
    assert "hunter2" not in str(refused.value)


def test_value_of_an_option_without_one_is_not_repeated() -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse(cell_parser(), "img --dry-run=hunter2secret")
    assert "argument --dry-run: it takes no value" in str(refused.value)
    assert "hunter2" not in str(refused.value)
