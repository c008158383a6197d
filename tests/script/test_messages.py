# SPDX-License-Identifier: Apache-2.0
"""JSON and JSON-RPC: what is a message, and how its id comes back."""

import json

import pytest

import mcp_wire as w

IDS = ['1', '0', '-1', '9007199254740991', '9007199254740992',
       '9007199254740993', '-9223372036854775808', '123456789012345678901234567890',
       '"1"', '""', '"\\u00fcn\\u00ef"', '"ünï"', '"a\\/b\\n\\t\\"\\\\"', '"\\ud83d\\ude00"',
       '"' + "x" * 1000 + '"']

LIST_META = w.dumps(w.claim()).decode()


def raw_request(id, method="tools/list", params=None):
    if params is None:
        params = '{"_meta":%s}' % LIST_META
    return ('{"jsonrpc":"2.0","id":%s,"method":"%s","params":%s}'
            % (id, method, params)).encode()


def post(conn, body, method="tools/list", **more):
    return conn.request("POST", "/mcp", w.modern_fields(
        {"method": method}, **more), body)


class Sender:
    """The same bytes by each way in; returns the raw answer."""

    def __init__(self, server, way):
        self.way = way
        if way == "http":
            self.conn = w.Http(server.http)
        else:
            self.conn = w.Line(server.line_unix)

    def ask(self, body):
        if self.way == "http":
            r = post(self.conn, body)
            self.status = r.status
            return r.body
        self.conn.send(body)
        return self.conn.line()

    def refused(self, body, code):
        raw = self.ask(body)
        m = w.check_message(json.loads(raw))
        assert m["error"]["code"] == code, m
        if self.way == "http":
            assert self.status == 400
        return m


@pytest.fixture(params=["http", "line"])
def sender(server, request):
    s = Sender(server, request.param)
    yield s
    s.conn.close()


@pytest.mark.parametrize("id", IDS, ids=lambda s: s[:24])
def test_an_id_comes_back_byte_for_byte(sender, id):
    """MSG-03"""
    raw = sender.ask(raw_request(id))
    assert ('"id":%s,' % id).encode() in raw, raw[:200]
    assert json.loads(raw)["result"]["tools"]


@pytest.mark.parametrize("id", IDS, ids=lambda s: s[:24])
def test_an_id_comes_back_byte_for_byte_in_an_error(sender, id):
    """MSG-03, ERR-05"""
    raw = sender.ask(raw_request(id, params='{"_meta":%s,"cursor":5}' % LIST_META))
    assert ('"id":%s,' % id).encode() in raw, raw[:200]
    assert json.loads(raw)["error"]["code"] == -32602


def test_ids_of_a_session_come_back_byte_for_byte(session):
    """MSG-03 in the stateful era"""
    for id in IDS:
        r = session.raw(('{"jsonrpc":"2.0","id":%s,"method":"ping"}' % id).encode())
        assert ('"id":%s,' % id).encode() in r.body, r


@pytest.mark.parametrize("id", ["null", "1.5", "1.0", "1e3", "-0.0", "{}", "[]",
                                "true", "false", '"' + "x" * 2000 + '"'],
                         ids=lambda s: s[:10])
def test_an_id_that_is_no_string_or_integer_is_refused_without_id(sender, id):
    """MSG-02, MSG-05"""
    assert "id" not in sender.refused(raw_request(id), -32600)


