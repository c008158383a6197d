/* SPDX-License-Identifier: Apache-2.0 */
/* The page of state, as JSON. */
#include <unistd.h>

#include "observe/process.h"
#include "plugin/facts.h"
#include "server/admin_priv.h"

static void
listen_member(const struct server *s, struct buf *out)
{
	BUF_LIT(out, ",\"listen\":[");
	for (size_t i = 0; i < s->listens_len; i++) {
		char text[NET_ADDR_TEXT_MAX + 512];

		server_listen_text(s, i, text, sizeof text);
		if (i > 0)
			buf_char(out, ',');
		buf_json(out, str_of(text));
	}
	buf_char(out, ']');
}

static void
counts_members(
    const struct server_admin *a, const struct admin_view *v, struct buf *out)
{
	const struct server *s = a->server;

	buf_printf(out,
	    ",\"connections\":%zu,\"sessions\":%zu,\"streams\":%zu,"
	    "\"calls\":%zu,\"reactors\":%u,\"reactorsTurning\":%u,"
	    "\"workers\":%lld",
	    atomic_load(&((struct server *)(uintptr_t)s)->shared.connections),
	    session_count(s->sessions),
	    atomic_load(&((struct server *)(uintptr_t)s)->shared.streams),
	    v->calls, s->reactors.len, v->turning,
	    (long long)s->config.workers);
	if (v->turning < s->reactors.len)
		buf_printf(out, ",\"reactorStuck\":%u", v->stuck);
}

static void
process_member(struct buf *out)
{
	struct process_facts f;

	process_facts_read(&f);
	buf_printf(out,
	    ",\"process\":{\"cpuMs\":%lld,\"residentBytes\":%llu,"
	    "\"fds\":%llu,\"fdsMax\":%llu}",
	    (long long)(f.cpu_ns / NS_PER_MS), (unsigned long long)f.resident,
	    (unsigned long long)f.fds, (unsigned long long)f.fds_max);
}

static void
last_member(const struct server_admin *a, struct buf *out)
{
	char when[32];

	if (a->batches == 0)
		return;
	clock_format_rfc3339(a->last_wall_ns, when);
	buf_printf(out,
	    ",\"lastReload\":{\"at\":\"%s\",\"ageMs\":%lld,\"changes\":[", when,
	    (long long)((clock_now_ns() - a->last_ns) / NS_PER_MS));
	buf_str(out, buf_view(&a->last));
	BUF_LIT(out, "]}");
}

void
admin_status_write(
    struct server_admin *a, const struct admin_view *v, struct buf *out)
{
	const struct server *s = a->server;
	char started[32];

	clock_format_rfc3339(s->started_wall_ns, started);
	buf_printf(out,
	    "{\"version\":\"" TOOLPOST_VERSION "\",\"pid\":%ld,"
	    "\"phase\":\"%s\",\"ready\":%s,\"startedAt\":\"%s\","
	    "\"uptimeMs\":%lld",
	    (long)getpid(), admin_phase_name(s),
	    admin_is_ready(s) ? "true" : "false", started,
	    (long long)((clock_now_ns() - s->started_ns) / NS_PER_MS));
	listen_member(s, out);
	counts_members(a, v, out);
	process_member(out);
	BUF_LIT(out, ",\"plugins\":[");
	plugin_facts_list(s->plugins, &v->census, out);
	BUF_LIT(out, "],\"draining\":[");
	(void)plugin_facts_draining(s->plugins, STR_NONE, &v->census, out);
	BUF_LIT(out, "]");
	last_member(a, out);
	BUF_LIT(out, "}\n");
}
