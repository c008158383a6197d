# SPDX-License-Identifier: Apache-2.0
"""Requirements of the protocol that no other file is about."""

import json
import os
import re
import shutil

import pytest

import mcp_peer as p
import mcp_wire as w

FORM = {"key": "who", "method": "elicitation/create",
        "params": {"message": "Who?", "requestedSchema": {
            "type": "object", "properties": {"name": {"type": "string"}}}}}
MODEL = {"key": "gist", "method": "sampling/createMessage",
         "params": {"messages": [], "maxTokens": 5}}
WHO = {"action": "accept", "content": {"name": "Ada"}, "_meta": {"com.example/x": [1, None]}}
WHERE = {"roots": [{"uri": "file:///a", "_meta": {"com.example/y": "z"}}]}


@pytest.fixture
def open_peer(server, start, fixture_plugins):
    opened = []

    def make(way, revision, server=server, **more):
        process = (start.stdio(plugins=(w.PLUGINS, fixture_plugins))
                   if way == "stdio" else None)
        opened.append(p.Peer(way, revision, server, process, **more))
        return opened[-1]
    yield make
    for one in opened:
        one.close()


@pytest.fixture(params=[(way, era) for way in p.WAYS for era in (w.R4, w.R5)],
                ids=lambda v: "-".join(v))
def peer(open_peer, request):
    return open_peer(*request.param)


@pytest.fixture(params=p.WAYS)
def stateless(open_peer, request):
    return open_peer(request.param, w.R5)


def listed(peer):
    return [peer.ask(m).result for m in (
        "tools/list", "prompts/list", "resources/list", "resources/templates/list")]


def test_lists_do_not_depend_on_what_the_client_declares(open_peer):
    """AMB-18, TOOL-02, RSRC-03, PROM-09"""
    for way in p.WAYS:
        rich = listed(open_peer(way, w.R5, capabilities=dict(p.EVERYTHING, extensions={
            "io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]},
            "io.modelcontextprotocol/tasks": {}})))
        assert rich == listed(open_peer(way, w.R5, capabilities={}))


def test_state_goes_with_the_client(open_peer):
    """ERA-21: another connection takes it up"""
    first, second = open_peer("line", w.R5), open_peer("http", w.R5)
    ask = {"name": "fx_ask", "arguments": {"rounds": [[FORM], [MODEL]], "keep": True}}
    r = first.ask("tools/call", ask).result
    again = dict(ask, requestState=r["requestState"], inputResponses={"who": WHO})
    r = second.ask("tools/call", again).result
    assert r["resultType"] == "input_required" and set(r["inputRequests"]) == {"gist"}


def test_an_answer_is_kept_as_the_client_gave_it(peer):
    """META-11, META-04, TOOL-22"""
    a = peer.tool("fx_ask", {"rounds": [[FORM]]}, answers={"elicitation/create": WHO})
    told = dict(b["text"].split("=", 1) for b in a.result["content"])
    assert json.loads(told["who"]) == WHO


def test_a_read_asks(peer):
    """RSRC-20, CACHE-05"""
    a = peer.ask("resources/read", {"uri": "fx://asked/1"}, answers={"roots/list": WHERE})
    assert [m for m, _ in a.asked] == ["roots/list"]
    assert json.loads(a.result["contents"][0]["text"]) == WHERE
    if peer.stateless:
        assert (a.result["ttlMs"], a.result["cacheScope"]) == (0, "private")


@pytest.mark.parametrize("revision", [w.R1, w.R2])
@pytest.mark.parametrize("way", p.WAYS)
def test_only_what_the_revision_knows_is_used(open_peer, way, revision):
    """LIFE-10, ELIC-01: declared all the same"""
    one = open_peer(way, revision)
    r = one.tool("fx_ask", {"rounds": [[FORM]]}).result
    assert r["isError"] is True and "not declared" in r["content"][0]["text"]


