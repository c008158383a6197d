# SPDX-License-Identifier: Apache-2.0
"""What was measured, where, and how it compares with the yardstick."""
import json
import os
import platform
import re
import shutil
import statistics
import subprocess

import goals
import ready

TEXT = {
    "W1": "64 connections, each with a session, `tools/call` of `echo`, "
          "revision 2025-11-25",
    "W1r": "W1 with the tool in a runner, against W1 in the same turn; its "
           "CPU is that of both processes",
    "W1p": "W1 with a tool that may block, in a worker of the pool, against "
           "W1 in the same turn",
    "W2": "64 connections without sessions, `tools/call` of `echo`, "
          "revision 2026-07-28",
    "W3": "W1, the answer a stream of two events: progress, result",
    "W4": "16 connections: `initialize`, `initialized`, `tools/list`, "
          "`tools/call`, `DELETE`, over and over",
    "W5p": "stdio, 256 messages in flight",
    "W5l": "stdio, one message at a time, client and server on one core",
    "W6": "{streams:,} sessions, each with an open stream; a change told to "
          "all",
    "W8": "W1 while {held:,} idle sessions are held",
    "large": "4 connections, a tool that answers with a million letters, in "
             "a runner, against in process in the same turn",
    "start": "{plugins} plugins, from the start to the first connection",
}
# What a workload is compared by, and how the ratio is read.
KEY = {
    "W1": ("cpu_per_100k", "CPU against the limit"),
    "W1r": ("cost", "CPU against W1"),
    "W1p": ("cost", "CPU against W1"),
    "W2": ("cpu_per_100k", "CPU against the limit"),
    "W3": ("cpu_per_100k", "CPU against the limit"),
    "W4": ("cpu_per_100k", "CPU against the limit"),
    "W5p": ("rate", "messages/s against the limit"),
    "W5l": ("p50_us", "p50 against the limit"),
    "W6": ("us_stream", "us a stream against the limit"),
    "W8": ("held_share", "rate against that of nothing held"),
    "large": ("cost", "CPU against in process", 1.5, 1.25),
    "start": ("worst_ms", "ms, the slower isolation"),
}
# Whose key is a figure of its own, not a ratio to the limit.
OWN = ("W1r", "W1p", "large", "W8", "start")
CLIENT_BUSY = 0.95


