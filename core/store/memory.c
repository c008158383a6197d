/* SPDX-License-Identifier: Apache-2.0 */
/* The store in memory.  One lock, held for a look-up: what a reader gets is
 * immutable and counted, so nothing is copied and nothing is called under it.
 * A heap by expiry means that no row is ever looked at before its time. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/ref.h"
#include "store/store.h"

#define MEMORY_MAGIC 0x4d53544fu
#define EXPIRED_A_CREATE 4 /* rows that make room for a new one */

/* All rows of one principal. */
struct owner {
	size_t count;
	struct list rows; /* struct row, in order of seq */
	struct str key; /* in text */
	char text[];
};

/* One row's place; its strings never change. */
struct row {
	struct ref ref; /* the table's, and one for each item */
	struct list node; /* in owner->rows */
	struct owner *owner;
	struct item *now; /* a reference */
	size_t heap_at;
	uint64_t seq;
	struct str id; /* in text, like the next */
	struct str principal;
	char text[];
};

/* What a row said at one time. */
struct item {
	struct ref ref;
	struct row *row; /* a reference */
	int64_t expires_ns;
	uint64_t version;
	uint32_t format;
	size_t len;
	char value[];
};

struct memory {
	struct store store; /* first */
	uint32_t magic;
	struct store_limits limits;
	pthread_mutex_t lock; /* leaf; guards the rest but the count */
	struct map by_id; /* of struct row */
	struct map owners; /* of struct owner, owned */
	struct row **heap; /* owned; the first expires first */
	size_t heap_len;
	size_t heap_cap;
	uint64_t seq;
	size_t bytes;
	atomic_size_t count;
};

static struct memory *
memory_of(struct store *s)
{
	struct memory *m = (struct memory *)s;

	OBJ_CHECK(m, MEMORY_MAGIC);
	return m;
}

static void
memory_lock(struct memory *m)
{
	CHECK(pthread_mutex_lock(&m->lock) == 0);
}

static void
memory_unlock(struct memory *m)
{
	CHECK(pthread_mutex_unlock(&m->lock) == 0);
}

static void
row_unref(struct row *r)
{
	if (ref_drop(&r->ref))
		free(r);
}

static void
item_unref(struct item *i)
{
	if (!ref_drop(&i->ref))
		return;
	row_unref(i->row);
	free(i);
}

static size_t
bytes_of(const struct row *r, const struct item *i)
{
	return sizeof *r + sizeof *i + r->id.len + r->principal.len + i->len;
}

static struct row *
row_make(const struct store_row *from)
{
	struct row *r = malloc(sizeof *r + from->id.len + from->principal.len);

	if (r == NULL)
		return NULL;
	ref_init(&r->ref);
	list_init(&r->node);
	r->owner = NULL;
	r->now = NULL;
	memcpy(r->text, from->id.ptr, from->id.len);
	r->id = (struct str){ r->text, from->id.len };
	r->principal =
	    (struct str){ r->text + from->id.len, from->principal.len };
	if (from->principal.len > 0)
		memcpy(r->text + from->id.len, from->principal.ptr,
		    from->principal.len);
	return r;
}

/* Not yet of a row. */
static struct item *
item_make(const struct store_row *from)
{
	struct item *i = malloc(sizeof *i + from->value.len);

	if (i == NULL)
		return NULL;
	ref_init(&i->ref);
	i->row = NULL;
	i->expires_ns = from->expires_ns;
	i->version = 1;
	i->format = from->format;
	i->len = from->value.len;
	if (i->len > 0)
		memcpy(i->value, from->value.ptr, i->len);
	return i;
}

static void
item_show(const struct item *i, struct store_row *out)
{
	const struct row *r = i->row;

	*out = (struct store_row){ r->id, r->principal, i->expires_ns,
		i->format, { i->value, i->len }, r->seq, i->version };
}

static bool
expires_before(const struct row *a, const struct row *b)
{
	return a->now->expires_ns < b->now->expires_ns;
}

static void
heap_put(struct memory *m, size_t at, struct row *r)
{
	m->heap[at] = r;
	r->heap_at = at;
}

