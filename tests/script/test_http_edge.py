# SPDX-License-Identifier: Apache-2.0
"""The HTTP edge: hostile bytes, foreign origins, media types, limits, time."""

import base64
import json
import os
import random
import re
import socket

import pytest

import mcp_wire as w

DISCOVER = w.modern("server/discover", id="second")
SECOND = w.http_request("POST", "/mcp", w.modern_fields(DISCOVER), w.dumps(DISCOVER))

with open(os.path.join(w.ROOT, "tests/data/http1-malicious/cases.json")) as f:
    CASES = json.load(f)["cases"]


def raw_of(case):
    return base64.b64decode(case["raw_base64"])


def check_case(case, got, closed):
    """got: the responses before and including the one to SECOND."""
    expect = case["expect"]
    seconds = [r for r in got if b'"id":"second"' in r.body]
    firsts = [r for r in got if b'"id":"second"' not in r.body and r.status != 100]
    if expect["verdict"] == "accept":
        assert len(firsts) == expect.get("responses", 1) and len(seconds) == 1, got
        # The framing is right; what is refused is what it asks for.
        assert all(r.status in (404, 400, 405, 406, 415) for r in firsts), got
    elif expect["verdict"] == "interim":
        assert got[0].status in (100, 415), got
    elif expect["verdict"] == "any":
        assert firsts[0].status in expect["status"], got
    else:
        assert len(firsts) <= 1
        if firsts:
            assert firsts[0].status in expect["status"], firsts
            assert len(firsts[0].body) < 500
        if expect.get("connection") == "close":
            assert not seconds and closed, got
        else:
            assert firsts, "no answer"


def run_case(server, case, cut=None):
    raw = raw_of(case)
    with w.Http(server.http) as c:
        if cut is None:
            c.send(raw + SECOND)
        else:
            c.send(raw[:cut])
            c.send(raw[cut:] + SECOND)
        got = []
        while True:
            r = c.response("POST", 10)
            if r is None:
                break
            got.append(r)
            if b'"id":"second"' in r.body or case["expect"]["verdict"] == "interim":
                break
        check_case(case, got, r is None)


def test_there_are_all_the_cases():
    """HTTP-15, T-08"""
    assert len(CASES) == 119


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_a_hostile_request_gets_what_it_deserves(server, case):
    """HTTP-15, T-08: whole, with a second request behind it"""
    run_case(server, case)
    raw = raw_of(case)
    with w.Http(server.http) as c:  # and alone: never a silent wait
        c.send(raw)
        if case["expect"]["verdict"] == "reject":
            r = c.response("POST", 10)
            assert r is None or r.status in case["expect"]["status"], r


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_a_hostile_request_in_two_pieces_is_the_same(server, case):
    """HTTP-15, T-08: cut at every byte; the long ones at a sample"""
    raw = raw_of(case)
    cuts = range(1, len(raw))
    if len(raw) > 400:
        seed = int(os.environ.get("TOOLPOST_SEED", "1"))
        print("seed", seed)
        cuts = sorted(random.Random(seed).sample(cuts, 12))
    for cut in cuts:
        run_case(server, case, cut)


def test_a_request_byte_by_byte_is_the_same(conn):
    """HTTP-15"""
    for i in range(len(SECOND)):
        conn.send(SECOND[i:i + 1])
    assert conn.response().json["id"] == "second"


# --- T-01: Host and Origin ---

HOSTS_GOOD = ["localhost", "localhost:80", "LOCALHOST", "LocalHost:1", "localhost:65535",
              "127.0.0.1", "127.0.0.1:7423", "[::1]", "[::1]:7423", "LOCALHOST:443"]
HOSTS_BAD = [
    "evil.example", "localhost.evil.example", "evil-localhost", "evil.localhost.example",
    "localhost.", "127.0.0.2", "127.1", "127.0.0.1.nip.io", "0.0.0.0", "2130706433",
    "0x7f000001", "[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "[::1%lo]", "::1",
    "localhost:0", "localhost:65536", "localhost:99999999999999999999", "localhost:x",
    "localhost:-1", "localhost:+80", "user@localhost", "localhost@evil.example",
    "localhost evil.example", "localhost,evil.example", "xn--lcalhost-n4a", "[::1", "::1]",
    "localhost:80:80", "/localhost", "", " ", "localhost/", "127.0.0.1,127.0.0.1"]
