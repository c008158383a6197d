/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/watches.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/ref.h"

#define TOLD_A_TURN 1000

struct watched {
	struct registry_watched base;
	size_t count; /* with the lock */
	bool dirty; /* in the list of changed ones; with the lock */
	bool known; /* control */
	struct list changed; /* with the lock */
	char text[];
};

struct registry_watches {
	struct ref ref;
	pthread_mutex_t lock; /* leaf; guards the next four */
	struct map uris; /* of struct watched, owned */
	struct list changed;
	bool posted; /* msg is on its way, and holds a reference */
	struct loop *home; /* NULL: nobody listens */
	struct loop_msg msg;
	/* [control] */
	struct list known;
	void (*fn)(void *arg, struct registry_watched *u, bool on);
	void *arg;
};

static void watches_run(struct loop_msg *msg);

struct registry_watches *
registry_watches_create(void)
{
	struct registry_watches *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	if (pthread_mutex_init(&w->lock, NULL) != 0) {
		free(w);
		return NULL;
	}
	ref_init(&w->ref);
	map_init(&w->uris);
	list_init(&w->changed);
	list_init(&w->known);
	w->msg.run = watches_run;
	return w;
}

void
registry_watches_ref(struct registry_watches *w)
{
	ref_take(&w->ref);
}

void
registry_watches_unref(struct registry_watches *w)
{
	if (w == NULL || !ref_drop(&w->ref))
		return;
	MAP_EACH (slot, &w->uris)
		free(slot->value);
	map_finish(&w->uris);
	(void)pthread_mutex_destroy(&w->lock); /* nobody holds it */
	free(w);
}

static void
lock(struct registry_watches *w)
{
	CHECK(pthread_mutex_lock(&w->lock) == 0);
}

static void
unlock(struct registry_watches *w)
{
	CHECK(pthread_mutex_unlock(&w->lock) == 0);
}

/* With the lock. */
static void
post(struct registry_watches *w)
{
	if (w->home == NULL || w->posted || list_is_empty(&w->changed))
		return;
	w->posted = true;
	registry_watches_ref(w);
	loop_post(w->home, &w->msg);
}

/* With the lock: its count has become, or is no longer, 0. */
static void
change(struct registry_watches *w, struct watched *u)
{
	if (!u->dirty) {
		u->dirty = true;
		list_push(&w->changed, &u->changed);
	}
	post(w);
}

void
registry_watches_listen(struct registry_watches *w, struct loop *home,
    void (*fn)(void *arg, struct registry_watched *u, bool on), void *arg)
{
	w->fn = fn;
	w->arg = arg;
	lock(w);
	w->home = fn != NULL ? home : NULL;
	post(w);
	unlock(w);
}

/* With the lock. */
static struct watched *
watched_make(struct registry_watches *w, struct str uri)
{
	struct watched *u = calloc(1, sizeof *u + uri.len + 1);

	if (u == NULL)
		return NULL;
	memcpy(u->text, uri.ptr, uri.len);
	u->base.uri = (struct str){ u->text, uri.len };
	list_init(&u->base.node);
	list_init(&u->changed);
	if (map_set(&w->uris, u->base.uri, u, NULL) == 0)
		return u;
	free(u);
	return NULL;
}

int
registry_watches_add(struct registry_watches *w, struct str uri)
{
	struct watched *u;
	int rc = 0;

	if (uri.ptr == NULL)
		uri = S("");
	lock(w);
	u = map_find(&w->uris, uri);
	if (u == NULL && w->uris.len >= REGISTRY_WATCHES_MAX) {
		rc = ERR_LIMIT;
	} else if (u == NULL) {
		u = watched_make(w, uri);
		rc = u != NULL ? 0 : ERR_NOMEM;
	}
	if (rc == 0 && u->count++ == 0)
		change(w, u);
	unlock(w);
	return rc;
}

void
registry_watches_remove(struct registry_watches *w, struct str uri)
{
	struct watched *u;

	lock(w);
	u = map_find(&w->uris, uri);
	CHECK(u != NULL && u->count > 0);
	if (--u->count == 0)
		change(w, u);
	unlock(w);
}

struct list *
registry_watches_known(struct registry_watches *w)
{
	return &w->known;
}

/* With the lock: the next that has changed, and what became of it. */
static struct watched *
changed_take(struct registry_watches *w, bool *on)
{
	struct watched *u;

	if (list_is_empty(&w->changed) || w->home == NULL)
		return NULL;
	u = LIST_OBJ(w->changed.next, struct watched, changed);
	list_drop(&u->changed);
	u->dirty = false;
	*on = u->count > 0;
	/* Nobody can find it any more: it is this thread's. */
	if (!*on)
		(void)map_remove(&w->uris, u->base.uri);
	return u;
}

/* [control] */
static void
tell(struct registry_watches *w, struct watched *u, bool on)
{
	bool edge = on != u->known;

	u->known = on;
	if (on && edge)
		list_push(&w->known, &u->base.node);
	if (!on)
		list_drop(&u->base.node);
	if (edge && w->fn != NULL)
		w->fn(w->arg, &u->base, on);
	if (!on)
		free(u);
}

static void
watches_run(struct loop_msg *msg)
{
	struct registry_watches *w =
	    CONTAINER_OF(msg, struct registry_watches, msg);
	struct watched *u = NULL;
	bool on = false;

	for (unsigned n = 0; n < TOLD_A_TURN; n++) {
		lock(w);
		u = changed_take(w, &on);
		unlock(w);
		if (u == NULL)
			break;
		tell(w, u, on);
	}
	lock(w);
	w->posted = false;
	post(w); /* the rest, in another turn */
	unlock(w);
	registry_watches_unref(w);
}
