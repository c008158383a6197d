# SPDX-License-Identifier: Apache-2.0
"""Plugins made by tests, files replaced under a running server, and calls
that are held in their handler."""

import os
import select
import socket
import subprocess
import time

from mcp_bytes import DEADLINE, ROOT, Bytes, Late

INCLUDE = os.path.join(ROOT, "sdk/include")


def compile_plugin(source, output, *flags):
    """A shared object from C text."""
    cc = os.environ.get("CC", "cc")
    c = str(output) + ".c"
    with open(c, "w") as f:
        f.write(source)
    done = subprocess.run(
        [cc, "-std=gnu11", "-shared", "-fPIC", "-fvisibility=hidden", "-O1",
         "-I", INCLUDE, c, "-o", str(output)] + list(flags),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    os.unlink(c)
    assert done.returncode == 0, done.stdout
    os.chmod(output, 0o644)
    return output


def write_file(path, data, how="rename"):
    """Replaces a file, in place or by rename."""
    data = data if isinstance(data, bytes) else data.encode()
    if how == "copy":
        with open(path, "r+b" if os.path.exists(path) else "wb") as f:
            f.truncate(0)
            f.write(data)
        return
    new = os.path.join(os.path.dirname(path), ".new-" + os.path.basename(path))
    with open(new, "wb") as f:
        f.write(data)
    os.chmod(new, 0o644)
    os.rename(new, path)


class Gate:
    """The other end of a held call: fx_hold connects to it and says what it
    sees, and goes on when it is told."""

    def __init__(self, folder):
        self.path = os.path.join(str(folder), "gate%d" % (time.monotonic_ns() % 10**9))
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        self.open = []

    def entered(self, seconds=DEADLINE):
        """Waits until a call is in its handler."""
        ready, _, _ = select.select([self.listener], [], [], seconds)
        if not ready:
            raise Late("no call came")
        sock, _ = self.listener.accept()
        held = Held(sock)
        self.open.append(held)
        assert held.said() == "started"
        return held

    def is_quiet(self):
        ready, _, _ = select.select([self.listener], [], [], 0)
        return not ready

    def close(self):
        for held in self.open:
            held.sock.close()
        self.listener.close()
        os.unlink(self.path)


class Held:
    def __init__(self, sock):
        self.sock = sock
        self.bytes = Bytes(sock)

    def said(self, seconds=DEADLINE):
        line = self.bytes.until(b"\n", seconds)
        return line.decode().strip() if line is not None else None

    def tell(self, what):
        self.sock.sendall(what.encode())

    def go(self):
        self.tell("g")
        assert self.said() == "done"
