/* SPDX-License-Identifier: Apache-2.0 */
/* How many processes a plugin has, and what does not go with several. */
#include "plugin/codes.h"
#include "plugin/manager_priv.h"

void
plugin_slot_many_settle(struct slot_attempt *a)
{
	struct plugin_processes *many = &a->manifest->many;

	if (a->override != NULL && a->override->many.runners > 0)
		many->runners = a->override->many.runners;
	if (a->override != NULL && a->override->many.spare_said)
		many->spare = a->override->many.spare;
	if (many->runners == 0)
		many->runners = 1;
}

/* The manifest has been compared with itself; the operator may want more. */
static int
many_check(struct slot_attempt *a)
{
	const struct plugin_manifest *m = a->manifest;
	long long runners = m->many.runners, spare = m->many.spare;
	struct str by = a->override != NULL ? a->override->many_at : STR_NONE;

	if (m->dynamic.max > 0 && (runners > 1 || spare > 0))
		return diags_add(&a->diags, DIAG_ERROR, TP_RUNNERS, m->path,
		    m->dynamic_at, "write runners: 1 and spare: 0 there",
		    "dynamic: entries are of the one process that adds them, "
		    "and %.*s wants runners: %lld, spare: %lld",
		    STR_FMT(by), runners, spare);
	if (m->state_required && runners > 1)
		return diags_add(&a->diags, DIAG_ERROR, TP_RUNNERS, m->path,
		    m->state_at, "write runners: 1 there",
		    "state: required: a state is of one process, and %.*s "
		    "wants runners: %lld",
		    STR_FMT(by), runners);
	return 0;
}

/* They need runners, and there are none. */
static int
many_warn(struct slot_attempt *a)
{
	const struct plugin_manifest *m = a->manifest;

	if (m->many.runners > 1 || m->many.spare > 0)
		(void)diags_add(&a->diags, DIAG_WARNING, TP_RUNNERS, m->path,
		    m->module_at, "isolation: process",
		    "runners: %lld, spare: %lld count for nothing with "
		    "isolation: none",
		    (long long)m->many.runners, (long long)m->many.spare);
	return 0;
}

int
plugin_slot_many_check(struct slot_attempt *a, bool isolated)
{
	return isolated ? many_check(a) : many_warn(a);
}
