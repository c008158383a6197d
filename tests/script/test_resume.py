# SPDX-License-Identifier: Apache-2.0
"""Streams of the stateful era that survive a cut: event ids, replay, polling."""

import re
import socket
import threading

import pytest

import mcp_wire as w

ID = re.compile(r"[0-9]+-[0-9]+")
MODERN_ENOUGH = [w.R2, w.R3, w.R4]


def start_held(session, gate, id=7, conn=None, token=True, tool="fx_hold"):
    """A call that waits at the gate: (connection, held)."""
    c = conn or w.Http(session.server.http)
    params = {"name": tool, "arguments": {"gate": gate.path}}
    if token:
        params["_meta"] = {"progressToken": "t"}
    session.send("tools/call", params, id=id, conn=c)
    return c, gate.entered()


def progress(held, n=1):
    for _ in range(n):
        held.tell("p")
        assert held.said() == "told"


def flood(held, first, n):
    """More than its reactor may have time for: the steps that were taken."""
    taken = []
    for step in range(first, first + n):
        held.tell("p")
        if held.said() == "told":
            taken.append(step)
    return taken


def settle(session):
    """Its one reactor has come to all that was posted before."""
    for _ in range(2):
        assert session.call("ping") == {}


def cut(conn):
    """At once: what is on its way is lost."""
    conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    conn.close()


def resume(session, last, **fields):
    conn, r = session.stream(Last_Event_ID=last, **fields)
    return conn, r


def steps(messages):
    return [m["params"]["progress"] for m in messages
            if m.get("method") == "notifications/progress"]


def refused(r):
    assert r.status == 400, r
    e = w.check_message(r.json)
    assert e["error"]["code"] == -32600 and "id" not in e
    return e["error"]["message"]


def first_event(r):
    """Of a POST stream of 2025-11-25: the priming event."""
    e = r.stream.raw_event()
    assert e.data == [""] and ID.fullmatch(e.fields["id"]), e.raw
    return e.fields["id"]


# --- ids ---

def test_a_stream_begins_with_a_priming_event(session, gate):
    """RSM-06, RSM-01, RSM-03, SSE-05"""
    c, held = start_held(session, gate)
    progress(held)
    r = c.response()
    first = first_event(r)
    stream, _, sequence = first.partition("-")
    assert sequence == "0"
    e = r.stream.event()
    assert e.fields["id"] == "%s-1" % stream
    assert e.message["method"] == "notifications/progress"
    held.go()
    e = r.stream.event()
    assert e.fields["id"] == "%s-2" % stream and e.message["id"] == 7
    assert r.stream.raw_event() is None
    c.close()


@pytest.mark.parametrize("revision", [w.R1, w.R2, w.R3])
def test_older_sessions_get_no_event_without_data(server, gate, revision):
    """RSM-06"""
    s = w.Legacy(server, revision)
    c, held = start_held(s, gate)
    progress(held)
    r = c.response()
    e = r.stream.raw_event()
    assert e.message["method"] == "notifications/progress"
    assert ID.fullmatch(e.fields["id"])
    held.go()
    assert r.stream.message()["id"] == 7
    c.close()
    s.close()


def test_ids_are_unique_in_the_session(session, gate):
    """RSM-02"""
    ids = []
    own, r0 = session.stream()
    session.tool("test_trigger_tool_change")
    ids.append(r0.stream.event().fields["id"])
    for id in (7, 8):
        c, held = start_held(session, gate, id=id)
        progress(held, 2)
        r = c.response()
        held.go()
        while True:
            e = r.stream.raw_event()
            if e is None:
                break
            ids.append(e.fields["id"])
        c.close()
    assert len(ids) == 9 and len(set(ids)) == 9, ids
    own.close()


def test_a_call_that_ends_at_once_stays_json(session):
    """HTTP-11"""
    r = session.post("tools/call", {"name": "hello"})
    assert r.type == "application/json"


# --- replay ---

