# SPDX-License-Identifier: Apache-2.0
"""What is asked is legal before it is sent, each revision gets what it knows,
and what comes back fits or does not count: both eras, every way in."""

import json
import os

import pytest

import mcp_wire as w
from mcp_rounds import (  # noqa: F401: fixtures too
    ALL, FORM, GIST, LINK, MODEL, ROOTS, WAYS, WHERE, WHO, asking, is_asking,
    session_of, stateful, stateless, texts)


def fields(required=None, **properties):
    schema = {"type": "object", "properties": properties}
    if required is not None:
        schema["required"] = required
    return {"key": "who", "method": "elicitation/create",
            "params": {"message": "Who?", "requestedSchema": schema}}


def accept(**content):
    return {"action": "accept", "content": content}


STRICT = fields(
    ["name", "age"], name={"type": "string", "minLength": 2, "maxLength": 5},
    age={"type": "integer", "minimum": 0, "maximum": 150},
    mail={"type": "string", "format": "email"}, ok={"type": "boolean"},
    tone={"type": "string", "oneOf": [{"const": "a", "title": "A"},
                                      {"const": "b", "title": "B"}]},
    size={"type": "string", "enum": ["s", "m"], "enumNames": ["S", "M"]},
    many={"type": "array", "items": {"type": "string", "enum": ["x", "y"]}, "maxItems": 1})
GOOD = accept(name="Ada", age=36, mail="a@e.test", ok=True, tone="b", size="m", many=["y"])
UNFIT = [
    accept(), {"action": "accept"}, accept(name="Ada"), accept(name="Ada", age="36"),
    accept(name="Ada", age=36.5), accept(name="Ada", age=151), accept(name="A", age=1),
    accept(name="Adelaide", age=1), accept(name="Ada", age=1, mail="x"),
    accept(name="Ada", age=1, ok="true"), accept(name="Ada", age=1, tone="A"),
    accept(name="Ada", age=1, size="l"), accept(name="Ada", age=1, many="x"),
    accept(name="Ada", age=1, many=["x", "y"]), accept(name="Ada", age=1, many=["z"]),
]


def test_an_answer_that_does_not_fit_is_asked_for_again(stateless):
    """ELIC-07, MRTR-11, MRTR-13"""
    args = asking([STRICT, MODEL])
    state = is_asking(stateless.tool(args), "who", "gist")
    answers = {"gist": GIST}
    for bad in UNFIT[:8]:
        r = stateless.tool(args, requestState=state,
                           inputResponses=dict(answers, who=bad))
        state = is_asking(r, "who")  # the other one is remembered
        answers = {}
    r = stateless.tool(args, requestState=state, inputResponses={"who": GOOD})
    assert texts(r)[0] == {"who": GOOD, "gist": GIST}
    first = is_asking(stateless.tool(args), "who", "gist")
    for bad in UNFIT[8:]:
        r = stateless.tool(args, requestState=first, inputResponses={"who": bad})
        is_asking(r, "who", "gist")


def test_a_session_is_asked_again(stateful):
    """ELIC-07"""
    stateful.begin(asking([STRICT, MODEL]))
    who, gist = stateful.asked(2)
    stateful.answer(gist, GIST)
    for bad in UNFIT:
        stateful.answer(who, bad)
        [again] = stateful.asked()
        assert again["params"] == who["params"] and again["id"] != who["id"]
        who = again
    stateful.answer(who, GOOD)
    assert texts(stateful.result())[0] == {"who": GOOD, "gist": GIST}


def test_asking_again_has_an_end(stateful, stateless):
    """ELIC-07, MRTR-19: and it says what was wrong"""
    args = asking([STRICT])
    stateful.begin(args)
    for _ in range(16):
        [who] = stateful.asked()
        stateful.answer(who, accept(name="Ada", age=-1))
    said = stateful.failure()
    assert "too often" in said and "who: " in said and "/age" in said
    params = {}
    for _ in range(16):
        state = is_asking(stateless.tool(args, **params), "who")
        params = {"requestState": state,
                  "inputResponses": {"who": accept(name="Ada", age=-1)}}
    said = stateless.refusal(args, **params)
    assert "16 times" in said and "/age" in said


