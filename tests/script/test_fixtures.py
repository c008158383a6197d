# SPDX-License-Identifier: Apache-2.0
"""The fixtures of the public conformance suite on every way in.

The suite itself knows HTTP only. What its scenarios check is checked here in
both eras on lines: standard input and output, and a socket; and over HTTP,
so that the three are seen to be one.
"""

import base64
import json
import threading

import pytest

import mcp_peer as p
import mcp_wire as w

ERAS = (w.R4, w.R5)
TEXT = "test://static-text"
WATCHED = "test://watched-resource"
WHO = {"action": "accept", "content": {"name": "Ada"}}
PARIS = {"role": "assistant", "model": "m", "stopReason": "endTurn",
         "content": {"type": "text", "text": "Paris"}}
ROOTS = {"roots": [{"uri": "file:///home/ada", "name": "home"}]}


@pytest.fixture
def open_peer(server, start):
    opened = []

    def make(way, revision, **more):
        process = start.stdio() if way == "stdio" else None
        opened.append(p.Peer(way, revision, server, process, **more))
        return opened[-1]
    yield make
    for one in opened:
        one.close()


@pytest.fixture(params=[(way, era) for way in p.WAYS for era in ERAS],
                ids=lambda v: "-".join(v))
def peer(open_peer, request):
    return open_peer(*request.param)


@pytest.fixture(params=[(way, w.R4) for way in p.WAYS], ids=lambda v: v[0])
def stateful(open_peer, request):
    return open_peer(*request.param)


@pytest.fixture(params=[(way, w.R5) for way in p.WAYS], ids=lambda v: v[0])
def stateless(open_peer, request):
    return open_peer(*request.param)


def is_png(data):
    return base64.b64decode(data, validate=True).startswith(b"\x89PNG\r\n\x1a\n")


# --- tools ---

def test_tools_are_listed(peer):
    """TOOL-01, TOOL-03"""
    tools = peer.ask("tools/list").result["tools"]
    assert tools == peer.ask("tools/list").result["tools"]
    assert "tools" in peer.declared
    for t in tools:
        assert t["description"] and t["inputSchema"]["type"] == "object", t
        assert 1 <= len(t["name"]) <= 64
    assert len({t["name"] for t in tools}) == len(tools)


def test_a_text(peer):
    r = peer.tool("test_simple_text").result
    assert r["content"] == [
        {"type": "text", "text": "This is a simple text response for testing."}]


def test_an_image_and_a_sound(peer):
    """TOOL-18"""
    [b] = peer.tool("test_image_content").result["content"]
    assert (b["type"], b["mimeType"]) == ("image", "image/png") and is_png(b["data"])
    [b] = peer.tool("test_audio_content").result["content"]
    assert (b["type"], b["mimeType"]) == ("audio", "audio/wav")
    assert base64.b64decode(b["data"], validate=True)[:4] == b"RIFF"


def test_an_embedded_resource(peer):
    """TOOL-19: beside the capability"""
    [b] = peer.tool("test_embedded_resource").result["content"]
    assert b["type"] == "resource"
    assert b["resource"] == {"uri": "test://embedded-resource", "mimeType": "text/plain",
                             "text": "This is an embedded resource content."}
    assert "resources" in peer.declared


def test_several_blocks(peer):
    t, i, r = peer.tool("test_multiple_content_types").result["content"]
    assert t == {"type": "text", "text": "Multiple content types test:"}
    assert i["type"] == "image" and is_png(i["data"])
    assert r["resource"]["uri"] == "test://mixed-content-resource"
    assert json.loads(r["resource"]["text"]) == {"test": "data", "value": 123}


def test_a_failure(peer):
    """TOOL-15"""
    r = peer.tool("test_error_handling").result
    assert r["isError"] is True
    assert r["content"][0]["text"] == "This tool intentionally returns an error for testing"


def test_progress(peer):
    """PROG-01, PROG-04, PROG-05"""
    for token in ("progress-test-1", 7):
        a = peer.tool("test_tool_with_progress", meta={"progressToken": token})
        told = a.of("notifications/progress")
        assert [t["progressToken"] for t in told] == [token] * 3
        assert [t["progress"] for t in told] == [0, 50, 100]
        assert {t["total"] for t in told} == {100}
    assert peer.tool("test_tool_with_progress").notes == []


