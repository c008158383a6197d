/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest useful plugin: two tools that answer at once. */
#include <toolpost/plugin.h>

static int
hello(struct tp_call *call, void *state)
{
	struct tp_str name = tp_arg_str(call, "name", "world");

	(void)state;
	return tp_textf(call, "Hello, %.*s!", TP_FMT(name));
}

static int
echo(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_arg_str(call, "message", ""));
}

static const struct tp_entry entries[] = {
	TP_TOOL_FLAGS("hello", hello, TP_NONBLOCKING),
	TP_TOOL_FLAGS("echo", echo, TP_NONBLOCKING),
};

TP_PLUGIN("hello", "1.0.0", entries);
