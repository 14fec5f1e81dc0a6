"""The sentences of the panel for each hint."""

from __future__ import annotations

from kusto_magic.hints import HintKind, HintTable
from kusto_magic.program_hints import COMMON

PANEL = HintTable(
    {
        **COMMON,
        HintKind.FIX_INPUT: "Fix this and press the button again. Nothing was sent; your input is kept.",
        HintKind.APPLY_CORRECTION: (
            "Replace the requirements by the corrected ones and press the button again. Nothing was sent; your input "
            "is kept."
        ),
        HintKind.CHOOSE_BASE_IMAGE: "Pick a base image, or enter a Python version such as 3.10.8.",
        HintKind.CHOOSE_CLUSTER: "Select a cluster at the top of the panel.",
        HintKind.CHOOSE_SUBSCRIPTION: "Enter the ID of the subscription at the top of the panel.",
        HintKind.SET_SETTING: "Select a cluster at the top of the panel.",
        HintKind.ALLOW_INDEX_OPTIONS: (
            "The panel sends no index options; a cell with --allow-index-options does, if you trust the indexes."
        ),
        HintKind.ALLOW_NO_PACKAGES: "Enter a package.",
        HintKind.RECREATE_IMAGE: "Build the image again without this.",
        HintKind.SHOW_HELP: "See the documentation of {name}.",
        HintKind.FIX_CONFLICT: (
            "Fix the requirements and press Build image again. To send them without the check, press Insert as cell "
            "and add --no-check."
        ),
        HintKind.ACCEPT_CORRECTION: (
            "Press Apply to replace the requirements by the corrected ones, then Build image. To send them without the "
            "check, press Insert as cell and add --no-check."
        ),
        HintKind.SEND_UNPINNED: "Press Build image again later.",
        HintKind.UPDATE_LOCK: "Use the base and the requirements of the lock, or press Insert as cell.",
        HintKind.SIGN_IN: "Sign in with `az login` in a terminal, then press the button again.",
        HintKind.SIGN_IN_INTERACTIVELY: "Sign in with `az login` in a terminal, then press the button again.",
        HintKind.CHOOSE_CREDENTIAL: (
            "KUSTO_MAGIC_CREDENTIAL chooses another sign-in method, such as {values}; restart the kernel after setting "
            "it."
        ),
        HintKind.ALLOW_MORE_TIME: (
            "Run `{name}` in a terminal; if it responds, press the button again. KUSTO_MAGIC_AZ_TIMEOUT={values} "
            "allows it more time; restart the kernel after setting it."
        ),
        HintKind.RUN_COMMAND: "Run `{name}` in a terminal, then press the button again.",
        HintKind.SET_VARIABLES: "Set {values} to valid values, then restart the kernel.",
        HintKind.FIX_VARIABLES: "Fix or unset {values}, then restart the kernel.",
        HintKind.SET_CA_BUNDLE: "Set {values} to a bundle with your network's certificates, then restart the kernel.",
        HintKind.EXTEND_CA_BUNDLE: "Add your network's certificates to the bundle in {name}, then restart the kernel.",
        HintKind.START_EMULATOR: "Start the emulator in a cell (%kusto_image use emulator), then open the panel again.",
        HintKind.CHECK_CLUSTER: "Check the names; Find clusters lists the clusters that you can access.",
        HintKind.CHECK_NAME: "Check the name of the image and the cluster; press Refresh to read the images again.",
        HintKind.RETRY: "Press the button again.",
        HintKind.WAIT_FOR_CLUSTER: (
            "Wait until the running change of the cluster is done, then press the button again."
        ),
        HintKind.WAIT_FOR_BUILD: "Wait until its build is done.",
        HintKind.RESUME: "Press Follow beside the operation under History to resume it.",
        HintKind.RESUME_AFTER_RESTART: "After a kernel restart, press Follow beside the operation under History.",
        HintKind.CHECK_ARRIVAL: (
            "The request may have arrived: press Follow beside the operation under History to see whether it was "
            "started. Otherwise: {then}"
        ),
        HintKind.SEND_AGAIN: (
            "Press Refresh and look at the image {name}; if the change is still wanted, make it again."
        ),
        HintKind.WAIT_BEFORE_END: "Make the change of the image {name} again, and wait until it was sent.",
        HintKind.SHOW_STATUS: "History shows the result.",
        HintKind.FIX_REQUIREMENTS: (
            "See the service's message above, fix the requirements, and press Build image again."
        ),
        HintKind.CHECK_IMAGES: "See the service's message above, and press Refresh to read the images again.",
        HintKind.CHECK_IMAGE: (
            "Press Show details beside {name} under Images; press Build image again if the image should be yours."
        ),
        HintKind.SHOW_IMAGE: "Press Show details beside {name} under Images.",
        HintKind.CONFIRM: "To proceed anyway, press Refresh, press the button again, and confirm.",
        HintKind.USE_NEW_NAME: "Or choose a new name, and enable that image afterwards.",
        HintKind.ENABLE_BEFORE: "Press Enable… beside {name} under Images, then try again.",
        HintKind.CHOOSE_DATABASE: "Choose a database that exists and that you may query.",
        HintKind.REBUILD_IMAGE: "Build {name} again with pinned versions.",
        HintKind.READ_BASE: (
            "Run %kusto_image bases --live in a cell, so that later checks use the packages that the image has, not "
            "those of a list."
        ),
        HintKind.ENABLE_IMAGE: (
            "Press Enable… beside an image under Images, so that it is known which one queries use."
        ),
    },
)
"""The sentences of the panel; they name its buttons."""