@pytest.mark.parametrize("body, id", [
    (b'{"id":1,"method":"tools/list"}', 1),
    (b'{"jsonrpc":"1.0","id":1,"method":"tools/list"}', 1),
    (b'{"jsonrpc":2.0,"id":1,"method":"tools/list"}', 1),
    (b'{"jsonrpc":null,"id":"a","method":"tools/list"}', "a"),
    (b'{"jsonrpc":"2.0","id":1}', 1),
    (b'{"jsonrpc":"2.0","id":1,"method":5}', 1),
    (b'{"jsonrpc":"2.0","id":1,"method":null}', 1),
    (b'{"jsonrpc":"2.0","id":1,"method":""}', 1),
    (b'{"jsonrpc":"2.0"}', None),
    (b'{"jsonrpc":"2.0","Method":"tools/list","ID":1}', None),
    (b'{"jsonrpc":"2.0","id":1,"\xc5\xbfmethod":"tools/list"}', 1),
    (b'{}', None), (b'5', None), (b'"x"', None), (b'null', None), (b'true', None),
])
def test_what_is_no_message_is_an_invalid_request(sender, body, id):
    """MSG-01, MSG-02, ERR-05: with the id where it was readable"""
    assert sender.refused(body, -32600).get("id") in (id,)


@pytest.mark.parametrize("params", ["[]", '"x"', "5", "true", "[1,2]"])
def test_params_that_are_no_object_are_refused(sender, params):
    """MSG-14"""
    raw = sender.ask(raw_request("3", params=params))
    m = w.check_message(json.loads(raw))
    assert m["error"]["code"] in (-32600, -32602) and m["id"] == 3


NOT_JSON = [
    b"{", b"}", b"[", b'{"jsonrpc":"2.0",}', b"{'a':1}", b'{"a":1}}', b'{"a":1} x',
    b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":1.}', b'{"a":NaN}',
    b'{"a":Infinity}', b'{"a":-}', b'{"a":"\\x"}', b'{"a":"\\ud800"}',
    b'{"a":"\\udc00\\ud800"}', b'{"a":"\xff"}', b'{"a":"\xc0\x80"}',
    b'{"a":"\xed\xa0\x80"}', b'{"a":"\xf4\x90\x80\x80"}', b'{"a":"\x01"}',
    b'\xef\xbb\xbf{"a":1}', b'{"a":1/*x*/}', b'{a:1}', b'tru', b'{"a":"x',
    b"[" * 100000, b'{"a":' * 100000, b"\x00", b"{}\x00",
]


@pytest.mark.parametrize("body", NOT_JSON, ids=lambda b: repr(b[:16]))
def test_what_is_no_json_is_a_parse_error_without_id(sender, body):
    """MSG-15, MSG-05, MSG-01, STD-05"""
    assert "id" not in sender.refused(body, -32700)
    assert b'"result"' in sender.ask(raw_request("1"))


def nested(depth):
    """params.x is that deep inside the message."""
    inner = "[" * (depth - 2) + "]" * (depth - 2)
    return raw_request("1", params='{"_meta":%s,"x":%s}' % (LIST_META, inner))


def test_depth_is_bounded(sender):
    """MSG-15, HTTP-14; security.md 3: 128"""
    assert b'"result"' in sender.ask(nested(128))
    sender.refused(nested(129), -32700)


@pytest.mark.parametrize("body", [
    b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","\\u006dethod":"x"}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1,"a":1}}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"b":[{"a":1,"c":2,"\\u0061":3}]}}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a\\u0000b":1}}',
])
def test_duplicate_keys_and_nul_in_keys_are_refused(sender, body):
    """MSG-15; security.md 3"""
    sender.refused(body, -32600)


def test_many_members_are_searched_in_linear_time(sender):
    """security.md 3: a large object is accepted, its one duplicate found"""
    keys = ",".join('"k%d":0' % i for i in range(20000))
    good = raw_request("1", params='{"_meta":%s,"x":{%s}}' % (LIST_META, keys))
    assert b'"result"' in sender.ask(good)
    bad = raw_request("1", params='{"_meta":%s,"x":{%s,"k777":1}}' % (LIST_META, keys))
    sender.refused(bad, -32600)


