/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one generation, and the set of entries it puts in the
 * registry. */
#include "plugin/generation.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "call/call.h"
#include "data/json_dup.h"
#include "plugin/codes.h"
#include "plugin/complete.h"
#include "plugin/dynamic.h"
#include "plugin/host.h"
#include "plugin/ledger.h"
#include "plugin/names.h"
#include "plugin/report.h"
#include "plugin/watchers.h"

#define GENERATION_MEMORY ((size_t)256 * 1024 * 1024)
#define STATE_BYTES_MAX ((size_t)64 * 1024 * 1024)

const char *
plugin_state_name(enum plugin_state s)
{
	static const char *const names[] = { "seen", "copied", "rehearsed",
		"opened", "warm", "draining", "unloaded", "resident",
		"closed" };

	return names[s];
}

void
plugin_generation_enter(struct plugin_generation *g, enum plugin_state next)
{
	CHECK(next > g->at);
	g->at = next;
	g->since_ns = clock_now_ns();
	if (next == PLUGIN_DRAINING)
		g->draining_ns = g->since_ns;
	LOG_AT(next >= PLUGIN_WARM ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
	    next == PLUGIN_WARM           ? "plugin warm"
		: next == PLUGIN_DRAINING ? "plugin draining"
		: next == PLUGIN_UNLOADED ? "plugin unloaded"
		: next == PLUGIN_RESIDENT ? "plugin resident"
		: next == PLUGIN_CLOSED   ? "plugin closed"
					  : "plugin opened",
	    F_STR("plugin", g->manifest->name),
	    F_STR("version", g->manifest->version),
	    F_INT("generation", g->number));
}

/* [call] */
static int
target_run(struct call_target *target, struct call *c)
{
	struct plugin_target *t =
	    CONTAINER_OF(target, struct plugin_target, target);
	int rc;

	c->host = &plugin_host;
	panic_scope_set(&t->scope);
	rc = t->fn((struct tp_call *)(void *)c,
	    t->dynamic != NULL ? t->dynamic->arg : t->generation->state);
	panic_scope_set(NULL);
	return rc;
}

/* [call] In a runner: the host knows that it has begun. */
static int
target_run_known(struct call_target *target, struct call *c)
{
	const struct plugin_target *t =
	    CONTAINER_OF(target, struct plugin_target, target);

	t->generation->hub->begins(c);
	return target_run(target, c);
}

/* [reactor] */
static void
target_pin(struct call_target *target)
{
	struct plugin_target *t =
	    CONTAINER_OF(target, struct plugin_target, target);

	if (t->dynamic != NULL)
		plugin_dynamic_ref(t->dynamic);
	else
		registry_set_ref(&t->generation->set);
}

/* [any] */
static void
target_unpin(struct call_target *target)
{
	struct plugin_target *t =
	    CONTAINER_OF(target, struct plugin_target, target);

	if (t->dynamic != NULL)
		plugin_dynamic_unref(t->dynamic);
	else
		registry_set_unref(&t->generation->set);
}

/* [reactor] */
static int
target_send(struct call_target *target, struct call *c)
{
	struct plugin_target *t =
	    CONTAINER_OF(target, struct plugin_target, target);

	return plugin_runner_call(t->generation->runner, t->index, t->life, c);
}

static const struct call_target_ops target_ops = {
	.run = target_run,
	.pin = target_pin,
	.unpin = target_unpin,
};
static const struct call_target_ops target_known_ops = {
	.run = target_run_known,
	.pin = target_pin,
	.unpin = target_unpin,
};
static const struct call_target_ops target_remote_ops = {
	.run = target_send,
	.pin = target_pin,
	.unpin = target_unpin,
};

