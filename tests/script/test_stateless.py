# SPDX-License-Identifier: Apache-2.0
"""The stateless era over HTTP: discovery, mirrored fields, hints, listening."""

import base64
import socket

import pytest

import mcp_wire as w


def call(server, params, fields=None, id=1):
    """tools/call with fields of one's own; they replace the right ones."""
    m = w.modern("tools/call", params, id)
    f = list(w.modern_fields(m).items())
    for name, value in fields or []:
        f = [(k, v) for k, v in f if k.lower() != name.lower()]
        if value is not None:
            f.append((name, value))
    with w.Http(server.http) as c:
        return c.request("POST", "/mcp", f, w.dumps(m))


def mismatch(r, id=1):
    assert r.status == 400, r
    m = w.check_message(r.json)
    assert m["error"]["code"] == -32020 and m["id"] == id, m
    return m["error"]["message"]


# --- DISC ---

def test_discovery_tells_versions_capabilities_and_hints(modern):
    """DISC-01, DISC-02, DISC-04, DISC-05, MSG-12, CACHE-01, CACHE-02"""
    d = modern.call("server/discover")
    assert d["supportedVersions"] == [w.R5]
    assert d["capabilities"] == {
        "tools": {"listChanged": True}, "prompts": {"listChanged": True},
        "resources": {"listChanged": True, "subscribe": True}, "logging": {},
        "completions": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}}
    assert type(d["ttlMs"]) is int and d["ttlMs"] >= 0
    assert d["cacheScope"] in ("public", "private")
    assert d["_meta"][w.SI]["name"] == "toolpost" and d["_meta"][w.SI]["version"]
    assert "serverInfo" not in d and "tasks" not in d["capabilities"]


def test_every_advertised_method_answers(modern):
    """DISC-03"""
    for method, member in (("tools/list", "tools"), ("prompts/list", "prompts"),
                           ("resources/list", "resources"),
                           ("resources/templates/list", "resourceTemplates")):
        assert isinstance(modern.call(method)[member], list)


@pytest.mark.parametrize("method", ["tasks/list", "nope"])
def test_a_method_that_is_not_offered_is_not_found(modern, method):
    """DISC-03, HTM-09"""
    assert modern.error(method, {"taskId": "x"}, status=404)["code"] == -32601


def test_the_first_request_may_be_any(server):
    """DISC-05, ERA-22"""
    for method, params in (("tools/call", {"name": "hello"}), ("tools/list", None),
                           ("resources/read", {"uri": "fx://text"})):
        c = w.Modern(server)
        assert c.call(method, params)
        c.close()


def test_lists_do_not_vary_and_keep_their_order(server):
    """TOOL-02, TOOL-03, RSRC-03, PROM-09, META-06"""
    for method in ("tools/list", "prompts/list", "resources/list",
                   "resources/templates/list"):
        bodies = set()
        for capabilities in ({}, {"sampling": {}}, {"extensions": {"com.example/x": {}}}):
            for _ in range(3):
                c = w.Modern(server, capabilities)
                bodies.add(c.post(method).body)
                c.close()
        assert len(bodies) == 1


# --- MSG, CACHE ---

RESULTS = [("server/discover", None), ("tools/list", None), ("prompts/list", None),
           ("resources/list", None), ("resources/templates/list", None),
           ("resources/read", {"uri": "fx://text"}),
           ("tools/call", {"name": "hello"}),
           ("prompts/get", {"name": "fx_said", "arguments": {"word": "a"}})]


@pytest.mark.parametrize("method, params", RESULTS, ids=[m for m, _ in RESULTS])
def test_every_result_is_marked_and_hints_are_where_they_belong(modern, method, params):
    """MSG-10, MSG-12, CACHE-01, CACHE-02, CACHE-08, CACHE-09"""
    r = modern.call(method, params)
    assert r["resultType"] == "complete"
    assert r["_meta"][w.SI]["name"] == "toolpost"
    if method in ("tools/call", "prompts/get"):
        assert not {"ttlMs", "cacheScope"} & set(r)
    elif method == "resources/read":
        assert (r["ttlMs"], r["cacheScope"]) == (0, "private")
    else:
        assert (r["ttlMs"], r["cacheScope"]) == (300000, "public")


# --- HTM: mirrored fields ---

@pytest.mark.parametrize("value", [None, "tools/Call", "TOOLS/CALL", "tools/list",
                                   "tools/call x", "", "=?base64?dG9vbHMvY2FsbA==?="])
