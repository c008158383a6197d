# SPDX-License-Identifier: Apache-2.0
"""Tasks: calls that outlive their request, in both eras and on every way in."""

import json
import signal

import pytest

import mcp_wire as w
from mcp_rounds import ALL, FORM, LINK, Stateful, Stateless, WAYS, WHO, asking

EXTENSION = "io.modelcontextprotocol/tasks"
RELATED = "io.modelcontextprotocol/related-task"
IMMEDIATE = "io.modelcontextprotocol/model-immediate-response"
TASKS = dict(ALL, extensions={EXTENSION: {}})
YES = {"action": "accept", "content": {}}
NAME = {"action": "accept", "content": {"name": "Ada"}}
COLOR = {"action": "accept", "content": {"color": "red"}}
NOBODY = "0" * 32
FLAT = {"taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs"}
NESTED = {"taskId", "status", "createdAt", "lastUpdatedAt", "ttl", "pollInterval"}


# --- the extension of 2026-07-28 ---

class Modern:
    """What a client that can follow tasks does."""

    def __init__(self, client):
        self.client = client

    def send(self, method, params, capabilities=TASKS):
        return self.client.send(method, params, capabilities)

    def ok(self, method, params, capabilities=TASKS):
        m = self.send(method, params, capabilities)[1]
        assert "result" in m, m
        return m["result"]

    def error(self, method, params, code, status=200, capabilities=TASKS):
        got, m = self.send(method, params, capabilities)
        assert got in (None, status) and m["error"]["code"] == code, (got, m)
        return m["error"]

    def call(self, name, arguments=None, capabilities=TASKS, **params):
        return self.ok("tools/call", dict({"name": name, "arguments": arguments or {}},
                                          **params), capabilities)

    def start(self, name, arguments=None, **params):
        r = self.call(name, arguments, **params)
        assert r["resultType"] == "task", r
        return r["taskId"]

    def get(self, id):
        t = self.ok("tasks/get", {"taskId": id})
        assert t["resultType"] == "complete" and t["taskId"] == id  # TKX-05, AMB-12
        return t

    def until(self, id, *statuses):
        """Asks until it is so: each answer is an event."""
        while True:
            t = self.get(id)
            if t["status"] in statuses:
                return t
            assert t["status"] in ("working", "input_required"), t

    def update(self, id, responses):
        r = self.ok("tasks/update", {"taskId": id, "inputResponses": responses})
        r.pop("_meta", None)
        assert r == {"resultType": "complete"}

    def cancel(self, id):
        r = self.ok("tasks/cancel", {"taskId": id})
        r.pop("_meta", None)
        assert r == {"resultType": "complete"}


@pytest.fixture(params=WAYS)
def modern(server, start, fixture_plugins, request):
    c = Stateless(server, start, fixture_plugins, request.param)
    yield Modern(c)
    c.close()


def text_of(result):
    return result["content"][0]["text"]


def test_a_call_becomes_a_task(modern):
    """TKX-01, TKX-03, TKX-04, TKX-05, TKX-06, TKX-07"""
    d = modern.ok("server/discover", {})
    assert d["capabilities"]["extensions"] == {EXTENSION: {}}
    assert "tasks" not in d["capabilities"]  # TKL-18
    t = modern.call("slow_compute", {"seconds": 0.2, "label": "x"})
    t.pop("_meta")
    assert t.pop("resultType") == "task" and set(t) == FLAT, t
    assert t["status"] == "working"
    assert t["createdAt"] == t["lastUpdatedAt"] and t["createdAt"].endswith("Z")
    assert t["ttlMs"] == 600000 and t["pollIntervalMs"] == 100  # its manifest
    first = modern.get(t["taskId"])
    assert first["status"] in ("working", "completed")
    end = modern.until(t["taskId"], "completed")
    assert text_of(end["result"]) == "x: done after 0.2 s"
    assert set(end) == FLAT | {"result", "resultType", "_meta"}
    assert RELATED not in end["result"]["_meta"] and "requestState" not in end
    assert end["createdAt"] == t["createdAt"] < end["lastUpdatedAt"]


def test_without_the_extension_there_is_no_task(modern):
    """TKX-02, TKX-13, TKX-20: whatever earlier requests said"""
    id = modern.start("slow_compute", {"seconds": 0})
    for capabilities in (ALL, {"extensions": {}}, {"extensions": {EXTENSION: True}},
                         {"tasks": {}}, {EXTENSION: {}}):
        r = modern.call("slow_compute", {"seconds": 0}, capabilities)
        assert r["resultType"] == "complete" and text_of(r)
        e = modern.error("tools/call", {"name": "failing_job"}, -32021, 400, capabilities)
        assert e["data"] == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            e = modern.error(method, {"taskId": id, "inputResponses": {}}, -32021, 400,
                             capabilities)
            assert e["data"] == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}


