# SPDX-License-Identifier: Apache-2.0
"""The stateful era over HTTP: handshake, sessions, POST, GET, DELETE, and the
shapes of each revision."""

import json
import re

import pytest

import mcp_wire as w


def initialize(conn, params, **fields):
    return conn.request("POST", "/mcp", w.legacy_fields(**fields),
                        w.dumps(w.request("initialize", params, "init")))


# --- LIFE ---

@pytest.mark.parametrize("revision", w.STATEFUL)
def test_each_stateful_revision_is_echoed(server, revision):
    """LIFE-01, LIFE-02, LIFE-11, MSG-11"""
    s = w.Legacy(server, revision)
    h = s.handshake
    assert h["protocolVersion"] == revision
    assert h["serverInfo"]["name"] == "toolpost" and h["serverInfo"]["version"]
    assert set(h) <= {"protocolVersion", "capabilities", "serverInfo",
                      "instructions", "_meta"}
    want = {"tools": {"listChanged": True}, "prompts": {"listChanged": True},
            "resources": {"subscribe": True, "listChanged": True}, "logging": {}}
    if revision >= w.R2:  # COMP-01
        want["completions"] = {}
    if revision == w.R4:  # TKL-01
        want["tasks"] = {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}
    assert h["capabilities"] == want
    s.close()


@pytest.mark.parametrize("asked", ["2099-01-01", w.R5, "1.0.0", "", "nonsense",
                                   "2024-10-07"])
def test_an_unknown_revision_gets_a_counter_offer(conn, asked):
    """LIFE-03, LIFE-04"""
    r = initialize(conn, w.init_params(asked))
    assert r.status == 200, r
    assert r.json["result"]["protocolVersion"] == w.R4


