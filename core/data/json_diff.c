/* SPDX-License-Identifier: Apache-2.0 */
#include "data/json_diff.h"

#include "base/err.h"

struct differ {
	struct buf pointer;
	bool (*fn)(void *arg, struct str pointer, const struct json_node *was,
	    const struct json_node *now);
	void *arg;
};

static bool compare(
    struct differ *d, const struct json_node *was, const struct json_node *now);

/* RFC 6901 3: "~" and "/" are written as ~0 and ~1. */
static void
token_append(struct buf *pointer, struct str key)
{
	buf_char(pointer, '/');
	for (size_t i = 0; i < key.len; i++) {
		if (key.ptr[i] == '~')
			BUF_LIT(pointer, "~0");
		else if (key.ptr[i] == '/')
			BUF_LIT(pointer, "~1");
		else
			buf_char(pointer, key.ptr[i]);
	}
}

static bool
member_compare(struct differ *d, struct str key, const struct json_node *was,
    const struct json_node *now)
{
	size_t before = d->pointer.len;
	bool more;

	token_append(&d->pointer, key);
	more = compare(d, was, now);
	d->pointer.len = before;
	return more;
}

static bool
objects_compare(
    struct differ *d, const struct json_node *was, const struct json_node *now)
{
	JSON_EACH_MEMBER (k, v, was) {
		if (!member_compare(
			d, json_str(k), v, json_get(now, json_str(k))))
			return false;
	}
	JSON_EACH_MEMBER (k, v, now) {
		if (json_get(was, json_str(k)) == NULL
		    && !member_compare(d, json_str(k), NULL, v))
			return false;
	}
	return true;
}

static bool
arrays_compare(
    struct differ *d, const struct json_node *was, const struct json_node *now)
{
	const struct json_node *a = json_first(was), *a_end = json_end(was);
	const struct json_node *b = json_first(now), *b_end = json_end(now);
	size_t before = d->pointer.len;
	bool more = true;

	for (size_t i = 0; more && (a < a_end || b < b_end); i++) {
		buf_printf(&d->pointer, "/%zu", i);
		more = compare(d, a < a_end ? a : NULL, b < b_end ? b : NULL);
		d->pointer.len = before;
		a += a < a_end ? a->span : 0;
		b += b < b_end ? b->span : 0;
	}
	return more;
}

/* Its depth is that of a value, which the scanner bounds. */
static bool
compare(
    struct differ *d, const struct json_node *was, const struct json_node *now)
{
	if (was != NULL && now != NULL) {
		if (json_same(was, now))
			return true;
		if (was->type == JSON_OBJECT && now->type == JSON_OBJECT)
			return objects_compare(d, was, now);
		if (was->type == JSON_ARRAY && now->type == JSON_ARRAY)
			return arrays_compare(d, was, now);
	}
	if (was == NULL && now == NULL)
		return true;
	return d->fn(d->arg, d->pointer.len > 0 ? buf_view(&d->pointer) : S(""),
	    was, now);
}

int
json_diff(const struct json_node *was, const struct json_node *now,
    bool (*fn)(void *arg, struct str pointer, const struct json_node *was,
	const struct json_node *now),
    void *arg)
{
	struct differ d = { .fn = fn, .arg = arg };
	int rc;

	buf_init(&d.pointer);
	(void)compare(&d, was, now); /* fn's wish */
	rc = d.pointer.failed ? ERR_NOMEM : 0;
	buf_finish(&d.pointer);
	return rc;
}