@pytest.mark.parametrize("revision", MODERN_ENOUGH)
def test_a_broken_stream_is_resumed_once_and_in_order(server, gate, revision):
    """RSM-04, RSM-05, RSM-09, POSTL-04"""
    s = w.Legacy(server, revision)
    c, held = start_held(s, gate)
    progress(held, 2)
    r = c.response()
    last = r.stream.event().fields["id"]
    cut(c)
    progress(held, 2)
    held.go()
    conn, r = resume(s, last)
    assert r.status == 200 and r.type == "text/event-stream"
    messages = r.stream.messages()
    assert steps(messages) == [2, 3, 4]
    assert messages[-1]["id"] == 7
    assert messages[-1]["result"]["content"][0]["text"] == "held"
    assert len(messages) == 4
    conn.close()
    s.close()


def test_a_resumed_stream_goes_on_live(session, gate):
    """RSM-04: continue it"""
    c, held = start_held(session, gate)
    progress(held)
    r = c.response()
    first = first_event(r)
    cut(c)
    conn, r = resume(session, first)
    assert r.stream.message()["params"]["progress"] == 1
    progress(held)
    assert r.stream.message()["params"]["progress"] == 2
    # Once more, in the middle: the new connection takes the stream over.
    other, r2 = resume(session, first)
    assert steps([r2.stream.message(), r2.stream.message()]) == [1, 2]
    assert r.stream.raw_event() is None, "the first connection ends"
    held.go()
    assert r2.stream.message()["id"] == 7
    assert r2.stream.raw_event() is None
    conn.close()
    other.close()


def test_every_reactor_can_resume(start, fixture_plugins, gate):
    """RSM-04: the call and its client meet on any two reactors"""
    server = start.serve("reactors: 4", plugins=(w.PLUGINS, fixture_plugins))
    s = w.Legacy(server)
    c, held = start_held(s, gate)
    progress(held)
    last = first_event(c.response())
    cut(c)
    for i in range(24):
        conn, r = resume(s, last)
        e = r.stream.event()
        assert e.message["params"]["progress"] == i + 1
        progress(held)
        if i % 2:
            cut(conn)
        else:
            conn.close()
        last = e.fields["id"]
    held.go()
    conn, r = resume(s, last)
    messages = r.stream.messages()
    assert steps(messages) == [25] and messages[-1]["id"] == 7
    conn.close()
    s.close()


def test_the_answer_is_kept_until_it_is_acknowledged(session, gate):
    """RSM-09"""
    c, held = start_held(session, gate)
    progress(held)
    first = first_event(c.response())
    cut(c)
    held.go()
    for _ in range(2):
        conn, r = resume(session, first)
        events = []
        while True:
            e = r.stream.event()
            if e is None:
                break
            events.append(e)
        assert [e.message.get("id") for e in events] == [None, 7]
        cut(conn)
    conn, r = resume(session, events[-1].fields["id"])
    assert r.status == 200 and r.stream.messages() == []
    conn.close()
    conn, r = resume(session, first)
    assert refused(r)
    conn.close()


def test_the_next_request_acknowledges_the_stream_before_it(session, gate):
    """RSM-09: what is read is let go"""
    c, held = start_held(session, gate)
    progress(held)
    r = c.response()
    first = first_event(r)
    held.go()
    assert r.stream.messages()[-1]["id"] == 7
    conn, r = resume(session, first)
    assert r.stream.messages()[-1]["id"] == 7, "not yet"
    cut(conn)
    assert session.post("ping").status == 200
    session.send("ping", conn=c)
    assert c.response().status == 200
    conn, r = resume(session, first)
    assert refused(r)
    conn.close()
    c.close()


def test_two_broken_streams_are_kept_apart(session, gate):
    """RSM-05"""
    lasts = []
    helds = []
    for id in (21, 22):
        c, held = start_held(session, gate, id=id)
        progress(held, 1 if id == 21 else 3)
        lasts.append(first_event(c.response()))
        helds.append(held)
        cut(c)
    for held in helds:
        held.go()
    for last, id, n in zip(lasts, (21, 22), (1, 3)):
        conn, r = resume(session, last)
        messages = r.stream.messages()
        assert len(messages) == n + 1 and messages[-1]["id"] == id
        conn.close()


HOSTILE = ["0-0", "1", "1-", "-1", "1-1-1", "99999999-0", "18446744073709551616-0",
           "18446744073709551615-18446744073709551615", "a-b", "1 -0", "../../x",
           "1-0x0", "%00", "9" * 60 + "-1", "x" * 4000, "+1-0"]


