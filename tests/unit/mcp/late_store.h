/* SPDX-License-Identifier: Apache-2.0 */
/* A store that answers later, as one on disk does: what may happen meanwhile
 * is the test's to choose. */
#ifndef UNIT_MCP_LATE_STORE_H
#define UNIT_MCP_LATE_STORE_H

#include <string.h>

#include "base/check.h"
#include "store/store.h"

#define LATE_MAX 64

/* Keeps each request until it is told to go on. */
struct late {
	struct store store; /* first */
	struct store *inner;
	struct {
		void (*run)(struct store *s, struct store_request *q);
		struct store_request *q;
	} kept[LATE_MAX];
	size_t len;
	bool at_once;
};

static void
late_keep(struct store *s, struct store_request *q,
    void (*run)(struct store *s, struct store_request *q))
{
	struct late *l = (struct late *)s;

	if (l->at_once) {
		run(l->inner, q);
		return;
	}
	CHECK(l->len < LATE_MAX);
	l->kept[l->len].run = run;
	l->kept[l->len++].q = q;
}

static void
late_create(struct store *s, struct store_request *q)
{
	late_keep(s, q, ((struct late *)s)->inner->ops->create);
}

static void
late_read(struct store *s, struct store_request *q)
{
	late_keep(s, q, ((struct late *)s)->inner->ops->read);
}

static void
late_update(struct store *s, struct store_request *q)
{
	late_keep(s, q, ((struct late *)s)->inner->ops->update);
}

static void
late_drop(struct store *s, struct store_request *q)
{
	late_keep(s, q, ((struct late *)s)->inner->ops->drop);
}

static void
late_page(struct store *s, struct store_request *q)
{
	late_keep(s, q, ((struct late *)s)->inner->ops->page);
}

static size_t
late_expire(struct store *s, int64_t wall_ns, size_t max)
{
	return store_expire(((struct late *)s)->inner, wall_ns, max);
}

static size_t
late_count(struct store *s)
{
	return store_count(((struct late *)s)->inner);
}

static const struct store_ops late_ops = { late_create, late_read, late_update,
	late_drop, late_page, late_expire, late_count, NULL };

/* One step: what it makes the server ask comes next. */
static void
late_go_on(struct late *l)
{
	struct late now = *l;
	size_t i;

	l->len = 0;
	for (i = 0; i < now.len; i++)
		now.kept[i].run(l->inner, now.kept[i].q);
}

static void
late_init(struct late *l, struct store *inner)
{
	memset(l, 0, sizeof *l);
	l->store.ops = &late_ops;
	l->inner = inner;
}

#endif
