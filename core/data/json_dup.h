/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that outlive the reactor's parse. */
#ifndef DATA_JSON_DUP_H
#define DATA_JSON_DUP_H

#include "base/arena.h"
#include "data/json.h"

/* [any] A copy of n, its text included, in arena; NULL without memory. */
const struct json_node *json_dup(
    const struct json_node *n, struct arena *arena);
/* [any] Parses text (copied) into arena; NULL when it is not JSON or without
 * memory. */
const struct json_node *json_parse_dup(struct str text, struct arena *arena);

#endif