ORIGINS_GOOD = [
    "http://localhost", "http://localhost:3000", "https://localhost", "http://LOCALHOST",
    "http://127.0.0.1", "http://127.0.0.1:6274", "https://127.0.0.1:8443", "http://[::1]",
    "http://[::1]:80", "http://localhost:65535"]
ORIGINS_BAD = [
    "null", "", "http://evil.example", "http://localhost.evil.example", "http://evil-localhost",
    "http://localhost@evil.example", "http://user@localhost", "http://user:p@localhost",
    "http://localhost/", "http://localhost/x", "http://localhost?x", "http://localhost#x",
    "http://localhost:0", "http://localhost:65536", "http://localhost:", "http://localhost:8a",
    "http://localhost:80:80", "http://localhost http://evil.example",
    "http://localhost, http://localhost", "localhost", "//localhost", "http:localhost",
    "http:/localhost", "file://", "file://localhost", "ftp://localhost", "ws://localhost",
    "chrome-extension://abcdef", "http://127.0.0.1.nip.io", "http://127.0.0.2",
    "http://2130706433", "http://0.0.0.0", "http://0x7f.1", "http://localhost.",
    "http://[::1", "http://::1", "http://[::1]x", "http://[::ffff:127.0.0.1]",
    "http://[::1%25lo]", "http://xn--lcalhost-n4a", "http://", "http://:80", "http://[]"]
PING = w.dumps(w.request("ping"))


def host_request(value, method="POST", target="/mcp"):
    return w.http_request(method, target, [("Host", value)] + list(
        w.legacy_fields().items()), PING if method == "POST" else None, host=None)


@pytest.mark.parametrize("host", HOSTS_GOOD)
def test_a_loopback_host_passes(conn, host):
    """HTTP-05, T-01"""
    conn.send(host_request(host))
    assert conn.response().status == 200


