/* SPDX-License-Identifier: Apache-2.0 */
/* One plugin on its way from its files into the registry.  Whatever refuses,
 * the generation that serves goes on. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "data/json.h"
#include "data/schema.h"
#include "plugin/codes.h"
#include "plugin/loader.h"
#include "plugin/manager_priv.h"
#include "plugin/rehearse.h"
#include "plugin/report.h"
#include "plugin/watchers.h"

const struct manager_override *
plugin_manager_override_find(const struct plugin_manager *m, struct str name)
{
	for (size_t i = 0; i < m->overrides_len; i++)
		if (str_equal(str_of(m->overrides[i].name), name))
			return &m->overrides[i];
	return NULL;
}

static int
refuse_module(struct slot_attempt *a, const char *code, const char *line)
{
	const struct plugin_manifest *m = a->manifest;
	struct plugin_sentence said;

	plugin_sentence_split(&said, line);
	return diags_add(&a->diags, DIAG_ERROR, code, m->path, m->module_at,
	    said.hint[0] != '\0' ? said.hint : NULL, "module: %.*s: %s",
	    STR_FMT(m->module), said.text);
}

/* "/dir/weather.so: No such file" reads better without the path. */
static const char *
without_path(const struct err *err, const char *path)
{
	size_t len = strlen(path);

	if (strncmp(err->text, path, len) == 0
	    && strncmp(err->text + len, ": ", 2) == 0)
		return err->text + len + 2;
	return err->text;
}

static int
module_path_set(struct slot_attempt *a)
{
	const char *slash = strrchr(a->slot->path, '/');
	size_t dir = slash != NULL ? (size_t)(slash - a->slot->path) + 1 : 0;
	size_t size = dir + a->manifest->module.len + 1;
	char *path = malloc(size);

	if (path == NULL)
		return refuse_module(a, TP_MEMORY, "out of memory");
	(void)snprintf(path, size, "%.*s%.*s", (int)dir, a->slot->path,
	    STR_FMT(a->manifest->module)); /* it fits */
	free(a->slot->module_path);
	a->slot->module_path = path;
	return 0;
}

static int
module_copy(struct slot_attempt *a)
{
	const char *source = a->slot->module_path;
	struct err err;
	int rc;

	/* A name that a process which is gone has left is passed over. */
	do {
		a->number = plugin_loader_number();
		rc = plugin_copy_make(&a->copy, source, a->m->copy_dir,
		    a->manifest->name, a->number, &err);
	} while (rc == ERR_EXISTS);
	if (rc == 0) {
		a->slot->module_id = a->copy.id;
		a->slot->racy =
		    a->slot->racy || plugin_file_id_is_young(&a->copy.id);
		memcpy(a->slot->module_digest, a->copy.sha256,
		    sizeof a->slot->module_digest);
		a->slot->module_read = true;
		return 0;
	}
	a->again = rc == ERR_AGAIN;
	plugin_file_id_look(&a->slot->module_id, source);
	if (rc == ERR_NOTFOUND)
		return refuse_module(a, TP_MODULE_FILE,
		    "no such file (hint: the module lies beside the "
		    "manifest)");
	return refuse_module(a, a->again ? TP_BUSY_FILE : TP_MODULE_FILE,
	    without_path(&err, source));
}

static int
hash_check(struct slot_attempt *a)
{
	const struct plugin_manifest *m = a->manifest;
	char found[2 * CRYPTO_SHA256_LEN + 1];

	if (!m->pinned
	    || memcmp(m->sha256, a->copy.sha256, sizeof m->sha256) == 0)
		return 0;
	crypto_hex(a->copy.sha256, sizeof a->copy.sha256, found);
	return diags_add(&a->diags, DIAG_ERROR, TP_MODULE_HASH, m->path,
	    m->sha256_at, "write that here if the module is the right one",
	    "sha256: %.*s has %s", STR_FMT(m->module), found);
}

static int
copy_check(struct slot_attempt *a)
{
	struct plugin_elf elf;
	struct err err;
	int rc;

	rc = hash_check(a);
	if (rc < 0)
		return rc;
	rc = plugin_loader_check(a->copy.bytes, &elf, &err);
	if (rc == ERR_VERSION)
		return refuse_module(a, TP_MODULE_ABI, err.text);
	return rc < 0 ? refuse_module(a, TP_MODULE_ELF, err.text) : 0;
}

