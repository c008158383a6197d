/* SPDX-License-Identifier: Apache-2.0 */
/* One text for values that were written differently. */
#ifndef DATA_JSON_CANONICAL_H
#define DATA_JSON_CANONICAL_H

#include "data/json.h"

/* [any] Appends n with no white space, members in the order of their keys'
 * bytes, strings with the escapes of json_write_str(), numbers as they stand.
 * NULL is written as null.  ERR_NOMEM. */
int json_write_canonical(struct buf *out, const struct json_node *n);

#endif
