/* SPDX-License-Identifier: Apache-2.0 */
/* An echo that tells of its progress once, so that its answer is a stream of
 * events, and one that says it may block. */
#include <toolpost/plugin.h>

static int
echo_stream(struct tp_call *call, void *state)
{
	(void)state;
	(void)tp_progress(call, 1, 1, NULL); /* nobody may want it */
	return tp_text(call, tp_arg_str(call, "message", ""));
}

static int
echo_pool(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_arg_str(call, "message", ""));
}

static const struct tp_entry entries[] = {
	TP_TOOL_FLAGS("echo_stream", echo_stream, TP_NONBLOCKING),
	TP_TOOL("echo_pool", echo_pool),
};

TP_PLUGIN("stream", "1.0.0", entries);