@pytest.mark.parametrize("host", HOSTS_BAD)
@pytest.mark.parametrize("method, target", [
    ("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("OPTIONS", "/mcp"),
    ("GET", "/nope")])
def test_a_foreign_host_is_refused_and_the_connection_ends(conn, host, method, target):
    """HTTP-05, T-01: on every route and method"""
    conn.send(host_request(host, method, target))
    r = conn.response(method)
    assert r.status in (400, 403) and conn.is_closed(), r
    assert r.get("access-control-allow-origin") is None


def test_an_absolute_target_replaces_the_host(conn):
    """security.md 2.1"""
    fields = list(w.legacy_fields().items())
    conn.send(w.http_request("POST", "http://127.0.0.1:80/mcp", fields, PING, host="evil.example"))
    assert conn.response().status == 200
    with w.Http(conn.sock.getpeername()) as c:
        c.send(w.http_request("POST", "http://evil.example/mcp", fields, PING))
        r = c.response()
        assert r.status in (400, 403) and c.is_closed(), r


@pytest.mark.parametrize("origin", ORIGINS_GOOD)
def test_a_loopback_origin_passes(conn, origin):
    """HTTP-04, T-01"""
    r = conn.request("POST", "/mcp", w.legacy_fields(Origin=origin), PING)
    assert r.status == 200, r


@pytest.mark.parametrize("origin", ORIGINS_BAD)
@pytest.mark.parametrize("method, target", [
    ("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("OPTIONS", "/mcp"),
    ("POST", "/nope"), ("PUT", "/mcp")])
def test_a_foreign_origin_is_forbidden(conn, origin, method, target):
    """HTTP-02, HTTP-03, T-01: before path, method, media type and body"""
    body = b"not json" if method == "POST" else None
    r = conn.request(method, target, {"Origin": origin}, body)
    assert r.status == 403, r
    assert r.get("access-control-allow-origin") is None


PIECES = ["localhost", "127.0.0.1", "[::1]", "evil.example", "LOCALHOST", "local", "host",
          ".", "-", ":", ":80", ":0", ":65536", ":443", "@", "/", "xn--", "null", "[", "]",
          "::1", "127.0.0.1.", "%6c", " "]
GOOD_AUTHORITY = re.compile(
    r"(localhost|127\.0\.0\.1|\[::1\])(:0*(\d{1,5}))?", re.I)


def authority_is_good(text):
    m = GOOD_AUTHORITY.fullmatch(text)
    return bool(m) and (m.group(2) is None or (
        len(m.group(2)) <= 6 and 1 <= int(m.group(3) or 0) <= 65535))


def spellings(count, seed):
    dice = random.Random(seed)
    for _ in range(count):
        yield "".join(dice.choice(PIECES) for _ in range(dice.randint(1, 3)))


def test_generated_hosts_pass_only_when_they_are_loopback(server):
    """T-01: 1,000 spellings, no wrong accept and no wrong refusal"""
    for host in spellings(1000, 1):
        with w.Http(server.http) as c:
            c.send(host_request(host))
            r = c.response()
            good = authority_is_good(host.strip())
            assert (r.status == 200) == good, (host, r)
            assert good or r.status in (400, 403)


def test_generated_origins_pass_only_when_they_are_loopback(conn):
    """T-01"""
    for text in spellings(1000, 2):
        for scheme in ("http://", "https://", ""):
            r = conn.request("POST", "/mcp", w.legacy_fields(Origin=scheme + text), PING)
            good = scheme != "" and authority_is_good(text.rstrip(" "))
            assert r.status == (200 if good else 403), (scheme + text, r)


def test_configured_names_pass_and_their_likenesses_do_not(start):
    """HTTP-04, HTTP-05: http.hosts, http.origins"""
    server = start.serve('http: {hosts: [mcp.example], origins: '
                         '["https://app.example:8443", "http://plain.example", "null"]}')
    for host, good in (("mcp.example", 1), ("MCP.example:99", 1), ("localhost", 1),
                       ("mcp.example.evil", 0), ("xmcp.example", 0), ("evil.example", 0)):
        with w.Http(server.http) as c:
            c.send(host_request(host))
            assert c.response().status == (200 if good else 403), host
    for origin, good in (
            ("https://app.example:8443", 1), ("http://plain.example", 1), ("null", 1),
            ("http://plain.example:80", 1), ("https://app.example", 0),
            ("http://app.example:8443", 0), ("https://app.example:8444", 0),
            ("https://plain.example", 0), ("https://app.example:8443.evil", 0),
            ("https://x.app.example:8443", 0), ("NULL", 0)):
        with w.Http(server.http) as c:
            r = c.request("POST", "/mcp", w.legacy_fields(Origin=origin), PING)
            assert r.status == (200 if good else 403), origin


def test_a_preflight_of_an_allowed_origin_is_answered(conn):
    """HTTP-16"""
    r = conn.request("OPTIONS", "/mcp", {
        "Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, mcp-method"})
    assert r.status in (200, 204), r
    assert r.get("access-control-allow-origin") == "http://localhost:3000"
    assert "POST" in r.get("access-control-allow-methods")
    allowed = {x.strip().lower() for x in r.get("access-control-allow-headers").split(",")}
    assert {"content-type", "accept", "mcp-protocol-version", "mcp-session-id", "mcp-method",
            "mcp-name", "last-event-id"} <= allowed
    assert r.get("access-control-allow-credentials") is None


def test_a_page_of_an_allowed_origin_may_read_the_answer(conn):
    """HTTP-16: a preflight alone lets no browser read anything"""
    for body in (PING, w.dumps(w.request("initialize", w.init_params()))):
        r = conn.request("POST", "/mcp", w.legacy_fields(Origin="http://localhost:3000"), body)
        assert r.status == 200
        assert r.get("access-control-allow-origin") == "http://localhost:3000"
        exposed = {x.strip().lower() for x in
                   (r.get("access-control-expose-headers") or "").split(",")}
        assert "mcp-session-id" in exposed


# --- T-02: media types ---

TYPES_GOOD = ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON",
              "application/json;charset=UTF-8", "Application/Json ; x=y",
              "application/json;", "\tapplication/json "]
TYPES_BAD = [None, "", "text/plain", "text/plain; charset=utf-8", "text/json",
             "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
             "application/jsonx", "application/json-rpc", "application/vnd.api+json",
             "application/problem+json", "xapplication/json", "application /json",
             "application/ json", "application", "json", "/json", "application/",
             "*/*", "application/*", "text/event-stream", "text/plain, application/json",
             "application/json, text/plain", "text/plain;application/json",
             "text/plain;a=\"application/json\"", "application/javascript",
             "application/jsonp", "application/json/x", "application/octet-stream",
             "text/html", "application/xml", "application\\json", "application/json\xa0"]


@pytest.mark.parametrize("type", TYPES_GOOD)
def test_json_is_taken(conn, type):
    """HTTP-08, T-02"""
    r = conn.request("POST", "/mcp", w.legacy_fields(Content_Type=type), PING)
    assert r.status == 200, r


@pytest.mark.parametrize("type", TYPES_BAD, ids=repr)
def test_nothing_but_json_is_taken(conn, type):
    """HTTP-08, T-02: and no field invites a browser"""
    r = conn.request("POST", "/mcp", w.legacy_fields(Content_Type=type), PING)
    assert r.status == 415 or (r.status == 400 and "\xa0" in (type or "")), r
    assert not [n for n, _ in r.fields if n.startswith("access-control")]
    if r.status == 415:
        assert conn.request("POST", "/mcp", w.legacy_fields(), PING).status == 200


@pytest.mark.parametrize("coding, status", [
    ("identity", 200), ("IDENTITY", 200), ("gzip", 415), ("br", 415), ("identity, gzip", 415),
    ("x", 415)])
def test_a_body_is_not_compressed(conn, coding, status):
    """security.md 2.2"""
    r = conn.request("POST", "/mcp", w.legacy_fields(Content_Encoding=coding), PING)
    assert r.status == status, r


ACCEPT_GOOD = [None, w.BOTH, "text/event-stream, application/json", "*/*",
               "application/*, text/*", "application/json;q=0.1, text/event-stream;q=0.9",
               "APPLICATION/JSON,TEXT/EVENT-STREAM", "text/html, */*;q=0.1",
               "application/json , text/event-stream , image/png",
               "application/json;charset=utf-8, text/event-stream"]
ACCEPT_BAD = ["application/json", "text/event-stream", "text/html", "application/*",
              "text/*", "application/json, text/event-stream;q=0",
              "application/json;q=0.0, text/event-stream", "*/*;q=0",
              "*/*, text/event-stream;q=0", "application/jsonx, text/event-stream",
              "application, text"]


@pytest.mark.parametrize("accept", ACCEPT_GOOD)
def test_an_accept_with_both_types_passes(conn, accept):
    """HTTP-09"""
    r = conn.request("POST", "/mcp", w.legacy_fields(Accept=accept), PING)
    assert r.status == 200, r


@pytest.mark.parametrize("accept", ACCEPT_BAD)
def test_an_accept_without_one_of_the_types_is_refused(conn, accept):
    """HTTP-09, AMB-17"""
    r = conn.request("POST", "/mcp", w.legacy_fields(Accept=accept), PING)
    assert r.status == 406, r


# --- methods and paths ---

@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "HEAD"])
def test_other_methods_are_refused_with_those_there_are(conn, method):
    """HTTP-13, HTTP-01"""
    r = conn.request(method, "/mcp")
    assert r.status in (405, 501), r
    if r.status == 405:
        assert {"POST", "GET", "DELETE"} <= {x.strip() for x in r.get("allow").split(",")}


