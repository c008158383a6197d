# SPDX-License-Identifier: Apache-2.0
"""Input rounds: handlers that ask the client in the middle, in both eras and
on every way in."""

import json
import os

import pytest

import mcp_wire as w
from mcp_rounds import (  # noqa: F401: fixtures too
    ALL, FORM, GIST, LINK, MODEL, ROOTS, WAYS, WHERE, WHO, Stateless, asking,
    form, is_asking, session_of, stateful, stateless, texts)

# --- the stateless era ---

def test_a_question_is_a_result(stateless):
    """MRTR-01, MRTR-03, MRTR-04, MRTR-15, MRTR-16"""
    r = stateless.tool(asking([FORM, MODEL, ROOTS, LINK]))
    # ELIC-07: a form's answer is judged by what was asked.
    assert is_asking(r, "who", "gist", "where", "link")
    assert is_asking(stateless.tool(asking([MODEL, ROOTS, LINK])),
                     "gist", "where", "link") is None
    for q in (FORM, MODEL, ROOTS, LINK):
        want = {k: v for k, v in q.items() if k != "key"}
        assert r["inputRequests"][q["key"]] == want
    # MRTR-17: without a state too
    r = stateless.tool(asking([FORM, MODEL, ROOTS]), inputResponses={
        "who": WHO, "gist": GIST, "where": WHERE})
    assert r["resultType"] == "complete"
    assert texts(r) == ({"who": WHO, "gist": GIST, "where": WHERE}, "")


def test_prompts_and_resources_ask_too(stateless):
    """MRTR-02"""
    p = {"name": "fx_asked"}
    r = stateless.send("prompts/get", p)[1]["result"]
    is_asking(r, "gist")
    assert r["inputRequests"]["gist"]["params"] == MODEL["params"] | {"maxTokens": 1}
    r = stateless.send("prompts/get", dict(p, inputResponses={"gist": GIST}))[1]["result"]
    assert json.loads(r["messages"][0]["content"]["text"]) == GIST
    p = {"uri": "fx://asked/7"}
    r = stateless.send("resources/read", p)[1]["result"]
    is_asking(r, "where")
    assert r["inputRequests"]["where"] == {"method": "roots/list"}
    r = stateless.send("resources/read", dict(p, inputResponses={"where": WHERE}))[1]["result"]
    assert json.loads(r["contents"][0]["text"]) == WHERE and "ttlMs" in r


@pytest.mark.parametrize("name", ["fx_ask", "fx_ask_quick"])
@pytest.mark.parametrize("keep", [False, True])
def test_earlier_answers_come_back_with_the_state(stateless, name, keep):
    """MRTR-07, MRTR-15"""
    args = asking([form("a")], [form("b")], [form("c")], keep=keep)
    state, seen = None, set()
    for key in "abc":
        params = {"requestState": state} if state is not None else {}
        if key != "a":
            params["inputResponses"] = {chr(ord(key) - 1): WHO}
        state = is_asking(stateless.tool(args, name, **params), key)
        assert state is not None and state not in seen
        seen.add(state)
    r = stateless.tool(args, name, requestState=state, inputResponses={"c": WHO})
    assert texts(r) == ({"a": WHO, "b": WHO, "c": WHO}, "012" if keep else "")


def test_the_later_answer_wins(stateless):
    """MRTR-07"""
    args = asking([form("a")], [form("b")])
    no = {"action": "decline"}
    state = is_asking(stateless.tool(args, inputResponses={"a": no}), "b")
    r = stateless.tool(args, requestState=state, inputResponses={"a": WHO, "b": no})
    assert texts(r)[0] == {"a": WHO, "b": no}


def test_what_is_missing_is_asked_for_again(stateless):
    """MRTR-11, MRTR-12, MRTR-13, MRTR-17"""
    args = asking([FORM, MODEL])
    state = is_asking(stateless.tool(args, inputResponses={"gist": GIST, "x": WHO}), "who")
    r = stateless.tool(args, requestState=state)
    state = is_asking(r, "who")
    r = stateless.tool(args, requestState=state, inputResponses={"other": {}})
    state = is_asking(r, "who")
    assert texts(stateless.tool(args, requestState=state, inputResponses={
        "who": WHO}))[0] == {"who": WHO, "gist": GIST}
    for nonsense in (12345, "Ada", None, [WHO], True):
        r = stateless.tool(args, inputResponses={"gist": GIST, "who": nonsense})
        state = is_asking(r, "who")
        r = stateless.tool(args, requestState=state, inputResponses={"who": WHO})
        assert texts(r)[0] == {"who": WHO, "gist": GIST}
    for broken in (None, [], [WHO], "x", 7, True):
        stateless.refusal(args, inputResponses=broken)