def test_the_server_alone_decides(modern):
    """TKX-03, TKX-05: no hint of the client counts"""
    r = modern.call("greet", {"name": "Ada"}, task={"ttl": 1})
    assert r["resultType"] == "complete" and text_of(r) == "Hello, Ada!"
    r = modern.call("slow_compute", {"seconds": 0}, task=7)
    assert r["resultType"] == "task"
    for method, params in (("prompts/get", {"name": "test_simple_prompt"}),
                           ("resources/read", {"uri": "test://static-text"})):
        assert modern.ok(method, params)["resultType"] == "complete"


def test_arguments_are_checked_before_a_task(modern):
    r = modern.call("slow_compute", {"seconds": "many"})
    assert r["resultType"] == "complete" and r["isError"] is True


def test_what_failed_means(modern):
    """TKX-07, TKX-08, TKL-12"""
    id = modern.start("failing_job")
    t = modern.until(id, "completed", "failed")
    assert t["status"] == "completed" and t["result"]["isError"] is True
    id = modern.start("protocol_error_job")
    t = modern.until(id, "completed", "failed")
    assert t["status"] == "failed" and "result" not in t
    assert t["error"]["code"] == -32603 and t["error"]["message"]
    assert t["statusMessage"] == t["error"]["message"]


def test_input_inside_a_task(modern):
    """TKX-07, TKX-09, TKX-10"""
    id = modern.start("multi_input")
    t = modern.until(id, "input_required")
    assert set(t["inputRequests"]) == {"name", "color"}
    for r in t["inputRequests"].values():
        assert r["method"] == "elicitation/create" and r["params"]["message"]
    modern.update(id, {})
    modern.update(id, {"nobody": YES})
    assert set(modern.get(id)["inputRequests"]) == {"name", "color"}
    modern.update(id, {"name": NAME, "nobody": YES})
    t = modern.get(id)
    assert t["status"] == "input_required" and set(t["inputRequests"]) == {"color"}
    modern.update(id, {"name": {"action": "decline"}})  # answered: ignored
    modern.update(id, {"color": COLOR})
    t = modern.until(id, "completed")
    assert "inputRequests" not in t and "answered" in text_of(t["result"])
    modern.update(id, {"color": COLOR})  # nothing is asked any more


def test_what_is_no_answer(modern):
    """TKX-09, MRTR-13, ELIC-07"""
    id = modern.start("multi_input")
    modern.until(id, "input_required")
    for bad in (None, [], "x", {"name": None}, {"name": "x"}, {"name": [YES]}):
        params = {"taskId": id, "inputResponses": bad}
        if bad is None:
            params.pop("inputResponses")
        modern.error("tasks/update", params, -32602)
    for odd in ({"action": "maybe"}, {"action": "accept", "content": {"name": 7}}, {}):
        modern.update(id, {"name": odd})
    modern.update(id, {"color": COLOR})
    assert set(modern.get(id)["inputRequests"]) == {"name"}
    modern.cancel(id)


def test_a_key_is_never_used_again(modern):
    """TKX-10"""
    id = modern.start("fx_task_ask", {"times": 4})
    seen = set()
    for _ in range(4):
        while True:
            t = modern.get(id)
            fresh = set(t.get("inputRequests", {})) - seen
            if t["status"] == "input_required" and fresh:
                break
        assert len(t["inputRequests"]) == 1
        seen |= fresh
        modern.update(id, {k: WHO for k in fresh})
    assert text_of(modern.until(id, "completed")["result"]) == "asked 4 times"
    assert len(seen) == 4


def test_a_task_is_not_asked_for_ever(modern):
    """MRTR-19"""
    id = modern.start("fx_task_ask", {"times": 1000})
    while True:
        t = modern.get(id)
        if t["status"] == "completed":
            break
        modern.update(id, {k: WHO for k in t.get("inputRequests", {})})
    assert t["result"]["isError"] is True and "too often" in text_of(t["result"])


