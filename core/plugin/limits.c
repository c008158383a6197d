/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator says of limits, and what holds then. */
#include "plugin/limits.h"

#include <string.h>

#include <toolpost/abi.h>

#include "plugin/manifest_priv.h"

static bool
is_said(const struct plugin_limits_anew *a, unsigned key)
{
	return a != NULL && a->at[key].file.len > 0;
}

struct plugin_tool_anew *
plugin_tool_find(const struct plugin_limits_anew *a, struct str name)
{
	struct plugin_tool_anew *t = a != NULL ? a->tools : NULL;

	while (t != NULL && !str_equal(t->name, name))
		t = t->next;
	return t;
}

/* Most places are in one file. */
struct file_copy {
	struct arena *arena;
	struct str from, to;
};

static void
place_copy(struct file_copy *c, struct plugin_place *place)
{
	if (place->file.len == 0)
		return;
	if (place->file.ptr != c->from.ptr) {
		c->from = place->file;
		c->to = arena_dup(c->arena, place->file);
	}
	place->file = c->to;
}

static void
anew_copy(struct plugin_limits_anew *to, const struct plugin_limits_anew *from,
    struct file_copy *c)
{
	*to = *from;
	to->tools = NULL;
	for (unsigned i = 0; i < PLUGIN_LIMIT_KEYS; i++)
		place_copy(c, &to->at[i]);
}

struct plugin_limits_anew *
plugin_limits_copy(const struct plugin_limits_anew *from, struct arena *a)
{
	struct plugin_limits_anew *to = arena_zalloc(a, sizeof *to);
	struct file_copy c = { .arena = a };
	struct plugin_tool_anew **tail;

	if (to == NULL)
		return NULL;
	anew_copy(to, from, &c);
	tail = &to->tools;
	for (const struct plugin_tool_anew *t = from->tools; t != NULL;
	     t = t->next) {
		struct plugin_tool_anew *copy = arena_zalloc(a, sizeof *copy);

		if (copy == NULL)
			return NULL;
		copy->name = arena_dup(a, t->name);
		copy->at = t->at;
		place_copy(&c, &copy->at);
		anew_copy(&copy->anew, &t->anew, &c);
		*tail = copy;
		tail = &copy->next;
	}
	return a->failed ? NULL : to;
}

/* Of those that are numbers: all but retry and breaker. */
static int64_t *
number_of(struct plugin_limits *l, unsigned key)
{
	int64_t *const numbers[] = {
		[PLUGIN_LIMIT_TIMEOUT] = &l->timeout_ns,
		[PLUGIN_LIMIT_CONCURRENCY] = &l->concurrency,
		[PLUGIN_LIMIT_QUEUE] = &l->queue,
		[PLUGIN_LIMIT_RESULT] = &l->result_max,
		[PLUGIN_LIMIT_RATE] = &l->rate_ns,
		[PLUGIN_LIMIT_BURST] = &l->burst,
	};

	return numbers[key];
}

static int64_t
number_get(const struct plugin_limits *l, unsigned key)
{
	struct plugin_limits copy = *l;

	return *number_of(&copy, key);
}

static bool
breaker_equal(
    const struct call_breaker_limits *a, const struct call_breaker_limits *b)
{
	return a->off == b->off && a->failures == b->failures
	    && a->percent == b->percent && a->calls == b->calls
	    && a->window_ns == b->window_ns && a->probe_ns == b->probe_ns
	    && a->good == b->good;
}

static bool
place_equal(const struct plugin_place *a, const struct plugin_place *b)
{
	return a->at.line == b->at.line && a->at.column == b->at.column
	    && str_equal(a->file, b->file);
}

static bool
value_equal(const struct plugin_limits_anew *a,
    const struct plugin_limits_anew *b, unsigned key)
{
	if (key == PLUGIN_LIMIT_RETRY)
		return a->limits.retry == b->limits.retry;
	if (key == PLUGIN_LIMIT_BREAKER)
		return breaker_equal(&a->breaker, &b->breaker);
	return number_get(&a->limits, key) == number_get(&b->limits, key);
}

