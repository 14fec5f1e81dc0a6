"""The public names of `__init__.py`, for type checkers; tests/project/test_public_api.py compares the two."""

from IPython.core.interactiveshell import InteractiveShell

from kusto_magic.arm.client import ImagesClient as ImagesClient
from kusto_magic.arm.credentials import AccessToken as AccessToken
from kusto_magic.arm.credentials import Credential as Credential
from kusto_magic.arm.credentials import TokenCredential as TokenCredential
from kusto_magic.arm.credentials import TokenInfoCredential as TokenInfoCredential
from kusto_magic.arm.operation import Operation as Operation
from kusto_magic.arm.subscription import SubscriptionClient as SubscriptionClient
from kusto_magic.builds.build import Build as Build
from kusto_magic.builds.fleet import Fleet as Fleet
from kusto_magic.builds.manager import BuildManager as BuildManager
from kusto_magic.builds.manager import default_manager as default_manager
from kusto_magic.builds.manager import start_build as start_build
from kusto_magic.builds.options import BuildOptions as BuildOptions
from kusto_magic.builds.request import BuildRequest as BuildRequest
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
from kusto_magic.errors import Problem as Problem
from kusto_magic.errors import RequirementsConflict as RequirementsConflict
from kusto_magic.errors import ServiceError as ServiceError
from kusto_magic.errors import ServiceFault as ServiceFault
from kusto_magic.errors import SignInFailed as SignInFailed
from kusto_magic.errors import StatusUnreadable as StatusUnreadable
from kusto_magic.errors import Throttled as Throttled
from kusto_magic.errors import UnexpectedState as UnexpectedState
from kusto_magic.errors import Unreachable as Unreachable
from kusto_magic.errors import UntrustedAddress as UntrustedAddress
from kusto_magic.hints import Hint as Hint
from kusto_magic.hints import HintKind as HintKind
from kusto_magic.hints import HintTable as HintTable
from kusto_magic.models.action import Action as Action
from kusto_magic.models.build_state import BuildState as BuildState
from kusto_magic.models.cluster import ActiveImage as ActiveImage
from kusto_magic.models.cluster import Cluster as Cluster
from kusto_magic.models.cluster import LanguageExtension as LanguageExtension
from kusto_magic.models.cluster import PythonOff as PythonOff
from kusto_magic.models.cluster import PythonState as PythonState
from kusto_magic.models.cluster import UnknownImage as UnknownImage
from kusto_magic.models.image import Image as Image
from kusto_magic.models.image import ImageSpec as ImageSpec
from kusto_magic.models.permission import Permission as Permission
from kusto_magic.models.target import Subscription as Subscription
from kusto_magic.models.target import Target as Target
from kusto_magic.panel.panel import ImagePanel as ImagePanel
from kusto_magic.preflight.report import Package as Package
from kusto_magic.preflight.report import PreflightReport as PreflightReport
from kusto_magic.preflight.report import Verdict as Verdict

_MODULE_OF: dict[str, str]
__version__: str
__all__: list[str]

def load_ipython_extension(shell: InteractiveShell) -> None: ...
def unload_ipython_extension(shell: InteractiveShell) -> None: ...