@pytest.mark.parametrize("way", ["http", "line"])
def test_a_client_that_never_answers_is_told_to_stop(start, open_peer, fixture_plugins, way):
    """LIFE-15, CANC-05"""
    own = start.serve("limits: {input_wait: 100ms}", plugins=(fixture_plugins,),
                      listen=("127.0.0.1:0", "line+unix:" + start.path("l.sock")))
    one = open_peer(way, w.R4, server=own)
    m = w.request("tools/call", {"name": "fx_ask", "arguments": {"rounds": [[FORM]]}}, "call")
    asked = None
    for got in one._messages(m, {}):
        if got.get("method") == "elicitation/create":
            asked = got["id"]
        elif got.get("method") == "notifications/cancelled":
            assert got["params"]["requestId"] == asked
            asked = "over"
    assert asked == "over" and got["result"]["isError"] is True


def test_what_changes_without_a_listen_is_not_told_later(stateless):
    """SUB-12"""
    first = stateless.watch("first", toolsListChanged=True)
    witness = stateless.watch("witness", toolsListChanged=True)
    first.close()
    told = stateless.tool("test_trigger_tool_change").notes
    n = witness.find("notifications/tools/list_changed", told)  # it has happened
    assert n["params"]["_meta"][w.SID] == "witness"
    again = stateless.watch("again", promptsListChanged=True, toolsListChanged=True)
    assert again.acknowledged["method"] == "notifications/subscriptions/acknowledged"
    told = stateless.tool("test_trigger_prompt_change").notes
    n = (told or [again.next()])[0]
    assert n["method"] == "notifications/prompts/list_changed", n
    witness.close()
    again.close()


def test_what_can_change_can_be_listened_to(stateless):
    """SUB-13"""
    d = stateless.declared
    can = {"toolsListChanged": d["tools"].get("listChanged"),
           "promptsListChanged": d["prompts"].get("listChanged"),
           "resourcesListChanged": d["resources"].get("listChanged")}
    assert all(can.values())
    changes = stateless.watch(**can)
    assert changes.acknowledged["params"]["notifications"] == can
    changes.close()


LABEL = r"[a-zA-Z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
IDENTIFIER = re.compile(r"%s(?:\.%s)*/(?:[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?)"
                        % (LABEL, LABEL))


def test_extensions_have_names_and_settings(stateless):
    """META-08"""
    for name, settings in stateless.declared.get("extensions", {}).items():
        assert IDENTIFIER.fullmatch(name) and isinstance(settings, dict), name


