/* SPDX-License-Identifier: Apache-2.0 */
/* One of many: whoever copies it writes other digits into the names. */
#include <toolpost/plugin.h>

static int
tool(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_arg_str(call, "message", ""));
}

static const struct tp_entry entries[] = {
	TP_TOOL_FLAGS("tool_000", tool, TP_NONBLOCKING),
};

TP_PLUGIN("many-000", "1.0.0", entries);
