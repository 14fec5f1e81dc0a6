"""Build and manage the sandbox custom images of Azure Data Explorer (Kusto) from a notebook.

In a notebook: `%load_ext kusto_magic`, then `%kusto_image --help`. In a program: `ImagesClient`, or, without
asyncio, `start_build`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__version__ = "0.1.0"  # hatchling reads it as text, without importing the package

_MODULES = {
    "arm.client": ["ImagesClient"],
    "arm.credentials": ["AccessToken", "Credential", "TokenCredential", "TokenInfoCredential"],
    "arm.operation": ["Operation"],
    "arm.subscription": ["SubscriptionClient"],
    "builds.build": ["Build"],
    "builds.fleet": ["Fleet"],
    "builds.manager": ["BuildManager", "default_manager", "start_build"],
    "builds.options": ["BuildOptions"],
    "builds.request": ["BuildRequest"],
    "errors": [
        "BuildCanceledError",
        "BuildError",
        "BuildFailedError",
        "ConflictError",
        "EmulatorError",
        "EndedElsewhereError",
        "FleetFailedError",
        "ForbiddenError",
        "ImageDiffersError",
        "InUseError",
        "InvalidInputError",
        "KustoImageError",
        "LockDriftError",
        "MaybeInUseError",
        "NotActiveError",
        "NotFoundError",
        "NotSubmittedError",
        "OutcomeUnknownError",
        "PollTimeoutError",
        "Problem",
        "QueryError",
        "RequirementsConflictError",
        "ServiceError",
        "SignInError",
        "StatusUnreadableError",
        "ThrottledError",
        "UnexpectedStateError",
        "UnreachableError",
        "UntrustedAddressError",
        "VerificationError",
    ],
    "hints": ["Hint", "HintKind", "HintTable"],
    "models.action": ["Action"],
    "models.build_state": ["BuildState", "Outcome"],
    "models.cluster": ["ActiveImage", "Cluster", "LanguageExtension", "PythonOff", "PythonState", "UnknownImage"],
    "models.cluster_contents": ["BaseList", "SandboxPolicy"],
    "models.image": ["Image", "ImageSpec"],
    "models.inventory": ["Inventory"],
    "models.lock": ["Lock", "LockedPackage"],
    "models.permission": ["Permission"],
    "models.subscription": ["ListedSubscription"],
    "models.target": ["Subscription", "Target"],
    "models.verification": ["Difference", "Expectation", "ExpectationSource", "ExpectedPackage", "Verification"],
    "panel.panel": ["ImagePanel"],
    "preflight.report": ["Fix", "Package", "PreflightReport", "Verdict"],
    "queries.live_base": ["LiveBase"],
    "queries.verify": ["VerifyOptions"],
    "requirements.correction": ["Correction", "LineChange"],
    "requirements.line_origins": ["LineOrigin"],
    "service_fault": ["ServiceFault"],
}
"""Public names by module; `__init__.pyi` has them for type checkers."""

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
