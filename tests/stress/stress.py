# SPDX-License-Identifier: Apache-2.0
"""What the stress tests share: counted results, a load of callers, a watched
process, and plugins made from version.c."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "script"))
import mcp_wire as wire  # noqa: E402

LONG = os.environ.get("TOOLPOST_LONG") == "1"
# To try the night by day: its sizes, divided by this.
DIVIDE = int(os.environ.get("TOOLPOST_DIVIDE", "1"))
SEED = int(os.environ.get("TOOLPOST_SEED", "20260728"))
DEADLINE = 60


def sanitizer():
    with open(wire.BIN, "rb") as f:
        binary = f.read()
    for name in ("address", "thread"):
        if b"lib%ssan.so" % name[:1].encode() in binary:
            return name
    return ""


SANITIZER = sanitizer()


def size(gate, sanitized, long):
    """How much of something: in the gate, under a sanitizer, in the night."""
    if LONG and isinstance(long, tuple):
        return tuple(size(gate, min(sanitized), n) for n in long)
    if LONG:
        share = DIVIDE * (10 if SANITIZER else 1)
        return long if share == 1 else max(long // share, sanitized)
    return sanitized if SANITIZER else gate


class Report:
    """Counts what passed, and keeps the figures."""

    def __init__(self, name):
        self.figures = {"test": name, "seed": SEED,
                        "sanitizer": SANITIZER or "none"}
        self.passed = self.failed = 0
        self.began = time.monotonic()

    def check(self, title, good, detail=""):
        if good:
            self.passed += 1
            print("ok: " + title, flush=True)
        else:
            self.failed += 1
            print("FAILED: %s %s" % (title, detail), flush=True)
        return good

    def part(self, title, fn, *args):
        """One result: fn must not raise."""
        began = time.monotonic()
        try:
            fn(*args)
            took = time.monotonic() - began
            if took >= 1:
                self.figures.setdefault("part_seconds", {})[title] = round(took, 1)
        except Exception as e:  # every defect of a part is its failure
            return self.check(title, False, "%s: %s" % (type(e).__name__, e))
        return self.check(title, True)

    def end(self):
        self.figures["seconds"] = round(time.monotonic() - self.began, 1)
        print(json.dumps(self.figures), flush=True)
        print("%d passed, %d failed" % (self.passed, self.failed), flush=True)
        return 0 if self.failed == 0 else 1


started = []  # processes that must not outlive the test


def reap():
    for proc in started:
        if proc.poll() is None:
            proc.kill()
            proc.wait()


def folder():
    return tempfile.mkdtemp(prefix="toolpost-stress-")


def compile_c(source, output, *flags):
    # Not with wire.compile_plugin(): the source stands in a file of its own.
    done = subprocess.run(
        [os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g",
         "-Wall", "-Wextra", os.path.join(HERE, source), "-o", output]
        + list(flags),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise SystemExit("stress: cannot compile %s:\n%s" % (source, done.stdout))
    return output


def load_build(source, output):
    """A program of callers, with the loops and connections that they share."""
    return compile_c(source, output, os.path.join(HERE, "caller.c"),
                     os.path.join(HERE, "wire.c"))


def plugin_build(dir, name, *flags, sanitize=True):
    """The bytes of version.c, built with these flags."""
    flags = list(flags)
    if sanitize and SANITIZER:
        flags.append("-fsanitize=" + SANITIZER)
    path = compile_c(
        "version.c", os.path.join(dir, name + ".so"), "-shared", "-fPIC",
        "-fvisibility=hidden", "-pthread", "-Wl,-z,now",
        "-I", wire.INCLUDE, *flags)
    # What a debugger wants is no part of what is loaded.
    subprocess.run(["strip", "--strip-debug", path], check=True)
    with open(path, "rb") as f:
        return f.read()


MARK = b"STAMP:00000000"


def stamped(module, stamp):
    assert module.count(MARK) == 1
    return module.replace(MARK, b"STAMP:%08d" % stamp)


def manifest(name="version", more="", version="1.0.0"):
    text = ("plugin: %s\nversion: %s\nabi: 1\nmodule: %s.so\n%stools:\n"
            % (name, version, name, more))
    for tool in ("inline", "pool", "later", "serial"):
        text += ("  - name: %s_%s\n    description: Says which one answers.\n"
                 "    inputSchema: {type: object}\n" % (name, tool))
    return text


def replace(path, data):
    """By rename: the name has the old file or the new one."""
    new = os.path.join(os.path.dirname(path), ".new")
    with open(new, "wb") as f:
        f.write(data)
    os.rename(new, path)


def overwrite(path, data):
    """As cp does it: the same file, cut and written."""
    with open(path, "wb") as f:
        f.write(data)


class Load:
    """The callers, and what they say."""

    def __init__(self, program, server, stateful=8, stateless=8):
        self.proc = subprocess.Popen(
            [program, str(server.http[1]), server.line_unix, str(stateful),
             str(stateless)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        started.append(self.proc)
        self.seen, self.is_ready, self.fails, self.end = 0, False, [], None
        self.over = self.quiet = False
        self.cond = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self._wait(lambda: self.is_ready, "every caller's first answer")

    def _read(self):
        for line in self.proc.stdout:
            word, _, rest = line.strip().partition(" ")
            with self.cond:
                if word == "seen":
                    self.seen = int(rest)
                elif word == "ready":
                    self.is_ready = True
                elif word == "end":
                    self.end = [int(x) for x in rest.split()]
                else:
                    self.fails.append(line.strip())
                    if not self.quiet:
                        print(line.strip(), flush=True)
                self.cond.notify_all()
        with self.cond:
            self.over = True
            self.cond.notify_all()

    def _wait(self, what, title):
        with self.cond:
            if not self.cond.wait_for(lambda: what() or self.over, DEADLINE):
                raise wire.Late(title)
            if not what():
                raise AssertionError("the callers ended before: %s: %s"
                                     % (title, self.fails[:3]))

    def tell(self, line):
        self.proc.stdin.write(line + "\n")
        self.proc.stdin.flush()

    def wait_seen(self, stamp):
        self._wait(lambda: self.seen >= stamp, "an answer of stamp %d" % stamp)

    def stop(self):
        self.tell("stop")
        self.proc.wait(DEADLINE)
        self.reader.join(DEADLINE)
        names = ("calls", "failed_calls", "inline", "pool", "later", "serial",
                 "worst_us", "list_changed", "gone_callers")
        return dict(zip(names, self.end))


def usage(pid):
    """(kB resident, descriptors, mappings) of a process."""
    with open("/proc/%d/status" % pid) as f:
        rss = [int(x.split()[1]) for x in f if x.startswith("VmRSS")][0]
    with open("/proc/%d/maps" % pid) as f:
        maps = len(f.readlines())
    return rss, len(os.listdir("/proc/%d/fd" % pid)), maps


def wait_any(server, since, events, seconds=DEADLINE, reason="", **want):
    """The first log line at or behind since that is one of the events."""
    deadline = time.monotonic() + seconds
    at = since
    with server.cond:
        while True:
            while at < len(server.lines):
                line = server.lines[at]
                at += 1
                if (line.get("event") in events
                        and reason in line.get("reason", reason)
                        and all(str(line.get(k)) == str(v)
                                for k, v in want.items())):
                    return line
            if server.log_over:
                raise AssertionError("ended without %r:\n%s"
                                     % (events, server.log_text(since)))
            if not server.cond.wait(max(0, deadline - time.monotonic())):
                raise wire.Late("no %r %r %r in the log:\n%s" % (
                    events, want, reason, server.log_text(since)))