def test_cancel(modern):
    """TKX-11, TKL-07"""
    id = modern.start("slow_compute", {"seconds": 60})
    modern.cancel(id)
    t = modern.until(id, "cancelled", "completed", "failed")
    assert t["status"] == "cancelled" and "result" not in t and "error" not in t
    modern.cancel(id)
    assert modern.get(id)["lastUpdatedAt"] == t["lastUpdatedAt"]
    id = modern.start("confirm_delete", {"filename": "f"})
    modern.until(id, "input_required")
    modern.cancel(id)
    t = modern.until(id, "cancelled")
    assert "inputRequests" not in t
    modern.update(id, {"confirm": YES})
    assert modern.get(id)["status"] == "cancelled"
    id = modern.start("slow_compute", {"seconds": 0})
    modern.until(id, "completed")
    modern.cancel(id)
    assert modern.get(id)["status"] == "completed"


def test_unknown_tasks(modern):
    """TKX-12, TKX-18"""
    for id in (NOBODY, "x", "", "é", "0" * 33):
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            modern.error(method, {"taskId": id, "inputResponses": {}}, -32602)
    modern.error("tasks/get", {"taskId": 7} if modern.client.line else {"taskId": "7"}, -32602)


def test_what_the_extension_has_not(modern):
    """TKX-14"""
    for method in ("tasks/result", "tasks/list", "tasks/nope"):
        modern.error(method, {"taskId": NOBODY}, -32601, 404)


def test_ids_are_not_to_be_guessed(modern):
    """TKX-18, TKL-06"""
    ids = [modern.start("slow_compute", {"seconds": 0}) for _ in range(20)]
    assert len(set(ids)) == 20
    assert all(len(i) == 32 and set(i) <= set("0123456789abcdef") for i in ids)
    assert len({i[:8] for i in ids}) == 20 and len({i[-8:] for i in ids}) == 20


def test_rounds_come_before_the_task(modern):
    """TKX-17"""
    r = modern.call("test_tool_with_task")
    assert r["resultType"] == "input_required" and "taskId" not in r
    params = {"inputResponses": {"user_name": NAME}}
    if "requestState" in r:
        params["requestState"] = r["requestState"]
    t = modern.call("test_tool_with_task", **params)
    assert t["resultType"] == "task"
    assert not {"requestState", "inputRequests", "result"} & set(t)
    assert text_of(modern.until(t["taskId"], "completed")["result"]) == "Hello, Ada!"
    r = modern.call("test_tool_with_task", capabilities=ALL, **params)
    assert r["resultType"] == "complete" and text_of(r) == "Hello, Ada!"


@pytest.mark.parametrize("name", ["fx_task_begin", "fx_task_begin_quick"])
def test_a_handler_says_when_and_what(modern, name):
    """TKX-02, TKX-04: tp.task/1"""
    r = modern.call(name, {}, ALL)
    assert r["resultType"] == "complete" and text_of(r) == "begin -8, status -8"
    t = modern.call(name)
    assert t["resultType"] == "task" and t["statusMessage"] == "first"
    end = modern.until(t["taskId"], "completed")
    assert text_of(end["result"]) == "begin 0, status 0"


def test_a_handler_s_status_is_told(modern):
    """TKX-07: statusMessage"""
    id = modern.start("fx_task_status")
    assert modern.until(id, "input_required")["statusMessage"] == "half done"
    modern.cancel(id)


# --- HTTP alone ---

@pytest.fixture
def http(server):
    c = w.Modern(server, TASKS)
    yield c
    c.close()


def started(http, name, arguments=None):
    r = http.tool(name, arguments or {})
    assert r["resultType"] == "task", r
    return r["taskId"]


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_the_name_header(http, method):
    """TKX-15"""
    id = started(http, "slow_compute", {"seconds": 0})
    params = {"taskId": id, "inputResponses": {}}
    for name in (None, NOBODY, id.upper(), ""):
        e = http.error(method, params, status=400, Mcp_Name=name)
        assert e["code"] == -32020
    assert http.call(method, params)["resultType"] == "complete"


def test_a_task_outlives_its_client(server, http):
    """TKX-06: also on another reactor"""
    id = started(http, "slow_compute", {"seconds": 0.3})
    http.close()
    others = [w.Modern(server, TASKS) for _ in range(8)]
    for c in others:
        assert c.call("tasks/get", {"taskId": id})["taskId"] == id
    while others[0].call("tasks/get", {"taskId": id})["status"] == "working":
        pass
    assert {c.call("tasks/get", {"taskId": id})["status"] for c in others} == {"completed"}
    for c in others:
        c.close()


