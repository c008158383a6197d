# SPDX-License-Identifier: Apache-2.0
"""Clients that control every byte, one for each way in.

Nothing here waits by sleeping: every wait ends with an event or fails at a
deadline.
"""

import base64
import json
import re
import socket

from mcp_bytes import *  # noqa: F401,F403
from mcp_bytes import DEADLINE, Bytes
from mcp_plugin import *  # noqa: F401,F403
from mcp_schema import Exchanges, Watch, parsed
from mcp_server import *  # noqa: F401,F403
from mcp_server import Stdio

R1, R2, R3, R4 = "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"
R5 = "2026-07-28"
STATEFUL = [R1, R2, R3, R4]
REVISIONS = STATEFUL + [R5]

META = "io.modelcontextprotocol/"
PV, CC = META + "protocolVersion", META + "clientCapabilities"
CI, LL = META + "clientInfo", META + "logLevel"
SID, SI = META + "subscriptionId", META + "serverInfo"

BOTH = "application/json, text/event-stream"


def dumps(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# --- HTTP ---

class Event:
    def __init__(self, raw):
        self.raw = raw
        self.comments, self.data, self.fields = [], [], {}
        for line in raw.decode().split("\n"):
            if line.startswith(":"):
                self.comments.append(line[1:])
            elif line:
                name, _, value = line.partition(":")
                value = value[1:] if value.startswith(" ") else value
                if name == "data":
                    self.data.append(value)
                else:
                    self.fields[name] = value

    @property
    def message(self):
        return json.loads("\n".join(self.data))


class Response:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        m = re.fullmatch(r"HTTP/1\.1 (\d{3}) [\x20-\x7e]*", lines[0])
        assert m, "status line %r" % lines[0]
        self.status = int(m.group(1))
        self.fields = []
        for line in lines[1:]:
            if not line:
                continue
            assert re.match(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[\x20-\x7e]*$", line), line
            name, _, value = line.partition(":")
            self.fields.append((name.lower(), value.strip()))
        self.body = b""
        self.stream = None

    def get(self, name):
        values = [v for n, v in self.fields if n == name.lower()]
        assert len(values) < 2, "%s is there %d times" % (name, len(values))
        return values[0] if values else None

    @property
    def type(self):
        return (self.get("content-type") or "").split(";")[0]

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "<%d %r %r>" % (self.status, self.fields, self.body[:300])


class Stream:
    """The events of one response."""

    def __init__(self, source, chunked, watch):
        self.source, self.chunked, self.watch = source, chunked, watch
        self.buf = b""
        self.over = False

    def _more(self, seconds):
        if not self.chunked:
            deadline = time.monotonic() + seconds
            if not self.source.buf and not self.source.fill(deadline):
                self.over = True
                return
            self.buf += bytes(self.source.buf)
            self.source.buf.clear()
            return
        line = self.source.until(b"\r\n", seconds)
        if line is None:
            raise AssertionError("the stream was cut off")
        size = int(line, 16)
        self.buf += self.source.exactly(size)
        assert self.source.exactly(2) == b"\r\n"
        if size == 0:
            self.over = True

    def raw_event(self, seconds=DEADLINE):
        """An event or a comment block; None at the end."""
        while b"\n\n" not in self.buf:
            if self.over:
                assert self.buf == b"", self.buf
                return None
            self._more(seconds)
        raw, _, self.buf = self.buf.partition(b"\n\n")
        assert b"\r" not in raw
        e = Event(raw)
        self._check(e)
        return e

    def _check(self, e):
        text = "\n".join(e.data)
        if e.fields.get("event") == "endpoint":
            self.watch.session = text.rpartition("=")[2]
        elif text:
            message = parsed(text)
            if message is not None:
                self.watch.came(message)

    def event(self, seconds=DEADLINE):
        """The next event that holds data."""
        while True:
            e = self.raw_event(seconds)
            if e is None or any(e.data):
                return e

    def message(self, seconds=DEADLINE):
        e = self.event(seconds)
        return check_message(e.message) if e is not None else None

    def messages(self):
        out = []
        while True:
            m = self.message()
            if m is None:
                return out
            out.append(m)


class Http:
    """One connection."""

    def __init__(self, address):
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(address)
        else:
            self.sock = socket.create_connection(address, DEADLINE)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(DEADLINE)
        self.bytes = Bytes(self.sock)
        self.exchanges = Exchanges()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        """False: the peer does not take it any more."""
        self.exchanges.sent(data)
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def head(self, seconds=DEADLINE):
        raw = self.bytes.until(b"\r\n\r\n", seconds)
        return Response(raw) if raw is not None else None

    def response(self, method="POST", seconds=DEADLINE):
        """The next response; None when the peer closed instead."""
        r = self.head(seconds)
        if r is None:
            assert not self.bytes.buf, "half a head: %r" % bytes(self.bytes.buf)
            return None
        length, coding = r.get("content-length"), r.get("transfer-encoding")
        assert length is None or coding is None
        watch = Watch() if r.status == 100 else self.exchanges.answered()
        if watch.session is None:
            watch.session = r.get("mcp-session-id")
        if r.type == "text/event-stream":
            r.stream = Stream(self.bytes, coding == "chunked", watch)
        elif method == "HEAD" or r.status in (100, 204, 304):
            assert coding is None
        elif coding is not None:
            assert coding == "chunked"
            while True:
                size = int(self.bytes.until(b"\r\n"), 16)
                r.body += self.bytes.exactly(size)
                assert self.bytes.exactly(2) == b"\r\n"
                if size == 0:
                    break
        elif length is not None:
            r.body = self.bytes.exactly(int(length), seconds)
        else:
            r.body = self.bytes.rest(seconds)
        message = parsed(r.body) if r.type == "application/json" else None
        if message is not None and (r.status >= 400 or method == "POST"):
            watch.came(message)
        return r

    def request(self, method, target="/mcp", fields=(), body=None, host="localhost"):
        self.send(http_request(method, target, fields, body, host))
        return self.response(method)

    def is_closed(self, seconds=DEADLINE):
        """Waits for the end; True when nothing came before it."""
        return self.bytes.rest(seconds) == b""


def http_request(method, target="/mcp", fields=(), body=None, host="localhost"):
    if isinstance(fields, dict):
        fields = [(k, v) for k, v in fields.items() if v is not None]
    out = ("%s %s HTTP/1.1\r\n" % (method, target)).encode()
    if host is not None:
        out += b"Host: " + host.encode() + b"\r\n"
    for name, value in fields:
        value = value if isinstance(value, bytes) else str(value).encode("latin-1")
        out += name.encode() + b": " + value + b"\r\n"
    if body is not None:
        out += b"Content-Length: %d\r\n" % len(body)
    return out + b"\r\n" + (body or b"")


# --- messages ---

def check_message(m, method=None):
    """What every message of ours keeps (MSG-01, MSG-04, MSG-05, MSG-07)."""
    assert isinstance(m, dict) and m["jsonrpc"] == "2.0", m
    if "method" in m:
        assert isinstance(m["method"], str)
        assert "id" not in m, "a notification with an id: %r" % m
        assert set(m) <= {"jsonrpc", "method", "params"}, m
        assert isinstance(m.get("params", {}), dict)
        return m
    assert ("result" in m) != ("error" in m), m
    assert set(m) <= {"jsonrpc", "id", "result", "error"}, m
    if "result" in m:
        assert isinstance(m["result"], dict) and "id" in m
    else:
        e = m["error"]
        assert set(e) <= {"code", "message", "data"}, e
        assert type(e["code"]) is int and isinstance(e["message"], str)
        assert e["message"] and "\n" not in e["message"]
        # ERR-02, ERR-03
        assert e["code"] in (-32700, -32600, -32601, -32602, -32603, -32002,
                             -32020, -32021, -32022, -32042), e
    if "id" in m:
        assert type(m["id"]) in (str, int), m
    return m


def request(method, params=None, id=1):
    m = {"jsonrpc": "2.0", "id": id, "method": method}
    if params is not None:
        m["params"] = params
    return m


def notification(method, params=None):
    m = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        m["params"] = params
    return m


def claim(version=R5, capabilities=None, **more):
    meta = {PV: version, CC: capabilities or {},
            CI: {"name": "wire", "version": "1"}}
    meta.update(more)
    return meta


def modern(method, params=None, id=1, capabilities=None, meta=None):
    params = dict(params or {})
    params["_meta"] = claim(capabilities=capabilities)
    if meta:
        params["_meta"].update(meta)
    return request(method, params, id)


MIRRORED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri",
            "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId"}


def encode_header(value):
    """As clients do: the sentinel form where a field cannot hold it."""
    plain = (value.isascii() and value.isprintable() and value == value.strip()
             and not value.startswith("=?base64?"))
    if plain:
        return value
    return "=?base64?%s?=" % base64.b64encode(value.encode()).decode()


def modern_fields(message, **more):
    fields = {"Content-Type": "application/json", "Accept": BOTH,
              "MCP-Protocol-Version": R5, "Mcp-Method": message["method"]}
    member = MIRRORED.get(message["method"])
    value = message.get("params", {}).get(member) if member else None
    if isinstance(value, str):
        fields["Mcp-Name"] = encode_header(value)
    for k, v in more.items():
        fields[k.replace("_", "-")] = v
    return fields


def legacy_fields(**more):
    fields = {"Content-Type": "application/json", "Accept": BOTH}
    for k, v in more.items():
        fields[k.replace("_", "-")] = v
    return fields


def init_params(version=R4, capabilities=None):
    return {"protocolVersion": version, "capabilities": capabilities or {},
            "clientInfo": {"name": "wire", "version": "1"}}


class Modern:
    """A stateless client on one connection of its own."""

    era = "stateless"
    revision = R5

    def __init__(self, server, capabilities=None):
        self.server, self.capabilities = server, capabilities or {}
        self.conn = None
        self.last_id = 0

    def open(self):
        if self.conn is None:
            self.conn = Http(self.server.http)
        return self.conn

    def close(self):
        if self.conn is not None:
            self.conn.close()
        self.conn = None

    def next_id(self):
        self.last_id += 1
        return self.last_id

    def send(self, method, params=None, id=None, meta=None, **fields):
        m = modern(method, params, self.next_id() if id is None else id,
                   self.capabilities, meta)
        return self.send_raw(dumps(m), modern_fields(m, **fields))

    def send_raw(self, body, fields):
        self.open().send(http_request("POST", "/mcp", fields, body))

    def post(self, method, params=None, id=None, meta=None, **fields):
        self.send(method, params, id, meta, **fields)
        return self.conn.response()

    def call(self, method, params=None, **more):
        """The result."""
        r = self.post(method, params, **more)
        assert r.status == 200, r
        m = check_message(r.json) if r.stream is None else r.stream.messages()[-1]
        assert "result" in m, m
        assert m["result"]["resultType"] in ("complete", "input_required", "task"), m
        return m["result"]

    def error(self, method, params=None, status=200, **more):
        r = self.post(method, params, **more)
        assert r.status == status, r
        return check_message(r.json)["error"]

    def tool(self, name, arguments=None, **more):
        params = {"name": name}
        if arguments is not None:
            params["arguments"] = arguments
        return self.call("tools/call", params, **more)

    def listen(self, id="listen", seconds=DEADLINE, **wishes):
        """A connection of its own; (Http, Stream, acknowledgement)."""
        m = modern("subscriptions/listen", {"notifications": wishes}, id)
        conn = Http(self.server.http)
        conn.send(http_request("POST", "/mcp", modern_fields(m), dumps(m)))
        r = conn.response()
        assert r.status == 200 and r.stream is not None, r
        return conn, r.stream, r.stream.message(seconds)


class Legacy:
    """A session of the stateful era."""

    era = "stateful"

    def __init__(self, server, revision=R4, capabilities=None, ready=True):
        self.server, self.revision = server, revision
        self.conn = Http(server.http)
        self.last_id = 0
        self.session = None
        r = self.post("initialize", init_params(revision, capabilities))
        assert r.status == 200, r
        self.handshake = check_message(r.json)["result"]
        self.session = r.get("mcp-session-id")
        self.revision = self.handshake["protocolVersion"]
        if ready:
            assert self.notify("notifications/initialized").status == 202

    def close(self):
        self.conn.close()

    def fields(self, **more):
        f = legacy_fields()
        if self.session is not None:
            f["Mcp-Session-Id"] = self.session
            if self.revision >= R3:
                f["MCP-Protocol-Version"] = self.revision
        for k, v in more.items():
            f[k.replace("_", "-")] = v
        return f

    def next_id(self):
        self.last_id += 1
        return self.last_id

    def send(self, method, params=None, id=None, conn=None, **fields):
        m = request(method, params, self.next_id() if id is None else id)
        (conn or self.conn).send(
            http_request("POST", "/mcp", self.fields(**fields), dumps(m)))

    def post(self, method, params=None, id=None, **fields):
        self.send(method, params, id, **fields)
        return self.conn.response()

    def raw(self, body, **fields):
        return self.conn.request("POST", "/mcp", self.fields(**fields), body)

    def notify(self, method, params=None, conn=None, **fields):
        c = conn or self.conn
        return c.request("POST", "/mcp", self.fields(**fields),
                         dumps(notification(method, params)))

    def call(self, method, params=None, **more):
        r = self.post(method, params, **more)
        assert r.status == 200, r
        m = check_message(r.json) if r.stream is None else r.stream.messages()[-1]
        assert "result" in m, m
        return m["result"]

    def error(self, method, params=None, status=200, **more):
        r = self.post(method, params, **more)
        assert r.status == status, r
        return check_message(r.json)["error"]

    def tool(self, name, arguments=None, **more):
        params = {"name": name}
        if arguments is not None:
            params["arguments"] = arguments
        return self.call("tools/call", params, **more)

    def stream(self, **fields):
        """(Http, Response) of a GET."""
        conn = Http(self.server.http)
        conn.send(http_request("GET", "/mcp", self.fields(
            Content_Type=None, Accept="text/event-stream", **fields)))
        return conn, conn.response("GET")

    def delete(self, **fields):
        return self.conn.request("DELETE", "/mcp", self.fields(
            Content_Type=None, **fields))


class Line:
    """One message a line: a socket, or a process."""

    era = "line"

    def __init__(self, target):
        if isinstance(target, Stdio):
            self.bytes = target.out
            self._write = target.write
            self._close = target.end
        else:
            if isinstance(target, str):
                sock = socket.socket(socket.AF_UNIX)
                sock.connect(target)
            else:
                sock = socket.create_connection(target, DEADLINE)
            sock.settimeout(DEADLINE)
            self.sock = sock
            self.bytes = Bytes(sock)
            self._write = sock.sendall
            self._close = sock.close
        self.last_id = 0
        self.watch = Watch()
        self.begun = b""  # a line without its end

    def close(self):
        self._close()

    def _send(self, data):
        *whole, self.begun = (self.begun + data).split(b"\n")
        for one in whole:
            self.watch.sent(one)
        self._write(data)

    def send(self, message, end=b"\n"):
        data = message if isinstance(message, bytes) else dumps(message)
        self._send(data + end)

    def line(self, seconds=DEADLINE):
        """The raw line without its end; None at the end of the stream."""
        raw = self.bytes.until(b"\n", seconds)
        if raw is None:
            return None
        message = parsed(raw)
        if message is not None:
            self.watch.came(message)
        return raw[:-1]

    def recv(self, seconds=DEADLINE):
        raw = self.line(seconds)
        if raw is None:
            assert not self.bytes.buf, bytes(self.bytes.buf)
            return None
        assert b"\r" not in raw
        return check_message(json.loads(raw))

    def ask(self, message):
        """The answer to it; other messages in between are an error."""
        self.send(message)
        m = self.recv()
        assert m is not None, "the stream has ended"
        return m

    def next_id(self):
        self.last_id += 1
        return self.last_id

    def modern(self, method, params=None, **more):
        return self.ask(modern(method, params, self.next_id(), **more))

    def legacy(self, method, params=None):
        return self.ask(request(method, params, self.next_id()))

    def handshake(self, revision=R4):
        m = self.legacy("initialize", init_params(revision))
        self.send(notification("notifications/initialized"))
        return m["result"]