@pytest.mark.parametrize("id", HOSTILE)
def test_an_unknown_id_is_refused(session, gate, id):
    """RSM-08"""
    c, held = start_held(session, gate)
    progress(held)
    first_event(c.response())
    conn, r = resume(session, id)
    assert "Last-Event-ID" in refused(r)
    conn.close()
    held.go()
    c.close()


def test_an_id_that_was_never_given_out_is_refused(session, gate):
    """RSM-08"""
    c, held = start_held(session, gate)
    progress(held)
    stream = first_event(c.response()).split("-")[0]
    for sequence in (2, 3, 1000, 2**63):
        conn, r = resume(session, "%s-%d" % (stream, sequence))
        refused(r)
        conn.close()
    held.go()
    c.close()


def test_no_session_gets_the_events_of_another(server, gate):
    """RSM-08"""
    mine, other = w.Legacy(server), w.Legacy(server)
    c, held = start_held(mine, gate)
    progress(held)
    first = first_event(c.response())
    cut(c)
    # With a stream of its own, and without.
    conn, r = resume(other, first)
    refused(r)
    conn.close()
    c2, held2 = start_held(other, gate)
    progress(held2)
    own = first_event(c2.response())
    assert own.split("-")[0] != first.split("-")[0]
    conn, r = resume(other, first)
    refused(r)
    conn.close()
    held.go()
    held2.go()
    conn, r = resume(mine, first)
    assert r.stream.messages()[-1]["id"] == 7
    for x in (conn, c2, mine, other):
        x.close()


def test_a_resume_needs_its_session(session, server, gate):
    """SES-04, SES-05, GETL-02, ERA-14"""
    c, held = start_held(session, gate)
    progress(held)
    first = first_event(c.response())
    for fields, status in (({"Mcp_Session_Id": None}, 400),
                           ({"Mcp_Session_Id": "0" * 32}, 404),
                           ({"MCP_Protocol_Version": w.R5}, 405),
                           ({"MCP_Protocol_Version": "1999-01-01"}, 400)):
        conn, r = resume(session, first, **fields)
        assert r.status == status, r
        conn.close()
    held.go()
    c.close()


def test_a_deleted_session_ends_its_streams(server, gate):
    """SES-08, POSTL-06, RSM-08"""
    s = w.Legacy(server)
    c, held = start_held(s, gate)
    progress(held)
    r = c.response()
    first = first_event(r)
    c2, held2 = start_held(s, gate, id=8)
    progress(held2)
    second = first_event(c2.response())
    cut(c2)
    conn, r2 = resume(s, second)
    assert r2.stream.message()["params"]["progress"] == 1
    assert s.delete().status == 204
    assert held.said() == "cancelled" and held2.said() == "cancelled"
    assert r.stream.messages()[1:] == [] and r2.stream.raw_event() is None
    again, r = resume(s, first)
    assert r.status == 404
    for x in (c, conn, again, s):
        x.close()


def test_a_cancelled_call_ends_its_stream_wherever_it_is_read(session, gate):
    """CANC-01"""
    c, held = start_held(session, gate)
    progress(held)
    first = first_event(c.response())
    cut(c)
    conn, r = resume(session, first)
    assert r.stream.message()["params"]["progress"] == 1
    assert session.notify("notifications/cancelled", {"requestId": 7}).status == 202
    assert held.said() == "cancelled"
    assert r.stream.raw_event() is None
    conn.close()


# --- questions ---

FORM = {"key": "who", "method": "elicitation/create",
        "params": {"message": "Who?", "requestedSchema": {
            "type": "object", "properties": {"name": {"type": "string"}}}}}
WHO = {"action": "accept", "content": {"name": "Ada"}}
ALL = {"elicitation": {"form": {}, "url": {}}, "roots": {}, "sampling": {}}


def reply(s, id, result):
    body = w.dumps({"jsonrpc": "2.0", "id": id, "result": result})
    assert s.raw(body).status == 202


