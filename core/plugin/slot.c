/* SPDX-License-Identifier: Apache-2.0 */
/* One plugin on its way from its files into the registry.  Whatever refuses,
 * the generation that serves goes on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "plugin/codes.h"
#include "plugin/manager_priv.h"
#include "plugin/rehearse.h"
#include "plugin/report.h"
#include "plugin/watchers.h"

/* The operator's word counts in place of the manifest's. */
static const struct plugin_grants *
grants_choose(const struct slot_attempt *a)
{
	return a->override != NULL && a->override->has_grants
	    ? &a->override->grants
	    : &a->manifest->grants;
}

static struct plugin_identity
identity_choose(const struct slot_attempt *a)
{
	struct plugin_identity who;

	plugin_user_choose(
	    a->override != NULL ? &a->override->user : NULL, &a->m->user, &who);
	return who;
}

/* In a process of ours there is no choice. */
static bool
identity_is_same(
    const struct slot_attempt *a, const struct plugin_generation *g)
{
	struct plugin_identity who = identity_choose(a);

	return g->runner == NULL
	    || (who.uid == g->identity.uid && who.gid == g->identity.gid);
}

static struct plugin_restart
restart_choose(const struct slot_attempt *a)
{
	static const struct plugin_restart by_default = PLUGIN_RESTART_DEFAULT;

	return a->override != NULL && a->override->restart.period_ns > 0
	    ? a->override->restart
	    : by_default;
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

/* The same bytes and words as what serves: a touch, a copy over itself. */
static bool
is_same(const struct slot_attempt *a)
{
	const struct plugin_generation *g = a->slot->current;
	struct str config =
	    str_of(a->override != NULL ? a->override->config_json : NULL);

	return g != NULL && !plugin_generation_is_quarantined(g)
	    && memcmp(g->digest, a->copy.sha256, sizeof g->digest) == 0
	    && memcmp(g->manifest->digest, a->manifest->digest,
		   sizeof g->manifest->digest)
	    == 0
	    && str_equal(g->config_text, config)
	    && g->manifest->many.runners == a->manifest->many.runners
	    && g->manifest->many.spare == a->manifest->many.spare
	    && plugin_grants_equal(&g->grants, grants_choose(a))
	    && plugin_limits_equal(g->manifest->anew, a->manifest->anew, false)
	    && (g->runner != NULL) == (place_choose(a) != NULL)
	    && identity_is_same(a, g)
	    && strcmp(g->manifest->path, a->manifest->path) == 0;
}

/* Into the registry, in place of the one before. */
static int
generation_put(struct slot_attempt *a, struct plugin_generation *g)
{
	struct plugin_manager *m = a->m;
	struct plugin_slot *s = a->slot;
	struct err err;

	if (registry_describe(m->registry, &g->set, &g->arena) < 0)
		return plugin_slot_refuse(a, TP_MEMORY, "out of memory");
	if (plugin_dynamic_show(g, s->current, m->registry, &err) < 0)
		return plugin_slot_refuse(a,
		    err.code == ERR_NOMEM ? TP_MEMORY : TP_CONFLICT, err.text);
	list_push(&m->generations, &g->node);
	m->generations_len++;
	s->before = s->current;
	s->current = g;
	return 0;
}

static int
place_check(struct slot_attempt *a)
{
	if (place_choose(a) == NULL)
		return plugin_slot_many_check(a, false);
	if (a->m->place.exe[0] != '\0')
		return plugin_slot_many_check(a, true);
	return plugin_slot_refuse(a, TP_ISOLATION,
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

/* The operator says the same in other places, or what makes no difference to
 * the code: the generation goes on with that. */
static void
words_renew(struct slot_attempt *a)
{
	struct plugin_generation *g = a->slot->current;
	struct plugin_limits_anew *anew = NULL;

	if (!a->said_anew)
		return;
	says_take(a, g);
	g->may_close = a->override != NULL && a->override->may_close;
	g->restart = restart_choose(a);
	if (a->manifest->anew != NULL)
		anew = plugin_limits_copy(a->manifest->anew, &g->arena);
	if (anew != NULL)
		g->manifest->anew = anew;
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
	g->identity = identity_choose(a);
	return plugin_grants_copy(&g->grants, grants_choose(a), &g->arena)
	    ? 0
	    : plugin_slot_refuse(a, TP_MEMORY, "out of memory");
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
		   g->runner->copy, &g->identity, &a->diags)
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
		rc = plugin_slot_conflicts(a);
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
	if (a->override != NULL
	    && plugin_limits_apply(a->manifest, a->override->limits, &a->diags)
		< 0)
		return plugin_slot_refuse(a, TP_MEMORY, "out of memory");
	plugin_slot_many_settle(a);
	rc = plugin_slot_copy(a);
	if (rc < 0)
		return rc;
	a->same = is_same(a);
	if (a->same) {
		words_renew(a);
		return 0;
	}
	rc = plugin_slot_check(a);
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
	a->said_anew =
	    s->override_number != plugin_manager_override_number(a->override);
	s->override_number = plugin_manager_override_number(a->override);
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
