/* SPDX-License-Identifier: Apache-2.0 */
/* What a shared object says about itself, read without loading it: a file
 * that fails here would kill or weaken the process that loads it. */
#ifndef PLUGIN_ELF_H
#define PLUGIN_ELF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define PLUGIN_ELF_NEEDED_MAX 64
#define PLUGIN_ELF_HEAD 16 /* struct tp_abi */

/* What the loader must know before it looks inside. */
struct plugin_elf {
	bool has_symbols; /* the symbol table was read */
	size_t descriptor_size; /* of toolpost_plugin_v1; 0: not there */
	unsigned other_major; /* toolpost_plugin_vN with another N, or 0 */
	bool has_head; /* the next is known */
	unsigned char head[PLUGIN_ELF_HEAD]; /* how the descriptor begins */
};

/* [any] Checks the whole file: ELF64 of this machine, a shared object, all
 * tables and segments inside the file, no executable stack, no segment both
 * writable and executable, libraries by bare name only, search paths only in
 * the system's folders.  ERR_SYNTAX with a line that has no file name; a
 * remedy stands behind it as "(hint: ..)". */
int plugin_elf_check(struct str file, struct plugin_elf *info, struct err *err);

#endif