def test_the_method_field_must_repeat_the_method(server, value):
    """HTM-03: a name of the protocol, never encoded"""
    text = mismatch(call(server, {"name": "hello"}, [("Mcp-Method", value)]))
    assert "Mcp-Method" in text  # ERR-07


@pytest.mark.parametrize("value", [None, "Hello", "echo", "hello2", "", "hello,hello",
                                   "=?base64?SGVsbG8=?="])
def test_the_name_field_must_repeat_the_name(server, value):
    """HTM-04"""
    assert "Mcp-Name" in mismatch(call(server, {"name": "hello"}, [("Mcp-Name", value)]))


def test_field_names_are_any_case_and_values_are_trimmed(server):
    """HTTP-12, HTM-02"""
    m = w.modern("tools/call", {"name": "hello"})
    with w.Http(server.http) as c:
        r = c.request("POST", "/mcp", [
            ("content-TYPE", "application/json"), ("ACCEPT", w.BOTH),
            ("mcp-protocol-version", "  %s \t" % w.R5), ("MCP-METHOD", "\ttools/call "),
            ("mcp-NAME", "   hello\t")], w.dumps(m))
        assert r.status == 200, r


@pytest.mark.parametrize("method, params", [
    ("prompts/get", {"name": "fx_said", "arguments": {"word": "a"}}),
    ("resources/read", {"uri": "fx://text"}),
    ("resources/read", {"uri": "fx://it%20em"})])
def test_prompts_and_resources_are_mirrored_too(modern, method, params):
    """HTM-04, RSRC-21"""
    assert modern.call(method, params)
    for wrong in ("nope", "fx://it em", "fx://it%20EM", None):
        mismatch(modern.post(method, params, id=1, Mcp_Name=wrong))


@pytest.mark.parametrize("method, params", [
    ("tools/list", None), ("server/discover", None), ("prompts/list", {"name": "x"})])
def test_the_name_field_is_not_looked_at_elsewhere(modern, method, params):
    """HTM-04, COMP-06, SUB-18"""
    assert modern.post(method, params, Mcp_Name="whatever").status == 200


