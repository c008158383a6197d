/* SPDX-License-Identifier: Apache-2.0 */
/* What a manifest says, as JSON. */
#include "plugin/facts.h"

#include "call/call.h"

static void
text_member(struct buf *out, const char *key, struct str text)
{
	if (text.len == 0)
		return;
	buf_printf(out, ",\"%s\":", key);
	buf_json(out, text);
}

static void
limits_members(const struct plugin_limits *l, struct buf *out)
{
	int64_t timeout = l->timeout_ns > 0 ? l->timeout_ns : CALL_DEADLINE_NS;
	int64_t result =
	    l->result_max > 0 ? l->result_max : (int64_t)CALL_RESULT_MAX;

	buf_printf(out,
	    "\"timeoutMs\":%lld,\"concurrency\":%lld,\"queue\":%lld,"
	    "\"resultBytes\":%lld",
	    (long long)(timeout / NS_PER_MS), (long long)l->concurrency,
	    (long long)l->queue, (long long)result);
	if (l->rate_ns > 0)
		buf_printf(out, ",\"ratePerMinute\":%lld,\"burst\":%lld",
		    (long long)(60 * NS_PER_S / l->rate_ns),
		    (long long)l->burst);
	if (l->retry == PLUGIN_RETRY_SAFE)
		BUF_LIT(out, ",\"retry\":\"safe\"");
}

static void
breaker_member(const struct call_breaker_limits *b, struct buf *out)
{
	if (b->off) {
		BUF_LIT(out, ",\"breaker\":\"off\"");
		return;
	}
	buf_printf(out,
	    ",\"breaker\":{\"failures\":%lld,\"percent\":%lld,"
	    "\"calls\":%lld,\"windowMs\":%lld,\"probeMs\":%lld,"
	    "\"close\":%lld}",
	    (long long)b->failures, (long long)b->percent, (long long)b->calls,
	    (long long)(b->window_ns / NS_PER_MS),
	    (long long)(b->probe_ns / NS_PER_MS), (long long)b->good);
}

struct said_list {
	struct buf *out;
	const char *key;
	size_t len;
};

static void
said_add(void *arg, const struct plugin_limit_said *said)
{
	struct said_list *l = arg;
	struct buf at;

	buf_init(&at);
	buf_printf(&at, "%.*s:%u:%u", STR_FMT(said->at->file),
	    said->at->at.line, said->at->at.column);
	if (l->len++ == 0)
		buf_printf(l->out, ",\"%s\":[", l->key);
	else
		buf_char(l->out, ',');
	buf_printf(l->out, "{\"key\":\"%s\"", said->key);
	text_member(l->out, "tool", said->tool);
	text_member(l->out, "value", said->value);
	text_member(l->out, "manifest", said->manifest);
	text_member(l->out, "at", buf_view(&at));
	buf_char(l->out, '}');
	buf_finish(&at);
}

void
plugin_facts_limits(
    const struct plugin_manifest *m, const char *key, struct buf *out)
{
	struct said_list l = { out, key, 0 };

	plugin_limits_each(m, said_add, &l);
	if (l.len > 0)
		buf_char(out, ']');
}

static void
entry_object(const struct plugin_manifest *m,
    const struct plugin_manifest_entry *e, struct buf *out)
{
	buf_printf(
	    out, "{\"kind\":\"%s\",\"name\":", plugin_kind_name(e->entry.kind));
	buf_json(out, e->entry.key);
	if (m->path != NULL) {
		BUF_LIT(out, ",\"at\":");
		buf_json(out, str_of(m->path));
		out->len--; /* the quote: a place follows */
		buf_printf(out, ":%u:%u\"", e->at.line, e->at.column);
	}
	buf_char(out, ',');
	limits_members(&e->limits, out);
	buf_char(out, '}');
}

static void
dynamic_member(const struct plugin_grant *g, struct buf *out)
{
	static const char *const kinds[] = { "", "tool", "resource", "prompt" };
	bool more = false;

	if (g->max == 0)
		return;
	BUF_LIT(out, ",\"dynamic\":{\"prefix\":");
	buf_json(out, g->prefix);
	buf_printf(out, ",\"max\":%zu,\"kinds\":[", g->max);
	for (size_t i = 1; i < ARRAY_LEN(kinds); i++) {
		if (!g->kinds[i])
			continue;
		buf_printf(out, "%s\"%s\"", more ? "," : "", kinds[i]);
		more = true;
	}
	BUF_LIT(out, "]}");
}

void
plugin_facts_manifest(const struct plugin_manifest *m, struct buf *out)
{
	text_member(out, "version", m->version);
	text_member(out, "title", m->title);
	text_member(out, "description", m->description);
	text_member(out, "license", m->license);
	text_member(out, "homepage", m->homepage);
	text_member(out, "manifest", str_of(m->path));
	text_member(out, "module", m->module);
	buf_printf(out, ",\"abi\":\"%d.%u\",\"pinned\":%s,\"state\":\"%s\"", 1,
	    m->abi_minor, m->pinned ? "true" : "false",
	    m->state_required ? "required" : "optional");
	BUF_LIT(out, ",\"limits\":{");
	limits_members(&m->limits, out);
	breaker_member(&m->breaker, out);
	plugin_facts_limits(m, "set", out);
	buf_char(out, '}');
	dynamic_member(&m->dynamic, out);
	BUF_LIT(out, ",\"entries\":[");
	for (size_t i = 0; i < m->entries_len; i++) {
		if (i > 0)
			buf_char(out, ',');
		entry_object(m, &m->entries[i], out);
	}
	buf_char(out, ']');
}

static void
list_member(const char *key, const struct settings_strs *list, struct buf *out)
{
	buf_printf(out, "\"%s\":[", key);
	for (size_t i = 0; i < list->len; i++) {
		if (i > 0)
			buf_char(out, ',');
		buf_json(out, list->items[i]);
	}
	BUF_LIT(out, "],");
}

struct words {
	struct buf *out;
	size_t len;
};

static void
word_add(void *arg, struct str line)
{
	struct words *w = arg;

	if (w->len++ > 0)
		buf_char(w->out, ',');
	buf_json(w->out, line);
}

void
plugin_facts_grants(const struct plugin_grants *g, bool isolated, struct str at,
    struct buf *out)
{
	struct words w = { out, 0 };

	BUF_LIT(out, ",\"grants\":{");
	list_member("read", &g->read, out);
	list_member("write", &g->write, out);
	list_member("network", &g->network, out);
	buf_printf(out,
	    "\"threads\":%lld,\"memoryBytes\":%lld,\"cpuMs\":%lld,"
	    "\"exec\":%s,\"holds\":%s",
	    (long long)g->threads, (long long)g->memory,
	    (long long)(g->cpu_ns / NS_PER_MS), g->exec ? "true" : "false",
	    isolated ? "true" : "false");
	text_member(out, "at", at);
	BUF_LIT(out, ",\"words\":[");
	plugin_grants_words(g, isolated, word_add, &w);
	BUF_LIT(out, "]}");
}
