#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""64 clients of every revision, over HTTP and line sockets, all with the same
ids and progress tokens, some of whom leave in the middle: no answer, progress
notification or log message reaches another one (R-21).

The callers are tried first on a plugin that mixes them up by itself: they must
see it.

Environment: TOOLPOST_BIN, TOOLPOST_CALLS (100,000; 1,000,000 with
TOOLPOST_LONG=1), TOOLPOST_SEED."""

import stress
from stress import os, replace, wire

CALLS = int(os.environ.get("TOOLPOST_CALLS",
                           stress.size(100000, 10000, 1000000)))
TRIED = stress.size(3000, 1000, 3000)
CROSSINGS = {1: "answer", 2: "progress", 4: "log message"}


def served(root, name, *flags):
    """A server whose one plugin is made with these flags."""
    plugins = os.path.join(root, name)
    dir = os.path.join(plugins, "version")
    os.makedirs(dir)
    module = stress.plugin_build(root, name, "-DVARIANT=1", *flags)
    replace(os.path.join(dir, "version.so"), stress.stamped(module, 1))
    replace(os.path.join(dir, "version.yaml"), stress.manifest().encode())
    s = wire.Server(
        listen=("127.0.0.1:0", "line+unix:" + os.path.join(root, name + ".s")),
        plugins=(plugins,), args=("--reactors", "3"))
    stress.started.append(s.proc)
    return s


def called(program, server, calls):
    """The failures that the callers saw, and their figures."""
    done = stress.subprocess.run(
        [program, str(server.http[1]), server.line_unix, str(calls),
         str(stress.SEED)], stdout=stress.subprocess.PIPE, text=True,
        timeout=7200 if stress.LONG else 600)
    lines = done.stdout.splitlines()
    fails = [line for line in lines if line.startswith("fail ")]
    if not lines or not lines[-1].startswith("end "):
        raise AssertionError("the callers did not end: %s" % fails[:3])
    words = lines[-1].split()[1:]
    figures = dict(zip(words[::2], map(int, words[1::2])))
    assert done.returncode == (1 if figures["failed"] else 0)
    return fails, figures


def crossing_is_seen(root, program, what):
    s = served(root, "crossed%d" % what, "-DCROSS=%d" % what)
    fails, figures = called(program, s, TRIED)
    s.stop()
    assert figures["failed"] > 0, figures
    others = [f for f in fails if "another call" not in f]
    assert not others, others[:3]


def everyone_has_his_own(report, root, program):
    s = served(root, "owners")
    before = stress.usage(s.pid)[1]
    fails, figures = called(program, s, CALLS)
    report.figures.update(figures)
    report.check("%d calls: nothing reached a wrong client" % CALLS,
                 figures["failed"] == 0 and figures["calls"] >= CALLS, fails[:3])
    silent = [k for k, v in figures.items() if v == 0 and k != "failed"]
    report.check("every era, answer and notification was there", not silent,
                 silent)
    report.part("descriptors come back", descriptors_back, s, before)
    report.part("the server ends well", s.stop)


def descriptors_back(server, fds):
    """Each look is paced by a request."""
    deadline = stress.time.monotonic() + stress.DEADLINE
    while stress.usage(server.pid)[1] > fds:
        wire.left(deadline)
        c = wire.Modern(server)
        c.call("tools/list")
        c.close()


def main():
    report = stress.Report("owners")
    root = stress.folder()
    try:
        program = stress.load_build("owners_load.c", os.path.join(root, "load"))
        for what, name in CROSSINGS.items():
            report.part("one %s in 64 mixed up is seen" % name,
                        crossing_is_seen, root, program, what)
        report.part("everyone has his own", everyone_has_his_own, report, root,
                    program)
    finally:
        stress.reap()
        stress.shutil.rmtree(root)
    return report.end()


if __name__ == "__main__":
    raise SystemExit(main())
