"""The state machine of an emulated cluster: one change at a time, and the effect of each change when it ends.

No background task is needed: the end time of an operation is stored when it starts, and `apply_due` applies what is
due before each request is handled. Therefore no build is lost by a restart.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kusto_magic.emulator.arm import ArmError, seconds_to_ticks, to_ticks
from kusto_magic.emulator.cluster_record import ClusterRecord
from kusto_magic.emulator.config import EmulatedCluster, EmulatorConfig
from kusto_magic.emulator.managed_images import python_version
from kusto_magic.emulator.resolver_cache import ResolverCache
from kusto_magic.emulator.store import ClusterStore, ImageRow, OperationRow

BUILD = "SandboxCustomImageCreateOrUpdateCommand"
DELETE = "SandboxCustomImageDeleteCommand"
CHANGE_EXTENSIONS = "ServiceConfigurationAlter"

# The kinds of the other changes of a cluster were not observed: they are the emulator's own choice.
CREATE_CLUSTER, UPDATE_CLUSTER, DELETE_CLUSTER = "ClusterCreate", "ClusterUpdate", "ClusterDelete"
START_CLUSTER, STOP_CLUSTER, MIGRATE_CLUSTER = "ClusterStart", "ClusterStop", "ClusterMigrate"
DETACH_DATABASES, DIAGNOSE_NETWORK = "FollowerDatabaseDetach", "VirtualNetworkDiagnose"

STATES = {
    CREATE_CLUSTER: ("Creating", "Creating"),
    UPDATE_CLUSTER: ("Updating", "Running"),
    DELETE_CLUSTER: ("Deleting", "Deleting"),
    START_CLUSTER: ("Starting", "Running"),
    STOP_CLUSTER: ("Stopping", "Running"),
    CHANGE_EXTENSIONS: ("Running", "Running"),
}
"""`state` and `provisioningState` of a cluster during a change: the emulator's own choice out of the enums."""
TERMINAL = frozenset({"Succeeded", "Failed", "Canceled"})


@dataclass(slots=True)
class Hold:
    """A flag shared by all clusters: while `held` is true, no operation ends."""

    held: bool = False