@pytest.mark.parametrize("target", ["/", "/nope", "/mcp/", "/MCP", "/mcp/x", "/mcpx", "//mcp",
                                    "/./mcp", "/x/../mcp", "/%2e/mcp", "/mcp%2f", "/mcp;x"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_another_path_is_not_found(conn, method, target):
    """HTTP-13: and it is no JSON-RPC"""
    body = PING if method == "POST" else None
    r = conn.request(method, target, w.legacy_fields(), body)
    assert r.status == 404 and b"jsonrpc" not in r.body, r
    assert conn.request("POST", "/mcp", w.legacy_fields(), PING).status == 200


@pytest.mark.parametrize("target", ["/mcp", "/mcp?x=1", "/%6dcp", "/m%63%70"])
def test_the_path_is_compared_after_decoding(conn, target):
    """security.md 2.1: unreserved characters, the query is not looked at"""
    assert conn.request("POST", target, w.legacy_fields(), PING).status == 200


def test_the_endpoint_is_a_setting(start):
    """HTTP-01"""
    server = start.serve("http: {endpoint: /other}")
    assert server.addresses[0].endswith("/other")
    with w.Http(server.http) as c:
        assert c.request("POST", "/other", w.legacy_fields(), PING).status == 200
        assert c.request("POST", "/mcp", w.legacy_fields(), PING).status == 404


def test_every_answer_has_the_fields_it_must_have(conn):
    """security.md 2.5"""
    for target in ("/mcp", "/nope"):
        r = conn.request("POST", target, w.legacy_fields(), PING)
        assert r.get("x-content-type-options") == "nosniff"
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", r.get("date"))
        assert r.get("content-length") is not None
        assert r.get("server") is None and r.get("x-powered-by") is None


# --- bodies ---

def chunked(body, size=3, last=b"0\r\n\r\n"):
    out = b""
    for i in range(0, len(body), size):
        part = body[i:i + size]
        out += b"%x\r\n" % len(part) + part + b"\r\n"
    return out + last


def test_a_chunked_body_is_taken(conn):
    """HTTP-15"""
    fields = dict(w.legacy_fields(), **{"Transfer-Encoding": "chunked"})
    for size in (1, 3, 1000):
        for last in (b"0\r\n\r\n", b"000\r\n\r\n", b"0;x=y\r\nX: y\r\n\r\n"):
            conn.send(w.http_request("POST", "/mcp", fields) + chunked(PING, size, last))
            r = conn.response()
            assert r.status == 200 and r.json["result"] == {}, r


def test_an_empty_body_is_no_json(conn):
    """security.md 2.3"""
    for head in (w.http_request("POST", "/mcp", w.legacy_fields()),
                 w.http_request("POST", "/mcp", w.legacy_fields(), b"")):
        conn.send(head)
        r = conn.response()
        assert r.status == 400 and r.json["error"]["code"] == -32700, r


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS"])
def test_a_body_where_none_belongs_is_refused(conn, method):
    """security.md 2.3"""
    r = conn.request(method, "/mcp", {"Accept": "text/event-stream"}, b"x")
    assert r.status == 400 and conn.is_closed(), r


def test_continue_is_said_before_the_body_comes(conn):
    """HTTP-15"""
    head = w.http_request("POST", "/mcp", dict(w.legacy_fields(), **{
        "Expect": "100-continue", "Content-Length": len(PING)}))
    for _ in range(3):
        conn.send(head)
        assert conn.response().status == 100
        conn.send(PING)
        assert conn.response().status == 200


def test_continue_is_not_said_to_what_is_refused(server):
    """HTTP-15, security.md 2.2: the final status comes at once"""
    expect = {"Expect": "100-continue", "Content-Length": 100}
    for fields, target, status in (
            ({"Content-Type": "text/plain"}, "/mcp", 415), ({}, "/nope", 404),
            ({"Accept": "text/html"}, "/mcp", 406), ({"Origin": "http://evil"}, "/mcp", 403),
            ({"Content-Length": 1 << 40}, "/mcp", 413)):
        with w.Http(server.http) as c:
            c.send(w.http_request("POST", target, dict(w.legacy_fields(), **dict(expect, **fields))))
            r = c.response("POST", 5)
            assert r is not None and r.status == status, r


def test_another_expectation_fails(conn):
    """security.md 2.2"""
    r = conn.request("POST", "/mcp", dict(w.legacy_fields(), Expect="202-soon"), PING)
    assert r.status == 417 and conn.is_closed(), r


def test_continue_is_not_said_to_an_older_client(conn):
    """security.md 2.2"""
    head = w.http_request("POST", "/mcp", dict(w.legacy_fields(), Expect="100-continue"), PING)
    conn.send(head.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert conn.response().status == 200


# --- the life of a connection ---

def test_a_connection_serves_many_requests(conn):
    """HTTP-15"""
    for i in range(300):
        r = conn.request("POST", "/mcp", w.legacy_fields(), w.dumps(w.request("ping", id=i)))
        assert r.json["id"] == i


def test_close_is_honoured(conn):
    """security.md 2.2"""
    r = conn.request("POST", "/mcp", dict(w.legacy_fields(), Connection="close"), PING)
    assert r.status == 200 and r.get("connection") == "close" and conn.is_closed()


def test_an_older_client_is_served_and_its_connection_ends(server):
    """security.md 2.1, 2.2"""
    one = w.http_request("POST", "/mcp", w.legacy_fields(), PING)
    with w.Http(server.http) as c:
        c.send(one.replace(b"HTTP/1.1", b"HTTP/1.0"))
        r = c.response()
        assert r.status == 200 and r.json["result"] == {} and c.is_closed()
    with w.Http(server.http) as c:
        c.send(w.http_request("POST", "/mcp", dict(w.legacy_fields(), Connection="keep-alive"),
                              PING).replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert c.response().status == 200


def test_an_older_client_gets_a_stream_without_chunks(server):
    """SSE-06: the end of the connection ends it"""
    m = w.modern("tools/call", {"name": "test_tool_with_progress"}, 1,
                 meta={"progressToken": 1})
    with w.Http(server.http) as c:
        c.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)).replace(
            b"HTTP/1.1", b"HTTP/1.0"))
        r = c.response()
        assert r.get("transfer-encoding") is None and r.type == "text/event-stream"
        assert len(r.stream.messages()) == 4


def test_pipelined_requests_are_answered_in_order(server):
    """HTTP-15: also when one is slow, streams, or is refused"""
    s = w.Legacy(server)
    kinds = [w.request("ping"), w.request("tools/call", {"name": "hello"}),
             w.request("tools/call", {"name": "slow_compute", "arguments": {"seconds": 0.03}}),
             w.request("tools/call", {"name": "test_tool_with_progress",
                                      "_meta": {"progressToken": 1}}),
             w.request("nope"), w.request("tools/call", {"name": "fx_nothing"})]
    data = b""
    for i in range(60):
        m = dict(kinds[i % len(kinds)], id=i)
        data += w.http_request("POST", "/mcp", s.fields(), w.dumps(m))
    with w.Http(server.http) as c:
        c.send(data)
        for i in range(60):
            r = c.response()
            m = r.stream.messages()[-1] if r.stream is not None else r.json
            assert m["id"] == i
    s.close()


def test_pipelined_large_answers_wait_for_their_reader(server):
    """security.md 2.4: output is bounded, nothing is lost"""
    m = w.modern("tools/call", {"name": "test_big", "arguments": {"bytes": 1 << 20}})
    one = w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m))
    with w.Http(server.http) as c:
        c.send(one * 24)
        for _ in range(24):
            assert len(c.response().json["result"]["content"][0]["text"]) == 1 << 20