def test_any_reactor_cancels_and_answers(server, http):
    """TKX-09, TKX-11: eight connections, two reactors"""
    others = [w.Modern(server, TASKS) for _ in range(8)]
    for c in others:
        id = started(http, "slow_compute", {"seconds": 600})
        c.call("tasks/cancel", {"taskId": id})
        assert http.call("tasks/get", {"taskId": id})["status"] == "cancelled"
        id = started(http, "confirm_delete", {"filename": "f"})
        while c.call("tasks/get", {"taskId": id})["status"] != "input_required":
            pass
        c.call("tasks/update", {"taskId": id, "inputResponses": {"confirm": {
            "action": "accept", "content": {"confirm": True}}}})
        while c.call("tasks/get", {"taskId": id})["status"] != "completed":
            pass
        c.close()


def test_an_acknowledgement_is_the_end_of_the_old_state(server, http):
    """TKX-09, TKX-11, TKL-08: what one connection was told is true on every other, at once"""
    others = [w.Modern(server, TASKS) for _ in range(8)]

    def seen(id):
        return [c.call("tasks/get", {"taskId": id}) for c in others]

    for c in others:
        id = started(http, "multi_input")
        while c.call("tasks/get", {"taskId": id})["status"] != "input_required":
            pass
        c.call("tasks/update", {"taskId": id, "inputResponses": {"name": NAME}})
        for t in seen(id):
            assert t["status"] == "input_required" and set(t["inputRequests"]) == {"color"}, t
        c.call("tasks/update", {"taskId": id, "inputResponses": {"color": COLOR}})
        for t in seen(id):
            assert t["status"] in ("working", "completed"), t
        id = started(http, "slow_compute", {"seconds": 600})
        c.call("tasks/cancel", {"taskId": id})
        assert {t["status"] for t in seen(id)} == {"cancelled"}
    for c in others:
        c.close()


def test_listen_streams_hear_of_tasks(http):
    """TKX-16"""
    ids = [started(http, "confirm_delete", {"filename": "f"}) for _ in range(2)]
    for id in ids:
        while http.call("tasks/get", {"taskId": id})["status"] != "input_required":
            pass
    other = started(http, "confirm_delete", {"filename": "g"})
    m = w.modern("subscriptions/listen", {"notifications": {
        "toolsListChanged": True, "taskIds": [ids[0], NOBODY, "x", ids[1]]}},
        "sub", capabilities=TASKS)
    conn = w.Http(http.server.http)
    conn.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)))
    stream = conn.response().stream
    ack = stream.message()
    assert ack["params"]["notifications"] == {"toolsListChanged": True, "taskIds": ids}
    http.call("tasks/cancel", {"taskId": other})
    http.call("tasks/update", {"taskId": ids[0], "inputResponses": {
        "confirm": {"action": "decline"}}})

    def heard(id, status):
        """What was asked for may also be told of as it was before."""
        while True:
            n = stream.message()
            assert n["method"] == "notifications/tasks"
            assert n["params"]["_meta"] == {w.SID: "sub"}
            assert n["params"]["taskId"] in ids
            if n["params"]["taskId"] == id and n["params"]["status"] == status:
                return n["params"]

    end = heard(ids[0], "completed")
    assert text_of(end["result"]) == "f was kept." and "ttlMs" in end
    http.call("tasks/cancel", {"taskId": ids[1]})
    heard(ids[1], "cancelled")
    conn.close()


def test_ids_need_the_extension(server, http):
    """TKX-16, TKX-13, SUB-15"""
    id = started(http, "slow_compute", {"seconds": 0})
    c = w.Modern(server)
    e = c.error("subscriptions/listen", {"notifications": {"taskIds": [id]}}, status=400)
    assert e["code"] == -32021
    for bad in ("x", [7], ["a"] * 65):
        e = http.error("subscriptions/listen", {"notifications": {"taskIds": bad}})
        assert e["code"] == -32602
    c.close()


# --- the tasks of 2025-11-25 ---

class Legacy:
    """A session that uses tasks."""

    def __init__(self, session):
        self.s = session
        self.id = 100

    def ask(self, method, params):
        self.id += 1
        self.s.begin(None, method=method, params=params, id=self.id)
        return self.id

    def send(self, method, params):
        id = self.ask(method, params)
        while True:  # a line stream also has notifications
            m = self.s.recv(id)
            if m.get("id") == id and "method" not in m:
                return m

    def ok(self, method, params):
        m = self.send(method, params)
        assert "result" in m, m
        return m["result"]

    def error(self, method, params, code=-32602):
        m = self.send(method, params)
        assert m["error"]["code"] == code, m
        return m["error"]

    def start(self, name, arguments=None, ttl=60000):
        r = self.ok("tools/call", {"name": name, "arguments": arguments or {},
                                   "task": {"ttl": ttl}})
        return r["task"]["taskId"]

    def until(self, id, *statuses):
        while True:
            t = self.ok("tasks/get", {"taskId": id})
            if t["status"] in statuses:
                return t


