# SPDX-License-Identifier: Apache-2.0
"""The same lines on Unix sockets and TCP, and HTTP on a Unix socket."""

import os
import socket
import stat

import pytest

import mcp_wire as w


@pytest.fixture(params=["line_unix", "line_tcp"])
def connect(server, request):
    opened = []

    def make():
        opened.append(w.Line(getattr(server, request.param)))
        return opened[-1]
    yield make
    for c in opened:
        c.close()


def test_both_eras_share_the_socket(connect):
    """STD-11, ERA-01"""
    line = connect()
    assert line.modern("server/discover")["result"]["supportedVersions"] == [w.R5]
    assert line.legacy("tools/list")["error"]["code"] == -32600
    assert line.handshake(w.R2)["protocolVersion"] == w.R2
    for _ in range(3):
        assert "resultType" in line.modern("tools/list")["result"]
        assert "resultType" not in line.legacy("tools/list")["result"]


def test_each_connection_has_a_lifecycle_of_its_own(connect):
    """ERA-03, SEC-02"""
    a, b = connect(), connect()
    a.handshake(w.R1)
    assert b.legacy("tools/list")["error"]["code"] == -32600
    assert b.handshake(w.R4)["protocolVersion"] == w.R4
    assert a.legacy("tools/list")["result"]["tools"]