/* entry NULL: its function is in the runner, under the target's index. */
void
plugin_target_init(struct plugin_target *t, struct plugin_generation *g,
    struct plugin_dynamic *dynamic, const struct plugin_limits *limits,
    const struct tp_entry *entry)
{
	call_target_init(&t->target,
	    entry == NULL                ? &target_remote_ops
		: g->hub->begins != NULL ? &target_known_ops
					 : &target_ops);
	t->generation = g;
	t->dynamic = dynamic;
	t->target.remote = entry == NULL;
	if (entry != NULL)
		t->fn = entry->call;
	t->target.counts = g->ledger != NULL ? g->ledger->counts : NULL;
	t->scope = g->scope;
	t->scope.entry = entry != NULL ? entry->name : NULL;
	t->target.concurrency = (unsigned)limits->concurrency;
	t->target.queue_max = (unsigned)limits->queue;
	t->target.deadline_ns = limits->timeout_ns;
	t->target.result_max = (size_t)limits->result_max;
	t->target.repeatable = limits->retry == PLUGIN_RETRY_SAFE;
	/* That of the plugin is one for all of them. */
	if (limits != &g->manifest->limits)
		call_rate_init(&t->target.rate, limits->rate_ns, limits->burst);
	t->target.plugin = g->manifest->name.ptr;
	t->target.rate_all = g->rate.interval_ns > 0 ? &g->rate : NULL;
	t->target.breaker = g->breaker;
	t->target.hold = g->manifest->exclusive ? &g->hold : NULL;
	if (entry == NULL)
		return;
	if ((entry->flags & TP_SERIAL) != 0)
		t->target.concurrency = 1;
	/* A bound makes calls wait, which a reactor must not. */
	t->target.nonblocking =
	    (entry->flags & TP_NONBLOCKING) != 0 && t->target.concurrency == 0;
}

static void
generation_free(struct plugin_generation *g)
{
	for (size_t i = 0; i < g->targets_len; i++)
		call_target_finish(&g->targets[i].target);
	plugin_dynamic_finish(g);
	plugin_runner_unref(g->runner);
	call_breaker_destroy(g->breaker);
	call_hold_finish(&g->hold);
	plugin_manifest_destroy(g->manifest);
	arena_finish(&g->arena);
	plugin_ledger_unref(g->ledger);
	plugin_hub_unref(g->hub);
	OBJ_WIPE(g);
	free(g);
}

static void
code_unload(struct plugin_generation *g)
{
	if (g->module.desc.unload == NULL)
		return;
	panic_scope_set(&g->scope);
	g->module.desc.unload(&g->handle, g->state);
	panic_scope_set(NULL);
}

static bool
code_close(struct plugin_generation *g)
{
	if (!g->may_close || (g->module.desc.flags & TP_CLOSABLE) == 0)
		return false;
	plugin_loader_close(&g->module);
	return true;
}

/* [control] Its code has said its last words. */
static void
generation_ended(void *arg)
{
	struct plugin_generation *g = arg;
	bool closed;

	plugin_generation_enter(g, PLUGIN_UNLOADED);
	closed = g->runner != NULL || code_close(g);
	plugin_generation_enter(g, closed ? PLUGIN_CLOSED : PLUGIN_RESIDENT);
	if (g->hub->owner != NULL && g->hub->gone != NULL)
		g->hub->gone(g->hub->owner, g);
	generation_free(g);
}

/* [control] Nothing of it runs any more. */
static void
generation_end(struct plugin_generation *g)
{
	if (g->runner == NULL) {
		code_unload(g);
		generation_ended(g);
	} else if (g->hub->owner != NULL) {
		plugin_runner_stop(g->runner, generation_ended, g);
	} else {
		/* The loop may not turn again. */
		plugin_runner_kill(g->runner);
		generation_ended(g);
	}
}

static void
released_run(struct loop_msg *msg)
{
	struct plugin_generation *g =
	    CONTAINER_OF(msg, struct plugin_generation, msg);

	CHECK(g->magic == PLUGIN_GENERATION_MAGIC);
	generation_end(g);
}

/* [any] The tail-code rule: only post. */
static void
set_released(struct registry_set *s)
{
	struct plugin_generation *g =
	    CONTAINER_OF(s, struct plugin_generation, set);

	loop_post(g->hub->loop, &g->msg);
}

static void
target_add(struct plugin_generation *g, const struct plugin_limits *limits,
    const struct tp_entry *entry)
{
	struct plugin_target *t = &g->targets[g->targets_len];

	t->index = (uint32_t)g->targets_len++;
	plugin_target_init(t, g, NULL, limits, entry);
}

/* One target for all arguments, behind those of the entries. */
static void
completer_build(struct plugin_generation *g)
{
	const struct tp_complete *hook = plugin_complete_find(&g->module);
	const struct plugin_manifest *m = g->manifest;
	struct tp_entry entry = { .name = TP_EXT_COMPLETE };

	if ((hook == NULL && g->runner == NULL)
	    || plugin_complete_wanted(m) == NULL)
		return;
	if (hook != NULL) {
		entry.flags = hook->flags;
		entry.call = hook->complete;
	}
	target_add(g, &m->limits, hook != NULL ? &entry : NULL);
	for (size_t i = 0; i < m->entries_len; i++)
		if (m->entries[i].completes)
			g->set.entries[i].completer =
			    &g->targets[m->entries_len].target;
}