@pytest.fixture(params=WAYS)
def legacy(server, start, fixture_plugins, request):
    s = Stateful(server, start, fixture_plugins, request.param, w.R4)
    yield Legacy(s)
    s.close()


def test_tasks_of_a_session(legacy):
    """TKL-01, TKL-04, TKL-08, TKL-09, TKX-20"""
    r = legacy.ok("tools/call", {"name": "slow_compute", "task": {"ttl": 5000},
                                 "arguments": {"seconds": 0.2, "label": "x"}})
    assert set(r) == {"task"} and set(r["task"]) == NESTED, r
    t = r["task"]
    assert t["status"] == "working" and t["ttl"] == 5000 and t["pollInterval"] == 100
    related = {RELATED: {"taskId": t["taskId"]}}
    got = legacy.ok("tasks/get", {"taskId": t["taskId"], "_meta": {RELATED: {"taskId": "x"}}})
    assert set(got) == NESTED
    r = legacy.ok("tasks/result", {"taskId": t["taskId"]})
    assert text_of(r) == "x: done after 0.2 s" and r["_meta"] == related
    got = legacy.ok("tasks/get", {"taskId": t["taskId"]})
    assert got["status"] == "completed" and set(got) == NESTED
    assert legacy.ok("tasks/result", {"taskId": t["taskId"]}) == r
    assert [x["taskId"] for x in legacy.ok("tasks/list", {})["tasks"]] == [t["taskId"]]
    e = legacy.error("tasks/cancel", {"taskId": t["taskId"]})
    assert "completed" in e["message"]
    legacy.error("tasks/update", {"taskId": t["taskId"]}, -32601)


def test_support_by_tool(legacy):
    """TKL-03, AMB-11"""
    tools = {}
    cursor = {}
    while True:
        page = legacy.ok("tools/list", cursor)
        tools.update((t["name"], t) for t in page["tools"])
        if "nextCursor" not in page:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert tools["slow_compute"]["execution"] == {"taskSupport": "optional"}
    assert tools["failing_job"]["execution"] == {"taskSupport": "required"}
    assert "execution" not in tools["greet"]
    legacy.error("tools/call", {"name": "greet", "arguments": {}, "task": {}}, -32601)
    legacy.error("tools/call", {"name": "failing_job", "arguments": {}}, -32601)
    r = legacy.ok("tools/call", {"name": "slow_compute", "arguments": {"seconds": 0}})
    assert text_of(r)
    for bad in (7, "x", [], {"ttl": "x"}):
        legacy.error("tools/call", {"name": "slow_compute", "task": bad,
                                    "arguments": {"seconds": 0}})


@pytest.mark.parametrize("ttl, want", [(1000, 1000), (None, 600000), (1e18, 86400000),
                                       (0, 1), (-5, 1), (1500.7, 1500)])
def test_the_client_asks_for_a_life(legacy, ttl, want):
    """TKL-04, TKL-16"""
    task = {} if ttl is None else {"ttl": ttl}
    r = legacy.ok("tools/call", {"name": "slow_compute", "task": task,
                                 "arguments": {"seconds": 0}})
    assert r["task"]["ttl"] == want


def test_the_handler_s_choice_is_the_client_s(legacy):
    """TKL-03: by: handler is a matter of the other era"""
    r = legacy.ok("tools/call", {"name": "fx_task_begin", "task": {}, "arguments": {}})
    r = legacy.ok("tasks/result", {"taskId": r["task"]["taskId"]})
    assert text_of(r) == "begin 0, status 0"
    r = legacy.ok("tools/call", {"name": "fx_task_begin", "arguments": {}})
    assert text_of(r) == "begin -8, status -8"


def test_an_answer_at_once_beside_it(legacy):
    """TKL-05"""
    r = legacy.ok("tools/call", {"name": "fx_task_status", "task": {}, "arguments": {}})
    assert r["_meta"] == {IMMEDIATE: "It has begun."}
    assert r["task"]["statusMessage"]
    legacy.ok("tasks/cancel", {"taskId": r["task"]["taskId"]})


