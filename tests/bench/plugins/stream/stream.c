/* SPDX-License-Identifier: Apache-2.0 */
/* An echo that tells of its progress once, so that its answer is a stream of
 * events, one that says it may block, and an answer of a megabyte. */
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

static char million[1000000];

static int
large(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, (struct tp_str){ million, sizeof million });
}

static int
fill(struct tp_plugin *plugin, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{
	(void)plugin;
	(void)config;
	(void)previous;
	(void)state;
	for (size_t i = 0; i < sizeof million; i++)
		million[i] = (char)('a' + i % 26);
	return TP_OK;
}

static const struct tp_entry entries[] = {
	TP_TOOL_FLAGS("echo_stream", echo_stream, TP_NONBLOCKING),
	TP_TOOL("echo_pool", echo_pool),
	TP_TOOL_FLAGS("large", large, TP_NONBLOCKING),
};

TP_PLUGIN_STATE("stream", "1.0.0", entries, 0, fill, NULL, NULL);