@pytest.mark.parametrize("params", [
    None, {}, {"protocolVersion": w.R4, "capabilities": {}},
    {"protocolVersion": 5, "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}},
    {"protocolVersion": w.R4, "capabilities": [], "clientInfo": {"name": "a", "version": "1"}},
    {"protocolVersion": w.R4, "clientInfo": {"name": "a", "version": "1"}},
    {"protocolVersion": w.R4, "capabilities": {}, "clientInfo": "x"},
    {"protocolVersion": w.R4, "capabilities": {}, "clientInfo": {"name": "a"}},
    {"protocolVersion": w.R4, "capabilities": {}, "clientInfo": {"name": 1, "version": "1"}},
])
def test_a_handshake_that_lacks_something_is_refused_without_a_session(conn, params):
    """LIFE-05, SES-01"""
    r = initialize(conn, params)
    assert r.json["error"]["code"] == -32602 and r.json["id"] == "init"
    assert r.get("mcp-session-id") is None


def test_requests_between_handshake_and_initialized_are_served(server):
    """LIFE-08, LIFE-14: and the notification may come twice"""
    s = w.Legacy(server, ready=False)
    assert s.call("tools/list")["tools"]
    assert s.tool("hello")["content"]
    for _ in range(3):
        r = s.notify("notifications/initialized")
        assert r.status == 202 and r.body == b""
    assert s.call("tools/list")["tools"]
    s.close()


def test_a_second_handshake_is_refused(session, conn):
    """LIFE-09, SES-10"""
    r = initialize(conn, w.init_params(), Mcp_Session_Id=session.session)
    assert r.status == 400, r
    assert r.json["error"]["code"] == -32600
    r = initialize(conn, w.init_params(), Mcp_Session_Id="0" * 32)
    assert r.status == 404, r
    assert session.call("ping") == {}


@pytest.mark.parametrize("method", ["tasks/update", "nope", "Tools/List"])
def test_a_method_that_is_not_offered_is_unknown(legacy, method):
    """LIFE-12, RSRC-14, ERR: 200 in the stateful era"""
    r = legacy.post(method, {"uri": "fx://text", "level": "info"}, id=9)
    assert r.status == 200 and r.json["error"]["code"] == -32601 and r.json["id"] == 9


def test_every_advertised_method_answers(legacy):
    """LIFE-11"""
    for method, member in (("tools/list", "tools"), ("prompts/list", "prompts"),
                           ("resources/list", "resources"),
                           ("resources/templates/list", "resourceTemplates")):
        assert isinstance(legacy.call(method)[member], list)


def test_title_of_the_server_is_told_from_the_revision_that_knows_it(
        start):
    """LIFE-17"""
    s = start.serve("server: {name: wire, title: Wire, instructions: 'Be kind.'}")
    for revision in w.STATEFUL:
        c = w.Legacy(s, revision)
        info = c.handshake["serverInfo"]
        assert info["name"] == "wire"
        assert ("title" in info) == (revision >= w.R3)
        assert set(info) <= {"name", "version", "title"}
        assert c.handshake["instructions"] == "Be kind."
        c.close()
    m = w.Modern(s)
    found = m.call("server/discover")
    assert found["instructions"] == "Be kind."
    assert found["_meta"][w.SI]["title"] == "Wire"
    m.close()


def test_ping_is_answered_at_any_time(legacy, conn):
    """PING-01, LIFE-07"""
    assert legacy.call("ping") == {}
    assert legacy.call("ping", {"_meta": {"progressToken": 1}}) == {}
    r = conn.request("POST", "/mcp", w.legacy_fields(), w.dumps(w.request("ping")))
    assert r.status == 200 and r.json["result"] == {}


# --- SES ---

def test_session_ids_are_visible_unique_and_long(server):
    """SES-01, SES-02, SES-03"""
    seen = set()
    conn = w.Http(server.http)
    for _ in range(200):
        r = initialize(conn, w.init_params())
        id = r.get("mcp-session-id")
        assert re.fullmatch(r"[\x21-\x7e]{16,}", id), id
        seen.add(id)
    assert len(seen) == 200
    heads = {s[:8] for s in seen}
    assert len(heads) == 200, "session ids share a beginning"
    conn.close()


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_request_without_session_is_refused(conn, method):
    """SES-04, SES-07, AMB-16"""
    body = w.dumps(w.request("tools/list")) if method == "POST" else None
    r = conn.request(method, "/mcp", w.legacy_fields(
        Accept=w.BOTH, Content_Type="application/json" if body else None), body)
    assert r.status == 400, r
    m = w.check_message(r.json)
    assert m["error"]["code"] == -32600 and "id" not in m


@pytest.mark.parametrize("id", ["0" * 32, "f" * 32, "x", "a b", "\x7e" * 500])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_an_unknown_session_is_not_found(conn, method, id):
    """SES-05, SES-07, AMB-16"""
    body = w.dumps(w.request("tools/list")) if method == "POST" else None
    r = conn.request(method, "/mcp", w.legacy_fields(
        Accept=w.BOTH, Content_Type="application/json" if body else None,
        Mcp_Session_Id=id), body)
    assert r.status == 404, r
    m = w.check_message(r.json)
    assert m["error"]["code"] == -32600 and "id" not in m


def test_a_session_works_from_any_connection_and_reactor(server):
    """SES rows: found from any reactor"""
    s = w.Legacy(server)
    for _ in range(16):
        s.conn.close()
        s.conn = w.Http(server.http)
        assert s.call("ping") == {}
    s.close()


def test_a_deleted_session_is_gone(legacy):
    """SES-07, SES-05"""
    r = legacy.delete()
    assert r.status == 204 and r.body == b"", r
    assert legacy.post("tools/list").status == 404
    assert legacy.delete().status == 404
    assert legacy.notify("notifications/initialized").status == 404


def test_delete_closes_the_stream_and_ends_the_calls(server, gate):
    """SES-08"""
    s = w.Legacy(server)
    conns = []
    for _ in range(6):  # on several reactors
        c = w.Http(server.http)
        s.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}}, conn=c)
        conns.append((c, gate.entered()))
    get, r = s.stream()
    assert r.status == 200
    assert s.delete().status == 204
    assert r.stream.message() is None
    for c, held in conns:
        assert held.said() == "cancelled"
        answer = c.response()
        assert answer is None or (answer.stream is not None
                                  and answer.stream.messages() == []), answer
        c.close()
    get.close()
    s.close()


def test_an_idle_session_ends(start):
    """SES-06: by itself, and not while it has a stream"""
    server = start.serve("limits: {session_idle: 1s, idle_timeout: 3s}")
    idle, busy = w.Legacy(server), w.Legacy(server)
    get, r = busy.stream()
    assert r.status == 200
    # Three seconds later, as the server sees it: an idle connection is closed.
    with w.Http(server.http) as clock:
        assert clock.request("GET", "/nope").status == 404
        assert clock.is_closed()
    for s, status in ((idle, 404), (busy, 200)):
        s.conn.close()
        s.conn = w.Http(server.http)
        assert s.post("ping").status == status
    for c in (get, idle, busy):
        c.close()


def test_sessions_are_bounded(start):
    """HTTP-14: 503 beyond limits.sessions"""
    server = start.serve("limits: {sessions: 3}")
    sessions = [w.Legacy(server) for _ in range(3)]
    with w.Http(server.http) as c:
        r = initialize(c, w.init_params())
        assert r.status == 503 and r.get("retry-after"), r
        assert sessions[0].delete().status == 204
        assert initialize(c, w.init_params()).status == 200
    for s in sessions:
        s.close()


