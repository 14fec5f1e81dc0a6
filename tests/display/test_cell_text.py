"""The cell for an image, and the names that cannot be written into one."""

from __future__ import annotations

import pytest

from kusto_magic.display.cell_text import cell_name_problem, cell_text
from kusto_magic.errors import InvalidInputError
from kusto_magic.models.image import ImageSpec


@pytest.mark.parametrize(("name", "reason"), [("-flag", "option"), ("{x}", "variable"), ("x}", "variable")])
def test_name_with_a_meaning_in_a_cell_line_is_not_written_into_one(name: str, reason: str) -> None:
    assert reason in cell_name_problem(name)
    assert cell_name_problem("my image (2)") == cell_name_problem("$x") == ""


@pytest.mark.parametrize("name", ["{print(1)}", "a\nb", "a\u2028b", "--yes", ""])
def test_cell_text_refuses_a_name_that_is_not_valid(name: str) -> None:
    with pytest.raises(InvalidInputError, match="image name"):
        cell_text(name, ImageSpec("numpy\n", "Python3_11_7"), None, None)


def test_cell_text_quotes_a_dollar_sign_which_has_no_meaning_in_a_cell() -> None:
    assert cell_text("$x", ImageSpec("numpy\n", "Python3_11_7"), None, None).startswith("%%kusto_image '$x' --base ")