/* The operator's word counts in place of the manifest's. */
static const struct plugin_grants *
grants_choose(const struct slot_attempt *a)
{
	return a->override != NULL && a->override->has_grants
	    ? &a->override->grants
	    : &a->manifest->grants;
}

static struct plugin_restart
restart_choose(const struct slot_attempt *a)
{
	static const struct plugin_restart by_default = PLUGIN_RESTART_DEFAULT;

	return a->override != NULL && a->override->restart.period_ns > 0
	    ? a->override->restart
	    : by_default;
}

/* The same bytes and words as what serves: a touch, a copy over itself. */
static bool
is_same(const struct slot_attempt *a)
{
	const struct plugin_generation *g = a->slot->current;
	struct str config =
	    str_of(a->override != NULL ? a->override->config_json : NULL);

	return g != NULL
	    && memcmp(g->digest, a->copy.sha256, sizeof g->digest) == 0
	    && memcmp(g->manifest->digest, a->manifest->digest,
		   sizeof g->manifest->digest)
	    == 0
	    && str_equal(g->config_text, config)
	    && plugin_grants_equal(&g->grants, grants_choose(a))
	    && strcmp(g->manifest->path, a->manifest->path) == 0;
}

static int
conflict_say(struct slot_attempt *a, const struct plugin_manifest_entry *e,
    const struct registry_entry *other)
{
	const struct plugin_generation *g =
	    CONTAINER_OF(other->set, struct plugin_generation, set);
	char where[512] = "added while it runs";
	size_t i;

	/* Entries that were added are not in the array. */
	for (i = 0; i < g->set.len && &g->set.entries[i] != other;)
		i++;
	if (i < g->set.len)
		(void)snprintf(where, sizeof where, "%s:%u:%u",
		    g->manifest->path, g->manifest->entries[i].at.line,
		    g->manifest->entries[i].at.column); /* may be cut */
	a->conflict = true;
	return diags_add(&a->diags, DIAG_ERROR, TP_CONFLICT, a->manifest->path,
	    e->at, "names are unique in one server: rename it",
	    "%s[%u].%s: \"%.*s\" is taken by plugin %.*s, %s", e->list,
	    e->index, e->key, STR_FMT(e->entry.key), STR_FMT(g->manifest->name),
	    where);
}

static int
conflict_check(struct slot_attempt *a)
{
	const struct plugin_manifest *m = a->manifest;
	int rc = 0;

	for (size_t i = 0; i < m->entries_len; i++) {
		const struct plugin_manifest_entry *e = &m->entries[i];
		const struct registry_entry *other;

		/* It stays: this is the thread that frees entries. */
		plugin_hub_lock(a->m->hub);
		other = map_find(&a->m->hub->keys[e->entry.kind], e->entry.key);
		plugin_hub_unlock(a->m->hub);
		if (other != NULL && !str_equal(other->set->plugin, m->name))
			rc = conflict_say(a, e, other);
	}
	return rc;
}

/* Values are not printed: they may be secrets. */
static int
config_check(struct slot_attempt *a)
{
	const struct plugin_manifest *m = a->manifest;
	struct str text = S("{}");
	struct schema_report report;
	struct json_doc doc;
	int rc = 0;

	if (m->config_schema == NULL)
		return 0;
	if (a->override != NULL && a->override->config_json != NULL)
		text = str_of(a->override->config_json);
	json_doc_init(&doc);
	schema_report_init(&report);
	if (json_parse(&doc, text, JSON_PROTOCOL) < 0
	    || !schema_validate(m->config_schema, &doc.nodes[0], &report)) {
		for (size_t i = 0; i < report.len; i++)
			rc = diags_add(&a->diags, DIAG_ERROR, TP_CONFIG,
			    m->path, (struct diag_at){ 0, 0 },
			    "see configSchema in the manifest",
			    "plugins.%.*s.config%.*s: refused by \"%s\"",
			    STR_FMT(m->name), STR_FMT(report.faults[i].pointer),
			    report.faults[i].keyword);
		if (report.len == 0)
			rc = diags_add(&a->diags, DIAG_ERROR, TP_CONFIG,
			    m->path, (struct diag_at){ 0, 0 }, NULL,
			    "plugins.%.*s.config: cannot be checked",
			    STR_FMT(m->name));
	}
	schema_report_finish(&report);
	json_doc_finish(&doc);
	return rc;
}