# --- POST ---

def test_an_answer_is_json_or_a_stream_that_ends(legacy):
    """AMB-19, HTTP-11, POSTL-02, POSTL-03"""
    r = legacy.post("tools/call", {"name": "hello"})
    assert r.type == "application/json" and r.stream is None
    r = legacy.post("tools/call", {
        "name": "test_tool_with_progress", "_meta": {"progressToken": "t"}}, id=5)
    assert r.type == "text/event-stream" and r.status == 200
    messages = r.stream.messages()
    assert messages[-1]["id"] == 5
    assert all(m["method"] == "notifications/progress" for m in messages[:-1])
    assert legacy.call("ping") == {}, "the connection goes on"


def test_a_dropped_connection_does_not_cancel(server, gate):
    """POSTL-04"""
    s = w.Legacy(server)
    for _ in range(4):
        c = w.Http(server.http)
        s.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}}, conn=c)
        held = gate.entered()
        c.close()
        assert s.call("ping") == {}
        held.tell("p")
        assert held.said() in ("told", "untold")
        held.go()
    s.close()


def test_a_half_closed_connection_still_gets_its_answer(server, gate):
    """POSTL-04, security.md 2.4"""
    import socket
    s = w.Legacy(server)
    c = w.Http(server.http)
    s.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}}, conn=c)
    held = gate.entered()
    c.sock.shutdown(socket.SHUT_WR)
    assert s.call("ping") == {}
    held.go()
    assert c.response().json["result"]["content"][0]["text"] == "held"
    assert c.is_closed()
    c.close()
    s.close()


# --- GET ---

def test_a_get_opens_a_stream(legacy):
    """GETL-01, HTTP-17, SSE-01"""
    conn, r = legacy.stream()
    assert r.status == 200 and r.type == "text/event-stream", r
    assert r.get("x-accel-buffering") == "no"
    assert r.get("cache-control") == "no-cache"
    assert r.get("transfer-encoding") == "chunked"
    conn.close()


@pytest.mark.parametrize("accept", ["application/json", "text/html",
                                    "text/event-stream;q=0", "text/event-streamx"])
def test_a_get_that_does_not_accept_events_is_refused(session, accept):
    """GETL-02"""
    r = session.conn.request("GET", "/mcp", session.fields(
        Accept=accept, Content_Type=None))
    assert r.status == 406, r


def test_a_session_has_one_stream(session):
    """GETL-06"""
    conn, r = session.stream()
    assert r.status == 200
    second, r2 = session.stream()
    assert r2.status == 409, r2
    assert "id" not in w.check_message(r2.json)
    conn.close()
    second.close()
    # The place is free once the server has seen the first one end.
    for _ in range(1000):
        third, r3 = session.stream()
        third.close()
        if r3.status == 200:
            break
        assert session.call("ping") == {}
    assert r3.status == 200


def test_no_response_appears_on_the_get_stream(server, session):
    """GETL-04, GETL-05"""
    conn, r = session.stream()
    for _ in range(3):
        assert session.call("ping") == {}
        session.tool("test_tool_with_progress")
    assert session.delete().status == 204
    assert r.stream.messages() == []
    conn.close()


def test_an_idle_stream_is_kept_alive_by_comments(start):
    """HTM-16, SSE-04"""
    server = start.serve("limits: {keep_alive: 100ms}")
    s = w.Legacy(server)
    conn, r = s.stream()
    for _ in range(3):
        e = r.stream.raw_event()
        assert e.comments and not e.data and not e.fields
    conn.close()
    s.close()
    m = w.Modern(server)
    conn, stream, ack = m.listen(toolsListChanged=True)
    for _ in range(3):
        e = stream.raw_event()
        assert e.comments and not e.data and not e.fields
    conn.close()


def test_streams_are_bounded(start):
    """HTTP-14, SUB-14"""
    server = start.serve("limits: {streams: 2}")
    sessions = [w.Legacy(server) for _ in range(3)]
    opened = [s.stream() for s in sessions]
    assert [r.status for _, r in opened] == [200, 200, 503]
    for c, _ in opened:
        c.close()
    for s in sessions:
        s.close()


# --- batches of 2025-03-26 ---

@pytest.fixture
def batching(server):
    s = w.Legacy(server, w.R2)
    yield s
    s.close()