@pytest.mark.parametrize("revision", [w.R3, w.R4])
@pytest.mark.parametrize("rounds", [1, 3])
def test_a_question_survives_its_connection(server, revision, rounds):
    """ELIC-15, RSM-04: the request is replayed, its answer counts"""
    s = w.Legacy(server, revision, capabilities=ALL)
    c = w.Http(server.http)
    asked = [[dict(FORM, key="k%d" % i)] for i in range(rounds)]
    s.send("tools/call", {"name": "fx_ask", "arguments": {"rounds": asked}}, id=9, conn=c)
    r = c.response()
    if revision == w.R4:
        last = first_event(r)
    else: # there is nothing to resume from but the question itself
        e = r.stream.event()
        last = e.fields["id"]
        question = e.message
    cut(c)
    for i in range(rounds):
        conn, r = resume(s, last)
        if i > 0 or revision == w.R4:
            e = r.stream.event()
            question, last = e.message, e.fields["id"]
        assert question["method"] == "elicitation/create"
        cut(conn)
        reply(s, question["id"], WHO)
        reply(s, question["id"], WHO)  # twice is once
    conn, r = resume(s, last)
    messages = r.stream.messages()
    assert len(messages) == 1 and messages[0]["id"] == 9
    assert "isError" not in messages[0]["result"]
    conn.close()
    s.close()


def test_a_question_waits_until_its_time_is_up(start, fixture_plugins):
    """RSM-09, CANC-01: and is withdrawn then"""
    server = start.serve("limits: {input_wait: 200ms}",
                         plugins=(w.PLUGINS, fixture_plugins))
    s = w.Legacy(server, capabilities=ALL)
    c = w.Http(server.http)
    s.send("tools/call", {"name": "fx_ask", "arguments": {"rounds": [[FORM]]}},
           id=9, conn=c)
    last = first_event(c.response())
    cut(c)
    conn, r = resume(s, last)
    question = r.stream.event().message
    withdrawn, answer = r.stream.messages()
    assert question["method"] == "elicitation/create"
    assert withdrawn["method"] == "notifications/cancelled"
    assert withdrawn["params"]["requestId"] == question["id"]
    assert answer["result"]["isError"] is True
    conn.close()
    s.close()


def test_a_stop_does_not_wait_for_a_client_that_is_gone(start, fixture_plugins):
    """reliability: drain"""
    server = start.serve("drain: 100ms", plugins=(w.PLUGINS, fixture_plugins))
    s = w.Legacy(server, capabilities=ALL)
    c = w.Http(server.http)
    s.send("tools/call", {"name": "fx_ask", "arguments": {"rounds": [[FORM]]}}, conn=c)
    first_event(c.response())
    own, r = s.stream()
    s.tool("test_trigger_tool_change")
    assert r.stream.message()
    cut(own)
    cut(c)
    s.close()
    server.stop()


# --- a JSON answer becomes a stream when it takes long ---

def test_a_long_call_gets_a_stream_early(start, fixture_plugins, gate):
    """RSM-06, RSM-04"""
    server = start.serve("limits: {stream_after: 50ms}",
                         plugins=(w.PLUGINS, fixture_plugins))
    s = w.Legacy(server)
    c, held = start_held(s, gate, token=False)
    first = first_event(c.response())
    cut(c)
    held.go()
    conn, r = resume(s, first)
    messages = r.stream.messages()
    assert len(messages) == 1 and messages[0]["id"] == 7
    conn.close()
    for old in (w.R2, w.R3):  # they have no event without data
        s2 = w.Legacy(server, old)
        c, held = start_held(s2, gate, token=False)
        c2, held2 = start_held(s, gate, token=False)
        first_event(c2.response())
        held2.go()
        held.go()
        assert c.response().type == "application/json"
        for x in (c, c2, s2):
            x.close()
    s.close()


def test_without_a_log_nothing_can_be_resumed(start, fixture_plugins, gate):
    """RSM-01: a server may do without"""
    server = start.serve("limits: {replay: 0, stream_after: 10ms}",
                         plugins=(w.PLUGINS, fixture_plugins))
    s = w.Legacy(server)
    c, held = start_held(s, gate)
    held.tell("r")
    assert held.said() == "unreleased"
    progress(held)
    r = c.response()
    e = r.stream.raw_event()
    assert e.fields == {} and e.message["params"]["progress"] == 1
    conn, r2 = resume(s, "1-0")
    refused(r2)
    held.go()
    assert r.stream.message()["id"] == 7
    for x in (c, conn, s):
        x.close()


