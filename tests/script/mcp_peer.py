# SPDX-License-Identifier: Apache-2.0
"""A client of either era on any way in, told in one vocabulary.

What differs between the eras is hidden here: where notifications come, and
how a handler's questions are asked and answered.
"""

import mcp_wire as w

WAYS = ("http", "stdio", "line")
EVERYTHING = {"elicitation": {"form": {}, "url": {}}, "sampling": {},
              "roots": {"listChanged": True}}


class Answer:
    """What came of one request."""

    def __init__(self):
        self.message = None
        self.notes = []  # notifications before it
        self.asked = []  # the server's questions as (method, params)
        self.rounds = 0

    @property
    def result(self):
        assert "result" in self.message, self.message
        return self.message["result"]

    @property
    def error(self):
        assert "error" in self.message, self.message
        return self.message["error"]

    @property
    def code(self):
        """None: it worked."""
        return self.message.get("error", {}).get("code")

    def of(self, method):
        return [n["params"] for n in self.notes if n["method"] == method]


class OldStream:
    """The two endpoints of 2024-11-05, used as if they were a line."""

    def __init__(self, server):
        self.conn, self.poster = w.Http(server.http), w.Http(server.http)
        self.conn.send(w.http_request("GET", "/sse", {"Accept": "text/event-stream"}))
        self.stream = self.conn.response("GET").stream
        self.endpoint = self.stream.raw_event().data[0]
        self.refused = []

    def send(self, message):
        r = self.poster.request("POST", self.endpoint,
                                {"Content-Type": "application/json"}, w.dumps(message))
        if r.status != 202:
            self.refused.append(r.body)

    def line(self):
        if self.refused:
            return self.refused.pop(0)
        e = self.stream.event()
        return "\n".join(e.data) if e is not None else None

    def recv(self):
        return w.check_message(w.json.loads(self.line()))

    def ask(self, message):
        self.send(message)
        return self.recv()

    def close(self):
        self.conn.close()
        self.poster.close()


class Peer:
    def __init__(self, way, revision, server=None, process=None, capabilities=None):
        self.way, self.revision = way, revision
        self.stateless = revision == w.R5
        self.capabilities = EVERYTHING if capabilities is None else capabilities
        self.server, self.process = server, process
        self.last_id = 0
        self.unasked = []  # notifications that belong to no request
        self.session = self.line = None
        if way == "http":
            self.session = (w.Modern(server, self.capabilities) if self.stateless
                            else w.Legacy(server, revision, self.capabilities))
            self.handshake = getattr(self.session, "handshake", None)
            return
        if way == "sse":
            self.line = OldStream(server)
        else:
            self.line = w.Line(process if way == "stdio" else server.line_unix)
        if not self.stateless:
            m = self.line.ask(w.request("initialize", w.init_params(
                revision, self.capabilities), "start"))
            self.handshake = m["result"]
            self.line.send(w.notification("notifications/initialized"))

    def close(self):
        (self.session or self.line).close()
        if self.process is not None:
            self.process.wait()

    @property
    def declared(self):
        """The server's capabilities."""
        if not self.stateless:
            return self.handshake["capabilities"]
        return self.ask("server/discover").result["capabilities"]

    # --- one request ---

    def ask(self, method, params=None, answers=None, meta=None, **fields):
        """Sends it, answers what the server asks meanwhile by method or by
        key, and returns all that came."""
        out = Answer()
        params = dict(params or {})
        if not self.stateless:
            if meta:
                params["_meta"] = meta
            self._once(out, method, params, answers, None, fields)
            return out
        while True:
            self._once(out, method, params, answers, meta, fields)
            r = out.message.get("result", {})
            if r.get("resultType") != "input_required":
                return out
            out.rounds += 1
            given = {}
            for key, q in r.get("inputRequests", {}).items():
                out.asked.append((q["method"], q.get("params")))
                given[key] = self._reply(answers, q["method"], q.get("params"), key)
            if not answers:
                return out
            params["inputResponses"] = given
            params.pop("requestState", None)
            if "requestState" in r:
                params["requestState"] = r["requestState"]

    def tool(self, name, arguments=None, **more):
        params = {"name": name}
        if arguments is not None:
            params["arguments"] = arguments
        return self.ask("tools/call", params, **more)

    @staticmethod
    def _reply(answers, method, params, key=None):
        answers = answers or {}
        found = answers.get(key, answers.get(method))
        return found(params) if callable(found) else found

    def _once(self, out, method, params, answers, meta, fields):
        self.last_id += 1
        if self.stateless:
            m = w.modern(method, params, self.last_id, self.capabilities, meta)
        else:
            m = w.request(method, params or None, self.last_id)
        for got in self._messages(m, fields):
            if "method" not in got:
                assert got.get("id") == self.last_id, got
                out.message = got
            elif "id" in got:
                out.asked.append((got["method"], got.get("params")))
                self.tell({"jsonrpc": "2.0", "id": got["id"], "result": self._reply(
                    answers, got["method"], got.get("params"))})
            else:
                out.notes.append(got)

    def _messages(self, m, fields):
        """What comes until the answer, the answer last."""
        if self.way != "http":
            self.line.send(m)
            while True:
                got = self._next()
                yield got
                if "method" not in got:
                    return
        conn = w.Http(self.server.http)
        try:
            head = (w.modern_fields(m, **fields) if self.stateless
                    else self.session.fields(**fields))
            conn.send(w.http_request("POST", "/mcp", head, w.dumps(m)))
            r = conn.response()
            if r.stream is None:
                yield r.json
                return
            while True:
                e = r.stream.event()
                if e is None:
                    return
                yield e.message
        finally:
            conn.close()

    def _next(self):
        raw = self.line.line()
        assert raw is not None, "the stream has ended"
        return w.json.loads(raw)

    # --- besides requests ---

    def tell(self, message):
        if self.line is not None:
            self.line.send(message)
            return
        with w.Http(self.server.http) as conn:
            r = conn.request("POST", "/mcp", self.session.fields(), w.dumps(message))
            assert r.status == 202, r

    def watch(self, id="watch", **wishes):
        """What changes from now on: a Changes."""
        return Changes(self, id, wishes)


class Changes:
    """Notifications that no request caused: of a listen in the stateless era,
    of the session in the other."""

    def __init__(self, peer, id, wishes):
        self.peer, self.id = peer, id
        self.conn = self.stream = None
        self.acknowledged = None
        if peer.stateless:
            m = w.modern("subscriptions/listen", {"notifications": wishes}, id)
            if peer.line is not None:
                peer.line.send(m)
                self.acknowledged = self.next()
            else:
                self.conn = w.Http(peer.server.http)
                self.conn.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)))
                self.stream = self.conn.response().stream
                self.acknowledged = self.next()
        else:
            for uri in wishes.get("resourceSubscriptions", ()):
                assert peer.ask("resources/subscribe", {"uri": uri}).code is None
            if peer.line is None:
                self.conn, r = peer.session.stream()
                self.stream = r.stream

    def next(self):
        if self.stream is not None:
            return self.stream.message()
        return self.peer._next()

    def find(self, method, caused=()):
        """The next of that method, perhaps among what came with an answer."""
        for n in caused:
            if n["method"] == method:
                return n
        while True:
            n = self.next()
            assert n is not None, "the stream has ended"
            if n.get("method") == method:
                return n

    def close(self):
        if self.conn is not None:
            self.conn.close()
        elif self.peer.stateless:
            self.peer.line.send(w.notification(
                "notifications/cancelled", {"requestId": self.id}))
