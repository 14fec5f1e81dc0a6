"""An image that queries use, or may use, is not changed."""

from __future__ import annotations

from typing import Any

import pytest
from support.arm_responses import TARGET, error_response, make_response
from support.scripted_transport import ScriptedTransport, open_client

from kusto_magic.builds.actions import require_inactive
from kusto_magic.errors import InUseError, MaybeInUseError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.permission import IMAGES

CUSTOM = {
    "languageExtensionName": "PYTHON",
    "languageExtensionImageName": "PythonCustomImage",
    "languageExtensionCustomImageName": "img",
}


def cluster(*extensions: dict[str, str]) -> dict[str, Any]:
    return {"id": TARGET.cluster_id, "properties": {"languageExtensions": {"value": list(extensions)}}}


@pytest.mark.asyncio
async def test_require_inactive_raises_for_the_active_image_and_if_it_is_unknown() -> None:
    script = ScriptedTransport(
        make_response(cluster(CUSTOM)),
        make_response(cluster(CUSTOM)),
        make_response(cluster()),
        make_response(cluster({"languageExtensionName": "PYTHON"})),
        error_response(403, "AuthorizationFailed", "no"),
    )
    async with open_client(script) as client:
        with pytest.raises(InUseError, match="use image 'IMG'") as in_use:
            await require_inactive(client, "IMG")
        assert in_use.value.hint == Hint(HintKind.CONFIRM, then=Hint(HintKind.USE_NEW_NAME))
        assert not isinstance(in_use.value, MaybeInUseError)
        await require_inactive(client, "other")
        await require_inactive(client, "img")
        with pytest.raises(MaybeInUseError) as maybe:
            await require_inactive(client, "img")
        assert maybe.value.hint == Hint(HintKind.ENABLE_IMAGE, then=Hint(HintKind.CONFIRM))
        with pytest.raises(MaybeInUseError, match="AuthorizationFailed") as maybe:
            await require_inactive(client, "img")
        assert maybe.value.hint == Hint(HintKind.ASK_FOR_ROLE, values=IMAGES, then=Hint(HintKind.CONFIRM))
    assert script.unused_steps == 0
