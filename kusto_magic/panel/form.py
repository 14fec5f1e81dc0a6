"""The input fields of an image: base, name and requirements, each validated while the user types."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from ipywidgets import Combobox, Select, Text, Textarea

from kusto_magic.display.cell_text import cell_name_problem
from kusto_magic.errors import InvalidInputError, Problem, excerpt
from kusto_magic.models import managed_packages
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.naming import (
    base_image_problem,
    image_name_problem,
    python_version_problem,
)
from kusto_magic.panel.hints import PANEL
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import column, labeled, set_text, set_visible, text_widget
from kusto_magic.requirements import parser

MAX_PROBLEMS = 8
"""Maximum number of requirement problems shown below the field."""

MAX_MATCHES = 40
"""Maximum number of packages listed by the search in the managed images."""

_ENGINE = re.compile(r"(?:python\s*)?([0-9][0-9.]*)", re.IGNORECASE)


class Form:
    """The fields of an image: `read` returns their validated contents, `fill` sets them.

    `set_images` tells the form which custom images exist; until then `images` is None.
    """

    def __init__(self, context: PanelContext) -> None:
        self.images: Sequence[Image] | None = None
        self.base = labeled(Combobox, "Base image, or a Python version", placeholder="Python3_11_7")
        self.base_status = text_widget()
        self.find = labeled(Text, "Which managed image has this package?", placeholder="numpy")
        self.found = labeled(Select, "Managed images that have it", rows=4)
        self.name = labeled(Text, "Name of the new image", placeholder="my-image")
        self.name_status = text_widget()
        self.requirements = labeled(
            Textarea, "Requirements, one package per line", rows=7, placeholder="prophet==1.1.5"
        )
        self.requirements_status = text_widget()
        set_visible(self.found, False)
        parts = (self.base, self.base_status, self.find, self.found, self.name, self.name_status)
        self.widget = column(*parts, self.requirements, self.requirements_status)
        self._check()
        context.on_typing([self.base, self.name, self.requirements], self._check)
        context.on_typing([self.find], self._search)
        context.on_change(self.found, self._use_match)

    # ── reading the fields ───────────────────────────────────────────────────────────────────────────────────

    def read(self) -> tuple[str, ImageSpec]:
        """Return the image name and its spec. Raises InvalidInputError with every problem of the form."""
        name = self.name.value.strip()
        problems = [Problem("name", message) for message in [self._name_problem(name)] if message]
        problems += self._spec_problems()
        if problems:
            raise InvalidInputError(problems)
        return name, self.spec()

    def spec(self) -> ImageSpec:
        """Return the spec, without validating the name. Raises InvalidInputError with every problem."""
        if problems := self._spec_problems():
            raise InvalidInputError(problems)
        base = self.base_label()
        return ImageSpec(self.text(), base.get("base_image"), base.get("python_version"), allow_no_packages=True)

    def _spec_problems(self) -> list[Problem]:
        base = [Problem("base", message) for message in [self._base_problem()] if message]
        return base + parser.problems(self.text(), allow_no_packages=True)

    def text(self) -> str:
        """Return the requirements as a cell magic receives them: with a final newline."""
        text: str = self.requirements.value
        if not text.strip():
            return ""
        return text if text.endswith("\n") else f"{text}\n"  # a Textarea has no final newline, a cell does

    def base_label(self) -> dict[str, str]:
        """Return the base as a keyword argument of ImageSpec: `python_version` or `base_image`; {} if it is empty."""
        base: str = self.base.value.strip()
        engine = _ENGINE.fullmatch(base)
        if engine and self._image(base) is None:  # an image may be named like a version
            return {"python_version": engine[1]}
        return {"base_image": base} if base else {}

    # ── updates from outside ─────────────────────────────────────────────────────────────────────────────────

    def set_images(self, images: Sequence[Image] | None) -> None:
        """Set the custom images of the cluster, which the base can be chosen from; None if they are not known."""
        self.images = images
        engines = sorted({image.python for image in MANAGED_IMAGES.values()}, reverse=True)
        known = [image.name for image in images or ()]
        custom = [name for name in known if not (base_image_problem(name) or cell_name_problem(name))]
        self.base.options = (*MANAGED_IMAGES, *custom, *(f"Python {engine}" for engine in engines))
        self._check()

    def fill(self, name: str | None = None, base: str | None = None, requirements: str | None = None) -> None:
        """Set the fields to these values; None leaves a field unchanged."""
        for field, value in ((self.name, name), (self.base, base), (self.requirements, requirements)):
            if value is not None:
                field.value = value
        self._check()

    # ── validation ───────────────────────────────────────────────────────────────────────────────────────────

    def _check(self) -> None:
        set_text(self.base_status, self._base_status())
        set_text(self.name_status, self._name_status())
        set_text(self.requirements_status, _requirements_status(self.text()))

    def _base_status(self) -> str:
        base: str = self.base.value.strip()
        if not base:
            return (
                "Type or pick: an image shipped by Azure, an image on this cluster, or a Python version such as 3.10.8."
            )
        if problem := self._base_problem():
            return f"✖ {problem}"
        if engine := self.base_label().get("python_version"):
            return f"✔ Python {engine} without additional packages"
        if managed_image := MANAGED_IMAGES.get(base):
            return f"✔ {managed_image.title}, shipped by Azure with {len(managed_packages.packages(base))} packages"
        custom = self._image(base)
        if custom is not None:
            return f"✔ custom image of this cluster: {custom.state}, built on {custom.base_label}"
        return "? valid, but not known here" + ("" if self.images is None else _closest(base, self.base.options))

    def _base_problem(self) -> str:
        base = self.base_label()
        if not base:
            return "choose an image or enter a Python version such as 3.10.8"
        if engine := base.get("python_version"):
            return python_version_problem(engine)
        return base_image_problem(base["base_image"]) or cell_name_problem(base["base_image"])

    def _name_status(self) -> str:
        name = self.name.value.strip()
        if not name:
            return "Letters, digits, '.', '-' and '_'."
        if problem := self._name_problem(name):
            return f"✖ {problem}"
        if self.images is None:
            return "✔ a valid name"
        image = self._image(name)
        if image is None:
            return "✔ name available"
        then = "Create replaces it." if image.outcome is not None else "A change is in progress."
        return f"✔ {image.name} exists: {image.state}. {then}"

    def _name_problem(self, name: str) -> str:
        """Return the rule that the name breaks, or ""; an existing image may have a name that a new one cannot have."""
        if not name:
            return "enter a name for the image"
        return image_name_problem(name) if self._image(name) is None else cell_name_problem(name)

    def _image(self, name: str) -> Image | None:
        return next((image for image in self.images or () if image.name.lower() == name.lower()), None)

    # ── package search ───────────────────────────────────────────────────────────────────────────────────────

    def _search(self) -> None:
        wanted = self.find.value.strip().lower().replace("_", "-")  # normalized names contain "-" only
        matches = [
            (f"{image}: {package} {version}", image)
            for image in MANAGED_IMAGES
            for package, version in managed_packages.packages(image).items()
            if wanted and wanted in package
        ]
        # exact matches first: the sort is stable and False sorts before True
        matches.sort(key=lambda match: match[0].partition(": ")[2].partition(" ")[0] != wanted)
        self.found.options = matches[:MAX_MATCHES] or ([("no managed image has it", "")] if wanted else [])
        self.found.index = None  # Select preselects its first option
        set_visible(self.found, bool(wanted))

    def _use_match(self) -> None:
        if self.found.value:
            self.fill(base=self.found.value)


def _closest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there is no image {excerpt(name)} on this cluster"


def _requirements_status(text: str) -> str:
    if not text:
        return "As in requirements.txt: name, version operator, version (numpy==1.26.4)."
    problems = [problem.text(PANEL) for problem in parser.problems(text, allow_no_packages=True)]
    if problems:
        more = len(problems) - MAX_PROBLEMS
        return "\n".join(f"✖ {problem}" for problem in problems[:MAX_PROBLEMS]) + (
            f"\n… {more} more" if more > 0 else ""
        )
    count = len(parser.parse(text, allow_no_packages=True).packages)
    return f"✔ {count} package{'' if count == 1 else 's'}"
