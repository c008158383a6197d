# SPDX-License-Identifier: Apache-2.0
"""Log messages to the client of a call, in both eras."""

import pytest

import mcp_wire as w

LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert",
          "emergency"]


def told(level):
    """What fx_tell sends to a client that hears level and above."""
    out = []
    for i, name in enumerate(LEVELS):
        if i >= level:
            out.append(dict({"level": name, "data": "a\nb"},
                            **({"logger": "fx"} if i % 2 == 0 else {})))
    return out + [{"level": "emergency", "logger": "json",
                   "data": {"a": [1, "\n"]}}]


def split(response):
    """(params of the messages, the answer)."""
    if response.stream is None:
        return [], w.check_message(response.json)["result"]
    messages = response.stream.messages()
    for m in messages[:-1]:
        assert m["method"] == "notifications/message", m
    return [m["params"] for m in messages[:-1]], messages[-1]["result"]


def tell(client, name="fx_tell", **more):
    got, result = split(client.post("tools/call", {"name": name}, **more))
    assert result["content"][0]["text"] == "told"
    return got


def test_the_capability_is_declared(client):
    """LOG-01"""
    if client.era == "stateless":
        capabilities = client.call("server/discover")["capabilities"]
    else:
        capabilities = client.handshake["capabilities"]
    assert capabilities["logging"] == {}


@pytest.mark.parametrize("tool", ["fx_tell", "fx_tell_quick"])
def test_a_new_session_hears_info_and_above(legacy, tool):
    """LOG-02, LOG-03"""
    assert tell(legacy, tool) == told(1)


@pytest.mark.parametrize("level", range(len(LEVELS)))
def test_a_session_hears_the_level_it_has_set(session, level):
    """LOG-03"""
    assert session.call("logging/setLevel", {"level": LEVELS[level]}) == {}
    assert tell(session) == told(level)
    assert tell(session, "fx_tell_quick") == told(level)


def test_a_level_is_of_one_session_alone(server, session):
    """LOG-03"""
    other = w.Legacy(server)
    assert other.call("logging/setLevel", {"level": "emergency"}) == {}
    assert tell(session) == told(1)
    assert tell(other) == told(7)
    other.close()


@pytest.mark.parametrize("params", [
    None, {}, {"level": "loud"}, {"level": "INFO"}, {"level": 1},
    {"level": None}, {"level": ""}, {"level": ["info"]}])
def test_an_unknown_level_is_refused_and_changes_nothing(session, params):
    """LOG-03"""
    assert session.error("logging/setLevel", params)["code"] == -32602
    assert tell(session) == told(1)


def test_a_level_counts_for_calls_that_run(server, session, gate):
    """LOG-03, LOG-10"""
    c = w.Http(server.http)
    session.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path},
                                "_meta": {"progressToken": "t"}}, conn=c)
    held = gate.entered()
    assert session.call("logging/setLevel", {"level": "error"}) == {}
    held.tell("m")
    assert held.said() == "told"
    # What counts is the level when the host takes the message, which may come
    # from another process: progress that is seen has come behind it.
    held.tell("p")
    assert held.said() == "told"
    stream = c.response().stream
    assert stream.message()["method"] == "notifications/progress"
    assert session.call("logging/setLevel", {"level": "debug"}) == {}
    held.tell("m")
    assert held.said() == "told"
    held.go()
    message, answer = stream.messages()
    assert message["params"] == {"level": "notice", "logger": "held", "data": "m"}
    assert answer["result"]["content"][0]["text"] == "held"
    c.close()


def test_messages_of_a_call_do_not_come_on_the_get_stream(session):
    """LOG-10"""
    conn, r = session.stream()
    assert tell(session) == told(1)
    assert session.delete().status == 204
    assert r.stream.messages() == []
    conn.close()


def test_a_stateless_request_without_a_level_hears_nothing(modern):
    """LOG-04"""
    for tool in ("fx_tell", "fx_tell_quick", "test_logging_tool"):
        r = modern.post("tools/call", {"name": tool})
        assert r.stream is None and r.json["result"]["resultType"] == "complete"


@pytest.mark.parametrize("level", range(len(LEVELS)))
@pytest.mark.parametrize("tool", ["fx_tell", "fx_tell_quick"])
def test_a_stateless_request_hears_its_level_and_above(modern, tool, level):
    """LOG-05: before the answer, on the stream of the request"""
    assert tell(modern, tool, meta={w.LL: LEVELS[level]}) == told(level)


def test_one_request_s_level_is_not_another_s(server, modern, gate):
    """LOG-04, LOG-06"""
    other = w.Modern(server)
    conn, stream, _ = modern.listen(toolsListChanged=True)
    other.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}})
    held = gate.entered()
    assert tell(modern, meta={w.LL: "debug"}) == told(0)
    held.tell("m")
    assert held.said() == "told"
    held.go()
    assert other.conn.response().stream is None
    assert modern.tool("test_trigger_tool_change")
    assert stream.message()["method"] == "notifications/tools/list_changed"
    conn.close()
    other.close()


def test_the_stateless_era_has_no_set_level(modern):
    """LOG-03, HTM-09"""
    e = modern.error("logging/setLevel", {"level": "info"}, status=404)
    assert e["code"] == -32601


def test_three_messages_of_the_suite_s_tool(client):
    """LOG-02, LOG-03, LOG-05"""
    more = {"meta": {w.LL: "debug"}} if client.era == "stateless" else {}
    got, _ = split(client.post("tools/call", {"name": "test_tool_with_logging"}, **more))
    assert [m["data"] for m in got] == [
        "Tool execution started", "Tool processing data",
        "Tool execution completed"]
    assert all(m["level"] == "info" for m in got)


def lines_told(line, id):
    got = []
    while True:
        m = line.recv()
        if m.get("id") == id:
            return got
        assert m["method"] == "notifications/message"
        got.append(m["params"])


def test_lines_carry_messages_of_both_eras(start, fixture_plugins):
    """LOG-03, LOG-04, LOG-05: one message stays one line"""
    line = w.Line(start.stdio(plugins=(w.PLUGINS, fixture_plugins)))
    assert line.handshake()["capabilities"]["logging"] == {}
    line.send(w.request("tools/call", {"name": "fx_tell"}, 10))
    assert lines_told(line, 10) == told(1)
    assert line.legacy("logging/setLevel", {"level": "alert"})["result"] == {}
    line.send(w.request("tools/call", {"name": "fx_tell"}, 11))
    assert lines_told(line, 11) == told(6)
    line.send(w.modern("tools/call", {"name": "fx_tell"}, 12))
    assert lines_told(line, 12) == []
    line.send(w.modern("tools/call", {"name": "fx_tell"}, 13, meta={w.LL: "error"}))
    assert lines_told(line, 13) == told(4)