static int
set_build(struct plugin_generation *g)
{
	const struct plugin_manifest *m = g->manifest;
	size_t n = m->entries_len;

	ref_init(&g->set.ref);
	g->set.plugin = m->name;
	g->set.released = set_released;
	g->set.entries =
	    arena_zalloc(&g->arena, (n + 1) * sizeof *g->set.entries);
	/* One more: the completer's. */
	g->targets = arena_zalloc(&g->arena, (n + 1) * sizeof *g->targets);
	if (g->set.entries == NULL || g->targets == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct plugin_manifest_entry *e = &m->entries[i];
		struct registry_entry *out = &g->set.entries[i];
		const struct tp_entry *entry = NULL;

		if (g->runner == NULL) {
			entry = plugin_names_find(&g->module, e);
			CHECK(entry != NULL); /* the names were compared */
		}
		*out = e->entry;
		out->set = &g->set;
		out->input = e->input;
		out->output = e->output;
		out->uri_template = e->uri_template;
		target_add(g, &e->limits, entry);
		out->target = &g->targets[i].target;
	}
	g->set.len = n;
	completer_build(g);
	return 0;
}

static int
refuse(const struct plugin_manifest *m, struct diags *diags, const char *code,
    const char *what)
{
	struct plugin_sentence said;

	plugin_sentence_split(&said, what);
	return diags_add(diags, DIAG_ERROR, code, m->path, m->module_at,
	    said.hint[0] != '\0' ? said.hint : NULL, "module: %.*s: %s",
	    STR_FMT(m->module), said.text);
}

/* The rehearsal has shown it; this is another load of the same bytes. */
static int
names_check(struct plugin_generation *g, struct diags *diags)
{
	struct json_doc doc;
	struct buf text;
	int rc;

	buf_init(&text);
	json_doc_init(&doc);
	plugin_module_describe(&g->module, &text);
	if (text.failed || json_parse(&doc, buf_view(&text), JSON_PROTOCOL) < 0)
		rc = refuse(g->manifest, diags, TP_MODULE_NAMES,
		    "its descriptor cannot be described");
	else
		rc = plugin_names_compare(g->manifest, &doc.nodes[0], diags);
	if (rc == 0 && plugin_complete_wanted(g->manifest) != NULL
	    && plugin_complete_find(&g->module) == NULL)
		rc = refuse(g->manifest, diags, TP_MODULE_NAMES,
		    "its " TP_EXT_COMPLETE " has no function");
	if (rc == 0 && plugin_watchers_offered(&g->module)
	    && plugin_watchers_find(&g->module) == NULL)
		rc = refuse(g->manifest, diags, TP_MODULE_NAMES,
		    "its " TP_EXT_WATCH " has not both functions");
	g->watch = plugin_watchers_find(&g->module);
	json_doc_finish(&doc);
	buf_finish(&text);
	return rc;
}

static void
scope_set(struct plugin_generation *g)
{
	/* Names of the manifest are NUL-terminated. */
	g->scope.plugin = g->manifest->name.ptr;
	g->scope.version = g->manifest->version.ptr;
	g->scope.build = g->module.desc.build;
	g->scope.generation = g->number;
}

static int
config_take(struct plugin_generation *g, struct str config)
{
	if (config.len == 0)
		return 0;
	g->config_text = arena_dup(&g->arena, config);
	g->config = json_parse_dup(config, &g->arena);
	return g->config != NULL && !g->arena.failed ? 0 : ERR_NOMEM;
}

/* Those of all its entries together; the host keeps them, not a runner. */
static int
limits_take(struct plugin_generation *g)
{
	const struct plugin_manifest *m = g->manifest;

	call_rate_init(&g->rate, m->limits.rate_ns, m->limits.burst);
	if (g->hub->reactors == 0 || m->breaker.off)
		return 0;
	g->breaker =
	    call_breaker_create(m->name.ptr, &m->breaker, g->hub->reactors);
	return g->breaker != NULL ? 0 : ERR_NOMEM;
}

