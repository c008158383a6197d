/* SPDX-License-Identifier: Apache-2.0 */
/* One batch of changes: everything that differs from the last time, and one
 * new snapshot for all of it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "plugin/change.h"
#include "plugin/manager_priv.h"
#include "plugin/watchers.h"

void
plugin_slot_destroy(struct plugin_slot *s)
{
	list_drop(&s->node);
	free(s->name);
	free(s->path);
	free(s->module_path);
	free(s->shadow);
	free(s->last_error);
	free(s->last_words);
	plugin_seen_finish(&s->seen);
	plugin_ledger_unref(s->ledger);
	free(s);
}

static struct plugin_slot *
slot_of(struct list *node)
{
	return LIST_OBJ(node, struct plugin_slot, node);
}

static struct plugin_slot *
slot_find(struct plugin_manager *m, struct str name)
{
	LIST_EACH (node, &m->slots) {
		if (str_equal(str_of(slot_of(node)->name), name))
			return slot_of(node);
	}
	return NULL;
}

static char *
dup_str(struct str s)
{
	return strndup(s.ptr, s.len);
}

/* A new one, in its place by name. */
static struct plugin_slot *
slot_create(struct plugin_manager *m, struct str name)
{
	struct plugin_slot *s = calloc(1, sizeof *s);
	struct list *before = &m->slots;

	if (s == NULL)
		return NULL;
	list_init(&s->node);
	s->name = dup_str(name);
	s->ledger = plugin_ledger_create(m->place.reactors);
	if (s->name == NULL || s->ledger == NULL) {
		plugin_ledger_unref(s->ledger);
		free(s->name);
		free(s);
		return NULL;
	}
	LIST_EACH (node, &m->slots) {
		if (str_compare(str_of(slot_of(node)->name), name) > 0) {
			before = node;
			break;
		}
	}
	list_push(before, &s->node); /* in front of it */
	return s;
}

/* The same manifest as last time, or forget what we knew of it. */
static int
slot_see(struct plugin_slot *s, const char *path)
{
	char *copy;

	s->present = true;
	if (s->path != NULL && strcmp(s->path, path) == 0)
		return 0;
	copy = strdup(path);
	if (copy == NULL)
		return ERR_NOMEM;
	free(s->path);
	s->path = copy;
	s->tried = false;
	return 0;
}

static void
shadow_report(struct plugin_slot *s, const char *path)
{
	if (s->shadow != NULL && strcmp(s->shadow, path) == 0)
		return;
	LOG_WARN("plugin manifest ignored", F_CSTR("plugin", s->name),
	    F_CSTR("file", path), F_CSTR("used", s->path));
	free(s->shadow);
	s->shadow = strdup(path);
}

static bool
is_disabled(const struct plugin_manager *m, struct str name)
{
	const struct manager_override *o =
	    plugin_manager_override_find(m, name);

	return o != NULL && o->disabled;
}

/* Marks the slots that have a manifest; makes those that are new. */
static void
slots_see(struct plugin_manager *m, const struct plugin_found *f)
{
	/* A folder that could not be read has lost nothing: without memory or
	 * descriptors what serves goes on. */
	LIST_EACH (node, &m->slots)
		slot_of(node)->present = f->fault != 0
		    && slot_of(node)->path != NULL
		    && !is_disabled(m, str_of(slot_of(node)->name));
	for (size_t i = 0; i < f->len; i++) {
		struct plugin_slot *s = slot_find(m, f->items[i].name);

		if (is_disabled(m, f->items[i].name))
			continue;
		if (s == NULL)
			s = slot_create(m, f->items[i].name);
		if (s == NULL)
			continue; /* no memory: the next scan tries again */
		if (s->present && f->fault != 0)
			continue; /* which of two it is can be said later */
		if (s->present)
			shadow_report(s, f->items[i].path);
		else if (slot_see(s, f->items[i].path) < 0)
			s->present = s->path != NULL;
	}
}

/* Known and other bytes. */
static bool
digest_differs(const char *path, bool known, const unsigned char *digest)
{
	unsigned char now[CRYPTO_SHA256_LEN];

	return known && plugin_file_digest(path, now)
	    && memcmp(now, digest, sizeof now) != 0;
}

/* git's rule for what was "racily clean": a file that was young when it was
 * read may have been written once more within the same tick of its stamps, so
 * its bytes are looked at until a later change must show. */