def test_a_large_body_may_come_slowly_in_pieces(conn):
    """HTTP-15"""
    body = w.dumps(w.modern("tools/call", {"name": "echo", "arguments": {"message": "x" * 300000}}))
    data = w.http_request("POST", "/mcp", w.modern_fields({
        "method": "tools/call", "params": {"name": "echo"}}), body)
    for i in range(0, len(data), 1777):
        conn.send(data[i:i + 1777])
    assert len(conn.response().json["result"]["content"][0]["text"]) == 300000


# --- limits ---

@pytest.fixture(scope="module")
def tight(module_start):
    return module_start.serve(
        "limits: {body: 2KiB, head: 2KiB, request_line: 512, fields: 12,"
        " head_timeout: 300ms, body_timeout: 300ms, idle_timeout: 300ms}")


def over(server, data, status):
    with w.Http(server.http) as c:
        c.send(data)
        r = c.response("POST", 10)
        assert r is not None and r.status == status, r
        assert r.get("connection") == "close" and c.is_closed(), r
        assert len(r.body) < 200


def test_a_body_over_the_limit_is_refused(tight):
    """HTTP-14, T-05: by its length before a byte is read, and by its bytes"""
    f = w.legacy_fields()
    over(tight, w.http_request("POST", "/mcp", dict(f, **{"Content-Length": 2049})), 413)
    over(tight, w.http_request("POST", "/mcp", f, b" " * 2049), 413)
    chunks = dict(f, **{"Transfer-Encoding": "chunked"})
    over(tight, w.http_request("POST", "/mcp", chunks) + chunked(b" " * 2049, 100), 413)
    with w.Http(tight.http) as c:
        r = c.request("POST", "/mcp", f, PING + b" " * (2048 - len(PING)))
        assert r.status == 200, r