/* Moves r, which is at its place, to where it belongs. */
static void
heap_sift(struct memory *m, struct row *r)
{
	size_t at = r->heap_at, child;

	while (at > 0 && expires_before(r, m->heap[(at - 1) / 2])) {
		heap_put(m, at, m->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	while ((child = 2 * at + 1) < m->heap_len) {
		if (child + 1 < m->heap_len
		    && expires_before(m->heap[child + 1], m->heap[child]))
			child++;
		if (!expires_before(m->heap[child], r))
			break;
		heap_put(m, at, m->heap[child]);
		at = child;
	}
	heap_put(m, at, r);
}

static int
heap_reserve(struct memory *m)
{
	size_t cap = m->heap_cap > 0 ? 2 * m->heap_cap : 64;
	struct row **heap;

	if (m->heap_len < m->heap_cap)
		return 0;
	heap = realloc(m->heap, cap * sizeof(struct row *));
	if (heap == NULL)
		return ERR_NOMEM;
	m->heap = heap;
	m->heap_cap = cap;
	return 0;
}

static void
heap_drop(struct memory *m, const struct row *r)
{
	size_t at = r->heap_at;
	struct row *last = m->heap[--m->heap_len];

	if (last == r)
		return;
	heap_put(m, at, last);
	heap_sift(m, last);
}

/* The owner of a new row; NULL without memory. */
static struct owner *
owner_get(struct memory *m, struct str principal)
{
	struct owner *o = map_find(&m->owners, principal);

	if (o != NULL)
		return o;
	o = malloc(sizeof *o + principal.len);
	if (o == NULL)
		return NULL;
	o->count = 0;
	list_init(&o->rows);
	o->key = (struct str){ o->text, principal.len };
	if (principal.len > 0)
		memcpy(o->text, principal.ptr, principal.len);
	if (map_set(&m->owners, o->key, o, NULL) == 0)
		return o;
	free(o);
	return NULL;
}

static void
owner_leave(struct memory *m, struct owner *o)
{
	if (o->count > 0)
		return;
	(void)map_remove(&m->owners, o->key); /* o */
	free(o);
}

/* Out of every table; its readers keep what they hold. */
static void
row_drop(struct memory *m, struct row *r)
{
	(void)map_remove(&m->by_id, r->id); /* r */
	heap_drop(m, r);
	list_drop(&r->node);
	r->owner->count--;
	owner_leave(m, r->owner);
	m->bytes -= bytes_of(r, r->now);
	atomic_fetch_sub(&m->count, 1);
	item_unref(r->now);
	row_unref(r);
}

static size_t
expired_drop(struct memory *m, int64_t wall_ns, size_t max)
{
	size_t n = 0;

	while (n < max && m->heap_len > 0
	    && m->heap[0]->now->expires_ns <= wall_ns) {
		row_drop(m, m->heap[0]);
		n++;
	}
	return n;
}

static struct row *
row_find(const struct memory *m, struct str id)
{
	struct row *r = map_find(&m->by_id, id);

	return r != NULL && r->now->expires_ns > clock_wall_ns() ? r : NULL;
}

/* Takes r and i over, unless it fails. */
static int
row_add(struct memory *m, struct row *r, struct item *i)
{
	struct owner *o;
	int rc;

	(void)expired_drop(m, clock_wall_ns(), EXPIRED_A_CREATE);
	if (map_find(&m->by_id, r->id) != NULL)
		return ERR_EXISTS;
	if (m->heap_len >= m->limits.rows_max
	    || m->limits.bytes_max - m->bytes < bytes_of(r, i))
		return ERR_BUSY;
	rc = heap_reserve(m);
	if (rc < 0)
		return rc;
	o = owner_get(m, r->principal);
	if (o == NULL)
		return ERR_NOMEM;
	rc = o->count >= m->limits.principal_max
	    ? ERR_LIMIT
	    : map_set(&m->by_id, r->id, r, NULL);
	if (rc < 0) {
		owner_leave(m, o);
		return rc;
	}
	r->owner = o;
	o->count++;
	list_push(&o->rows, &r->node);
	r->seq = ++m->seq;
	r->now = i;
	i->row = r;
	ref_take(&r->ref);
	heap_put(m, m->heap_len++, r);
	heap_sift(m, r);
	m->bytes += bytes_of(r, i);
	atomic_fetch_add(&m->count, 1);
	return 0;
}

static bool
row_is_sound(const struct store_row *row)
{
	return row->id.len > 0 && row->id.len <= STORE_ID_MAX
	    && row->principal.len <= STORE_PRINCIPAL_MAX;
}

static void
memory_create(struct store *s, struct store_request *q)
{
	struct memory *m = memory_of(s);
	struct row *r;
	struct item *i;

	if (!row_is_sound(&q->row)) {
		q->rc = ERR_PARAMS;
		q->done(q);
		return;
	}
	r = row_make(&q->row);
	i = item_make(&q->row);
	q->rc = ERR_NOMEM;
	if (r != NULL && i != NULL) {
		memory_lock(m);
		q->rc = row_add(m, r, i);
		if (q->rc == 0) {
			q->row.seq = r->seq;
			q->row.version = i->version;
		}
		memory_unlock(m);
	}
	if (q->rc != 0) {
		free(r);
		free(i);
	}
	q->done(q);
}

static void
memory_read(struct store *s, struct store_request *q)
{
	struct memory *m = memory_of(s);
	struct item *i = NULL;
	struct row *r;

	memory_lock(m);
	r = row_find(m, q->row.id);
	if (r != NULL) {
		i = r->now;
		ref_take(&i->ref);
	}
	memory_unlock(m);
	q->rc = i != NULL ? 0 : ERR_NOTFOUND;
	if (i != NULL)
		item_show(i, &q->row);
	q->done(q);
	if (i != NULL)
		item_unref(i);
}

/* Gives *item the one that was there. */
static int
row_replace(
    struct memory *m, struct str id, uint64_t version, struct item **item)
{
	struct row *r = row_find(m, id);
	struct item *i = *item;
	size_t bytes;

	if (r == NULL)
		return ERR_NOTFOUND;
	if (r->now->version != version)
		return ERR_STATE;
	bytes = m->bytes - bytes_of(r, r->now);
	if (m->limits.bytes_max - bytes < bytes_of(r, i))
		return ERR_BUSY;
	m->bytes = bytes + bytes_of(r, i);
	i->version = version + 1;
	i->row = r;
	ref_take(&r->ref);
	*item = r->now;
	r->now = i;
	heap_sift(m, r);
	return 0;
}

static void
memory_update(struct store *s, struct store_request *q)
{
	struct memory *m = memory_of(s);
	struct item *i = item_make(&q->row);

	q->rc = ERR_NOMEM;
	if (i != NULL) {
		memory_lock(m);
		q->rc = row_replace(m, q->row.id, q->row.version, &i);
		memory_unlock(m);
	}
	if (q->rc == 0) {
		item_unref(i);
		q->row.version++;
	} else {
		free(i);
	}
	q->done(q);
}

static void
memory_drop(struct store *s, struct store_request *q)
{
	struct memory *m = memory_of(s);
	struct row *r;

	memory_lock(m);
	r = row_find(m, q->row.id);
	q->rc = r != NULL ? 0 : ERR_NOTFOUND;
	if (r != NULL)
		row_drop(m, r);
	memory_unlock(m);
	q->done(q);
}

/* Those behind seq, each referenced. */
static size_t
page_take(const struct owner *o, uint64_t after, struct item *items[STORE_PAGE],
    bool *more)
{
	int64_t now = clock_wall_ns();
	size_t n = 0;

	LIST_EACH (node, &o->rows) {
		struct row *r = LIST_OBJ(node, struct row, node);

		if (r->seq <= after || r->now->expires_ns <= now)
			continue;
		if (n == STORE_PAGE) {
			*more = true;
			break;
		}
		ref_take(&r->now->ref);
		items[n++] = r->now;
	}
	return n;
}

static void
memory_page(struct store *s, struct store_request *q)
{
	struct memory *m = memory_of(s);
	struct store_row rows[STORE_PAGE];
	struct item *items[STORE_PAGE];
	const struct owner *o;
	size_t n = 0, i;

	q->rc = 0;
	q->more = false;
	memory_lock(m);
	o = map_find(&m->owners, q->row.principal);
	if (o != NULL)
		n = page_take(o, q->after, items, &q->more);
	memory_unlock(m);
	for (i = 0; i < n; i++)
		item_show(items[i], &rows[i]);
	q->rows = rows;
	q->rows_len = n;
	q->done(q);
	for (i = 0; i < n; i++)
		item_unref(items[i]);
}

static size_t
memory_expire(struct store *s, int64_t wall_ns, size_t max)
{
	struct memory *m = memory_of(s);
	size_t n;

	memory_lock(m);
	n = expired_drop(m, wall_ns, max);
	memory_unlock(m);
	return n;
}

static size_t
memory_count(struct store *s)
{
	return atomic_load_explicit(
	    &memory_of(s)->count, memory_order_relaxed /* a hint */);
}

static void
memory_destroy(struct store *s)
{
	struct memory *m = memory_of(s);

	while (m->heap_len > 0)
		row_drop(m, m->heap[0]);
	map_finish(&m->by_id);
	map_finish(&m->owners);
	free(m->heap);
	(void)pthread_mutex_destroy(&m->lock); /* nobody holds it */
	OBJ_WIPE(m);
	free(m);
}

static const struct store_ops ops = {
	.create = memory_create,
	.read = memory_read,
	.update = memory_update,
	.drop = memory_drop,
	.page = memory_page,
	.expire = memory_expire,
	.count = memory_count,
	.destroy = memory_destroy,
};

struct store *
store_memory_create(const struct store_limits *limits, struct err *err)
{
	struct memory *m = calloc(1, sizeof *m);

	if (m == NULL || pthread_mutex_init(&m->lock, NULL) != 0) {
		free(m);
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	OBJ_INIT(m, MEMORY_MAGIC);
	m->store.ops = &ops;
	m->limits = *limits;
	map_init(&m->by_id);
	map_init(&m->owners);
	atomic_init(&m->count, 0);
	return &m->store;
}