def b64(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return base64.b64encode(raw).decode()


def test_an_encoded_name_is_decoded_before_it_is_compared(server, modern):
    """HTM-05"""
    r = call(server, {"name": "hello"}, [("Mcp-Name", "=?base64?%s?=" % b64("hello"))])
    assert r.status == 200, r
    r = modern.post("tools/call", {"name": "wörld 🌍"})
    assert r.status == 200 and r.json["error"]["code"] == -32602, r
    mismatch(call(server, {"name": "wörld"}, [("Mcp-Name", "=?base64?%s?=" % b64("world"))]))


@pytest.mark.parametrize("value", [
    "=?base64?aGVsbG8?=", "=?base64?aGVs!!!bG8=?=", "=?base64?aGVsbG8==?=",
    "=?base64?aGVsbG9=?=", "=?base64?aGVsbG8 =?=", "=?base64?=aGVsbG8?=",
    "=?base64?aGVs-G8_?=", "=?base64?_w==?=", "=?base64?/w==?=", "=?base64?wIA=?=",
    "=?base64?====?=", "=?base64?a?="])
def test_bad_base64_is_a_mismatch(server, value):
    """HTM-06"""
    mismatch(call(server, {"name": "hello"}, [("Mcp-Name", value)]))


@pytest.mark.parametrize("value", [
    "=?BASE64?aGVsbG8=?=", "=?base64?aGVsbG8=", "base64?aGVsbG8=?=", "=?base64?",
    "=?Base64?aGVsbG8=?=", "=?utf-8?b?aGVsbG8=?="])
def test_a_value_without_both_marks_is_literal(server, value):
    """HTM-05: it equals a body that says the same"""
    mismatch(call(server, {"name": "hello"}, [("Mcp-Name", value)]))
    r = call(server, {"name": value}, [("Mcp-Name", value)])
    assert r.status == 200 and "Unknown tool" in r.json["error"]["message"], r


@pytest.mark.parametrize("field", ["Mcp-Name", "Mcp-Method", "MCP-Protocol-Version",
                                   "Mcp-Param-Region"])
def test_bytes_beyond_ascii_in_a_recognised_field_are_refused(server, field):
    """HTM-07"""
    args = {"region": "eu"}
    r = call(server, {"name": "fx_mirrored", "arguments": args},
             [("Mcp-Param-Region", "eu"), (field, b"h\xc3\xa4llo")])
    mismatch(r)


def test_a_repeated_mirrored_field_is_refused(server):
    """security.md 2.2: 400, the connection ends"""
    m = w.modern("tools/call", {"name": "hello"})
    for name, value in (("Mcp-Name", "hello"), ("Mcp-Method", "tools/call"),
                        ("MCP-Protocol-Version", w.R5), ("Mcp-Param-X", "1")):
        f = list(w.modern_fields(m).items()) + [(name, value)]
        if name == "Mcp-Param-X":
            f.append((name, value))
        with w.Http(server.http) as c:
            r = c.request("POST", "/mcp", f, w.dumps(m))
            assert r.status == 400 and c.is_closed(), (name, r)


def test_a_missing_name_in_the_body_is_bad_params(modern):
    """HTM-08, TOOL-12"""
    for method in ("tools/call", "prompts/get", "resources/read"):
        e = modern.error(method, {}, Mcp_Name="x")
        assert e["code"] == -32602


# --- XHD ---

GOOD = [
    ({"region": "eu"}, {"Region": "eu"}),
    ({"region": ""}, {"Region": ""}),
    ({"region": "öst"}, {"Region": "=?base64?%s?=" % b64("öst")}),
    ({"region": " eu "}, {"Region": "=?base64?%s?=" % b64(" eu ")}),
    ({"region": "eu"}, {"Region": "=?base64?%s?=" % b64("eu")}),
    ({"count": 42}, {"Count": "42"}), ({"count": 42}, {"Count": "42.0"}),
    ({"count": -7}, {"Count": "-7"}), ({"count": 0}, {"Count": "0"}),
    ({"count": 9007199254740991}, {"Count": "9007199254740991"}),
    ({"wanted": True}, {"Wanted": "true"}), ({"wanted": False}, {"Wanted": "false"}),
    ({"deep": {"er": "x"}}, {"Deeper": "x"}),
    ({"user_id": "u"}, {"user_id": "u"}),
    ({"region": "eu", "count": 1, "wanted": True, "deep": {"er": "d"}},
     {"Region": "eu", "Count": "1", "Wanted": "true", "Deeper": "d"}),
    ({}, {}), ({"deep": {}}, {}), ({}, {"Unknown": "x"}),
]
BAD = [
    ({"region": "eu"}, {}), ({"region": "eu"}, {"Region": "us"}),
    ({"region": "eu"}, {"Region": "EU"}), ({"region": "eu"}, {"Region": ""}),
    ({"region": "öst"}, {"Region": "=?base64?w7ZzdA?="}),
    ({}, {"Region": "eu"}), ({"deep": {}}, {"Deeper": "x"}),
    ({"count": 42}, {"Count": "43"}), ({"count": 42}, {"Count": "042"}),
    ({"count": 42}, {"Count": "+42"}), ({"count": 42}, {"Count": "x"}),
    ({"count": 9007199254740993}, {"Count": "9007199254740992"}),
    ({"wanted": True}, {"Wanted": "True"}), ({"wanted": True}, {"Wanted": "1"}),
    ({"deep": {"er": "x"}}, {"Deeper": "y"}), ({"deep": {"er": "x"}}, {}),
    ({"user_id": "u"}, {"user-id": "u"}),
]


def mirrored(server, args, fields):
    return call(server, {"name": "fx_mirrored", "arguments": args},
                [("Mcp-Param-" + k, v) for k, v in fields.items()])


@pytest.mark.parametrize("args, fields", GOOD, ids=repr)
def test_a_mirrored_argument_passes(server, args, fields):
    """XHD-06, XHD-08, XHD-09, XHD-10"""
    r = mirrored(server, args, fields)
    assert r.status == 200 and "isError" not in r.json["result"], r


@pytest.mark.parametrize("args, fields", BAD, ids=repr)
def test_a_mirrored_argument_that_differs_is_a_mismatch(server, args, fields):
    """XHD-06, XHD-07, XHD-09"""
    assert "Mcp-Param-" in mismatch(mirrored(server, args, fields))


def test_null_arguments_expect_no_field(server):
    """XHD-07: null is then the schema's to judge"""
    r = mirrored(server, {"region": None}, {})
    assert r.status == 200 and r.json["result"]["isError"] is True
    mismatch(mirrored(server, {"region": None}, {"Region": "null"}))


@pytest.mark.parametrize("args, fields", [
    ({"region": 1}, {"Region": "1"}), ({"region": True}, {"Region": "true"}),
    ({"count": "x"}, {"Count": "x"}), ({"wanted": "true"}, {"Wanted": "true"})], ids=repr)
def test_an_argument_of_another_type_is_left_to_its_schema(server, args, fields):
    """XHD-08, 1.4 rungs 9 and 11: it is repeated, only its type is wrong"""
    r = mirrored(server, args, fields)
    assert r.status == 200 and r.json["result"]["isError"] is True, r


def test_the_stateful_era_and_lines_ignore_mirrors(server, session):
    """XHD-12"""
    args = {"name": "fx_mirrored", "arguments": {"region": "eu"}}
    assert "isError" not in session.call("tools/call", args)
    assert session.post("tools/call", args, Mcp_Param_Region="us").status == 200
    line = w.Line(server.line_unix)
    assert "isError" not in line.modern("tools/call", args)["result"]
    line.close()


# --- HTM: streams, cancellation ---

def test_a_stream_has_no_ids_and_ends_with_the_response(modern):
    """HTM-11, HTM-12, HTM-13, HTM-15, SSE-02, HTTP-17"""
    r = modern.post("tools/call", {"name": "test_tool_with_progress"}, id="s",
                    meta={"progressToken": "t"})
    assert r.status == 200 and r.type == "text/event-stream", r
    assert r.get("x-accel-buffering") == "no" and r.get("cache-control") == "no-cache"
    events = []
    while True:
        e = r.stream.event()
        if e is None:
            break
        assert set(e.fields) <= {"event"} and e.fields.get("event", "message") == "message"
        assert len(e.data) == 1
        events.append(e.message)
    assert [m["params"]["progress"] for m in events[:-1]] == [0, 50, 100]
    assert all(m["method"] == "notifications/progress"
               and m["params"]["progressToken"] == "t" for m in events[:-1])
    assert events[-1]["id"] == "s"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("how", ["close", "reset", "half"])
def test_a_closed_connection_cancels(server, gate, streamed, how):
    """HTM-14, CANC-08: with a stream begun, or a JSON answer pending"""
    c = w.Modern(server)
    c.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}},
           meta={"progressToken": 1})
    held = gate.entered()
    if streamed:
        held.tell("p")
        assert held.said() == "told"
        r = c.conn.response()
        assert r.stream.message()["params"]["progress"] == 1
    if how == "half":
        c.conn.sock.shutdown(socket.SHUT_WR)
    elif how == "reset":
        import struct
        c.conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how != "half":
        c.close()
    assert held.said() == "cancelled"
    if how == "half" and not streamed:
        assert c.conn.is_closed()
    c.close()


