# SPDX-License-Identifier: Apache-2.0
"""The life of an HTTP connection beyond one request: halves, ends, bounds."""

import socket

import mcp_wire as w

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def post(body, **more):
    return w.http_request("POST", "/mcp", dict(w.legacy_fields(), **more), body)


def test_requests_before_a_half_close_are_all_answered(server):
    """security.md 2.4: when the answer needs no waiting"""
    with w.Http(server.http) as c:
        c.send(post(PING) * 20)
        c.sock.shutdown(socket.SHUT_WR)
        for _ in range(20):
            assert c.response().status == 200
        assert c.is_closed()


def test_head_gets_no_content(server):
    """RFC 9110 9.3.2"""
    with w.Http(server.http) as c:
        assert c.request("HEAD").status == 405
        assert c.request("POST", "/mcp", w.legacy_fields(), PING).status == 200


def test_an_older_client_is_told_that_the_connection_stays(server):
    """RFC 9112 9.3"""
    with w.Http(server.http) as c:
        one = post(PING).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        c.send(one.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n", 1))
        r = c.response()
        assert r.status == 200 and r.get("connection") == "keep-alive"
        c.send(one)
        r = c.response()
        assert r.status == 200 and r.get("connection") == "close"
        assert c.is_closed()


def chunked(body, size):
    head = w.http_request("POST", "/mcp", dict(
        w.legacy_fields(), **{"Transfer-Encoding": "chunked"}))
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


def test_chunks_of_one_byte_cost_no_more_than_their_content(server):
    """security.md 2.3: about six bytes on the wire for each of the body"""
    body = PING[:-1] + b',"params":{"x":"' + b"y" * (3 << 20) + b'"}}'
    sent = chunked(body, 1)
    assert len(sent) > 16 << 20  # above what is held of one connection
    with w.Http(server.http) as c:
        c.send(sent + post(PING))
        r = c.response()
        assert r.status == 200 and r.json["result"] == {}
        assert c.response().status == 200


def test_a_body_that_drips_is_cut_off(start):
    """security.md 2.4: a deadline, whatever has come"""
    server = start.serve("limits: {body_timeout: 300ms}")
    with w.Http(server.http) as c:
        c.send(post(b" " * 400 + PING)[:-300])
        assert c.response().status == 408
        assert c.is_closed()


def test_a_connection_that_says_nothing_ends_with_the_time_of_a_head(start):
    """security.md 2.4"""
    server = start.serve("limits: {head_timeout: 200ms}")
    with w.Http(server.http) as c:
        assert c.is_closed()
    with w.Http(server.http) as c:
        assert c.request("POST", "/mcp", w.legacy_fields(), PING).status == 200
        assert c.request("POST", "/mcp", w.legacy_fields(), PING).status == 200


def test_listen_streams_and_get_streams_share_a_bound(start):
    """SUB-14, HTTP-14"""
    server = start.serve("limits: {streams: 1}")
    m = w.modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    one = w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m))
    with w.Http(server.http) as first, w.Http(server.http) as second:
        first.send(one)
        assert first.response().stream.message()["method"].endswith("acknowledged")
        second.send(one)
        r = second.response()
        assert r.status == 503 and r.json["error"]["code"] == -32603
        assert r.json["error"]["data"]["retryAfterMs"] > 0
        s = w.Legacy(server)
        conn, r = s.stream()
        assert r.status == 503
        conn.close()
        s.close()


def test_a_preflight_allows_the_fields_of_tools(server):
    """HTTP-16"""
    with w.Http(server.http) as c:
        r = c.request("OPTIONS", "/mcp", {
            "Origin": "http://localhost:3000",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, mcp-param-region, x-other"})
        allowed = r.get("access-control-allow-headers").lower()
        assert r.status == 204 and "mcp-param-region" in allowed
        assert "x-other" not in allowed
