/* SPDX-License-Identifier: Apache-2.0 */
/* Trees to build and change, on cJSON: configuration, manifests, the command
 * line.  Off the request path only.  Text that comes from outside passes
 * json_parse() first; numbers keep their exact text. */
#ifndef DATA_JSON_TREE_H
#define DATA_JSON_TREE_H

#include "base/buf.h"
#include "base/str.h"
#include "data/json.h"

struct cJSON; /* one node of a tree; the root owns all of it */

struct cJSON *json_tree_object(void);
struct cJSON *json_tree_array(void);
struct cJSON *json_tree_str(struct str s);
struct cJSON *json_tree_bool(bool value);
struct cJSON *json_tree_null(void);
/* Exact text of a number, or any JSON text that has passed json_parse(). */
struct cJSON *json_tree_raw(struct str json);
/* A copy of parsed nodes; owned. */
struct cJSON *json_tree_of(const struct json_node *n);
void json_tree_destroy(struct cJSON *t);
/* Moves child into parent; a NULL child or no memory: ERR_NOMEM and the child
 * is destroyed.  Keys are case-sensitive; an existing key is replaced. */
int json_tree_set(struct cJSON *object, struct str key, struct cJSON *child);
int json_tree_add(struct cJSON *array, struct cJSON *child);
struct cJSON *json_tree_get(const struct cJSON *object, struct str key);
/* Appends compact text. */
int json_tree_print(const struct cJSON *t, struct buf *out);
/* Appends text for people: two spaces an indent. */
int json_tree_print_pretty(const struct cJSON *t, struct buf *out);

#endif