static bool
racy_changed(struct plugin_slot *s)
{
	s->racy = plugin_file_id_is_young(&s->manifest_id)
	    || (s->module_read && plugin_file_id_is_young(&s->module_id));
	return digest_differs(s->path, s->manifest_read, s->manifest_digest)
	    || digest_differs(s->module_path, s->module_read, s->module_digest);
}

static bool
slot_is_due(const struct plugin_manager *m, struct plugin_slot *s, bool again)
{
	struct plugin_file_id id;

	if (s->next != NULL)
		return s->next_due;
	if (!s->tried
	    || s->override_number
		!= plugin_manager_override_number(
		    plugin_manager_override_find(m, str_of(s->name))))
		return true;
	if (s->later)
		return again || clock_now_ns() >= s->retry_ns;
	if (again && s->refused)
		return true;
	plugin_file_id_look(&id, s->path);
	if (!plugin_file_id_equal(&id, &s->manifest_id))
		return true;
	if (s->racy && racy_changed(s))
		return true;
	if (plugin_seen_changed(&s->seen))
		return true;
	if (s->module_path == NULL)
		return false;
	plugin_file_id_look(&id, s->module_path);
	return !plugin_file_id_equal(&id, &s->module_id);
}

bool
plugin_manager_is_due(struct plugin_manager *m)
{
	struct plugin_found f;
	bool due = false;

	plugin_found_read(&f, m->dirs, m->dirs_len);
	slots_see(m, &f);
	plugin_found_finish(&f);
	LIST_EACH (node, &m->slots)
		due = due || !slot_of(node)->present
		    || slot_is_due(m, slot_of(node), false);
	return due;
}

static void
count(struct plugin_changes *c, enum slot_outcome outcome)
{
	switch (outcome) {
	case SLOT_ADDED:
		c->added++;
		break;
	case SLOT_REPLACED:
		c->replaced++;
		break;
	case SLOT_REFUSED:
	case SLOT_LATER:
		c->refused++;
		break;
	case SLOT_UNCHANGED:
	case SLOT_WAITS:
		c->unchanged++;
		break;
	}
}

/* What is slow about a plugin are its processes: while the first in line is
 * waited for, those behind it have theirs begun.  They end in their order, so
 * that all is as if each were loaded alone, its log lines too. */
struct ahead {
	struct slot_attempt attempts[MANAGER_AHEAD_MAX]; /* a ring */
	unsigned most;
	unsigned begun, ended;
};

static unsigned
ahead_most(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1)
		return 2;
	return cores < MANAGER_AHEAD_MAX / 2 ? 2 * (unsigned)cores
					     : MANAGER_AHEAD_MAX;
}

static void
ahead_end(struct ahead *h, struct plugin_changes *c)
{
	count(c, plugin_slot_end(&h->attempts[h->ended++ % MANAGER_AHEAD_MAX]));
}

static void
slots_load(struct plugin_manager *m, bool again, struct plugin_changes *c)
{
	static struct ahead h; /* [control]; too large for a stack */

	h.begun = h.ended = 0;
	h.most = ahead_most();
	LIST_EACH (node, &m->slots) {
		struct plugin_slot *s = slot_of(node);

		if (!s->present)
			continue;
		if (!slot_is_due(m, s, again)) {
			c->unchanged++;
			continue;
		}
		if (s->next != NULL) {
			count(c, plugin_slot_resume(m, s));
			continue;
		}
		if (h.begun - h.ended == h.most)
			ahead_end(&h, c);
		plugin_slot_begin(
		    &h.attempts[h.begun++ % MANAGER_AHEAD_MAX], m, s);
	}
	while (h.ended < h.begun)
		ahead_end(&h, c);
}

/* A name that another plugin gave up in this batch is free now. */
static void
retry_conflicts(struct plugin_manager *m, struct plugin_changes *c)
{
	unsigned before = 0;

	while (c->added + c->replaced + c->removed > before) {
		before = c->added + c->replaced + c->removed;
		LIST_EACH (node, &m->slots) {
			struct plugin_slot *s = slot_of(node);

			if (!s->conflict || !s->present)
				continue;
			if (c->refused > 0)
				c->refused--;
			count(c, plugin_slot_load(m, s));
		}
	}
}

static void
remove_missing(struct plugin_manager *m, struct plugin_changes *c)
{
	LIST_EACH (node, &m->slots) {
		struct plugin_slot *s = slot_of(node);

		if (s->present || s->current == NULL)
			continue;
		plugin_slot_drop(m, s);
		c->removed++;
	}
}

