# SPDX-License-Identifier: Apache-2.0
"""Which era a message belongs to, and the order in which a stateless request
is judged (server-requirements 1.3 and 1.4)."""

import json

import pytest

import mcp_wire as w

LIST = "tools/list"
HELLO = {"name": "hello", "arguments": {"name": "Ada"}}


def post(conn, body, fields):
    body = body if isinstance(body, bytes) else w.dumps(body)
    return conn.request("POST", "/mcp", fields, body)


def refused(r, status, code, id=None):
    assert r.status == status, r
    m = w.check_message(r.json)
    assert m["error"]["code"] == code, m
    assert m.get("id") == id, m
    return m["error"]


def stateless_fields(version=w.R5, method=LIST, **more):
    return w.legacy_fields(MCP_Protocol_Version=version, Mcp_Method=method, **more)


def with_meta(meta, method=LIST, id=7, **params):
    return w.request(method, dict(params, _meta=meta), id)


# --- 1.3, row by row ---

def test_a_body_that_is_not_json_is_refused_without_id(conn):
    """1.3 row 1, MSG-05, AMB-14"""
    for version in (None, w.R4, w.R5, "abc"):
        refused(post(conn, b'{"jsonrpc":', w.legacy_fields(
            MCP_Protocol_Version=version)), 400, -32700)


@pytest.mark.parametrize("version", [None, w.R4, w.R5])
def test_an_array_with_a_claim_in_it_is_refused(conn, version):
    """1.3 row 2, HTM-01, BAT-06"""
    body = [w.request(LIST), w.modern(LIST)]
    refused(post(conn, body, w.legacy_fields(MCP_Protocol_Version=version)),
            400, -32600)


def test_an_array_under_a_stateless_version_is_refused(conn):
    """1.3 row 3, HTM-01"""
    refused(post(conn, [w.request(LIST)], stateless_fields()), 400, -32600)


def test_an_array_without_session_is_refused(conn):
    """1.3 row 5"""
    for version in (None, w.R2, w.R4):
        refused(post(conn, [w.request(LIST)], w.legacy_fields(
            MCP_Protocol_Version=version)), 400, -32600)


@pytest.mark.parametrize("revision", [w.R1, w.R3, w.R4])
def test_an_array_in_a_session_of_a_revision_without_batches_is_refused(
        server, revision):
    """1.3 row 5, BAT-06, POSTL-01"""
    s = w.Legacy(server, revision)
    refused(s.raw(w.dumps([w.request(LIST)])), 400, -32600)
    s.close()


def test_a_claim_without_the_version_field_is_a_mismatch(conn):
    """1.3, HTM-02"""
    m = w.modern(LIST, id="x")
    refused(post(conn, m, w.modern_fields(m, MCP_Protocol_Version=None)),
            400, -32020, "x")


@pytest.mark.parametrize("field, body", [
    (w.R4, w.R5), (w.R5, w.R4), (w.R5, "v999.0.0"), ("v999.0.0", w.R5),
    ("abc", w.R5)])
def test_a_version_field_that_differs_from_the_claim_is_a_mismatch(
        conn, field, body):
    """1.3, AMB-05, HTM-02: before the version itself is judged"""
    e = refused(post(conn, with_meta(w.claim(body)), stateless_fields(field)),
                400, -32020, 7)
    assert "MCP-Protocol-Version" in e["message"]  # ERR-07
    assert field in e["message"] and body in e["message"]


@pytest.mark.parametrize("version", ["v999.0.0", "2026-07-29", "2099-01-01",
                                     w.R4, w.R1, ""])
def test_a_version_that_is_not_served_statelessly_is_refused_with_those_that_are(
        conn, modern, version):
    """1.3, ERA-07, ERA-08, DISC-06, HTM-10"""
    e = refused(post(conn, with_meta(w.claim(version)), stateless_fields(version)),
                400, -32022, 7)
    assert e["data"]["requested"] == version
    assert e["data"]["supported"] == [w.R5]
    found = modern.call("server/discover")["supportedVersions"]
    assert found == e["data"]["supported"]


def test_a_claim_that_agrees_with_its_field_is_served(conn):
    """1.3, ERA-02"""
    m = w.modern(LIST)
    r = post(conn, m, w.modern_fields(m))
    assert r.status == 200 and r.json["result"]["resultType"] == "complete"