def test_failures_of_a_session_s_task(legacy):
    """TKL-12, TKL-09"""
    id = legacy.start("failing_job")
    r = legacy.ok("tasks/result", {"taskId": id})
    assert r["isError"] is True and r["_meta"] == {RELATED: {"taskId": id}}
    assert legacy.ok("tasks/get", {"taskId": id})["status"] == "failed"
    id = legacy.start("protocol_error_job")
    assert legacy.error("tasks/result", {"taskId": id}, -32603)["message"]
    t = legacy.ok("tasks/get", {"taskId": id})
    assert t["status"] == "failed" and t["statusMessage"]


def test_cancel_in_a_session(legacy):
    """TKL-07, TKL-08"""
    id = legacy.start("slow_compute", {"seconds": 60})
    waiting = legacy.ask("tasks/result", {"taskId": id})
    t = legacy.ok("tasks/cancel", {"taskId": id}) if legacy.s.way == "http" else None
    if t is None:  # on a line the two answers come in any order
        other = legacy.ask("tasks/cancel", {"taskId": id})
        got = {}
        while len(got) < 2:
            m = legacy.s.recv()
            if "method" not in m:
                got[m["id"]] = m
        t, end = got[other]["result"], got[waiting]
    else:
        end = legacy.s.recv(waiting)
    assert t["status"] == "cancelled" and set(t) == NESTED | {"statusMessage"}
    assert end["error"]["code"] == -32603
    legacy.error("tasks/cancel", {"taskId": id})


def test_unknown_tasks_and_cursors(legacy):
    """TKL-13"""
    for method in ("tasks/get", "tasks/result", "tasks/cancel"):
        for id in (NOBODY, "x", 7, None):
            legacy.error(method, {"taskId": id})
        legacy.error(method, {})
    for cursor in (7, "", "t", "x1", "t0", "t-1", None):
        legacy.error("tasks/list", {"cursor": cursor})


def test_questions_come_on_the_stream_of_the_result(legacy):
    """TKL-10, TKL-11, ELIC-05"""
    id = legacy.start("fx_ask", asking([FORM, LINK]))
    legacy.until(id, "input_required")
    waiting = legacy.ask("tasks/result", {"taskId": id})
    asked = []
    while len(asked) < 2:
        m = legacy.s.recv(waiting)
        if "id" in m:
            asked.append(m)
    for m in asked:
        assert m["method"] == "elicitation/create"
        assert m["params"]["_meta"] == {RELATED: {"taskId": id}}
    assert asked[0]["params"]["message"] == "Who?"
    assert asked[1]["params"]["elicitationId"]
    legacy.s.answer(asked[1], {"action": "accept"})
    legacy.s.answer(asked[0], WHO)
    while True:
        m = legacy.s.recv(waiting)
        if m.get("id") == waiting:
            break
    told = dict(b["text"].split("=", 1) for b in m["result"]["content"])
    assert json.loads(told["who"]) == WHO


def test_a_refusal_fails_the_task(legacy):
    """TKL-11, TKL-12, ELIC-14"""
    id = legacy.start("confirm_delete", {"filename": "f"})
    waiting = legacy.ask("tasks/result", {"taskId": id})
    while True:
        m = legacy.s.recv(waiting)
        if "id" in m:
            break
    legacy.s.refuse(m, -32000, "not now")
    while m.get("id") != waiting:
        m = legacy.s.recv(waiting)
    assert m["result"]["isError"] is True and "not now" in text_of(m["result"])
    assert legacy.ok("tasks/get", {"taskId": id})["status"] == "failed"


def test_progress_says_whose_it_is(legacy):
    """TKL-10"""
    r = legacy.ok("tools/call", {"name": "slow_compute", "task": {},
                                 "arguments": {"seconds": 0.5},
                                 "_meta": {"progressToken": "p"}})
    id = r["task"]["taskId"]
    waiting = legacy.ask("tasks/result", {"taskId": id})
    progress = []
    while True:
        m = legacy.s.recv(waiting)
        if m.get("id") == waiting:
            break
        if m["method"] == "notifications/progress":
            assert m["params"]["_meta"] == {RELATED: {"taskId": id}}
            progress.append(m["params"]["progress"])
    assert progress and progress == sorted(set(progress)), progress


def test_changes_are_told_on_the_session_s_stream(server):
    """TKL-14"""
    s = w.Legacy(server, w.R4, ALL)
    conn, r = s.stream()
    id = s.call("tools/call", {"name": "slow_compute", "arguments": {"seconds": 0},
                               "task": {}})["task"]["taskId"]
    while True:
        m = r.stream.message()
        assert m["method"] == "notifications/tasks/status"
        assert m["params"]["taskId"] == id and set(m["params"]) >= NESTED
        assert "_meta" not in m["params"]
        if m["params"]["status"] == "completed":
            break
    conn.close()
    s.close()