def test_a_batch_is_answered_as_an_array(batching):
    """BAT-01, BAT-03, 1.3 row 4"""
    r = batching.raw(w.dumps([
        w.request("ping", id=1), w.notification("notifications/x"),
        w.request("tools/call", {"name": "hello"}, "b"), w.request("nope", id=3)]))
    assert r.status == 200 and r.type == "application/json", r
    answers = {m["id"]: w.check_message(m) for m in r.json}
    assert answers[1]["result"] == {}
    assert answers["b"]["result"]["content"][0]["text"] == "Hello, world!"
    assert answers[3]["error"]["code"] == -32601


def test_a_batch_of_notifications_is_accepted(batching):
    """BAT-03"""
    r = batching.raw(w.dumps([w.notification("notifications/x"),
                              {"jsonrpc": "2.0", "id": 1, "result": {}}]))
    assert r.status == 202 and r.body == b"", r


def test_an_empty_batch_is_an_invalid_request(batching):
    """BAT-04"""
    r = batching.raw(b"[]")
    assert w.check_message(r.json)["error"]["code"] == -32600


def test_a_bad_member_of_a_batch_has_an_error_of_its_own(batching):
    """BAT-04"""
    r = batching.raw(w.dumps([1, w.request("ping", id=1)]))
    assert r.status == 200 and len(r.json) == 2, r
    codes = {m.get("id"): m.get("error", {}).get("code") for m in r.json}
    assert codes == {None: -32600, 1: None}


def test_a_handshake_in_a_batch_is_refused(batching, conn):
    """BAT-05, LIFE-13"""
    body = w.dumps([w.request("initialize", w.init_params(w.R2))])
    for r in (batching.raw(body), conn.request("POST", "/mcp", w.legacy_fields(), body)):
        assert r.json["error"]["code"] == -32600 if isinstance(r.json, dict) else \
            r.json[0]["error"]["code"] == -32600


def test_a_batch_is_bounded(batching):
    """BAT-07; security.md 3: 100 members"""
    r = batching.raw(w.dumps([w.request("ping", id=i) for i in range(100)]))
    assert len(r.json) == 100
    r = batching.raw(w.dumps([w.request("ping", id=i) for i in range(10000)]))
    assert w.check_message(r.json)["error"]["code"] == -32600


# --- shapes: version matrix, sections 1 to 4 and 10 ---

def by_name(items, key="name"):
    return {i[key]: i for i in items}


def listed(client, method, member):
    return by_name(client.call(method)[member])


