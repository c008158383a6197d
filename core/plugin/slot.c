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
	m->unshown = true;
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

static struct plugin_rehearsal *
rehearse(struct slot_attempt *a, const char *copy, const char *config)
{
	return plugin_rehearse_begin(a->m->loop, a->manifest,
	    str_of(a->m->rehearse_exe), copy, config,
	    a->generation != NULL ? &a->generation->identity : NULL,
	    plugin_batch_wake, a, &a->diags);
}

/* 0, PLUGIN_PENDING, or an error. */
static int
rehearsal_end(struct slot_attempt *a)
{
	struct plugin_rehearsal *r = a->rehearsal;

	if (r == NULL)
		return 0;
	if (!a->batch->waits && !plugin_rehearse_is_over(r))
		return PLUGIN_PENDING;
	a->rehearsal = NULL;
	return plugin_rehearse_end(a->manifest, r, &a->diags);
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
		a->rehearsal = rehearse(a, a->copy.path,
		    a->override != NULL && a->override->config_json != NULL
			? a->override->config_json
			: "");
		return a->rehearsal != NULL ? 0 : ERR_CONFIG;
	}
	if (!goes_ahead(a))
		return 0;
	rc = generation_open(a);
	if (rc == 0)
		plugin_runner_listen(
		    a->generation->runner, plugin_batch_wake, a);
	return rc == 0 ? plugin_generation_begin(a->generation, &a->diags) : rc;
}

/* What was put meanwhile counts. */
static int
turn_begin(struct slot_attempt *a)
{
	int rc = plugin_slot_conflicts(a);

	if (rc == 0 && a->generation == NULL)
		rc = generation_open(a);
	if (rc < 0)
		return rc;
	if (must_wait(a)) {
		a->waits = true;
		plugin_slot_hold(a->m, a->slot, a->generation);
		a->generation = NULL;
		return 0;
	}
	a->stage = SLOT_STARTS;
	return 0;
}

/* A runner that does not start has no place in the manifest to say why, a
 * rehearsal has. */
static int
explain_begin(struct slot_attempt *a)
{
	a->rehearsal = rehearse(a, a->generation->runner->copy, NULL);
	a->stage = SLOT_EXPLAINS;
	return a->rehearsal != NULL ? 0 : ERR_CONFIG;
}

static int
explain(struct slot_attempt *a)
{
	int rc = rehearsal_end(a);

	if (rc == 0)
		diags_move(&a->diags, &a->why);
	return rc == 0 ? ERR_CONFIG : rc;
}

static int
start(struct slot_attempt *a)
{
	struct plugin_generation *g = a->generation;
	int rc;

	a->start.waits = a->batch->waits;
	rc = plugin_generation_start(
	    g, &a->start, g->runner != NULL ? &a->why : &a->diags);
	if (rc < 0 && g->runner != NULL)
		return explain_begin(a);
	if (rc != 0)
		return rc;
	a->stage = SLOT_SETTLES;
	if (plugin_watchers_prepare(a->m, g) && g->runner != NULL)
		plugin_runner_settle_begin(g->runner);
	return 0;
}

/* Before it takes the place of the one that watches now. */
static int
settle(struct slot_attempt *a)
{
	struct plugin_generation *g = a->generation;
	int rc;

	if (g->runner != NULL) {
		if (!a->batch->waits && !plugin_runner_has_settled(g->runner))
			return PLUGIN_PENDING;
		plugin_runner_settle(g->runner);
		plugin_runner_listen(g->runner, NULL, NULL);
	}
	rc = plugin_slot_conflicts(a);
	if (rc == 0)
		rc = generation_put(a, g);
	if (rc < 0)
		return rc;
	a->generation = NULL;
	if (a->gate != NULL)
		plugin_slot_hold_move(a->gate, g);
	a->gate = NULL;
	return 0;
}