def test_the_reason_of_a_cancel_is_logged(start, fixture_plugins, gate):
    """CANC-09"""
    one = start.stdio(plugins=(fixture_plugins,), args=(
        "--config", start.config("log: {level: debug}\n")))
    line = w.Line(one)
    line.send(w.modern("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}}, "x"))
    gate.entered()
    line.send(w.notification("notifications/cancelled",
                             {"requestId": "x", "reason": "changed my\nmind"}))
    found = one.wait_log("request cancelled")
    assert found["reason"] == "changed my\nmind"
    one.end()
    one.wait()


def test_the_log_goes_to_standard_error(start):
    """STD-03"""
    one = start.stdio()
    line = w.Line(one)
    assert line.modern("tools/list")["result"]["tools"]
    one.end()
    assert one.wait() == 0
    assert one.lines and all("event" in x or "text" in x for x in one.lines)
    assert line.line() is None


def test_no_extension_is_on_unasked(start, tmp_path):
    """EXT-01, TKX-01: a manifest asks for tasks, and here none does"""
    shutil.copytree(os.path.join(w.PLUGINS, "hello"), tmp_path / "plugins/hello")
    m = w.Modern(start.serve(plugins=(tmp_path / "plugins",)))
    assert "extensions" not in m.call("server/discover")["capabilities"]
    m.close()


# --- tasks ---

TASKS = "io.modelcontextprotocol/tasks"
EXTENSION = dict(p.EVERYTHING, extensions={TASKS: {}})
SLOW = {"name": "slow_compute", "arguments": {"seconds": 0.2}}


def finished(peer, id):
    while True:
        t = peer.ask("tasks/get", {"taskId": id}).result
        if t["status"] not in ("working", "input_required"):
            return t


def test_an_extension_of_the_server_alone_is_not_used(stateless):
    """META-09, TKX-02, TKX-13"""
    assert stateless.ask("tools/call", SLOW).result["resultType"] == "complete"
    e = stateless.ask("tasks/get", {"taskId": "x"}).error
    assert e["code"] == -32021
    assert e["data"]["requiredCapabilities"] == {"extensions": {TASKS: {}}}


def test_tasks_are_listened_to_with_their_extension_only(stateless):
    """SUB-15"""
    e = stateless.ask("subscriptions/listen", {"notifications": {"taskIds": ["x"]}}).error
    assert e["code"] == -32021
    assert e["data"]["requiredCapabilities"] == {"extensions": {TASKS: {}}}


@pytest.mark.parametrize("way", ["stdio", "line", "sse"])
def test_a_task_is_not_cancelled_by_a_notification(start, open_peer, way):
    """CANC-06"""
    own = start.serve("http: {legacy_sse: true}",
                      listen=("127.0.0.1:0", "line+unix:" + start.path("l.sock")))
    one = open_peer(way, w.R4, server=own)
    t = one.ask("tools/call", dict(SLOW, task={})).result["task"]
    one.tell(w.notification("notifications/cancelled", {"requestId": one.last_id}))
    assert finished(one, t["taskId"])["status"] == "completed"
    assert one.ask("tasks/result", {"taskId": t["taskId"]}).result["content"]


@pytest.mark.parametrize("way", ["stdio", "line"])
def test_the_token_of_a_task_lives_as_long_as_it(open_peer, way):
    """PROG-06"""
    one = open_peer(way, w.R4)
    a = one.ask("tools/call", dict(SLOW, task={}), meta={"progressToken": "t"})
    assert a.notes == []
    b = one.ask("tasks/result", {"taskId": a.result["task"]["taskId"]})
    told = b.of("notifications/progress")
    assert told and {t["progressToken"] for t in told} == {"t"}
    assert one.ask("tools/list").of("notifications/progress") == []


@pytest.mark.parametrize("way", p.WAYS)
def test_no_progress_of_the_extensions_tasks(open_peer, way):
    """PROG-07, SUB-07"""
    one = open_peer(way, w.R5, capabilities=EXTENSION)
    changes = one.watch(toolsListChanged=True)
    made = one.ask("tools/call", SLOW, meta={"progressToken": "t"})
    id = made.result["taskId"]
    notes = list(made.notes)
    while True:
        a = one.ask("tasks/get", {"taskId": id})
        notes += a.notes
        if a.result["status"] != "working":
            break
    notes += one.tool("test_trigger_tool_change").notes
    n = changes.find("notifications/tools/list_changed", notes)
    assert n["params"]["_meta"][w.SID] == "watch"
    assert not [x for x in notes if x["method"] == "notifications/progress"]
    changes.close()


def test_support_for_tasks_is_told_to_one_revision(open_peer):
    """TOOL-27, TKL-03"""
    for revision in w.REVISIONS:
        tools = {t["name"]: t for t in open_peer("http", revision).ask(
            "tools/list").result["tools"]}
        assert ("execution" in tools["slow_compute"]) == (revision == w.R4)
        if revision == w.R4:
            assert tools["slow_compute"]["execution"] == {"taskSupport": "optional"}
            assert tools["test_simple_text"].get("execution", {}).get(
                "taskSupport", "forbidden") == "forbidden"


def test_context_is_not_asked_of_who_does_not_offer_it(open_peer):
    """SAMP-05"""
    ask = dict(MODEL, params=dict(MODEL["params"], includeContext="thisServer"))
    for way in p.WAYS:
        one = open_peer(way, w.R5, capabilities={"sampling": {}})
        assert one.tool("fx_ask", {"rounds": [[ask]]}).code == -32021
        one = open_peer(way, w.R4, capabilities={"sampling": {}})
        assert one.tool("fx_ask", {"rounds": [[ask]]}).result["isError"] is True