static int
resident_check(struct slot_attempt *a)
{
	if (a->slot->current == NULL || a->slot->current->runner != NULL
	    || a->m->resident < (size_t)a->m->resident_max)
		return 0;
	return diags_add(&a->diags, DIAG_ERROR, TP_RESIDENT, a->manifest->path,
	    a->manifest->module_at,
	    "restart, or let it close: TP_CLOSABLE and the operator's word",
	    "module: %zu replaced generations are still mapped, "
	    "plugins.max_resident_generations is %lld",
	    a->m->resident, (long long)a->m->resident_max);
}

/* Into the registry, in place of the one before. */
static int
generation_put(struct slot_attempt *a, struct plugin_generation *g)
{
	struct plugin_manager *m = a->m;
	struct plugin_slot *s = a->slot;
	struct err err;

	if (registry_describe(m->registry, &g->set, &g->arena) < 0)
		return refuse_module(a, TP_MEMORY, "out of memory");
	if (plugin_dynamic_show(g, s->current, m->registry, &err) < 0)
		return refuse_module(a,
		    err.code == ERR_NOMEM ? TP_MEMORY : TP_CONFLICT, err.text);
	list_push(&m->generations, &g->node);
	m->generations_len++;
	s->before = s->current;
	s->current = g;
	return 0;
}

/* NULL: in this process. */
static const struct plugin_runner_place *
place_choose(const struct slot_attempt *a)
{
	enum plugin_isolation said = a->override != NULL
	    ? a->override->isolation
	    : PLUGIN_ISOLATION_DEFAULT;

	if (said == PLUGIN_ISOLATION_DEFAULT)
		said = a->manifest->wants_process ? PLUGIN_ISOLATION_PROCESS
						  : a->m->isolation;
	return said == PLUGIN_ISOLATION_PROCESS ? &a->m->place : NULL;
}

static int
place_check(struct slot_attempt *a)
{
	if (place_choose(a) == NULL)
		return 0;
	if (a->m->place.exe[0] != '\0')
		return 0;
	return refuse_module(a, TP_ISOLATION,
	    "isolation: process needs toolpost-runner, which is not beside "
	    "toolpost (hint: install it)");
}

static struct str
place_text(struct plugin_generation *g, struct diag_at at)
{
	char text[4200];
	int n = snprintf(text, sizeof text, "%s:%u:%u", g->manifest->path,
	    at.line, at.column);

	return arena_dup(&g->arena,
	    (struct str){
		text, n < (int)sizeof text ? (size_t)n : sizeof text - 1 });
}

/* Who decided where it runs and what it may do, for people. */
static void
says_take(struct slot_attempt *a, struct plugin_generation *g)
{
	const struct manager_override *o = a->override;
	const struct plugin_manifest *m = g->manifest;

	if (o != NULL && o->isolation != PLUGIN_ISOLATION_DEFAULT)
		g->isolation_at = arena_dup(&g->arena, o->isolation_at);
	else if (m->wants_process)
		g->isolation_at = place_text(g, m->isolation_at);
	else
		g->isolation_at =
		    arena_dup(&g->arena, str_of(a->m->isolation_at));
	if (o != NULL && o->has_grants)
		g->grants_at = arena_dup(&g->arena, o->grants_at);
	else if (m->grants_at.line > 0)
		g->grants_at = place_text(g, m->grants_at);
}

/* Both say so: the one that serves has a gate then. */
static bool
must_wait(const struct slot_attempt *a)
{
	const struct plugin_generation *serves = a->slot->current;

	return serves != NULL && a->manifest->exclusive
	    && serves->manifest->exclusive;
}

/* The code is here, or a runner for it is there. */
static int
generation_open(struct slot_attempt *a)
{
	const struct plugin_runner_place *place = place_choose(a);
	struct str config =
	    str_of(a->override != NULL ? a->override->config_json : NULL);
	struct plugin_generation *g;

	g = plugin_generation_open(a->m->hub, a->manifest, a->copy.path,
	    a->number, config, place, &a->diags);
	if (g == NULL)
		return ERR_CONFIG;
	a->generation = g;
	a->moved = true;
	if (place != NULL)
		plugin_copy_keep(&a->copy);
	memcpy(g->digest, a->copy.sha256, sizeof g->digest);
	plugin_ledger_join(a->slot->ledger, g);
	says_take(a, g);
	g->may_close = a->override != NULL && a->override->may_close;
	g->restart = restart_choose(a);
	return plugin_grants_copy(&g->grants, grants_choose(a), &g->arena)
	    ? 0
	    : refuse_module(a, TP_MEMORY, "out of memory");
}

/* A runner that does not start has no place in the manifest to say why, a
 * rehearsal has. */
