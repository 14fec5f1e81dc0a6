"""Export of an image: Bicep, Terraform, az, PowerShell, an HTTP request, requirements.txt, and its lock.

Each format of a definition creates the same image when it is deployed. None contains the subscription: the user who
deploys it chooses the subscription and the identity. The quoting rules of each language are in the function that writes
its strings.

Source: Microsoft.Kusto/clusters/sandboxCustomImages, api-version 2024-04-13.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import quote

from kusto_magic.errors import InvalidInputError, Problem, excerpt
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.api_version import API_VERSION
from kusto_magic.models.cluster_contents import NOTHING_READ, ClusterContents
from kusto_magic.models.endpoint import CLOUDS
from kusto_magic.models.export_forms import ALL_FORMS
from kusto_magic.models.image import LANGUAGE, Image, ImageSpec
from kusto_magic.models.lock import Lock
from kusto_magic.models.naming import existing_image_problem
from kusto_magic.models.pylock import pylock_text
from kusto_magic.models.sbom import cyclonedx_text
from kusto_magic.models.target import Target
from kusto_magic.requirements import rules

TYPE = f"Microsoft.Kusto/clusters/sandboxCustomImages@{API_VERSION}"
"""Resource type and api-version, as Bicep and azapi write them."""

INDENT = "  "


def export(
    form: str,
    name: str,
    image: Image | ImageSpec,
    target: Target,
    lock: Lock | None = None,
    contents: ClusterContents = NOTHING_READ,
) -> str:
    """Return the image `name` on the cluster of `target` in one of ALL_FORMS; LOCK_FORMS require its `lock`.

    `contents` is what was read from the cluster, for a bill of materials.
    The digest of the lock is a comment of a definition, except in the requirements: these must stay equal. The text
    ends with a newline, except that "requirements" is the requirements text byte for byte. Raises InvalidInputError for
    an unknown format, and for a definition of an image without a base image or Python version, or whose requirements
    contain a possible secret or invisible characters.
    """
    if form in _LOCK_WRITERS:
        assert lock is not None  # noqa: S101 - required
        return _LOCK_WRITERS[form](name, lock, contents)
    problems = [*_problems(form, name, image)]
    if problems:
        raise InvalidInputError(problems, hint=Hint(HintKind.RECREATE_IMAGE))
    text = _WRITERS[form](name, _properties(image), target)
    return f"{_COMMENTS[form]} Lock: {lock.digest}\n{text}" if lock and form in _COMMENTS else text


def _problems(form: str, name: str, image: Image | ImageSpec) -> list[Problem]:
    problems = []
    if form not in _WRITERS:
        problems.append(Problem("format", f"{excerpt(form)} is not a valid format; use one of {', '.join(ALL_FORMS)}"))
    if message := existing_image_problem(name):
        problems.append(Problem("image name", message))
    if form == "powershell" and isinstance(image, Image) and not image.is_python:
        message = f"Az.Kusto creates images for {LANGUAGE} only, and this one is for {excerpt(image.language)}"
        problems.append(Problem("language", message))
    if not image.base_label:
        problems.append(Problem("base", "the service returns neither a base image nor a Python version"))
    for number, line in enumerate(image.requirements.split("\n"), start=1):
        if message := rules.character_problem(line.removesuffix("\r"), ""):
            problems.append(Problem("requirements", message, number))
    if secret := rules.secret_in(image.requirements):
        problems.append(Problem("requirements", f"{secret}; an export would disclose it"))
    return problems


def _properties(image: Image | ImageSpec) -> dict[str, str]:
    """Return the properties of the image as they are sent to Resource Manager."""
    version = image.python_version if isinstance(image, ImageSpec) else image.language_version
    language = LANGUAGE if isinstance(image, ImageSpec) or image.is_python else image.language
    base = {"baseImageName": image.base_image} if image.base_image else {"languageVersion": version}
    named = {key: value for key, value in base.items() if value}
    return {"language": language, **named, "requirementsFileContent": image.requirements}


# ── Bicep ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _bicep(name: str, properties: Mapping[str, str], target: Target) -> str:
    *plain, requirements = properties.items()
    content = _string_lines(requirements[1], _bicep_string, "join([", "", r"], '\n')", INDENT * 2)
    lines = [
        "// Deploy into the cluster's resource group:",
        f"//   az deployment group create --resource-group {_shell(target.resource_group)} --template-file FILE",
        "@description('The name of the Azure Data Explorer cluster.')",
        f"param clusterName string = {_bicep_string(target.cluster)}",
        "",
        f"resource cluster 'Microsoft.Kusto/clusters@{API_VERSION}' existing = {{",
        "  name: clusterName",
        "}",
        "",
        f"resource customImage '{TYPE}' = {{",
        "  parent: cluster",
        f"  name: {_bicep_string(name)}",
        "  properties: {",
        *(f"    {key}: {_bicep_string(value)}" for key, value in plain),
        f"    {requirements[0]}: {content}",
        "  }",
        "}",
    ]
    return _text(lines)


def _bicep_string(text: str) -> str:
    """Return a Bicep string literal. Source: "Data types in Bicep", Strings: escapes of a single-quoted string."""
    escapes = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    escaped = "".join(escapes.get(char, char) for char in text)
    # chr(92): Python 3.11 allows no backslash in the braces of an f-string.
    return f"'{escaped.replace('${', chr(92) + '${')}'"


# ── Terraform ────────────────────────────────────────────────────────────────────────────────────────────────────


def _terraform(name: str, properties: Mapping[str, str], target: Target) -> str:
    *plain, requirements = properties.items()
    group, cluster = target.resource_group, target.cluster
    width = max(map(len, properties))
    content = _string_lines(requirements[1], _hcl_string, r'join("\n", [', ",", "])", INDENT * 3)
    lines = [
        "terraform {",
        "  required_providers {",
        "    azapi = {",
        '      source  = "Azure/azapi"',
        '      version = "~> 2.0"',
        "    }",
        "  }",
        "}",
        "",
        'variable "kusto_cluster_id" {',
        "  type        = string",
        f"  description = {_hcl_string(f'The ARM id of the cluster {cluster} in the resource group {group}.')}",
        "}",
        "",
        f'resource "azapi_resource" "{_label(name)}" {{',
        f'  type      = "{TYPE}"',
        f"  name      = {_hcl_string(name)}",
        "  parent_id = var.kusto_cluster_id",
        "",
        "  # The service returns the language in capitals.",
        "  ignore_casing = true",
        "",
        "  body = {",
        "    properties = {",
        *(f"      {key.ljust(width)} = {_hcl_string(value)}" for key, value in plain),
        f"      {requirements[0]} = {content}",
        "    }",
        "  }",
        "",
        "  timeouts {",
        '    create = "2h"',
        '    update = "2h"',
        "  }",
        "}",
    ]
    return _text(lines)


def _hcl_string(text: str) -> str:
    """Return a Terraform string literal. Source: "Strings and Templates", Escape Sequences of a quoted string."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    escaped = "".join(escapes.get(char, char) for char in text)
    return f'"{escaped.replace("${", "$${").replace("%{", "%%{")}"'


