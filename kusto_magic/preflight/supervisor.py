"""Supervisor of a resolver process: it limits its memory and time, and ends it when the parent process ends.

It runs as a script in a Python process of its own (`supervisor.py SECONDS BYTES PROGRAM ARGUMENT…`), because limits can
be set safely only in a process without other threads. Standard input is a pipe: first the environment of the program,
as a length in 8 hexadecimal digits and then that number of bytes of `name=value`, separated by null characters. The
end of the pipe means that the parent has ended or does not need the result.

Only small modules are imported: the time that they take is added to every check.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

MAX_FILE_SIZE = 512 * 1024 * 1024
"""Maximum size in bytes of a file that the program writes, such as one in the resolver's cache."""


def encode_environment(environ: Mapping[str, str]) -> bytes:
    """Return an environment in the format that `main` reads."""
    content = "\0".join(f"{name}={value}" for name, value in environ.items()).encode("utf-8", "surrogateescape")
    return f"{len(content):08x}".encode() + content


def _read_environment() -> dict[str, str]:
    content = _read(int(_read(8), 16)).decode("utf-8", "surrogateescape")
    return dict(part.partition("=")[::2] for part in content.split("\0") if part)


def _read(size: int) -> bytes:
    content = b""
    while len(content) < size:
        chunk = os.read(0, size - len(content))
        if not chunk:
            sys.exit(1)
        content += chunk
    return content


def main(arguments: Sequence[str]) -> int:
    """Run the program; return its exit code, or 128 and the signal that ended it."""
    seconds, memory, *command = arguments
    run: Callable[[Sequence[str], Mapping[str, str], float], int] = _run_with_thread
    if sys.platform != "win32":
        _set_limits(int(memory))
        run = _run_with_signals
    try:
        code = run(command, _read_environment(), float(seconds))
    except OSError as error:
        sys.stderr.write(f"error: {os.path.basename(command[0])} cannot be run: {error.strerror}\n")  # noqa: PTH119
        return 126
    return code if code >= 0 else 128 - code


def _set_limits(memory: int) -> None:
    """Limit the memory (only Linux enforces it) and the size of files; write no core dump of a program that aborts."""
    import resource

    for kind, limit in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_FSIZE, MAX_FILE_SIZE),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        lowest = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (lowest, lowest))


def _run_with_signals(command: Sequence[str], environ: Mapping[str, str], seconds: float) -> int:
    """Run a program on a POSIX system: wait for it, the end of the pipe or the time limit, whichever is first."""
    import select

    ended, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(write_end)
    no_input = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    process = os.posix_spawn(command[0], list(command), environ, file_actions=[no_input], setsigdef=[signal.SIGXFSZ])
    readable, _, _ = select.select([0, ended], [], [], seconds)
    if ended not in readable:
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _run_with_thread(command: Sequence[str], environ: Mapping[str, str], seconds: float) -> int:
    """Run a program on any system; slower to start, because `subprocess` imports many modules."""
    import subprocess
    import threading

    with subprocess.Popen(command, env=dict(environ), stdin=subprocess.DEVNULL) as process:  # noqa: S603 - uv itself

        def kill_at_end() -> None:
            os.read(0, 1)
            process.kill()

        threading.Thread(target=kill_at_end, daemon=True).start()
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
