/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict twice: by the engine for calls, and by the one that explains.
 * They are two programs over one schema and may not differ. */
#ifndef SCHEMA_FULLY_H
#define SCHEMA_FULLY_H

#include "base/check.h"
#include "data/schema_run.h"

/* The second verdict; *ended is false when a bound was met before it. */
static inline bool
schema_valid_fully(
    const struct schema *s, const struct json_node *n, bool *ended)
{
	const struct schema_path top = { NULL, NULL, 0, 0 };
	const struct schema_scope scope = { NULL, s->root->resource };
	struct schema_measure measure = { 0, 0 };
	struct schema_run r = { .schema = s,
		.steps = SCHEMA_STEPS_BASE
		    + (uint64_t)SCHEMA_STEPS_PER_VALUE * n->span,
		.scope = &scope,
		.measure = &measure };
	bool ok = schema_apply(&r, s->root, n, NULL, &top);

	*ended = r.stop == STOP_NONE;
	return ok && *ended;
}

/* Ends the process when they differ; the verdict. */
static inline bool
schema_valid_twice(const struct schema *s, const struct json_node *n)
{
	bool valid = schema_validate(s, n, NULL), ended;
	bool fully = schema_valid_fully(s, n, &ended);

	CHECK(!ended || fully == valid);
	return valid;
}

#endif