# --- polling ---

def test_a_handler_lets_go_of_its_stream(session, gate):
    """RSM-07, POSTL-05"""
    c, held = start_held(session, gate)
    held.tell("r")
    assert held.said() == "released"
    r = c.response()
    first = first_event(r)
    e = r.stream.raw_event()
    assert e.fields == {"retry": "100"} and e.data == []
    assert r.stream.raw_event() is None
    session.send("ping", conn=c)
    assert c.response().status == 200, "the connection goes on"
    progress(held, 2)
    conn, r = resume(session, first)
    assert steps([r.stream.message(), r.stream.message()]) == [1, 2]
    held.tell("r")
    assert held.said() == "released"
    e = r.stream.raw_event()
    assert e.fields == {"retry": "100"}
    assert r.stream.raw_event() is None
    held.tell("r")  # nobody is there: nothing to do
    assert held.said() == "released"
    held.go()
    other, r = resume(session, first)
    assert r.stream.messages()[-1]["id"] == 7
    for x in (c, conn, other):
        x.close()


@pytest.mark.parametrize("revision", [w.R1, w.R2, w.R3])
def test_older_clients_keep_their_stream(server, gate, revision):
    """POSTL-05"""
    s = w.Legacy(server, revision)
    c, held = start_held(s, gate)
    held.tell("r")
    assert held.said() == "unreleased"
    held.go()
    assert c.response().json["id"] == 7
    c.close()
    s.close()


def test_stateless_and_line_calls_keep_their_stream(server, gate):
    """HTM-14: a closed stream would cancel; a line has no other"""
    m = w.Modern(server)
    params = {"name": "fx_hold", "arguments": {"gate": gate.path}}
    m.send("tools/call", params)
    held = gate.entered()
    held.tell("r")
    assert held.said() == "unreleased"
    held.go()
    assert m.conn.response().json["result"]["content"][0]["text"] == "held"
    m.close()
    line = w.Line(server.line_unix)
    line.handshake()
    line.send(w.request("tools/call", params, 5))
    held = gate.entered()
    held.tell("r")
    assert held.said() == "unreleased"
    held.go()
    assert line.recv()["id"] == 5
    line.close()


def test_the_tool_of_the_suite(session):
    """RSM-07: test_reconnection, by a client that waits before it comes back"""
    session.send("tools/call", {"name": "test_reconnection"}, id=3)
    r = session.conn.response()
    first = first_event(r)
    assert int(r.stream.raw_event().fields["retry"]) > 0
    assert r.stream.raw_event() is None
    conn, r = resume(session, first)
    messages = r.stream.messages()
    assert len(messages) == 1 and messages[0]["id"] == 3
    assert messages[0]["result"]["content"][0]["text"]
    conn.close()


def test_a_get_stream_has_a_longest_life(start):
    """GETL-07: retry comes before the end"""
    server = start.serve("limits: {stream_life: 100ms}")
    s = w.Legacy(server)
    for _ in range(2):
        conn, r = s.stream()
        e = r.stream.raw_event()
        assert e.fields == {"retry": "1000"}
        assert r.stream.raw_event() is None
        conn.close()
    s.close()


# --- the session's own stream ---

WATCHED = "test://watched-resource"


def watching(server, revision=w.R4):
    s = w.Legacy(server, revision)
    assert s.call("resources/subscribe", {"uri": WATCHED}) == {}
    return s


@pytest.mark.parametrize("revision", MODERN_ENOUGH)
def test_a_get_stream_is_resumed(server, revision):
    """RSM-04, GETL-08: what came while it was broken comes in order"""
    s = watching(server, revision)
    conn, r = s.stream()
    s.tool("touch_watched_resource")
    e = r.stream.event()
    assert e.message["method"] == "notifications/resources/updated"
    cut(conn)
    # The server sees the cut no later than with its own next word.
    s.tool("test_trigger_tool_change")
    s.tool("test_trigger_prompt_change")
    conn, r = resume(s, e.fields["id"])
    got = [r.stream.message()["method"] for _ in range(2)]
    assert got == ["notifications/tools/list_changed",
                   "notifications/prompts/list_changed"]
    s.tool("touch_watched_resource")
    assert r.stream.message()["params"]["uri"] == WATCHED
    second, r2 = s.stream()
    assert r2.status == 409, "GETL-06: it is the session's one stream"
    conn.close()
    second.close()
    s.close()


