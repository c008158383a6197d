/* SPDX-License-Identifier: Apache-2.0 */
/* Strict YAML on libyaml's events, for files that operators and authors write
 * (security.md 4): no anchors, aliases, tags, merge keys, second documents or
 * directives; bounded size, depth and events; duplicate keys refused.  The
 * result is a tree of nodes with positions.  Scalars are not typed here: who
 * reads a value says what it must be. */
#ifndef DATA_YAML_H
#define DATA_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"

#define YAML_FILE_MAX ((size_t)256 * 1024)
#define YAML_DEPTH_MAX 64 /* containers; settings tables allow 16 of them */
#define YAML_EVENTS_MAX 50000
#define YAML_KEY_MAX 1024 /* bytes; below what JSON allows */

enum yaml_type { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_type type;
	struct diag_at at;
	struct str text; /* scalars; NUL-terminated copy */
	bool plain; /* scalars: not quoted, not a block */
	struct yaml_node *first; /* lists: elements; maps: values */
	struct yaml_node *next; /* sibling */
	struct str key; /* in a map */
	struct diag_at key_at;
	size_t count;
};

/* [any] All nodes live in arena.  file names the source in diagnostics.
 * Returns the root, or NULL with at least one error in diags. */
struct yaml_node *yaml_parse(struct arena *arena, struct str text,
    const char *file, struct diags *diags);
/* NULL when absent. */
const struct yaml_node *yaml_get(const struct yaml_node *map, struct str key);
/* Free JSON inside YAML (schemas, annotations): plain true, false, null,
 * nothing (null too) and JSON numbers are typed, every other scalar is a
 * string.  Appends JSON text; numbers keep their exact text.  NULL-safe. */
int yaml_to_json(const struct yaml_node *n, struct buf *out);
/* The node that a JSON Pointer names (RFC 6901), or the nearest parent that
 * exists: for "schema error at /properties/a" -> line and column. */
const struct yaml_node *yaml_at_pointer(
    const struct yaml_node *root, struct str pointer);

#endif