def test_a_state_that_was_touched_is_refused(stateless):
    """MRTR-08"""
    args = asking([FORM], keep=True)
    state = is_asking(stateless.tool(args), "who")
    for at in range(0, len(state), 7):
        other = "A" if state[at] != "A" else "B"
        said = stateless.refusal(args, inputResponses={"who": WHO},
                                 requestState=state[:at] + other + state[at + 1:])
        assert "requestState" in said
    for bad in (state + "-TAMPERED", state[:-1], state[1:], state + state, "",
                " " + state, state + "=", "v1.x", None, 7, {}, [state]):
        stateless.refusal(args, inputResponses={"who": WHO}, requestState=bad)
    assert texts(stateless.tool(args, inputResponses={"who": WHO},
                                requestState=state))[1] == "0"


def test_a_state_belongs_to_its_request(stateless):
    """MRTR-09"""
    args = asking([FORM], keep=True)
    state = is_asking(stateless.tool(args), "who")
    more = {"inputResponses": {"who": WHO}, "requestState": state}
    stateless.refusal(dict(args, extra=1), **more)
    stateless.refusal(asking([FORM]), **more)
    stateless.refusal(args, "fx_ask_quick", **more)
    stateless.refusal({}, "fx_later", **more)
    for method, params in (("prompts/get", {"name": "fx_asked"}),
                           ("resources/read", {"uri": "fx://asked/1"})):
        m = stateless.send(method, dict(params, **more))[1]
        assert m["error"]["code"] == -32602, m
    # The same arguments in another order are the same.
    again = json.loads(json.dumps(args, sort_keys=True))
    again = dict(reversed(list(again.items())))
    assert texts(stateless.tool(again, **more))[1] == "0"


def test_a_resource_state_belongs_to_its_uri(stateless):
    """MRTR-09"""
    answers = {"inputResponses": {"x": WHO}}
    r = stateless.send("resources/read", dict(answers, uri="fx://asked/1"))[1]["result"]
    state = is_asking(r, "where")
    more = {"inputResponses": {"where": WHERE}, "requestState": state}
    m = stateless.send("resources/read", dict(more, uri="fx://asked/2"))[1]
    assert m["error"]["code"] == -32602
    assert "result" in stateless.send("resources/read", dict(more, uri="fx://asked/1"))[1]


def test_a_state_alone_says_come_again(stateless):
    """MRTR-03"""
    state = is_asking(stateless.tool({}, "fx_later"))
    state = is_asking(stateless.tool({}, "fx_later", requestState=state))
    r = stateless.tool({}, "fx_later", requestState=state)
    assert r["content"][0]["text"] == "ready"


def test_rounds_have_a_bound(stateless):
    """MRTR-19"""
    args = asking(*[[form("k%d" % i)] for i in range(20)])
    params = {}
    for i in range(16):
        key = "k%d" % i
        state = is_asking(stateless.tool(args, **params), key)
        params = {"requestState": state, "inputResponses": {key: WHO}}
    assert "16 times" in stateless.refusal(args, **params)


def test_answers_have_a_bound(stateless):
    """MRTR-19"""
    big = {"action": "accept", "content": {"name": "x" * 600000}}
    args = asking([form("a")], [form("b")], [form("c")])
    state = is_asking(stateless.tool(args, inputResponses={"a": big}), "b")
    assert "1048576" in stateless.refusal(
        args, inputResponses={"b": big}, requestState=state)
    assert "1048576" in stateless.refusal(args, inputResponses={"a": big, "b": big})