static int
code_open(struct plugin_generation *g, const char *copy,
    const struct plugin_runner_place *place, struct diags *diags)
{
	struct err err;
	char *kept;

	if (place == NULL) {
		if (plugin_loader_open(&g->module, copy, &err) < 0)
			return refuse(
			    g->manifest, diags, TP_MODULE_OPEN, err.text);
		return names_check(g, diags);
	}
	kept = strdup(copy);
	if (kept != NULL)
		g->runner = plugin_runner_create(g, place, kept);
	if (g->runner != NULL) {
		g->watch = &plugin_watchers_runner;
		return 0;
	}
	free(kept);
	return refuse(g->manifest, diags, TP_MEMORY, "out of memory");
}

struct plugin_generation *
plugin_generation_open(struct plugin_hub *hub, struct plugin_manifest *manifest,
    const char *copy, unsigned number, struct str config,
    const struct plugin_runner_place *place, struct diags *diags)
{
	struct plugin_generation *g = calloc(1, sizeof *g);
	int rc;

	if (g == NULL) {
		(void)refuse(manifest, diags, TP_MEMORY, "out of memory");
		return NULL;
	}
	OBJ_INIT(g, PLUGIN_GENERATION_MAGIC);
	list_init(&g->node);
	plugin_dynamic_init(g);
	call_hold_init(&g->hold, hub->loop);
	g->handle.host = &plugin_host;
	g->hub = hub;
	plugin_hub_ref(hub);
	g->manifest = manifest;
	g->number = number;
	g->at = PLUGIN_REHEARSED;
	g->msg.run = released_run;
	arena_init(&g->arena, GENERATION_MEMORY);
	rc = code_open(g, copy, place, diags);
	if (rc == 0) {
		scope_set(g);
		if (limits_take(g) < 0 || set_build(g) < 0
		    || config_take(g, config) < 0)
			rc =
			    refuse(manifest, diags, TP_MEMORY, "out of memory");
	}
	if (rc < 0) {
		g->manifest = NULL; /* it stays the caller's */
		plugin_loader_close(&g->module);
		generation_free(g);
		return NULL;
	}
	return g;
}

int
plugin_generation_save(struct plugin_generation *g, struct tp_snapshot *out)
{
	int rc;

	if (g->runner != NULL)
		return plugin_runner_save(g->runner, out);
	if (g->module.desc.save == NULL)
		return TP_ENOTSUP;
	panic_scope_set(&g->scope);
	rc = g->module.desc.save(&g->handle, g->state, out);
	panic_scope_set(NULL);
	return rc;
}

bool
plugin_generation_is_quarantined(const struct plugin_generation *g)
{
	/* On this thread the state of a runner stands still. */
	return g->runner != NULL && g->runner->state == RUNNER_QUARANTINED;
}

/* save() of the previous one; TP_ENOTSUP: it has none. */
static int
previous_state(struct plugin_generation *previous, struct tp_snapshot *out)
{
	int rc;

	if (previous == NULL || plugin_generation_is_quarantined(previous))
		return TP_ENOTSUP;
	memset(out, 0, sizeof *out);
	out->size = sizeof *out;
	rc = plugin_generation_save(previous, out);
	if (rc == TP_OK
	    && (out->bytes.len > STATE_BYTES_MAX
		|| (out->bytes.ptr == NULL && out->bytes.len > 0)))
		rc = TP_EFAIL;
	if (rc != TP_OK && rc != TP_ENOTSUP)
		LOG_WARN("plugin state not saved",
		    F_STR("plugin", previous->manifest->name),
		    F_INT("generation", previous->number), F_INT("status", rc),
		    F_INT("bytes", out->bytes.len));
	return rc;
}

/* load() here, or the end of that in the runner: an enum tp_status, with a line
 * for people. */
int
plugin_generation_load(struct plugin_generation *g,
    const struct tp_snapshot *previous, struct err *err)
{
	int rc;

	if (g->runner != NULL) {
		rc = plugin_runner_await(g->runner, err);
		return rc == 0 ? TP_OK : rc == ERR_STATE ? TP_ESTATE : TP_EFAIL;
	}
	g->state = NULL;
	if (g->module.desc.load == NULL)
		return TP_OK;
	panic_scope_set(&g->scope);
	rc = g->module.desc.load(&g->handle,
	    (const struct tp_json *)(const void *)g->config, previous,
	    &g->state);
	panic_scope_set(NULL);
	if (rc != TP_OK)
		(void)err_set(err, ERR_CONFIG,
		    "load() failed with status %d (hint: its own log lines may "
		    "say why)",
		    rc);
	return rc;
}

