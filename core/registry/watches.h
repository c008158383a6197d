/* SPDX-License-Identifier: Apache-2.0 */
/* Which resources somebody waits for news of, over all sessions and listen
 * streams: counted on any thread, told to one listener on the control thread
 * by edges, the first subscriber and the last.
 *
 * The count is the truth; a message only says that some have changed.  A
 * subscriber that comes and goes before the control thread looks is told to
 * nobody. */
#ifndef REGISTRY_WATCHES_H
#define REGISTRY_WATCHES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "loop/loop.h"

#define REGISTRY_WATCHES_MAX 1000000 /* URIs in one server */

struct registry_watches;

/* One URI that is watched; its control thread's part. */
struct registry_watched {
	struct list node; /* in registry_watches_known() */
	struct str uri;
	unsigned told; /* of the listener: who was told; 0: nobody */
	unsigned next; /* who has been told beforehand; 0: nobody */
};

struct registry_watches *registry_watches_create(void);
/* [any] Shared by count. */
void registry_watches_ref(struct registry_watches *w);
void registry_watches_unref(struct registry_watches *w);
/* [control] fn is told of edges; on: the first subscriber has come, else the
 * last has gone, and u goes with this call.  fn NULL: nobody listens any
 * more. */
void registry_watches_listen(struct registry_watches *w, struct loop *home,
    void (*fn)(void *arg, struct registry_watched *u, bool on), void *arg);

/* [any] One more subscriber of uri.  ERR_LIMIT, ERR_NOMEM: it does not count,
 * and must not be taken back. */
int registry_watches_add(struct registry_watches *w, struct str uri);
/* [any] One less. */
void registry_watches_remove(struct registry_watches *w, struct str uri);
/* [control] Of struct registry_watched, those that have been told. */
struct list *registry_watches_known(struct registry_watches *w);

#endif
