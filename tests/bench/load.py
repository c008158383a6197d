# SPDX-License-Identifier: Apache-2.0
"""Drives the load generator, toolpost bench, through the workloads."""
import json
import os
import subprocess

SERVER_CPU, CLIENT_CPU = 0, 1
SAMPLE_S = 600
OLD = ["--protocol", "2025-11-25"]
PER_HOLDER = 17000  # connections of one client process
PER_SOURCE = 4000  # and of one source address


class Refused(Exception):
    """A sample that must not be kept."""


def pin(cpu):
    return lambda: os.sched_setaffinity(0, {cpu})


def last_line(text):
    return (text.strip().splitlines() or ["it said nothing"])[-1]


class Load:
    """The load generator; one run of it is one sample."""

    def __init__(self, binary, cpu=CLIENT_CPU):
        self.command = [str(binary), "bench", "--json"]
        self.cpu = cpu

    def run(self, *flags, cpu=None):
        """The figures of one run, or a refusal."""
        done = subprocess.run(
            [*self.command, *map(str, flags)], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=SAMPLE_S,
            preexec_fn=pin(self.cpu if cpu is None else cpu))
        return self.figures(done.returncode, done.stdout, done.stderr)

    @staticmethod
    def figures(status, out, errors):
        if status != 0:
            raise Refused(last_line(errors))
        sample = json.loads(out)
        if sample["errors"]["total"]:
            raise Refused(f"errors: {sample['errors']}")
        sample["server_rss_kb"] = sample["after"]["rss_kb"]
        return sample

    def hold(self, *flags):
        """Starts a run that holds connections until end() is called."""
        return Holder([*self.command, "--hold", *map(str, flags)], self.cpu)


class Holder:
    """Connections held by one process."""

    def __init__(self, command, cpu):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=pin(cpu))

    def await_open(self):
        line = self.process.stderr.readline()
        if "connections are open" not in line:
            self.process.communicate()
            raise Refused(last_line(line))

    def end(self):
        """Its figures; refused when a connection was lost meanwhile."""
        out, errors = self.process.communicate(timeout=SAMPLE_S)
        return Load.figures(self.process.returncode, out, errors)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def url(server):
    return f"http://127.0.0.1:{server.port}/mcp"


def timing(o, candidate):
    return ["--warm", f"{max(o.warm, candidate.least_warm) * 1000:.0f}ms",
            "--duration", f"{max(o.seconds, candidate.least_s) * 1000:.0f}ms"]


def calls(load, o, candidate, server, workload, *more):
    """W1 to W4."""
    era = ["--protocol", "2026-07-28"] if workload == "W2" else OLD
    mode = {"W3": ["--progress"], "W4": ["--mode", "churn"]}.get(workload, [])
    return load.run(url(server), *era, *mode, *candidate.flags(workload),
                    *timing(o, candidate), "--pid", server.process.pid, *more)


def stdio(load, candidate, workload, messages):
    """W5.  One message at a time keeps both on one core: across cores the
    wake-up of a core is all that would be seen."""
    single = workload == "W5l"
    handshake = ["--no-handshake"] if candidate.name == "limit" else []
    return load.run(
        *OLD, "--messages", max(1000, int(messages * candidate.share)),
        "--window", 1 if single else 256, *handshake,
        *[f for f in candidate.flags(workload) if f != "--no-handshake"],
        "--", "taskset", "-c", SERVER_CPU, *candidate.stdio(),
        cpu=SERVER_CPU if single else CLIENT_CPU)


def streams(load, candidate, server, work, count, rounds):
    """W6: open streams, then a change told to all of them."""
    sample = load.run(
        url(server), *OLD, "--mode", "streams", "--connections", count,
        "--sources", max(2, count // PER_SOURCE), "--rounds", rounds,
        "--trigger", candidate.change(server, work),
        "--pid", server.process.pid, *candidate.flags("W6"))
    told = sorted((r["last_ms"] - r["first_ms"], r["last_ms"])
                  for r in sample["rounds"])
    spread, last = told[len(told) // 2]
    sample.update(us_stream=spread * 1e3 / count, last_ms=last,
                  open_rate=count / max(sample["open_s"], 0.001))
    return sample


def open_holders(load, server, count, *flags):
    """Holders of so many connections in all, each of another source."""
    holders = []
    sources = max(2, -(-min(count, PER_HOLDER) // PER_SOURCE))
    try:
        while count > 0:
            some = min(count, PER_HOLDER)
            holders.append(load.hold(
                url(server), *OLD, "--mode", "idle", "--connections", some,
                "--sources", sources, "--first-source",
                2 + len(holders) * sources, *flags))
            holders[-1].await_open()
            count -= some
    except (Refused, OSError):
        for h in holders:
            h.kill()
        raise
    return holders


def memory(pid):
    """Anonymous memory of a process in kB."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith("Anonymous:"):
                return int(line.split()[1])
    return 0


def held(load, o, candidate, server, count):
    """W8: W1 alone, and again while so many idle sessions are held."""
    flags = candidate.flags("W8")
    alone = calls(load, o, candidate, server, "W8")
    before = memory(server.process.pid)
    holders = open_holders(load, server, count,
                           *(f for f in flags if f == "--no-handshake"))
    try:
        each = (memory(server.process.pid) - before) / count
        sample = calls(load, o, candidate, server, "W8")
        for h in holders:
            h.end()  # all are still open, or it refuses
    finally:
        for h in holders:
            h.kill()
    sample.update(user_kb_each=each, alone_rate=alone["rate"],
                  held=count, held_share=sample["rate"] / alone["rate"])
    return sample
