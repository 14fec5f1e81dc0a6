"""The sentences for each hint that users of the Python API read, and those that all front ends share."""

from __future__ import annotations

from collections.abc import Mapping

from kusto_magic.hints import HintKind, HintTable

COMMON: Mapping[HintKind, str] = {
    HintKind.CHOOSE_NAME: "Choose another name.",
    HintKind.CHOOSE_LISTED_IMAGE: "Choose one of the image names above.",
    HintKind.PASTE_FILE: "Paste the lines of the file here.",
    HintKind.SIGN_IN_TO_TENANT: (
        "Sign in to the subscription's tenant (its ID or domain): run `az login --tenant TENANT` in a terminal, then "
        "try again."
    ),
    HintKind.RUN_COMMAND: "Run `{name}` in a terminal, then try again.",
    HintKind.INSTALL_TOOL: "Install {name} and run `{values}`, then try again.",
    HintKind.ASSIGN_IDENTITY: "Assign a managed identity to this machine.",
    HintKind.FIX_FEDERATION: (
        "Check the federated credential of the identity: issuer, subject and audience must match those of the pod."
    ),
    HintKind.CHECK_NETWORK: "Check the network and the proxy (HTTPS_PROXY), then try again.",
    HintKind.CHECK_NAME_SERVERS: (
        "Check the network, the VPN and its name servers; a network with a proxy needs HTTPS_PROXY."
    ),
    HintKind.CHECK_PROXY_NAME: "Check the host name of the proxy (HTTPS_PROXY or ALL_PROXY) and the network.",
    HintKind.FIX_PROXY: "The proxy refuses the connection: check HTTPS_PROXY, or add the host to NO_PROXY.",
    HintKind.SIGN_IN_TO_PROXY: (
        "The proxy requires a sign-in: set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT, then try again."
    ),
    HintKind.CHECK_CLOCK: (
        "Check the date and time of this machine; if they are correct, the certificate has to be renewed."
    ),
    HintKind.CHECK_ENDPOINT: "Check the endpoint and the proxy: the certificate is that of another host.",
    HintKind.REPORT_ENDPOINT: "Report this to the endpoint's operator.",
    HintKind.FIX_EMULATOR: (
        "Fix the reported problem. To start over without the emulator's images, delete the file {name}."
    ),
    HintKind.FIX_REJECTED: "See the service's message above, fix what it rejects, and try again.",
    HintKind.CHECK_REQUEST: (
        "The service does not say what it rejects: check the name, the base image and the requirements."
    ),
    HintKind.SEE_MESSAGE: "See the service's message above; waiting does not help unless it says so.",
    HintKind.QUOTE_ID: "If the error persists, quote the request ID above in a support request.",
    HintKind.WAIT_A_MINUTE: "Too many requests; try again in a minute.",
    HintKind.ASK_FOR_ROLE: "Ask an owner of the cluster for a role with {values}.",
    HintKind.CHECK_PERMISSIONS: "See the service's message above, and ask an owner of the cluster for the permission.",
    HintKind.ASK_SUBSCRIPTION_OWNER: (
        "Ask the owner of the subscription to reactivate it or to allow this, or use another subscription."
    ),
    HintKind.CHECK_SUBSCRIPTION: (
        "Check the subscription ID (az account list shows yours), and sign in to its tenant: az login --tenant TENANT."
    ),
    HintKind.CHECK_REGION: (
        "Sandbox custom images are not available there; check the cloud and the region of the cluster."
    ),
    HintKind.REGISTER_PROVIDER: "Register it: az provider register --namespace {name} --wait.",
    HintKind.REMOVE_LOCK: "Ask an owner of the cluster to remove the lock{quoted}; az lock list shows all locks.",
    HintKind.COMPLY_WITH_POLICY: "Comply with the policy{quoted}, or ask its owner for an exemption.",
    HintKind.RETRY: "Try again.",
    HintKind.ASK_FOR_DATABASE_ROLE: (
        "Ask an administrator of the cluster for the role Viewer of a database, or AllDatabasesViewer."
    ),
    HintKind.FIX_FLEET: "Fix the errors and try again; clusters that succeeded are left unchanged.",
    HintKind.RELOAD_PAGE: "Reload the page.",
}
"""Sentences that are the same in every front end: they name nothing of it."""