@pytest.mark.parametrize("answer", [
    GOOD, {"action": "decline"}, {"action": "cancel"},
    {"action": "decline", "content": {"age": "no"}}])
def test_each_outcome_reaches_the_handler(stateless, stateful, answer):
    """ELIC-06: what was declined need not fit"""
    args = asking([STRICT])
    state = is_asking(stateless.tool(args), "who")
    r = stateless.tool(args, requestState=state, inputResponses={"who": answer})
    assert texts(r)[0] == {"who": answer}
    stateful.begin(args)
    [m] = stateful.asked()
    stateful.answer(m, answer)
    assert texts(stateful.result())[0] == {"who": answer}


MALFORMED = [
    (FORM, {}), (FORM, {"action": "maybe"}), (FORM, {"action": 7}),
    (FORM, {"action": "accept", "content": []}),
    (FORM, {"action": "accept", "content": {"name": {"a": 1}}}),
    (FORM, {"action": "accept", "content": {"name": None}}),
    (FORM, {"action": "accept", "content": {"name": [1]}}),
    (LINK, {"action": "go"}), (FORM, GIST), (FORM, WHERE),
    (MODEL, {}), (MODEL, WHO), (MODEL, dict(GIST, role="system")),
    (MODEL, {k: v for k, v in GIST.items() if k != "model"}),
    (MODEL, dict(GIST, model=7)), (MODEL, dict(GIST, stopReason=7)),
    (MODEL, dict(GIST, content="x")), (MODEL, dict(GIST, content={"type": "text"})),
    (MODEL, dict(GIST, content={"type": "video", "data": ""})),
    (MODEL, dict(GIST, content={"type": "image", "data": "AA=="})),
    (MODEL, dict(GIST, content=[GIST["content"], 7])),
    (MODEL, dict(GIST, content={"type": "tool_use", "id": "1", "name": "n"})),
    (ROOTS, {}), (ROOTS, WHO), (ROOTS, {"roots": {}}), (ROOTS, {"roots": [{}]}),
    (ROOTS, {"roots": ["file:///a"]}), (ROOTS, {"roots": [{"uri": "http://e.test/"}]}),
    (ROOTS, {"roots": [{"uri": "file:///a", "name": 7}]}),
]


def test_what_is_no_answer_does_not_count(stateless):
    """MRTR-13, SAMP-06, ROOT-02"""
    for question, bad in MALFORMED:
        key = question["key"]
        args = asking([question, dict(FORM, key="too")])
        state = is_asking(stateless.tool(args), key, "too")
        r = stateless.tool(args, requestState=state,
                           inputResponses={key: bad, "too": WHO})
        is_asking(r, key)


def test_what_no_method_answers_does_not_count_without_a_state_either(stateless):
    """MRTR-13, MRTR-17"""
    for bad in ({}, {"action": "maybe"}, {"roots": [{}]}, dict(GIST, role=1)):
        is_asking(stateless.tool(asking([FORM]), inputResponses={"who": bad}), "who")


def test_a_client_that_does_not_know_what_an_answer_is(stateful):
    """MRTR-13, SAMP-06, ROOT-02: it would not know it the next time either"""
    for question, bad in MALFORMED:
        stateful.begin(asking([question, dict(MODEL, key="too")]))
        m, other = stateful.asked(2)
        stateful.answer(m, bad)
        gone = stateful.recv()
        assert gone["method"] == "notifications/cancelled"
        assert gone["params"]["requestId"] == other["id"]
        said = stateful.failure()
        assert question["method"] in said and "malformed" in said


TEXT = GIST["content"]
WAV = {"type": "audio", "data": "AA==", "mimeType": "audio/wav"}
USE = {"type": "tool_use", "id": "1", "name": "n", "input": {}}


@pytest.mark.parametrize("revision, content, good", [
    (w.R1, TEXT, True), (w.R1, WAV, False), (w.R2, WAV, True), (w.R3, [TEXT], False),
    (w.R3, USE, False), (w.R4, [TEXT, WAV], True), (w.R4, [USE, USE], True)])
def test_blocks_of_a_model_by_revision(session_of, revision, content, good):
    """SAMP-03"""
    s = session_of("line", revision)
    s.begin(asking([MODEL]))
    [m] = s.asked()
    answer = dict(GIST, content=content, stopReason="whatever")
    s.answer(m, answer)
    if good:
        assert texts(s.result())[0] == {"gist": answer}
    else:
        assert "malformed" in s.failure()