def test_each_lists_its_own(server):
    """TKL-08, TKL-15, PAGE-03"""
    a, b = w.Legacy(server, w.R4), w.Legacy(server, w.R4)
    ids = [a.call("tools/call", {"name": "slow_compute", "arguments": {"seconds": 0},
                                 "task": {}})["task"]["taskId"] for _ in range(103)]
    page = a.call("tasks/list", {})
    assert [t["taskId"] for t in page["tasks"]] == ids[:100]
    rest = a.call("tasks/list", {"cursor": page["nextCursor"]})
    assert [t["taskId"] for t in rest["tasks"]] == ids[100:] and "nextCursor" not in rest
    assert b.call("tasks/list", {}) == {"tasks": []}
    # Nobody has said who they are: the id is the key, and outlives a session.
    assert a.delete().status == 204
    assert b.call("tasks/get", {"taskId": ids[0]})["taskId"] == ids[0]
    a.close()
    b.close()


@pytest.mark.parametrize("revision", [w.R1, w.R2, w.R3])
def test_older_revisions_have_none(server, revision):
    """TKL-02, TKL-18"""
    s = w.Legacy(server, revision)
    assert "tasks" not in s.handshake["capabilities"]
    r = s.call("tools/call", {"name": "slow_compute", "arguments": {"seconds": 0},
                              "task": {"ttl": 1}})
    assert text_of(r)
    for method in ("tasks/get", "tasks/list", "tasks/result", "tasks/cancel"):
        assert s.error(method, {"taskId": NOBODY})["code"] == -32601
    tools = s.call("tools/list", {})["tools"]
    assert not any("execution" in t for t in tools)
    s.close()


def test_the_eras_do_not_meet(server, http):
    """TKX-20, TKX-21"""
    s = w.Legacy(server, w.R4, {"extensions": {EXTENSION: {}}})
    r = s.call("tools/call", {"name": "slow_compute", "arguments": {"seconds": 0}})
    assert text_of(r), "the extension means nothing here"
    old = s.call("tools/call", {"name": "slow_compute", "arguments": {"seconds": 0},
                                "task": {}})["task"]["taskId"]
    new = started(http, "slow_compute", {"seconds": 0})
    assert s.error("tasks/get", {"taskId": new})["code"] == -32602
    assert http.error("tasks/get", {"taskId": old})["code"] == -32602
    assert s.call("tasks/get", {"taskId": old})["taskId"] == old
    s.close()


def test_a_wait_can_be_cancelled(server):
    """TKL-09, CANC-01"""
    line = w.Line(server.line_unix)
    line.ask(w.request("initialize", w.init_params(w.R4)))
    line.send(w.notification("notifications/initialized"))
    id = line.legacy("tools/call", {"name": "slow_compute", "task": {},
                                    "arguments": {"seconds": 60}})["result"]["task"]["taskId"]
    line.send(w.request("tasks/result", {"taskId": id}, "wait"))
    line.send(w.notification("notifications/cancelled", {"requestId": "wait"}))
    t = line.legacy("tasks/get", {"taskId": id})["result"]
    assert t["status"] == "working", "the wait has ended, not the task"
    line.legacy("tasks/cancel", {"taskId": id})
    line.close()


# --- bounds and switches ---

def serve(start, text, **more):
    return w.Modern(start.serve(text, plugins=(w.PLUGINS,), **more), TASKS)


def test_tasks_can_be_turned_off(start):
    """EXT-01, TKL-02, TKL-18, TKX-02"""
    c = serve(start, "tasks: {enabled: false}")
    assert "extensions" not in c.call("server/discover")["capabilities"]
    assert c.tool("slow_compute", {"seconds": 0})["resultType"] == "complete"
    r = c.tool("failing_job")
    assert r["resultType"] == "complete" and r["isError"] is True
    assert c.error("tasks/get", {"taskId": NOBODY}, status=404)["code"] == -32601
    s = w.Legacy(c.server, w.R4)
    assert "tasks" not in s.handshake["capabilities"]
    assert text_of(s.call("tools/call", {"name": "slow_compute", "task": {},
                                         "arguments": {"seconds": 0}}))
    assert s.error("tasks/list", {})["code"] == -32601
    s.close()
    c.close()


