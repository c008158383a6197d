# SPDX-License-Identifier: Apache-2.0
"""The judge of messages finds what is wrong, and says where."""

import json
import os
import subprocess

import pytest

import mcp_schema as s
import mcp_wire as w
from mcp_bytes import BIN

pytestmark = pytest.mark.skipif(not s.ORACLE.is_there(),
                                reason="the schemas are not installed")

TEXT = {"content": [{"type": "text", "text": "x"}]}
STATELESS = {"resultType": "complete"}
HINTS = {"ttlMs": 0, "cacheScope": "private"}


def answer(result, id=1):
    return {"jsonrpc": "2.0", "id": id, "result": result}


def error(code, id=1, data=None):
    e = {"code": code, "message": "No"}
    if data is not None:
        e["data"] = data
    m = {"jsonrpc": "2.0", "error": e}
    if id is not None:
        m["id"] = id
    return m


def watch(revision, method="tools/call", id=1):
    v = s.Watch(revision if revision != w.R5 else None)
    m = w.modern(method, id=id) if revision == w.R5 else w.request(method, id=id)
    v.sent(w.dumps(m))
    return v


def sees(revision, message, method="tools/call"):
    """What the judge says of it; None: nothing."""
    before = s.ORACLE.judged, s.ORACLE.loose
    try:
        watch(revision, method).came(message)
    except s.Invalid as e:
        return str(e)
    finally:
        s.ORACLE.judged, s.ORACLE.loose = before
    return None


@pytest.mark.parametrize("revision", w.REVISIONS)
def test_a_good_result_passes(revision):
    more = STATELESS if revision == w.R5 else {}
    assert sees(revision, answer(dict(TEXT, **more))) is None


@pytest.mark.parametrize("revision", w.REVISIONS)
def test_a_fault_has_a_definition_and_a_pointer(revision):
    more = STATELESS if revision == w.R5 else {}
    said = sees(revision, answer(dict(more, content=[{"type": "text"}])))
    assert "not a CallToolResult of %s" % revision in said
    assert "/content/0: must have required property 'text'" in said


BAD = [
    (w.R1, "tools/call", answer({"content": [
        {"type": "audio", "data": "AA==", "mimeType": "audio/wav"}]}), "/content/0"),
    (w.R2, "tools/call", answer({"content": [
        {"type": "resource_link", "uri": "a:b", "name": "n"}]}), "/content/0"),
    (w.R3, "tools/call", answer(dict(TEXT, structuredContent=[1])),
     "/structuredContent: must be object"),
    (w.R4, "tools/list", answer({"tools": [{"name": "a"}]}),
     "/tools/0: must have required property 'inputSchema'"),
    (w.R5, "tools/list", answer(dict(STATELESS, tools=[])), "'ttlMs'"),
    (w.R5, "tools/call", answer(TEXT), "has no resultType"),
    (w.R4, "tools/call", answer(dict(TEXT, **STATELESS)), "/result/resultType"),
    (w.R4, "tools/list", answer(dict(HINTS, tools=[])), "/result/ttlMs"),
    (w.R4, "resources/read", answer({"contents": [
        {"uri": "a:b", "blob": "=no"}]}), "/contents/0"),
    (w.R4, "tools/call", dict(answer(TEXT), id=None), "/id"),
    (w.R4, "tools/call", error(-32602, id=None) | {"id": None}, "/id"),
]


@pytest.mark.parametrize("revision,method,message,text", BAD)
def test_faults_are_found(revision, method, message, text):
    assert text in (sees(revision, message, method) or "")


@pytest.mark.parametrize("revision", w.REVISIONS)
@pytest.mark.parametrize("code", [-32000, -32001, -32003, -32004, -32010, -32019])
def test_codes_of_implementations_are_never_sent(revision, code):
    """ERR-02, ERR-03, AMB-08"""
    assert "never sent" in sees(revision, error(code))


def test_one_code_is_for_resources_of_sessions():
    """ERR-01, ERR-03"""
    for revision in w.STATEFUL:
        assert sees(revision, error(-32002), "resources/read") is None
        assert "never sent" in sees(revision, error(-32002), "tools/call")
        assert "belongs to" in sees(revision, error(-32021))
    assert "never sent" in sees(w.R5, error(-32002), "resources/read")
    assert "belongs to" in sees(w.R3, error(-32042))
    assert "belongs to" in sees(w.R5, error(-32042))


