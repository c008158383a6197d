#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What works in which revision, each cell with the probe that proves it.

docs/compatibility.md is written from this table: mcp_features.py --write.
test_compatibility.py runs the probe of every cell on every way in, and
expects the very answer that the table gives.
"""

import collections
import os
import sys

import mcp_peer as p
import mcp_wire as w

DOCUMENT = os.path.join(w.ROOT, "docs/compatibility.md")
R1, R2, R3, R4, R5 = w.REVISIONS
Feature = collections.namedtuple("Feature", "group name since until ways probe note")
FEATURES = []

FORM = {"key": "f", "method": "elicitation/create", "params": {
    "message": "m", "requestedSchema": {"type": "object", "properties": {}}}}
LINK = {"key": "u", "method": "elicitation/create", "params": {
    "mode": "url", "message": "m", "url": "https://e.test/"}}
MODEL = {"key": "m", "method": "sampling/createMessage",
         "params": {"messages": [], "maxTokens": 1}}
TOOLS = {"key": "t", "method": "sampling/createMessage",
         "params": {"messages": [], "maxTokens": 1, "tools": []}}
WHERE = {"key": "r", "method": "roots/list"}
GIST = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "x"}}
REPLIES = {"elicitation/create": {"action": "accept", "content": {}},
           "sampling/createMessage": GIST, "roots/list": {"roots": []}}
DECLARED = {"elicitation": {"form": {}, "url": {}}, "roots": {"listChanged": True},
            "sampling": {"tools": {}, "context": {}}}


def feature(group, name, since=R1, until=R5, ways=p.WAYS, note=""):
    def keep(probe):
        FEATURES.append(Feature(group, name, since, until, ways, probe, note))
        return probe
    return keep


def cells():
    """(feature, revision, way) of each probe."""
    for one in FEATURES:
        for _, since, until, way in TRANSPORTS:
            for revision in w.REVISIONS:
                known = way in one.ways or (way == "sse" and one.ways == p.WAYS)
                if known and since <= revision <= until:
                    yield one, revision, way


def is_offered(one, revision):
    return one.since <= revision <= one.until


def works(peer, method, params=None):
    code = peer.ask(method, params).code
    assert code in (None, -32601), code
    return code is None


def tool(peer, name="fx_blocks"):
    return {t["name"]: t for t in peer.ask("tools/list").result["tools"]}[name]


def blocks(peer):
    return [b["type"] for b in peer.tool("fx_blocks").result["content"]]


def asks(peer, question):
    """Whether a handler may put that question to the client."""
    a = peer.tool("fx_ask", {"rounds": [[question]]}, answers=REPLIES)
    if a.code is not None:
        assert a.code == -32021
        return False
    return a.asked == [(question["method"], a.asked[0][1])] if a.asked else False


# --- the beginning ---

@feature("Beginning", "Handshake (`initialize`), sessions", until=R4)
def handshake(peer):
    if peer.stateless:
        return works(peer, "initialize", w.init_params())
    return peer.handshake["protocolVersion"] == peer.revision


@feature("Beginning", "Stateless requests, `server/discover`", since=R5)
def discover(peer):
    return peer.stateless and peer.ask("server/discover").code is None


@feature("Beginning", "`ping`", until=R4)
def ping(peer):
    return works(peer, "ping")


@feature("Beginning", "Title of the server", since=R3)
def title(peer):
    info = (peer.handshake["serverInfo"] if not peer.stateless else
            peer.ask("tools/list").result["_meta"][w.SI])
    return "title" in info


@feature("Beginning", "Batches", since=R2, until=R2)
def batches(peer):
    items = [w.request("tools/list", id=id) for id in ("a", "b")]
    if peer.stateless:
        items = [w.modern("tools/list", id=id) for id in ("a", "b")]
    if peer.line is not None:
        peer.line.send(items)
        return isinstance(peer._next(), list)
    with w.Http(peer.server.http) as conn:
        head = (w.modern_fields(items[0]) if peer.stateless else peer.session.fields())
        r = conn.request("POST", "/mcp", head, w.dumps(items))
        assert r.status in (200, 400)
        return r.status == 200


# --- tools ---

@feature("Tools", "Lists and calls")
def tools(peer):
    r = peer.tool("test_simple_text").result
    return bool(r["content"]) and bool(tool(peer))


@feature("Tools", "Pages of lists (`cursor`)",
         note="All four lists; `tasks/list` too where it is offered.")
def pages(peer):
    return peer.ask("tools/list", {"cursor": "no cursor"}).code == -32602


@feature("Tools", "Annotations", since=R2)
def annotations(peer):
    return "annotations" in tool(peer)


@feature("Tools", "Titles, `_meta`", since=R3)
def titles(peer):
    return {"title", "_meta"} <= set(tool(peer))


@feature("Tools", "Structured results", since=R3,
         note="Objects; any JSON value from 2026-07-28. Older clients get the text.")
def structured(peer):
    return "structuredContent" in peer.tool("fx_object").result


@feature("Tools", "Structured results of any kind", since=R5)
def structured_any(peer):
    return "structuredContent" in peer.tool("fx_array").result


@feature("Tools", "Icons", since=R4)
def icons(peer):
    return "icons" in tool(peer)


@feature("Tools", "Arguments checked by JSON Schema 2020-12 and draft-07",
         note="What fails is a result with `isError` in every revision.")
def arguments(peer):
    r = peer.tool("fx_schema", {"n": 0}).result
    return r["isError"] is True


@feature("Tools", "Arguments mirrored in headers (`x-mcp-header`)", since=R5, ways=("http",))
def mirrored(peer):
    a = peer.tool("fx_mirrored", {"region": "eu"})  # and no header
    assert a.code in (None, -32020)
    return a.code == -32020


# --- content ---

@feature("Content", "Text, images, embedded resources")
def content(peer):
    return {"text", "image", "resource"} <= set(blocks(peer))


@feature("Content", "Audio", since=R2, note="Before that, a text that names it.")
def audio(peer):
    return "audio" in blocks(peer)


@feature("Content", "Links to resources", since=R3, note="Before that, a text that names it.")
def links(peer):
    return "resource_link" in blocks(peer)


# --- resources, prompts, completion ---

@feature("Resources and prompts", "Resources, templates")
def resources(peer):
    return bool(peer.ask("resources/read", {"uri": "fx://text"}).result["contents"]) and \
        bool(peer.ask("resources/templates/list").result["resourceTemplates"])


@feature("Resources and prompts", "A code of its own for an unknown resource", until=R4)
def unknown(peer):
    code = peer.ask("resources/read", {"uri": "fx://nowhere"}).code
    assert code in (-32002, -32602)
    return code == -32002


@feature("Resources and prompts", "Prompts")
def prompts(peer):
    return bool(peer.ask("prompts/get", {"name": "fx_said", "arguments": {
        "word": "w"}}).result["messages"])


@feature("Resources and prompts", "Completion",
         note="A capability from 2025-03-26; 2024-11-05 has no name for it.")
def completion(peer):
    return bool(peer.ask("completion/complete", COMPLETE).result["completion"]["values"])


COMPLETE = {"ref": {"type": "ref/prompt", "name": "fx_said"},
            "argument": {"name": "word", "value": ""}}


@feature("Resources and prompts", "Completion with the other arguments", since=R3)
def context(peer):
    r = peer.ask("completion/complete", dict(COMPLETE, context={
        "arguments": {"tone": "low"}})).result
    return "context" in r["completion"]["values"][0]


@feature("Resources and prompts", "Hints about caching", since=R5)
def hints(peer):
    return {"ttlMs", "cacheScope"} <= set(peer.ask("tools/list").result)


# --- while a request runs ---

@feature("While a request runs", "Progress")
def progress(peer):
    a = peer.tool("fx_progress", meta={"progressToken": "p"})
    return bool(a.of("notifications/progress"))


@feature("While a request runs", "Progress with a message", since=R2)
def progress_message(peer):
    a = peer.tool("fx_progress", meta={"progressToken": "p"})
    return "message" in a.of("notifications/progress")[0]


@feature("While a request runs", "Log messages, level of the session (`logging/setLevel`)",
         until=R4)
def session_level(peer):
    if not works(peer, "logging/setLevel", {"level": "debug"}):
        return False
    return bool(peer.tool("fx_tell").of("notifications/message"))


@feature("While a request runs", "Log messages, level of the request", since=R5)
def request_level(peer):
    if not peer.stateless:
        assert peer.ask("logging/setLevel", {"level": "emergency"}).result == {}
    few = peer.tool("fx_tell", meta={w.LL: "emergency"}).of("notifications/message")
    many = peer.tool("fx_tell", meta={w.LL: "debug"}).of("notifications/message")
    return len(many) > len(few)


@feature("While a request runs", "Cancellation",
         note="2026-07-28 over HTTP: the client closes the response.")
def cancellation(peer):
    params = {"name": "slow_compute", "arguments": {"seconds": 600}}
    if not peer.stateless:
        params["_meta"] = {"progressToken": "begun"}
    m = (w.modern if peer.stateless else w.request)("tools/call", params, "slow")
    if peer.line is not None:
        peer.line.send(m)
        peer.line.send(w.notification("notifications/cancelled", {"requestId": "slow"}))
        return works(peer, "tools/list")
    with w.Http(peer.server.http) as conn:
        head = w.modern_fields(m) if peer.stateless else peer.session.fields()
        conn.send(w.http_request("POST", "/mcp", head, w.dumps(m)))
        if not peer.stateless:
            stream = conn.response().stream
            # The notification goes another way and must not overtake it.
            assert stream.message()["method"] == "notifications/progress"
            peer.tell(w.notification("notifications/cancelled", {"requestId": "slow"}))
            return all("id" not in m for m in stream.messages())
    return works(peer, "tools/list")


# --- changes ---

@feature("Changes", "Changed lists",
         note="Of the session; from 2026-07-28 on a `subscriptions/listen`.")
def changed_lists(peer):
    changes = peer.watch(toolsListChanged=True)
    try:
        a = peer.tool("test_trigger_tool_change")
        return changes.find("notifications/tools/list_changed", a.notes) is not None
    finally:
        changes.close()


@feature("Changes", "`resources/subscribe`", until=R4)
def subscribe(peer):
    return works(peer, "resources/subscribe", {"uri": "fx://text"})


@feature("Changes", "`subscriptions/listen`", since=R5)
def listen(peer):
    if not peer.stateless:
        # On a line the method alone says which era is meant: half a claim.
        code = peer.ask("subscriptions/listen", {"notifications": {}}).code
        assert code == {"http": -32601, "sse": -32022}.get(peer.way, -32602)
        return False
    changes = peer.watch(resourceSubscriptions=["test://watched-resource"])
    try:
        a = peer.tool("touch_watched_resource")
        return changes.find("notifications/resources/updated", a.notes) is not None
    finally:
        changes.close()


# --- asking the client ---

@feature("Asking the client", "Forms (elicitation)", since=R3)
def form(peer):
    return asks(peer, FORM)


@feature("Asking the client", "Links (elicitation)", since=R4)
def link(peer):
    return asks(peer, LINK)


@feature("Asking the client", "Its model (sampling)")
def model(peer):
    return asks(peer, MODEL)


@feature("Asking the client", "Its model, with tools", since=R4)
def model_tools(peer):
    return asks(peer, TOOLS)


@feature("Asking the client", "Its roots")
def roots(peer):
    return asks(peer, WHERE)


@feature("Asking the client", "By a result that asks (`input_required`)", since=R5,
         note="Before that, by requests of the server.")
def by_result(peer):
    a = peer.tool("fx_ask", {"rounds": [[MODEL]]}, answers=REPLIES)
    return a.rounds > 0


# --- tasks ---

SLOW = {"name": "slow_compute", "arguments": {"seconds": 0.01}}


@feature("Tasks", "Tasks that the client asks for (`params.task`)", since=R4, until=R4)
def tasks_asked(peer):
    a = peer.ask("tools/call", dict(SLOW, task={"ttl": 60000}))
    if "task" not in a.result:
        return False
    done = peer.ask("tasks/result", {"taskId": a.result["task"]["taskId"]})
    return bool(done.result["content"])


@feature("Tasks", "Tasks that the server makes (extension `io.modelcontextprotocol/tasks`)",
         since=R5)
def tasks_made(peer):
    if not peer.stateless:
        return works(peer, "tasks/update", {"taskId": "x"})
    before = peer.capabilities
    peer.capabilities = dict(before, extensions={"io.modelcontextprotocol/tasks": {}})
    try:
        made = peer.ask("tools/call", SLOW).result
        if made["resultType"] != "task":
            return False
        while True:
            now = peer.ask("tasks/get", {"taskId": made["taskId"]}).result
            if now["status"] != "working":
                return now["status"] == "completed" and bool(now["result"]["content"])
    finally:
        peer.capabilities = before


# --- ways in ---

TRANSPORTS = [
    ("Standard input and output, a message a line", R1, R5, "stdio"),
    ("The same on TCP and Unix sockets", R1, R5, "line"),
    ("Streamable HTTP", R1, R5, "http"),
    ("HTTP with SSE, the two endpoints of 2024-11-05 (`http.legacy_sse`)", R1, R4, "sse"),
]


@feature("Streamable HTTP", "Sessions, GET stream, DELETE", until=R4, ways=("http",))
def http_sessions(peer):
    with w.Http(peer.server.http) as conn:
        fields = ({"MCP-Protocol-Version": R5} if peer.stateless
                  else peer.session.fields(Content_Type=None))
        fields["Accept"] = "text/event-stream"
        conn.send(w.http_request("GET", "/mcp", fields))
        r = conn.response("GET")
        assert r.status in (200, 405)
        return r.status == 200


@feature("Streamable HTTP", "Method and name in headers", since=R5, ways=("http",))
def http_headers(peer):
    a = peer.ask("tools/list", Mcp_Method="prompts/list")
    assert a.code in (None, -32020)
    return a.code == -32020




@feature("Streamable HTTP", "Broken streams go on (`Last-Event-ID`)", until=R4, ways=("http",),
         note="2024-11-05 does not know Streamable HTTP, yet clients use it there.")
def http_resumption(peer):
    call = {"name": "fx_progress"}
    meta = {"progressToken": 1}
    m = (w.modern("tools/call", call, "r", meta=meta) if peer.stateless
         else w.request("tools/call", dict(call, _meta=meta), "r"))
    head = w.modern_fields(m) if peer.stateless else peer.session.fields()
    with w.Http(peer.server.http) as conn:
        conn.send(w.http_request("POST", "/mcp", head, w.dumps(m)))
        first = conn.response().stream.raw_event()
    if "id" not in first.fields:
        return False
    with w.Http(peer.server.http) as conn:
        conn.send(w.http_request("GET", "/mcp", peer.session.fields(
            Content_Type=None, Accept="text/event-stream",
            Last_Event_ID=first.fields["id"])))
        stream = conn.response("GET").stream
        while True:
            got = stream.message()
            if got.get("id") == "r":
                return "result" in got


# --- the document ---

HEAD = """\
# Compatibility

