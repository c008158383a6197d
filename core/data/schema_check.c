/* SPDX-License-Identifier: Apache-2.0 */
/* The operations that look at one value and apply no other rule. */
#include "data/schema_run.h"

bool
schema_run_const(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	(void)marks;
	if (schema_value_same(r, op->u.value, n))
		return true;
	return schema_fail_value(
	    r, at, op->keyword, "must be ", json_raw(op->u.value), n);
}

bool
schema_run_enum(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	(void)marks;
	if (schema_enum_has(r, op->u.values, n))
		return true;
	if (r->stop != STOP_NONE)
		return false;
	return schema_fail_enum(r, at, op->u.values->list, n);
}

bool
schema_run_limit(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	int order = schema_number_compare(n, op->u.limit);
	struct str text = op->u.limit->text;

	(void)marks;
	switch (op->code) {
	case OP_MAXIMUM:
		return order <= 0
		    || schema_fail_value(
			r, at, op->keyword, "must be <= ", text, n);
	case OP_EXCLUSIVE_MAXIMUM:
		return order < 0
		    || schema_fail_value(
			r, at, op->keyword, "must be < ", text, n);
	case OP_MINIMUM:
		return order >= 0
		    || schema_fail_value(
			r, at, op->keyword, "must be >= ", text, n);
	default:
		return order > 0
		    || schema_fail_value(
			r, at, op->keyword, "must be > ", text, n);
	}
}

bool
schema_run_multiple(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	(void)marks;
	if (!schema_charge(r, n->raw_len / 8))
		return false;
	return schema_number_is_multiple(n, op->u.limit)
	    || schema_fail_value(r, at, op->keyword, "must be a multiple of ",
		op->u.limit->text, n);
}

static uint64_t
count_characters(struct str s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return n;
}

static bool
fail_count(struct schema_run *r, const struct schema_op *op,
    const struct schema_path *at, const char *what, uint64_t found)
{
	bool most = op->code == OP_MAX_LENGTH || op->code == OP_MAX_ITEMS
	    || op->code == OP_MAX_PROPERTIES;

	return schema_fail_text(r, at, op->keyword,
	    "must have at %s %llu %s%s (%s), found %llu",
	    most ? "most" : "least", (unsigned long long)op->u.count, what,
	    op->u.count == 1 ? "" : "s", op->keyword,
	    (unsigned long long)found);
}

bool
schema_run_length(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	uint64_t len;

	(void)marks;
	/* A character has one byte at least. */
	if (op->code == OP_MAX_LENGTH && n->text_len <= op->u.count)
		return true;
	if (!schema_charge(r, n->text_len / 64))
		return false;
	len = count_characters(json_str(n));
	if (op->code == OP_MAX_LENGTH ? len <= op->u.count : len >= op->u.count)
		return true;
	return fail_count(r, op, at, "character", len);
}

bool
schema_run_count(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	bool most = op->code == OP_MAX_ITEMS || op->code == OP_MAX_PROPERTIES;

	(void)marks;
	if (most ? n->count <= op->u.count : n->count >= op->u.count)
		return true;
	return fail_count(
	    r, op, at, n->type == JSON_ARRAY ? "element" : "member", n->count);
}

bool
schema_run_format(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	(void)marks;
	if (!schema_charge(r,
		op->u.format->cost != NULL ? op->u.format->cost(json_str(n))
					   : n->text_len / 32))
		return false;
	return op->u.format->check(json_str(n))
	    || schema_fail_value(r, at, op->keyword, "must have the format ",
		str_of(op->u.format->name), n);
}

/* Text against a pattern; a match that costs too much stops the run. */
bool
schema_is_match(
    struct schema_run *r, const struct schema_pattern *p, struct str text)
{
	switch (schema_pattern_match(p, text, &r->steps)) {
	case MATCH_YES:
		return true;
	case MATCH_COST:
		r->stop = STOP_PATTERN;
		return false;
	case MATCH_NOMEM:
		r->stop = STOP_MEMORY;
		return false;
	case MATCH_NO:
		break;
	}
	return false;
}

bool
schema_run_pattern(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	(void)marks;
	return schema_is_match(r, op->u.pattern, json_str(n))
	    || (r->stop == STOP_NONE
		&& schema_fail_value(r, at, op->keyword, "must match ",
		    op->u.pattern->source, n));
}

bool
schema_run_unique(struct schema_run *r, const struct schema_op *op,
    const struct json_node *n, struct schema_marks *marks,
    const struct schema_path *at)
{
	uint32_t first = 0, second = 0;

	(void)marks;
	if (schema_values_unique(r, n, &first, &second))
		return true;
	return r->stop == STOP_NONE
	    && schema_fail_text(r, at, op->keyword,
		"elements %u and %u are equal (uniqueItems)", first, second);
}
