"""Cells with the requirements of other tools: what is changed, proposed, applied with --fix, sent with --no-check."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.magics_session import RunCell
from support.shell import error_of

from kusto_magic.commands.cell_spec import read_spec
from kusto_magic.display.card import MIME
from kusto_magic.display.command_hints import MAGICS
from kusto_magic.display.input_card import input_card, notes
from kusto_magic.errors import InvalidInputError
from kusto_magic.magics.magics import KustoImageMagics
from kusto_magic.models.image import ImageSpec
from kusto_magic.preflight.report import Fix, PreflightReport, Verdict
from kusto_magic.requirements.correction import correction_json
from kusto_magic.requirements.parser import problems

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

LINE = "%%kusto_image img --base Python3_11_7 --dry-run"
HASHED = "faker==25.2.0 --hash=sha256:aa\n"
SECRET = "--index-url https://user:hunter22@x.example.org/simple\nfaker\n"


def refused(shell: InteractiveShell, cell: str) -> InvalidInputError:
    error = error_of(shell, cell)
    assert isinstance(error, InvalidInputError), error
    return error


def test_lossless_changes_are_sent_and_noted(say: RunCell) -> None:
    shown = say(f"{LINE}\npip install faker==25.2.0 'numpy<2'\n\u201cholidays\u201d\nfaker==25.2.0\n")

    assert '"requirementsFileContent": "faker==25.2.0\\nnumpy<2\\nholidays\\n"' in shown
    assert "line 1: faker==25.2.0, numpy<2 (pip install: one package per line)" in shown
    assert "line 3: 'faker==25.2.0' deleted (the same as line 1)" in shown


def test_text_without_changes_has_no_notes_and_is_sent_as_it_is(say: RunCell) -> None:
    shown = say(f"{LINE}\n  faker==25.2.0 # x\n\n")

    assert '"requirementsFileContent": "  faker==25.2.0 # x\\n\\n"' in shown
    assert "Notes" not in shown


def test_other_changes_are_proposed_as_a_whole_text(say: RunCell, shell: InteractiveShell) -> None:
    error = refused(shell, f"{LINE}\n'numpy'\n{HASHED}yaml\n")

    assert [problem.line for problem in error.problems] == [2, 3]
    assert error.correction is not None
    assert error.correction.text == "numpy\nfaker==25.2.0\npyyaml\n"
    assert [change.line for change in error.correction.changes] == [1, 2, 3]
    assert error.lines(MAGICS)[-5:] == [
        "Corrected requirements:",
        "  numpy",
        "  faker==25.2.0",
        "  pyyaml",
        "Next: Copy the corrected requirements into the cell, or add --fix to use them as they are. Nothing was sent.",
    ]


def test_fix_applies_the_proposed_changes_and_notes_them(say: RunCell) -> None:
    shown = say(f"{LINE} --fix\n'numpy'\n{HASHED}yaml\n")

    assert '"requirementsFileContent": "numpy\\nfaker==25.2.0\\npyyaml\\n"' in shown
    assert "line 3: pyyaml (yaml is the name of a module, not of its package)" in shown


def test_fix_reports_what_it_cannot_correct(say: RunCell, shell: InteractiveShell) -> None:
    error = refused(shell, f"{LINE} --fix\npip install a b\nfoo bar!!\nyaml\n")

    assert [problem.line for problem in error.problems] == [2]
    assert error.correction is None


def test_all_problems_are_reported_with_the_proposed_changes(say: RunCell, shell: InteractiveShell) -> None:
    error = refused(shell, "%%kusto_image img --dry-run\nyaml\nfoo bar!!\n")

    assert [(problem.field, problem.line) for problem in error.problems] == [
        ("base", None),
        ("requirements", 1),
        ("requirements", 2),
    ]
    assert error.lines(MAGICS)[-1] == "Next: Fix this and run the cell again. Nothing was sent."


@pytest.mark.parametrize(
    "text",
    [
        HASHED,
        "--pre\nfaker\n",
        "--no-binary :all:\nfaker\n",
        "faker @ https://x.example.org/faker-1.0-py3-none-any.whl\n",
        "git+https://github.com/o/faker@v1.0\n",
        "yaml\n",
        "torch==2.1.0+cu121\n",
        "faker==1\nfaker==2\n",
        "".join(f"p{number}==1 --hash=sha256:aa\n" for number in range(80)),
    ],
)
def test_no_check_sends_what_only_this_package_rejects_with_a_warning(say: RunCell, text: str) -> None:
    shown = say(f"{LINE} --no-check\n{text}")

    assert text.replace("\n", "\\n")[:100] in shown
    assert "warning, sent as written: line " in shown
    assert problems(text) == [] or problems(text, allow_pip_syntax=True) == []


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        "-e .\nfaker\n",
        "./faker\n",
        "C:\\x\\faker-1.0-py3-none-any.whl\n",
        "faker @ file:///tmp/faker\n",
        "-r other.txt\n",
        "--index-url https://x.example.org/simple\nfaker\n",
        "--trusted-host x.example.org\nfaker\n",
        "fa\u202eker\n",
        "faker @ https://x.example.org/faker.whl?sig=abcdef\n",
        "faker --hash=sha256:$(id)\n",
        "faker --hash=sha256:aa -e /etc\n",
    ],
)
def test_no_check_refuses_what_concerns_secrets_and_this_machine(
    say: RunCell, shell: InteractiveShell, text: str
) -> None:
    error = refused(shell, f"{LINE} --no-check\n{text}")

    assert error.problems
    assert "hunter22" not in str(error)


def test_image_that_cannot_be_checked_is_built(say: RunCell, shell: InteractiveShell) -> None:
    say(f"%%kusto_image img --base Python3_11_7 --no-check --wait\n{HASHED}")

    assert "--hash=sha256:aa" in say("%kusto_image show img")


@pytest.mark.parametrize(
    ("base", "meant"),
    [
        ("Python3.11.7", "Python3_11_7"),
        ("python3_11_7", "Python3_11_7"),
        ("PYTHON-3-10-8-DL", "Python3_10_8_DL"),
        ("'Python 3.10.8'", "Python3_10_8"),
        ("3.11.7", "Python3_11_7"),
        ("3.10", "Python3_10_8"),
        ("py3.6", "Python3_6_5"),
        ("python3_11_7_dl", "Python3_11_7_DL"),
    ],
)
def test_managed_image_in_another_spelling_is_named_and_used_with_fix(
    say: RunCell, shell: InteractiveShell, base: str, meant: str
) -> None:
    cell = f"%%kusto_image img --dry-run --base {base}"

    [problem] = refused(shell, f"{cell}\nfaker\n").problems
    assert problem.message.endswith(f"the managed image is spelled {meant}")
    assert f'"baseImageName": "{meant}"' in say(f"{cell} --fix\nfaker\n")


@pytest.mark.parametrize("base", ["Python3_11_8", "Python3_12_1"])
def test_unknown_managed_image_is_used_with_a_note(say: RunCell, base: str) -> None:
    shown = say(f"%%kusto_image img --dry-run --base {base}\nfaker\n")

    assert f"'{base}' is not a managed image of this version; did you mean Python3_11" in shown
    assert f'"baseImageName": "{base}"' in shown


@pytest.mark.parametrize("base", ["mine", "python-tools", "Python3_11_7_mine", "3d-tools"])
def test_custom_base_image_has_no_note(say: RunCell, base: str) -> None:
    assert "Notes" not in say(f"%%kusto_image img --dry-run --base {base}\nfaker\n")


def test_file_of_another_tool_is_read_with_notes(say: RunCell, home: object, tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(b"\xff\xfe" + "-r base.txt\r\nfaker\r\n".encode("utf-16-le"))
    (tmp_path / "base.txt").write_text("numpy\n", encoding="utf-8")

    shown = say(f"{LINE} --file {path}\n \n")
    assert "requirements.txt was read as UTF-16-LE" in shown
    assert "-r base.txt: read in, 1 line" in shown
    assert '"requirementsFileContent": "numpy\\n\\nfaker\\n"' in shown


def test_export_says_where_it_wrote(
    say: RunCell, shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("%%kusto_image img --base Python3_11_7 --no-check --wait\nfaker\n")
    monkeypatch.chdir(tmp_path)

    assert f"Written to {tmp_path / 'out.txt'}." in say("%kusto_image export img --as requirements --to out.txt")


def test_error_of_a_spec_has_the_correction() -> None:
    with pytest.raises(InvalidInputError) as caught:
        ImageSpec("'numpy'\nyaml\n-e .\n", "Python3_11_7")

    assert caught.value.correction is not None
    assert caught.value.correction.text == "numpy\npyyaml\n"


def test_card_of_an_input_error_has_the_correction(say: RunCell, shell: InteractiveShell) -> None:
    error = refused(shell, f"{LINE}\nyaml\n<b>\n")

    bundle = input_card(error, "im<g", "Python3_11_7", MAGICS)
    document = bundle[MIME]
    assert (document["state"], document["ended"], document["cluster"]) == ("Not submitted", True, "")
    assert document["correction"] == correction_json(error.correction)
    assert bundle["text/plain"].splitlines()[0].startswith("\u2716 Not submitted: image im<g \u00b7 ")
    assert "  Requirements, corrected as far as possible:\n    pyyaml\n" in bundle["text/plain"]
    assert "<b>" not in bundle["text/html"]
    assert "im&lt;g" in bundle["text/html"]
    assert "<pre><code><bdi>pyyaml" in bundle["text/html"]


def test_notes_are_escaped() -> None:
    bundle = notes(["a <b> \u202e"])

    assert "<b>" not in bundle["text/html"]
    assert "\u202e" not in bundle["text/plain"]


@pytest.mark.parametrize(
    ("more", "heading"),
    [
        ("", "Corrected requirements:"),
        ("-r more.txt\n", "Requirements, corrected as far as possible:"),
    ],
)
def test_correction_says_whether_it_is_complete(
    shell: InteractiveShell, magics: KustoImageMagics, more: str, heading: str
) -> None:
    error = refused(shell, f"{LINE}\nhumanize=4.9.0\n{more}")

    assert error.correction is not None
    assert error.correction.text == f"humanize==4.9.0\n{more}"
    assert heading in str(error)
    assert error.correction.is_complete == (not more)


def test_dry_run_shows_the_pinned_text_that_would_be_sent(say: RunCell) -> None:
    shown = say(f"{LINE} --pin\nhumanize\n")

    assert '"requirementsFileContent": "humanize==4.9.0\\nextra==1.0\\n"' in shown


def test_pinned_requirements_are_listed_in_the_result(say: RunCell) -> None:
    shown = say("%%kusto_image img --base Python3_11_7 --pin --wait\nhumanize\n")

    assert "Pinned requirements:\n    humanize==4.9.0\n    extra==1.0\n" in shown
    assert "Pinned requirements" not in say("%%kusto_image other --base Python3_11_7 --wait\nhumanize\n")


def test_versions_cannot_be_pinned_without_the_check(shell: InteractiveShell, magics: KustoImageMagics) -> None:
    assert "remove --no-check" in str(refused(shell, f"{LINE} --pin --no-check\nhumanize\n"))


def test_problem_of_an_included_file_names_the_file_and_its_line(
    shell: InteractiveShell, magics: KustoImageMagics, tmp_path: Path
) -> None:
    (tmp_path / "base.txt").write_text("faker\n# x\nnumpy==1,26\n", encoding="utf-8")
    path = tmp_path / "main.txt"
    path.write_text("tqdm\n-r base.txt\nhumanize\npandas=2\npandas=2\n", encoding="utf-8")

    error = refused(shell, f"{LINE} --file {path}\n\n")
    assert [str(problem).partition(":")[0] for problem in error.problems] == ["base.txt line 3", "line 4", "line 5"]
    assert "the same as line 4" in str(error.problems[-1])


@pytest.mark.parametrize(
    ("before", "cell", "reason"),
    [
        ("line 2 b==1 clashes with line 3 c==1", "pip install a b==1\nc==1\n", "line 1 b==1 clashes with line 2 c==1"),
        ("line 1 a==1: no", "```\na==1\n```\n", "line 2 a==1: no"),
        ("line 2 b==1: no", "a==1\nb==1\n", "line 2 b==1: no"),
    ],
)
def test_check_cites_the_lines_of_the_cell(before: str, cell: str, reason: str) -> None:
    options = Namespace(
        base="Python3_11_7", python=None, fix=False, no_check=False, no_packages=False, allow_index_options=False
    )
    spec, _ = read_spec(options, cell)
    report = PreflightReport(Verdict.CONFLICT, "3.11.7", reason=before, suggestions=(Fix(1, "x", before), before))

    found = report.with_origins(spec.line_origins)
    assert (found.reason, *map(str, found.suggestions)) == (reason, reason, reason)
    assert spec.line_origins == () or found.label(1) == reason[:6]