def test_a_head_over_the_limit_is_refused(tight):
    """HTTP-14, SEC-05"""
    f = list(w.legacy_fields().items())
    over(tight, w.http_request("POST", "/mcp?" + "x" * 600, f, PING), 414)
    over(tight, w.http_request("POST", "/mcp", f + [("X", "x" * 3000)], PING), 431)
    over(tight, w.http_request("POST", "/mcp", f + [("X%d" % i, "y") for i in range(12)], PING), 431)
    over(tight, b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100000, 431)
    over(tight, b"GET /" + b"x" * 100000, 414)
    with w.Http(tight.http) as c:
        r = c.request("POST", "/mcp", f + [("X", "x" * 1000)], PING)
        assert r.status == 200, r


@pytest.mark.parametrize("part", [
    b"P", b"POST /mcp HTTP/1.1\r\n", b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX: ",
    w.http_request("POST", "/mcp", dict(w.legacy_fields(), **{"Content-Length": 100})) + b"{",
    w.http_request("POST", "/mcp", dict(w.legacy_fields(), **{
        "Transfer-Encoding": "chunked"})) + b"5\r\nab"], ids=lambda b: repr(b[-12:]))
def test_a_request_that_does_not_go_on_times_out(tight, part):
    """HTTP-14, T-08: never a silent wait"""
    over(tight, part, 408)


