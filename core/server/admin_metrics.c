/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics, family by family. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toolpost/abi.h>

#include "base/log.h"
#include "observe/metrics.h"
#include "observe/process.h"
#include "plugin/facts.h"
#include "server/admin_priv.h"

/* All plugins at once: each family goes over them. */
struct numbers {
	struct plugin_numbers *items; /* owned */
	size_t len;
	size_t cap;
	bool failed;
};

static void
numbers_add(void *arg, const struct plugin_numbers *n)
{
	struct numbers *all = arg;
	size_t cap = all->cap > 0 ? 2 * all->cap : 16;
	struct plugin_numbers *bigger;

	if (all->len == all->cap) {
		bigger = realloc(all->items, cap * sizeof *bigger);
		if (bigger == NULL) {
			all->failed = true;
			return;
		}
		all->items = bigger;
		all->cap = cap;
	}
	all->items[all->len++] = *n;
}

/* Of all its processes. */
static uint64_t
resident_of(const struct plugin_numbers *n)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n->pids_len; i++)
		bytes += process_resident_of(n->pids[i]);
	return bytes;
}

static uint64_t
number_of(const struct plugin_numbers *n, enum metrics_id id)
{
	switch (id) {
	case METRICS_PLUGIN_UP:
		return n->up;
	case METRICS_PLUGIN_GENERATION:
		return n->generation;
	case METRICS_PLUGIN_RESIDENT:
		return n->resident;
	case METRICS_PLUGIN_DRAINING:
		return n->draining;
	case METRICS_PLUGIN_INFLIGHT:
		return n->calls;
	case METRICS_PLUGIN_BREAKER:
		return n->breaker_open;
	case METRICS_PLUGIN_RUNNER:
		return resident_of(n);
	case METRICS_PLUGIN_RESTARTS:
		return n->restarts;
	case METRICS_PLUGIN_QUARANTINES:
		return n->ledger->quarantines;
	case METRICS_PLUGIN_REFUSED:
		return n->refusals;
	default:
		UNREACHABLE();
	}
}

static void
by_plugin(const struct numbers *all, enum metrics_id id, struct buf *out)
{
	metrics_begin(out, id);
	for (size_t i = 0; i < all->len; i++)
		metrics_count(out, id, &all->items[i].name,
		    number_of(&all->items[i], id));
}

static void
states_write(const struct numbers *all, struct buf *out)
{
	metrics_begin(out, METRICS_PLUGIN_STATE);
	for (size_t i = 0; i < all->len; i++)
		for (const char *const *s = plugin_facts_states; *s != NULL;
		     s++) {
			const struct str values[] = { all->items[i].name,
				str_of(*s) };

			metrics_count(out, METRICS_PLUGIN_STATE, values,
			    strcmp(*s, all->items[i].state) == 0);
		}
}

static void
runners_write(const struct numbers *all, struct buf *out)
{
	metrics_begin(out, METRICS_PLUGIN_RUNNERS);
	for (size_t i = 0; i < all->len; i++)
		for (unsigned k = 0; k < PLUGIN_DOINGS; k++) {
			const struct str values[] = { all->items[i].name,
				str_of(plugin_doings[k]) };

			metrics_count(out, METRICS_PLUGIN_RUNNERS, values,
			    all->items[i].doing[k]);
		}
}

static void
calls_write(const struct numbers *all, struct buf *out)
{
	metrics_begin(out, METRICS_PLUGIN_CALLS);
	for (size_t i = 0; i < all->len; i++)
		for (unsigned k = 0; k < CALL_OUTCOMES; k++) {
			const struct str values[] = { all->items[i].name,
				str_of(plugin_outcomes[k]) };

			metrics_count(out, METRICS_PLUGIN_CALLS, values,
			    plugin_ledger_calls(
				all->items[i].ledger, (enum call_outcome)k));
		}
}