static int
generation_start(struct slot_attempt *a)
{
	struct plugin_generation *g = a->generation;
	struct diags diags;
	int rc;

	if (g->runner == NULL)
		return plugin_generation_start(g, a->slot->current, &a->diags);
	diags_init(&diags);
	rc = plugin_generation_start(g, a->slot->current, &diags);
	if (rc < 0
	    && plugin_rehearse(a->manifest, str_of(a->m->rehearse_exe),
		   g->runner->copy, &a->diags)
		== 0)
		diags_move(&a->diags, &diags);
	diags_finish(&diags);
	return rc;
}

/* What a plugin adds while it is loaded depends on the names that others have:
 * those take turns.  So do those that take over a state. */
static bool
goes_ahead(const struct slot_attempt *a)
{
	return a->slot->current == NULL && a->manifest->dynamic.max == 0;
}

/* The runner is the rehearsal of what it loads. */
static int
work_begin(struct slot_attempt *a)
{
	int rc;

	CHECK(a->m != NULL);
	if (place_choose(a) == NULL) {
		a->rehearsal = plugin_rehearse_begin(a->manifest,
		    str_of(a->m->rehearse_exe), a->copy.path,
		    a->override != NULL && a->override->config_json != NULL
			? a->override->config_json
			: "",
		    &a->diags);
		return a->rehearsal != NULL ? 0 : ERR_CONFIG;
	}
	if (!goes_ahead(a))
		return 0;
	rc = generation_open(a);
	return rc == 0 ? plugin_generation_begin(a->generation, &a->diags) : rc;
}

/* Its state, and its place. */
static int
take_over(struct slot_attempt *a)
{
	int rc = generation_start(a);

	if (rc < 0)
		return rc;
	plugin_watchers_prepare(a->m, a->generation);
	rc = generation_put(a, a->generation);
	if (rc == 0)
		a->generation = NULL;
	return rc;
}

static int
work_end(struct slot_attempt *a)
{
	struct loop_child_task *rehearsal = a->rehearsal;
	int rc = 0;

	a->rehearsal = NULL;
	if (rehearsal != NULL)
		rc = plugin_rehearse_end(a->manifest, rehearsal, &a->diags);
	/* Of those that were put meanwhile. */
	if (rc == 0)
		rc = conflict_check(a);
	if (rc == 0 && a->generation == NULL)
		rc = generation_open(a);
	if (rc < 0)
		return rc;
	if (!must_wait(a))
		return take_over(a);
	a->waits = true;
	plugin_slot_hold(a->m, a->slot, a->generation);
	a->generation = NULL;
	return 0;
}

static int
attempt_begin(struct slot_attempt *a)
{
	int rc;

	plugin_file_id_look(&a->slot->manifest_id, a->slot->path);
	a->slot->racy = plugin_file_id_is_young(&a->slot->manifest_id);
	a->slot->module_read = false;
	a->slot->manifest_read =
	    plugin_file_digest(a->slot->path, a->slot->manifest_digest);
	plugin_seen_finish(&a->slot->seen);
	a->manifest =
	    plugin_manifest_load(a->slot->path, &a->slot->seen, &a->diags);
	if (a->manifest == NULL)
		return ERR_CONFIG;
	rc = module_path_set(a);
	if (rc == 0)
		rc = module_copy(a);
	if (rc < 0)
		return rc;
	a->same = is_same(a);
	if (a->same)
		return 0;
	rc = copy_check(a);
	if (rc == 0)
		rc = conflict_check(a);
	if (rc == 0)
		rc = config_check(a);
	if (rc == 0)
		rc = resident_check(a);
	if (rc == 0)
		rc = place_check(a);
	return rc == 0 ? work_begin(a) : rc;
}

static void
warnings_log(const struct slot_attempt *a)
{
	for (size_t i = 0; i < a->diags.len; i++) {
		const struct diag *d = &a->diags.items[i];

		if (d->severity != DIAG_ERROR)
			LOG_WARN("plugin warning",
			    F_CSTR("plugin", a->slot->name),
			    F_CSTR("file", d->file), F_INT("line", d->at.line),
			    F_CSTR("text", d->message));
	}
}

