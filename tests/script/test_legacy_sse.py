# SPDX-License-Identifier: Apache-2.0
"""The HTTP+SSE transport of revision 2024-11-05, which a switch turns on."""

import re
import socket
import threading

import pytest

import mcp_wire as w

KEY = re.compile(r"/messages\?sessionId=([0-9a-f]{32})")


class Old:
    """A client of that transport."""

    def __init__(self, server, revision=w.R1, capabilities=None, hello=True, **fields):
        self.server, self.last_id = server, 0
        self.conn = w.Http(server.http)
        self.conn.send(w.http_request("GET", "/sse", dict(
            {"Accept": "text/event-stream"}, **fields)))
        self.response = self.conn.response("GET")
        assert self.response.status == 200, self.response
        self.stream = self.response.stream
        e = self.stream.raw_event()
        assert e.fields["event"] == "endpoint"
        self.endpoint = e.data[0]
        self.session = KEY.fullmatch(self.endpoint).group(1)
        self.poster = w.Http(server.http)
        if hello:
            self.handshake = self.call("initialize", w.init_params(revision, capabilities))
            assert self.send(w.notification("notifications/initialized")).status == 202

    def send(self, message, endpoint=None, conn=None, **fields):
        body = message if isinstance(message, bytes) else w.dumps(message)
        return (conn or self.poster).request(
            "POST", endpoint or self.endpoint,
            dict({"Content-Type": "application/json"}, **fields), body)

    def ask(self, method, params=None, id=None):
        self.last_id += 1
        id = self.last_id if id is None else id
        r = self.send(w.request(method, params, id))
        assert r.status == 202 and r.body == b"", r
        return id

    def recv(self):
        e = self.stream.event()
        assert e is not None, "the stream has ended"
        assert e.fields == {"event": "message"}
        return e.message

    def call(self, method, params=None):
        id = self.ask(method, params)
        m = w.check_message(self.recv())
        assert m["id"] == id and "result" in m, m
        return m["result"]

    def close(self):
        self.conn.close()
        self.poster.close()


@pytest.fixture(scope="module")
def old_server(module_start, fixture_plugins):
    return module_start.serve("http: {legacy_sse: true}\nreactors: 3",
                              plugins=(w.PLUGINS, fixture_plugins))


@pytest.fixture(params=w.STATEFUL)
def old(old_server, request):
    """OLD-07: any revision with a handshake"""
    o = Old(old_server, request.param)
    assert o.handshake["protocolVersion"] == request.param
    yield o
    o.close()


@pytest.fixture
def client(old_server):
    o = Old(old_server)
    yield o
    o.close()


def error(r, status, code=-32600):
    assert r.status == status, r
    m = w.check_message(r.json)
    assert m["error"]["code"] == code, m
    return m


def until_gone(client):
    """Waits until the server has seen the end of the stream."""
    while True:
        r = client.send(w.request("ping", None, 1))
        if r.status == 404:
            return r
        assert r.status == 202


# --- the switch ---

def test_it_is_off_unless_asked_for(server, conn):
    """OLD-08"""
    assert conn.request("GET", "/sse", {"Accept": "text/event-stream"}).status == 404
    r = conn.request("POST", "/messages?sessionId=1", {"Content-Type": "application/json"},
                     b"{}")
    assert r.status == 404


def test_a_flag_switches_it_on_beside_the_endpoint(start):
    """OLD-08: both are hosted"""
    server = start.serve(args=("--legacy-sse",))
    o = Old(server)
    assert o.call("tools/list")["tools"]
    s = w.Legacy(server)
    assert s.call("tools/list")["tools"]
    m = w.Modern(server)
    assert m.call("tools/list")["tools"]
    for c in (o, s, m):
        c.close()


# --- the stream ---

def test_the_first_event_names_the_endpoint(old_server):
    """OLD-01, OLD-02"""
    o = Old(old_server, hello=False)
    r = o.response
    assert r.type == "text/event-stream" and r.get("cache-control") == "no-cache"
    assert r.get("mcp-session-id") is None
    other = Old(old_server, hello=False)
    assert other.session != o.session
    o.close()
    other.close()


