/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a shared object through libltdl, and what its descriptor says.
 *
 * libltdl opens lazily, knows objects by path and has global state without
 * locks.  So: a loader of our own in place of its own (RTLD_NOW, RTLD_LOCAL,
 * the loader's own words kept), absolute paths that are never used twice, and
 * one lock for the process around it. */
#ifndef PLUGIN_LOADER_H
#define PLUGIN_LOADER_H

#include <stdbool.h>
#include <stddef.h>

#include <toolpost/abi.h>

#include "base/buf.h"
#include "base/err.h"
#include "plugin/elf.h"

#define PLUGIN_ENTRIES_MAX 10000
#define PLUGIN_OFFERS_MAX 64
#define PLUGIN_NAME_MAX 4096 /* of any text in a descriptor */

struct plugin_module {
	void *handle;
	/* A copy; what an older plugin does not have reads as zero. */
	struct tp_plugin_desc desc;
};

/* [control] A number for a file name that no generation of this process has
 * had. */
unsigned plugin_loader_number(void);
/* [any] Can this host read a descriptor that begins so?  ERR_VERSION names
 * both sides. */
int plugin_abi_check(const struct tp_abi *abi, struct err *err);
/* [any] plugin_elf_check(), and the ABI, before any code is loaded. */
int plugin_loader_check(
    struct str file, struct plugin_elf *elf, struct err *err);
/* [control] Opens an absolute path that has never been opened, and reads the
 * descriptor: the first 16 bytes, and the rest only if those fit this host.
 * The message has no file name; a remedy stands as "(hint: ..)". */
int plugin_loader_open(
    struct plugin_module *m, const char *path, struct err *err);
/* [control] Takes the code away; nothing of it may run any more. */
void plugin_loader_close(struct plugin_module *m);
/* [any] */
const struct tp_entry *plugin_module_entry(
    const struct plugin_module *m, size_t i);
/* [any] The descriptor as one JSON object. */
void plugin_module_describe(const struct plugin_module *m, struct buf *out);

#endif
