# SPDX-License-Identifier: Apache-2.0
"""What it costs to have a tool in a runner, or in the pool, and many of them:
W1r, W1p, large and start."""
import shutil
import socket
import time
from pathlib import Path

import load
from serving import Server

ANSWER_S = 60
KB = ("Private_Clean:", "Private_Dirty:")


def children(pid):
    """The processes that this one has started, of all its threads."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += (task / "children").read_text().split()
    return [int(child) for child in found]


def private_kb(pid):
    """What a process has for itself alone."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) for line in f
                   if line.startswith(KB))


def both(o, client, candidate, workload, work):
    """64 connections, and the time of one alone, of a server made anew."""
    port = Server.free_port()
    command = candidate.http(workload, port, work)
    with Server(command, port, work / "server.log",
                cpu=load.SERVER_CPU) as server:
        many = load.calls(client, o, candidate, server, workload)
        one = load.calls(client, o, candidate, server, workload,
                         "--connections", 1)
    return many, one


def beside(o, client, candidate, workload, work):
    """W1r and W1p: W1 in process, then the same with the tool elsewhere."""
    base, base_one = both(o, client, candidate, "W1", work)
    sample, one = both(o, client, candidate, workload, work)
    sample.update(
        base_cpu=base["cpu_per_100k"], base_rate=base["rate"],
        cost=sample["cpu_per_100k"] / base["cpu_per_100k"],
        one_p50_us=one["p50_us"], base_one_p50_us=base_one["p50_us"],
        added_us=one["p50_us"] - base_one["p50_us"])
    return sample


def large(o, client, candidate, work):
    """A million letters in an answer, in process and out of a runner."""
    found = []
    for workload in ("W1", "W1r"):
        port = Server.free_port()
        command = candidate.http(workload, port, work)
        with Server(command, port, work / "server.log",
                    cpu=load.SERVER_CPU) as server:
            found.append(load.calls(client, o, candidate, server, "large"))
    base, sample = found
    sample.update(base_cpu=base["cpu_per_100k"], base_rate=base["rate"],
                  cost=sample["cpu_per_100k"] / base["cpu_per_100k"])
    return sample


def write_many(source, folder, count):
    """Plugins that differ in the digits of their names."""
    module = (source / "many/many.so").read_bytes()
    manifest = (source / "many/many.yaml").read_text()
    for i in range(count):
        digits = f"{i:03}"
        one = folder / f"many-{digits}"
        one.mkdir()
        (one / f"many-{digits}.so").write_bytes(
            module.replace(b"many-000", b"many-" + digits.encode())
            .replace(b"tool_000", b"tool_" + digits.encode()))
        (one / f"many-{digits}.yaml").write_text(
            manifest.replace("many-000", f"many-{digits}")
            .replace("tool_000", f"tool_{digits}"))


def await_answer(port):
    """A connection is taken before plugins are loaded, an answer comes when
    they are."""
    with socket.create_connection(("127.0.0.1", port), ANSWER_S) as s:
        s.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        if not s.recv(1):
            raise load.Refused("the server closed without an answer")


def start_once(candidate, work, isolation, folder):
    """Milliseconds to its first answer, and what its runners have."""
    port = Server.free_port()
    command = candidate.many(port, work, folder, isolation)
    begin = time.monotonic()
    with Server(command, port, work / "server.log") as server:
        await_answer(port)
        ms = 1000 * (time.monotonic() - begin)
        runners = [private_kb(p) for p in children(server.process.pid)]
    return ms, sorted(runners)


def start(candidate, work, count):
    """So many plugins in process and in runners: the time until it serves,
    and what an idle runner has for itself."""
    folder = work / "many"
    folder.mkdir()
    write_many(candidate.copied, folder, count)
    here_ms, _ = start_once(candidate, work, "none", folder)
    ms, runners = start_once(candidate, work, "process", folder)
    shutil.rmtree(folder)
    if len(runners) != count:
        raise load.Refused(f"{len(runners)} runners of {count} plugins")
    return {"rate": 0, "p50_us": 0, "cpu_per_100k": 0, "client_cpu": 0,
            "here_ms": here_ms, "runners_ms": ms,
            "worst_ms": max(here_ms, ms), "runner_kb": runners[count // 2],
            "runner_kb_max": runners[-1]}