# --- what each revision is asked ---

OLD = fields(
    ["tone"], name={"type": "string", "default": "x", "title": "N"},
    age={"type": "integer", "minimum": 1, "default": 3},
    ok={"type": "boolean", "default": True},
    tone={"type": "string", "title": "T", "default": "a", "oneOf": [
        {"const": "a", "title": "Aä"}, {"const": "b", "title": "B"}]},
    size={"type": "string", "enum": ["s", "m"], "enumNames": ["S", "M"], "default": "m"})
OLD["params"]["mode"] = "form"
OLD["params"]["requestedSchema"]["$schema"] = "https://json-schema.org/draft/2020-12/schema"
DOWN = {"message": "Who?", "requestedSchema": {
    "type": "object", "required": ["tone"], "properties": {
        "name": {"type": "string", "title": "N"},
        "age": {"type": "integer", "minimum": 1},
        "ok": {"type": "boolean", "default": True},
        "tone": {"type": "string", "title": "T", "enum": ["a", "b"], "enumNames": ["Aä", "B"]},
        "size": {"type": "string", "enum": ["s", "m"], "enumNames": ["S", "M"]}}}}


@pytest.mark.parametrize("way", WAYS)
def test_an_older_client_gets_a_form_that_it_knows(session_of, way):
    """ELIC-03, ELIC-04"""
    s = session_of(way, w.R3)
    s.begin(asking([OLD]))
    [m] = s.asked()
    assert m["params"] == DOWN
    s.answer(m, accept(tone="Aä"))  # a name is no value
    [m] = s.asked()
    s.answer(m, accept(tone="b"))
    assert texts(s.result())[0] == {"who": accept(tone="b")}
    s = session_of(way, w.R4)
    s.begin(asking([OLD]))
    [m] = s.asked()
    assert m["params"] == OLD["params"]


def test_the_newest_client_gets_the_form_as_it_is(stateless):
    """ELIC-03"""
    r = stateless.tool(asking([OLD]))
    assert r["inputRequests"]["who"]["params"] == OLD["params"]


@pytest.mark.parametrize("question, says", [
    (STRICT, "several choices"),
    (dict(MODEL, params={"maxTokens": 1, "messages": [
        {"role": "user", "content": [TEXT]}]}), "several blocks")])
def test_what_an_older_client_cannot_be_asked(session_of, question, says):
    """ELIC-04, SAMP-03"""
    s = session_of("http", w.R3)
    s.begin(asking([question]))
    assert says in s.failure()


def test_no_audio_for_the_oldest(session_of):
    """SAMP-03"""
    q = dict(MODEL, params={"maxTokens": 1, "messages": [{"role": "user", "content": WAV}]})
    s = session_of("line", w.R1)
    s.begin(asking([q]))
    assert "audio" in s.failure()
    s = session_of("line", w.R2)
    s.begin(asking([q]))
    s.asked()


NAMED = dict(LINK, params=dict(LINK["params"], elicitationId="e-1"))


def test_the_id_of_a_link_is_for_one_revision(stateless, session_of):
    """ELIC-05"""
    r = stateless.tool(asking([NAMED]))
    assert r["inputRequests"]["link"]["params"] == LINK["params"]
    s = session_of("http", w.R4)
    s.begin(asking([NAMED]))
    [m] = s.asked()
    assert m["params"] == NAMED["params"]
    for answer in ({"action": "accept"}, {"action": "decline"}, {"action": "cancel"}):
        s.answer(m, answer)  # ELIC-06
        assert texts(s.result())[0] == {"link": answer}
        s.begin(asking([NAMED]))
        [m] = s.asked()


# --- what nobody is asked ---

