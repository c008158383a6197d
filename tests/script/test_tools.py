# SPDX-License-Identifier: Apache-2.0
"""tools/call in both eras: arguments, results, progress, cancellation, bounds."""

import json

import pytest

import mcp_wire as w


def post(client, name, arguments=None, token=None, **more):
    """The response to a call, in the client's own way."""
    params = {"name": name}
    if arguments is not None:
        params["arguments"] = arguments
    if client.era == "stateless":
        meta = {"progressToken": token} if token is not None else None
        return client.post("tools/call", params, meta=meta, **more)
    if token is not None:
        params["_meta"] = {"progressToken": token}
    return client.post("tools/call", params, **more)


def send(client, name, arguments, token=None, conn=None, id=None):
    """Sends a call on conn and returns at once; conn is closed by the caller."""
    params = {"name": name, "arguments": arguments}
    id = client.next_id() if id is None else id
    if client.era == "stateless":
        m = w.modern("tools/call", params, id,
                     meta={"progressToken": token} if token is not None else None)
        fields = w.modern_fields(m)
    else:
        if token is not None:
            params["_meta"] = {"progressToken": token}
        m = w.request("tools/call", params, id)
        fields = client.fields()
    conn.send(w.http_request("POST", "/mcp", fields, w.dumps(m)))


# --- arguments ---

@pytest.mark.parametrize("params", [
    {}, {"name": 5}, {"name": None}, {"name": ["hello"]}, {"arguments": {}},
    {"name": "hello", "arguments": []}, {"name": "hello", "arguments": "x"},
    {"name": "hello", "arguments": None}, {"name": "hello", "arguments": 5}], ids=repr)
def test_mistyped_params_are_a_protocol_error(client, params):
    """TOOL-12, AMB-04"""
    fields = {"Mcp_Name": "hello"} if client.era == "stateless" else {}
    assert client.error("tools/call", params, **fields)["code"] == -32602


def test_absent_arguments_are_an_empty_object(client):
    """TOOL-12"""
    text = [{"type": "text", "text": "Hello, world!"}]
    assert client.tool("hello")["content"] == text
    assert client.tool("hello", {})["content"] == text


@pytest.mark.parametrize("name", ["nope", "", "Hello", "hello ", "hello\u0000", "a" * 300,
                                  "ü" * 200])
def test_an_unknown_tool_is_a_protocol_error_that_names_it(client, name):
    """TOOL-13, HTM-20, AMB-03"""
    e = client.error("tools/call", {"name": name})
    assert e["code"] == -32602
    if name in ("nope", "Hello"):
        assert e["message"] == "Unknown tool: " + name


@pytest.mark.parametrize("arguments, word", [
    ({}, "n"), ({"n": "1"}, "n"), ({"n": 0}, "n"), ({"n": 1.5}, "n"),
    ({"n": 1, "x": 1}, "x"), ({"n": 1, "a": "long"}, "a"), ({"n": 1, "a": 5}, "a"),
    ({"n": 1, "e": "z"}, "e"), ({"n": 1, "list": []}, "list"),
    ({"n": 1, "list": [1, "x"]}, "list"), ({"n": None}, "n")], ids=repr)
def test_arguments_that_fail_the_schema_are_a_result_that_says_where(
        client, arguments, word):
    """TOOL-14, AMB-04, SCH-07"""
    r = client.tool("fx_schema", arguments)
    assert r["isError"] is True
    assert [b["type"] for b in r["content"]] == ["text"]
    text = r["content"][0]["text"]
    assert text.startswith("Invalid arguments") and word in text, text
    assert "structuredContent" not in r


@pytest.mark.parametrize("arguments", [
    {"n": 1}, {"n": 5.0}, {"n": 1e2}, {"n": 123456789012345678901234567890},
    {"n": 1, "a": "abc", "e": "y", "list": [1, 2.5]}], ids=repr)
def test_arguments_that_keep_the_schema_reach_the_tool_as_sent(client, arguments):
    """SCH-08, TOOL-16"""
    r = client.tool("fx_schema", arguments)
    assert "isError" not in r and json.loads(r["content"][0]["text"]) == arguments


# --- results ---