One server speaks five revisions of the protocol at once; each client gets the one it asks for. `yes`: works on every way
in. `-`: the revision has no such thing, and the server does not offer it there. Each cell is proven by a test on every way
in (`tests/script/test_compatibility.py`); this page is written from the same table.
"""


def row(cells):
    return "| " + " | ".join(cells) + " |\n"


def render():
    out = [HEAD]
    for group in dict.fromkeys(f.group for f in FEATURES):
        out.append("\n## %s\n\n" % group)
        out.append(row(["feature"] + list(w.REVISIONS)))
        out.append(row(["---"] * 6))
        notes = []
        for f in FEATURES:
            if f.group != group:
                continue
            name = f.name
            if f.note:
                notes.append("%s: %s" % (f.name, f.note))
            out.append(row([name] + ["yes" if is_offered(f, r) else "-"
                                     for r in w.REVISIONS]))
        if notes:
            out.append("\n" + "".join("- %s\n" % n for n in notes))
    out.append("\n## Ways in\n\n")
    out.append(row(["way"] + list(w.REVISIONS)))
    out.append(row(["---"] * 6))
    for name, since, until, _ in TRANSPORTS:
        out.append(row([name] + ["yes" if since <= r <= until else "-"
                                 for r in w.REVISIONS]))
    return "".join(out)


def main():
    if sys.argv[1:] == ["--write"]:
        with open(DOCUMENT, "w") as f:
            f.write(render())
        return 0
    with open(DOCUMENT) as f:
        if f.read() == render():
            return 0
    print("docs/compatibility.md is stale: tests/script/mcp_features.py --write")
    return 1


if __name__ == "__main__":
    sys.exit(main())
