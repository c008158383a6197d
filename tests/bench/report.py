# SPDX-License-Identifier: Apache-2.0
"""What was measured, where, and how it compares with the yardstick."""
import json
import os
import platform
import re
import shutil
import statistics
import subprocess

TEXT = {
    "W1": "64 connections, each with a session, `tools/call` of `echo`, "
          "revision 2025-11-25",
    "W2": "64 connections without sessions, `tools/call` of `echo`, "
          "revision 2026-07-28",
    "W5p": "stdio, 256 messages in flight",
    "W5l": "stdio, one message at a time, client and server on one core",
}
# What a workload is judged by, and how the ratio is read.
KEY = {
    "W1": ("cpu_per_100k", "CPU against the limit"),
    "W2": ("cpu_per_100k", "CPU against the limit"),
    "W5p": ("rate", "messages/s against the limit"),
    "W5l": ("p50_us", "p50 against the limit"),
}
CLIENT_BUSY = 0.95


def first_line(*command):
    """The first line a program prints about itself, or nothing."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return (done.stdout.splitlines() or [""])[0]


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
    return statistics.median(s[key] for s in samples)


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
                "client_cpu", "server_rss_kb", "start_ms")}
            row.update(workload=workload, name=name, rounds=len(rounds),
                       ratio=ratio(rounds, by_name["limit"], key),
                       p99_ratio=ratio(rounds, by_name["limit"], "p99_us"))
            if name != "toolpost" and "toolpost" in by_name:
                row["toolpost_rate"] = ratio(by_name["toolpost"], rounds,
                                             "rate")
            rows.append(row)
    return rows


def number(value, digits):
    if value is None:
        return "-"
    return f"{value:,.{digits}f}"


def table_http(rows, labels):
    lines = ["| server | req/s | p50 us | p99 us | cpu/100k | to the limit "
             "| RSS MB | client CPU | toolpost's req/s to it |",
             "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for r in rows:
        busy = " (!)" if r["client_cpu"] > CLIENT_BUSY else ""
        lines.append(
            f"| {labels[r['name']]} | {number(r['rate'], 0)} "
            f"| {number(r['p50_us'], 0)} | {number(r['p99_us'], 0)} "
            f"| {number(r['cpu_per_100k'], 3)} | {number(r['ratio'], 2)} "
            f"| {number(r['server_rss_kb'] / 1024, 1)} "
            f"| {number(100 * r['client_cpu'], 0)} %{busy} "
            f"| {number(r.get('toolpost_rate'), 2)} |")
    return lines


def table_stdio(rows, labels, workload):
    lines = ["| server | messages/s | p50 us | p99 us | cpu/100k "
             f"| {KEY[workload][1]} | RSS MB | start ms |",
             "|---|--:|--:|--:|--:|--:|--:|--:|"]
    for r in rows:
        single = workload == "W5l"
        lines.append(
            f"| {labels[r['name']]} | {number(r['rate'], 0)} "
            f"| {number(r['p50_us'] if single else None, 1)} "
            f"| {number(r['p99_us'] if single else None, 1)} "
            f"| {number(r['cpu_per_100k'], 3)} | {number(r['ratio'], 2)} "
            f"| {number(r['server_rss_kb'] / 1024, 1)} "
            f"| {number(r['start_ms'] or None, 0)} |")
    return lines


def tables(rows, labels):
    """The tables of all workloads as Markdown."""
    lines = []
    for workload in TEXT:
        mine = [r for r in rows if r["workload"] == workload]
        if not mine:
            continue
        lines += [f"## {workload}: {TEXT[workload]}", ""]
        if workload.startswith("W5"):
            lines += table_stdio(mine, labels, workload)
        else:
            lines += table_http(mine, labels)
        lines.append("")
    return lines


def conditions(env):
    """The conditions as Markdown."""
    load = " / ".join(
        ", ".join(f"{x:.2f}" for x in env[k])
        for k in ("load_before", "load_after"))
    changed = " (with changes that are not committed)" if env[
        "changed"] else ""
    lines = [
        f"- Commit {env['commit']}{changed}; build "
        f"{env.get('build_type') or 'unknown'}, {env.get('compiler')}, "
        f"flags `{env.get('flags')}`.",
        f"- {env['cpu']}, {env['cores']} cores; kernel {env['kernel']}; "
        f"load average before / after: {load}.",
        f"- {env['rounds']} rounds, interleaved; HTTP samples of "
        f"{env['seconds']:g} s after {env['warm']:g} s of warm-up; every "
        "server started anew for each sample, pinned to core 0, the client "
        "to core 1.",
        "- All answers of all runs were checked and right.",
    ]
    lines += [f"- {name}: {v}." for name, v in env["versions"].items() if v]
    return lines


def markdown(rows, labels, env):
    return "\n".join([
        "# Benchmarks", "",
        "Written by `./dev bench --write`. `cpu/100k` is user + system "
        "seconds of the server and",
        "all its descendants for 100,000 requests. Ratios are medians of "
        "the ratios inside each",
        "round; figures of different runs are not comparable. (!) marks a "
        "client that was the",
        "bottleneck.", "",
        *tables(rows, labels), "## Conditions", "", *conditions(env), ""])


def write_json(path, rows, samples, env):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(
        {"environment": env, "summary": rows, "samples": samples},
        indent=1) + "\n")
