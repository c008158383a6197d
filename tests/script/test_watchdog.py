# SPDX-License-Identifier: Apache-2.0
"""Handlers that say they do not block, and do (reliability.md 2): named in the
log, their later calls run in the pool; a reactor that never comes round ends
the process with a report."""

import os
import signal

import pytest

import mcp_wire as w

SOURCE = r"""
#define _GNU_SOURCE
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <toolpost/plugin.h>

static int
where(struct tp_call *call)
{
	return tp_textf(call, "%ld", syscall(SYS_gettid));
}

static int
quick(struct tp_call *call, void *state)
{
	(void)state;
	return where(call);
}

/* 80 ms of its own processor time. */
static int
spin(struct tp_call *call, void *state)
{
	struct timespec from, now;

	(void)state;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	} while ((now.tv_sec - from.tv_sec) * 1000000000L + now.tv_nsec - from.tv_nsec
	    < 80 * 1000000L);
	return where(call);
}

static int
wait_long(struct tp_call *call, void *state)
{
	(void)state;
	(void)poll(0, 0, 80);
	return where(call);
}

static int
stuck(struct tp_call *call, void *state)
{
	volatile int forever = 1;

	(void)call;
	(void)state;
	while (forever)
		(void)poll(0, 0, 10);
	return TP_OK;
}

static const struct tp_entry entries[] = {
	TP_TOOL_FLAGS("blk_quick", quick, TP_NONBLOCKING),
	TP_TOOL_FLAGS("blk_spin", spin, TP_NONBLOCKING),
	TP_TOOL_FLAGS("blk_wait", wait_long, TP_NONBLOCKING),
	TP_TOOL_FLAGS("blk_stuck", stuck, TP_NONBLOCKING),
};
TP_PLUGIN("blk", "1.2.3", entries);
"""

MANIFEST = "plugin: blk\nversion: 1.2.3\nabi: 1\nmodule: blk.so\ntools:\n" + "".join(
    "  - {name: blk_%s, description: A tool.}\n" % n for n in ("quick", "spin", "wait", "stuck"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    top = tmp_path_factory.mktemp("blk")
    os.mkdir(top / "blk")
    w.compile_plugin(SOURCE, top / "blk" / "blk.so")
    (top / "blk" / "blk.yaml").write_text(MANIFEST)
    return str(top)


def thread(client, tool):
    return client.tool("blk_" + tool)["content"][0]["text"]


@pytest.mark.parametrize("isolation", ["none", "process"])
@pytest.mark.parametrize("tool", ["spin", "wait"])
def test_a_handler_that_blocks_is_named_and_moved(start, folder, tool, isolation):
    server = start.serve("reactors: 1\nplugins: {isolation: %s%s}\n"
                         % (isolation, w.BEST_EFFORT), plugins=(folder,))
    m = w.Modern(server)
    here = thread(m, "quick")
    # A busy machine may hide that it is the handler's own doing, for a while.
    tries = 0
    while thread(m, tool) == here:
        tries += 1
        assert tries < 100
    assert tries >= 1
    said = server.wait_log("plugin handler blocks", plugin="blk")
    assert said["entry"] == "blk_" + tool and said["ms"] >= 50
    assert thread(m, "quick") == here, "others stay where they were"
    m.close()


def test_nobody_looks_when_it_is_switched_off(start, folder):
    server = start.serve("reactors: 1\nlimits: {handler_block: 0}\nplugins: {isolation: none}\n",
                         plugins=(folder,))
    m = w.Modern(server)
    here = thread(m, "quick")
    assert all(thread(m, "wait") == here for _ in range(3))
    m.close()


def test_a_reactor_that_is_stuck_ends_the_process_with_a_report(folder, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("reactors: 1\nlimits: {reactor_stuck: 500ms}\nplugins: {isolation: none}\n")
    server = w.Server(config=str(path), plugins=(folder,))
    with w.Http(server.http) as conn:
        msg = w.modern("tools/call", {"name": "blk_stuck", "arguments": {}}, 1)
        conn.send(w.http_request("POST", "/mcp", w.modern_fields(msg), w.dumps(msg)))
        assert server.wait() == -signal.SIGABRT
    text = server.log_text()
    assert "reactor stuck" in text and "panic" in text
    if not w.SANITIZED:  # which hold signals back
        assert "plugin blk 1.2.3" in text and "entry blk_stuck" in text
