"""The metadata that depends on the public address of the repository; hatchling calls `PublicAddress` (pyproject.toml).

While there is no public address the metadata has no URLs, and the page on the index no links to files and no pictures.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE = re.compile(r"^!\[[^\]]*\]\((?!https?:)([^)\s]+)\)\n\n", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)\s]+)\)")
WITHOUT_ADDRESS = (
    "\nThe pictures, and the pages that have no link here, are in the sources: the project has no public address yet.\n"
)


class PublicAddress(MetadataHookInterface):
    """Sets the fields `readme` and `urls`, which pyproject.toml lists as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        home, version = self.config["home"], metadata["version"]
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": index_page(text, home, version)}
        metadata["urls"] = project_urls(home)


def index_page(text: str, home: str, version: str) -> str:
    """Return the README with absolute links and pictures; without a public address it has neither to files."""
    if not home:
        return LINK.sub(r"\1", PICTURE.sub("", text)) + WITHOUT_ADDRESS
    pictures = PICTURE.sub(lambda found: found[0].replace(found[1], f"{home}/raw/v{version}/{found[1]}"), text)
    return LINK.sub(rf"[\1]({home}/blob/v{version}/\2)", pictures)


def project_urls(home: str) -> dict[str, str]:
    """Return the URLs of the metadata by their well-known labels."""
    if not home:
        return {}
    pages = {"Homepage": "", "Source": "", "Issues": "/issues", "Changelog": "/blob/main/CHANGELOG.md"}
    return {label: f"{home}{page}" for label, page in pages.items()}