def test_unknown_members_are_ignored_everywhere(server, modern, session):
    """MSG-13"""
    meta = dict(w.claim(), x=1, **{"com.example/y": {"z": []}})
    meta[w.CC] = {"x": {}, "experimental": {"y": 1}, "elicitation": {"z": {}}}
    m = dict(w.request("tools/call", {
        "name": "hello", "arguments": {}, "x": 1, "task": {"ttl": 1},  # TOOL-23
        "_meta": meta}), x=1)
    r = post(modern.open(), w.dumps(m), "tools/call", Mcp_Name="hello", X_Other="1")
    assert r.json["result"]["content"][0]["text"] == "Hello, world!"
    r = session.raw(w.dumps(dict(w.request("tools/call", {
        "name": "hello", "x": 1, "_meta": {"x": 1}}), x=1)))
    assert r.json["result"]["content"][0]["text"] == "Hello, world!"


def test_member_names_are_compared_exactly(session):
    """security.md 3: Name is not name"""
    for params in ({"Name": "hello"}, {"na\u017fme": "hello"}, {"NAME": "hello"}):
        assert session.error("tools/call", params)["code"] == -32602


def test_a_notification_is_never_answered(server):
    """MSG-06: unknown methods and bad params included"""
    line = w.Line(server.line_unix)
    line.handshake()
    for m in (w.notification("nope"), w.notification("tools/call", {"name": 5}),
              w.notification("notifications/cancelled"),
              w.notification("notifications/cancelled", {"requestId": {}}),
              w.notification("tools/list", {"_meta": w.claim()}),
              w.notification("initialize", w.init_params()),
              w.notification("notifications/progress", {"progressToken": 1})):
        line.send(m)
    assert line.legacy("ping")["result"] == {}
    line.close()


def test_unknown_notifications_are_accepted_by_post(session, modern):
    """MSG-06, HTTP-10"""
    for m in ("nope", "notifications/tools/list_changed"):
        assert session.notify(m).status == 202
        r = modern.open().request("POST", "/mcp", w.legacy_fields(
            MCP_Protocol_Version=w.R5), w.dumps(w.notification(m)))
        assert r.status == 202 and r.body == b""


def test_an_outstanding_id_is_not_taken_twice_on_a_line(server, gate):
    """MSG-09"""
    line = w.Line(server.line_unix)
    line.handshake()
    for make in (w.request, w.modern):
        line.send(make("tools/call", {"name": "fx_hold",
                                      "arguments": {"gate": gate.path}}, 77))
        held = gate.entered()
        again = line.ask(make("tools/call", {"name": "hello"}, 77))
        assert again["error"]["code"] == -32600 and again["id"] == 77
        other = line.ask(make("tools/call", {"name": "hello"}, "77"))
        assert other["id"] == "77" and "result" in other
        held.go()
        first = line.recv()
        assert first["id"] == 77
        assert first["result"]["content"][0]["text"] == "held"
    line.close()


def test_equal_ids_on_two_connections_are_two_requests(server, gate):
    """MSG-09, HTTP-18"""
    s = w.Legacy(server)
    s.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}}, 1)
    first = gate.entered()
    other = w.Http(server.http)
    s.send("tools/call", {"name": "hello"}, 1, conn=other)
    assert other.response().json["result"]["content"][0]["text"] == "Hello, world!"
    first.go()
    assert s.conn.response().json["result"]["content"][0]["text"] == "held"
    other.close()
    s.close()


@pytest.mark.parametrize("token", [1.5, {}, [], True, None])
def test_a_progress_token_of_another_type_is_refused(modern, session, token):
    """META-10"""
    if token is not None:
        e = modern.post("tools/call", {"name": "hello"}, meta={"progressToken": token})
        assert e.json["error"]["code"] == -32602, e
        e = session.error("tools/call", {"name": "hello", "_meta": {"progressToken": token}})
        assert e["code"] == -32602
    else:
        r = modern.post("tools/call", {"name": "hello"}, meta={"progressToken": token})
        assert r.json["error"]["code"] == -32602


def test_odd_values_at_reserved_keys_do_no_harm(modern):
    """META-04, META-07"""
    for value in (1, [], {"x": []}, "a" * 5000, None):
        r = modern.post("tools/list", meta={
            "traceparent": value, "tracestate": value, "baggage": value,
            w.META + "related-task": value, w.SID: value})
        assert r.status == 200, r
