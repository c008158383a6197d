#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many connections that wait: idle ones, GET streams of sessions and listen
streams.  A changed list is told to every stream exactly once, idle ones still
serve, and all memory and descriptors come back."""

import resource
import selectors
import time

import stress
from stress import os, random, replace, wire

IDLE = stress.size(5000, 500, 15000)
STREAMS = stress.size(500, 100, 2000)
LISTENS = stress.size(100, 50, 500)
TOLD = b"notifications/tools/list_changed"


class Bytes(wire.Bytes):
    """Waits with the socket's own deadline: select() ends at descriptor 1023."""

    def fill(self, deadline):
        self.file.settimeout(wire.left(deadline))
        got = b"" if self.ended else self.file.recv(1 << 16)
        self.ended = not got
        self.buf += got
        return bool(got)


wire.Bytes = Bytes


def fit_descriptors():
    """As many as the descriptor limit allows, in the same proportions."""
    global IDLE
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY:
        # The server keeps a tenth of its own for other things.
        IDLE = min(IDLE, hard * 9 // 10 - STREAMS - LISTENS - 200)


class Idle:
    """A stateless client that asks once and stays."""

    def __init__(self, server):
        self.conn = wire.Http(server.http)
        self.ask()

    def ask(self):
        m = wire.modern("tools/list")
        self.conn.send(wire.http_request("POST", "/mcp", wire.modern_fields(m),
                                         wire.dumps(m)))
        r = self.conn.response()
        assert r.status == 200 and "result" in r.json, r

    @property
    def sock(self):
        return self.conn.sock


def session_stream(server):
    """The GET stream of a session of its own, on one connection."""
    s = wire.Legacy(server)
    s.conn.send(wire.http_request("GET", "/mcp", s.fields(
        Content_Type=None, Accept="text/event-stream")))
    r = s.conn.response("GET")
    assert r.status == 200 and r.stream is not None, r
    return s.conn


def listen_stream(server):
    conn, _, message = wire.Modern(server).listen(toolsListChanged=True)
    assert "result" in message or "method" in message, message
    return conn


def all_told(conns, seconds=stress.DEADLINE):
    """Reads until every stream has the notification."""
    sel = selectors.DefaultSelector()
    got = {}
    for c in conns:
        c.sock.setblocking(False)
        got[c] = bytearray(c.bytes.buf)
        sel.register(c.sock, selectors.EVENT_READ, c)
    waiting = {c for c in conns if TOLD not in got[c]}
    deadline = time.monotonic() + seconds
    while waiting:
        ready = sel.select(wire.left(deadline))
        for key, _ in ready:
            data = key.data.sock.recv(1 << 16)
            assert data, "a stream was closed"
            got[key.data] += data
            if TOLD in got[key.data]:
                waiting.discard(key.data)
    # What came too much would have been sent by now: ask something else.
    sel.close()
    return got


def drained(conns, got):
    """What else has come since."""
    for c in conns:
        try:
            while True:
                data = c.sock.recv(1 << 16)
                assert data, "a stream was closed"
                got[c] += data
        except BlockingIOError:
            pass


def one_each(conns, got):
    drained(conns, got)
    for c in conns:
        n = bytes(got[c]).count(TOLD)
        assert n == 1, "told %d times" % n


def descriptors_back(server, fds):
    """Each look is paced by a request."""
    probe = Idle(server)
    deadline = time.monotonic() + stress.DEADLINE
    while stress.usage(server.pid)[1] > fds + 1:  # the probe
        wire.left(deadline)
        probe.ask()
    probe.conn.close()


def idle(report, s, held):
    rss, fds, _ = stress.usage(s.pid)  # before the first connection
    for _ in range(IDLE):
        held.append(Idle(s))
    with_idle = stress.usage(s.pid)
    per = (with_idle[0] - rss) * 1024 // IDLE
    report.figures.update(idle=IDLE, bytes_per_idle=per)
    assert with_idle[1] == fds + IDLE, (fds, with_idle)
    assert stress.SANITIZER or per <= 10240, "%d bytes a connection" % per


def streams(report, s, conns):
    before = stress.usage(s.pid)[0]
    for _ in range(STREAMS):
        conns.append(session_stream(s))
    per = (stress.usage(s.pid)[0] - before) * 1024 // STREAMS
    report.figures.update(streams=STREAMS, bytes_per_stream=per)
    assert stress.SANITIZER or per <= 20480, "%d bytes a stream" % per
    before = stress.usage(s.pid)[0]
    for _ in range(LISTENS):
        conns.append(listen_stream(s))
    per = (stress.usage(s.pid)[0] - before) * 1024 // LISTENS
    report.figures.update(listens=LISTENS, bytes_per_listen=per)


def plugin_add(plugins, name, module):
    dir = os.path.join(plugins, name)
    os.mkdir(dir)
    replace(os.path.join(dir, name + ".so"), stress.stamped(module, 1))
    replace(os.path.join(dir, name + ".yaml"), stress.manifest(name).encode())


def broadcast(report, s, conns, plugins, module):
    mark = s.mark()
    plugin_add(plugins, "late", module)
    s.wait_log("plugin warm", mark, stress.DEADLINE, plugin="late")
    began = time.monotonic()
    got = all_told(conns)
    report.figures["told_ms"] = round(1000 * (time.monotonic() - began), 1)
    Idle(s).conn.close()
    one_each(conns, got)


def still_served(held):
    for c in random.sample(held, min(200, len(held))):
        c.ask()


def closed(s, held, conns, fds):
    for c in held:
        c.conn.close()
    for c in conns:
        c.sock.close()
    descriptors_back(s, fds)


def main():
    random.seed(stress.SEED)
    fit_descriptors()
    report = stress.Report("idle")
    root = stress.folder()
    held, conns = [], []
    try:
        first = stress.plugin_build(root, "first", '-DNAME="first"')
        late = stress.plugin_build(root, "late", '-DNAME="late"')
        plugins = os.path.join(root, "plugins")
        os.mkdir(plugins)
        plugin_add(plugins, "first", first)
        # Descriptors and memory of connections are meant, not of runners.
        config = os.path.join(root, "idle.yaml")
        replace(config, b"plugins: {isolation: none}\n")
        s = wire.Server(plugins=(plugins,), config=config)
        stress.started.append(s.proc)
        fds = stress.usage(s.pid)[1]
        report.part("%d connections wait" % IDLE, idle, report, s, held)
        report.part("%d streams of sessions, %d listen" % (STREAMS, LISTENS),
                    streams, report, s, conns)
        report.part("every stream is told once", broadcast, report, s, conns,
                    plugins, late)
        report.part("idle connections still serve", still_served, held)
        report.part("descriptors come back", closed, s, held, conns, fds)
        report.part("the server ends well", s.stop)
    finally:
        stress.reap()
        stress.shutil.rmtree(root)
    return report.end()


if __name__ == "__main__":
    raise SystemExit(main())
