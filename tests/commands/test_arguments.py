"""The words of the magics: what is taken, what is refused and how."""

from __future__ import annotations

import pytest

from kusto_magic.commands.arguments import HelpRequested, cell_parser, line_parser, parse
from kusto_magic.errors import InvalidInput


def test_a_cell_names_an_image_and_its_base() -> None:
    options = parse(cell_parser(), "img --base Python3_11_7 --wait -o built")
    assert (options.name, options.base, options.python, options.wait, options.output) == (
        "img",
        "Python3_11_7",
        None,
        "yes",
        "built",
    )


def test_quotes_are_taken_off_as_in_a_shell() -> None:
    assert parse(line_parser(), "use --resource-group 'my group'").resource_group == "my group"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("img --bsae Python3_11_7", "did you mean --base?"),
        ("img --base=Python3_11_7 --dryrun", "did you mean --dry-run?"),
        ("img --bas Python3_11_7", "did you mean --base?"),
        ("img other", "there is no word 'other' here"),
        ("", "NAME"),
        ("img --wait --no-wait", "not allowed with"),
        ('img "unclosed', "cannot be split"),
    ],
)
def test_a_wrong_cell_line_is_refused_with_the_closest_option(line: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(cell_parser(), line)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("shwo img", "show"),
        ("delete", "NAME"),
        ("list --clutser x", "did you mean --cluster?"),
        ("use emulator --build-seconds -1", "between 0 and a day"),
        ("use emulator --build-seconds nan", "between 0 and a day"),
        ("use emulator --build-seconds soon", "soon"),
        ("use emulator --clusters 0", "not a number from 1 to 2000"),
        ("use emulator --clusters 2001", "not a number from 1 to 2000"),
        ("use emulator --clusters many", "not a number from 1 to 2000"),
    ],
)
def test_a_wrong_command_is_refused(line: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(line_parser(), line)
    assert words in str(refused.value)


@pytest.mark.parametrize("command", ["", "use", "list", "show", "attach", "wait", "delete"])
def test_help_is_everywhere(command: str) -> None:
    with pytest.raises(HelpRequested) as asked:
        parse(line_parser(), f"{command} --help")
    assert str(asked.value).startswith(f"usage: %kusto_image {command}".rstrip())


def test_the_help_of_the_cell_magic_shows_an_example() -> None:
    with pytest.raises(HelpRequested, match="Example: %%kusto_image my-image --base Python3_11_7"):
        parse(cell_parser(), "--help")
