/* SPDX-License-Identifier: Apache-2.0 */
#include "data/json_canonical.h"

#include <stdlib.h>

#include "base/err.h"

static int
by_key(const void *a, const void *b)
{
	const struct json_node *const *x = a, *const *y = b;

	return str_compare(json_str(*x), json_str(*y));
}

static int
object_write(struct buf *out, const struct json_node *n)
{
	const struct json_node **keys = calloc(n->count + 1, sizeof *keys);
	size_t len = 0, i;
	int rc = 0;

	if (keys == NULL)
		return ERR_NOMEM;
	JSON_EACH_MEMBER (k, v, n)
		keys[len++] = k;
	qsort(keys, len, sizeof *keys, by_key);
	buf_char(out, '{');
	for (i = 0; i < len && rc == 0; i++) {
		if (i > 0)
			buf_char(out, ',');
		rc = json_write_str(out, json_str(keys[i]));
		buf_char(out, ':');
		if (rc == 0)
			rc = json_write_canonical(out, keys[i] + 1);
	}
	buf_char(out, '}');
	free(keys);
	return rc;
}

/* As deep as the parser lets a text be: JSON_DEPTH_MAX. */
int
json_write_canonical(struct buf *out, const struct json_node *n)
{
	bool first = true;
	int rc = 0;

	switch (json_type(n)) {
	case JSON_OBJECT:
		rc = object_write(out, n);
		break;
	case JSON_ARRAY:
		buf_char(out, '[');
		JSON_EACH_ELEMENT (v, n) {
			if (!first)
				buf_char(out, ',');
			first = false;
			if (rc == 0)
				rc = json_write_canonical(out, v);
		}
		buf_char(out, ']');
		break;
	case JSON_STRING:
		rc = json_write_str(out, json_str(n));
		break;
	case JSON_NULL:
		BUF_LIT(out, "null");
		break;
	case JSON_FALSE:
	case JSON_TRUE:
	case JSON_NUMBER:
		buf_str(out, json_raw(n));
		break;
	}
	return out->failed ? ERR_NOMEM : rc;
}
