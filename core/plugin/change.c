/* SPDX-License-Identifier: Apache-2.0 */
/* Two generations of one plugin compared: entries, schemas, limits. */
#include "plugin/change.h"

#include <string.h>

#include "base/clock.h"
#include "data/json_diff.h"

/* A list that is being written. */
struct list_writer {
	struct buf *out;
	const char *open; /* written before the first item */
	size_t len;
};

static void
item_begin(struct list_writer *w)
{
	if (w->len++ == 0)
		buf_cstr(w->out, w->open);
	else
		buf_char(w->out, ',');
}

static void
list_end(struct list_writer *w)
{
	if (w->len > 0)
		buf_char(w->out, ']');
}

static const struct plugin_manifest_entry *
entry_find(
    const struct plugin_generation *g, const struct plugin_manifest_entry *like)
{
	const struct plugin_manifest *m = g != NULL ? g->manifest : NULL;

	for (size_t i = 0; m != NULL && i < m->entries_len; i++)
		if (m->entries[i].entry.kind == like->entry.kind
		    && str_equal(m->entries[i].entry.key, like->entry.key))
			return &m->entries[i];
	return NULL;
}

/* {"what":..,"was":..,"now":..} with JSON text as values. */
static void
difference(struct list_writer *w, const char *what, struct str pointer,
    struct str was, struct str now)
{
	item_begin(w);
	buf_printf(w->out, "{\"what\":\"%s\"", what);
	if (pointer.ptr != NULL) {
		BUF_LIT(w->out, ",\"pointer\":");
		buf_json(w->out, pointer);
	}
	if (was.len > 0) {
		BUF_LIT(w->out, ",\"was\":");
		buf_str(w->out, was);
	}
	if (now.len > 0) {
		BUF_LIT(w->out, ",\"now\":");
		buf_str(w->out, now);
	}
	buf_char(w->out, '}');
}

static void
number_compare(
    struct list_writer *w, const char *what, int64_t was, int64_t now)
{
	struct buf a, b;

	if (was == now)
		return;
	buf_init(&a);
	buf_init(&b);
	buf_i64(&a, was);
	buf_i64(&b, now);
	difference(w, what, STR_NONE, buf_view(&a), buf_view(&b));
	buf_finish(&a);
	buf_finish(&b);
}

static void
text_compare(
    struct list_writer *w, const char *what, struct str was, struct str now)
{
	struct buf a, b;

	if (str_equal(was, now))
		return;
	buf_init(&a);
	buf_init(&b);
	buf_json(&a, was);
	buf_json(&b, now);
	difference(w, what, STR_NONE, buf_view(&a), buf_view(&b));
	buf_finish(&a);
	buf_finish(&b);
}

static int64_t
per_minute(const struct plugin_limits *l)
{
	return l->rate_ns > 0 ? 60 * NS_PER_S / l->rate_ns : 0;
}

static struct str
retry_of(const struct plugin_limits *l)
{
	return l->retry == PLUGIN_RETRY_SAFE ? S("safe") : S("never");
}

static void
limits_compare(struct list_writer *w, const struct plugin_limits *was,
    const struct plugin_limits *now)
{
	number_compare(w, "timeoutMs", was->timeout_ns / NS_PER_MS,
	    now->timeout_ns / NS_PER_MS);
	number_compare(w, "concurrency", was->concurrency, now->concurrency);
	number_compare(w, "queue", was->queue, now->queue);
	number_compare(w, "resultBytes", was->result_max, now->result_max);
	number_compare(w, "ratePerMinute", per_minute(was), per_minute(now));
	number_compare(w, "burst", was->burst, now->burst);
	text_compare(w, "retry", retry_of(was), retry_of(now));
}

static void
breaker_compare(struct list_writer *w, const struct call_breaker_limits *was,
    const struct call_breaker_limits *now)
{
	if (was->off || now->off) {
		text_compare(w, "breaker", was->off ? S("off") : S("on"),
		    now->off ? S("off") : S("on"));
		return;
	}
	number_compare(w, "breaker.failures", was->failures, now->failures);
	number_compare(w, "breaker.percent", was->percent, now->percent);
	number_compare(w, "breaker.calls", was->calls, now->calls);
	number_compare(w, "breaker.windowMs", was->window_ns / NS_PER_MS,
	    now->window_ns / NS_PER_MS);
	number_compare(w, "breaker.probeMs", was->probe_ns / NS_PER_MS,
	    now->probe_ns / NS_PER_MS);
	number_compare(w, "breaker.close", was->good, now->good);
}

struct schema_walk {
	struct list_writer *w;
	const char *what;
	unsigned places;
};

static bool
place_tell(void *arg, struct str pointer, const struct json_node *was,
    const struct json_node *now)
{
	struct schema_walk *k = arg;

	if (k->places++ == PLUGIN_CHANGE_PLACES) {
		difference(k->w, k->what, S("..."), STR_NONE, STR_NONE);
		return false;
	}
	difference(k->w, k->what, pointer,
	    was != NULL ? json_raw(was) : STR_NONE,
	    now != NULL ? json_raw(now) : STR_NONE);
	return true;
}

static void
schema_compare(
    struct list_writer *w, const char *what, struct str was, struct str now)
{
	struct schema_walk k = { w, what, 0 };
	struct json_doc a, b;