def test_refusals_of_the_stateless_era_have_their_data():
    """ERR-06"""
    good = {"requiredCapabilities": {"sampling": {}}}
    assert sees(w.R5, error(-32021, data=good)) is None
    assert "MissingRequiredClientCapabilityError" in sees(
        w.R5, error(-32021, data={"requiredCapabilities": ["sampling"]}))
    assert "UnsupportedProtocolVersionError" in sees(w.R5, error(-32022))


def call(method, params=None, id=None):
    m = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        m["params"] = params
    if id is not None:
        m["id"] = id
    return m


CALLS = [
    (w.R2, call("elicitation/create", {"message": "x"}, 7), "is not known"),
    (w.R4, call("tools/list", id=7), "is not for a server"),
    (w.R5, call("roots/list", id=7), "a request"),
    (w.R4, call("notifications/initialized"), "is not for a server"),
    (w.R4, call("notifications/elsewhere"), "is not known"),
    (w.R4, call("notifications/progress", {"progress": 1}), "/params"),
    (w.R5, call("notifications/message", {"level": "loud", "data": 1}), "/params"),
    (w.R4, call("sampling/createMessage", {"messages": []}, 7), "/params"),
]


@pytest.mark.parametrize("revision,message,text", CALLS)
def test_requests_and_notifications_are_held_too(revision, message, text):
    """STD-08, HTM-11, MSG-07"""
    assert text in (sees(revision, message) or "")


def test_a_batch_is_only_an_answer():
    """BAT-02, SSE-03"""
    v = watch(w.R2)
    with pytest.raises(s.Invalid, match="a batch"):
        v.came([answer(TEXT)])


# What our own schema engine says of the same values must be the same.
AGREE = [
    (w.R5, "CallToolResult", dict(TEXT, **STATELESS)),
    (w.R5, "CallToolResult", TEXT),
    (w.R5, "CallToolResult", dict(STATELESS, content=[{"type": "text"}])),
    (w.R5, "ListToolsResult", dict(STATELESS, tools=[], **HINTS)),
    (w.R5, "ListToolsResult", dict(STATELESS, tools=[], ttlMs=-1, cacheScope="x")),
    (w.R4, "CallToolResult", TEXT),
    (w.R4, "CallToolResult", {"content": {}}),
    (w.R4, "InitializeResult", {"protocolVersion": w.R4, "capabilities": {},
                                "serverInfo": {"name": "a", "version": "1"}}),
    (w.R4, "InitializeResult", {"protocolVersion": w.R4, "capabilities": {},
                                "serverInfo": {"name": "a"}}),
    (w.R3, "ElicitRequest", {"method": "elicitation/create", "params": {
        "message": "m", "requestedSchema": {"type": "object", "properties": {
            "n": {"type": "number", "minimum": 0.5}}}}}),
    (w.R3, "ElicitRequest", {"method": "elicitation/create", "params": {
        "message": "m", "requestedSchema": {"type": "array"}}}),
    (w.R2, "ProgressNotification", {"method": "notifications/progress", "params": {
        "progressToken": "t", "progress": 0.5, "message": "m"}}),
    (w.R2, "ProgressNotification", {"method": "notifications/progress", "params": {
        "progressToken": 1.5, "progress": 0.5}}),
    (w.R1, "PromptMessage", {"role": "user", "content": {"type": "text", "text": "t"}}),
    (w.R1, "PromptMessage", {"role": "user", "content": {
        "type": "audio", "data": "AA==", "mimeType": "audio/wav"}}),
]


@pytest.fixture(scope="module")
def schemas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schemas")
    subprocess.run([s.NODE, os.path.join(s.BUILD, "oracle.mjs"), str(folder)],
                   check=True)
    return folder


@pytest.mark.parametrize("revision,definition,value", AGREE)
def test_our_engine_agrees(schemas, tmp_path, revision, definition, value):
    schema = json.loads((schemas / (revision + ".json")).read_text())
    where = "$defs" if "$defs" in schema else "definitions"
    schema["allOf"] = [{"$ref": "#/%s/%s" % (where, definition)}]
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    (tmp_path / "value.json").write_text(json.dumps(value))
    done = subprocess.run(
        [BIN, "schema", "validate", tmp_path / "schema.json",
         tmp_path / "value.json"], capture_output=True, text=True)
    assert (done.returncode == 0) == (
        s.ORACLE.ask(revision, definition, value) == []), done.stdout + done.stderr