static enum slot_outcome
attempt_refused(struct slot_attempt *a)
{
	struct plugin_slot *s = a->slot;
	struct buf line;

	if (a->again && s->tries < MANAGER_TRIES_MAX) {
		s->retry_ns = clock_now_ns() + (MANAGER_PAUSE_NS << s->tries);
		s->tries++;
		s->later = true;
		return SLOT_LATER;
	}
	s->refused = true;
	s->conflict = a->conflict;
	buf_init(&line);
	plugin_report_first(&a->diags, &line);
	LOG_WARN("plugin refused", F_CSTR("plugin", s->name),
	    F_STR("reason", buf_view(&line)), F_INT("errors", a->diags.errors),
	    F_CSTR("serving", s->current != NULL ? "the one before" : "none"));
	free(s->last_error);
	s->last_error = buf_take(&line);
	buf_finish(&line);
	return SLOT_REFUSED;
}

static void
outcome_note(struct plugin_slot *s, enum slot_outcome outcome)
{
	s->took_ns = clock_now_ns() - s->tried_ns;
	s->outcome = outcome;
	s->reported = outcome != SLOT_UNCHANGED;
	if (outcome == SLOT_REPLACED)
		s->ledger->reloads_ok++;
	else if (outcome == SLOT_REFUSED)
		s->ledger->reloads_rejected++;
}

void
plugin_slot_begin(
    struct slot_attempt *a, struct plugin_manager *m, struct plugin_slot *s)
{
	memset(a, 0, sizeof *a);
	a->m = m;
	a->slot = s;
	diags_init(&a->diags);
	a->override = plugin_manager_override_find(m, str_of(s->name));
	s->override_number = m->override_number;
	s->tried = true;
	s->tried_ns = clock_now_ns();
	s->refused = s->conflict = s->later = s->quarantined = false;
	a->rc = attempt_begin(a);
}

enum slot_outcome
plugin_slot_end(struct slot_attempt *a)
{
	struct plugin_slot *s = a->slot;
	enum slot_outcome outcome;
	int rc = a->rc;

	if (rc == 0 && !a->same)
		rc = work_end(a);
	if (a->generation != NULL)
		plugin_generation_discard(a->generation);
	warnings_log(a);
	if (rc < 0) {
		outcome = attempt_refused(a);
	} else {
		outcome = a->waits      ? SLOT_WAITS
		    : a->same           ? SLOT_UNCHANGED
		    : s->before != NULL ? SLOT_REPLACED
					: SLOT_ADDED;
		free(s->last_error);
		s->last_error = NULL;
	}
	if (outcome != SLOT_LATER)
		s->tries = 0;
	outcome_note(s, outcome);
	plugin_copy_finish(&a->copy);
	if (!a->moved)
		plugin_manifest_destroy(a->manifest);
	diags_finish(&a->diags);
	return outcome;
}

enum slot_outcome
plugin_slot_load(struct plugin_manager *m, struct plugin_slot *s)
{
	struct slot_attempt a;

	plugin_slot_begin(&a, m, s);
	return plugin_slot_end(&a);
}

static int
resume(struct slot_attempt *a)
{
	const struct plugin_manifest *m = a->manifest;

	if (!a->slot->next_late)
		return take_over(a);
	return diags_add(&a->diags, DIAG_ERROR, TP_BUSY, m->path, m->module_at,
	    "they have passed their deadlines and go on: the log names them",
	    "module: %.*s: reload: exclusive waits for calls that do not end",
	    STR_FMT(m->module));
}

enum slot_outcome
plugin_slot_resume(struct plugin_manager *m, struct plugin_slot *s)
{
	struct plugin_generation *g = s->next, *old = s->current;
	struct slot_attempt a = { .m = m,
		.slot = s,
		.generation = g,
		.manifest = g->manifest,
		.moved = true };
	enum slot_outcome outcome = SLOT_REPLACED;

	diags_init(&a.diags);
	s->next = NULL;
	s->next_due = false;
	if (resume(&a) < 0) {
		plugin_generation_discard(g);
		call_hold_open(&old->hold);
		outcome = attempt_refused(&a);
	} else {
		plugin_slot_hold_move(old, g);
		free(s->last_error);
		s->last_error = NULL;
	}
	outcome_note(s, outcome);
	diags_finish(&a.diags);
	/* What changed while it waited was not looked at. */
	loop_timer_set(m->loop, &m->settle, clock_now_ns() + PLUGIN_SETTLE_NS);
	return outcome;
}

void
plugin_slot_drop(struct plugin_manager *m, struct plugin_slot *s)
{
	plugin_slot_hold_end(s);
	if (s->current == NULL)
		return;
	plugin_dynamic_hide(s->current, m->registry);
	s->before = s->current;
	s->current = NULL;
}
