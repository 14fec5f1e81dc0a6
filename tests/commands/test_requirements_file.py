"""Files of `--file`: their encoding, and the files that they include."""

from __future__ import annotations

from pathlib import Path

import pytest

from kusto_magic.commands.requirements_file import MAX_FILES, FileText, read_file
from kusto_magic.errors import InvalidInputError
from kusto_magic.requirements.line_origins import LineOrigin


def write(folder: Path, **files: str) -> Path:
    """Write files named by their stem; return the one called `main`."""
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder / "main.txt"


def refused(path: Path) -> str:
    with pytest.raises(InvalidInputError) as caught:
        read_file(path, "utf-8")
    return str(caught.value)


def test_text_is_unchanged_without_includes(tmp_path: Path) -> None:
    path = tmp_path / "main.txt"
    path.write_bytes(b"faker\r\n # -r other.txt\r\n")

    assert read_file(path, "ascii") == FileText("faker\r\n # -r other.txt\r\n")


def test_encoding_other_than_utf_8_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "main.txt"
    path.write_bytes(b"\xff\xfe" + "faker\r\n".encode("utf-16-le"))

    assert read_file(path, "ascii") == FileText("faker\r\n", ("main.txt was read as UTF-16-LE",))


def test_unknown_encoding_says_how_to_save_the_file(tmp_path: Path) -> None:
    path = tmp_path / "main.txt"
    path.write_bytes(b"# \xfc\n")

    message = refused(path)
    assert "main.txt is not valid UTF-8; save it as UTF-8" in message
    assert "Out-File -Encoding utf8" in message


@pytest.mark.parametrize(
    "line", ["-r base.txt", "-rbase.txt", "--requirement=base.txt", "-r 'base.txt' # all", " -r .\\base.txt"]
)
def test_included_file_is_read_in(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, main=f"faker\n{line}\nholidays\n", base="# base\nnumpy\n")

    found = read_file(path)
    text, notes = found.text, found.notes
    assert [part for part in text.splitlines() if part] == ["faker", "# base", "numpy", "holidays"]
    assert notes == (f"{line.split('=')[0].split()[0].removesuffix('base.txt')} base.txt: read in, 2 lines",)


def test_included_file_is_relative_to_the_file_that_includes_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", one="-r two.txt\n", two="numpy\n")
    path = write(tmp_path, main="-r sub/one.txt\n")

    assert read_file(path).text.split() == ["numpy"]


def test_constraints_are_applied_to_the_packages_that_are_named(tmp_path: Path) -> None:
    lines = "pandas # tables\nnumpy>=1\nfaker==25.2.0\nscikit_learn; os_name == 'nt'\n"
    constraints = "Pandas<3\nnumpy<2\nscikit-learn>=1\nother==1\nrich; os_name == 'nt'\nx @ file:///x\n???\n"
    path = write(tmp_path, main=f"-c limits.txt\n{lines}", limits=constraints)

    found = read_file(path)
    text, notes = found.text, found.notes
    assert [line for line in text.splitlines() if line] == [
        "pandas<3  # tables",
        "numpy<2,>=1",
        "faker==25.2.0",
        'scikit_learn>=1; os_name == "nt"',
    ]
    assert notes == (
        (
            '-c limits.txt: applied Pandas<3, numpy<2, scikit-learn>=1; left out other==1, rich; os_name == "nt" '
            "(no line names them, and the service has no constraints: add a line for those that matter); "
            "left out lines 6–7 (not a valid package line)"
        ),
    )


def test_many_constraints_are_named_in_part(tmp_path: Path) -> None:
    path = write(tmp_path, main="-c limits.txt\nfaker\n", limits="".join(f"p{number}<9\n" for number in range(40)))

    [note] = read_file(path).notes
    assert note.startswith("-c limits.txt: applied to no line; left out p0<9, p1<9, ")
    assert "p9<9, 30 more (no line" in note


def test_constraint_with_a_marker_applies_only_to_the_same_marker(tmp_path: Path) -> None:
    path = write(tmp_path, main="-c limits.txt\nnumpy\n", limits="numpy<2; os_name == 'posix'\n")

    found = read_file(path)
    assert found.text.split() == ["numpy"]
    assert 'left out numpy<2; os_name == "posix" (the marker is not that of the line)' in found.notes[0]


def test_lines_have_the_numbers_of_their_files(tmp_path: Path) -> None:
    inner = "a\x0cb\n-r last.txt\nc \\"
    path = write(tmp_path, main="# 1\n-r base.txt\nd\n-c limits.txt\ne\n", base=inner, last="f\n", limits="d<2\n")

    found = read_file(path)
    lines = dict(zip(found.text.split("\n"), found.origins, strict=True))
    assert lines["a\x0cb"] == LineOrigin(1, "base.txt")
    assert lines["f"] == LineOrigin(1, "last.txt")
    assert lines["c \\"] == LineOrigin(3, "base.txt")
    assert lines["d<2"] == LineOrigin(3)
    assert lines["e"] == LineOrigin(5)
    assert "c \\\n\n" in found.text


@pytest.mark.parametrize("name", ["../other.txt", "..\\other.txt", "/etc/hostname", "link.txt", "folder/link.txt"])
def test_file_outside_of_the_folder_is_not_read(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    (inner / "folder").mkdir(parents=True)
    (tmp_path / "other.txt").write_text("secret-name\n", encoding="utf-8")
    for link in (inner / "link.txt", inner / "folder" / "link.txt"):
        link.symlink_to(tmp_path / "other.txt")
    path = write(inner, main=f"faker\n-r {name}\n")

    message = refused(path)
    assert "line 2: -r" in message
    assert "is outside of the folder of the file" in message
    assert "secret-name" not in message


def test_missing_and_circular_files_are_all_reported(tmp_path: Path) -> None:
    path = write(tmp_path, main="-r none.txt\n-r again.txt\n-c gone.txt\n", again="-r main.txt\n")

    message = refused(path)
    assert "line 1: -r none.txt cannot be read" in message
    assert "again.txt line 1: -r 'main.txt' includes itself" in message
    assert "line 3: -c gone.txt cannot be read" in message


def test_number_of_included_files_is_limited(tmp_path: Path) -> None:
    lines = "".join("-r base.txt\n" for _ in range(MAX_FILES + 1))
    path = write(tmp_path, main=lines, base="numpy\n")

    assert f"the limit is {MAX_FILES} files and 128 kB" in refused(path)


def test_url_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path, main="-r https://x.example.org/r.txt\nfaker\n")

    assert read_file(path).text == "-r https://x.example.org/r.txt\nfaker\n"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("bin.whl", "a wheel"), ("nb.ipynb", "a notebook"), ("a-1.tar.gz", "an archive"), ("X.ZIP", "an archive")],
)
def test_other_file_is_named_as_what_it_is(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04\n")

    assert f"{name} is {kind}, not a requirements file" in refused(path)


def test_included_file_of_one_line_is_noted_in_the_singular(tmp_path: Path) -> None:
    path = write(tmp_path, main="faker\n-r base.txt\n", base="numpy\n")

    assert read_file(path).notes == ("-r base.txt: read in, 1 line",)