def test_a_schema_is_listed_as_it_is(peer):
    """TOOL-07"""
    [t] = [t for t in peer.ask("tools/list").result["tools"]
           if t["name"] == "json_schema_2020_12_tool"]
    s = t["inputSchema"]
    assert s["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert s["$defs"]["address"]["$anchor"] == "addressDef"
    assert s["properties"]["address"] == {"$ref": "#/$defs/address"}
    assert s["allOf"][0]["anyOf"] == [{"required": ["phone"]}, {"required": ["email"]}]
    assert s["then"] == {"required": ["phone"]} and s["else"] == {"required": ["email"]}
    assert s["additionalProperties"] is False and "if" in s
    good = {"contactMethod": "phone", "phone": "1", "address": {"city": "x"}}
    assert "isError" not in peer.tool(t["name"], good).result
    assert peer.tool(t["name"], {"contactMethod": "phone", "email": "e"}).result["isError"]


def test_an_unknown_tool(peer):
    """TOOL-13"""
    assert peer.tool("test_nothing").code == -32602


def test_a_mirrored_argument(peer):
    """XHD-12: lines have no headers"""
    more = {} if peer.way != "http" or not peer.stateless else {"Mcp_Param_Region": "eu"}
    a = peer.tool("test_x_mcp_header", {"region": "eu"}, **more)
    assert "isError" not in a.result


# --- logging ---

def test_a_session_has_a_level(stateful):
    """LOG-03"""
    assert stateful.ask("logging/setLevel", {"level": "debug"}).result == {}
    told = stateful.tool("test_tool_with_logging").of("notifications/message")
    assert [t["data"] for t in told] == [
        "Tool execution started", "Tool processing data", "Tool execution completed"]
    assert {t["level"] for t in told} == {"info"}
    stateful.ask("logging/setLevel", {"level": "error"})
    assert stateful.tool("test_tool_with_logging").notes == []


def test_a_request_has_a_level(stateless):
    """LOG-04, LOG-05"""
    assert stateless.tool("test_logging_tool").notes == []
    told = stateless.tool("test_logging_tool", meta={w.LL: "info"})
    assert len(told.of("notifications/message")) == 1
    assert stateless.tool("test_tool_with_logging", meta={w.LL: "error"}).notes == []


# --- the client is asked ---

def test_sampling(peer):
    """SAMP-02, DEP-01"""
    a = peer.tool("test_sampling", {"prompt": "What?"},
                  answers={"sampling/createMessage": PARIS})
    [(method, params)] = a.asked
    assert method == "sampling/createMessage" and params["maxTokens"] == 100
    assert params["messages"] == [
        {"role": "user", "content": {"type": "text", "text": "What?"}}]
    assert a.result["content"][0]["text"] == "LLM response: Paris"


def test_elicitation(peer):
    """ELIC-02"""
    a = peer.tool("test_elicitation", {"message": "Who?"}, answers={
        "elicitation/create": {"action": "accept", "content": {
            "username": "ada", "email": "a@b.c"}}})
    [(method, params)] = a.asked
    schema = params["requestedSchema"]
    assert method == "elicitation/create" and params["message"] == "Who?"
    assert set(schema["required"]) == {"username", "email"} == set(schema["properties"])
    text = a.result["content"][0]["text"]
    assert text.startswith("User response: ") and "accept" in text and "ada" in text


def test_defaults_of_a_form(peer):
    a = peer.tool("test_elicitation_sep1034_defaults", answers={
        "elicitation/create": {"action": "accept", "content": {
            "name": "J", "age": 1, "score": 1.5, "status": "active", "verified": False}}})
    have = a.asked[0][1]["requestedSchema"]["properties"]
    assert {k: v["default"] for k, v in have.items()} == {
        "name": "John Doe", "age": 30, "score": 95.5, "status": "active", "verified": True}
    assert {k: v["type"] for k, v in have.items()} == {
        "name": "string", "age": "integer", "score": "number", "status": "string",
        "verified": "boolean"}
    assert "action=accept" in a.result["content"][0]["text"]


def test_choices_of_a_form(peer):
    a = peer.tool("test_elicitation_sep1330_enums", answers={
        "elicitation/create": {"action": "accept", "content": {
            "untitledSingle": "option1", "titledSingle": "value1", "legacyEnum": "opt1",
            "untitledMulti": ["option1", "option2"], "titledMulti": ["value1", "value2"]}}})
    have = a.asked[0][1]["requestedSchema"]["properties"]
    assert have["untitledSingle"]["enum"] == ["option1", "option2", "option3"]
    assert not {"oneOf", "enumNames"} & set(have["untitledSingle"])
    assert [o["const"] for o in have["titledSingle"]["oneOf"]] == ["value1", "value2", "value3"]
    assert "enum" not in have["titledSingle"]
    assert len(have["legacyEnum"]["enum"]) == len(have["legacyEnum"]["enumNames"]) == 3
    assert have["untitledMulti"]["items"]["enum"] == ["option1", "option2", "option3"]
    assert [o["const"] for o in have["titledMulti"]["items"]["anyOf"]] == [
        "value1", "value2", "value3"]
    assert "action=accept" in a.result["content"][0]["text"]


@pytest.mark.parametrize("name, answers, methods, text", [
    ("elicitation", {"elicitation/create": WHO}, ["elicitation/create"], "Hello, Ada!"),
    ("sampling", {"sampling/createMessage": PARIS}, ["sampling/createMessage"], "Paris"),
    ("list_roots", {"roots/list": ROOTS}, ["roots/list"], "file:///home/ada"),
    ("request_state", {"elicitation/create": {"action": "accept", "content": {"ok": True}}},
     ["elicitation/create"], "state-ok"),
    ("multiple_inputs", {"elicitation/create": WHO, "sampling/createMessage": PARIS,
                         "roots/list": ROOTS},
     ["elicitation/create", "roots/list", "sampling/createMessage"], ""),
    ("multi_round", {"elicitation/create": lambda params: {
        "action": "accept", "content": {k: "x" for k in params[
            "requestedSchema"]["properties"]}}},
     ["elicitation/create", "elicitation/create"], ""),
])
def test_input_rounds(peer, name, answers, methods, text):
    """MRTR-01, MRTR-15, MRTR-18: one handler, both eras, every way in"""
    a = peer.tool("test_input_required_result_" + name, answers=answers)
    assert sorted(m for m, _ in a.asked) == methods
    assert text in a.result["content"][0]["text"] and "isError" not in a.result
    if peer.stateless:
        assert a.rounds == (2 if name == "multi_round" else 1)


def test_a_prompt_asks(peer):
    """PROM-10, MRTR-02"""
    a = peer.ask("prompts/get", {"name": "test_input_required_result_prompt"}, answers={
        "elicitation/create": {"action": "accept", "content": {"context": "tea"}}})
    assert [m for m, _ in a.asked] == ["elicitation/create"]
    assert "tea" in json.dumps(a.result["messages"])


def test_a_state_is_sealed(stateless):
    """MRTR-08"""
    r = stateless.tool("test_input_required_result_tampered_state").result
    params = {"name": "test_input_required_result_tampered_state", "inputResponses": {
        "confirm": {"action": "accept", "content": {"ok": True}}}}
    bad = dict(params, requestState=r["requestState"] + "-TAMPERED")
    assert stateless.ask("tools/call", bad).code == -32602
    good = dict(params, requestState=r["requestState"])
    assert stateless.ask("tools/call", good).result["resultType"] == "complete"


def test_answers_that_are_none(stateless):
    """MRTR-11, MRTR-12, MRTR-13, MRTR-17"""
    name = {"name": "test_input_required_result_elicitation"}

    def told(given):
        return stateless.ask("tools/call", dict(name, inputResponses=given))
    assert told({"user_name": WHO, "other": 1}).result["content"][0]["text"] == "Hello, Ada!"
    assert told({"wrong": WHO}).result["resultType"] == "input_required"
    for bad in ({"user_name": 12345}, "nothing"):
        a = told(bad)
        assert a.code == -32602 or a.result["resultType"] == "input_required"


def test_only_what_is_declared_is_asked(open_peer):
    """MRTR-05, MRTR-06"""
    for way in p.WAYS:
        one = open_peer(way, w.R5, capabilities={"sampling": {}})
        a = one.tool("test_input_required_result_capabilities")
        assert [m for m, _ in a.asked] == ["sampling/createMessage"]
        none = open_peer(way, w.R5, capabilities={})
        e = none.tool("test_missing_capability").error
        assert e["code"] == -32021
        assert e["data"] == {"requiredCapabilities": {"sampling": {}}}


def test_nothing_is_asked_by_a_request(stateless):
    """STD-08, HTM-11"""
    stateless.capabilities = {"elicitation": {}}
    a = stateless.tool("test_streaming_elicitation")
    assert a.notes == [] and a.asked == [] and a.code is None


# --- resources, prompts, completion ---

def test_resources(peer):
    """RSRC-01, RSRC-04, RSRC-12"""
    listed = peer.ask("resources/list").result["resources"]
    assert {TEXT, "test://static-binary", WATCHED} <= {r["uri"] for r in listed}
    first = peer.ask("resources/read", {"uri": listed[0]["uri"]})
    assert first.result["contents"]
    [c] = peer.ask("resources/read", {"uri": TEXT}).result["contents"]
    assert c == {"uri": TEXT, "mimeType": "text/plain",
                 "text": "This is the content of the static text resource."}
    [c] = peer.ask("resources/read", {"uri": "test://static-binary"}).result["contents"]
    assert c["mimeType"] == "image/png" and is_png(c["blob"])
    [t] = [t for t in peer.ask("resources/templates/list").result["resourceTemplates"]
           if t["uriTemplate"] == "test://template/{id}/data"]
    [c] = peer.ask("resources/read", {"uri": "test://template/123/data"}).result["contents"]
    assert c["mimeType"] == t["mimeType"] == "application/json"
    assert json.loads(c["text"]) == {
        "id": "123", "templateTest": True, "data": "Data for ID: 123"}


def test_an_unknown_resource(peer):
    """RSRC-06, RSRC-07"""
    uri = "test://nonexistent-resource-for-conformance-testing"
    e = peer.ask("resources/read", {"uri": uri}).error
    assert e["code"] == (-32602 if peer.stateless else -32002)
    assert e["data"]["uri"] == uri


def test_hints_about_caching(peer):
    """CACHE-01, CACHE-09, MSG-11, TOOL-26, AMB-20"""
    uri = peer.ask("resources/list").result["resources"][0]["uri"]
    asks = [("tools/list", {}), ("prompts/list", {}), ("resources/list", {}),
            ("resources/templates/list", {}), ("resources/read", {"uri": uri})]
    if peer.stateless:
        asks.append(("server/discover", {}))
    for method, params in asks:
        r = peer.ask(method, params).result
        if peer.stateless:
            assert type(r["ttlMs"]) is int and r["ttlMs"] >= 0
            assert r["cacheScope"] in ("public", "private")
        else:
            assert not {"ttlMs", "cacheScope", "resultType"} & set(r)
    r = peer.tool("test_simple_text").result
    assert not {"ttlMs", "cacheScope"} & set(r)


def test_prompts(peer):
    """PROM-01, PROM-03, PROM-07"""
    for one in peer.ask("prompts/list").result["prompts"]:
        assert one["name"] and one["description"]
    assert "prompts" in peer.declared

    def get(name, **arguments):
        params = {"name": name}
        if arguments:
            params["arguments"] = arguments
        return [(m["role"], m["content"]) for m in
                peer.ask("prompts/get", params).result["messages"]]
    assert get("test_simple_prompt") == [
        ("user", {"type": "text", "text": "This is a simple prompt for testing."})]
    assert get("test_prompt_with_arguments", arg1="a", arg2="b") == [
        ("user", {"type": "text", "text": "Prompt with arguments: arg1='a', arg2='b'"})]
    (role, r), (_, t) = get("test_prompt_with_embedded_resource", resourceUri="test://x")
    assert role == "user" and r["type"] == "resource"
    assert r["resource"] == {"uri": "test://x", "mimeType": "text/plain",
                             "text": "Embedded resource content for testing."}
    assert t["text"] == "Please process the embedded resource above."
    (_, i), (_, t) = get("test_prompt_with_image")
    assert i["type"] == "image" and is_png(i["data"])
    assert t["text"] == "Please analyze the image above."
    assert peer.ask("prompts/get", {"name": "test_nothing"}).code == -32602


def test_completion(peer):
    """COMP-01, COMP-02, COMP-03"""
    r = peer.ask("completion/complete", {
        "ref": {"type": "ref/prompt", "name": "test_prompt_with_arguments"},
        "argument": {"name": "arg1", "value": "test"}}).result
    assert isinstance(r["completion"]["values"], list) and "completions" in peer.declared
    r = peer.ask("completion/complete", {
        "ref": {"type": "ref/resource", "uri": "test://template/{id}/data"},
        "argument": {"name": "id", "value": "1"}}).result
    assert isinstance(r["completion"]["values"], list)


# --- changes ---

@pytest.mark.parametrize("kind, wish", [
    ("tools", {"toolsListChanged": True}), ("prompts", {"promptsListChanged": True})])
def test_lists_change(peer, kind, wish):
    """TOOL-21, PROM-08, SUB-02, SUB-04, SUB-05"""
    assert peer.declared[kind]["listChanged"] is True
    changes = peer.watch(**wish)
    try:
        if peer.stateless:
            assert changes.acknowledged["method"] == "notifications/subscriptions/acknowledged"
            assert changes.acknowledged["params"]["notifications"] == wish
        other = "prompt" if kind == "tools" else "tool"
        a = peer.tool("test_trigger_%s_change" % other)
        b = peer.tool("test_trigger_%s_change" % kind[:-1])
        n = changes.find("notifications/%s/list_changed" % kind, a.notes + b.notes)
        if peer.stateless:
            assert n["params"]["_meta"][w.SID] == "watch"
            wrong = "notifications/%ss/list_changed" % other
            assert wrong not in [x["method"] for x in a.notes + b.notes]
    finally:
        changes.close()


def test_a_watched_resource_changes(peer):
    """RSRC-13, RSRC-15, SUB-06"""
    assert peer.declared["resources"]["subscribe"] is True
    changes = peer.watch(resourceSubscriptions=[WATCHED])
    try:
        a = peer.tool("touch_watched_resource")
        n = changes.find("notifications/resources/updated", a.notes)
        assert n["params"]["uri"] == WATCHED
        if not peer.stateless:
            assert peer.ask("resources/unsubscribe", {"uri": WATCHED}).result == {}
    finally:
        changes.close()


# --- the protocol itself ---

def test_the_handshake(stateful):
    """LIFE-01, LIFE-02"""
    h = stateful.handshake
    assert h["protocolVersion"] == w.R4 and h["serverInfo"]["name"]
    assert stateful.ask("ping").result == {}


def test_the_discovery(stateless):
    """DISC-01, DISC-02, MSG-12, AMB-01"""
    r = stateless.ask("server/discover").result
    assert r["supportedVersions"] == [w.R5]
    assert {"name", "version"} <= set(r["_meta"][w.SI])
    assert "tasks" not in r["capabilities"]


@pytest.mark.parametrize("method", [
    "initialize", "ping", "logging/setLevel", "resources/subscribe",
    "resources/unsubscribe", "unknown/method"])
def test_methods_that_are_gone(stateless, method):
    """ERA-02, PING-03, AMB-07"""
    assert stateless.ask(method).code == -32601


def bare(stateless, meta):
    """The answer to a claim that is written by the test."""
    m = w.request("server/discover", {"_meta": meta} if meta is not None else {}, "bare")
    if stateless.line is not None:
        return None, stateless.line.ask(m)
    with w.Http(stateless.server.http) as conn:
        r = conn.request("POST", "/mcp", w.modern_fields(m), w.dumps(m))
        return r.status, r.json


def test_a_claim_must_be_whole(stateless):
    """ERA-17, META-05, AMB-15"""
    whole = w.claim()
    for gone in (w.PV, w.CC):
        meta = {k: v for k, v in whole.items() if k != gone}
        status, m = bare(stateless, meta)
        assert status in (None, 400)
        assert m["error"]["code"] == -32602 or gone == w.PV, m
        assert m["id"] == "bare"
    status, m = bare(stateless, {k: v for k, v in whole.items() if k != w.CI})
    assert status in (None, 200) and "result" in m


def test_an_unknown_revision(stateless):
    """ERA-07, ERA-08"""
    m = w.modern("tools/list", id="v", meta={w.PV: "v999.0.0"})
    if stateless.line is not None:
        got = stateless.line.ask(m)
    else:
        with w.Http(stateless.server.http) as conn:
            r = conn.request("POST", "/mcp", w.modern_fields(
                m, MCP_Protocol_Version="v999.0.0"), w.dumps(m))
            assert r.status == 400
            got = r.json
    assert got["error"]["code"] == -32022 and got["id"] == "v"
    assert got["error"]["data"] == {"supported": [w.R5], "requested": "v999.0.0"}


def test_three_requests_at_once(peer):
    """HTTP-18, STD-10"""
    if peer.line is not None:
        ids = ["a", "b", "c"]
        for id in ids:
            peer.line.send(w.modern("tools/list", id=id) if peer.stateless
                           else w.request("tools/list", id=id))
        got = [peer.line.recv() for _ in ids]
        assert sorted(m["id"] for m in got) == ids
        assert len({json.dumps(m["result"]["tools"]) for m in got}) == 1
        return
    out = []
    threads = [threading.Thread(target=lambda: out.append(peer_list(peer))) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(out) == 3 and out[0] == out[1] == out[2]


def peer_list(peer):
    other = w.Modern(peer.server) if peer.stateless else None
    if other is not None:
        try:
            return other.call("tools/list")["tools"]
        finally:
            other.close()
    with w.Http(peer.server.http) as conn:
        r = conn.request("POST", "/mcp", peer.session.fields(),
                         w.dumps(w.request("tools/list", id="x")))
        return r.json["result"]["tools"]