MALFORMED = {
    "no-cc": {w.PV: w.R5},
    "no-cc-but-ci": {w.PV: w.R5, w.CI: {"name": "a", "version": "1"}},
    "cc-array": {w.PV: w.R5, w.CC: []},
    "cc-string": {w.PV: w.R5, w.CC: "x"},
    "cc-null": {w.PV: w.R5, w.CC: None},
    "pv-number": {w.PV: 20260728, w.CC: {}},
    "pv-null": {w.PV: None, w.CC: {}},
    "pv-array": {w.PV: [w.R5], w.CC: {}},
    "no-pv": {w.CC: {}},
    "ci-alone": {w.CI: {"name": "a", "version": "1"}},
    "level-unknown": {w.PV: w.R5, w.CC: {}, w.LL: "loud"},
    "level-number": {w.PV: w.R5, w.CC: {}, w.LL: 3},
}


@pytest.mark.parametrize("version", [None, w.R4, w.R5, "v999"])
@pytest.mark.parametrize("meta", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_claim_is_bad_params_whatever_the_field_says(
        conn, meta, version):
    """1.3, ERA-17, META-05, LOG-07"""
    refused(post(conn, with_meta(meta), stateless_fields(version)),
            400, -32602, 7)


@pytest.mark.parametrize("params", [
    None, {}, {"_meta": {}}, {"_meta": {"progressToken": 1}}, {"_meta": {"x": 1}}])
@pytest.mark.parametrize("method", [LIST, "ping", "server/discover", "nope"])
@pytest.mark.parametrize("version", [w.R5, "2026-07-29", "2030-01-01"])
def test_a_stateless_field_without_a_claim_is_bad_params(
        conn, params, method, version):
    """1.3, ERA-05, AMB-06: never served as the other era"""
    refused(post(conn, w.request(method, params, 7),
                 stateless_fields(version, method)), 400, -32602, 7)


@pytest.mark.parametrize("version", [None] + w.STATEFUL)
def test_a_handshake_passes_with_any_stateful_field(conn, version):
    """1.3, ERA-06, ERA-03, SES-01"""
    r = post(conn, w.request("initialize", w.init_params(w.R3), 7),
             w.legacy_fields(MCP_Protocol_Version=version))
    assert r.status == 200 and r.get("mcp-session-id"), r
    assert r.json["result"]["protocolVersion"] == w.R3


def test_a_handshake_with_a_stateless_field_is_a_mismatch(conn):
    """ERA-06"""
    refused(post(conn, w.request("initialize", w.init_params(), 7),
                 w.legacy_fields(MCP_Protocol_Version=w.R5)), 400, -32020, 7)


def test_a_request_without_claim_and_session_is_refused(conn):
    """1.3, SES-04, AMB-16"""
    for version in [None] + w.STATEFUL:
        r = post(conn, w.request(LIST, id=7), w.legacy_fields(
            MCP_Protocol_Version=version))
        assert r.status == 400, r
        assert w.check_message(r.json)["error"]["code"] == -32600


@pytest.mark.parametrize("version", ["1999-01-01", "abc", "2024-11-06", "1.0", "2025-11-25x"])
def test_an_unsupported_version_field_is_refused(session, conn, version):
    """1.3, ERA-10, POSTL-07"""
    r = session.post(LIST, MCP_Protocol_Version=version)
    assert r.status == 400, r
    r = post(conn, w.request(LIST), w.legacy_fields(MCP_Protocol_Version=version))
    assert r.status == 400, r
    assert session.call(LIST)["tools"]


def test_a_session_takes_any_handshake_revision_in_the_version_field(server):
    """ERA-11: the session's own governs; public clients send an older one"""
    s = w.Legacy(server, w.R4)
    assert s.post(LIST, MCP_Protocol_Version=w.R3).status == 200
    assert s.call(LIST)["tools"]
    s.close()


@pytest.mark.parametrize("revision", w.STATEFUL)
def test_a_session_works_without_the_version_field(server, revision):
    """ERA-09"""
    s = w.Legacy(server, revision)
    assert s.call(LIST, MCP_Protocol_Version=None)["tools"]
    s.close()


@pytest.mark.parametrize("method", ["notifications/cancelled", "notifications/nope"])
def test_a_notification_under_a_stateless_field_is_taken_and_dropped(conn, method):
    """1.3, ERA-19, HTM-17, HTTP-10, MSG-06"""
    r = post(conn, w.notification(method, {"requestId": 1}),
             w.legacy_fields(MCP_Protocol_Version=w.R5))
    assert r.status == 202 and r.body == b"", r
    assert r.get("content-length") == "0"


def test_a_notification_whose_method_field_differs_is_a_mismatch(conn):
    """HTM-17"""
    r = post(conn, w.notification("notifications/cancelled", {"requestId": 1}),
             stateless_fields(method="notifications/other"))
    assert r.status == 400, r
    assert "id" not in w.check_message(r.json)


def test_a_notification_of_a_session_is_taken(session):
    """1.3, HTTP-10"""
    for method in ("notifications/initialized", "notifications/nope"):
        r = session.notify(method)
        assert r.status == 202 and r.body == b"", r


def test_a_response_needs_a_session(session, conn):
    """1.3, ERA-20"""
    answers = [{"jsonrpc": "2.0", "id": 1, "result": {}},
               {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no"}}]
    for m in answers:
        r = session.raw(w.dumps(m))
        assert r.status == 202 and r.body == b"", r
        for fields in (w.legacy_fields(), stateless_fields(method=None)):
            r = post(conn, m, fields)
            assert r.status == 400, r
            assert w.check_message(r.json)["error"]["code"] == -32600


# --- other rules of the section ---

@pytest.mark.parametrize("method", [
    "initialize", "ping", "logging/setLevel", "resources/subscribe",
    "resources/unsubscribe", "notifications", "tools/nope", "tasks/list"])
def test_methods_of_the_other_era_are_unknown_to_a_claim(modern, method):
    """ERA-02, PING-03, HTM-09, AMB-07, ERR-05"""
    r = modern.post(method, w.init_params(), id="i")
    refused(r, 404, -32601, "i")


@pytest.mark.parametrize("method", ["server/discover", "subscriptions/listen"])
def test_methods_of_the_stateless_era_are_unknown_to_a_session(session, method):
    """ERA-02, section 36: 200 in the stateful era"""
    refused(session.post(method, {"notifications": {}}, id=5), 200, -32601, 5)


def test_both_eras_are_served_on_one_connection(server):
    """ERA-01, ERA-03, MSG-09: also with equal ids"""
    with w.Http(server.http) as c:
        s = w.Legacy(server)
        for i in range(5):
            m = w.modern("tools/call", HELLO, 1)
            a = post(c, m, w.modern_fields(m)).json
            b = post(c, w.request("tools/call", HELLO, 1), s.fields()).json
            assert a["result"]["content"] == b["result"]["content"]
            assert "resultType" in a["result"] and "resultType" not in b["result"]
        s.close()


def test_a_stateless_request_ignores_sessions(server, modern):
    """ERA-13, SES-05"""
    for id in ("x", "0" * 32, "nonsense\x7e"):
        r = modern.post(LIST, Mcp_Session_Id=id, Last_Event_ID="9")
        assert r.status == 200, r
        assert r.get("mcp-session-id") is None
    s = w.Legacy(server)
    r = modern.post(LIST, Mcp_Session_Id=s.session)
    assert r.status == 200 and r.get("mcp-session-id") is None
    s.close()


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_get_and_delete_do_not_exist_under_a_stateless_field(conn, session, method):
    """ERA-14, HTTP-01"""
    for extra in ({}, {"Mcp-Session-Id": session.session}):
        r = conn.request(method, "/mcp", dict(
            extra, **{"MCP-Protocol-Version": w.R5, "Accept": "text/event-stream"}))
        assert r.status == 405 and r.get("allow") == "POST", r
    assert session.call(LIST)


def test_nothing_is_inferred_from_an_earlier_request(server):
    """ERA-18, META-06: capabilities of one request are not those of the next"""
    name = {"name": "test_missing_capability"}
    c = w.Modern(server)
    for _ in range(3):
        c.capabilities = {"sampling": {}, "elicitation": {}}
        assert c.post("tools/call", name).status == 200
        c.capabilities = {}
        e = c.error("tools/call", name, status=400)
        assert e["code"] == -32021
        assert e["data"]["requiredCapabilities"] == {"sampling": {}}  # ERR-06
    c.close()


def test_client_info_may_be_missing_and_changes_nothing(conn):
    """META-05, META-06, AMB-15"""
    bodies = []
    for info in (None, {"name": "a", "version": "1"}, {"name": 5}, "x", []):
        meta = {w.PV: w.R5, w.CC: {}}
        if info is not None:
            meta[w.CI] = info
        r = post(conn, with_meta(meta), stateless_fields())
        assert r.status == 200, r
        bodies.append(r.body)
    assert len(set(bodies)) == 1


# --- 1.4: the first failing rung answers ---

def broken(rungs):
    """A tools/call that breaks the named rungs; (body, fields)."""
    meta = w.claim(w.R4 if 4 in rungs else w.R5)
    if 2 in rungs:
        del meta[w.CC]
    method = "tools/nope" if 6 in rungs else "tools/call"
    name = "nope" if 8 in rungs else "fx_mirrored"
    params = {"_meta": meta, "name": 5 if 7 in rungs else name,
              "arguments": {"region": "eu", "plain": "x" if 11 in rungs else 1}}
    m = w.request(method, params, 7)
    if 1 in rungs:
        m["jsonrpc"] = "1.0"
    fields = w.modern_fields(m)
    fields["MCP-Protocol-Version"] = w.R4 if 4 in rungs else w.R5
    if 3 in rungs:
        fields["MCP-Protocol-Version"] = "2026-01-01"
    if 5 in rungs:
        fields["Mcp-Method"] = "tools/Call"
    if "Mcp-Name" not in fields:
        fields["Mcp-Name"] = name
    fields["Mcp-Param-Region"] = "us" if 9 in rungs else "eu"
    return m, fields


ANSWERS = {1: (400, -32600), 2: (400, -32602), 3: (400, -32020),
           4: (400, -32022), 5: (400, -32020), 6: (404, -32601),
           7: (200, -32602), 8: (200, -32602), 9: (400, -32020)}
RUNGS = sorted(ANSWERS) + [11]


@pytest.mark.parametrize("first", RUNGS)
def test_the_first_failing_check_answers(conn, first):
    """1.4, ERA-04: alone, and with each later one broken as well"""
    cases = [{first}] + [{first, k} for k in RUNGS if k > first]
    cases.append({k for k in RUNGS if k >= first})
    for rungs in cases:
        r = post(conn, *broken(rungs))
        if first == 11:  # TOOL-14
            assert r.status == 200 and r.json["result"]["isError"] is True, r
            continue
        status, code = ANSWERS[first]
        assert r.status == status, (rungs, r)
        assert w.check_message(r.json)["error"]["code"] == code, (rungs, r)
        assert r.json["id"] == 7


def test_a_request_that_breaks_nothing_reaches_its_handler(conn):
    """1.4 rung 12"""
    r = post(conn, *broken(set()))
    assert r.status == 200, r
    assert json.loads(r.json["result"]["content"][0]["text"]) == {
        "region": "eu", "plain": 1}


# --- lines: there are no fields ---

@pytest.fixture
def line(server):
    c = w.Line(server.line_unix)
    yield c
    c.close()


def test_each_line_is_judged_by_itself(line):
    """ERA-15, ERA-16, STD-13, section 12.2"""
    found = line.modern("server/discover")["result"]
    assert found["supportedVersions"] == [w.R5]
    assert line.legacy(LIST)["error"]["code"] == -32600  # LIFE-07
    shake = line.handshake(w.R3)
    assert shake["protocolVersion"] == w.R3
    for _ in range(3):
        a = line.modern(LIST)["result"]
        b = line.legacy(LIST)["result"]
        assert a["resultType"] == "complete" and "resultType" not in b
        assert [t["name"] for t in a["tools"]] == [t["name"] for t in b["tools"]]


@pytest.mark.parametrize("method", ["server/discover", "subscriptions/listen"])
def test_a_stateless_method_without_a_claim_is_bad_params_on_a_line(line, method):
    """ERA-15, ERA-17"""
    assert line.legacy(method, {"notifications": {}})["error"]["code"] == -32602
    line.handshake()
    assert line.legacy(method, {"notifications": {}})["error"]["code"] == -32602


@pytest.mark.parametrize("meta", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_claim_is_bad_params_on_a_line(line, meta):
    """ERA-17"""
    line.handshake()
    m = line.ask(with_meta(meta))
    assert m["error"]["code"] == -32602 and m["id"] == 7


def test_an_unsupported_version_is_refused_on_a_line(line):
    """ERA-07, ERA-16"""
    m = line.ask(with_meta(w.claim("v999.0.0"), "server/discover"))
    assert m["error"]["code"] == -32022
    assert m["error"]["data"] == {"supported": [w.R5], "requested": "v999.0.0"}
    assert line.handshake()["protocolVersion"] == w.R4


def test_a_response_on_a_line_is_dropped(line):
    """ERA-20"""
    line.handshake()
    line.send({"jsonrpc": "2.0", "id": 9, "result": {}})
    assert line.legacy("ping")["result"] == {}
