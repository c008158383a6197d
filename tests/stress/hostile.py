#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Twenty kinds of bad plugin, each beside the calls of 32 connections to others
(R-11): the server lives, no other call fails, each bad call has an error that
says what happened, the plugin is quarantined when its runner has died as often
as the operator allows, and a word of the operator brings it back.

Environment: TOOLPOST_BIN, TOOLPOST_ROUNDS (1; 34 with TOOLPOST_LONG=1): three
calls of each kind in a round; TOOLPOST_NEVERS (1; 100): plugins that are never
ready, all at once."""

import signal

import echoes
import stress
from stress import os, replace, wire

ROUNDS = int(os.environ.get("TOOLPOST_ROUNDS", stress.size(1, 1, 34)))
NEVERS = int(os.environ.get("TOOLPOST_NEVERS", stress.size(1, 1, 100)))
DEATHS = 3
PLUGINS, CONNECTIONS = 2, 32
CONFIG = "  hostile: {restart: {intensity: %d, period: 1h, pause: 0s}}\n" % DEATHS
HERE = os.path.join(wire.ROOT, "tests", "plugins")
# Of each: does its runner die of it, and a word of the error or of the answer.
KINDS = [
    ("segv", True, "signal 11"), ("double_free", True, "signal 6"),
    ("abort", True, "signal 6"), ("exit", True, "status 3"),
    ("stack", True, "signal 11"), ("loop", True, "deadline"),
    ("deadlock", True, "deadline"), ("memory", False, "Out of memory"),
    ("fork", True, "system call not allowed"), ("descriptors", False, "all taken"),
    ("noise", False, "said"), ("wrong_frame", True, "rules"),
    ("wrong_id", True, "rules"), ("big", False, "limit"),
    ("signals", False, "deaf"), ("surroundings", False, "moved"),
    ("close", True, ""), ("stop", True, "deadline"), ("unsealed", True, "rules"),
]
# With a sanitizer memory has no bound, and its runtime has words of its own.
UNBOUNDED = ("memory",)
NEVER = """#include <toolpost/plugin.h>
#include <unistd.h>
static int tool(struct tp_call *call, void *state)
{ (void)state; return tp_text(call, tp_cstr("never")); }
static int load(struct tp_plugin *p, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{ (void)p; (void)config; (void)previous; (void)state; for (;;) (void)pause(); }
static const struct tp_entry entries[] = { TP_TOOL("never000", tool) };
TP_PLUGIN_STATE("never000", "1.0.0", entries, 0, load, NULL, NULL);
"""
NEVER_YAML = """plugin: never000
version: 1.0.0
abi: 1
module: never000.so
tools:
  - {name: never000, description: Never., inputSchema: {type: object}}
"""


def plugin(dir, name, source, manifest):
    os.makedirs(dir, exist_ok=True)
    wire.compile_plugin(source, os.path.join(dir, name + ".so"), "-pthread",
                        "-Wl,-z,now")
    replace(os.path.join(dir, name + ".yaml"), manifest.encode())


def text(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return f.read()


def said(client, kind, lost):
    """All words of the answer to a bad call: its result or its error."""
    client.tool("hostile_none")  # there is a runner for it
    m = client.post("tools/call", {"name": "hostile_" + kind, "arguments": {}}).json
    if "error" in m:
        e = m["error"]
        assert e["code"] == -32603, e
        data = e.get("data") or {}
        if lost:
            assert data["plugin"] == "hostile" and data["reason"], e
            assert data["phase"] == "running", e
        return wire.dumps(e)
    return wire.dumps(m["result"])


def three(s, client, kind, dies, word):
    """Three calls of a kind."""
    mark = s.mark()
    for _ in range(DEATHS):
        now = s.mark()
        got = said(client, kind, dies and word != "deadline")
        if not stress.SANITIZER:
            assert word.encode() in got, got
        if word == "deadline":  # until then it has the plugin's other calls
            s.wait_log("runner retired", now, stress.DEADLINE, plugin="hostile")
    assert s.proc.poll() is None
    if not dies:
        client.tool("hostile_none")
        return
    line = s.wait_log("plugin quarantined", mark, stress.DEADLINE, plugin="hostile")
    assert "after %d deaths" % DEATHS in line["reason"] and line["hint"], line
    assert "hostile_none" not in [t["name"] for t in client.call("tools/list")["tools"]]
    s.kill(signal.SIGHUP)
    s.wait_log("plugin warm", mark, stress.DEADLINE, plugin="hostile")
    client.tool("hostile_none")


def never_ready(s, root):
    """Their load() does not return: each is refused after ten seconds, and
    nobody else has waited for it."""
    plugin(os.path.join(root, "never"), "never000", NEVER, NEVER_YAML)
    with open(os.path.join(root, "never", "never000.so"), "rb") as f:
        module = f.read()
    mark = s.mark()
    names = ["never%03d" % n for n in range(NEVERS)]
    for name in names:  # by rename: each comes whole
        made = os.path.join(root, name)
        os.mkdir(made)
        replace(os.path.join(made, name + ".so"),
                module.replace(b"never000", name.encode()))
        replace(os.path.join(made, name + ".yaml"),
                NEVER_YAML.replace("never000", name).encode())
        os.rename(made, os.path.join(root, "bad", name))
    s.kill(signal.SIGHUP)
    for name in names:
        line = stress.wait_any(s, mark, ("plugin refused",), 10 * NEVERS + stress.DEADLINE,
                               plugin=name)
        assert "not ready" in line["reason"] and "load()" in line["reason"], line
    mark = s.mark()
    for name in names:  # or each reload tries them again
        os.rename(os.path.join(root, "bad", name), os.path.join(root, name + ".gone"))
    s.kill(signal.SIGHUP)
    s.wait_log("reload", mark, stress.DEADLINE)


def rounds(report, s, root):
    kinds = [k for k in KINDS if not (stress.SANITIZER and k[0] in UNBOUNDED)]
    before = echoes.Held(s.pid)
    bad = []
    for n in range(ROUNDS):
        client = wire.Modern(s)  # the one before may have been idle for long
        for kind, dies, word in kinds:
            title = "%s, three times" % kind.replace("_", " ")
            try:
                three(s, client, kind, dies, word)
            except Exception as e:  # each is its kind's failure
                bad.append(kind)
                report.check(title, False, "%s: %s" % (type(e).__name__, e))
                mark = s.mark()
                s.kill(signal.SIGHUP)
                s.wait_log("reload", mark, stress.DEADLINE)
                client = wire.Modern(s)
                continue
            if n == ROUNDS - 1 and kind not in bad:
                report.check(title, True)
        if n == 0:
            report.part("%d never ready" % NEVERS, never_ready, s, root)
            before = echoes.Held(s.pid) if ROUNDS > 1 else before
        client.close()
        with s.cond:
            del s.lines[:]
    return before


def main():
    report = stress.Report("hostile")
    report.figures.update(rounds=ROUNDS, nevers=NEVERS)
    root = stress.folder()
    try:
        program = echoes.program(root)
        plugin(os.path.join(root, "bad", "hostile"), "hostile", text("hostile.c"),
               text("hostile.yaml"))
        s = echoes.server(root, PLUGINS, CONFIG, (os.path.join(root, "bad"),))
        callers = echoes.start(program, s, CONNECTIONS, PLUGINS)
        before = rounds(report, s, root)
        callers.stdin.close()
        fails, figures = echoes.ended(callers)
        report.figures.update(figures)
        report.check("%d calls of others beside them: none failed" % figures["calls"],
                     not fails and figures["calls"] > 0, fails[:3])
        report.part("nothing has grown", echoes.come_back, s.pid, before,
                    1024 if ROUNDS > 1 else 4096, report.figures)
        report.part("the server ends well", s.stop, signal.SIGTERM, True)
    finally:
        stress.reap()
        stress.shutil.rmtree(root)
    return report.end()


if __name__ == "__main__":
    raise SystemExit(main())
