# SPDX-License-Identifier: Apache-2.0
"""Deprecated features, each behind its own switch."""

import pytest

import mcp_wire as w
from mcp_rounds import (ALL, FORM, GIST, MODEL, ROOTS, WAYS, WHERE, WHO, Stateful,
                        Stateless, asking, is_asking, texts)
from test_logging import split

SWITCHES = ["logging", "sampling", "roots"]
QUESTIONS = {"sampling": MODEL, "roots": ROOTS, None: FORM}
ANSWERS = {"gist": GIST, "where": WHERE, "who": WHO}
SAYS = {"sampling": "Sampling is switched off on this server",
        "roots": "Roots are switched off on this server"}


@pytest.fixture(scope="module", params=SWITCHES)
def off(request):
    return request.param


@pytest.fixture(scope="module")
def server(off, module_start, fixture_plugins):
    return module_start.serve(
        "features: {%s: false}" % off,
        listen=("127.0.0.1:0", "line+unix:" + module_start.path(off + ".sock")),
        plugins=(w.PLUGINS, fixture_plugins))


def capabilities_of(client):
    if client.era == "stateless":
        return client.call("server/discover")["capabilities"]
    return client.handshake["capabilities"]


def test_what_is_off_is_not_declared(client, off):
    """DEP-02, LOG-01"""
    have = capabilities_of(client)
    assert ("logging" in have) == (off != "logging")
    assert {"tools", "resources", "prompts"} <= set(have)


def test_the_method_of_what_is_off_is_unknown(session, modern, off):
    """DEP-02"""
    level = {"level": "debug"}
    if off == "logging":
        assert session.error("logging/setLevel", level)["code"] == -32601
    else:
        assert session.call("logging/setLevel", level) == {}
    r = modern.post("logging/setLevel", level)  # never in this era
    assert r.status == 404 and r.json["error"]["code"] == -32601


@pytest.mark.parametrize("tool", ["fx_tell", "fx_tell_quick", "test_logging_tool"])
def test_nobody_hears_messages(client, off, tool):
    """DEP-02"""
    more = {}
    if client.era == "stateless":
        more["meta"] = {w.META + "logLevel": "debug"}
    got, result = split(client.post("tools/call", {"name": tool}, **more))
    assert result["content"] and not result.get("isError")
    assert bool(got) == (off != "logging")


def test_a_level_that_is_none_is_refused_all_the_same(modern):
    """DEP-02, LOG-07: the envelope stays what it is"""
    r = modern.post("tools/list", meta={w.META + "logLevel": "loud"})
    assert r.status == 400 and r.json["error"]["code"] == -32602


def was_refused(result, what):
    assert result["isError"] is True, result
    assert result["content"] == [{"type": "text", "text": SAYS[what]}]


@pytest.mark.parametrize("what", QUESTIONS)
@pytest.mark.parametrize("way", WAYS[:2])
def test_no_stateless_client_can_be_asked(server, start, fixture_plugins, off, way, what):
    """DEP-02: whatever it declares; the other questions are asked"""
    c = Stateless(server, start, fixture_plugins, way)
    question = QUESTIONS[what]
    result = c.tool(asking([question]))
    if what == off:
        was_refused(result, what)
    else:
        is_asking(result, question["key"])
    c.close()


@pytest.mark.parametrize("what", QUESTIONS)
@pytest.mark.parametrize("way", WAYS[:2])
def test_no_session_can_be_asked(server, start, fixture_plugins, off, way, what):
    """DEP-02"""
    s = Stateful(server, start, fixture_plugins, way, w.R4, ALL)
    question = QUESTIONS[what]
    s.begin(asking([question]))
    if what == off:
        was_refused(s.result(), what)
    else:
        [m] = s.asked()
        s.answer(m, ANSWERS[question["key"]])
        assert texts(s.result())[0] == {question["key"]: ANSWERS[question["key"]]}
    s.close()


def test_what_is_off_and_what_is_missing(server, start, fixture_plugins, off):
    """DEP-02: what no declaration could mend is said first"""
    if off == "logging":
        return
    c = Stateless(server, start, fixture_plugins, "http")
    status, m = c.send("tools/call", {
        "name": "fx_ask", "arguments": asking([QUESTIONS[off], FORM])}, {})
    assert status == 200
    was_refused(m["result"], off)
    c.close()


def test_the_first_transport_has_its_own_switch(server, conn):
    """DEP-02: HTTP+SSE, http.legacy_sse; off by default"""
    assert conn.request("GET", "/sse", {"Accept": "text/event-stream"}).status == 404


def test_all_are_there_unless_switched_off(start, fixture_plugins):
    """DEP-02, DEP-01"""
    server = start.serve(plugins=(fixture_plugins,))
    c = Stateless(server, start, fixture_plugins, "http")
    is_asking(c.tool(asking([MODEL, ROOTS])), "gist", "where")
    assert capabilities_of(c.client)["logging"] == {}
    c.close()