def first_line(*command):
    """The first line a program prints about itself, or nothing."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return (done.stdout.splitlines() or [""])[0]


def npm_version(folder, name):
    try:
        text = (folder / "node_modules" / name / "package.json").read_text()
    except OSError:
        return ""
    return json.loads(text)["version"]


def cpu_model():
    with open("/proc/cpuinfo") as f:
        match = re.search(r"^model name\s*:\s*(.*)$", f.read(), re.M)
    return match[1] if match else "unknown"


def cache_values(build):
    """Build type, compiler and flags as CMake keeps them."""
    try:
        text = (build / "CMakeCache.txt").read_text()
    except OSError:
        return {}
    found = dict(re.findall(r"^(CMAKE_\w+):\w+=(.*)$", text, re.M))
    kind = found.get("CMAKE_BUILD_TYPE", "")
    return {
        "build_type": kind,
        "compiler": first_line(found.get("CMAKE_C_COMPILER", "cc"),
                               "--version"),
        "flags": " ".join((found.get("CMAKE_C_FLAGS", ""), found.get(
            f"CMAKE_C_FLAGS_{kind.upper()}", ""))).strip(),
    }


def environment(root, build, versions):
    """What a result is worthless without."""
    git = ["git", "-C", str(root)]
    return {
        "commit": first_line(*git, "rev-parse", "--short=12", "HEAD"),
        "changed": bool(first_line(*git, "status", "--porcelain", "-uno")),
        "kernel": platform.release(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg(),
        "versions": versions,
        **cache_values(build),
    }


def median(samples, key):
    return statistics.median(s.get(key, 0) for s in samples)


def ratio(samples, base, key):
    """The median of the ratios inside each round."""
    pairs = [(a[key], b[key]) for a, b in zip(samples, base) if b[key] > 0]
    return statistics.median(a / b for a, b in pairs) if pairs else None


def summarise(samples):
    """One row for each workload and candidate: medians and ratios."""
    rows = []
    for workload, by_name in samples.items():
        key = KEY[workload][0]
        for name, rounds in by_name.items():
            row = {k: median(rounds, k) for k in (
                "rate", "p50_us", "p99_us", "p999_us", "cpu_per_100k",
                "client_cpu", "server_rss_kb", "start_ms", "cycle_rate",
                "user_kb_each", "us_stream", "last_ms", "open_rate",
                "alone_rate", "held_share", "cost", "added_us", "base_cpu",
                "one_p50_us", "base_one_p50_us", "here_ms", "runners_ms",
                "worst_ms", "runner_kb", "runner_kb_max")}
            row.update(workload=workload, name=name, rounds=len(rounds),
                       ratio=ratio(rounds, by_name.get("limit", ()), key))
            if workload in OWN:
                row["ratio"] = row[key]
            if name != "toolpost" and "toolpost" in by_name:
                mine = by_name["toolpost"]
                row["toolpost_rate"] = ratio(mine, rounds, "rate")
                row["cpu_to_toolpost"] = ratio(rounds, mine, "cpu_per_100k")
            rows.append(row)
    return rows


def number(value, digits):
    if value is None:
        return "-"
    return f"{value:,.{digits}f}"


def client(row):
    busy = " (!)" if row["client_cpu"] > CLIENT_BUSY else ""
    return number(100 * row["client_cpu"], 0) + " %" + busy


def columns_peer(rate):
    """How toolpost does against the server of the row."""
    return [
        (f"toolpost's {rate} to it",
         lambda r: number(r.get("toolpost_rate"), 2)),
        ("its CPU to toolpost's",
         lambda r: number(r.get("cpu_to_toolpost"), 2)),
    ]


def columns_http(workload):
    churn = [("cycles/s", lambda r: number(r["cycle_rate"], 0))]
    return [
        *(churn if workload == "W4" else []),
        ("req/s", lambda r: number(r["rate"], 0)),
        ("p50 us", lambda r: number(r["p50_us"], 0)),
        ("p99 us", lambda r: number(r["p99_us"], 0)),
        ("cpu/100k", lambda r: number(r["cpu_per_100k"], 3)),
        ("to the limit", lambda r: number(r["ratio"], 2)),
        ("RSS MB", lambda r: number(r["server_rss_kb"] / 1024, 1)),
        ("client CPU", client),
        *columns_peer("req/s"),
    ]


def columns_stdio(workload):
    single = workload == "W5l"
    return [
        ("messages/s", lambda r: number(r["rate"], 0)),
        ("p50 us", lambda r: number(r["p50_us"] if single else None, 1)),
        ("p99 us", lambda r: number(r["p99_us"] if single else None, 1)),
        ("cpu/100k", lambda r: number(r["cpu_per_100k"], 3)),
        (KEY[workload][1], lambda r: number(r["ratio"], 2)),
        ("RSS MB", lambda r: number(r["server_rss_kb"] / 1024, 1)),
        ("start ms", lambda r: number(r["start_ms"] or None, 0)),
        *columns_peer("messages/s"),
    ]


def columns_streams(_workload):
    return [
        ("opened/s", lambda r: number(r["open_rate"], 0)),
        ("user kB each", lambda r: number(r["user_kb_each"], 2)),
        ("us a stream, first to last", lambda r: number(r["us_stream"], 2)),
        ("to the limit", lambda r: number(r["ratio"], 2)),
        ("ms, change to last", lambda r: number(r["last_ms"], 0)),
    ]


def columns_held(_workload):
    return [
        ("user kB each", lambda r: number(r["user_kb_each"], 2)),
        ("req/s, nothing held", lambda r: number(r["alone_rate"], 0)),
        ("req/s meanwhile", lambda r: number(r["rate"], 0)),
        ("share", lambda r: number(r["held_share"], 2)),
        ("p99 us", lambda r: number(r["p99_us"], 0)),
        ("client CPU", client),
    ]


def columns_beside(_workload):
    return [
        ("req/s", lambda r: number(r["rate"], 0)),
        ("p99 us", lambda r: number(r["p99_us"], 0)),
        ("cpu/100k", lambda r: number(r["cpu_per_100k"], 3)),
        ("that of W1", lambda r: number(r["base_cpu"], 3)),
        ("to W1", lambda r: number(r["cost"], 2)),
        ("p50 us, one connection", lambda r: number(r["one_p50_us"], 1)),
        ("that of W1", lambda r: number(r["base_one_p50_us"], 1)),
        ("us more", lambda r: number(r["added_us"], 1)),
        ("client CPU", client),
    ]


def columns_large(_workload):
    return [
        ("req/s", lambda r: number(r["rate"], 0)),
        ("p99 us", lambda r: number(r["p99_us"], 0)),
        ("cpu/100k", lambda r: number(r["cpu_per_100k"], 0)),
        ("in process", lambda r: number(r["base_cpu"], 0)),
        ("to that", lambda r: number(r["cost"], 2)),
        ("client CPU", client),
    ]


def columns_start(_workload):
    return [
        ("ms, in process", lambda r: number(r["here_ms"], 0)),
        ("ms, in runners", lambda r: number(r["runners_ms"], 0)),
        ("private kB of an idle runner", lambda r: number(r["runner_kb"], 0)),
        ("of the largest", lambda r: number(r["runner_kb_max"], 0)),
    ]


COLUMNS = {"W1r": columns_beside, "W1p": columns_beside,
           "large": columns_large, "start": columns_start, "W5p": columns_stdio,
           "W5l": columns_stdio, "W6": columns_streams, "W8": columns_held}


def table(columns, rows, labels):
    lines = ["| server | " + " | ".join(c[0] for c in columns) + " |",
             "|---|" + "--:|" * len(columns)]
    for r in rows:
        lines.append(f"| {labels[r['name']]} | "
                     + " | ".join(c[1](r) for c in columns) + " |")
    return lines


def is_busy(env):
    """Others had the machine: more of them wanted to run than it has cores."""
    return env["load_before"][0] > env["cores"]


def tables(rows, env):
    """The tables of all workloads as Markdown."""
    lines = []
    labels, seen = env["labels"], env["lookups"]
    for workload, text in TEXT.items():
        mine = [r for r in rows if r["workload"] == workload]
        if workload == "W8" and seen:
            lines += ["## W7: look-ups in process, every one timed", "",
                      *seen.splitlines(), ""]
        if not mine:
            continue
        columns = COLUMNS.get(workload, columns_http)(workload)
        lines += [f"## {workload}: {text.format(**env)}", "",
                  *table(columns, mine, labels), ""]
    if env.get("ready"):
        lines += ready.lines(env["ready"])
    return lines


def conditions(env):
    """The conditions as Markdown."""
    load = " / ".join(
        ", ".join(f"{x:.2f}" for x in env[k])
        for k in ("load_before", "load_after"))
    changed = " (with changes that are not committed)" if env[
        "changed"] else ""
    lines = [
        f"- `{env['command']}`, commit {env['commit']}{changed}; build "
        f"{env.get('build_type') or 'unknown'}, {env.get('compiler')}, "
        f"flags `{env.get('flags')}`.",
        f"- {env['cpu']}, {env['cores']} cores; kernel {env['kernel']}; "
        f"load average before / after: {load}.",
        f"- {env['rounds']} rounds, interleaved; HTTP samples of "
        f"{env['seconds']:g} s after {env['warm']:g} s of warm-up; every "
        "server started anew for each sample, pinned to core 0, the client "
        "(`toolpost bench`) to core 1.",
        "- All answers of all runs were checked and right.",
    ]
    lines += [f"- {name}: {v}." for name, v in env["versions"].items() if v]
    return lines


def pictures(plots):
    lines = []
    if plots.get("latency"):
        lines += ["## Latency against load", "",
                  "An open loop: a schedule decides when a request leaves, "
                  "and its latency counts from there.",
                  "Each server at 10 to 90 % of its own top rate of W1.", "",
                  "![latency against load](benchmarks-latency.svg)", ""]
    if plots.get("memory"):
        lines += ["## Memory against connections", "",
                  "![memory against connections](benchmarks-memory.svg)", ""]
    return lines


def busy(env):
    if not is_busy(env):
        return []
    return ["**The machine was busy with other work** (load average "
            f"{env['load_before'][0]:.0f} on {env['cores']} cores): rates, "
            "latencies and the share of W8 are", "those of a crowd. Ratios of "
            "CPU, memory, and what W7 finds in the middle hold.", ""]


def markdown(rows, samples, env, plots):
    return "\n".join([
        "# Benchmarks", "",
        "Written by `./dev bench --write`. `cpu/100k` is user + system "
        "seconds of the server and",
        "all its descendants for 100,000 requests. Ratios are medians of "
        "the ratios inside each",
        "round; figures of different runs are not comparable. (!) marks a "
        "client that was the",
        "bottleneck.", "",
        *busy(env), *goals.lines(samples, env), "", *tables(rows, env),
        *pictures(plots), "## Conditions", "", *conditions(env), ""])


def write_json(path, rows, samples, env, plots):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(
        {"environment": env, "summary": rows, "samples": samples,
         "plots": plots}, indent=1) + "\n")