def test_answers_come_on_the_stream(old):
    """OLD-03, OLD-04"""
    assert old.call("ping") == {}
    assert old.call("tools/call", {"name": "hello"})["content"][0]["type"] == "text"
    id = old.ask("no/such")
    m = old.recv()
    assert m["id"] == id and m["error"]["code"] == -32601


def test_answers_come_whatever_reactor_takes_the_message(client):
    """OLD-03"""
    for i in range(20):
        with w.Http(client.server.http) as c:
            r = client.send(w.request("ping", None, "p%d" % i), conn=c)
            assert r.status == 202
        assert client.recv() == {"jsonrpc": "2.0", "id": "p%d" % i, "result": {}}


def test_many_calls_run_at_once(client, gate):
    """OLD-03"""
    params = {"name": "fx_hold", "arguments": {"gate": gate.path},
              "_meta": {"progressToken": "t"}}
    client.ask("tools/call", params, id="a")
    a = gate.entered()
    client.ask("tools/call", params, id="b")
    b = gate.entered()
    b.tell("p")
    assert b.said() == "told"
    assert client.recv()["method"] == "notifications/progress"
    b.go()
    assert client.recv()["id"] == "b"
    a.go()
    assert client.recv()["id"] == "a"


def test_an_id_that_is_in_use_is_refused(client, gate):
    """MSG-09"""
    params = {"name": "fx_hold", "arguments": {"gate": gate.path}}
    client.ask("tools/call", params, id=5)
    held = gate.entered()
    client.ask("ping", None, id=5)
    m = client.recv()
    assert m["id"] == 5 and m["error"]["code"] == -32600
    held.go()
    assert client.recv()["result"]["content"][0]["text"] == "held"


