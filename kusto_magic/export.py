"""An image as a team's infrastructure keeps it: Bicep, Terraform, az, PowerShell, a plain request, requirements.txt.

Each text makes the same image when it is used where it belongs. None names a subscription: which one, and who signs
in, is the business of whoever runs it. What each language asks for in a string is in the function that writes it.

Source: Microsoft.Kusto/clusters/sandboxCustomImages, api-version 2024-04-13.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import quote

from kusto_magic.errors import InvalidInput, Problem, excerpt
from kusto_magic.models.endpoint import CLOUDS
from kusto_magic.models.image import API_VERSION, LANGUAGE, Image, ImageSpec
from kusto_magic.models.naming import image_name_problem
from kusto_magic.models.target import Target
from kusto_magic.requirements import rules as requirement_rules

TYPE = f"Microsoft.Kusto/clusters/sandboxCustomImages@{API_VERSION}"
INDENT = "  "


def export(form: str, name: str, image: Image | ImageSpec, target: Target) -> str:
    """Return the definition of the image `name` on the cluster of `target`, in one of FORMS.

    The text ends with a newline, except that "requirements" is the requirements text byte for byte. Raises
    InvalidInput for an unknown form, for an image without a base, and for requirements that hold what reads like a
    secret or cannot be seen.
    """
    problems = [*_problems(form, name, image)]
    if problems:
        raise InvalidInput(problems, next_step="make the image anew from a cell without it, then export again.")
    return _WRITERS[form](name, _properties(image), target)


def _problems(form: str, name: str, image: Image | ImageSpec) -> list[Problem]:
    problems = []
    if form not in _WRITERS:
        problems.append(Problem("--as", f"there is no form {excerpt(form)}; it is one of {', '.join(FORMS)}"))
    if message := image_name_problem(name):
        problems.append(Problem("image name", message))
    if not image.base_label:
        problems.append(Problem("base", "the service shows neither a base image nor a Python version"))
    for number, line in enumerate(image.requirements.split("\n"), start=1):
        if message := requirement_rules.character_problem(line.removesuffix("\r"), ""):
            problems.append(Problem("requirements", message, number))
    if secret := requirement_rules.secret_in(image.requirements):
        problems.append(Problem("requirements", f"{secret}; an export would spread it"))
    return problems


def _properties(image: Image | ImageSpec) -> dict[str, str]:
    """Return ARM's properties of an image, as they are sent."""
    version = image.python_version if isinstance(image, ImageSpec) else image.language_version
    base = {"baseImageName": image.base_image} if image.base_image else {"languageVersion": version}
    named = {key: value for key, value in base.items() if value}
    return {"language": LANGUAGE, **named, "requirementsFileContent": image.requirements}


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
    """Return a Bicep string. Source: "Data types in Bicep", Strings: the escapes of a single-quoted string."""
    escapes = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    escaped = "".join(escapes.get(char, char) for char in text)
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
        "  # The service answers with the language in capitals.",
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
    """Return a Terraform string. Source: "Strings and Templates", Escape Sequences of a quoted string."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    escaped = "".join(escapes.get(char, char) for char in text)
    return f'"{escaped.replace("${", "$${").replace("%{", "%%{")}"'


def _label(name: str) -> str:
    """Return a Terraform identifier for an image: it begins with a letter or "_" and has no dot."""
    label = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    return label if label[0].isalpha() or label[0] == "_" else f"image_{label}"


# ── az and PowerShell ────────────────────────────────────────────────────────────────────────────────────────────


def _az(name: str, properties: Mapping[str, str], target: Target) -> str:
    """Return an `az rest` command for a POSIX shell: az has no command for these images.

    az puts the current subscription for {subscriptionId} and the current cloud before a path; "@-" is its standard
    input, which spares the JSON every quoting.
    """
    path = f"{_path('{subscriptionId}', target)}/sandboxCustomImages/{name}?api-version={API_VERSION}"
    lines = [
        "# Returns at once; the build takes some minutes. How it stands: the same with --method get, without the body.",
        f"az rest --method put --url {_shell(path)} --body @- <<'JSON'",
        _json(properties),
        "JSON",
    ]
    return _text(lines)


def _shell(text: str) -> str:
    """Return a word for a POSIX shell: in single quotes nothing is special but the quote."""
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
        "# Needs the module Az.Kusto, in a version that knows -BaseImageName, and Connect-AzAccount.",
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

    In single quotes nothing is special but quotes, the curved ones as well; a carriage return is added as an escape,
    which no editor changes. Source: about_Quoting_Rules, about_Special_Characters.
    """
    parts = ["'" + _POWERSHELL_QUOTES.sub(lambda found: found[0] * 2, part) + "'" for part in text.split("\r")]
    return ' + "`r" + '.join(parts)


# ── a request, and the requirements ──────────────────────────────────────────────────────────────────────────────


def _rest(name: str, properties: Mapping[str, str], target: Target) -> str:
    """Return a request in the notation of .http files, which editors send; `{{…}}` are its variables."""
    endpoint = CLOUDS["public"].endpoint if target.is_local else target.endpoint
    path = _path("{{subscription}}", target)
    lines = [
        f"@endpoint = {endpoint}",
        "@subscription = SUBSCRIPTION-ID",
        "@token = TOKEN",
        "",
        f"PUT {{{{endpoint}}}}{path}/sandboxCustomImages/{name}?api-version={API_VERSION}",
        "Authorization: Bearer {{token}}",
        "Content-Type: application/json",
        "",
        _json(properties).replace("{{", "\\u007b\\u007b"),
    ]
    return _text(lines)


def _requirements(_name: str, properties: Mapping[str, str], _target: Target) -> str:
    return properties["requirementsFileContent"]


def _path(subscription: str, target: Target) -> str:
    group = quote(target.resource_group, safe="()")
    provider = "providers/Microsoft.Kusto/clusters"
    return f"/subscriptions/{subscription}/resourceGroups/{group}/{provider}/{target.cluster}"


def _json(properties: Mapping[str, str]) -> str:
    """Return the body as JSON in ASCII, so that no code page of a terminal can change it."""
    return json.dumps({"properties": properties}, indent=2)


def _string_lines(text: str, quoted: Callable[[str], str], head: str, comma: str, tail: str, indent: str) -> str:
    """Return an expression of `head`, a string for each line of `text`, and `tail`.

    So it stays readable, and no editor and no version control can change its line ends.
    """
    items = [f"{indent}{INDENT}{quoted(line)}{comma}" for line in text.split("\n")]
    return "\n".join([head, *items, indent + tail])


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


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
FORMS = tuple(_WRITERS)
"""What `export` can write."""


def cell_text(name: str, spec: ImageSpec, target: Target | None, chosen: Target | None) -> str:
    """Return the `%%kusto_image` cell for an image; it names the cluster where that is not the `chosen` one."""
    base = ["--base", spec.base_image] if spec.base_image else ["--python", spec.python_version or ""]
    where = [] if target is None or target == chosen else _where(target)
    line = shlex.join(["%%kusto_image", name, *base, *where])
    return f"{line}\n{spec.requirements}".rstrip("\n")


def _where(target: Target) -> list[str]:
    place = ["--cluster", target.cluster_id]
    cloud = next((name for name, cloud in CLOUDS.items() if cloud.endpoint == target.endpoint), None)
    return [*place, "--cloud", cloud] if cloud else [*place, "--endpoint", target.endpoint]
