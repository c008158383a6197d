/* SPDX-License-Identifier: Apache-2.0 */
/* What each reactor holds, made and unmade on its own thread. */
#include "base/log.h"
#include "base/panic.h"
#include "server/server_priv.h"

static void
stdio_closed(void *arg)
{
	struct server *s = arg;

	loop_post(s->control, &s->stdio_ended);
}

static int
reactor_listen(struct server *s, struct loop_reactor *r,
    struct transport_reactor *t, struct err *err)
{
	size_t i;
	int rc = 0;

	if (s->stdio)
		return transport_stdio_start(
		    t, s->stdio_in, s->stdio_out, stdio_closed, s, err);
	for (i = 0; i < s->listens_len && rc == 0; i++)
		rc = transport_reactor_listen(
		    t, &s->listens[i].per_reactor[r->index], err);
	return rc;
}

static void
reactor_end(struct loop_reactor *r, void *arg)
{
	struct server *s = arg;
	struct server_reactor *h = &s->held[r->index];

	transport_reactor_destroy(h->transport);
	if (s->passage != NULL) {
		server_listen_leave(s, r->index);
		plugin_passage_leave(s->passage, r->index);
	}
	if (s->plugins != NULL)
		plugin_manager_leave(s->plugins, r->index);
	mcp_reactor_destroy(h->mcp);
	call_reactor_finish(&h->calls);
	panic_thread_finish();
}

static void
features_set(struct mcp_reactor *m, const struct server_features_config *f)
{
	unsigned off = 0;

	if (!f->logging)
		off |= MCP_FEATURE_LOGGING;
	if (!f->sampling)
		off |= MCP_FEATURE_SAMPLING;
	if (!f->roots)
		off |= MCP_FEATURE_ROOTS;
	mcp_reactor_features_set(m, off);
}

/* Its first act, where each has a table of descriptors of its own; what it
 * does not need goes, or a peer would never see an end. */
static int
table_own(struct server *s, struct loop_reactor *r, struct err *err)
{
	size_t i;
	int rc = loop_thread_table_own(err);

	if (rc < 0)
		return rc;
	server_listen_keep(s, r->index);
	server_admin_forget(s);
	for (i = 0; i < ARRAY_LEN(s->signals); i++)
		loop_signal_forget(s->signals[i]);
	return plugin_passage_enter(s->passage, r->index, r->loop, err);
}

static int
reactor_begin(struct loop_reactor *r, void *arg, struct err *err)
{
	struct server *s = arg;
	struct server_reactor *h = &s->held[r->index];
	int rc = s->passage != NULL ? table_own(s, r, err) : 0;

	if (rc < 0)
		return rc;
	panic_thread_init();
	call_reactor_init(&h->calls, r->loop, s->pool);
	h->calls.number = r->index;
	h->calls.block_ns = s->config.limits.handler_block;
	h->mcp = mcp_reactor_create(&h->calls, s->registry, &s->identity, err);
	if (h->mcp != NULL) {
		mcp_reactor_rounds_set(h->mcp, &s->rounds, r->index);
		features_set(h->mcp, &s->config.features);
	}
	if (h->mcp != NULL && s->tasks != NULL)
		mcp_reactor_tasks_set(h->mcp, s->tasks, r->index);
	if (h->mcp != NULL)
		h->transport =
		    transport_reactor_create(&s->shared, r->loop, h->mcp, err);
	if (h->transport == NULL) {
		reactor_end(r, s);
		return ERR_NOMEM;
	}
	r->user = h->transport;
	return 0;
}

static void
reactor_open(struct loop_reactor *r, void *arg)
{
	struct server *s = arg;
	struct err err;

	if (reactor_listen(s, r, s->held[r->index].transport, &err) == 0)
		return;
	LOG_ERROR("cannot accept", F_CSTR("reason", err.text));
	atomic_store(&s->open_failed, true);
}

int
server_reactors_open(struct server *s, struct err *err)
{
	if (loop_reactors_barrier(
		&s->reactors, s->control, reactor_open, server_opened, s)
	    < 0)
		return err_set(err, ERR_NOMEM, "out of memory");
	return 0;
}

/* Runs on each reactor after a publish. */
static void
published(struct loop_reactor *r, void *arg)
{
	struct server *s = arg;

	mcp_lists_changed(s->held[r->index].mcp);
}

int
server_reactors_start(struct server *s, struct err *err)
{
	int rc;

	s->shared.reactors = &s->reactors;
	rc = loop_reactors_start(&s->reactors, (unsigned)s->config.reactors,
	    reactor_begin, reactor_end, s, err);
	if (rc == 0 && s->passage != NULL)
		server_listen_hand(s);
	return rc;
}

void
server_reactors_read(struct server *s)
{
	registry_on_publish(s->registry, published, s);
	registry_readers_set(s->registry, &s->reactors, s->control);
	session_table_readers_set(s->sessions, &s->reactors, s->control);
}