def test_a_text_comes_through_whole(client):
    """TOOL-17, STD-01: line ends, quotes, controls, NUL"""
    r = client.tool("fx_controls")
    assert r["content"][0]["text"] == 'a\nb\r\nc\t"\\\x01\x7f\u2028\0z'
    for text in ("", "ünï \U0001f600", "</script>", "\\u0041", "a" * 100000):
        assert client.tool("echo", {"message": text})["content"][0]["text"] == text


def test_content_may_be_empty(client):
    """TOOL-17"""
    assert client.tool("fx_nothing")["content"] == []


def test_a_large_result_comes_through(client):
    """HTTP-11; 8 MiB, far more than a socket's buffer"""
    text = client.tool("test_big", {"bytes": 8 << 20})["content"][0]["text"]
    assert len(text) == 8 << 20
    assert text[:52] == 2 * "abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("tool", ["fx_wrong", "fx_missing"])
def test_a_result_that_breaks_its_promise_is_an_internal_error(client, tool):
    """TOOL-10, ERR-08: never passed on in silence"""
    e = client.error("tools/call", {"name": tool})
    assert e["code"] == -32603
    assert "/" not in e["message"] and ".so" not in e["message"]


@pytest.mark.parametrize("tool", ["fx_not_json", "fx_not_utf8"])
def test_a_result_that_is_not_text_is_never_passed_on(client, tool):
    """TOOL-10, security.md 3: the handler is told, and what it makes of it
    is an error"""
    m = w.check_message(client.post("tools/call", {"name": tool}).json)
    assert "error" in m or m["result"]["isError"] is True
    assert "\ufffd" not in json.dumps(m)


def test_a_failure_of_the_tool_is_a_result(client):
    """TOOL-15"""
    r = client.tool("test_error_handling")
    assert r["isError"] is True
    assert r["content"] == [{
        "type": "text", "text": "This tool intentionally returns an error for testing"}]
    r = client.tool("fx_fail", {"text": "ünï\n\u0001"})
    assert r["isError"] is True and r["content"][0]["text"] == "ünï\n\u0001"
    for status in (-1, -3, -4, -8):
        r = client.tool("fx_fail", {"text": "x", "status": status})
        assert r["isError"] is True and r["content"][0]["text"] == "x"
    r = client.tool("fx_fail", {"text": ""})
    assert r["isError"] is True and r["content"][0]["text"]


@pytest.mark.parametrize("status", [-2, -5, -6, -7, -9, -100, 7, 1000000])
def test_any_status_of_a_handler_ends_the_call(server, status):
    """TOOL-15, SEC-07: a value from a newer side is an error of that call"""
    for c in (w.Modern(server), w.Legacy(server)):
        r = c.post("tools/call", {"name": "fx_fail",
                                  "arguments": {"text": "x", "status": status}})
        m = w.check_message(r.json)
        assert "error" in m or m["result"]["isError"] is True, m
        assert c.tool("hello")
        c.close()


def test_what_a_plugin_prints_is_not_an_answer(client):
    """STD-02 on HTTP"""
    assert client.tool("fx_print")["content"][0]["text"] == "printed"


# --- progress ---

@pytest.mark.parametrize("token", ["t", "", 0, 7, 9007199254740993, "ünï"])
def test_progress_is_streamed_before_the_answer(client, token):
    """PROG-01, PROG-02, PROG-04, PROG-05: values that regress are dropped"""
    r = post(client, "fx_progress", {}, token)
    assert r.status == 200 and r.stream is not None, r
    messages = r.stream.messages()
    values = [m["params"]["progress"] for m in messages[:-1]]
    assert values == [1, 2, 2.5, 3]
    for m in messages[:-1]:
        assert m["method"] == "notifications/progress"
        assert m["params"]["progressToken"] == token
        assert type(m["params"]["progressToken"]) is type(token)
        assert m["params"]["total"] == 3
    assert messages[-1]["result"]["content"][0]["text"] == "done"


def test_no_progress_without_a_token(client):
    """PROG-01, PROG-03"""
    r = post(client, "fx_progress", {})
    assert r.stream is None and r.json["result"]["content"][0]["text"] == "done"


