# SPDX-License-Identifier: Apache-2.0
"""Bytes from a peer, read against a deadline."""

import os
import select
import socket
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.get("TOOLPOST_BIN", os.path.join(ROOT, "build/release/toolpost"))
PLUGINS = os.environ.get(
    "TOOLPOST_PLUGINS", os.path.join(ROOT, "build/release/plugins"))
DEADLINE = float(os.environ.get("TOOLPOST_DEADLINE", "30"))


class Late(AssertionError):
    """The event did not come before the deadline."""


def left(deadline):
    t = deadline - time.monotonic()
    if t <= 0:
        raise Late("deadline")
    return t


class Bytes:
    """A buffered reader on a socket or a pipe."""

    def __init__(self, file):
        self.file = file
        self.buf = bytearray()
        self.ended = False

    def fill(self, deadline):
        """False at the end."""
        if self.ended:
            return False
        ready, _, _ = select.select([self.file], [], [], left(deadline))
        if not ready:
            raise Late("nothing came; so far: %r" % bytes(self.buf[:400]))
        try:
            got = (self.file.recv(1 << 18) if isinstance(self.file, socket.socket)
                   else os.read(self.file.fileno(), 1 << 18))
        except ConnectionResetError:
            got = b""
        if not got:
            self.ended = True
            return False
        self.buf += got
        return True

    def until(self, mark, seconds=DEADLINE):
        """Up to and including mark; None at the end."""
        deadline = time.monotonic() + seconds
        at = 0
        while True:
            found = self.buf.find(mark, at)
            if found >= 0:
                end = found + len(mark)
                out = bytes(self.buf[:end])
                del self.buf[:end]
                return out
            at = max(0, len(self.buf) - len(mark))
            if not self.fill(deadline):
                return None

    def exactly(self, n, seconds=DEADLINE):
        deadline = time.monotonic() + seconds
        while len(self.buf) < n:
            if not self.fill(deadline):
                raise AssertionError(
                    "ended after %d of %d bytes" % (len(self.buf), n))
        out = bytes(self.buf[:n])
        del self.buf[:n]
        return out

    def rest(self, seconds=DEADLINE):
        """Everything until the peer closes."""
        deadline = time.monotonic() + seconds
        while self.fill(deadline):
            pass
        out = bytes(self.buf)
        self.buf.clear()
        return out
