# SPDX-License-Identifier: Apache-2.0
"""Input rounds for tests: questions, answers, and a client of each era on each
way in."""

import json

import pytest

import mcp_wire as w

FORM = {"key": "who", "method": "elicitation/create",
        "params": {"message": "Who?", "requestedSchema": {
            "type": "object", "properties": {"name": {"type": "string"}}}}}
LINK = {"key": "link", "method": "elicitation/create",
        "params": {"mode": "url", "message": "Go", "url": "https://e.test/"}}
MODEL = {"key": "gist", "method": "sampling/createMessage",
         "params": {"messages": [], "maxTokens": 5}}
ROOTS = {"key": "where", "method": "roots/list"}

WHO = {"action": "accept", "content": {"name": "Ada"}}
GIST = {"role": "assistant", "content": {"type": "text", "text": "x"}, "model": "m"}
WHERE = {"roots": [{"uri": "file:///a"}]}

ALL = {"elicitation": {"form": {}, "url": {}}, "roots": {},
       "sampling": {"tools": {}, "context": {}}}
WAYS = ["http", "line", "stdio"]


def form(key):
    return dict(FORM, key=key)


def asking(*rounds, **more):
    return dict({"rounds": [list(r) for r in rounds]}, **more)


def texts(result):
    """What fx_ask was told."""
    assert "isError" not in result, result
    told = dict(b["text"].split("=", 1) for b in result["content"])
    state = told.pop("state")
    return {k: json.loads(v) for k, v in told.items()}, state


class Stateless:
    """The same calls on each way in; (status, message)."""

    def __init__(self, server, start, plugins, way):
        self.line = self.process = None
        if way == "http":
            self.client = w.Modern(server)
        elif way == "line":
            self.line = w.Line(server.line_unix)
        else:
            self.process = start.stdio(plugins=(w.PLUGINS, plugins))
            self.line = w.Line(self.process)

    def send(self, method, params, capabilities=ALL):
        if self.line is not None:
            return None, self.line.modern(method, params, capabilities=capabilities)
        self.client.capabilities = capabilities
        r = self.client.post(method, params)
        assert r.stream is None, "a plain answer is enough"
        return r.status, w.check_message(r.json)

    def tool(self, arguments, name="fx_ask", capabilities=ALL, **params):
        m = self.send("tools/call", dict(
            {"name": name, "arguments": arguments}, **params), capabilities)[1]
        assert "result" in m, m
        return m["result"]

    def refusal(self, arguments, name="fx_ask", code=-32602, **params):
        status, m = self.send("tools/call", dict(
            {"name": name, "arguments": arguments}, **params))
        assert status in (None, 200) and m["error"]["code"] == code, m
        return m["error"]["message"]

    def close(self):
        (self.line or self.client).close()
        if self.process is not None:
            self.process.wait()


@pytest.fixture(params=WAYS)
def stateless(server, start, fixture_plugins, request):
    c = Stateless(server, start, fixture_plugins, request.param)
    yield c
    c.close()


def is_asking(result, *keys):
    assert result["resultType"] == "input_required", result
    assert set(result.get("inputRequests", {})) == set(keys), result
    # MRTR-16
    assert not {"content", "ttlMs", "cacheScope"} & set(result), result
    return result.get("requestState")


class Stateful:
    """A session on each way in: calls, questions, answers."""

    def __init__(self, server, start, plugins, way, revision, capabilities=ALL):
        self.way, self.revision = way, revision
        self.process = None
        if way == "http":
            self.session = w.Legacy(server, revision, capabilities)
            self.server = server
            self.calls = {}
        else:
            if way == "stdio":
                self.process = start.stdio(plugins=(w.PLUGINS, plugins))
            self.line = w.Line(self.process or server.line_unix)
            self.line.ask(w.request("initialize", w.init_params(revision, capabilities)))
            self.line.send(w.notification("notifications/initialized"))

    def begin(self, arguments, name="fx_ask", id=7, method="tools/call", params=None):
        m = w.request(method, params or {"name": name, "arguments": arguments}, id)
        if self.way != "http":
            self.line.send(m)
            return
        conn = w.Http(self.server.http)
        conn.send(w.http_request("POST", "/mcp", self.session.fields(), w.dumps(m)))
        self.calls[id] = [conn, None]

    def _stream(self, id):
        conn, response = self.calls[id]
        if response is None:
            response = self.calls[id][1] = conn.response()
        return response

    def recv(self, id=7):
        """The next message of that call's stream; None at its end."""
        if self.way != "http":
            return json.loads(self.line.line() or b"null")
        r = self._stream(id)
        if r.stream is None:
            assert r.status == 200, r
            m, r.body = (r.json, b"null")
            return m
        e = r.stream.event()
        return e.message if e is not None else None

    def asked(self, count=1, id=7):
        """The next questions, in order."""
        out = []
        for _ in range(count):
            m = self.recv(id)
            assert set(m) <= {"jsonrpc", "id", "method", "params"}, m
            assert m["jsonrpc"] == "2.0" and type(m["id"]) is str and "method" in m, m
            out.append(m)
        return out

    def tell(self, message):
        if self.way != "http":
            self.line.send(message)
            return
        with w.Http(self.server.http) as conn:  # perhaps another reactor
            r = conn.request("POST", "/mcp", self.session.fields(), w.dumps(message))
            assert r.status == 202 and r.body == b"", r  # POSTL-03

    def answer(self, question, result):
        self.tell({"jsonrpc": "2.0", "id": question["id"], "result": result})

    def refuse(self, question, code, message="no"):
        self.tell({"jsonrpc": "2.0", "id": question["id"],
                   "error": {"code": code, "message": message}})

    def result(self, id=7):
        m = w.check_message(self.recv(id))
        assert m["id"] == id and "result" in m, m
        if self.way == "http":
            assert self.recv(id) is None
        return m["result"]

    def failure(self, id=7):
        r = self.result(id)
        assert r["isError"] is True, r
        return r["content"][0]["text"]

    def close(self):
        if self.way == "http":
            for conn, _ in self.calls.values():
                conn.close()
            self.session.close()
        else:
            self.line.close()
        if self.process is not None:
            self.process.wait()


@pytest.fixture
def session_of(server, start, fixture_plugins):
    opened = []

    def make(way, revision=w.R4, capabilities=ALL, server=server):
        opened.append(Stateful(server, start, fixture_plugins, way, revision, capabilities))
        return opened[-1]
    yield make
    for s in opened:
        s.close()


@pytest.fixture(params=WAYS)
def stateful(session_of, request):
    return session_of(request.param)
