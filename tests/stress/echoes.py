# SPDX-License-Identifier: Apache-2.0
"""Plugins that echo, each in its own process, their callers, and what a server
holds: for the tests that hurt one of them."""

import time

import stress
from stress import os, replace, wire

PROGRAM = "kill_load.c"
CONFIG = "plugins:\n  isolation: process%s\n" % wire.BEST_EFFORT.replace(", ", "\n  ")


def server(root, count, more="", dirs=(), reactors=2):
    """A server with echo1 .. echoN, and more lines below plugins:."""
    plugins = os.path.join(root, "echoes")
    for n in range(1, count + 1):
        name = "echo%d" % n
        dir = os.path.join(plugins, name)
        os.makedirs(dir)
        stress.compile_c("echo.c", os.path.join(dir, name + ".so"), "-shared",
                         "-fPIC", "-fvisibility=hidden", "-Wl,-z,now",
                         "-I", wire.INCLUDE, '-DNAME="%s"' % name)
        text = "plugin: %s\nversion: 1.0.0\nabi: 1\nmodule: %s.so\nlimits: {breaker: off}\ntools:\n" % (
            name, name)
        for tool in ("now", "pool", "slow"):
            text += ("  - name: %s_%s\n    description: Says it again.\n"
                     "    inputSchema: {type: object}\n" % (name, tool))
        replace(os.path.join(dir, name + ".yaml"), text.encode())
    config = os.path.join(root, "echoes.yaml")
    replace(config, (CONFIG + more).encode())
    s = wire.Server(
        listen=("127.0.0.1:0", "line+unix:" + os.path.join(root, "echoes.s")),
        plugins=(plugins,) + tuple(dirs), config=config,
        args=("--reactors", str(reactors)))
    stress.started.append(s.proc)
    return s


def program(root):
    return stress.load_build(PROGRAM, os.path.join(root, "load"))


def start(program, s, connections, plugins, victims=0, kills=0, quiet=0):
    callers = stress.subprocess.Popen(
        [program, str(s.http[1]), s.line_unix, str(s.pid), str(connections),
         str(plugins), str(victims), str(kills), str(quiet)],
        stdin=stress.subprocess.PIPE, stdout=stress.subprocess.PIPE, text=True)
    stress.started.append(callers)
    return callers


def ended(callers):
    """What the callers said: failures, figures.  They end by themselves, or by
    the end of their standard input."""
    lines = callers.stdout.read().splitlines()
    callers.stdin.close()
    callers.wait(stress.DEADLINE)
    fails = [line for line in lines if line.startswith("fail ")]
    if not lines or not lines[-1].startswith("end "):
        raise AssertionError("the callers did not end: %s" % fails[:3])
    words = lines[-1].split()[1:]
    return fails, dict(zip(words[::2], map(int, words[1::2])))


def children(pid):
    """Process number -> state, of all children."""
    found = {}
    for child in wire.children(pid):
        stat = wire.proc_read("%d/stat" % child)
        if stat:
            found[child] = stat.rsplit(")", 1)[1].split()[0]
    return found


class Held:
    """What a server holds now."""

    def __init__(self, pid):
        self.rss, self.fds, self.maps = stress.usage(pid)
        self.threads = len(os.listdir("/proc/%d/task" % pid))
        states = children(pid)
        self.children, self.zombies = len(states), list(states.values()).count("Z")

    def __repr__(self):
        return repr(self.__dict__)

    def grown(self, before, kb):
        """What is more than before, by name."""
        more = [name for name in ("fds", "threads", "children", "zombies")
                if getattr(self, name) > getattr(before, name)]
        # A sanitizer keeps what is freed.
        if not stress.SANITIZER and self.rss > before.rss + kb:
            more.append("rss")
        return more


def come_back(pid, before, kb, figures):
    """Looks again until nothing is more than before: descriptors of callers
    that have left, runners that are not yet reaped."""
    deadline = time.monotonic() + stress.DEADLINE
    while True:
        now = Held(pid)
        more = now.grown(before, kb)
        if not more:
            break
        assert time.monotonic() < deadline, "more %s: %r, before %r" % (
            more, now, before)
        time.sleep(0.05)
    figures.update({"rss_kb": [before.rss, now.rss], "fds": [before.fds, now.fds],
                    "maps": [before.maps, now.maps],
                    "threads": [before.threads, now.threads]})