def test_a_connection_cannot_cancel_the_calls_of_another(connect, gate):
    """CANC-03, SEC-02"""
    a, b = connect(), connect()
    b.handshake()
    a.send(w.modern("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}}, 1))
    held = gate.entered()
    b.send(w.notification("notifications/cancelled", {"requestId": 1}))
    assert b.legacy("ping")["result"] == {}
    held.go()
    assert a.recv()["result"]["content"][0]["text"] == "held"


def test_a_closed_connection_cancels_its_calls(connect, gate):
    """STD-06, CANC-08: at the latest when something is to be said on it"""
    for make in (w.modern, w.request):
        a = connect()
        a.handshake()
        m = make("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}}, 77)
        m["params"].setdefault("_meta", {})["progressToken"] = 1
        a.send(m)
        held = gate.entered()
        a.close()
        said = None
        while said != "cancelled":
            try:
                held.tell("p")
            except BrokenPipeError:
                pass  # it has seen the cancellation meanwhile
            said = held.said()
            assert said in ("told", "untold", "cancelled")


def test_a_half_closed_connection_gets_its_answers(connect):
    """STD-06: the same as the end of standard input"""
    line = connect()
    for i in range(20):
        line.send(w.modern("tools/call", {"name": "echo", "arguments": {"message": str(i)}}, i))
    line.sock.shutdown(socket.SHUT_WR)
    got = []
    while True:
        m = line.recv()
        if m is None:
            break
        got.append(m["id"])
    assert sorted(got) == list(range(20))


def test_garbage_and_line_ends(connect):
    """STD-04, STD-05"""
    line = connect()
    for bad in (b"GET / HTTP/1.1", b"{", b"\xff", b"\x00"):
        line.send(bad, end=b"\r\n")
        m = line.recv()
        assert m["error"]["code"] == -32700 and "id" not in m
    line.send(b"\r\n\n  \n")
    line.send(w.modern("tools/list", id=3), end=b"\r\n")
    assert line.recv()["id"] == 3


def test_a_message_may_come_in_pieces(connect):
    """STD-11: cut at every byte"""
    line = connect()
    data = w.dumps(w.modern("tools/call", {"name": "hello"}, 1)) + b"\n"
    line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) \
        if line.sock.family != socket.AF_UNIX else None
    for cut in range(1, len(data)):
        line._send(data[:cut])
        line._send(data[cut:])
        assert line.recv()["result"]["content"][0]["text"] == "Hello, world!"


def test_a_line_beyond_the_limit_is_skipped(start):
    """STD-04, HTTP-14: limits.message holds on every way in"""
    server = start.serve("limits: {message: 2KiB}", listen=(
        "line+tcp:127.0.0.1:0", "line+unix:" + start.path("l.sock")))
    for where in (server.line_tcp, server.line_unix):
        line = w.Line(where)
        for size in (3000, 100000, 1 << 20):
            line.send(b"[" * size)
            assert line.recv()["error"]["code"] == -32700
            assert line.modern("tools/list")["result"]["tools"]
        line.close()


def test_list_changes_reach_each_connection_that_is_ready(connect):
    """TOOL-21, LIFE-06, STD-11"""
    ready = [connect() for _ in range(4)]
    listening = connect()
    silent = connect()
    for line in ready:
        line.handshake()
        assert line.legacy("ping")["result"] == {}
    silent.legacy("initialize", w.init_params())
    listening.ask(w.modern("subscriptions/listen", {
        "notifications": {"toolsListChanged": True}}, 1))
    actor = connect()
    assert "result" in actor.modern("tools/call", {"name": "test_trigger_tool_change"})
    for line in ready + [listening]:
        assert line.recv()["method"] == "notifications/tools/list_changed"
        assert not line.bytes.buf
    assert silent.legacy("ping")["result"] == {}


def test_a_unix_socket_belongs_to_its_owner_and_goes_with_the_server(start):
    """SEC-04"""
    path, hpath = start.path("l.sock"), start.path("h.sock")
    server = start.serve(listen=("line+unix:" + path, "unix:" + hpath))
    for p in (path, hpath):
        mode = os.stat(p).st_mode
        assert stat.S_ISSOCK(mode) and not mode & 0o007, oct(mode)
    server.stop()
    assert not os.path.exists(path) and not os.path.exists(hpath)


def test_a_unix_socket_left_behind_is_taken_over(start):
    """A crash must not keep the next start from listening"""
    path = start.path("l.sock")
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.close()
    server = start.serve(listen=("line+unix:" + path,))
    line = w.Line(server.line_unix)
    assert line.modern("tools/list")["result"]
    line.close()


def test_http_is_served_on_a_unix_socket(start):
    """HTTP-01, HTTP-03"""
    server = start.serve(listen=("unix:" + start.path("h.sock"), "127.0.0.1:0"))
    m = w.modern("tools/call", {"name": "hello"})
    with w.Http(server.http_unix) as c:
        r = c.request("POST", "/mcp", w.modern_fields(m), w.dumps(m))
        assert r.status == 200, r
        r = c.request("POST", "/mcp", dict(
            w.modern_fields(m), Origin="http://evil.example"), w.dumps(m))
        assert r.status == 403, r


TOUCHES, AT_ONCE = 16000, 100


def touch(server, count):
    """That many changes of the watched resource."""
    with w.Http(server.http) as c:
        m = w.modern("tools/call", {"name": "touch_watched_resource"})
        one = w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m))
        for _ in range(count // AT_ONCE):
            c.send(one * AT_ONCE)
            for _ in range(AT_ONCE):
                assert c.response().status == 200


def listen_message():
    """Its id makes each notification about 1 KB."""
    return w.modern("subscriptions/listen", {"notifications": {
        "toolsListChanged": True,
        "resourceSubscriptions": ["test://watched-resource"]}}, "x" * 900)


LIST, UPDATED = ("notifications/tools/list_changed", "notifications/resources/updated")


def reads_late(server, recv):
    """More changes than limits.stream_buffer holds, unread; then all is read."""
    touch(server, TOUCHES)
    other = w.Modern(server)
    other.tool("test_trigger_tool_change")
    methods = []
    while LIST not in methods:  # so the stream is open
        methods.append(recv()["method"])
    other.tool("touch_watched_resource")  # and it goes on
    methods.append(recv()["method"])
    other.close()
    assert methods.count(LIST) == 1 and methods[-1] == UPDATED
    assert 1 < methods.count(UPDATED) < TOUCHES


def test_a_slow_reader_of_a_listen_stream_misses_nothing(start):
    """SUB-16, HTTP-14: limits.stream_buffer bounds it, and marks wait"""
    server = start.serve("limits: {stream_buffer: 64KiB}", listen=(
        "127.0.0.1:0", "unix:" + start.path("h.sock")))
    conn = w.Http(server.http_unix)  # the kernel takes little there
    m = listen_message()
    conn.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)))
    r = conn.response()
    assert r.stream.message()["method"].endswith("acknowledged")
    reads_late(server, r.stream.message)
    conn.close()


def test_a_slow_reader_of_a_line_stream_misses_nothing(start):
    """STD-15, SUB-16"""
    server = start.serve("limits: {stream_buffer: 64KiB}", listen=(
        "127.0.0.1:0", "line+unix:" + start.path("l.sock")))
    line = w.Line(server.line_unix)
    assert line.ask(listen_message())["method"].endswith("acknowledged")
    reads_late(server, line.recv)
    line.close()
