"""Build and manage the sandbox custom images of Azure Data Explorer (Kusto) from a notebook.

In a notebook: `%load_ext kusto_magic`, then `%kusto_image --help`. In a program: `connect`, or
`builds.manager.default_manager()`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kusto_magic.arm.client import ImagesClient as ImagesClient  # `as` marks a re-export for type checkers
    from kusto_magic.arm.client import connect as connect
    from kusto_magic.arm.operation import Operation as Operation
    from kusto_magic.builds.build import Build as Build
    from kusto_magic.builds.fleet import Fleet as Fleet
    from kusto_magic.errors import BuildCanceled as BuildCanceled
    from kusto_magic.errors import BuildError as BuildError
    from kusto_magic.errors import BuildFailed as BuildFailed
    from kusto_magic.errors import Conflict as Conflict
    from kusto_magic.errors import EmulatorError as EmulatorError
    from kusto_magic.errors import EndedElsewhere as EndedElsewhere
    from kusto_magic.errors import FleetFailed as FleetFailed
    from kusto_magic.errors import Forbidden as Forbidden
    from kusto_magic.errors import ImageDiffers as ImageDiffers
    from kusto_magic.errors import InUse as InUse
    from kusto_magic.errors import InvalidInput as InvalidInput
    from kusto_magic.errors import KustoImageError as KustoImageError
    from kusto_magic.errors import MaybeInUse as MaybeInUse
    from kusto_magic.errors import NotFound as NotFound
    from kusto_magic.errors import NotSubmitted as NotSubmitted
    from kusto_magic.errors import OutcomeUnknown as OutcomeUnknown
    from kusto_magic.errors import PollTimeout as PollTimeout
    from kusto_magic.errors import RequirementsConflict as RequirementsConflict
    from kusto_magic.errors import ServiceError as ServiceError
    from kusto_magic.errors import SignInFailed as SignInFailed
    from kusto_magic.errors import StatusUnreadable as StatusUnreadable
    from kusto_magic.errors import Throttled as Throttled
    from kusto_magic.errors import UnexpectedState as UnexpectedState
    from kusto_magic.errors import Unreachable as Unreachable
    from kusto_magic.errors import UntrustedAddress as UntrustedAddress
    from kusto_magic.hints import Hint as Hint
    from kusto_magic.hints import HintKind as HintKind
    from kusto_magic.models.cluster import ActiveImage as ActiveImage
    from kusto_magic.models.cluster import PythonOff as PythonOff
    from kusto_magic.models.cluster import UnknownImage as UnknownImage
    from kusto_magic.models.image import Image as Image
    from kusto_magic.models.image import ImageSpec as ImageSpec
    from kusto_magic.models.target import Target as Target
    from kusto_magic.panel.panel import ImagePanel as ImagePanel

__version__ = "0.1.0"  # hatchling reads it as text, without importing the package

_MODULES = {
    "builds.build": ["Build"],
    "arm.client": ["ImagesClient", "connect"],
    "errors": [
        "BuildCanceled",
        "BuildError",
        "BuildFailed",
        "Conflict",
        "RequirementsConflict",
        "EmulatorError",
        "EndedElsewhere",
        "FleetFailed",
        "PollTimeout",
        "Forbidden",
        "ImageDiffers",
        "InUse",
        "InvalidInput",
        "KustoImageError",
        "MaybeInUse",
        "NotFound",
        "NotSubmitted",
        "OutcomeUnknown",
        "ServiceError",
        "SignInFailed",
        "StatusUnreadable",
        "Throttled",
        "UnexpectedState",
        "Unreachable",
        "UntrustedAddress",
    ],
    "builds.fleet": ["Fleet"],
    "hints": ["Hint", "HintKind"],
    "models.cluster": ["ActiveImage", "PythonOff", "UnknownImage"],
    "models.image": ["Image", "ImageSpec"],
    "models.target": ["Target"],
    "arm.operation": ["Operation"],
    "panel.panel": ["ImagePanel"],
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted([*_MODULE_OF, "load_ipython_extension", "unload_ipython_extension"])


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    # Performance: %load_ext does not have to import httpx, which only running commands need.
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]  # names that __getattr__ provides are not in the module's namespace


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics. Called by IPython for `%load_ext kusto_magic`."""
    from kusto_magic.magics.magics import load  # programs that import the package do not load IPython

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Unregister the magics; running builds continue."""
    from kusto_magic.magics.magics import unload

    unload(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Return the path of the built JupyterLab extension. Called by `jupyter labextension develop`."""
    return [{"src": "labextension", "dest": "kusto-magic"}]  # the name in labextension/package.json


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Return the module that registers the server handlers. Called by jupyter_server."""
    return [{"module": "kusto_magic.server.handlers"}]