/* Without the tools. */
static bool
words_equal(const struct plugin_limits_anew *a,
    const struct plugin_limits_anew *b, bool places)
{
	for (unsigned i = 0; i < PLUGIN_LIMIT_KEYS; i++) {
		if (is_said(a, i) != is_said(b, i))
			return false;
		if (!is_said(a, i))
			continue;
		if (!value_equal(a, b, i)
		    || (places && !place_equal(&a->at[i], &b->at[i])))
			return false;
	}
	return true;
}

/* Each tool of a says the same in b. */
static bool
tools_in(const struct plugin_limits_anew *a, const struct plugin_limits_anew *b,
    bool places)
{
	const struct plugin_tool_anew *t = a != NULL ? a->tools : NULL;

	for (; t != NULL; t = t->next) {
		const struct plugin_tool_anew *other =
		    plugin_tool_find(b, t->name);

		if (!words_equal(
			&t->anew, other != NULL ? &other->anew : NULL, places))
			return false;
	}
	return true;
}

bool
plugin_limits_equal(const struct plugin_limits_anew *a,
    const struct plugin_limits_anew *b, bool places)
{
	return words_equal(a, b, places) && tools_in(a, b, places)
	    && tools_in(b, a, places);
}

/* 0: no bound. */
static int64_t
narrower(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* An entry's own word counts inside that of its plugin; the operator's word on
 * the tool counts as it is.  Its rate is a bucket of its own. */
static int64_t
entry_number(const struct plugin_manifest *m,
    const struct plugin_manifest_entry *e,
    const struct plugin_limits_anew *tool, unsigned key)
{
	int64_t own = number_get(&e->declared, key);
	int64_t outer = number_get(&m->limits, key);

	if (is_said(tool, key))
		return number_get(&tool->limits, key);
	if (key == PLUGIN_LIMIT_RATE || key == PLUGIN_LIMIT_BURST)
		return own;
	if ((e->said & 1u << key) == 0)
		return outer;
	if (key == PLUGIN_LIMIT_QUEUE)
		return own < outer ? own : outer;
	return narrower(own, outer);
}

static void
entry_apply(const struct plugin_manifest *m, struct plugin_manifest_entry *e,
    const struct plugin_limits_anew *tool)
{
	for (unsigned i = 0; i < PLUGIN_LIMIT_RETRY; i++)
		*number_of(&e->limits, i) = entry_number(m, e, tool, i);
	if (is_said(tool, PLUGIN_LIMIT_RETRY))
		e->limits.retry = tool->limits.retry;
	else if ((e->said & 1u << PLUGIN_LIMIT_RETRY) == 0)
		e->limits.retry = m->limits.retry;
}

void
plugin_limits_inherit(
    struct plugin_manifest *m, const struct plugin_limits_anew *anew)
{
	if (anew == NULL)
		return;
	for (unsigned i = 0; i < PLUGIN_LIMIT_RETRY; i++)
		if (is_said(anew, i))
			*number_of(&m->limits, i) =
			    number_get(&anew->limits, i);
	if (is_said(anew, PLUGIN_LIMIT_RETRY))
		m->limits.retry = anew->limits.retry;
	if (is_said(anew, PLUGIN_LIMIT_BREAKER))
		m->breaker = anew->breaker;
	for (size_t i = 0; i < m->entries_len; i++) {
		struct plugin_manifest_entry *e = &m->entries[i];
		const struct plugin_tool_anew *t =
		    e->entry.kind == REGISTRY_TOOL
		    ? plugin_tool_find(anew, e->entry.key)
		    : NULL;

		entry_apply(m, e, t != NULL ? &t->anew : NULL);
	}
}

static bool
has_tool(const struct plugin_manifest *m, struct str name)
{
	for (size_t i = 0; i < m->entries_len; i++)
		if (m->entries[i].entry.kind == REGISTRY_TOOL
		    && str_equal(m->entries[i].entry.key, name))
			return true;
	return m->dynamic.max > 0 && m->dynamic.kinds[TP_KIND_TOOL]
	    && plugin_grant_name_fits(&m->dynamic, TP_KIND_TOOL, name);
}

/* What counts for nothing is said. */
static void
meaning_check(const struct plugin_manifest *m, struct diags *diags)
{
	const struct plugin_limits_anew *a = m->anew;

	if (is_said(a, PLUGIN_LIMIT_BURST) && m->limits.rate_ns == 0)
		(void)diags_add(diags, DIAG_WARNING, TP_LIMIT,
		    a->at[PLUGIN_LIMIT_BURST].file.ptr,
		    a->at[PLUGIN_LIMIT_BURST].at, "write a rate beside it",
		    "plugins.%.*s.limits.burst: without a rate it means "
		    "nothing",
		    STR_FMT(m->name)); /* a warning */
	for (const struct plugin_tool_anew *t = a->tools; t != NULL;
	     t = t->next)
		if (!has_tool(m, t->name))
			(void)diags_add(diags, DIAG_WARNING, TP_LIMIT,
			    t->at.file.ptr, t->at.at, "see its manifest",
			    "plugins.%.*s.tools.%.*s: the plugin has no such "
			    "tool",
			    STR_FMT(m->name), STR_FMT(t->name)); /* a warning */
}

int
plugin_limits_apply(struct plugin_manifest *m,
    const struct plugin_limits_anew *anew, struct diags *diags)
{
	if (anew == NULL)
		return 0;
	m->anew = plugin_limits_copy(anew, &m->arena);
	if (m->anew == NULL)
		return ERR_NOMEM;
	plugin_limits_inherit(m, m->anew);
	meaning_check(m, diags);
	return 0;
}

/* "10/s"; nothing for what is not said. */
static void
value_print(const struct plugin_limits *l,
    const struct call_breaker_limits *breaker, unsigned key, struct buf *out)
{
	const struct settings_item one[] = { manifest_limit_items[key],
		{ .key = NULL } };
	struct str line;
	struct buf b;

	if (key == PLUGIN_LIMIT_BREAKER) {
		manifest_breaker_print(breaker, out);
		return;
	}
	if (key < PLUGIN_LIMIT_RETRY && key != PLUGIN_LIMIT_QUEUE
	    && number_get(l, key) == 0)
		return;
	buf_init(&b);
	settings_print(one, l, "", &b);
	line = buf_view(&b);
	line = str_split(line, '\n', &line);
	buf_str(out, str_sub(line, strlen(one->key) + 2, line.len));
	out->failed = out->failed || b.failed;
	buf_finish(&b);
}

static void
words_each(const struct plugin_limits_anew *a, struct str tool,
    const struct plugin_limits *declared,
    const struct call_breaker_limits *breaker,
    void (*fn)(void *arg, const struct plugin_limit_said *said), void *arg)
{
	struct buf value, manifest;

	buf_init(&value);
	buf_init(&manifest);
	for (unsigned i = 0; i < PLUGIN_LIMIT_KEYS; i++) {
		struct plugin_limit_said said = { .tool = tool,
			.key = manifest_limit_items[i].key,
			.at = &a->at[i] };

		if (!is_said(a, i))
			continue;
		buf_clear(&value);
		buf_clear(&manifest);
		value_print(&a->limits, &a->breaker, i, &value);
		value_print(declared, breaker, i, &manifest);
		said.value = buf_view(&value);
		said.manifest = buf_view(&manifest);
		fn(arg, &said);
	}
	buf_finish(&value);
	buf_finish(&manifest);
}

void
plugin_limits_each(const struct plugin_manifest *m,
    void (*fn)(void *arg, const struct plugin_limit_said *said), void *arg)
{
	if (m->anew == NULL)
		return;
	words_each(
	    m->anew, STR_NONE, &m->declared, &m->declared_breaker, fn, arg);
	for (size_t i = 0; i < m->entries_len; i++) {
		const struct plugin_manifest_entry *e = &m->entries[i];
		const struct plugin_tool_anew *t = NULL;

		if (e->entry.kind == REGISTRY_TOOL)
			t = plugin_tool_find(m->anew, e->entry.key);
		if (t != NULL)
			words_each(&t->anew, t->name, &e->declared,
			    &m->declared_breaker, fn, arg);
	}
}
