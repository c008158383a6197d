/* SPDX-License-Identifier: Apache-2.0 */
/* The host's part of a box: can there be one, and its way into the start
 * frame. */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/landlock.h>
#include <string.h>
#include <unistd.h>

#include "plugin/box.h"
#include "plugin/manager.h"

const char *
plugin_box_lacks(void)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0,
		LANDLOCK_CREATE_RULESET_VERSION)
	    < 1)
		return "Landlock";
	return prctl(PR_GET_SECCOMP) < 0 ? "seccomp" : NULL;
}

bool
box_opens(uint32_t flags, size_t paths)
{
#ifdef TOOLPOST_COUNTERS
	(void)flags;
	(void)paths;
	return true; /* of the lines that ran */
#else
	return paths > 0 || (flags & (BOX_NAMES | BOX_EXEC)) != 0;
#endif
}

void
box_put(const struct box *b, struct buf *out)
{
	wire_put_u32(out, b->parent);
	wire_put_u32(out, b->flags);
	wire_put_u32(out, b->uid);
	wire_put_u32(out, b->gid);
	wire_put_u64(out, b->memory);
	wire_put_u64(out, b->cpu_s);
	wire_put_u32(out, (uint32_t)b->ports_len);
	for (size_t i = 0; i < b->ports_len; i++)
		wire_put_u32(out, b->ports[i]);
	wire_put_u32(out, (uint32_t)b->paths_len);
	for (size_t i = 0; i < b->paths_len; i++) {
		wire_put_u32(out, b->paths[i].write);
		wire_put_str(out, b->paths[i].path);
	}
}

void
box_get(struct box *b, struct wire_in *in)
{
	memset(b, 0, sizeof *b);
	b->parent = wire_get_u32(in);
	b->flags = wire_get_u32(in);
	b->uid = wire_get_u32(in);
	b->gid = wire_get_u32(in);
	b->memory = wire_get_u64(in);
	b->cpu_s = wire_get_u64(in);
	b->ports_len = wire_get_u32(in);
	if (b->ports_len > BOX_PORTS_MAX) {
		b->ports_len = 0;
		in->bad = true;
	}
	for (size_t i = 0; i < b->ports_len; i++)
		b->ports[i] = wire_get_u32(in);
	b->paths_len = wire_get_u32(in);
	if (b->paths_len > BOX_PATHS_MAX) {
		b->paths_len = 0;
		in->bad = true;
	}
	for (size_t i = 0; i < b->paths_len; i++) {
		b->paths[i].write = wire_get_u32(in) != 0;
		b->paths[i].path = wire_get_str(in);
	}
}
