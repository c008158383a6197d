/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a file of JSON a value stands: for messages. */
#ifndef DATA_JSON_PLACE_H
#define DATA_JSON_PLACE_H

#include "base/diag.h"
#include "data/json.h"

/* [any] Line and column of a byte; columns count characters, as those of YAML
 * do. */
struct diag_at json_place(struct str text, size_t offset);
/* [any] The value that a JSON Pointer names (RFC 6901), or the nearest parent
 * that exists. */
const struct json_node *json_at_pointer(
    const struct json_node *root, struct str pointer);

#endif