_NO_LABEL = re.compile(r"[^A-Za-z0-9_-]")


def _label(name: str) -> str:
    """Return a Terraform identifier for an image name: it starts with a letter or "_" and contains no dot."""
    label = _NO_LABEL.sub("_", name)
    return label if label[0].isalpha() or label[0] == "_" else f"image_{label}"


# ── az and PowerShell ────────────────────────────────────────────────────────────────────────────────────────────


def _az(name: str, properties: Mapping[str, str], target: Target) -> str:
    """Return an `az rest` command for a POSIX shell: az has no command for these images."""
    # az replaces {subscriptionId} by the current subscription and prepends the endpoint of the current cloud. "@-"
    # reads the body from standard input, so that the JSON needs no quoting.
    path = f"{_path('{subscriptionId}', target)}/sandboxCustomImages/{quote(name, safe='')}?api-version={API_VERSION}"
    lines = [
        "# Returns at once; the build takes several minutes. Check its status with --method get and without --body.",
        f"az rest --method put --url {_shell(path)} --body @- <<'JSON'",
        _json(properties),
        "JSON",
    ]
    return _text(lines)


def _shell(text: str) -> str:
    """Return a quoted word for a POSIX shell; within single quotes only the quote itself is special."""
    return "'" + text.replace("'", "'\\''") + "'"