# --- cancellation in the stateful era ---

@pytest.mark.parametrize("token", [None, "t"])
@pytest.mark.parametrize("id", [5, "5", 9007199254740993, "ünï"])
def test_a_cancelled_call_stops_and_has_no_answer(server, gate, id, token):
    """CANC-01, CANC-04: whichever reactor the notification comes to"""
    s = w.Legacy(server)
    for _ in range(8):
        call, notice = w.Http(server.http), w.Http(server.http)
        send(s, "fx_hold", {"gate": gate.path}, token, call, id)
        held = gate.entered()
        if token is not None:
            held.tell("p")
            assert held.said() == "told"
            # In a runner it is on its way: no cancellation may overtake it.
            stream = call.response().stream
            assert stream.message()["method"] == "notifications/progress"
        # Another id of the same spelling, and one of another session.
        wrong = str(id) if type(id) is int else 5 if id == "5" else id + "x"
        assert s.notify("notifications/cancelled", {"requestId": wrong}, conn=notice).status == 202
        assert s.notify("notifications/cancelled",
                        {"requestId": id, "reason": "enough"}, conn=notice).status == 202
        assert held.said() == "cancelled"
        if token is None:
            r = call.response()
            stream = r.stream if r is not None else None
            assert stream is not None or r is None, r
        assert stream is None or stream.messages() == []
        call.close()
        notice.close()
    assert s.call("ping") == {}
    s.close()


def test_a_session_cannot_cancel_the_calls_of_another(server, gate):
    """CANC-03, SEC-02"""
    a, b = w.Legacy(server), w.Legacy(server)
    a.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}}, 5)
    held = gate.entered()
    assert b.notify("notifications/cancelled", {"requestId": 5}).status == 202
    held.go()
    assert a.conn.response().json["result"]["content"][0]["text"] == "held"
    a.close()
    b.close()


@pytest.mark.parametrize("params", [
    None, {}, {"requestId": None}, {"requestId": {}}, {"requestId": 1.5},
    {"requestId": 999}, {"requestId": "x" * 5000}, {"requestId": [1]}], ids=repr)
def test_a_cancellation_of_nothing_is_ignored(session, params):
    """CANC-03, CANC-02"""
    assert session.notify("notifications/cancelled", params).status == 202
    assert session.tool("hello")


def test_a_late_cancellation_is_ignored(session):
    """CANC-03"""
    assert session.post("ping", id=44).status == 200
    assert session.notify("notifications/cancelled", {"requestId": 44}).status == 202
    assert session.post("ping", id=44).json["result"] == {}


# --- bounds ---

def test_a_call_beyond_its_deadline_is_an_error_and_is_cancelled(client, gate):
    """TOOL-15, SEC-07: limits.timeout of the manifest"""
    with w.Http(client.server.http) as c:
        send(client, "fx_deadline", {"gate": gate.path}, conn=c)
        held = gate.entered()
        r = c.response()
        assert r.status == 200 and r.json["error"]["code"] == -32603, r
        assert "deadline" in r.json["error"]["message"]
        assert held.said() == "cancelled"
        assert client.tool("hello")


def test_calls_beyond_the_queue_are_refused_as_busy(client, gate):
    """TOOL-16, SEC-06; reliability.md 3.2: 503, Retry-After, retryAfterMs"""
    conns = [w.Http(client.server.http) for _ in range(3)]
    send(client, "fx_one", {"gate": gate.path}, conn=conns[0])
    first = gate.entered()
    # The places are one that runs and one that waits; which of the other two
    # is refused is the server's.
    for c in conns[1:]:
        send(client, "fx_one", {"gate": gate.path}, conn=c)
    import select
    ready, _, _ = select.select([c.sock for c in conns[1:]], [], [], w.DEADLINE)
    assert len(ready) == 1 and gate.is_quiet()
    refused = next(c for c in conns if c.sock in ready)
    r = refused.response()
    assert r.status == 503 and int(r.get("retry-after")) > 0, r
    assert r.json["error"]["code"] == -32603
    assert r.json["error"]["data"]["retryAfterMs"] > 0
    assert client.tool("hello"), "others are not touched"
    first.go()
    gate.entered().go()
    for c in conns:
        if c is not refused:
            assert c.response().json["result"]["content"][0]["text"] == "held"
        c.close()