ILLEGAL = [
    (dict(FORM, params={"message": "m"}), "requestedSchema"),
    (dict(FORM, params={"requestedSchema": FORM["params"]["requestedSchema"]}), "message"),
    (fields(a={"type": "object", "properties": {}}), "properties.a"),
    (fields(a={"type": "string", "pattern": "x"}), "pattern"),
    (fields(["b"], a={"type": "string"}), "required"),
    (fields(password={"type": "string"}), "secrets"),  # ELIC-08
    (fields(x={"type": "string", "title": "API key"}), "secrets"),
    (dict(LINK, params=dict(LINK["params"], url="nowhere")), "url"),
    (dict(LINK, params=dict(LINK["params"], url="https://a:b@e.test/")), "password"),
    (dict(MODEL, params={"messages": []}), "maxTokens"),
    (dict(MODEL, params={"maxTokens": 1, "messages": [
        {"role": "assistant", "content": USE}]}), "messages"),
    (dict(FORM, method="tools/list"), "roots/list"),
]


@pytest.mark.parametrize("question, says", ILLEGAL)
def test_a_malformed_question_is_its_authors_defect(
        start, fixture_plugins, session_of, question, says):
    """ELIC-02, ELIC-03, ELIC-08, ELIC-09, SAMP-04"""
    server = start.serve(plugins=(fixture_plugins,))
    c = w.Modern(server)
    c.capabilities = ALL
    args = {"name": "fx_ask", "arguments": asking([question])}
    r = c.post("tools/call", args).json["result"]
    assert r["isError"] and "malformed" in r["content"][0]["text"]
    said = server.wait_log("a question that no client can answer", entry="fx_ask")
    assert says in said["fault"] and said["key"] == question["key"]
    assert json.dumps(question["params"]) not in json.dumps(said)
    c.close()
    s = session_of("http", server=server)
    s.begin(asking([question]))
    assert "malformed" in s.failure()


# --- what counts once, and for whom ---

ASKER = r"""
#include <toolpost/plugin.h>
static int ask(struct tp_call *c, void *s)
{
    (void)s;
    if (c->host->input(c, "who") == NULL)
        return tp_ask(c, "who", "elicitation/create", tp_cstr(
            "{\"message\":\"m\",\"requestedSchema\":{\"type\":\"object\","
            "\"properties\":{}}}"));
    return tp_text(c, tp_cstr(VERSION));
}
static const struct tp_entry entries[] = { TP_TOOL("ask", ask), TP_TOOL("once", ask) };
TP_PLUGIN("asker", "1.0.0", entries);
"""
ASKER_YAML = """\
plugin: asker
version: 1.0.0
module: asker.so
tools:
  - {name: ask, description: Asks., inputSchema: {type: object}}
  - name: once
    description: Asks, and the answer counts once.
    inputSchema: {type: object}
    input: {single_use: true}
"""


@pytest.fixture(scope="session")
def asker_modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("asker")
    return [w.compile_plugin(ASKER, folder / (v + ".so"), '-DVERSION="%s"' % v).read_bytes()
            for v in ("one", "two")]


@pytest.fixture
def asker(start, asker_modules):
    """A server with it, and a function that replaces it."""
    dir = start.path("plugins")
    os.makedirs(dir + "/asker")

    def put(n):
        w.write_file(dir + "/asker/asker.so", asker_modules[n])

    put(0)
    w.write_file(dir + "/asker/asker.yaml", ASKER_YAML)
    server = start.serve(plugins=(dir,), listen=(
        "127.0.0.1:0", "line+unix:" + start.path("l.sock")))
    return server, put


def modern(server):
    c = w.Modern(server)
    c.capabilities = ALL
    return c


def test_a_state_that_counts_once_is_used_once(asker):
    """MRTR-10: of 64 who bring it at once, one has it"""
    server, _ = asker
    c = modern(server)
    once = {"name": "once"}
    # Nobody was asked: what is brought without a state is no answer.
    r = c.post("tools/call", dict(once, inputResponses={"who": accept()})).json["result"]
    state = is_asking(r, "who")
    more = dict(once, inputResponses={"who": accept()}, requestState=state)
    clients = [modern(server) for _ in range(64)]
    for k in clients:
        k.send("tools/call", more)
    answers = [k.conn.response().json for k in clients]
    good = [m for m in answers if "result" in m]
    assert len(good) == 1 and good[0]["result"]["content"][0]["text"] == "one"
    for m in answers:
        if "error" in m:
            assert m["error"]["code"] == -32602 and "used already" in m["error"]["message"]
    # Another one may be had at any time; and other tools do not count.
    r = c.post("tools/call", once).json["result"]
    assert is_asking(r, "who") not in (None, state)
    more = {"name": "ask", "inputResponses": {"who": accept()},
            "requestState": is_asking(c.post("tools/call", {"name": "ask"}).json["result"], "who")}
    for _ in range(3):
        assert c.post("tools/call", more).json["result"]["content"][0]["text"] == "one"
    for k in clients + [c]:
        k.close()


