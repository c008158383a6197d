#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""More connections than one table of descriptors holds, in one process: idle
ones with calls meanwhile, and sessions with streams that are told of changes.

In the gate the server has few descriptors; with TOOLPOST_LONG=1 these are a
million connections, after 100,000, and 100,000 streams, as far as the machine
has room."""

import json
import resource
import subprocess

import stress
from stress import os, wire

REACTORS = stress.size(4, 3, 64)
DESCRIPTORS = None if stress.LONG else stress.size(600, 300, 0)
IDLE = stress.size((1600,), (300,), (100000, 1000000))
STREAMS = stress.size(1600, 300, 100000)
CALL_SECONDS = stress.size(1, 1, 5)
KERNEL_BYTES = 9700  # of both ends of a connection
# Memory does not depend on how busy the machine is.
IDLE_KB_MAX, STREAM_KB_MAX = 0.6, 2.0


def room():
    """How many connections this machine can hold, both ends."""
    with open("/proc/sys/fs/file-max") as f:
        files = int(f.read())
    with open("/proc/meminfo") as f:
        free = next(int(line.split()[1]) for line in f
                    if line.startswith("MemAvailable"))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    table = hard if hard != resource.RLIM_INFINITY else 1 << 20
    table = DESCRIPTORS or table
    # The kernel spreads them by chance: some tables are full before others.
    return min(files * 9 // 20, free * 1024 * 8 // 10 // KERNEL_BYTES,
               REACTORS * (table * 9 // 10 - 32 - 5 * REACTORS) * 9 // 10)


class Bench:
    """toolpost bench, told to hold what it has until finish()."""

    def __init__(self, server, *args, hold=False):
        words = [wire.BIN, "bench", "http://%s:%d/mcp" % server.http, "--json",
                 "--protocol", "2025-11-25", "--pid", str(server.pid),
                 "--timeout", "120s", *args]
        self.proc = subprocess.Popen(
            words + (["--hold"] if hold else []), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        stress.started.append(self.proc)
        self.said = self.proc.stderr.readline() if hold else ""
        assert not hold or "are open" in self.said, self.said

    def finish(self):
        out, said = self.proc.communicate()
        assert self.proc.returncode == 0, self.said + said
        return json.loads(out)


def calls(server, first_source):
    r = Bench(server, "--connections", "64", "--duration",
              "%ds" % CALL_SECONDS, "--first-source", str(first_source)).finish()
    return {"rate": round(r["rate"]), "p99_us": round(r["p99_us"]),
            "cpu_per_100k": r["cpu_per_100k"]}


def idle(report, server, n):
    before = calls(server, 2)
    held = Bench(server, "--mode", "idle", "--no-handshake", "--connections",
                 str(n), "--threads", str(threads(n)), hold=True)
    meanwhile = calls(server, 2000)
    r = held.finish()  # it is an error if one of them has been closed
    report.figures.setdefault("idle", []).append({
        "connections": r["connections"], "open_s": r["open_s"],
        "kb": r["user_kb_each"], "before": before, "meanwhile": meanwhile,
        "share": round(meanwhile["rate"] / before["rate"], 2)})
    assert r["connections"] == n
    assert stress.SANITIZER or not stress.LONG or r["user_kb_each"] < IDLE_KB_MAX, r


def threads(n):
    """At least three, so that the gate has a crowd too."""
    return max(3, -(-n // 17000))


def trigger_write(root, server, plugin):
    """Another description each time: the list has changed."""
    path = os.path.join(root, "trigger")
    with open(path, "w") as f:
        f.write("#!/bin/sh\n"
                "/bin/sed 's/Says/Says again/' {p} >{r}/new && "
                "/bin/mv {r}/new {p} && kill -HUP {pid}\n".format(
                    p=plugin, r=root, pid=server.pid))
    os.chmod(path, 0o755)
    return path


def streams(report, server, n, trigger):
    r = Bench(server, "--mode", "streams", "--connections", str(n), "--threads",
              str(threads(n)), "--trigger", trigger, "--rounds", "3").finish()
    report.figures.update(
        streams=r["connections"], streams_open_s=r["open_s"],
        streams_kb=r["user_kb_each"],
        told_ms=[[round(x["first_ms"]), round(x["last_ms"])] for x in r["rounds"]])
    assert r["connections"] == n and len(r["rounds"]) == 3
    assert stress.SANITIZER or not stress.LONG or r["user_kb_each"] < STREAM_KB_MAX, r


def config_write(root, streams_max):
    path = os.path.join(root, "scale.yaml")
    with open(path, "w") as f:
        f.write("descriptor_tables: per-reactor\nreactors: %d\n"
                "limits: {head_timeout: 1h, idle_timeout: 1h, keep_alive: 60s, "
                "streams: %d}\nplugins: {isolation: none}\n" % (REACTORS, streams_max))
    return path


def serve(root, plugins):
    s = wire.Server(plugins=(wire.PLUGINS, plugins), config=config_write(root, STREAMS),
                    descriptors=DESCRIPTORS)
    stress.started.append(s.proc)
    return s


def main():
    report = stress.Report("scale")
    root = stress.folder()
    m = min(STREAMS, room())
    try:
        dir = os.path.join(root, "plugins", "told")
        os.makedirs(dir)
        stress.replace(os.path.join(dir, "told.so"), stress.stamped(
            stress.plugin_build(root, "told", '-DNAME="told"'), 1))
        plugin = os.path.join(dir, "told.yaml")
        stress.replace(plugin, stress.manifest("told").encode())
        for n in IDLE:
            n = min(n, room())
            s = serve(root, os.path.dirname(dir))
            report.part("%d idle connections, calls meanwhile" % n, idle, report, s, n)
            report.part("the server ends well", s.stop)
        s = serve(root, os.path.dirname(dir))
        report.part("%d streams are told three times" % m, streams, report, s, m,
                    trigger_write(root, s, plugin))
        report.part("the server ends well again", s.stop)
    finally:
        stress.reap()
        stress.shutil.rmtree(root)
    return report.end()


if __name__ == "__main__":
    raise SystemExit(main())
