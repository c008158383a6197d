/* SPDX-License-Identifier: Apache-2.0 */
/* One tool whose answer is fixed when it is built. */
#include <toolpost/plugin.h>

#ifndef NAME
#define NAME "sample"
#endif
#ifndef VERSION
#define VERSION "1.0.0"
#endif
#ifndef TOOL
#define TOOL "version"
#endif
#ifndef FLAGS_
#define FLAGS_ TP_CLOSABLE
#endif
#ifndef ENTRY_FLAGS
#define ENTRY_FLAGS 0
#endif
#ifdef UNRESOLVED
const char *missing_function(void);
#endif

static int
version(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr(ANSWER));
}

static const struct tp_entry entries[] = {
	TP_TOOL_FLAGS(TOOL, version, ENTRY_FLAGS),
#ifdef WIDER
	TP_TOOL("extra", version),
#endif
#ifdef TWICE
	TP_TOOL(TOOL, version),
#endif
};

TP_PLUGIN_STATE(NAME, VERSION, entries, FLAGS_, NULL, NULL, NULL);