static int
refuse_state(struct plugin_generation *g, struct diags *diags, const char *why)
{
	const struct plugin_manifest *m = g->manifest;

	return diags_add(diags, DIAG_ERROR, TP_MODULE_LOAD, m->path,
	    m->module_at, "write state: optional to begin without it",
	    "module: %.*s: %s", STR_FMT(m->module), why);
}

int
plugin_generation_begin(struct plugin_generation *g, struct diags *diags)
{
	struct err err;

	return plugin_runner_begin(g->runner, NULL, &err) == 0
	    ? 0
	    : refuse(g->manifest, diags, TP_MODULE_LOAD, err.text);
}

static void
save_begin(struct plugin_start *s)
{
	struct plugin_runner *r =
	    s->previous != NULL ? s->previous->runner : NULL;

	if (r == NULL)
		return;
	plugin_runner_listen(r, s->told, s->arg);
	plugin_runner_save_begin(r);
}

/* 0, or PLUGIN_PENDING. */
static int
save_end(
    struct plugin_generation *g, struct plugin_start *s, struct diags *diags)
{
	struct plugin_generation *previous = s->previous;
	int saved;

	if (previous != NULL && previous->runner != NULL && !s->waits
	    && !plugin_runner_has_saved(previous->runner))
		return PLUGIN_PENDING;
	saved = previous_state(previous, &s->bytes);
	s->has_state = saved == TP_OK;
	/* One that never had a state has none to lose. */
	if (saved != TP_OK && saved != TP_ENOTSUP
	    && g->manifest->state_required)
		return refuse_state(
		    g, diags, "the running generation did not save its state");
	return 0;
}

static const struct tp_snapshot *
state_of(const struct plugin_start *s)
{
	return s->has_state ? &s->bytes : NULL;
}

/* Its process begins; in this one there is none. */
static int
load_begin(
    struct plugin_generation *g, struct plugin_start *s, struct diags *diags)
{
	struct err err;

	if (g->runner == NULL)
		return 0;
	plugin_runner_listen(g->runner, s->told, s->arg);
	if (plugin_runner_is_begun(g->runner)
	    || plugin_runner_begin(g->runner, state_of(s), &err) == 0)
		return 0;
	return refuse(g->manifest, diags, TP_MODULE_LOAD, err.text);
}

/* Once without the state where it does not take that over. */
static int
load_end(
    struct plugin_generation *g, struct plugin_start *s, struct diags *diags)
{
	const struct plugin_manifest *m = g->manifest;
	struct err err;
	int rc;

	do {
		if (g->runner != NULL && !s->waits
		    && !plugin_runner_has_started(g->runner))
			return PLUGIN_PENDING;
		rc = plugin_generation_load(g, state_of(s), &err);
		if (rc == TP_OK)
			return 0;
		if (rc != TP_ESTATE || !s->has_state)
			return refuse(m, diags, TP_MODULE_LOAD, err.text);
		if (m->state_required)
			return refuse_state(g, diags,
			    "does not take over the state of the running "
			    "generation");
		LOG_WARN("plugin state dropped", F_STR("plugin", m->name),
		    F_INT("generation", g->number),
		    F_INT("format", s->bytes.format));
		s->has_state = false;
		rc = load_begin(g, s, diags);
	} while (rc == 0);
	return rc;
}

void
plugin_generation_start_forget(struct plugin_start *s)
{
	if (s->previous != NULL && s->previous->runner != NULL)
		plugin_runner_listen(s->previous->runner, NULL, NULL);
	s->previous = NULL;
}

int
plugin_generation_start(
    struct plugin_generation *g, struct plugin_start *s, struct diags *diags)
{
	int rc = 0;

	if (s->step == PLUGIN_STEP_SAVE) {
		save_begin(s);
		s->step = PLUGIN_STEP_SAVED;
	}
	if (s->step == PLUGIN_STEP_SAVED) {
		rc = save_end(g, s, diags);
		if (rc == 0)
			rc = load_begin(g, s, diags);
		if (rc != 0)
			return rc;
		plugin_generation_start_forget(s);
		s->step = PLUGIN_STEP_LOADED;
	}
	rc = load_end(g, s, diags);
	if (rc != 0)
		return rc;
	plugin_generation_enter(g, PLUGIN_OPENED);
	return 0;
}

void
plugin_generation_discard(struct plugin_generation *g)
{
	plugin_dynamic_discard(g);
	if (g->runner != NULL)
		plugin_runner_kill(g->runner);
	else if (g->at >= PLUGIN_OPENED)
		code_unload(g);
	(void)code_close(g); /* or it stays */
	generation_free(g);
}