def test_a_cancel_notification_does_not_reach_stateless_requests_on_http(
        server, session, gate):
    """CANC-10, CANC-07, HTM-17"""
    c = w.Modern(server)
    c.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}}, id=5)
    held = gate.entered()
    assert session.notify("notifications/cancelled", {"requestId": 5}).status == 202
    with w.Http(server.http) as other:
        r = other.request("POST", "/mcp", w.legacy_fields(MCP_Protocol_Version=w.R5),
                          w.dumps(w.notification("notifications/cancelled", {"requestId": 5})))
        assert r.status == 202
    held.go()
    assert c.conn.response().json["result"]["content"][0]["text"] == "held"
    c.close()


# --- SUB ---

KINDS = ["toolsListChanged", "promptsListChanged", "resourcesListChanged"]


def trigger(server, what):
    c = w.Modern(server)
    c.tool({"tools": "test_trigger_tool_change",
            "prompts": "test_trigger_prompt_change",
            "watched": "touch_watched_resource"}[what])
    c.close()


@pytest.mark.parametrize("id", [0, 7, 9007199254740993, "seven", "ünï"])
def test_a_listen_stream_begins_with_its_acknowledgement(server, modern, id):
    """SUB-01, SUB-02, SUB-03, SUB-04"""
    conn, stream, ack = modern.listen(id, toolsListChanged=True, promptsListChanged=False,
                                      resourceSubscriptions=["test://watched-resource"],
                                      unknown=True)
    assert ack["method"] == "notifications/subscriptions/acknowledged"
    assert ack["params"]["_meta"][w.SID] == id
    assert type(ack["params"]["_meta"][w.SID]) is type(id)
    assert ack["params"]["notifications"] == {
        "toolsListChanged": True, "resourceSubscriptions": ["test://watched-resource"]}
    trigger(server, "prompts")  # not asked for
    trigger(server, "tools")
    m = stream.message()
    assert m["method"] == "notifications/tools/list_changed"
    assert m["params"]["_meta"][w.SID] == id
    trigger(server, "watched")
    m = stream.message()
    assert m["method"] == "notifications/resources/updated"
    assert m["params"]["uri"] == "test://watched-resource"
    assert m["params"]["_meta"][w.SID] == id
    conn.close()


