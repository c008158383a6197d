# SPDX-License-Identifier: Apache-2.0
"""Latency against load, memory against connections, and their plots."""
import argparse
import sys
import tempfile
from pathlib import Path

import load
import plot
from serving import Server

SHARES = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9)  # of the top rate
POINT_S = 3  # the most that one point takes
HELD = (1000, 2500, 5000, 10000, 15000)
WHO_LATENCY = ("limit", "toolpost", "nginx", "mcp-go", "typescript")


def top_rate(samples, name):
    rates = sorted(s["rate"] for s in samples["W1"][name])
    return rates[len(rates) // 2]


def latency_curve(o, client, candidate, top):
    """An open loop at shares of the server's own top rate."""
    line = []
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        port = Server.free_port()
        command = candidate.http("W1", port, Path(work))
        with Server(command, port, Path(work) / "server.log",
                    cpu=load.SERVER_CPU) as server:
            for share in SHARES:
                rate = max(1, int(top * share))
                s = load.calls(client, o, candidate, server, "W1",
                               "--rate", rate)
                line.append((rate, s["p50_us"], s["p99_us"]))
                print(f"load {candidate.name:11}{s['rate']:>10,} /s  p50 "
                      f"{s['p50_us']:>8.1f} us  p99 {s['p99_us']:>9.1f} us",
                      file=sys.stderr, flush=True)
    return line


def memory_curve(client, candidate, mode):
    """Anonymous memory of the server while so many are held."""
    line = []
    workload = "W6" if mode == "streams" else "W8"
    for count in HELD:
        with tempfile.TemporaryDirectory(prefix="bench-") as work:
            port = Server.free_port()
            command = candidate.http(workload, port, Path(work))
            with Server(command, port, Path(work) / "server.log",
                        cpu=load.SERVER_CPU) as server:
                s = client.run(
                    load.url(server), *load.OLD, "--mode", mode,
                    "--connections", count, "--sources",
                    max(2, count // load.PER_SOURCE), "--duration", "300ms",
                    "--pid", server.process.pid, *candidate.flags(workload))
        line.append((count, s["after"]["user_kb"] / 1024))
        print(f"held {candidate.name:11}{mode:8}{count:>6}: "
              f"{line[-1][1]:.2f} MB", file=sys.stderr, flush=True)
    return line


def measure(o, client, found, samples):
    """name of the curve -> its points."""
    plots = {"latency": {}, "memory": {}}
    o = argparse.Namespace(**{**vars(o), "seconds": min(o.seconds, POINT_S)})
    if "W1" in samples:
        for c in found:
            if c.name in WHO_LATENCY and "W1" in c.workloads:
                plots["latency"][c.name] = latency_curve(
                    o, client, c, top_rate(samples, c.name))
    for c in found:
        for mode, workload in (("idle", "W8"), ("streams", "W6")):
            if workload in c.workloads and workload in samples:
                plots["memory"][f"{c.name}, {mode}"] = memory_curve(
                    client, c, mode)
    return plots


def write(folder, plots):
    """The two plots, where they were measured."""
    if plots.get("latency"):
        series = {}
        for name, line in plots["latency"].items():
            series[f"{name}, p50"] = [(r, a) for r, a, _ in line]
            series[f"{name}, p99"] = [(r, b) for r, _, b in line]
        (folder / "benchmarks-latency.svg").write_text(plot.svg(
            "W1, open loop: latency against load", "requests a second",
            "microseconds", series, log=True))
    if plots.get("memory"):
        (folder / "benchmarks-memory.svg").write_text(plot.svg(
            "Memory of the server against connections", "connections",
            "anonymous memory, MB", plots["memory"]))