PROGRAM = HintTable(
    {
        **COMMON,
        HintKind.FIX_INPUT: "Fix this and try again. Nothing was sent.",
        HintKind.APPLY_CORRECTION: (
            "Use the corrected requirements (the error's correction.text), and try again. Nothing was sent."
        ),
        HintKind.CHOOSE_BASE_IMAGE: "Pass base_image, such as 'Python3_11_7', or python_version, such as '3.10.8'.",
        HintKind.CHOOSE_CLUSTER: "Pass a Target, or set the cluster in the environment or in config.toml.",
        HintKind.CHOOSE_SUBSCRIPTION: "Pass a Target with the ID of the subscription.",
        HintKind.SET_SETTING: "Set {values} in the environment, or {name} in config.toml.",
        HintKind.ALLOW_INDEX_OPTIONS: "Pass allow_index_options=True if you trust the indexes.",
        HintKind.ALLOW_NO_PACKAGES: "Pass allow_no_packages=True for an image of its base alone.",
        HintKind.PASTE_FILE: "Pass the text of the file as part of the requirements.",
        HintKind.RECREATE_IMAGE: "Build the image again without this, then export it.",
        HintKind.SHOW_HELP: "The documentation of {name} shows the valid arguments.",
        HintKind.FIX_CONFLICT: "Fix the requirements, or use BuildOptions(check=False) to send them anyway.",
        HintKind.ACCEPT_CORRECTION: (
            "Use BuildOptions(fix=True) to send the correction, or BuildOptions(check=False) to send the requirements "
            "as they are."
        ),
        HintKind.SEND_UNPINNED: "Try again later, or use BuildOptions(pin=False).",
        HintKind.UPDATE_LOCK: "Use the base and the requirements of the lock, or leave the lock out of the ImageSpec.",
        HintKind.SIGN_IN: "Sign in with `az login`, or pass a credential that can sign in, then try again.",
        HintKind.SIGN_IN_INTERACTIVELY: "Pass a credential that needs no user, or sign in with `az login`.",
        HintKind.CHOOSE_CREDENTIAL: "Pass another credential of azure-identity, such as AzureCliCredential().",
        HintKind.ALLOW_MORE_TIME: (
            "Run `{name}` in a terminal; if it responds, pass a credential that waits longer, such as "
            "AzureCliCredential(process_timeout={values})."
        ),
        HintKind.SET_VARIABLES: "Set {values} to valid values, then start the program again.",
        HintKind.FIX_VARIABLES: "Fix or unset {values}, then start the program again.",
        HintKind.SET_CA_BUNDLE: "Set {values} to a bundle with your network's certificates; start the program again.",
        HintKind.EXTEND_CA_BUNDLE: (
            "Add your network's certificates to the bundle in {name}, then start the program again."
        ),
        HintKind.START_EMULATOR: "Start the emulator with python -m kusto_magic.emulator, then try again.",
        HintKind.CHECK_CLUSTER: "Check the cluster and its resource group in the Target.",
        HintKind.CHECK_NAME: "Check the name; `list` of the client returns the images of the cluster.",
        HintKind.WAIT_FOR_CLUSTER: (
            "Wait until the running change of the cluster is done, or use BuildOptions(queue=True) to wait for it."
        ),
        HintKind.WAIT_FOR_BUILD: "Call `result` of the build of {argument}.",
        HintKind.RESUME: (
            "client.poll(error.operation) resumes it; for a build of start_build: "
            "default_manager().attach(target, {argument})."
        ),
        HintKind.RESUME_AFTER_RESTART: (
            "After a restart of the program, default_manager().attach(target, {argument}) resumes."
        ),
        HintKind.CHECK_ARRIVAL: (
            "The request may have arrived: default_manager().attach(target, {argument}) shows whether the operation "
            "was started. Otherwise: {then}"
        ),
        HintKind.SEND_AGAIN: (
            "Check the image with `get`; if it is still wanted, default_manager().attach(target, {argument}, "
            "send=True) sends it."
        ),
        HintKind.WAIT_BEFORE_END: (
            "Call `result` of the build before the program ends, or send it with "
            "default_manager().attach(target, {argument}, send=True)."
        ),
        HintKind.SHOW_STATUS: "The history of the build manager has the result.",
        HintKind.FIX_REQUIREMENTS: "See the service's message above, fix the requirements, and build again.",
        HintKind.CHECK_IMAGES: "See the service's message above; `list` of the client returns the images.",
        HintKind.CHECK_IMAGE: (
            "Compare it with the result of `get` for {argument}; if it should be yours, build it again with "
            "BuildOptions(force=True)."
        ),
        HintKind.SHOW_IMAGE: "`get` of the client returns the image {argument}.",
        HintKind.CONFIRM: "Use BuildOptions(protect_active=False) to proceed anyway.",
        HintKind.USE_NEW_NAME: "Or choose a new name, and call `enable` with it afterwards.",
        HintKind.ENABLE_BEFORE: "Call `enable` with image {argument}, then try again.",
        HintKind.CHOOSE_DATABASE: "Pass the name of a database that exists and that the account may query.",
        HintKind.REBUILD_IMAGE: "Build image {argument} again with pinned versions and `force`.",
        HintKind.READ_BASE: (
            "Call `read_base` of the build manager, so that later checks use the packages that the image has, not "
            "those of a list."
        ),
        HintKind.ENABLE_IMAGE: "Call `enable` with an image, so that it is known which one queries use.",
    },
    repr,
)
"""The sentences for users of the Python API, and the default of `str(error)`."""
