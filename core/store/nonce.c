/* SPDX-License-Identifier: Apache-2.0 */
/* A map by name, and a list by age: all live equally long, so that the oldest
 * is the first to go. */
#include "store/nonce.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"

#define NONCES_MAGIC 0x4e4f4e43u

struct entry {
	struct list node;
	int64_t until_ns;
	unsigned char nonce[STORE_NONCE_LEN];
};

struct store_nonces {
	uint32_t magic;
	size_t max;
	int64_t life_ns;
	unsigned char self[STORE_NONCE_LEN];
	pthread_mutex_t lock; /* leaf; guards the two below */
	struct map by_name; /* of struct entry, owned */
	struct list by_age;
};

struct store_nonces *
store_nonces_create(size_t max, int64_t life_ns, struct err *err)
{
	struct store_nonces *t = calloc(1, sizeof *t);

	if (t == NULL || pthread_mutex_init(&t->lock, NULL) != 0) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		free(t);
		return NULL;
	}
	OBJ_INIT(t, NONCES_MAGIC);
	t->max = max;
	t->life_ns = life_ns;
	random_bytes(t->self, sizeof t->self);
	map_init(&t->by_name);
	list_init(&t->by_age);
	return t;
}

static struct str
name_of(const unsigned char nonce[STORE_NONCE_LEN])
{
	return (struct str){ (const char *)nonce, STORE_NONCE_LEN };
}

static void
entry_drop(struct store_nonces *t, struct entry *e)
{
	(void)map_remove(&t->by_name, name_of(e->nonce)); /* e itself */
	list_drop(&e->node);
	free(e);
}

void
store_nonces_destroy(struct store_nonces *t)
{
	if (t == NULL)
		return;
	OBJ_CHECK(t, NONCES_MAGIC);
	LIST_EACH_SAFE (node, &t->by_age)
		entry_drop(t, LIST_OBJ(node, struct entry, node));
	map_finish(&t->by_name);
	(void)pthread_mutex_destroy(&t->lock); /* nobody holds it */
	OBJ_WIPE(t);
	free(t);
}

struct str
store_nonces_self(const struct store_nonces *t)
{
	return name_of(t->self);
}

static void
expire(struct store_nonces *t, int64_t now_ns)
{
	while (!list_is_empty(&t->by_age)) {
		struct entry *e = LIST_OBJ(t->by_age.next, struct entry, node);

		if (e->until_ns > now_ns)
			return;
		entry_drop(t, e);
	}
}

static int
redeem(struct store_nonces *t, const unsigned char nonce[STORE_NONCE_LEN],
    int64_t now_ns)
{
	struct entry *e;

	expire(t, now_ns);
	if (map_find(&t->by_name, name_of(nonce)) != NULL)
		return ERR_EXISTS;
	if (t->by_name.len >= t->max)
		return ERR_BUSY;
	e = calloc(1, sizeof *e);
	if (e == NULL)
		return ERR_NOMEM;
	memcpy(e->nonce, nonce, sizeof e->nonce);
	e->until_ns = now_ns + t->life_ns;
	if (map_set(&t->by_name, name_of(e->nonce), e, NULL) < 0) {
		free(e);
		return ERR_NOMEM;
	}
	list_push(&t->by_age, &e->node);
	return 0;
}

int
store_nonce_redeem(struct store_nonces *t,
    const unsigned char nonce[STORE_NONCE_LEN], int64_t now_ns)
{
	int rc;

	OBJ_CHECK(t, NONCES_MAGIC);
	CHECK(pthread_mutex_lock(&t->lock) == 0);
	rc = redeem(t, nonce, now_ns);
	CHECK(pthread_mutex_unlock(&t->lock) == 0);
	return rc;
}

void
store_nonce_forget(
    struct store_nonces *t, const unsigned char nonce[STORE_NONCE_LEN])
{
	struct entry *e;

	OBJ_CHECK(t, NONCES_MAGIC);
	CHECK(pthread_mutex_lock(&t->lock) == 0);
	e = map_find(&t->by_name, name_of(nonce));
	if (e != NULL)
		entry_drop(t, e);
	CHECK(pthread_mutex_unlock(&t->lock) == 0);
}
