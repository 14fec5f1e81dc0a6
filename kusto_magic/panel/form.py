"""The input fields of an image: base, name and requirements, each validated while the user types."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from functools import partial

from ipywidgets import HTML, Combobox, Text, Textarea, Widget

from kusto_magic.display.cell_text import cell_name_problem
from kusto_magic.errors import InvalidInputError, KustoImageError, Problem, excerpt
from kusto_magic.models import managed_packages
from kusto_magic.models.image import Image, ImageSpec
from kusto_magic.models.managed_images import MANAGED_IMAGES
from kusto_magic.models.naming import (
    base_image_problem,
    image_name_problem,
    python_version_problem,
)
from kusto_magic.panel.field_errors import Field, field_of
from kusto_magic.panel.hints import PANEL
from kusto_magic.panel.markup import count_text, sentence
from kusto_magic.panel.package_search import PackageSearch
from kusto_magic.panel.tasks import PanelContext
from kusto_magic.panel.widgets import column, labeled, set_class, set_text, text_widget, with_class
from kusto_magic.requirements import parser

MAX_PROBLEMS = 8
"""Maximum number of requirement problems shown below the field."""

Status = tuple[str, str]
"""The text below a field, and its class in the style sheet."""

_ENGINE = re.compile(r"(?:python\s*)?([0-9][0-9.]*)", re.IGNORECASE)


class Form:
    """The fields of an image: `read` returns their validated contents, `fill` sets them.

    `set_images` tells the form which custom images exist; until then `images` is None.
    """

    def __init__(self, context: PanelContext) -> None:
        self.images: Sequence[Image] | None = None
        self.base = labeled(Combobox, "Base image", placeholder="Python3_11_7")
        self.name = labeled(Text, "Name", placeholder="my-image")
        self.requirements = labeled(Textarea, "Requirements", placeholder="prophet==1.1.5")
        self.base_status, self.name_status, self.requirements_status = (text_widget() for _ in range(3))
        self._errors: dict[Field, str] = {}
        self._fields: dict[Field, tuple[Widget, HTML, Callable[[], Status]]] = {
            "base": (self.base, self.base_status, self._base_status),
            "name": (self.name, self.name_status, self._name_status),
            "requirements": (self.requirements, self.requirements_status, self._requirements_status),
        }
        self.search = PackageSearch(context, lambda image: self.fill(base=image))
        base = with_class(column(self.base, self.search.toggle, self.base_status, self.search.widget), "field")
        name = with_class(column(self.name, self.name_status), "field")
        requirements = with_class(column(self.requirements, self.requirements_status), "requirements")
        self.widget = column(base, name, requirements)
        self._check()
        context.on_typing([self.base, self.name, self.requirements], self._check)
        for field, (widget, _, _) in self._fields.items():
            context.on_change(widget, partial(self._forget_error, field))

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

    def explain(self, error: KustoImageError) -> None:
        """Show an error of the last request beside the field that it is about, until that field is changed."""
        field = field_of(error)
        if field is not None:
            self._errors[field] = f"✖ {sentence(error.what)}"
            self._check()

    def show_missing(self) -> None:
        """Say beside the fields that need a value and have none that one is needed."""
        if not self.base.value.strip():
            self._errors["base"] = f"✖ {sentence(self._base_problem())}"
        if not self.name.value.strip():
            self._errors["name"] = f"✖ {sentence(self._name_problem(''))}"
        self._check()

    def _forget_error(self, field: Field) -> None:
        self._errors.pop(field, None)

    def _check(self) -> None:
        for field, (widget, shown, status) in self._fields.items():
            error = self._errors.get(field)
            text, kind = (error, "error") if error else status()
            set_text(shown, text, kind=f"hint {kind}".rstrip())
            set_class(widget, "invalid", on=kind == "error")

    def _base_status(self) -> Status:
        base: str = self.base.value.strip()
        if not base:
            return "Type or pick an image, or a Python version such as 3.10.8", ""
        if problem := self._base_problem():
            return f"✖ {problem}", "error"
        if engine := self.base_label().get("python_version"):
            return f"Python {engine} without additional packages", ""
        if managed_image := MANAGED_IMAGES.get(base):
            return f"{managed_image.title}, {len(managed_packages.packages(base))} packages", ""
        custom = self._image(base)
        if custom is not None:
            return f"Image of this cluster ({custom.state}), built on {custom.base_label}", ""
        return "? Valid, but not known here" + ("" if self.images is None else _closest(base, self.base.options)), ""

    def _base_problem(self) -> str:
        base = self.base_label()
        if not base:
            return "choose an image or enter a Python version such as 3.10.8"
        if engine := base.get("python_version"):
            return python_version_problem(engine)
        return base_image_problem(base["base_image"]) or cell_name_problem(base["base_image"])

    def _name_status(self) -> Status:
        name = self.name.value.strip()
        if not name:
            return "Letters, digits, '.', '-' and '_'", ""
        if problem := self._name_problem(name):
            return f"✖ {problem}", "error"
        if self.images is None:
            return "A valid name", ""
        image = self._image(name)
        if image is None:
            return "Available", "success"
        if image.outcome is None:
            return f"{image.name} is being changed ({image.shown_state})", "warning"
        return f"Replaces the image {image.name} ({image.shown_state})", "warning"

    def _name_problem(self, name: str) -> str:
        """Return the rule that the name breaks, or ""; an existing image may have a name that a new one cannot have."""
        if not name:
            return "enter a name for the image"
        return image_name_problem(name) if self._image(name) is None else cell_name_problem(name)

    def _image(self, name: str) -> Image | None:
        return next((image for image in self.images or () if image.name.lower() == name.lower()), None)

    def _requirements_status(self) -> Status:
        text = self.text()
        if not text:
            return "One package per line, as in requirements.txt: numpy==1.26.4", ""
        problems = [problem.text(PANEL) for problem in parser.problems(text, allow_no_packages=True)]
        if not problems:
            return count_text(len(parser.parse(text, allow_no_packages=True).packages), "package"), ""
        more = [f"… {len(problems) - MAX_PROBLEMS} more"] if len(problems) > MAX_PROBLEMS else []
        return "\n".join([*(f"✖ {problem}" for problem in problems[:MAX_PROBLEMS]), *more]), "error"


def _closest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there is no image {excerpt(name)} on this cluster"
