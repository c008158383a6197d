# SPDX-License-Identifier: Apache-2.0
"""A crash in process: a report that says where, then the end; nobody tries to
save what is broken (plugin-abi.md 4.3)."""

import re
import signal

import pytest

import mcp_wire as w

# What its allocator or its handlers find first, a sanitizer reports itself.
KINDS = ([] if w.SANITIZED else [
    ("segv", -signal.SIGSEGV, "SIGSEGV at 0x8"), ("double_free", -signal.SIGABRT, "SIGABRT"),
    ("stack", -signal.SIGSEGV, "SIGSEGV at 0x"), ("exit", 3, r"exit\(3\) was called")]) + [
    ("abort", -signal.SIGABRT, "SIGABRT")]


@pytest.mark.parametrize("kind, status, what", KINDS, ids=[k[0] for k in KINDS])
def test_a_crash_in_process_is_told_and_ends_it(start, hostile_plugins, kind, status, what):
    s = w.Server(config=start.config("plugins: {isolation: none, hostile: {isolation: none}}\n"),
                 plugins=(hostile_plugins,))
    with w.Http(s.http) as conn:
        m = w.modern("tools/call", {"name": "hostile_" + kind, "arguments": {}}, 1)
        conn.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)))
        assert s.wait() == status, s.log_text()
    said = "\n".join(x.get("text", "") for x in s.lines)
    assert re.search(r"toolpost \S+ panic: %s.* \(pid %d, thread \d+\)\n" % (what, s.pid)
                     + r"  in: plugin hostile 1\.0\.0, generation 1, entry hostile_%s,"
                     r" build \S+\n  backtrace:\n" % kind, said), said
    assert said.count("panic:") == 1