/* 0 when it is done. */
static int
turn(struct slot_attempt *a)
{
	int rc = 0;

	if (a->stage == SLOT_BEGUN) {
		rc = rehearsal_end(a);
		if (rc == 0)
			rc = turn_begin(a);
		if (rc != 0 || a->waits)
			return rc;
	}
	if (a->stage == SLOT_STARTS)
		rc = start(a);
	if (rc == 0 && a->stage == SLOT_EXPLAINS)
		return explain(a);
	return rc == 0 ? settle(a) : rc;
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

static int
resume(struct slot_attempt *a)
{
	const struct plugin_manifest *m = a->manifest;

	if (!a->slot->next_late)
		return 0;
	return diags_add(&a->diags, DIAG_ERROR, TP_BUSY, m->path, m->module_at,
	    "they have passed their deadlines and go on: the log names them",
	    "module: %.*s: reload: exclusive waits for calls that do not end",
	    STR_FMT(m->module));
}

/* The rest, once the calls of the one that serves have ended. */
static void
resume_begin(struct slot_attempt *a)
{
	struct plugin_slot *s = a->slot;

	a->resumes = a->moved = true;
	a->generation = s->next;
	a->manifest = s->next->manifest;
	a->gate = s->current;
	a->stage = SLOT_STARTS;
	s->next = NULL;
	s->next_due = false;
	a->rc = resume(a);
}

void
plugin_slot_begin(struct slot_attempt *a)
{
	struct plugin_slot *s = a->slot;

	diags_init(&a->diags);
	diags_init(&a->why);
	a->override = plugin_manager_override_find(a->m, str_of(s->name));
	if (s->next != NULL) {
		resume_begin(a);
		return;
	}
	a->stage = SLOT_BEGUN;
	a->said_anew =
	    s->override_number != plugin_manager_override_number(a->override);
	s->override_number = plugin_manager_override_number(a->override);
	s->tried = true;
	s->tried_ns = clock_now_ns();
	s->refused = s->conflict = s->later = s->quarantined = false;
	a->rc = attempt_begin(a);
}

/* What it has begun and did not bring to an end. */
static void
attempt_drop(struct slot_attempt *a)
{
	plugin_generation_start_forget(&a->start);
	plugin_rehearse_drop(a->rehearsal);
	a->rehearsal = NULL;
	if (a->generation != NULL)
		plugin_generation_discard(a->generation);
	a->generation = NULL;
	if (a->gate != NULL) /* calls go on in the one that serves */
		call_hold_open(&a->gate->hold);
	a->gate = NULL;
}

static void
attempt_finish(struct slot_attempt *a)
{
	plugin_copy_finish(&a->copy);
	if (!a->moved)
		plugin_manifest_destroy(a->manifest);
	diags_finish(&a->diags);
	diags_finish(&a->why);
}

static enum slot_outcome
outcome_of(const struct slot_attempt *a)
{
	return a->waits               ? SLOT_WAITS
	    : a->same                 ? SLOT_UNCHANGED
	    : a->slot->before != NULL ? SLOT_REPLACED
				      : SLOT_ADDED;
}

static enum slot_outcome
attempt_end(struct slot_attempt *a, int rc)
{
	struct plugin_slot *s = a->slot;
	enum slot_outcome outcome;

	attempt_drop(a);
	warnings_log(a);
	if (rc < 0) {
		outcome = attempt_refused(a);
	} else {
		outcome = outcome_of(a);
		free(s->last_error);
		s->last_error = NULL;
		/* The one before may have been quarantined meanwhile. */
		if (outcome == SLOT_ADDED || outcome == SLOT_REPLACED)
			s->refused = s->quarantined = false;
	}
	if (outcome != SLOT_LATER)
		s->tries = 0;
	outcome_note(s, outcome);
	/* What changed while it waited was not looked at. */
	if (a->resumes)
		loop_timer_set(a->m->loop, &a->m->settle,
		    clock_now_ns() + PLUGIN_SETTLE_NS);
	attempt_finish(a);
	return outcome;
}

enum slot_outcome
plugin_slot_step(struct slot_attempt *a)
{
	int rc = a->rc;

	/* There may be others than when it began. */
	a->override = plugin_manager_override_find(a->m, str_of(a->slot->name));
	if (a->stage <= SLOT_STARTS && a->start.told == NULL) {
		a->start.previous = a->slot->current;
		a->start.told = plugin_batch_wake;
		a->start.arg = a;
	}
	if (rc == 0 && !a->same)
		rc = turn(a);
	return rc > 0 ? SLOT_PENDING : attempt_end(a, rc);
}

void
plugin_slot_cancel(struct slot_attempt *a)
{
	if (a->stage == SLOT_QUEUED)
		return;
	a->slot->tried = false; /* those files are still to be tried */
	attempt_drop(a);
	attempt_finish(a);
}

void
plugin_slot_drop(struct plugin_manager *m, struct plugin_slot *s)
{
	struct slot_attempt *a = s->attempt;

	plugin_slot_hold_end(s);
	if (s->current == NULL)
		return;
	if (a != NULL) { /* it goes on without */
		plugin_generation_start_forget(&a->start);
		if (a->gate != NULL)
			call_hold_open(&a->gate->hold);
		a->gate = NULL;
	}
	plugin_dynamic_hide(s->current, m->registry);
	m->unshown = true;
	s->before = s->current;
	s->current = NULL;
}
