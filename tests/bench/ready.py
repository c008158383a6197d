# SPDX-License-Identifier: Apache-2.0
"""ready: from the start to the first answer with the sample plugins, what is
resident then, and the bytes of the program as it is installed."""
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import isolation
import load
from serving import Server

TIMES, TIMES_QUICK = 21, 3


def resident_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith("Rss:"):
                return int(line.split()[1])
    raise load.Refused("no resident memory is known of the server")


def stripped_bytes(binary, work):
    """Of the program without its debug information, as it is installed."""
    strip = shutil.which("strip")
    if strip is None:
        return 0
    out = Path(work) / "stripped"
    subprocess.run([strip, "-o", out, binary], check=True)
    return out.stat().st_size


def once(candidate, work, where):
    """Seconds until the start has an answer, and kB of the server resident
    then."""
    port = Server.free_port()
    command = candidate.many(port, work, candidate.plugins, where)
    with Server(command, port, work / "server.log", fast=True) as server:
        isolation.await_answer(port)
        took = time.monotonic() - server.began
        return took, resident_kb(server.process.pid)


def measure(o, candidate):
    """Medians of several starts."""
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        work = Path(work)
        times = TIMES_QUICK if o.quick else TIMES
        seen = [once(candidate, work, "none") for _ in range(times)]
        apart = [once(candidate, work, "process") for _ in range(times)]
        return {
            "times": times,
            "runners_ms": 1000 * statistics.median(s[0] for s in apart),
            "ready_ms": 1000 * statistics.median(s[0] for s in seen),
            "ready_ms_max": 1000 * max(s[0] for s in seen),
            "rss_mb": statistics.median(s[1] for s in seen) / 1024,
            "size_mb": stripped_bytes(candidate.binary, work) / 1e6,
        }


def lines(found):
    """As Markdown."""
    return [
        "## ready: one reactor, the sample plugins", "",
        "| starts | ms to the first answer, median | the slowest | in "
        "runners, median | RSS MB, idle | MB of the program, stripped |",
        "|--:|--:|--:|--:|--:|--:|",
        f"| {found['times']} | {found['ready_ms']:.1f} | "
        f"{found['ready_ms_max']:.1f} | {found['runners_ms']:.1f} | "
        f"{found['rss_mb']:.1f} | {found['size_mb']:.2f} |", ""]
