/* SPDX-License-Identifier: Apache-2.0 */
/* Does something before anybody has checked it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <toolpost/plugin.h>

__attribute__((constructor)) static void
begin(void)
{
#if defined(EXIT)
	exit(EXIT);
#elif defined(CRASH)
	*(volatile int *)8 = 0;
#elif defined(HANG)
	for (;;)
		pause();
#elif defined(NOISE)
	printf("{\"name\": \"somebody else\"}\n");
	fflush(stdout);
	fprintf(stderr, "constructor was here\n");
#endif
}

static int
version(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr("one"));
}

static const struct tp_entry entries[] = {
	TP_TOOL("version", version),
};

TP_PLUGIN("sample", "1.0.0", entries);
