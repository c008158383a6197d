# SPDX-License-Identifier: Apache-2.0
"""The program as a process: its log, its addresses, its end."""

import atexit
import ctypes
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

from mcp_bytes import BIN, DEADLINE, PLUGINS, Bytes, Late

BAD_LOG = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehavior"
    r"|runtime error:|toolpost panic")


def built_with(symbol):
    """The page of compatibility is written before anything is built."""
    if not os.path.exists(BIN):
        return False
    with open(BIN, "rb") as f:
        return symbol in f.read()


SANITIZED = built_with(b"__asan_init")
# Counts its lines: its runners open files, to write the counters.
COUNTED = built_with(b"__gcov_dump")

LANDLOCK = max(0, ctypes.CDLL(None).syscall(444, None, 0, 1))
# Where the kernel has none of it, runners go without.
BEST_EFFORT = "" if LANDLOCK else ", sandbox: best-effort"

# TOOLPOST_ISOLATION=none: the same tests with every plugin in the server; a
# runner each without it, as is the server's default.
ISOLATION = os.environ.get("TOOLPOST_ISOLATION", "process")


def plugins_setting():
    """What a configuration that does not speak of plugins has to say."""
    return "plugins: {isolation: %s%s}\n" % (ISOLATION, BEST_EFFORT) \
        if ISOLATION != "process" or BEST_EFFORT else ""


def isolation_args():
    if not plugins_setting():
        return []
    path = os.path.join(tempfile.gettempdir(), "toolpost-%s-%d.yaml"
                        % (ISOLATION, os.getpid()))
    if not os.path.exists(path):
        with open(path, "w") as f:
            f.write(plugins_setting())
        atexit.register(os.unlink, path)
    return ["--config", path]


def limit_args(descriptors):
    """What makes a program that has only so many descriptors."""
    if descriptors is None:
        return []
    return ["sh", "-c", "ulimit -n %d && exec \"$@\"" % descriptors, "sh"]


def proc_read(path):
    """What /proc says; nothing of a thread or process that is gone meanwhile."""
    try:
        with open("/proc/" + path) as f:
            return f.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children(pid):
    """The processes that any thread of it has started, and not reaped."""
    return [int(child) for task in os.listdir("/proc/%d/task" % pid)
            for child in proc_read("%d/task/%s/children" % (pid, task)).split()]


class Process:
    """The program, its log read as it comes."""

    def __init__(self, args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                 env=None, cwd=None, descriptors=None):
        full = dict(os.environ)
        full.update({"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent",
                     "LC_ALL": "C.UTF-8"})
        full.update(env or {})
        self.proc = subprocess.Popen(
            limit_args(descriptors) + [BIN] + [str(a) for a in args],
            stdin=stdin, stdout=stdout,
            stderr=subprocess.PIPE, env=full, cwd=cwd)
        self.lines = []
        self.log_over = False
        self.cond = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for raw in self.proc.stderr:
            text = raw.decode("utf-8", "replace").rstrip("\n")
            try:
                item = json.loads(text)
                if not isinstance(item, dict):
                    item = {"text": text}
            except ValueError:
                item = {"text": text}
            with self.cond:
                self.lines.append(item)
                self.cond.notify_all()
        with self.cond:
            self.log_over = True
            self.cond.notify_all()

    @property
    def pid(self):
        return self.proc.pid

    def mark(self):
        """A place in the log to wait from."""
        with self.cond:
            return len(self.lines)

    def wait_log(self, event, since=0, seconds=DEADLINE, **want):
        """The first log line with that event at or behind since."""
        deadline = time.monotonic() + seconds
        at = since
        with self.cond:
            while True:
                while at < len(self.lines):
                    line = self.lines[at]
                    at += 1
                    if line.get("event") == event and all(
                            str(line.get(k)) == str(v) for k, v in want.items()):
                        return line
                if self.log_over:
                    raise AssertionError(
                        "ended without %r:\n%s" % (event, self.log_text(since)))
                if not self.cond.wait(max(0, deadline - time.monotonic())):
                    raise Late("no %r %r in the log:\n%s"
                               % (event, want, self.log_text(since)))

    def log_text(self, since=0):
        return "\n".join(json.dumps(x, ensure_ascii=False)
                         for x in self.lines[since:][-60:])

    def kill(self, signo):
        self.proc.send_signal(signo)

    def wait(self, seconds=DEADLINE):
        try:
            rc = self.proc.wait(seconds)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            self.reader.join(DEADLINE)
            raise Late("the server did not end:\n" + self.log_text())
        self.reader.join(DEADLINE)
        return rc

    def check_log(self, allow_errors=False):
        for line in self.lines:
            assert not BAD_LOG.search(json.dumps(line)), self.log_text()
            if not allow_errors:
                assert line.get("level") != "error", line

    def stop(self, signo=signal.SIGTERM, allow_errors=False):
        """Ends it and checks that it ended well."""
        if self.proc.poll() is None:
            self.kill(signo)
        rc = self.wait()
        self.check_log(allow_errors)
        assert rc == 0, "exit status %d\n%s" % (rc, self.log_text())


class Server(Process):
    """toolpost serve, with what it listens on."""

    def __init__(self, listen=("127.0.0.1:0",), plugins=(PLUGINS,), config=None,
                 args=(), env=None, descriptors=None):
        line = ["serve", "--log", "json"]
        for a in listen:
            line += ["--listen", a]
        for p in plugins:
            line += ["--plugins", p]
        line += ["--config", config] if config is not None else isolation_args()
        super().__init__(line + list(args), env=env, descriptors=descriptors)
        self.addresses = []
        at = 0
        try:
            for _ in listen:
                found = self.wait_log("listening", at)
                at = self.lines.index(found, at) + 1
                self.addresses.append(found["address"])
        except BaseException:
            self.proc.kill()
            self.wait()
            raise

    def _find(self, prefix):
        for a in self.addresses:
            if a.startswith(prefix):
                return a[len(prefix):]
        raise AssertionError("not listening on %s: %r" % (prefix, self.addresses))

    @staticmethod
    def _tcp(text):
        host, _, port = text.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def http(self):
        return self._tcp(self._find("http://").split("/")[0])

    @property
    def http_unix(self):
        return self._find("unix:")

    @property
    def line_tcp(self):
        return self._tcp(self._find("line+tcp:"))

    @property
    def line_unix(self):
        return self._find("line+unix:")


class Stdio(Process):
    """toolpost stdio."""

    def __init__(self, plugins=(PLUGINS,), args=(), env=None):
        line = ["stdio", "--log", "json"]
        for p in plugins:
            line += ["--plugins", p]
        line += isolation_args()
        super().__init__(line + list(args), stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, env=env)
        self.out = Bytes(self.proc.stdout)

    def write(self, data):
        self.proc.stdin.write(data)
        self.proc.stdin.flush()

    def end(self):
        if not self.proc.stdin.closed:
            self.proc.stdin.close()
