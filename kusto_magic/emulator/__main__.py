"""Serve the emulator on 127.0.0.1 and print one JSON line when it is ready.

The line contains endpoint, token, target (subscription, resource_group, cluster), pid, instance, build_seconds and
clusters. Nothing else is written to standard output.
"""

from __future__ import annotations

import argparse
import math
import sqlite3
import sys
from pathlib import Path

from kusto_magic.emulator.config import EmulatorConfig, parse_cluster_count
from kusto_magic.emulator.server import bind, serve


def main() -> None:
    """Parse the command line and serve until the process is stopped."""
    options = _parser().parse_args()
    try:
        listener = bind(options.port, options.prefer_port)
    except OSError as error:
        sys.exit(f"the kusto_magic emulator cannot listen on 127.0.0.1:{options.port}: {error.strerror}")
    config = EmulatorConfig(
        build_seconds=options.build_seconds,
        delete_seconds=options.delete_seconds,
        extension_seconds=options.extension_seconds,
        state=options.state,
        clusters=options.clusters,
    )
    try:
        serve(config, listener, options.idle_exit)
    except sqlite3.Error as error:
        sys.exit(f"the kusto_magic emulator cannot use its state file {options.state}: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kusto_magic.emulator", description=__doc__)
    parser.add_argument("--port", type=_port, default=0, help="port to listen on; 0 = any free port (default)")
    parser.add_argument("--prefer-port", type=_port, default=0, help="with --port 0: use this port if it is free")
    parser.add_argument("--build-seconds", type=_seconds, default=12.0, help="duration of a build (default: 12)")
    parser.add_argument("--delete-seconds", type=_seconds, help="duration of a deletion (default: 1/15 of a build)")
    parser.add_argument(
        "--extension-seconds", type=_seconds, help="duration of a change of extensions (default: 3 builds)"
    )
    parser.add_argument("--clusters", type=parse_cluster_count, default=1, help="number of clusters (default: 1)")
    parser.add_argument("--state", type=Path, help="SQLite file for the state (default: in memory)")
    parser.add_argument(
        "--idle-exit", type=_seconds, default=0.0, help="exit after this time without requests; 0 = never (default)"
    )
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError(text)  # argparse reports a ValueError as a usage error
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(text)
    return seconds


if __name__ == "__main__":
    main()