CANNOT = [
    ([FORM], {}, {"elicitation": {}}),
    ([FORM], {"elicitation": {"url": {}}}, {"elicitation": {}}),
    ([LINK], {"elicitation": {}}, {"elicitation": {"url": {}}}),
    ([FORM, LINK], {}, {"elicitation": {"form": {}, "url": {}}}),
    ([MODEL], {"roots": {}}, {"sampling": {}}),
    ([dict(MODEL, params=dict(MODEL["params"], tools=[]))], {"sampling": {}},
     {"sampling": {"tools": {}}}),
    ([dict(MODEL, params=dict(MODEL["params"], toolChoice={}, includeContext="thisServer"))],
     {}, {"sampling": {"tools": {}, "context": {}}}),
    ([ROOTS], {"sampling": {}}, {"roots": {}}),
    ([ROOTS, MODEL, FORM], {}, {"roots": {}, "sampling": {}, "elicitation": {}}),
]


@pytest.mark.parametrize("questions, has, lacks", CANNOT)
def test_what_the_client_lacks_is_named(stateless, questions, has, lacks):
    """MRTR-05, MRTR-06, ERR-06, ELIC-01, SAMP-01, ROOT-01"""
    status, m = stateless.send(
        "tools/call", {"name": "fx_ask", "arguments": asking(questions)}, has)
    assert status in (None, 400)
    assert m["error"]["code"] == -32021, m
    assert m["error"]["data"] == {"requiredCapabilities": lacks}


def test_no_context_needs_no_capability(stateless):
    """MRTR-05"""
    q = dict(MODEL, params=dict(MODEL["params"], includeContext="none"))
    is_asking(stateless.tool(asking([q]), capabilities={"sampling": {}}), "gist")
    is_asking(stateless.tool(asking([FORM]), capabilities={"elicitation": {}}), "who")


def test_a_state_of_another_server_is_refused(start, server, fixture_plugins):
    """MRTR-08"""
    a = Stateless(server, start, fixture_plugins, "http")
    b = Stateless(server, start, fixture_plugins, "stdio")
    args = asking([FORM], keep=True)
    state = is_asking(a.tool(args), "who")
    b.refusal(args, inputResponses={"who": WHO}, requestState=state)
    a.close()
    b.close()


