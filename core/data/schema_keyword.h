/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of keywords; nobody else includes it. */
#ifndef DATA_SCHEMA_KEYWORD_H
#define DATA_SCHEMA_KEYWORD_H

#include "data/schema_compile.h"

#define ON_OBJECT TYPE_BIT(JSON_OBJECT)
#define ON_ARRAY TYPE_BIT(JSON_ARRAY)
#define ON_STRING TYPE_BIT(JSON_STRING)
#define ON_NUMBER TYPE_BIT(JSON_NUMBER)

/* Refuses a value of this keyword. */
#define REFUSE(c_, rule_, node_, ...) \
	schema_refuse( \
	    (c_), (rule_)->resource->source, (node_), ERR_PARAMS, __VA_ARGS__)

/* One more operation of the rule in hand; zeroed but for these. */
struct schema_op *schema_op_add(struct schema_compiler *c, uint8_t code,
    unsigned mask, const char *keyword);
bool schema_op_has(const struct schema_compiler *c, uint8_t code);
/* n things in the arena, zeroed; NULL: error set.  n counts nodes of a
 * document, so that the product fits. */
void *schema_take(struct schema_compiler *c, size_t n, size_t size);
/* The rule of a subschema in the same document; the walk has made it.  NULL
 * for NULL. */
const struct schema_rule *schema_rule_at(
    const struct schema_rule *rule, const struct json_node *node);
/* Refuses value unless it has the type; what names that. */
int schema_need(struct schema_compiler *c, const struct schema_rule *rule,
    const struct json_node *value, enum json_type type, const char *what);
/* NULL: error set, with the place at. */
const struct schema_pattern *schema_pattern_add(struct schema_compiler *c,
    const struct schema_rule *rule, const struct json_node *at,
    struct str source);
int schema_count_read(struct schema_compiler *c, const struct schema_rule *rule,
    const struct json_node *value, uint64_t *out);

/* As schema_keyword.compile says. */
typedef int schema_keyword_function(struct schema_compiler *c,
    struct schema_rule *rule, const struct schema_keyword *k,
    const struct json_node *value);
schema_keyword_function schema_check_string;
schema_keyword_function schema_check_boolean;
schema_keyword_function schema_check_array;
schema_keyword_function schema_check_object;
schema_keyword_function schema_compile_ref;
schema_keyword_function schema_compile_type;
schema_keyword_function schema_compile_value;
schema_keyword_function schema_compile_enum;
schema_keyword_function schema_compile_limit;
schema_keyword_function schema_compile_count;
schema_keyword_function schema_compile_pattern;
schema_keyword_function schema_compile_format;
schema_keyword_function schema_compile_one;
schema_keyword_function schema_compile_list;
schema_keyword_function schema_compile_if;
schema_keyword_function schema_compile_items;
schema_keyword_function schema_compile_contains;
schema_keyword_function schema_compile_dependent;
schema_keyword_function schema_compile_object;
schema_keyword_function schema_compile_unique;

#endif