def _powershell(name: str, properties: Mapping[str, str], target: Target) -> str:
    base = "BaseImageName" if "baseImageName" in properties else "LanguageVersion"
    content = _string_lines(properties["requirementsFileContent"], _powershell_string, "@(", "", ') -join "`n"', "")
    given = {
        "ResourceGroupName": _powershell_string(target.resource_group),
        "ClusterName": _powershell_string(target.cluster),
        "Name": _powershell_string(name),
        base: _powershell_string(properties[base[0].lower() + base[1:]]),
        "RequirementsFileContent": "$requirements",
    }
    width = max(map(len, given))
    lines = [
        "# Requires the module Az.Kusto in a version that supports -BaseImageName, and Connect-AzAccount.",
        f"$requirements = {content}",
        "",
        "$image = @{",
        *(f"  {key.ljust(width)} = {value}" for key, value in given.items()),
        "}",
        "New-AzKustoSandboxCustomImage @image",
    ]
    return _text(lines)


_POWERSHELL_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")


def _powershell_string(text: str) -> str:
    """Return a PowerShell expression for a text without newlines.

    Source: about_Quoting_Rules, about_Special_Characters.
    """
    # Within single quotes only quotes are special, including curved ones. A carriage return is written as an escape,
    # since editors normalize line endings.
    parts = ["'" + _POWERSHELL_QUOTES.sub(lambda found: found[0] * 2, part) + "'" for part in text.split("\r")]
    return ' + "`r" + '.join(parts)


# ── HTTP request and requirements ────────────────────────────────────────────────────────────────────────────────


def _rest(name: str, properties: Mapping[str, str], target: Target) -> str:
    """Return a request in the .http format that editors can send; `{{…}}` are its variables."""
    endpoint = CLOUDS["public"].endpoint if target.is_local else target.endpoint  # others cannot reach this machine
    path = _path("{{subscription}}", target)
    lines = [
        f"@endpoint = {endpoint}",
        "@subscription = SUBSCRIPTION-ID",
        "@token = TOKEN",
        "",
        f"PUT {{{{endpoint}}}}{path}/sandboxCustomImages/{quote(name, safe='')}?api-version={API_VERSION}",
        "Authorization: Bearer {{token}}",
        "Content-Type: application/json",
        "",
        _json(properties).replace("{{", "\\u007b\\u007b"),  # the editor would replace it as a variable
    ]
    return _text(lines)


def _requirements(_name: str, properties: Mapping[str, str], _target: Target) -> str:
    return properties["requirementsFileContent"]


def _path(subscription: str, target: Target) -> str:
    group = quote(target.resource_group, safe="()")
    provider = "providers/Microsoft.Kusto/clusters"
    return f"/subscriptions/{subscription}/resourceGroups/{group}/{provider}/{target.cluster}"


def _json(properties: Mapping[str, str]) -> str:
    """Return the body as ASCII JSON, which is independent of the code page of a terminal."""
    return json.dumps({"properties": properties}, indent=2)


def _string_lines(text: str, quoted: Callable[[str], str], head: str, comma: str, tail: str, indent: str) -> str:
    """Return an expression made of `head`, one string literal per line of `text`, and `tail`."""
    # One literal per line: readable, and editors and version control cannot change the line endings of the text.
    items = [f"{indent}{INDENT}{quoted(line)}{comma}" for line in text.split("\n")]
    return "\n".join([head, *items, indent + tail])


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


_COMMENTS: Mapping[str, str] = MappingProxyType(
    {"bicep": "//", "terraform": "#", "az": "#", "powershell": "#", "rest": "#"}
)
"""How the comment of each form begins."""

_WRITERS: Mapping[str, Callable[[str, Mapping[str, str], Target], str]] = MappingProxyType(
    {
        "bicep": _bicep,
        "terraform": _terraform,
        "az": _az,
        "powershell": _powershell,
        "rest": _rest,
        "requirements": _requirements,
    }
)

# They escape what a definition must not contain, and no lock of a text with a secret is made.
_LOCK_WRITERS: Mapping[str, Callable[[str, Lock, ClusterContents], str]] = MappingProxyType(
    {"pylock": lambda _name, lock, _contents: pylock_text(lock), "cyclonedx": cyclonedx_text}
)