def test_a_new_get_stream_goes_on_where_nobody_has_read(server):
    """GETL-08, GETL-05"""
    s = watching(server)
    conn, r = s.stream()
    s.tool("touch_watched_resource")
    assert r.stream.message()
    conn.close()
    while True:
        other, r = s.stream()
        if r.status == 200:
            break
        assert r.status == 409  # the server has not seen the end yet
        other.close()
        s.call("ping")
    s.tool("touch_watched_resource")
    assert r.stream.message()["params"]["uri"] == WATCHED
    other.close()
    s.close()


def test_a_resource_that_changes_often_is_one_event_while_nobody_reads(start):
    """one mark per stream and URI, and nothing that grows"""
    s = watching(start.serve("reactors: 1"))
    conn, r = s.stream()
    s.tool("touch_watched_resource")
    first = r.stream.event().fields["id"]
    cut(conn)
    # Until the server has seen the cut: then a fresh stream takes over.
    while True:
        conn, r = s.stream()
        if r.status == 200:
            break
        assert r.status == 409
        conn.close()
    cut(conn)
    while True:
        conn, r = s.stream()
        if r.status == 200:
            break
        conn.close()
    conn.close()
    settle(s)
    for _ in range(300):
        s.tool("touch_watched_resource")
    s.tool("test_trigger_tool_change")
    conn, r = resume(s, first)
    got = []
    while not got or "tools" not in got[-1]["method"]:
        got.append(r.stream.message())
    assert all(m["params"]["uri"] == WATCHED for m in got[:-1])
    assert len(got) <= 4, len(got)
    conn.close()
    s.close()


# --- bounds ---

def test_a_flood_keeps_the_answer_and_shows_its_hole(start, fixture_plugins, gate):
    """RSM-09: bounded in events; a replay with a hole never looks whole"""
    server = start.serve("reactors: 1", plugins=(w.PLUGINS, fixture_plugins))
    s = w.Legacy(server)
    c, held = start_held(s, gate)
    progress(held)
    first = first_event(c.response())
    cut(c)
    taken = [1] + flood(held, 2, 400)
    settle(s)
    taken += flood(held, 402, 100)
    held.go()
    settle(s)
    conn, r = resume(s, first)
    events = []
    while True:
        e = r.stream.raw_event()
        if e is None:
            break
        events.append(e)
    holes = [e for e in events if e.comments]
    assert len(holes) == 1
    missing = int(re.search(r"(\d+) notifications are missing", holes[0].comments[0]).group(1))
    messages = [e.message for e in events if e.data]
    told = [m for m in messages if m.get("method") == "notifications/message"]
    assert len(told) == 1 and "id" not in [e for e in events if e.data][0].fields
    assert told[0]["params"]["level"] == "warning"
    assert str(missing) in told[0]["params"]["data"]
    assert messages[-1]["id"] == 7
    seen = steps(messages)
    assert missing > 0 and seen == taken[missing:]
    conn.close()
    s.close()


def test_a_client_that_wants_errors_alone_sees_the_hole_in_the_bytes(
        start, fixture_plugins, gate):
    """LOG-03, RSM-09"""
    server = start.serve("reactors: 1", plugins=(w.PLUGINS, fixture_plugins))
    s = w.Legacy(server)
    assert s.call("logging/setLevel", {"level": "error"}) == {}
    c, held = start_held(s, gate)
    progress(held)
    first = first_event(c.response())
    cut(c)
    taken = flood(held, 2, 200)
    settle(s)
    taken += flood(held, 202, 200)
    assert len(taken) == 400
    held.go()
    settle(s)
    conn, r = resume(s, first)
    assert r.stream.raw_event().comments
    assert all(m.get("method") != "notifications/message" for m in r.stream.messages())
    conn.close()
    s.close()