def test_tool_fields_follow_the_revision(client):
    """TOOL-05, TOOL-07, TOOL-08, META-12, LIFE-18"""
    r = client.revision
    tools = listed(client, "tools/list", "tools")
    t = tools["fx_blocks"]
    want = {"name", "description", "inputSchema"}
    if r >= w.R2:
        want |= {"annotations"}
    if r >= w.R3:
        want |= {"title", "_meta"}
    if r >= w.R4:
        want |= {"icons"}
    assert set(t) == want
    if r >= w.R2:
        assert t["annotations"]["readOnlyHint"] is True
        assert t["annotations"]["destructiveHint"] is False
    if r >= w.R4:
        assert t["icons"] == [{"src": "https://example.com/i.png",
                               "mimeType": "image/png", "sizes": ["48x48"],
                               "theme": "dark"}]
    if r >= w.R3:
        assert t["_meta"] == {"com.example/kind": "blocks"}
    assert ("outputSchema" in tools["fx_object"]) == (r >= w.R3)
    assert ("outputSchema" in tools["fx_array"]) == (r >= w.R5)
    for t in tools.values():
        assert t["inputSchema"]["type"] == "object" and t["description"]
        assert re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", t["name"])  # TOOL-04
    s = tools["json_schema_2020_12_tool"]["inputSchema"]
    assert s["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert s["$defs"]["address"]["$anchor"] == "addressDef"
    assert {"allOf", "if", "then", "else", "additionalProperties"} <= set(s)
    assert tools["fx_mirrored"]["inputSchema"]["properties"]["region"] \
        ["x-mcp-header"] == "Region"  # XHD-01


def test_resource_fields_follow_the_revision(client):
    """RSRC-02, RSRC-17"""
    r = client.revision
    found = by_name(client.call("resources/list")["resources"], "uri")["fx://text"]
    want = {"uri", "name", "description", "mimeType", "size", "annotations"}
    if r >= w.R3:
        want |= {"title", "_meta"}
    if r >= w.R4:
        want |= {"icons"}
    assert set(found) == want and found["size"] == 8
    assert found["annotations"]["audience"] == ["user"]
    assert found["annotations"]["priority"] == 0.5
    assert ("lastModified" in found["annotations"]) == (r >= w.R3)
    t = by_name(client.call("resources/templates/list")["resourceTemplates"],
                "uriTemplate")["fx://item/{id}"]
    assert set(t) == {"uriTemplate", "name", "description", "mimeType"} | (
        {"title"} if r >= w.R3 else set())


def test_prompt_fields_follow_the_revision(client):
    """PROM-02"""
    r = client.revision
    p = listed(client, "prompts/list", "prompts")["fx_said"]
    want = {"name", "description", "arguments"}
    if r >= w.R3:
        want |= {"title", "_meta"}
    if r >= w.R4:
        want |= {"icons"}
    assert set(p) == want
    word = by_name(p["arguments"])["word"]
    assert set(word) == {"name", "description", "required"} | (
        {"title"} if r >= w.R3 else set())
    assert word["required"] is True
    assert by_name(p["arguments"])["tone"].get("required", False) is False


def test_blocks_follow_the_revision(client):
    """TOOL-17, TOOL-18, version matrix 10"""
    r = client.revision
    got = client.tool("fx_blocks")
    types = [b["type"] for b in got["content"]]
    assert types == ["text", "image", "audio" if r >= w.R2 else "text",
                     "resource_link" if r >= w.R3 else "text",
                     "resource", "resource"]
    image = got["content"][1]
    assert image == {"type": "image", "data": "iVBORw0KGgoA/w==", "mimeType": "image/png"}
    if r >= w.R2:
        assert got["content"][2]["mimeType"] == "audio/wav"
    else:
        assert "audio/wav" in got["content"][2]["text"]
    if r >= w.R3:
        assert got["content"][3]["uri"] == "fx://text"
        assert got["content"][3]["name"] == "text"
    else:
        assert "fx://text" in got["content"][3]["text"]
    assert got["content"][4]["resource"] == {
        "uri": "fx://text", "mimeType": "text/plain", "text": "inside"}
    assert got["content"][5]["resource"] == {
        "uri": "fx://binary", "mimeType": "application/octet-stream",
        "blob": "iVBORw0KGgoA/w=="}


def test_prompt_blocks_follow_the_revision(client):
    """PROM-03, PROM-06, PROM-07"""
    r = client.revision
    got = client.call("prompts/get", {"name": "fx_said_blocks"})["messages"]
    assert [m["role"] for m in got] == ["user", "assistant", "user", "user"]
    assert [m["content"]["type"] for m in got] == [
        "image", "audio" if r >= w.R2 else "text",
        "resource_link" if r >= w.R3 else "text", "resource"]


def test_structured_results_follow_the_revision(client):
    """TOOL-08, TOOL-09, TOOL-11"""
    r = client.revision
    got = client.tool("fx_object")
    assert json.loads(got["content"][0]["text"]) == {"n": 1, "u": "ü"}
    assert ("structuredContent" in got) == (r >= w.R3)
    if r >= w.R3:
        assert got["structuredContent"] == {"n": 1, "u": "ü"}
    got = client.tool("fx_array")
    assert json.loads(got["content"][0]["text"]) == [1, 2, 3]
    assert ("structuredContent" in got) == (r >= w.R5)
    got = client.tool("fx_object_and_text")
    assert got["content"] == [{"type": "text", "text": "one"}]


def test_results_of_the_stateful_era_have_no_stateless_members(legacy):
    """MSG-11"""
    results = [legacy.call(m) for m in ("ping", "tools/list", "prompts/list",
                                        "resources/list", "resources/templates/list")]
    results += [legacy.tool("hello"), legacy.call("resources/read", {"uri": "fx://text"}),
                legacy.call("prompts/get", {"name": "fx_said", "arguments": {"word": "a"}})]
    for r in results + [legacy.handshake]:
        assert not {"resultType", "ttlMs", "cacheScope"} & set(r)
        assert w.SI not in r.get("_meta", {})


def test_an_unknown_resource_has_the_code_of_its_era(client):
    """RSRC-06, RSRC-07, ERR-01"""
    e = client.error("resources/read", {"uri": "fx://nowhere"})
    assert e["code"] == (-32602 if client.revision == w.R5 else -32002)
    assert e["data"]["uri"] == "fx://nowhere"


def test_progress_has_a_message_from_the_revision_that_knows_it(client):
    """PROG-02, version matrix 2"""
    if client.era == "stateless":
        r = client.post("tools/call", {"name": "fx_progress"}, meta={"progressToken": 1})
    else:
        r = client.post("tools/call", {"name": "fx_progress", "_meta": {"progressToken": 1}})
    for m in r.stream.messages()[:-1]:
        assert ("message" in m["params"]) == (client.revision >= w.R2)
