#include <toolpost/plugin.h>

static int
greet(struct tp_call *call, void *state)
{
	struct tp_str name = tp_arg_str(call, "name", "world");

	(void)state;
	return tp_textf(call, "Hello, %.*s!", TP_FMT(name));
}

static const struct tp_entry entries[] = {
	TP_TOOL("@NAME@", greet),
};

TP_PLUGIN("@NAME@", "0.1.0", entries);
