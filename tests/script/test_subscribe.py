# SPDX-License-Identifier: Apache-2.0
"""resources/subscribe and resources/unsubscribe of the stateful era."""

import threading

import pytest

import mcp_wire as w

WATCHED = "test://watched-resource"
UPDATED = {"jsonrpc": "2.0", "method": "notifications/resources/updated",
           "params": {"uri": WATCHED}}


def subscribe(client, uri=WATCHED):
    assert client.call("resources/subscribe", {"uri": uri}) == {}


def touch(client):
    assert client.tool("touch_watched_resource")["content"][0]["text"]


def change_tools(client):
    """The next message is one that every stream has."""
    client.tool("test_trigger_tool_change")


def next_is_tools(stream):
    m = stream.message()
    assert m["method"] == "notifications/tools/list_changed", m


def test_a_subscriber_hears_of_a_change_on_its_stream(legacy):
    """RSRC-13, LIFE-11"""
    assert legacy.handshake["capabilities"]["resources"]["subscribe"] is True
    subscribe(legacy)
    conn, r = legacy.stream()
    touch(legacy)
    assert r.stream.message() == UPDATED
    subscribe(legacy)  # once more is no more
    touch(legacy)
    assert r.stream.message() == UPDATED
    change_tools(legacy)
    next_is_tools(r.stream)
    conn.close()


def test_a_stream_that_is_open_hears_of_a_later_subscription(session):
    """RSRC-13"""
    conn, r = session.stream()
    touch(session)
    change_tools(session)
    next_is_tools(r.stream)
    subscribe(session)
    touch(session)
    assert r.stream.message() == UPDATED
    conn.close()


def test_only_the_session_that_subscribed_hears(server, session):
    """RSRC-13"""
    other = w.Legacy(server)
    mine, r1 = session.stream()
    theirs, r2 = other.stream()
    subscribe(session)
    subscribe(other, "test://static-text")
    touch(other)
    assert r1.stream.message() == UPDATED
    change_tools(other)
    next_is_tools(r2.stream)
    for c in (mine, theirs, other):
        c.close()


def test_what_is_unsubscribed_is_not_heard(session):
    """RSRC-13"""
    subscribe(session)
    subscribe(session, "fx://item/7")
    assert session.call("resources/unsubscribe", {"uri": WATCHED}) == {}
    conn, r = session.stream()
    touch(session)
    change_tools(session)
    next_is_tools(r.stream)
    subscribe(session)
    touch(session)
    assert r.stream.message() == UPDATED
    conn.close()


@pytest.mark.parametrize("uri", [WATCHED, "fx://nowhere", "test://static-text"])
def test_what_is_not_subscribed_can_be_unsubscribed(session, uri):
    """RSRC-13"""
    assert session.call("resources/unsubscribe", {"uri": uri}) == {}


@pytest.mark.parametrize("uri", ["fx://nowhere", "urn:x", "fx://item/a/b"])
def test_only_what_can_be_read_can_be_subscribed(legacy, uri):
    """RSRC-13, RSRC-06"""
    e = legacy.error("resources/subscribe", {"uri": uri})
    assert e["code"] == -32002 and e["data"] == {"uri": uri}


@pytest.mark.parametrize("params", [None, {}, {"uri": 1}, {"uri": None},
                                    {"uri": [WATCHED]}, {"uri": "x" * 2049}])
@pytest.mark.parametrize("method", ["resources/subscribe", "resources/unsubscribe"])
def test_a_uri_of_another_shape_is_refused(session, method, params):
    """RSRC-13"""
    assert session.error(method, params)["code"] == -32602


@pytest.mark.parametrize("uri", ["", "no scheme", "fx://%zz"])
def test_what_is_no_uri_cannot_be_subscribed(session, uri):
    """RSRC-09, RSRC-13"""
    assert session.error("resources/subscribe", {"uri": uri})["code"] == -32602


def test_subscriptions_of_a_session_are_bounded(session):
    """security.md 3: 1000 subscriptions"""
    for i in range(1000):
        subscribe(session, "fx://item/%d" % i)
    e = session.error("resources/subscribe", {"uri": WATCHED})
    assert e["code"] == -32602 and "1000" in e["message"]
    subscribe(session, "fx://item/7")
    assert session.call("resources/unsubscribe", {"uri": "fx://item/0"}) == {}
    subscribe(session)


def test_the_requests_of_a_session_may_come_on_any_connection(server):
    """RSRC-13: one set, whatever reactor a request comes in on"""
    s = w.Legacy(server)
    faults = []

    def work(first):
        try:
            with w.Http(server.http) as c:
                for i in range(first, first + 50):
                    for method in ("subscribe", "unsubscribe", "subscribe"):
                        r = c.request("POST", "/mcp", s.fields(), w.dumps(w.request(
                            "resources/" + method, {"uri": "fx://item/%d" % i}, i)))
                        assert r.json["result"] == {}
        except AssertionError as e:
            faults.append(e)

    threads = [threading.Thread(target=work, args=(n * 50,)) for n in range(8)]
    for t in threads:
        t.start()
    conn, r = s.stream()
    subscribe(s)
    for _ in range(20):
        touch(s)
        assert r.stream.message() == UPDATED
    for t in threads:
        t.join()
    assert not faults
    conn.close()
    assert s.delete().status == 204
    s.close()


def test_the_stateless_era_has_neither_method(modern):
    """RSRC-15, HTM-09"""
    for method in ("resources/subscribe", "resources/unsubscribe"):
        assert modern.error(method, {"uri": WATCHED}, status=404)["code"] == -32601


def test_a_listen_stream_hears_beside_a_session(session, modern):
    """RSRC-13, RSRC-15: each has its own form"""
    conn, stream, _ = modern.listen(resourceSubscriptions=[WATCHED])
    get, r = session.stream()
    subscribe(session)
    touch(modern)
    assert r.stream.message() == UPDATED
    m = stream.message()
    assert m["params"].pop("_meta") == {w.SID: "listen"} and m == UPDATED
    conn.close()
    get.close()


def test_a_line_stream_hears_of_what_it_has_subscribed(start, fixture_plugins):
    """RSRC-13, LIFE-06"""
    line = w.Line(start.stdio(plugins=(w.PLUGINS, fixture_plugins)))
    line.handshake()
    assert line.legacy("resources/subscribe", {"uri": WATCHED})["result"] == {}
    line.send(w.request("tools/call", {"name": "touch_watched_resource"}, 50))
    got = [line.recv(), line.recv()]
    assert UPDATED in got and any(m.get("id") == 50 for m in got)
    assert line.legacy("resources/unsubscribe", {"uri": WATCHED})["result"] == {}
    line.send(w.request("tools/call", {"name": "touch_watched_resource"}, 51))
    assert line.recv()["id"] == 51
    line.send(w.request("tools/call", {"name": "test_trigger_tool_change"}, 52))
    got = [line.recv(), line.recv()]
    assert all(m.get("id") == 52 or m["method"] == "notifications/tools/list_changed"
               for m in got)