static void
reloads_write(const struct numbers *all, struct buf *out)
{
	metrics_begin(out, METRICS_PLUGIN_RELOADS);
	for (size_t i = 0; i < all->len; i++) {
		const struct plugin_ledger *l = all->items[i].ledger;
		struct str values[] = { all->items[i].name, STR("ok") };

		metrics_count(
		    out, METRICS_PLUGIN_RELOADS, values, l->reloads_ok);
		values[1] = S("rejected");
		metrics_count(
		    out, METRICS_PLUGIN_RELOADS, values, l->reloads_rejected);
	}
}

static void
plugins_write(const struct numbers *all, struct buf *out)
{
	by_plugin(all, METRICS_PLUGIN_UP, out);
	states_write(all, out);
	by_plugin(all, METRICS_PLUGIN_GENERATION, out);
	by_plugin(all, METRICS_PLUGIN_RESIDENT, out);
	by_plugin(all, METRICS_PLUGIN_DRAINING, out);
	by_plugin(all, METRICS_PLUGIN_INFLIGHT, out);
	calls_write(all, out);
	by_plugin(all, METRICS_PLUGIN_BREAKER, out);
	runners_write(all, out);
	by_plugin(all, METRICS_PLUGIN_RUNNER, out);
	by_plugin(all, METRICS_PLUGIN_RESTARTS, out);
	by_plugin(all, METRICS_PLUGIN_QUARANTINES, out);
	by_plugin(all, METRICS_PLUGIN_REFUSED, out);
	reloads_write(all, out);
}

static void
server_write(
    struct server_admin *a, const struct admin_view *v, struct buf *out)
{
	struct server *s = a->server;
	char abi[32];
	struct str build[] = { STR(TOOLPOST_VERSION), STR_NONE };

	(void)snprintf(abi, sizeof abi, "%d.%d", TP_ABI_MAJOR, TP_ABI_MINOR);
	build[1] = str_of(abi);
	metrics_begin(out, METRICS_BUILD_INFO);
	metrics_count(out, METRICS_BUILD_INFO, build, 1);
	metrics_single(out, METRICS_READY, admin_is_ready(s));
	metrics_single(out, METRICS_REACTORS, s->reactors.len);
	metrics_single(out, METRICS_REACTORS_TURNING, v->turning);
	metrics_single(
	    out, METRICS_CONNECTIONS, atomic_load(&s->shared.connections));
	metrics_single(out, METRICS_STREAMS, atomic_load(&s->shared.streams));
	metrics_single(out, METRICS_SESSIONS, session_count(s->sessions));
	metrics_single(out, METRICS_CALLS_INFLIGHT, v->calls);
	metrics_single(out, METRICS_LOG_DROPPED, log_dropped());
}

static void
process_write(const struct server *s, struct buf *out)
{
	struct process_facts f;

	process_facts_read(&f);
	metrics_begin(out, METRICS_PROCESS_CPU);
	metrics_seconds(out, METRICS_PROCESS_CPU, NULL, f.cpu_ns);
	metrics_single(out, METRICS_PROCESS_RESIDENT, f.resident);
	metrics_single(out, METRICS_PROCESS_VIRTUAL, f.virtual_size);
	metrics_single(out, METRICS_PROCESS_FDS, f.fds);
	metrics_single(out, METRICS_PROCESS_FDS_MAX, f.fds_max);
	metrics_begin(out, METRICS_PROCESS_START);
	metrics_seconds(out, METRICS_PROCESS_START, NULL, s->started_wall_ns);
}

void
admin_metrics_write(
    struct server_admin *a, const struct admin_view *v, struct buf *out)
{
	struct numbers all = { NULL, 0, 0, false };

	plugin_facts_each(a->server->plugins, &v->census, numbers_add, &all);
	server_write(a, v, out);
	plugins_write(&all, out);
	metrics_begin(out, METRICS_RELOAD_TIME);
	metrics_seconds(out, METRICS_RELOAD_TIME, NULL, a->last_wall_ns);
	process_write(a->server, out);
	out->failed = out->failed || all.failed;
	free(all.items);
}