def test_the_deadline_of_a_head_is_not_moved_by_bytes(tight):
    """security.md 2.4: a byte now and then does not keep a connection"""
    with w.Http(tight.http) as c:
        c.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n")
        c.sock.settimeout(0.05)
        for i in range(200):
            if not c.send(b"X%d: y\r\n" % i if i < 9 else b""):
                break
            try:
                data = c.sock.recv(4096)
            except socket.timeout:
                continue
            assert data.startswith(b"HTTP/1.1 408"), data
            break
        else:
            raise AssertionError("kept for 10 s")


def test_an_idle_connection_is_closed(tight):
    """HTTP-14"""
    with w.Http(tight.http) as c:
        assert c.request("POST", "/mcp", w.legacy_fields(), PING).status == 200
        assert c.is_closed()
    with w.Http(tight.http) as c:
        assert c.is_closed()


def test_a_slow_call_is_no_idle_connection(tight):
    """security.md 2.4: deadlines are those of requests, not of answers"""
    m = w.modern("tools/call", {"name": "slow_compute", "arguments": {"seconds": 1}})
    with w.Http(tight.http) as c:
        r = c.request("POST", "/mcp", w.modern_fields(m), w.dumps(m))
        assert r.status == 200 and "done" in r.json["result"]["content"][0]["text"]


def test_connections_are_bounded(start):
    """HTTP-14, SEC-04: 503 with Retry-After, and a place is free again"""
    server = start.serve("limits: {connections: 4}")
    conns = [w.Http(server.http) for _ in range(4)]
    for c in conns:
        assert c.request("POST", "/mcp", w.legacy_fields(), PING).status == 200
    with w.Http(server.http) as c:
        c.send(w.http_request("POST", "/mcp", w.legacy_fields(), PING))
        r = c.response()
        assert r is None or (r.status == 503 and r.get("retry-after")), r
    for c in conns:
        assert c.request("POST", "/mcp", w.legacy_fields(), PING).status == 200
        c.close()
    for _ in range(1000):
        with w.Http(server.http) as c:
            if c.send(w.http_request("POST", "/mcp", w.legacy_fields(), PING)):
                r = c.response()
                if r is not None and r.status == 200:
                    return
    raise AssertionError("no place is free again")