def test_a_busy_answer_inside_a_stream_has_no_status_of_its_own(server, gate):
    """reliability.md 3.2: on a line, -32603 with retryAfterMs"""
    line = w.Line(server.line_unix)
    args = {"name": "fx_one", "arguments": {"gate": gate.path}}
    line.send(w.modern("tools/call", args, 1))
    first = gate.entered()
    line.send(w.modern("tools/call", args, 2))
    m = line.ask(w.modern("tools/call", args, 3))
    assert m["id"] == 3 and m["error"]["code"] == -32603
    assert m["error"]["data"]["retryAfterMs"] > 0
    first.go()
    assert line.recv()["id"] == 1
    gate.entered().go()
    assert line.recv()["id"] == 2
    line.close()


def test_a_slow_call_does_not_hold_up_others(client, gate):
    """HTTP-18, STD-10"""
    conns = [w.Http(client.server.http) for _ in range(8)]
    held = []
    for c in conns:
        send(client, "fx_hold", {"gate": gate.path}, conn=c)
        held.append(gate.entered())
    assert client.call("tools/list")["tools"]
    for h in reversed(held):
        h.go()
    for c in conns:
        assert c.response().json["result"]["content"][0]["text"] == "held"
        c.close()


def test_more_calls_than_workers_wait_for_one(start, fixture_plugins, gate):
    """HTTP-14: the pool's queue"""
    server = start.serve("workers: 2", plugins=(w.PLUGINS, fixture_plugins))
    client = w.Modern(server)
    conns = [w.Http(server.http) for _ in range(6)]
    for c in conns:
        send(client, "fx_hold", {"gate": gate.path}, conn=c)
    for _ in range(3):
        two = [gate.entered(), gate.entered()]
        assert gate.is_quiet()
        assert client.tool("hello")
        for h in two:
            h.go()
    for c in conns:
        assert c.response().json["result"]["content"][0]["text"] == "held"
        c.close()
    client.close()


def test_calls_beyond_the_pools_queue_are_refused_as_busy(start, fixture_plugins, gate):
    """HTTP-14, SEC-06: limits.pool_queue"""
    server = start.serve("workers: 1\nlimits: {pool_queue: 1}",
                         plugins=(w.PLUGINS, fixture_plugins))
    client = w.Modern(server)
    conns = [w.Http(server.http) for _ in range(3)]
    send(client, "fx_hold", {"gate": gate.path}, conn=conns[0])
    first = gate.entered()
    for c in conns[1:]:
        send(client, "fx_hold", {"gate": gate.path}, conn=c)
    import select
    ready, _, _ = select.select([c.sock for c in conns[1:]], [], [], w.DEADLINE)
    assert len(ready) == 1
    refused = next(c for c in conns if c.sock in ready)
    r = refused.response()
    assert r.status == 503 and r.json["error"]["data"]["retryAfterMs"] > 0, r
    first.go()
    gate.entered().go()
    for c in conns:
        if c is not refused:
            assert c.response().status == 200
        c.close()
    client.close()


def test_an_input_request_is_a_result_of_the_stateless_era(server):
    """TOOL-22, MRTR-01, MRTR-04, MRTR-16, MRTR-05"""
    c = w.Modern(server, {"elicitation": {}})
    r = c.tool("test_input_required_result_elicitation")
    assert r["resultType"] == "input_required"
    assert r["inputRequests"]["user_name"]["method"] == "elicitation/create"
    assert not {"ttlMs", "cacheScope", "content"} & set(r)
    r = c.call("tools/call", {
        "name": "test_input_required_result_elicitation",
        "inputResponses": {"user_name": {"action": "accept", "content": {"name": "Ada"}}}})
    assert r["content"][0]["text"] == "Hello, Ada!"
    assert c.error("tools/call", {
        "name": "test_input_required_result_elicitation", "inputResponses": []})["code"] == -32602
    c.close()
    s = w.Legacy(server)
    assert s.tool("test_input_required_result_elicitation")["isError"] is True
    s.close()