@pytest.mark.parametrize("way", ["http", "line"])
def test_a_call_that_waits_ends_on_its_generation(asker, session_of, way):
    """MRTR-18, TOOL-25: its plugin is replaced while a person thinks"""
    server, put = asker
    s = session_of(way, server=server)
    s.begin({}, "ask")
    [m] = s.asked()
    mark = server.mark()
    put(1)
    server.wait_log("plugins reloaded", mark, replaced=1)
    server.wait_log("plugin draining", mark, plugin="asker")
    s.begin({}, "ask", id=8)
    [new] = s.asked(id=8)
    s.answer(m, accept())
    assert s.result()["content"][0]["text"] == "one"
    server.wait_log("plugin resident", mark, plugin="asker")
    s.answer(new, accept())
    assert s.result(8)["content"][0]["text"] == "two"


@pytest.mark.parametrize("end", ["refused", "cancelled", "deleted"])
def test_a_wait_that_ends_lets_its_generation_go(asker, session_of, end):
    """TOOL-25, MRTR-14"""
    server, put = asker
    s = session_of("http", server=server)
    s.begin({}, "ask")
    [m] = s.asked()
    mark = server.mark()
    put(1)
    server.wait_log("plugin draining", mark, plugin="asker")
    if end == "refused":
        s.refuse(m, -1)
        s.failure()
    elif end == "cancelled":
        s.tell(w.notification("notifications/cancelled", {"requestId": 7}))
    else:
        assert s.session.delete().status == 204
    server.wait_log("plugin resident", mark, plugin="asker")


def test_a_retry_without_a_session_meets_the_plugin_of_now(asker):
    """MRTR-14, TOOL-25: nothing was held between the rounds"""
    server, put = asker
    c = modern(server)
    state = is_asking(c.post("tools/call", {"name": "ask"}).json["result"], "who")
    mark = server.mark()
    put(1)
    server.wait_log("plugin resident", mark, plugin="asker")
    r = c.post("tools/call", {"name": "ask", "requestState": state,
                              "inputResponses": {"who": accept()}}).json["result"]
    assert r["content"][0]["text"] == "two"
    c.close()


@pytest.mark.parametrize("revision", [w.R1, w.R2, w.R3, w.R4])
def test_changed_roots_are_asked_for_anew(session_of, revision):
    """ROOT-03: nothing of them is kept from one call to the next"""
    s = session_of("http", revision, {"roots": {"listChanged": True}})
    for roots in ([], [{"uri": "file:///a"}], [{"uri": "file:///b", "name": "b"}]):
        s.begin(asking([ROOTS]))
        [m] = s.asked()
        s.answer(m, {"roots": roots})
        assert texts(s.result())[0] == {"where": {"roots": roots}}
        s.tell(w.notification("notifications/roots/list_changed"))


# --- links of 2025-11-25 ---

LINKS = r"""
#include <toolpost/plugin.h>
#include <toolpost/ext/draft/elicit.h>
static const struct tp_elicit *elicit;
static int load(struct tp_plugin *p, const struct tp_json *config,
    const struct tp_snapshot *old, void **state)
{
    (void)config; (void)old; (void)state;
    elicit = tp_elicit_of(p);
    return elicit != NULL ? TP_OK : TP_EFAIL;
}
static int go(struct tp_call *c, void *s)
{
    struct tp_str id = tp_arg_str(c, "done", "e-1");
    int rc, i;
    (void)s;
    if (c->host->input(c, "link") == NULL)
        return tp_ask(c, "link", "elicitation/create", tp_cstr(
            "{\"mode\":\"url\",\"message\":\"m\",\"url\":\"https://e.test/\","
            "\"elicitationId\":\"e-1\"}"));
    for (i = 0; i < 2; i++) /* the second time says nothing */
        rc = elicit->complete(c, id);
    return tp_textf(c, "%d", rc);
}
static int must(struct tp_call *c, void *s)
{
    int rc = elicit->required(c, tp_arg_str(c, "links", ""));
    (void)s;
    return rc == TP_ENOTSUP ? tp_text(c, tp_cstr("not supported")) : rc;
}
static const struct tp_entry entries[] = {
    TP_TOOL("go", go), TP_TOOL_FLAGS("go_quick", go, TP_NONBLOCKING), TP_TOOL("must", must) };
TP_PLUGIN_STATE("links", "1.0.0", entries, 0, load, NULL, NULL);
"""
LINKS_YAML = """\
plugin: links
version: 1.0.0
module: links.so
tools:
  - {name: go, description: Goes., inputSchema: {type: object}}
  - {name: go_quick, description: Goes., inputSchema: {type: object}}
  - {name: must, description: Must., inputSchema: {type: object}}
"""
DONE = "notifications/elicitation/complete"