def test_nothing_is_offered_without_such_a_tool(start):
    """EXT-01, TKL-01, TKX-01"""
    c = w.Modern(start.serve(plugins=(w.PLUGINS + "/hello",)), TASKS)
    assert "extensions" not in c.call("server/discover")["capabilities"]
    assert c.error("tasks/cancel", {"taskId": NOBODY}, status=404)["code"] == -32601
    c.close()


def test_the_number_is_bounded(start):
    """TKL-16, TKX-19"""
    c = serve(start, "tasks: {max: 3, per_principal: 2}")
    for _ in range(2):
        started(c, "slow_compute", {"seconds": 0})
    e = c.error("tools/call", {"name": "slow_compute", "arguments": {"seconds": 0}}, status=503)
    assert e["code"] == -32603 and "tasks.per_principal" in e["message"]
    s = w.Legacy(c.server, w.R4)  # another principal
    task = {"name": "slow_compute", "arguments": {"seconds": 0}, "task": {}}
    s.call("tools/call", task)
    e = s.error("tools/call", task, status=503)
    assert e["code"] == -32603 and "too many" in e["message"]
    s.close()
    c.close()


def test_a_result_is_bounded(start, fixture_plugins):
    """TKL-16"""
    c = w.Modern(start.serve("tasks: {result: 1KiB}", plugins=(fixture_plugins,)), TASKS)
    for length, want in ((100, "completed"), (1100, "failed")):
        id = started(c, "fx_ask", asking([dict(FORM, key="k")]))
        while c.call("tasks/get", {"taskId": id})["status"] != "input_required":
            pass
        c.call("tasks/update", {"taskId": id, "inputResponses": {"k": {
            "action": "accept", "content": {"name": "x" * length}}}})
        while True:
            t = c.call("tasks/get", {"taskId": id})
            if t["status"] in ("completed", "failed"):
                break
        assert t["status"] == want
    assert "tasks.result" in t["error"]["message"] and "result" not in t
    c.close()


def test_its_time_is_over(start):
    """TKL-16, TKX-12, TKX-19: the work stops, who waits is told"""
    c = serve(start, "tasks: {ttl_max: 1s}")
    s = w.Legacy(c.server, w.R4)
    t = s.call("tools/call", {"name": "slow_compute", "arguments": {"seconds": 600},
                              "task": {"ttl": 100}})["task"]
    assert s.error("tasks/result", {"taskId": t["taskId"]})["code"] == -32602
    assert s.error("tasks/get", {"taskId": t["taskId"]})["code"] == -32602
    assert s.call("tasks/list", {})["tasks"] == []
    r = c.tool("slow_compute", {"seconds": 600})
    assert r["ttlMs"] == 1000
    while True:
        m = w.check_message(c.post("tasks/get", {"taskId": r["taskId"]}).json)
        if "error" in m:
            break
    assert m["error"]["code"] == -32602
    s.close()
    c.close()


def test_a_drain_waits_for_tasks(start):
    """reliability: what runs may end, what waits for a person may not"""
    c = serve(start, "drain: 1s\nreactors: 2")
    started(c, "slow_compute", {"seconds": 600})
    started(c, "confirm_delete", {"filename": "f"})
    s = w.Legacy(c.server, w.R4, ALL)
    id = s.call("tools/call", {"name": "multi_input", "arguments": {},
                               "task": {}})["task"]["taskId"]
    s.send("tasks/result", {"taskId": id})
    c.close()
    c.server.stop(allow_errors=True)
    s.close()


def test_a_stop_of_the_process_waits_for_what_is_awaited(start, fixture_plugins):
    """TKL-09: on a line, the result comes, or that there will be none"""
    p = start.stdio(plugins=(w.PLUGINS, fixture_plugins))
    line = w.Line(p)
    line.ask(w.request("initialize", w.init_params(w.R4, {})))
    line.send(w.notification("notifications/initialized"))

    def begin(seconds):
        t = line.ask(w.request("tools/call", {
            "name": "slow_compute", "arguments": {"seconds": seconds}, "task": {}}))
        return t["result"]["task"]["taskId"]

    begin(600)  # nobody waits for it: its work stops
    line.send(w.request("tasks/result", {"taskId": begin(0.2)}, 77))
    line.ask(w.request("ping", {}, 78))
    p.kill(signal.SIGTERM)
    while True:
        m = json.loads(line.line())
        if m.get("id") == 77:
            break
    assert text_of(m["result"]) == "work: done after 0.2 s"
    p.wait()
