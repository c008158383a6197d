/* SPDX-License-Identifier: Apache-2.0 */
/* Where two JSON values differ. */
#ifndef DATA_JSON_DIFF_H
#define DATA_JSON_DIFF_H

#include "base/buf.h"
#include "data/json.h"

/* [any] Calls fn for each place, a JSON Pointer (RFC 6901), at which the two
 * differ; a member or element that only one has is told with the other NULL.
 * Numbers are compared by value, members without order, elements by their
 * place.  fn returning false ends it.  ERR_NOMEM; 0 else. */
int json_diff(const struct json_node *was, const struct json_node *now,
    bool (*fn)(void *arg, struct str pointer, const struct json_node *was,
	const struct json_node *now),
    void *arg);

#endif
