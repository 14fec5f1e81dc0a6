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
from kusto_magic.errors import BuildCanceledError as BuildCanceledError
from kusto_magic.errors import BuildError as BuildError
from kusto_magic.errors import BuildFailedError as BuildFailedError
from kusto_magic.errors import ConflictError as ConflictError
from kusto_magic.errors import EmulatorError as EmulatorError
from kusto_magic.errors import EndedElsewhereError as EndedElsewhereError
from kusto_magic.errors import FleetFailedError as FleetFailedError
from kusto_magic.errors import ForbiddenError as ForbiddenError
from kusto_magic.errors import ImageDiffersError as ImageDiffersError
from kusto_magic.errors import InUseError as InUseError
from kusto_magic.errors import InvalidInputError as InvalidInputError
from kusto_magic.errors import KustoImageError as KustoImageError
from kusto_magic.errors import LockDriftError as LockDriftError
from kusto_magic.errors import MaybeInUseError as MaybeInUseError
from kusto_magic.errors import NotActiveError as NotActiveError
from kusto_magic.errors import NotFoundError as NotFoundError
from kusto_magic.errors import NotSubmittedError as NotSubmittedError
from kusto_magic.errors import OutcomeUnknownError as OutcomeUnknownError
from kusto_magic.errors import PollTimeoutError as PollTimeoutError
from kusto_magic.errors import Problem as Problem
from kusto_magic.errors import QueryError as QueryError
from kusto_magic.errors import RequirementsConflictError as RequirementsConflictError
from kusto_magic.errors import ServiceError as ServiceError
from kusto_magic.errors import SignInError as SignInError
from kusto_magic.errors import StatusUnreadableError as StatusUnreadableError
from kusto_magic.errors import ThrottledError as ThrottledError
from kusto_magic.errors import UnexpectedStateError as UnexpectedStateError
from kusto_magic.errors import UnreachableError as UnreachableError
from kusto_magic.errors import UntrustedAddressError as UntrustedAddressError
from kusto_magic.errors import VerificationError as VerificationError
from kusto_magic.hints import Hint as Hint
from kusto_magic.hints import HintKind as HintKind
from kusto_magic.hints import HintTable as HintTable
from kusto_magic.models.action import Action as Action
from kusto_magic.models.build_state import BuildState as BuildState
from kusto_magic.models.build_state import Outcome as Outcome
from kusto_magic.models.cluster import ActiveImage as ActiveImage
from kusto_magic.models.cluster import Cluster as Cluster
from kusto_magic.models.cluster import LanguageExtension as LanguageExtension
from kusto_magic.models.cluster import PythonOff as PythonOff
from kusto_magic.models.cluster import PythonState as PythonState
from kusto_magic.models.cluster import UnknownImage as UnknownImage
from kusto_magic.models.cluster_contents import BaseList as BaseList
from kusto_magic.models.cluster_contents import SandboxPolicy as SandboxPolicy
from kusto_magic.models.image import Image as Image
from kusto_magic.models.image import ImageSpec as ImageSpec
from kusto_magic.models.inventory import Inventory as Inventory
from kusto_magic.models.lock import Lock as Lock
from kusto_magic.models.lock import LockedPackage as LockedPackage
from kusto_magic.models.permission import Permission as Permission
from kusto_magic.models.subscription import ListedSubscription as ListedSubscription
from kusto_magic.models.target import Subscription as Subscription
from kusto_magic.models.target import Target as Target
from kusto_magic.models.verification import Difference as Difference
from kusto_magic.models.verification import Expectation as Expectation
from kusto_magic.models.verification import ExpectationSource as ExpectationSource
from kusto_magic.models.verification import ExpectedPackage as ExpectedPackage
from kusto_magic.models.verification import Verification as Verification
from kusto_magic.panel.panel import ImagePanel as ImagePanel
from kusto_magic.preflight.report import Fix as Fix
from kusto_magic.preflight.report import Package as Package
from kusto_magic.preflight.report import PreflightReport as PreflightReport
from kusto_magic.preflight.report import Verdict as Verdict
from kusto_magic.queries.live_base import LiveBase as LiveBase
from kusto_magic.queries.verify import VerifyOptions as VerifyOptions
from kusto_magic.requirements.correction import Correction as Correction
from kusto_magic.requirements.correction import LineChange as LineChange
from kusto_magic.requirements.line_origins import LineOrigin as LineOrigin
from kusto_magic.service_fault import ServiceFault as ServiceFault

_MODULE_OF: dict[str, str]
__version__: str
__all__: list[str]

def load_ipython_extension(shell: InteractiveShell) -> None: ...
def unload_ipython_extension(shell: InteractiveShell) -> None: ...
