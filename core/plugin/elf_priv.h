/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of shared objects, for its own files. */
#ifndef PLUGIN_ELF_PRIV_H
#define PLUGIN_ELF_PRIV_H

#include <elf.h>
#include <stdint.h>

#include "plugin/elf.h"

#define PHNUM_MAX 256

struct elf_reader {
	struct str file;
	Elf64_Ehdr header;
	Elf64_Phdr segments[PHNUM_MAX];
	struct plugin_elf *info;
	struct err *err;
	/* What the section headers say, when has_symbols. */
	uint64_t symbols_at, strings_at;
	size_t symbols_len;
};

/* What the dynamic section says, as addresses; 0: not there. */
struct elf_dynamic {
	uint64_t strings, strings_len;
	uint64_t symbols, versions, needs, defines, hash;
	bool has_fini, has_finis; /* functions that run at the end */
	uint64_t fini, finis, finis_len;
	uint64_t needed[PLUGIN_ELF_NEEDED_MAX];
	size_t needed_len;
	uint64_t paths[2];
	size_t paths_len;
};

/* [any] */
bool plugin_elf_inside(const struct elf_reader *r, uint64_t at, uint64_t len);
/* [any] The caller has checked the range. */
void plugin_elf_copy(
    const struct elf_reader *r, uint64_t at, void *out, size_t len);
/* [any] Turns an address range into file offsets. */
bool plugin_elf_find(
    const struct elf_reader *r, uint64_t address, uint64_t len, uint64_t *at);
/* [any] The NUL-terminated text at an offset of a table in the file. */
bool plugin_elf_text(const struct elf_reader *r, uint64_t table, uint64_t len,
    uint64_t offset, struct str *out);

/* [any] Every index that the loader follows from a symbol stays inside its
 * table. */
int plugin_elf_symbols_check(
    const struct elf_reader *r, const struct elf_dynamic *d);

/* [any] What runs when the process ends, which no rehearsal tries, is code of
 * the file. */
int plugin_elf_ends_check(
    const struct elf_reader *r, const struct elf_dynamic *d);

#endif
