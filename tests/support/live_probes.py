"""Probes: scenarios that determine unknown behavior of the service, using only images with the probe's own name.

Each probe records its results and asserts nothing. `QUESTIONS` states what each scenario and probe determines.
"""

from __future__ import annotations

import json

from kusto_magic.arm import operation_start
from kusto_magic.arm.urls import image_url
from kusto_magic.errors import BuildError, ServiceError
from kusto_magic.models.action import Action
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.image import ImageSpec
from support.scenarios import SCENARIOS, SPEC, Scenario, ScenarioRun

NEWER = "2025-02-14"
"""An api-version of which no traffic has been observed."""

NAMES = (
    "a", "A1", "1a", "_a", "-a", ".a", "a.", "a-b_c.d", "a b", "a+b", "a(b)", "a/b", "a%b", "ä", "図", "",
    "Python3_10_8", "PythonCustomImage", "R", "n" * 63, "n" * 64, "n" * 65, "n" * 128, "n" * 129, "n" * 260, "n" * 261,
)  # fmt: skip

WRONG_HASH = "Pillow==10.4.0 --hash=sha256:" + "0" * 64
TEXTS = {
    "comments": "# a comment\n\nPillow  # and another\n",
    "markers": 'Pillow; python_version >= "3"\nno-such-thing-here; python_version < "3"\n',
    "hashes": WRONG_HASH + "\n",
    "options": "--prefer-binary\nPillow\n",
}


async def names(run: ScenarioRun) -> None:
    for name in NAMES:
        await run.check_name(ascii(name) if len(name) < 60 else f"{len(name)} letters", name)


async def both_bases(run: ScenarioRun) -> None:
    await _tried(
        run, {"languageVersion": "3.10.8", "baseImageName": "Python3_10_8", "requirementsFileContent": "Pillow"}
    )


async def no_base(run: ScenarioRun) -> None:
    await _tried(run, {"requirementsFileContent": "Pillow"})


async def no_such_python(run: ScenarioRun) -> None:
    await _tried(run, {"languageVersion": "3.99.0", "requirementsFileContent": "Pillow"})


async def no_requirements(run: ScenarioRun) -> None:
    await _tried(run, {"languageVersion": "3.10.8"})


async def newer_version(run: ScenarioRun) -> None:
    run.note("list", str((await run.send("GET", "/sandboxCustomImages", version=NEWER)).status))
    await _tried(run, {"languageVersion": "3.10.8", "requirementsFileContent": "Pillow"}, NEWER)


async def base_image(run: ScenarioRun) -> None:
    await run.follow(
        "create", run.client.create_or_update_stream(run.name, ImageSpec("Pillow", base_image="Python3_11_7"))
    )
    await run.show("get", run.name)


async def base_deleted(run: ScenarioRun) -> None:
    """Delete an image that is the base of another."""
    await run.follow("create", run.client.create_or_update_stream(run.name, SPEC))
    await run.follow(
        "create one on top", run.client.create_or_update_stream(run.second, ImageSpec("humanize", base_image=run.name))
    )
    await run.follow("delete the lower one", run.client.delete_stream(run.name))
    await run.show("get the upper one", run.second)


async def location(run: ScenarioRun) -> None:
    """Poll the Location of a deletion immediately."""
    await run.follow("create", run.client.create_or_update_stream(run.name, SPEC))
    answer = await run.send("DELETE", f"/sandboxCustomImages/{run.name}")
    run.note("delete", str(answer.status))
    address = answer.header_url("location")
    if address is not None:
        run.note("its Location while it runs", str((await run.arm.send("GET", address)).status))


async def _tried(run: ScenarioRun, properties: dict[str, str], version: str = API_VERSION) -> None:
    """Send a PUT that the client would refuse, poll it to its end, and record both."""
    body = json.dumps({"properties": {"language": "Python", **properties}}).encode()
    answer = await run.send("PUT", f"/sandboxCustomImages/{run.name}", body, version)
    run.note("put", f"{answer.status} {answer.fault().code if answer.status >= 400 else ''}".strip())
    sent = operation_start.submitting(Action.BUILD, image_url(run.client.target, run.name))
    try:
        operation = operation_start.start_operation(sent, answer)
    except (ServiceError, BuildError):  # the response, which is recorded, contains the reason
        return
    await run.follow("build", run.client.poll(operation))
    await run.show("get", run.name)


def _with_text(text: str) -> Scenario:
    async def tried(run: ScenarioRun) -> None:
        await _tried(run, {"languageVersion": "3.10.8", "requirementsFileContent": text})

    return tried


PROBES: dict[str, Scenario] = {
    "names": names,
    "both-bases": both_bases,
    "no-base": no_base,
    "no-such-python": no_such_python,
    "no-requirements": no_requirements,
    **{f"text-{title}": _with_text(text) for title, text in TEXTS.items()},
    "base-image": base_image,
    "base-deleted": base_deleted,
    "location": location,
    "newer-version": newer_version,
}

ALL_SCENARIOS = SCENARIOS | PROBES

QUESTIONS = {
    "create-and-delete": "How does making, reading and deleting an image go?",
    "update": "How does changing an image go?",
    "failed-build": "What does a failed build say, and is pip's log in it?",
    "missing-image": "What does DELETE of a missing image answer?",
    "taken-name": "What does checkNameAvailability say of a name that is taken?",
    "another-change": "What does a second change answer while one runs?",
    "enable-and-disable": "How does enabling a custom image go, and what is listed then?",
    "names": "Which names are free, by checkNameAvailability: which characters, which length?",
    "both-bases": "What does a PUT with languageVersion and baseImageName answer?",
    "no-base": "What does a PUT with neither of them answer?",
    "no-such-python": "What is said of a languageVersion that does not exist; are those named that do?",
    "no-requirements": "Is a PUT without requirementsFileContent taken?",
    "text-comments": "May the requirements hold comments and empty lines?",
    "text-markers": "Are environment markers obeyed? (The second line names no package, for an older Python.)",
    "text-hashes": "Are hashes obeyed? (This one is wrong: obeyed, the build fails.)",
    "text-options": "May the requirements hold options of pip?",
    "base-image": "How does an image with a baseImageName go, and what does a GET show of it?",
    "base-deleted": "May an image be deleted that another one is built on?",
    "location": "What does the Location of a deletion answer while it runs?",
    "newer-version": f"How does it all look with api-version {NEWER}?",
}
