/* SPDX-License-Identifier: Apache-2.0 */
/* Which plugins differ from the last time. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "plugin/manager_priv.h"

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
	const struct slot_attempt *a = s->attempt;
	struct plugin_file_id id;

	if (s->next != NULL)
		return s->next_due;
	if (a != NULL && (a->stage == SLOT_QUEUED || a->resumes))
		return false; /* it looks, or somebody does when it ends */
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
remove_missing(struct plugin_manager *m, struct plugin_changes *c)
{
	LIST_EACH (node, &m->slots) {
		struct plugin_slot *s = slot_of(node);

		if (s->present)
			continue;
		plugin_batch_give_up(s);
		if (s->current == NULL)
			continue;
		plugin_slot_drop(m, s);
		c->removed++;
	}
}

/* What is due, each in its turn.  One that goes on and has changed since is
 * tried anew. */
static void
add_due(struct plugin_batch *b, bool again)
{
	LIST_EACH (node, &b->m->slots) {
		struct plugin_slot *s = slot_of(node);

		if (!s->present)
			continue;
		if (!slot_is_due(b->m, s, again)) {
			b->changes.unchanged++;
			continue;
		}
		plugin_batch_give_up(s);
		if (plugin_batch_add(b, s) < 0)
			loop_timer_set(b->m->loop, &b->m->settle,
			    clock_now_ns() + MANAGER_AGAIN_NS);
	}
}

void
plugin_manager_scan(struct plugin_batch *b, bool again)
{
	struct plugin_manager *m = b->m;
	struct plugin_found f;

	plugin_found_read(&f, m->dirs, m->dirs_len);
	slots_see(m, &f);
	plugin_found_finish(&f);
	remove_missing(m, &b->changes);
	add_due(b, again);
}

/* When the modules that changed under us are tried again. */
void
plugin_manager_retry_later(struct plugin_manager *m)
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