	if (str_equal(was, now))
		return;
	json_doc_init(&a);
	json_doc_init(&b);
	/* They were parsed when their manifests were read. */
	if (was.len > 0 && json_parse(&a, was, JSON_GRAMMAR) < 0)
		w->out->failed = true;
	else if (now.len > 0 && json_parse(&b, now, JSON_GRAMMAR) < 0)
		w->out->failed = true;
	else if (json_diff(was.len > 0 ? a.nodes : NULL,
		     now.len > 0 ? b.nodes : NULL, place_tell, &k)
	    < 0)
		w->out->failed = true;
	json_doc_finish(&a);
	json_doc_finish(&b);
}

static void
arguments_compare(struct list_writer *w, const struct registry_entry *was,
    const struct registry_entry *now)
{
	bool same = was->arguments_len == now->arguments_len;

	for (size_t i = 0; same && i < was->arguments_len; i++)
		same = str_equal(was->arguments[i].name, now->arguments[i].name)
		    && was->arguments[i].required == now->arguments[i].required;
	if (!same)
		difference(w, "arguments", STR_NONE, STR_NONE, STR_NONE);
}

static void
entry_compare(struct list_writer *w, const struct plugin_manifest_entry *was,
    const struct plugin_manifest_entry *now)
{
	const struct registry_entry *a = &was->entry, *b = &now->entry;

	schema_compare(w, "inputSchema", a->input_schema, b->input_schema);
	schema_compare(w, "outputSchema", a->output_schema, b->output_schema);
	arguments_compare(w, a, b);
	limits_compare(w, &was->limits, &now->limits);
	text_compare(w, "description", a->description, b->description);
	text_compare(w, "title", a->title, b->title);
	text_compare(w, "mimeType", a->mime, b->mime);
	text_compare(w, "annotations", a->annotations, b->annotations);
}

static void
entry_open(struct list_writer *w, const struct plugin_manifest_entry *e,
    const char *change)
{
	item_begin(w);
	buf_printf(w->out,
	    "{\"change\":\"%s\",\"kind\":\"%s\",\"name\":", change,
	    plugin_kind_name(e->entry.kind));
	buf_json(w->out, e->entry.key);
}

static void
entry_changed(struct list_writer *w, const struct plugin_manifest_entry *was,
    const struct plugin_manifest_entry *now)
{
	struct buf text;
	struct list_writer inner = { &text, ",\"differences\":[", 0 };

	buf_init(&text);
	entry_compare(&inner, was, now);
	list_end(&inner);
	if (inner.len > 0) {
		entry_open(w, now, "changed");
		buf_str(w->out, buf_view(&text));
		buf_char(w->out, '}');
	}
	w->out->failed = w->out->failed || text.failed;
	buf_finish(&text);
}

static void
entries_member(const struct plugin_generation *before,
    const struct plugin_generation *now, struct buf *out)
{
	const struct plugin_manifest *a = before ? before->manifest : NULL;
	const struct plugin_manifest *b = now ? now->manifest : NULL;
	struct list_writer w = { out, ",\"entries\":[", 0 };

	for (size_t i = 0; b != NULL && i < b->entries_len; i++) {
		const struct plugin_manifest_entry *was =
		    entry_find(before, &b->entries[i]);

		if (was != NULL) {
			entry_changed(&w, was, &b->entries[i]);
			continue;
		}
		entry_open(&w, &b->entries[i], "added");
		buf_char(out, '}');
	}
	for (size_t i = 0; a != NULL && i < a->entries_len; i++) {
		if (entry_find(now, &a->entries[i]) != NULL)
			continue;
		entry_open(&w, &a->entries[i], "removed");
		buf_char(out, '}');
	}
	list_end(&w);
}

static void
grants_compare(struct list_writer *w, const struct plugin_generation *before,
    const struct plugin_generation *now)
{
	struct buf a, b;

	if (plugin_grants_equal(&before->grants, &now->grants))
		return;
	buf_init(&a);
	buf_init(&b);
	plugin_grants_print(&before->grants, &a);
	plugin_grants_print(&now->grants, &b);
	text_compare(w, "grants", buf_view(&a), buf_view(&b));
	buf_finish(&a);
	buf_finish(&b);
}

static struct str
isolation_of(const struct plugin_generation *g)
{
	return g->runner != NULL ? S("process") : S("none");
}

void
plugin_change_members(const struct plugin_generation *before,
    const struct plugin_generation *now, struct buf *out)
{
	struct list_writer w = { out, ",\"differences\":[", 0 };

	if (before != NULL && now != NULL) {
		text_compare(&w, "version", before->manifest->version,
		    now->manifest->version);
		text_compare(
		    &w, "isolation", isolation_of(before), isolation_of(now));
		number_compare(&w, "runners", before->manifest->many.runners,
		    now->manifest->many.runners);
		number_compare(&w, "spare", before->manifest->many.spare,
		    now->manifest->many.spare);
		limits_compare(
		    &w, &before->manifest->limits, &now->manifest->limits);
		breaker_compare(
		    &w, &before->manifest->breaker, &now->manifest->breaker);
		grants_compare(&w, before, now);
		if (memcmp(before->digest, now->digest, sizeof now->digest)
		    != 0)
			difference(&w, "module", STR_NONE, STR_NONE, STR_NONE);
		if (!str_equal(before->config_text, now->config_text))
			/* Its values may be secrets. */
			difference(&w, "config", STR_NONE, STR_NONE, STR_NONE);
	}
	list_end(&w);
	entries_member(before, now, out);
}
