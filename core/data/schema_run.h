/* SPDX-License-Identifier: Apache-2.0 */
/* What lives while a schema is run, and who runs what.  Private to the
 * engine. */
#ifndef DATA_SCHEMA_RUN_H
#define DATA_SCHEMA_RUN_H

#include "data/schema_priv.h"

struct schema_path {
	const struct schema_path *up;
	const struct json_node *key; /* NULL: an element */
	uint32_t index;
	uint32_t depth;
};
struct schema_scope {
	const struct schema_scope *outer;
	const struct schema_resource *resource;
};
enum schema_stop {
	STOP_NONE,
	STOP_STEPS,
	STOP_DEPTH,
	STOP_PATTERN,
	STOP_MEMORY
};
/* How a branch failed, to find the one that was meant. */
struct schema_measure {
	uint32_t deepest;
	uint32_t faults;
};
#define SCHEMA_SCRATCH_WORDS 128
struct schema_run {
	const struct schema *schema;
	uint64_t steps; /* left */
	uint32_t depth;
	enum schema_stop stop;
	struct schema_report *report; /* NULL: no faults wanted */
	struct schema_measure *measure; /* NULL: not explaining */
	const struct schema_scope *scope;
	size_t scratch_used;
	uint64_t scratch[SCHEMA_SCRATCH_WORDS];
};
/* What was evaluated of one object or array: a bit for each member. */
struct schema_marks {
	uint64_t *bits;
	size_t words;
};
bool schema_apply(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at);

/* Applies a rule whose failure is no fault; its marks count only when it
 * succeeds. */
bool schema_apply_branch(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at);
/* True when the rule in hand need not look at anything more. */
bool schema_is_done(const struct schema_run *r);

/* schema_quick.c: the same for the verdict alone: no path, no marks. */
bool schema_quick(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n);
/* Prepares what it reads, when all rules are compiled. */
void schema_quick_prepare(
    const struct schema *s, struct schema_rule **rules, size_t len);
/* schema_run.c: any operation, and any rule with unevaluated keywords. */
bool schema_run_op(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n);
bool schema_run_marked(struct schema_run *r, const struct schema_rule *rule,
    const struct json_node *n);

static inline bool
schema_type_fits(unsigned types, const struct json_node *n)
{
	if ((types & TYPE_BIT(n->type)) != 0)
		return true;
	return (types & TYPE_INTEGER) != 0 && n->type == JSON_NUMBER
	    && (n->integer || schema_number_is_integer(n));
}

/* Takes steps; false when they have run out. */
static inline bool
schema_charge(struct schema_run *r, uint64_t steps)
{
	if (r->steps >= steps) {
		r->steps -= steps;
		return true;
	}
	r->steps = 0;
	if (r->stop == STOP_NONE)
		r->stop = STOP_STEPS;
	return false;
}

#define SCHEMA_GUESSES 4 /* properties looked at before the table */

/* NULL: not declared.  Callers like the order of the schema and leave some out:
 * guess is the one that comes next. */
static inline const struct schema_property *
schema_property_find(const struct schema_object *o,
    const struct schema_key *name, uint32_t guess)
{
	const struct schema_property *p = o->properties;
	uint32_t end = o->properties_len, i;

	if (end > guess + SCHEMA_GUESSES)
		end = guess + SCHEMA_GUESSES;
	for (i = guess; i < end; i++)
		if (schema_key_same(&p[i].key, name))
			return &p[i];
	if (o->buckets == NULL) {
		for (i = 0; i < o->properties_len; i++)
			if (schema_key_same(&p[i].key, name))
				return &p[i];
		return NULL;
	}
	i = o->buckets[schema_key_hash(name) & o->buckets_mask];
	for (; i != 0; i = p[i - 1].next)
		if (schema_key_same(&p[i - 1].key, name))
			return &p[i - 1];
	return NULL;
}

static inline bool
schema_enum_has_text(const struct schema_enum *e, const struct json_node *n)
{
	struct schema_key text = schema_key_of(n->text, n->text_len);
	uint32_t i = e->buckets[schema_key_hash(&text) & e->mask];

	while (i != 0 && !schema_key_same(&e->texts[i - 1].key, &text))
		i = e->texts[i - 1].next;
	return i != 0;
}

/* schema_value.c: NULL without memory. */
struct schema_enum *schema_enum_create(
    struct arena *arena, const struct json_node *list);
bool schema_enum_has(struct schema_run *r, const struct schema_enum *e,
    const struct json_node *n);
bool schema_value_same(
    struct schema_run *r, const struct json_node *a, const struct json_node *b);
bool schema_values_unique(struct schema_run *r, const struct json_node *array,
    uint32_t *first, uint32_t *second);

/* schema_check.c: operations that apply no other rule. */
typedef bool schema_function(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at);
schema_function schema_run_const;
schema_function schema_run_enum;
schema_function schema_run_limit;
schema_function schema_run_multiple;
schema_function schema_run_length;
schema_function schema_run_count;
schema_function schema_run_format;
schema_function schema_run_pattern;
schema_function schema_run_unique;
/* Text against a pattern; a match that costs too much stops the run. */
bool schema_is_match(
    struct schema_run *r, const struct schema_pattern *p, struct str text);

/* schema_branch.c */
schema_function schema_run_all_of;
schema_function schema_run_any_of;
schema_function schema_run_one_of;
schema_function schema_run_not;
schema_function schema_run_if;

/* schema_report.c; every function returns false, for "return fail_..". */
__attribute__((format(printf, 4, 5))) bool schema_fail_text(
    struct schema_run *r, const struct schema_path *at, const char *keyword,
    const char *fmt, ...);
bool schema_fail_types(struct schema_run *r, const struct schema_path *at,
    const char *keyword, unsigned types, const struct json_node *found);
bool schema_fail_value(struct schema_run *r, const struct schema_path *at,
    const char *keyword, const char *expected, struct str what,
    const struct json_node *found);
bool schema_fail_enum(struct schema_run *r, const struct schema_path *at,
    const struct json_node *allowed, const struct json_node *found);
bool schema_fail_unknown(struct schema_run *r, const struct schema_path *at,
    const char *keyword, const struct schema_object *object);
bool schema_fail_missing(struct schema_run *r, const struct schema_path *at,
    const char *keyword, struct str name, const struct schema_object *object,
    const struct json_node *found);
void schema_report_stop(struct schema_report *report, enum schema_stop stop);
void schema_report_seal(struct schema_report *report);

#endif