class ClusterState:
    """The state of one emulated cluster and its changes; `resolver_cache` and `hold` are shared by all clusters."""

    def __init__(
        self,
        config: EmulatorConfig,
        cluster: EmulatedCluster,
        store: ClusterStore,
        clock: Callable[[], datetime],
        resolver_cache: ResolverCache,
        hold: Hold,
        record: ClusterRecord,
    ) -> None:
        self.config = config
        self.cluster = cluster
        self.store = store
        self.record = record
        """What has been changed of the cluster; stored with each change."""
        self._clock = clock
        self._resolver_cache = resolver_cache
        self._hold = hold

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return self._clock()

    async def apply_due(self) -> None:
        """Apply the change that is due, if any. Must be awaited before a request about the cluster is handled."""
        running = self.store.running()
        if running is None:
            return
        if running.kind == BUILD and running.verdict is None:
            self._start_resolving(running)  # again after a restart, which ends the task that was started by `build`
            if self._is_due(running):
                await self._resolver_cache.wait(running.id)
        with self.store.transaction():
            self._finish_due()

    def build(self, image: ImageRow) -> OperationRow:
        """Start building `image` and return the operation; `image.state` is what is shown until it ends."""
        return self._change(BUILD, image.key, self.config.build_seconds, image)

    def delete(self, image: ImageRow) -> OperationRow:
        """Start deleting `image`; return the operation."""
        return self._change(DELETE, image.key, self.config.deletion_time, replace(image, state="Deleting"))

    def change_extensions(self, change: dict[str, Any]) -> OperationRow:
        """Start changing the extensions: `{"add": [...], "remove": [...]}`; return the operation.

        OBSERVED: removing an extension that is off took 0.8 s instead of minutes; here it takes no time.
        """
        enabled = {entry["languageExtensionName"].upper() for entry in self.store.extensions()}
        removed = {entry["languageExtensionName"].upper() for entry in change.get("remove", ())}
        is_idle = not change.get("add") and not removed & enabled
        return self._change(CHANGE_EXTENSIONS, json.dumps(change), 0 if is_idle else self.config.extension_time, None)

    def change_cluster(
        self, kind: str, record: ClusterRecord | None = None, *, extensions: Any = None, takes_time: bool = True
    ) -> OperationRow:
        """Start a change of the cluster and return the operation; when it ends, `record` replaces the stored one.

        `extensions`, if not None, replaces the list of extensions. The duration, as long as a change of extensions, is
        the emulator's own choice.
        """
        subject = json.dumps({"record": record and record.to_json(), "extensions": extensions})
        return self._change(kind, subject, self.config.extension_time if takes_time else 0, None)

    def put_record(self, record: ClusterRecord) -> None:
        """Replace the record of the cluster."""
        self.record = record
        self.store.put_record(record.to_json())

    def release(self) -> None:
        """Make the running operation due now."""
        with self.store.transaction():
            running = self.store.running()
            if running is not None:
                self.store.put_operation(replace(running, ends=to_ticks(self.now())))

    def shown_states(self) -> tuple[str, str]:
        """Return `state` and `provisioningState`; changes of images are not visible in them."""
        running = self.store.running()
        return STATES.get(running.kind if running else "", (self.record.state, "Succeeded"))

    def refuse_unless_terminal(self, image: ImageRow) -> None:
        """Raise ArmError 409 while `image` is being changed (text OBSERVED)."""
        if image.state in TERMINAL:
            return
        message = (
            f"Cannot modify resource with id '{self.image_id(image.name)}' because the resource entity provisioning "
            "state is not terminal. Please wait for the provisioning state to become terminal and then retry the "
            "request."
        )
        raise ArmError(409, "RequestConflict", message)

    def image_id(self, name: str) -> str:
        """Return the ARM id of an image in the service's own capitals."""
        return f"{self.cluster.id}/SandboxCustomImages/{name}"

    def _change(self, kind: str, subject: str, seconds: float, image: ImageRow | None) -> OperationRow:
        operation_id = str(uuid.uuid4())
        # .NET's clock has a seventh decimal, which Python's lacks; it is taken from the ID.
        started = to_ticks(self.now()) + uuid.UUID(operation_id).int % 10
        ends, activity = started + seconds_to_ticks(seconds), str(uuid.uuid4())
        row = OperationRow(self.cluster.key, operation_id, kind, subject, activity, started, ends)
        with self.store.transaction():
            if self.store.running() is not None:  # inside the transaction: two changes must not both start
                row = self._as_maintenance_failure(row)
            elif image is not None:
                self.store.put_image(image)
            self.store.put_operation(row)
        if row.kind == BUILD and row.status == "Running":
            self._start_resolving(row)
        return row

    def _is_due(self, operation: OperationRow) -> bool:
        # compared without the seventh decimal, which the clock does not have
        return not self._hold.held and operation.ends // 10 <= to_ticks(self.now()) // 10

    def _as_maintenance_failure(self, row: OperationRow) -> OperationRow:
        # OBSERVED: a second change is accepted, and its operation fails. The emulator's own choice: it fails at once
        # and leaves everything as it was.
        message = (
            f"[Conflict] Cluster '{self.cluster.name}' is in process of maintenance for a short period. You may "
            "retry to invoke the operation in a few minutes."
        )
        return replace(row, ends=row.started, status="Failed", code="ServiceIsInMaintenance", message=message)

    def _start_resolving(self, operation: OperationRow) -> None:
        image = self.store.image(operation.subject)
        version = None if image is None else python_version(self.store, image)
        if image is None or version is None:
            self.store.record_verdict(operation.id, "")  # without a Python version there is nothing to resolve
        else:
            self._resolver_cache.start(operation.id, image.requirements or "", version)

    def _finish_due(self) -> None:
        operation = self.store.running()
        if operation is None or not self._is_due(operation):
            return
        if operation.kind == BUILD and operation.verdict is None:
            self.store.put_operation(replace(operation, ends=to_ticks(self.now())))  # runs until there is a verdict
            return
        if operation.kind == DELETE:
            self.store.drop_image(operation.subject)
        elif operation.kind == BUILD:
            operation = self._finish_build(operation)
        else:
            self._apply_change(json.loads(operation.subject), operation.ends)
        done = "Succeeded" if operation.status == "Running" else operation.status
        self.store.put_operation(replace(operation, status=done))

    def _finish_build(self, operation: OperationRow) -> OperationRow:
        image = self.store.image(operation.subject)
        if image is not None:
            self.store.put_image(replace(image, state="Failed" if operation.verdict else "Succeeded"))
        if not operation.verdict:
            return operation
        # What the service reports about a failed build is not known. The emulator's own choice, and its text says so.
        message = (
            "[BadRequest] The requirements of the sandbox custom image cannot be installed (this message is from the "
            f"kusto_magic emulator, not from Azure): {operation.verdict}"
        )
        return replace(operation, status="Failed", code="SandboxCustomImageBuildFailed", message=message)

    def _apply_change(self, change: dict[str, Any], now: int) -> None:
        """Apply a change of the cluster or of its extensions, at the time `now` in ticks."""
        record = ClusterRecord.from_json(change["record"]) if change.get("record") else self.record
        self.put_record(replace(record, changed=now))
        if change.get("extensions") is not None:
            self._drop_extensions(self.store.extensions())
        if record.is_deleted:
            self.store.drop_contents()
        for extension in [*change.get("add", ()), *(change.get("extensions") or ())]:
            self.store.put_extension(extension["languageExtensionName"].upper(), extension)
        self._drop_extensions(change.get("remove", ()))

    def _drop_extensions(self, extensions: Iterable[dict[str, Any]]) -> None:
        for extension in extensions:
            self.store.drop_extension(extension["languageExtensionName"].upper())
