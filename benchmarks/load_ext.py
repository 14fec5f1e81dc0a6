"""What `%load_ext kusto_magic` costs in a running kernel: `python benchmarks/load_ext.py [kernels]`.

Starts kernels one after the other and in each times an extension that only registers (the floor), then ours. Prints
medians in milliseconds.
"""

from __future__ import annotations

import statistics
import sys

from jupyter_client.manager import start_new_kernel

FLOOR = """
import sys, types
floor = types.ModuleType("floor_ext")
floor.load_ipython_extension = lambda shell: shell.register_magic_function(lambda line: None, "line", "floor_magic")
sys.modules["floor_ext"] = floor
"""
TIMED = """
import time
began = time.perf_counter()
get_ipython().extension_manager.load_extension({name!r})
print((time.perf_counter() - began) * 1000)
"""


def main(kernels: int) -> None:
    taken: dict[str, list[float]] = {"floor_ext": [], "kusto_magic": []}
    for _ in range(kernels):
        manager, client = start_new_kernel()
        client.execute_interactive(FLOOR, output_hook=lambda _message: None)
        for name, times in taken.items():
            client.execute_interactive(
                TIMED.format(name=name),
                output_hook=lambda message, times=times: (
                    times.append(float(message["content"]["text"])) if message["msg_type"] == "stream" else None
                ),
            )
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    for name, times in taken.items():
        print(f"{name}: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms of {len(times)} kernels")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