def test_a_call_is_cancelled(client, gate):
    """CANC-01, CANC-04"""
    client.ask("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}}, id=5)
    held = gate.entered()
    assert client.send(w.notification(
        "notifications/cancelled", {"requestId": 5})).status == 202
    assert held.said() == "cancelled"
    assert client.call("ping") == {}


def test_changes_are_told(client):
    """RSRC-13, TOOL-21"""
    uri = "test://watched-resource"
    assert client.call("resources/subscribe", {"uri": uri}) == {}
    client.ask("tools/call", {"name": "touch_watched_resource"})
    got = [client.recv(), client.recv()]
    assert {"jsonrpc": "2.0", "method": "notifications/resources/updated",
            "params": {"uri": uri}} in got
    client.ask("tools/call", {"name": "test_trigger_tool_change"})
    got = [client.recv(), client.recv()]
    assert "notifications/tools/list_changed" in [m.get("method") for m in got]


@pytest.mark.parametrize("revision", [w.R3, w.R4])
def test_questions_are_asked_and_answered(old_server, revision):
    """ELIC-15, POSTL-03"""
    o = Old(old_server, revision, capabilities={"elicitation": {}})
    form = {"key": "who", "method": "elicitation/create",
            "params": {"message": "Who?", "requestedSchema": {
                "type": "object", "properties": {"name": {"type": "string"}}}}}
    id = o.ask("tools/call", {"name": "fx_ask", "arguments": {"rounds": [[form]]}})
    question = o.recv()
    assert question["method"] == "elicitation/create"
    r = o.send({"jsonrpc": "2.0", "id": question["id"],
                "result": {"action": "accept", "content": {"name": "Ada"}}})
    assert r.status == 202
    assert o.recv()["id"] == id
    o.close()


def test_nobody_hears_before_the_handshake(old_server):
    """LIFE-04, LIFE-06"""
    o = Old(old_server, hello=False)
    o.ask("tools/list")
    assert "error" in o.recv()
    assert o.call("ping") == {}
    o.close()


# --- batches ---

def test_batches_belong_to_one_revision(old):
    """OLD-07, BAT-03, BAT-06"""
    batch = [w.request("ping", None, 1), w.notification("notifications/x"),
             w.request("ping", None, 2)]
    assert old.send(batch).status == 202
    m = old.recv()
    if old.handshake["protocolVersion"] == w.R2:
        assert [x["id"] for x in m] == [1, 2]
    else:
        assert m["error"]["code"] == -32600
    assert old.send([]).status == 202
    assert old.recv()["error"]["code"] == -32600


# --- what is refused ---

@pytest.mark.parametrize("query", ["", "?", "?sessionId=", "?x=1", "?sessionid=abc",
                                   "?sessionId", "?a=sessionId=1"])
def test_a_message_without_a_key_is_refused(client, query):
    """OLD-04"""
    error(client.send(w.request("ping"), "/messages" + query), 400)


@pytest.mark.parametrize("key", ["x", "0" * 32, "0" * 31, "0" * 33, "%41", "../../sse",
                                 "a" * 4000])
def test_a_message_with_an_unknown_key_is_refused(client, key):
    """OLD-04"""
    error(client.send(w.request("ping"), "/messages?sessionId=" + key), 404)


def test_sessions_of_the_two_transports_are_kept_apart(old_server, client):
    """OLD-08, SES-05"""
    s = w.Legacy(old_server)
    error(client.send(w.request("ping"), "/messages?sessionId=" + s.session), 404)
    fields = s.fields()
    fields["Mcp-Session-Id"] = client.session
    with w.Http(old_server.http) as c:
        r = c.request("POST", "/mcp", fields, w.dumps(w.request("tools/list")))
        assert r.status == 404
        r = c.request("DELETE", "/mcp", {"Mcp-Session-Id": client.session})
        assert r.status == 404
        r = c.request("GET", "/mcp", {"Accept": "text/event-stream",
                                      "Mcp-Session-Id": client.session})
        assert r.status == 404
    assert client.call("ping") == {}
    s.close()


def test_the_end_of_the_stream_ends_the_session(old_server, gate):
    """OLD-05"""
    o = Old(old_server)
    o.ask("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}})
    held = gate.entered()
    o.conn.close()
    assert held.said() == "cancelled"
    error(until_gone(o), 404)
    o.close()


@pytest.mark.parametrize("claim", ["header", "body", "discover"])
def test_the_stateless_era_is_refused(client, claim):
    """OLD-07, ERA-14"""
    message, fields = w.request("tools/list", {}, 9), {}
    if claim == "header":
        fields["MCP-Protocol-Version"] = w.R5
    elif claim == "body":
        message = w.modern("tools/list", {}, 9)
    else:
        message = w.modern("server/discover", {}, 9)
    m = error(client.send(message, **fields), 400, -32022)
    assert m["id"] == 9
    assert w.R5 not in m["error"]["data"]["supported"]
    assert m["error"]["data"]["requested"] == w.R5
    assert client.call("ping") == {}


def test_a_stateless_stream_is_refused(old_server):
    """OLD-07"""
    with w.Http(old_server.http) as c:
        r = c.request("GET", "/sse", {"Accept": "text/event-stream",
                                      "MCP-Protocol-Version": w.R5})
        error(r, 400, -32022)


@pytest.mark.parametrize("path,method", [("/sse", "GET"), ("/messages", "POST"),
                                         ("/sse", "OPTIONS"), ("/messages", "OPTIONS")])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil"])
def test_both_endpoints_check_the_origin(old_server, path, method, origin):
    """OLD-06, HTTP-03"""
    with w.Http(old_server.http) as c:
        r = c.request(method, path, {"Origin": origin, "Accept": "text/event-stream",
                                     "Content-Type": "application/json"},
                      b"{}" if method == "POST" else None)
        assert r.status == 403, r
    with w.Http(old_server.http) as c:
        c.send(w.http_request(method, path, {"Accept": "text/event-stream"},
                              b"{}" if method == "POST" else None, host="evil.example"))
        assert c.response().status == 403


@pytest.mark.parametrize("path,method,allow", [
    ("/sse", "POST", "GET, OPTIONS"), ("/sse", "DELETE", "GET, OPTIONS"),
    ("/messages", "GET", "POST, OPTIONS"), ("/messages", "DELETE", "POST, OPTIONS")])
def test_other_methods_are_refused(old_server, path, method, allow):
    """OLD-01"""
    with w.Http(old_server.http) as c:
        r = c.request(method, path, {"Content-Type": "application/json"},
                      b"{}" if method == "POST" else None)
        assert r.status == 405 and r.get("allow") == allow


@pytest.mark.parametrize("path", ["/sse/", "/SSE", "/message", "/messages/x", "/sse%2f"])
def test_other_paths_are_not_there(old_server, path):
    """OLD-01"""
    with w.Http(old_server.http) as c:
        assert c.request("GET", path, {"Accept": "text/event-stream"}).status == 404


@pytest.mark.parametrize("body,code", [
    (b"", -32700), (b"{", -32700), (b"\xff", -32700), (b"1", -32600), (b"{}", -32600),
    (b'{"jsonrpc":"2.0","method":1,"id":1}', -32600), (b"[" * 2000, -32700),
    (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600)])
def test_what_is_no_message_is_refused(client, body, code):
    """MSG-01"""
    error(client.send(body), 400, code)
    assert client.call("ping") == {}


def test_the_type_and_the_size_of_a_message_are_checked(client):
    """HTTP-08"""
    assert client.send(w.request("ping"), **{"Content-Type": "text/plain"}).status == 415
    with w.Http(client.server.http) as c:
        c.send(b"POST " + client.endpoint.encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
               b"Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n")
        assert c.response().status == 413
    assert client.send(w.request("ping"), Accept="text/html").status == 202
    assert client.recv()["result"] == {}


def test_a_client_that_posts_without_reading_is_cut_off(start):
    """HTTP-14: limits.stream_buffer"""
    server = start.serve("http: {legacy_sse: true}\nlimits: {stream_buffer: 64KiB}")
    o = Old(server)
    mark = server.mark()
    status = 202
    n = 0
    while status == 202:
        n += 1
        status = o.send(w.request("tools/call", {
            "name": "test_big", "arguments": {"bytes": 1 << 20}}, n)).status
    assert status == 404
    server.wait_log("stream closed: the client does not read", mark)
    o.close()


def test_streams_are_bounded(start):
    """OLD-05: and their places are free again"""
    server = start.serve("http: {legacy_sse: true}\nlimits: {streams: 2}")
    a, b = Old(server), Old(server)
    with w.Http(server.http) as c:
        assert c.request("GET", "/sse", {"Accept": "text/event-stream"}).status == 503
    a.close()
    while True:
        with w.Http(server.http) as c:
            c.send(w.http_request("GET", "/sse", {"Accept": "text/event-stream"}))
            status = c.response("GET").status
        if status == 200:
            break
        assert status == 503
    b.close()


def test_a_stop_waits_for_what_was_asked(start, fixture_plugins, gate):
    """reliability: drain"""
    server = start.serve("http: {legacy_sse: true}", plugins=(w.PLUGINS, fixture_plugins))
    idle, busy = Old(server), Old(server)
    busy.ask("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}})
    held = gate.entered()
    mark = server.mark()
    server.kill(w.signal.SIGTERM)
    server.wait_log("draining", mark)
    assert idle.stream.raw_event() is None
    held.go()
    assert busy.recv()["result"]["content"][0]["text"] == "held"
    assert busy.stream.raw_event() is None
    assert server.wait() == 0
    idle.close()
    busy.close()


def test_clients_that_come_and_go(old_server):
    """OLD-05: nothing is left behind"""
    def one():
        for i in range(10):
            o = Old(old_server)
            o.ask("tools/call", {"name": "slow_compute", "arguments": {"seconds": 0.01}})
            if i % 2:
                o.conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       b"\1\0\0\0\0\0\0\0")
            o.close()
    threads = [threading.Thread(target=one) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    o = Old(old_server)
    assert o.call("ping") == {}
    o.close()