@pytest.mark.parametrize("notifications", [
    None, 5, [], "x", {"toolsListChanged": 1}, {"toolsListChanged": "true"},
    {"promptsListChanged": None}, {"resourceSubscriptions": "x"},
    {"resourceSubscriptions": [1]}, {"resourceSubscriptions": {}}])
def test_a_mistyped_listen_is_bad_params(modern, notifications):
    """SUB-01"""
    params = {} if notifications is None else {"notifications": notifications}
    assert modern.error("subscriptions/listen", params)["code"] == -32602


def test_nothing_may_be_listened_to(modern):
    """SUB-03"""
    conn, stream, ack = modern.listen()
    assert ack["params"]["notifications"] == {}
    conn.close()


def test_each_of_many_listens_gets_what_it_asked_for(server, modern):
    """SUB-05, SUB-08: on several reactors, and nothing of other kinds"""
    a = [modern.listen(i, toolsListChanged=True) for i in range(4)]
    b = [modern.listen(i, promptsListChanged=True) for i in range(4)]
    trigger(server, "tools")
    trigger(server, "prompts")
    for i, (conn, stream, _) in enumerate(a):
        m = stream.message()
        assert m["method"] == "notifications/tools/list_changed"
        assert m["params"]["_meta"][w.SID] == i
    for i, (conn, stream, _) in enumerate(b):
        m = stream.message()
        assert m["method"] == "notifications/prompts/list_changed"
    for conn, _, _ in a + b:
        conn.close()


def test_subscribed_resources_are_matched_exactly(server, modern):
    """SUB-05, SUB-06, RSRC-15"""
    other, stream, _ = modern.listen(1, resourceSubscriptions=["test://static-text"],
                                     toolsListChanged=True)
    trigger(server, "watched")
    trigger(server, "tools")
    assert stream.message()["method"] == "notifications/tools/list_changed"
    other.close()


def test_no_list_change_appears_on_the_stream_of_a_call(server, gate):
    """HTM-12, SUB-07"""
    c = w.Modern(server)
    c.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}},
           meta={"progressToken": 1})
    held = gate.entered()
    held.tell("p")
    assert held.said() == "told"
    listen = w.Modern(server).listen(toolsListChanged=True)
    trigger(server, "tools")
    assert listen[1].message()["method"] == "notifications/tools/list_changed"
    held.go()
    methods = [m.get("method") for m in c.conn.response().stream.messages()]
    assert methods == ["notifications/progress", None]
    listen[0].close()
    c.close()


def test_a_listen_stream_ends_with_its_response_at_shutdown(start):
    """SUB-10, AMB-02: and no cancel notification on HTTP"""
    server = start.serve()
    streams = [w.Modern(server).listen("l%d" % i, toolsListChanged=True) for i in range(4)]
    server.stop()
    for i, (conn, stream, _) in enumerate(streams):
        m = stream.message()
        assert m["id"] == "l%d" % i
        assert m["result"]["resultType"] == "complete"
        assert m["result"]["_meta"][w.SID] == "l%d" % i
        assert stream.message() is None
        assert conn.is_closed()


def test_get_streams_end_at_shutdown(start):
    """POSTL-06, security.md 2.4"""
    server = start.serve()
    s = w.Legacy(server)
    conn, r = s.stream()
    server.stop()
    assert r.stream.message() is None and conn.is_closed()
    s.close()


def test_a_call_in_flight_is_finished_at_shutdown(start, fixture_plugins, gate):
    """reliability.md 4: drained, then exit 0"""
    server = start.serve(plugins=(w.PLUGINS, fixture_plugins))
    clients = [w.Modern(server), w.Legacy(server)]
    held = []
    for c in clients:
        c.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}})
        held.append(gate.entered())
    server.kill(15)
    server.wait_log("draining")
    for c, h in zip(clients, held):
        h.go()
        r = c.conn.response()
        assert r.json["result"]["content"][0]["text"] == "held"
        assert c.conn.is_closed()
        c.close()
    assert server.wait() == 0


def test_a_call_that_does_not_finish_is_cancelled_at_the_end_of_the_drain(
        start, fixture_plugins, gate):
    """reliability.md 4"""
    server = start.serve("drain: 200ms", plugins=(w.PLUGINS, fixture_plugins))
    c = w.Modern(server)
    c.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}})
    held = gate.entered()
    server.kill(15)
    assert held.said() == "cancelled"
    r = c.conn.response()
    assert r is None or r.json["error"]["code"] == -32603, r
    assert server.wait() == 0
    c.close()