def test_an_answer_that_is_too_large_to_keep_says_so(start, fixture_plugins, gate):
    """RSM-09: bounded in bytes"""
    server = start.serve("limits: {replay_session: 64KiB}",
                         plugins=(w.PLUGINS, fixture_plugins))
    s = w.Legacy(server)
    c, held = start_held(s, gate)
    held.tell("r")
    assert held.said() == "released"
    r = c.response()
    first = first_event(r)
    assert r.stream.event() is None
    mark = server.mark()
    held.tell("b")
    server.wait_log("answer dropped: its client has gone and it is too large to keep",
                    mark)
    conn, r = resume(s, first)
    messages = r.stream.messages()
    assert messages[-1]["id"] == 7 and messages[-1]["error"]["code"] == -32603
    assert "replay_session" in messages[-1]["error"]["message"]
    conn.close()
    # Whoever reads gets it whole.
    c, held = start_held(s, gate, id=8)
    progress(held)
    r = c.response()
    first_event(r)
    held.tell("b")
    assert len(r.stream.messages()[-1]["result"]["content"][0]["text"]) == 256 * 1024
    c.close()
    s.close()


def test_a_stream_that_nobody_reads_expires(start, fixture_plugins, gate):
    """RSM-09, RSM-08: bounded in age"""
    server = start.serve("limits: {replay_age: 300ms}\nlog: {level: debug}",
                         plugins=(w.PLUGINS, fixture_plugins))
    s = watching(server)
    c, held = start_held(s, gate)
    progress(held)
    first = first_event(c.response())
    mark = server.mark()
    cut(c)
    held.go()
    server.wait_log("streams let go: nobody came back", mark)
    conn, r = resume(s, first)
    refused(r)
    conn.close()
    # The same of its own stream; what has changed comes with a fresh one.
    own, r = s.stream()
    s.tool("touch_watched_resource")
    e = r.stream.event()
    mark = server.mark()
    cut(own)
    server.wait_log("streams let go: nobody came back", mark)
    s.tool("test_trigger_tool_change")
    own, r = resume(s, e.fields["id"])
    refused(r)
    own.close()
    own, r = s.stream()
    assert r.stream.message()["method"] == "notifications/tools/list_changed"
    own.close()
    s.close()


def test_the_streams_of_a_session_are_bounded(session, server, gate):
    """RSM-09: what has ended gives way, and no call fails for it"""
    firsts = []
    for i in range(40):
        c, held = start_held(session, gate, id=i)
        progress(held)
        firsts.append(first_event(c.response()))
        cut(c)
        held.go()
    kept = 0
    for i, first in enumerate(firsts):
        conn, r = resume(session, first)
        if r.status == 200:
            kept += 1
            assert r.stream.messages()[-1]["id"] == i
        conn.close()
    assert 24 <= kept <= 32
    conn, r = resume(session, firsts[0])
    refused(r)
    conn.close()


def test_running_streams_beyond_the_bound_still_answer(start, fixture_plugins, gate):
    """RSM-09: they just cannot be resumed"""
    server = start.serve("workers: 40", plugins=(w.PLUGINS, fixture_plugins))
    s = w.Legacy(server)
    open_ = []
    for i in range(36):
        c, held = start_held(s, gate, id=i)
        progress(held)
        r = c.response()
        e = r.stream.raw_event()  # it has begun before the next one does
        assert ("id" in e.fields) == (i < 32)
        open_.append((i, c, held, r))
    for i, c, held, r in open_:
        held.go()
        assert r.stream.messages()[-1]["id"] == i
        c.close()
    s.close()


def test_clients_that_come_and_go_lose_nothing(start, fixture_plugins, gate):
    """RSM-04: whatever the moment of the cut"""
    server = start.serve("reactors: 3", plugins=(w.PLUGINS, fixture_plugins))
    total = 60
    s = w.Legacy(server)
    c, held = start_held(s, gate)
    progress(held)
    last = first_event(c.response())
    cut(c)
    seen = []
    pusher = threading.Thread(target=lambda: (progress(held, total - 1), held.go()))
    pusher.start()
    done = False
    while not done:
        conn, r = resume(s, last)
        assert r.status == 200, r
        for _ in range(3):
            e = r.stream.event()
            if e is None:
                break
            last = e.fields["id"]
            if "id" in e.message:
                done = True
                break
            seen.append(e.message["params"]["progress"])
        cut(conn)
    pusher.join()
    assert seen == list(range(1, total + 1))
    s.close()