/* One object for who asked, while both generations are there. */
static void
change_tell(struct plugin_manager *m, const struct plugin_slot *s)
{
	const struct plugin_generation *now = s->current, *was = s->before;
	const char *change = now == NULL && was != NULL            ? "removed"
	    : s->outcome == SLOT_LATER || s->outcome == SLOT_WAITS ? "later"
	    : s->outcome == SLOT_REFUSED                           ? "refused"
	    : was != NULL                                          ? "replaced"
								   : "added";
	struct buf b;

	buf_init(&b);
	BUF_LIT(&b, "{\"plugin\":");
	buf_json(&b, str_of(s->name));
	buf_printf(&b, ",\"change\":\"%s\"", change);
	if (was != NULL)
		buf_printf(&b, ",\"old\":%u", was->number);
	if (now != NULL) {
		buf_printf(&b, ",\"generation\":%u,\"version\":", now->number);
		buf_json(&b, now->manifest->version);
	}
	if (s->reported)
		buf_printf(
		    &b, ",\"ms\":%lld", (long long)(s->took_ns / NS_PER_MS));
	if (s->last_error != NULL) {
		BUF_LIT(&b, ",\"error\":");
		buf_json(&b, str_of(s->last_error));
	}
	/* What was refused has changed nothing. */
	if (was != NULL || (now != NULL && s->outcome == SLOT_ADDED))
		plugin_change_members(was, now, &b);
	buf_char(&b, '}');
	if (!b.failed)
		m->on_change(m->on_change_arg, buf_view(&b));
	buf_finish(&b);
}

static void
changes_tell(struct plugin_manager *m)
{
	LIST_EACH (node, &m->slots) {
		struct plugin_slot *s = slot_of(node);

		if (m->on_change != NULL && (s->reported || s->before != NULL))
			change_tell(m, s);
		s->reported = false;
	}
}

/* What was put is visible now: old ones drain. */
static void
announce(struct plugin_manager *m)
{
	LIST_EACH_SAFE (node, &m->slots) {
		struct plugin_slot *s = slot_of(node);

		if (s->current != NULL && s->current->at == PLUGIN_OPENED)
			plugin_generation_enter(s->current, PLUGIN_WARM);
		if (s->before != NULL)
			plugin_generation_enter(s->before, PLUGIN_DRAINING);
		s->before = NULL;
		if (!s->present)
			plugin_slot_destroy(s);
	}
	plugin_manager_drains_arm(m);
}

/* When the modules that changed under us are tried again. */
static void
retry_later(struct plugin_manager *m)
{
	int64_t due = INT64_MAX;

	LIST_EACH (node, &m->slots) {
		/* What was freed has left the list, which is not seen. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		const struct plugin_slot *s = slot_of(node);

		if (s->later && s->retry_ns < due)
			due = s->retry_ns;
	}
	if (due != INT64_MAX && !loop_timer_is_set(&m->settle))
		loop_timer_set(m->loop, &m->settle, due);
}

void
plugin_manager_watch_seen(struct plugin_manager *m)
{
	if (m->watch == NULL)
		return;
	LIST_EACH (node, &m->slots) {
		const struct plugin_seen *seen = &slot_of(node)->seen;

		for (size_t i = 0; i < seen->len; i++)
			plugin_watch_file(m->watch, seen->files[i].path);
	}
}

void
plugin_manager_batch(
    struct plugin_manager *m, bool again, struct plugin_changes *changes)
{
	struct plugin_found f;
	struct err err;

	memset(changes, 0, sizeof *changes);
	if (m->watch != NULL)
		plugin_watch_folders(m->watch, m->dirs, m->dirs_len);
	plugin_found_read(&f, m->dirs, m->dirs_len);
	slots_see(m, &f);
	plugin_found_finish(&f);
	remove_missing(m, changes);
	slots_load(m, again, changes);
	retry_conflicts(m, changes);
	plugin_manager_watch_seen(m);
	if (registry_publish(m->registry, &err) < 0)
		LOG_ERROR("registry not published", F_CSTR("reason", err.text));
	changes_tell(m);
	announce(m);
	plugin_watchers_settle(m);
	retry_later(m);
	if (m->on_batch != NULL
	    && changes->added + changes->replaced + changes->removed
		    + changes->refused
		> 0)
		m->on_batch(m->on_batch_arg, changes);
}
