# SPDX-License-Identifier: Apache-2.0
"""At a limit new work is refused with a status, old work goes on, and all is
well again when there is room."""

import os
import signal
import threading
import time

import pytest

import mcp_wire as w

PER_REACTOR = "descriptor_tables: per-reactor\nreactors: 4\n"


def unsanitized(test):
    """A sanitizer has descriptors and memory of its own: no test there."""
    return None if w.SANITIZED else test


class Client:
    """One connection that the server may refuse."""

    def __init__(self, server):
        self.conn = w.Http(server.http)

    def ask(self):
        """True: served; False: refused, with a word or by the kernel's."""
        m = w.modern("tools/call", {"name": "hello", "arguments": {"name": "Ada"}})
        try:
            self.conn.send(w.http_request(
                "POST", "/mcp", w.modern_fields(m), w.dumps(m)))
            r = self.conn.response()
        except OSError:
            return False
        if r is None:
            return False
        if r.status == 503:
            assert r.get("retry-after"), r
            return False
        assert r.status == 200, r
        assert r.json["result"]["content"][0]["text"] == "Hello, Ada!", r
        return True

    def close(self):
        self.conn.close()


class Load(threading.Thread):
    """An old client that goes on calling, and must not notice anything."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.client, self.over, self.served, self.failed = Client(server), False, 0, 0
        assert self.client.ask()
        self.start()

    def run(self):
        while not self.over and not self.failed:
            if self.client.ask():
                self.served += 1
            else:
                self.failed += 1

    def finish(self):
        self.over = True
        self.join(w.DEADLINE)
        self.client.close()
        assert self.failed == 0 and self.served > 0


def admitted(server, clients):
    """A new client is served, at once or as soon as the server has noticed."""
    deadline = time.monotonic() + w.DEADLINE
    while True:
        clients.append(Client(server))
        if clients[-1].ask():
            return
        w.left(deadline)


def test_connections_beyond_the_limit_are_refused(start):
    server = start.serve("limits: {connections: 20}\n")
    load = Load(server)
    clients = [Client(server) for _ in range(60)]
    served = [c for c in clients if c.ask()]
    assert len(served) == 19
    assert all(c.ask() for c in served)
    for c in clients:
        c.close()
    admitted(server, clients)
    load.finish()


@unsanitized
@pytest.mark.parametrize("tables", ["shared", "per-reactor"])
def test_a_server_without_descriptors_keeps_what_it_has(start, tables):
    """R-16: as many clients as there are no descriptors for"""
    server = start.serve("descriptor_tables: %s\nlimits: {connections: 100000}\n" % tables,
                         descriptors=64)
    load = Load(server)
    clients = [Client(server) for _ in range(200)]
    served = [c for c in clients if c.ask()]
    assert 1 < len(served) < 150
    for _ in range(20):  # they stay, and ask
        assert all(c.ask() for c in served)
    assert load.is_alive()
    for c in clients:
        c.close()
    admitted(server, clients)
    load.finish()


@unsanitized
def test_each_reactor_has_a_table_of_its_own(start, fixture_plugins):
    """Together they hold more than the limit of one."""
    server = start.serve(PER_REACTOR, descriptors=128, plugins=(w.PLUGINS,),
                         listen=("127.0.0.1:0", "unix:" + start.path("t.sock")))
    clients = [Client(server) for _ in range(160)]
    assert sum(c.ask() for c in clients) > 128
    tables = {}
    for task in os.listdir("/proc/%d/task" % server.pid):
        with open("/proc/%d/task/%s/comm" % (server.pid, task)) as f:
            name = f.read().strip()
        tables[name] = len(os.listdir("/proc/%d/task/%s/fd" % (server.pid, task)))
    assert sum(tables["reactor-%d" % i] > 20 for i in range(4)) == 4, tables
    for c in clients:
        c.close()


@pytest.mark.parametrize("isolation", ["none", "process"])
def test_plugins_work_where_each_reactor_has_its_table(start, fixture_plugins, isolation):
    server = start.serve(
        PER_REACTOR + "plugins: {isolation: %s%s}\n" % (isolation, w.BEST_EFFORT),
        plugins=(w.PLUGINS, fixture_plugins))
    clients = [Client(server) for _ in range(32)]
    assert all(c.ask() for c in clients)
    if isolation == "process":
        for pid in runners(server):
            os.kill(pid, signal.SIGKILL)
        for c in clients:
            until_served(c)
    mark = server.mark()
    server.kill(signal.SIGHUP)
    server.wait_log("reload", mark)
    assert all(c.ask() for c in clients)
    for c in clients:
        c.close()


def until_served(client):
    """What the runner that is gone had been asked is an error, once."""
    deadline = time.monotonic() + w.DEADLINE
    m = w.modern("tools/call", {"name": "hello", "arguments": {"name": "Ada"}})
    while "result" not in client.conn.request(
            "POST", "/mcp", w.modern_fields(m), w.dumps(m)).json:
        w.left(deadline)


def runners(server):
    """Those that are there now."""
    with open("/proc/%d/task/%d/children" % (server.pid, server.pid)) as f:
        return [int(pid) for pid in f.read().split()]


BODY = 3900000


def half_a_request(server):
    """Its body is the server's to keep until the last byte has come."""
    conn = w.Http(server.http)
    conn.send(w.http_request("POST", "/mcp", dict(
        w.legacy_fields(), **{"Content-Length": str(BODY + 1)})) + b" " * BODY)
    return conn


def initialize(conn):
    return conn.request("POST", "/mcp", w.legacy_fields(),
                        w.dumps(w.request("initialize", w.init_params())))


@unsanitized
def test_while_memory_is_short_new_work_is_refused(start):
    """reliability.md 3.3: at 85 % no sessions and streams, at 95 % no
    connections; what there is goes on, and all is well when it is over."""
    server = start.serve("limits: {memory: 48MiB}\n")
    load, session, old = Load(server), w.Legacy(server), w.Http(server.http)
    held = [half_a_request(server) for _ in range(14)]
    server.wait_log("memory is short", refused="new connections, sessions and streams")
    new = Client(server)
    assert not new.ask()
    r = initialize(old)
    assert r.status == 503 and r.get("retry-after"), r
    r = session.conn.request("GET", "/mcp", session.fields(
        Content_Type=None, Accept="text/event-stream"))
    assert r.status == 503 and r.get("retry-after"), r
    mark = server.mark()
    for conn in held:
        conn.close()
    server.wait_log("memory is back", mark)
    admitted(server, [])
    assert initialize(old).status == 200
    load.finish()