def test_keys_in_a_file_are_shared_and_rotated(start, fixture_plugins):
    """MRTR-08: nodes and restarts with one file; SIGHUP reads it again"""
    path = start.path("keys")

    def put(*keys):
        with open(path, "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write("# ours\n" + "".join(k * 32 + "\n" for k in keys))

    put("0a")
    text = "server: {state_keys: %s}" % path
    servers = [start.serve(text, plugins=(fixture_plugins,)) for _ in range(2)]
    a, b = (Stateless(s, start, fixture_plugins, "http") for s in servers)
    args = asking([FORM], keep=True)
    old = is_asking(a.tool(args), "who")
    good = {"inputResponses": {"who": WHO}}
    assert texts(b.tool(args, requestState=old, **good)) == ({"who": WHO}, "0")

    def again(*keys):
        put(*keys)
        for s in servers:
            at = len(s.lines)
            s.kill(w.signal.SIGHUP)
            s.wait_log("state keys read", at, keys=len(keys))

    again("0b", "0a")
    assert texts(b.tool(args, requestState=old, **good))[1] == "0"
    new = is_asking(a.tool(args), "who")
    again("0b")
    b.refusal(args, requestState=old, **good)
    assert texts(b.tool(args, requestState=new, **good))[1] == "0"
    with open(path, "w") as f:
        f.write("nothing")
    at = len(servers[1].lines)
    servers[1].kill(w.signal.SIGHUP)
    said = servers[1].wait_log("state keys stay as they were", at)
    assert "line 1" in said["why"]
    assert texts(b.tool(args, requestState=new, **good))[1] == "0"
    a.close()
    b.close()


def test_a_state_expires(start, fixture_plugins):
    """MRTR-09"""
    server = start.serve("limits: {state_life: 100ms}", plugins=(fixture_plugins,))
    c = Stateless(server, start, fixture_plugins, "http")
    state = is_asking(c.tool({}, "fx_later"))
    while True:
        m = c.send("tools/call", {"name": "fx_later", "requestState": state})[1]
        if "error" in m:
            break
    assert m["error"]["code"] == -32602 and "expired" in m["error"]["message"]
    c.close()


def test_the_state_holds_no_plain_bytes(stateless):
    """MRTR-08"""
    state = is_asking(stateless.tool(asking([form("a")], [form("b")]),
                                     inputResponses={"a": WHO}), "b")
    assert state.isascii() and '"' not in state
    raw = w.base64.urlsafe_b64decode(state + "=" * (-len(state) % 4))
    assert b"Ada" not in raw and b"accept" not in raw


# --- the stateful era ---

@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("revision, questions", [
    (w.R1, [MODEL, ROOTS]), (w.R2, [MODEL, ROOTS]),
    (w.R3, [MODEL, ROOTS, FORM]), (w.R4, [MODEL, ROOTS, FORM])])
def test_a_question_is_a_request(session_of, way, revision, questions):
    """MRTR-18, ELIC-02, ELIC-15, SAMP-02, ROOT-02"""
    s = session_of(way, revision)
    s.begin(asking(questions))
    asked = s.asked(len(questions))
    assert len({m["id"] for m in asked}) == len(questions)
    for q, m in zip(questions, asked):
        assert m["method"] == q["method"]
        assert m.get("params") == q.get("params")
    answers = {"who": WHO, "gist": GIST, "where": WHERE}
    for q, m in reversed(list(zip(questions, asked))):
        s.answer(m, answers[q["key"]])
    told, state = texts(s.result())
    assert told == {q["key"]: answers[q["key"]] for q in questions} and state == ""


@pytest.mark.parametrize("name", ["fx_ask", "fx_ask_quick"])
def test_the_handler_runs_until_nothing_is_missing(stateful, name):
    """MRTR-18"""
    stateful.begin(asking([form("a")], [MODEL, ROOTS], [form("b")], keep=True), name)
    ids = []
    for batch in ([WHO], [GIST, WHERE], [{"action": "cancel"}]):
        asked = stateful.asked(len(batch))
        ids += [m["id"] for m in asked]
        for m, a in zip(asked, batch):
            stateful.answer(m, a)
    told, state = texts(stateful.result())
    assert told == {"a": WHO, "gist": GIST, "where": WHERE, "b": {"action": "cancel"}}
    assert state == "012" and len(set(ids)) == 4


def test_prompts_and_resources_ask_in_sessions(stateful):
    """MRTR-18"""
    stateful.begin(None, method="prompts/get", params={"name": "fx_asked"})
    [m] = stateful.asked()
    stateful.answer(m, GIST)
    r = stateful.result()
    assert json.loads(r["messages"][0]["content"]["text"]) == GIST
    stateful.begin(None, method="resources/read", params={"uri": "fx://asked/9"}, id=8)
    [m] = stateful.asked(id=8)
    assert m["method"] == "roots/list" and "params" not in m
    stateful.answer(m, WHERE)
    r = stateful.result(id=8)
    assert r["contents"][0]["uri"] == "fx://asked/9"
    assert json.loads(r["contents"][0]["text"]) == WHERE


def test_a_refusal_fails_the_call(stateful):
    """SAMP-08, ELIC-06, ELIC-14"""
    for code in (-1, -32601, -32602, -32603):
        stateful.begin(asking([MODEL, FORM, ROOTS]))
        asked = stateful.asked(3)
        stateful.answer(asked[2], WHERE)
        stateful.refuse(asked[0], code, "User rejected sampling request")
        # CANC-02: the other question is not waited for any more
        m = stateful.recv()
        assert m["method"] == "notifications/cancelled" and "id" not in m
        assert m["params"]["requestId"] == asked[1]["id"]
        said = stateful.failure()
        assert "User rejected sampling request" in said and MODEL["method"] in said
        stateful.answer(asked[1], WHO)  # late: ignored
    stateful.begin(None, method="prompts/get", params={"name": "fx_asked"}, id=9)
    [m] = stateful.asked(id=9)
    stateful.refuse(m, -1)
    m = w.check_message(stateful.recv(9))
    assert m["error"]["code"] == -32603


def test_a_client_without_roots_has_none(stateful):
    """ROOT-04, ROOT-05"""
    stateful.begin(asking([ROOTS]))
    [m] = stateful.asked()
    stateful.refuse(m, -32601, "Method not found")
    assert texts(stateful.result())[0] == {"where": {"roots": []}}


def test_a_result_that_is_none_fails_the_call(stateful):
    """ELIC-06"""
    for bad in (None, 7, "x", [WHO]):
        stateful.begin(asking([FORM]))
        [m] = stateful.asked()
        stateful.answer(m, bad)
        assert "malformed" in stateful.failure()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("revision, question, capabilities", [
    (w.R1, FORM, ALL), (w.R2, FORM, ALL), (w.R3, LINK, ALL),
    (w.R4, FORM, {}), (w.R4, LINK, {"elicitation": {}}),
    (w.R1, MODEL, {}), (w.R4, MODEL, {"elicitation": {}}), (w.R4, ROOTS, {}),
    (w.R3, dict(MODEL, params=dict(MODEL["params"], tools=[])), ALL),
    (w.R4, dict(MODEL, params=dict(MODEL["params"], tools=[])), {"sampling": {}})])
def test_who_cannot_be_asked_is_not(session_of, way, revision, question, capabilities):
    """MRTR-05, ELIC-01, SAMP-01, ROOT-01"""
    s = session_of(way, revision, capabilities)
    s.begin(asking([question]))
    assert "not declared" in s.failure()


def test_url_mode_has_an_id_where_it_must(session_of):
    """ELIC-05"""
    s = session_of("http", w.R4)
    s.begin(asking([LINK]))
    [m] = s.asked()
    assert m["params"].pop("elicitationId") and m["params"] == LINK["params"]
    s.answer(m, {"action": "accept"})
    assert texts(s.result())[0] == {"link": {"action": "accept"}}


def test_no_answer_in_time_fails_the_call(start, session_of, fixture_plugins):
    """ELIC-06, CANC-02"""
    server = start.serve(
        "limits: {input_wait: 100ms}", plugins=(fixture_plugins,),
        listen=("127.0.0.1:0", "line+unix:" + start.path("l.sock")))
    for way in ("http", "line"):
        s = session_of(way, server=server)
        s.begin(asking([FORM, MODEL]))
        ids = {m["id"] for m in s.asked(2)}
        for _ in range(2):
            m = s.recv()
            assert m["method"] == "notifications/cancelled", m
            ids.remove(m["params"]["requestId"])
            assert "in time" in m["params"]["reason"]
        assert "in time" in s.failure()


def test_answers_that_nobody_waits_for_are_ignored(stateful):
    """POSTL-03"""
    for id in ("srv-0-999999", "srv-1-1", "srv-99-1", "srv-4294967296-1", "srv-", "srv--",
               "srv-0-", "srv-0-18446744073709551616", "x", 1, 0, "7", 7):
        stateful.answer({"id": id}, WHO)
    stateful.begin(asking([FORM], [MODEL]))
    [m] = stateful.asked()
    stateful.answer({"id": m["id"] + "0"}, WHO)
    stateful.answer({"id": " " + m["id"]}, WHO)
    stateful.answer(m, WHO)
    stateful.answer(m, {"action": "decline"})  # twice: the first counts
    [n] = stateful.asked()
    stateful.answer(m, WHO)
    stateful.answer(n, GIST)
    assert texts(stateful.result())[0] == {"who": WHO, "gist": GIST}


def test_nobody_answers_for_another_session(session_of):
    """ELIC-16, SEC-02"""
    for ways in (("http", "http"), ("http", "line"), ("line", "http")):
        a, b = session_of(ways[0]), session_of(ways[1])
        a.begin(asking([FORM]))
        [m] = a.asked()
        b.answer(m, {"action": "decline"})
        b.begin(asking([FORM]), id=8)
        [n] = b.asked(id=8)
        b.answer(n, WHO)
        assert texts(b.result(8))[0] == {"who": WHO}
        a.answer(m, WHO)
        assert texts(a.result())[0] == {"who": WHO}


def test_equal_ids_do_not_cross(session_of):
    """MSG-08: many sessions, the same id, answers on any reactor"""
    sessions = [session_of("http") for _ in range(12)]
    for turn in range(4):
        for s in sessions:
            s.begin(asking([FORM], [form("b")]))
        for key in ("who", "b"):
            asked = [s.asked()[0] for s in sessions]
            for i, (s, m) in enumerate(zip(sessions, asked)):
                s.answer(m, {"action": "accept", "content": {"name": "%d-%d" % (turn, i)}})
        for i, s in enumerate(sessions):
            told = texts(s.result())[0]
            assert {v["content"]["name"] for v in told.values()} == {"%d-%d" % (turn, i)}


def test_cancelling_ends_the_wait(stateful):
    """CANC-01"""
    stateful.begin(asking([FORM]))
    [m] = stateful.asked()
    stateful.tell(w.notification("notifications/cancelled", {"requestId": 7}))
    if stateful.way == "http":
        assert stateful.recv() is None
    stateful.answer(m, WHO)
    stateful.begin(asking([ROOTS]), id=8)
    [m] = stateful.asked(id=8)
    stateful.answer(m, WHERE)
    assert texts(stateful.result(8))[0] == {"where": WHERE}


def test_the_end_of_a_session_ends_the_wait(session_of):
    """SES-08"""
    s = session_of("http")
    s.begin(asking([FORM]))
    s.asked()
    assert s.session.delete().status == 204
    assert s.recv() is None


def test_a_closed_stream_ends_the_wait(session_of):
    """MRTR-14"""
    s = session_of("http")
    for i in range(20):
        s.begin(asking([FORM]), id=i)
        [m] = s.asked(id=i)
        s.calls[i][0].close()
        s.answer(m, WHO)
    s.begin(asking([FORM]), id=99)
    [m] = s.asked(id=99)
    s.answer(m, WHO)
    assert texts(s.result(99))[0] == {"who": WHO}


def test_the_end_of_input_ends_the_wait(session_of):
    """STD-06"""
    s = session_of("stdio")
    s.begin(asking([FORM]))
    s.begin(asking([MODEL, ROOTS]), id=8)
    s.asked(3)
    s.line.close()
    left = {7, 8}
    while left:
        m = s.recv()
        if m.get("method") == "notifications/cancelled":
            continue
        assert m["result"]["isError"] is True
        left.remove(m["id"])
    assert s.line.line() is None


def test_a_call_behind_the_end_of_input_does_not_ask(session_of, gate):
    """STD-06"""
    s = session_of("stdio")
    for id in range(5):
        s.begin(asking([FORM]), id=id)
    s.line.close()
    got = set()
    while len(got) < 5:
        m = s.recv()
        if "method" not in m:
            assert m["result"]["isError"] is True
            got.add(m["id"])
    assert s.line.line() is None


def test_rounds_of_a_session_have_a_bound(stateful):
    """MRTR-19"""
    stateful.begin(asking(*[[form("k%d" % i)] for i in range(20)]))
    for _ in range(16):
        [m] = stateful.asked()
        stateful.answer(m, WHO)
    assert "too often" in stateful.failure()


def test_a_state_alone_cannot_be_said_in_a_session(stateful):
    """MRTR-03"""
    stateful.begin({}, "fx_later")
    assert "later" in stateful.failure()


def test_a_member_of_a_batch_asks(session_of):
    """BAT-01"""
    for way in ("http", "line"):
        s = session_of(way, w.R2)
        batch = [w.request("tools/call", {"name": "fx_ask", "arguments": asking([q])}, i)
                 for i, q in enumerate((MODEL, ROOTS))]
        if way == "http":
            conn = w.Http(s.server.http)
            conn.send(w.http_request("POST", "/mcp", s.session.fields(), w.dumps(batch)))
            s.calls[7] = [conn, None]
        else:
            s.line.send(batch)
        asked = s.asked(2)
        by = {m["method"]: m["id"] for m in asked}
        s.tell([{"jsonrpc": "2.0", "id": by[MODEL["method"]], "result": GIST},
                {"jsonrpc": "2.0", "id": by["roots/list"], "result": WHERE}])
        answers = {m["id"]: texts(m["result"])[0] for m in s.recv()}
        assert answers == {0: {"gist": GIST}, 1: {"where": WHERE}}


def test_a_stop_does_not_wait_for_people(start, session_of, fixture_plugins):
    """reliability: drain"""
    server = start.serve("drain: 200ms", plugins=(fixture_plugins,))
    s = session_of("http", server=server)
    s.begin(asking([FORM]))
    s.asked()
    server.kill(w.signal.SIGTERM)
    while True:
        m = s.recv()
        if "method" not in m:
            break
    assert m["result"]["isError"] is True
    assert server.wait() == 0