@pytest.fixture
def links(start):
    dir = start.path("plugins")
    os.makedirs(dir + "/links")
    w.compile_plugin(LINKS, dir + "/links/links.so")
    w.write_file(dir + "/links/links.yaml", LINKS_YAML)
    return start.serve(plugins=(dir,), listen=(
        "127.0.0.1:0", "line+unix:" + start.path("l.sock")))


@pytest.mark.parametrize("way", ["http", "line"])
@pytest.mark.parametrize("name", ["go", "go_quick"])
def test_the_end_of_a_link_is_told_to_who_was_asked(links, session_of, way, name):
    """ELIC-12"""
    s = session_of(way, server=links)
    other = session_of("line", server=links)
    s.begin({}, name)
    [m] = s.asked()
    assert m["params"]["elicitationId"] == "e-1"
    s.answer(m, {"action": "accept"})
    assert s.recv() == {"jsonrpc": "2.0", "method": DONE, "params": {"elicitationId": "e-1"}}
    assert s.result()["content"][0]["text"] == "0"  # once
    # Not one that this call has not asked for.
    s.begin({"done": "e-2"}, name, id=8)
    [m] = s.asked(id=8)
    s.answer(m, {"action": "accept"})
    assert s.result(8)["content"][0]["text"] == "0"
    other.begin({"links": "[]"}, "must")
    other.failure()  # the first that it hears


def test_the_end_of_a_link_is_not_told_in_the_newest_revision(links):
    """ELIC-12"""
    c = modern(links)
    r = c.post("tools/call", {"name": "go", "inputResponses": {
        "link": {"action": "accept"}}}).json["result"]
    assert r["content"][0]["text"] == "-8"  # TP_ENOTSUP
    c.close()


NEEDED = [{"mode": "url", "message": "m", "url": "https://e.test/", "elicitationId": "e-1"},
          {"mode": "url", "message": "n", "url": "https://e.test/2", "elicitationId": "e-2"}]


def test_links_that_must_be_opened_first(links, session_of):
    """ELIC-13"""
    s = session_of("http", server=links)
    s.begin({"links": json.dumps(NEEDED, indent=1)}, "must")
    m = w.check_message(s.recv())
    assert m["error"]["code"] == -32042
    assert m["error"]["data"] == {"elicitations": NEEDED}
    for i, bad in enumerate(("", "{}", "[]", "[7]", json.dumps([dict(NEEDED[0], mode="form")]),
                             json.dumps([{k: v for k, v in NEEDED[0].items() if k != "url"}]),
                             json.dumps([{k: v for k, v in NEEDED[0].items()
                                          if k != "elicitationId"}]))):
        s.begin({"links": bad}, "must", id=10 + i)
        s.failure(10 + i)


@pytest.mark.parametrize("revision, capabilities", [
    (w.R3, ALL), (w.R4, {"elicitation": {}}), (w.R4, {})])
def test_no_other_client_must_open_links_first(links, session_of, revision, capabilities):
    """ELIC-13"""
    s = session_of("line", revision, capabilities, server=links)
    s.begin({"links": json.dumps(NEEDED)}, "must")
    assert s.result()["content"][0]["text"] == "not supported"


def test_the_newest_revision_has_no_such_error(links):
    """ELIC-13"""
    c = modern(links)
    r = c.post("tools/call", {"name": "must", "arguments": {
        "links": json.dumps(NEEDED)}}).json["result"]
    assert r["content"][0]["text"] == "not supported"
    c.close()
