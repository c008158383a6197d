/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that the loader goes through by index and without a look at their
 * ends: what lies behind them is the host's own memory, another one in each
 * process, so that a rehearsal cannot judge for the host.  And what runs only
 * when the host ends. */
#include <string.h>

#include "plugin/elf_priv.h"

#define VERSIONS_MAX 4096 /* records of one chain */
#define VERSION_BITS 0x7fff /* the rest says "hidden" */

struct versions {
	const struct elf_reader *r;
	const struct elf_dynamic *d;
	uint64_t strings; /* in the file */
	unsigned records;
	uint8_t known[(VERSION_BITS + 1) / 8];
};

static int
damaged(const struct elf_reader *r, const char *what)
{
	return err_set(
	    r->err, ERR_SYNTAX, "%s are damaged (hint: copy it again)", what);
}

static void
version_know(struct versions *v, unsigned index)
{
	index &= VERSION_BITS;
	v->known[index / 8] |= (uint8_t)(1u << index % 8);
}

static bool
version_is_known(const struct versions *v, unsigned index)
{
	index &= VERSION_BITS;
	return (v->known[index / 8] >> index % 8 & 1) != 0;
}

static bool
name_is_there(const struct versions *v, uint64_t offset)
{
	struct str name;

	return plugin_elf_text(
	    v->r, v->strings, v->d->strings_len, offset, &name);
}

/* One record of a chain; false: it is not in the file, or too many are. */
static bool
record_copy(struct versions *v, uint64_t at, void *out, size_t len)
{
	if (++v->records > VERSIONS_MAX || !plugin_elf_inside(v->r, at, len))
		return false;
	plugin_elf_copy(v->r, at, out, len);
	return true;
}

/* The versions of one library. */
static bool
need_read(struct versions *v, uint64_t at)
{
	Elf64_Vernaux aux;

	do {
		if (!record_copy(v, at, &aux, sizeof aux)
		    || !name_is_there(v, aux.vna_name))
			return false;
		version_know(v, aux.vna_other);
		at += aux.vna_next;
	} while (aux.vna_next != 0);
	return true;
}

static bool
needs_read(struct versions *v)
{
	Elf64_Verneed need;
	uint64_t at;

	if (v->d->needs == 0)
		return true;
	if (!plugin_elf_find(v->r, v->d->needs, sizeof need, &at))
		return false;
	do {
		if (!record_copy(v, at, &need, sizeof need)
		    || !name_is_there(v, need.vn_file)
		    || !need_read(v, at + need.vn_aux))
			return false;
		at += need.vn_next;
	} while (need.vn_next != 0);
	return true;
}

static bool
defines_read(struct versions *v)
{
	Elf64_Verdef define;
	Elf64_Verdaux aux;
	uint64_t at;

	if (v->d->defines == 0)
		return true;
	if (!plugin_elf_find(v->r, v->d->defines, sizeof define, &at))
		return false;
	do {
		if (!record_copy(v, at, &define, sizeof define)
		    || !record_copy(v, at + define.vd_aux, &aux, sizeof aux)
		    || !name_is_there(v, aux.vda_name))
			return false;
		version_know(v, define.vd_ndx);
		at += define.vd_next;
	} while (define.vd_next != 0);
	return true;
}

/* The version of each symbol is one that the file tells of. */
static bool
versions_check(const struct elf_reader *r, const struct elf_dynamic *d)
{
	struct versions v = { .r = r, .d = d, .strings = r->strings_at };
	uint64_t at;

	if (d->versions == 0)
		return true;
	version_know(&v, VER_NDX_LOCAL);
	version_know(&v, VER_NDX_GLOBAL);
	if (!needs_read(&v) || !defines_read(&v)
	    || !plugin_elf_find(
		r, d->versions, r->symbols_len * sizeof(Elf64_Versym), &at))
		return false;
	for (size_t i = 0; i < r->symbols_len; i++) {
		Elf64_Versym index;

		plugin_elf_copy(r, at + i * sizeof index, &index, sizeof index);
		if (!version_is_known(&v, index))
			return false;
	}
	return true;
}

struct gnu_hash {
	uint32_t buckets, first, blooms, shift;
};

/* Where the last chain begins: 0 in a table of none.  false: a bucket leaves
 * the table of symbols. */
static bool
last_chain_find(const struct elf_reader *r, const struct gnu_hash *head,
    uint64_t buckets, uint32_t *last)
{
	uint32_t word;

	*last = 0;
	for (uint64_t i = 0; i < head->buckets; i++) {
		plugin_elf_copy(
		    r, buckets + i * sizeof word, &word, sizeof word);
		if (word != 0 && (word < head->first || word >= r->symbols_len))
			return false;
		if (word > *last)
			*last = word;
	}
	return true;
}

/* Buckets begin inside the table of symbols, and the last chain ends there. */
static bool
hash_check(const struct elf_reader *r, const struct elf_dynamic *d)
{
	struct gnu_hash head;
	uint64_t at, address;
	uint32_t word = 0, last;

	if (d->hash == 0)
		return true;
	if (!plugin_elf_find(r, d->hash, sizeof head, &at))
		return false;
	plugin_elf_copy(r, at, &head, sizeof head);
	if (head.buckets == 0 || head.blooms == 0
	    || (head.blooms & (head.blooms - 1)) != 0 || head.shift > 31)
		return false;
	address = d->hash + sizeof head + (uint64_t)head.blooms * 8;
	if (!plugin_elf_find(
		r, address, (uint64_t)head.buckets * sizeof word, &at)
	    || !last_chain_find(r, &head, at, &last))
		return false;
	if (last == 0)
		return true;
	address += ((uint64_t)head.buckets + last - head.first) * sizeof word;
	for (; last < r->symbols_len && (word & 1) == 0; last++) {
		if (!plugin_elf_find(r, address, sizeof word, &at))
			return false;
		plugin_elf_copy(r, at, &word, sizeof word);
		address += sizeof word;
	}
	return (word & 1) != 0;
}

int
plugin_elf_symbols_check(
    const struct elf_reader *r, const struct elf_dynamic *d)
{
	uint64_t symbols, strings;

	/* What was checked by the sections is what the loader will see. */
	if (!plugin_elf_find(
		r, d->symbols, r->symbols_len * sizeof(Elf64_Sym), &symbols)
	    || !plugin_elf_find(r, d->strings, d->strings_len, &strings)
	    || symbols != r->symbols_at || strings != r->strings_at)
		return damaged(r, "its tables of symbols");
	if (!versions_check(r, d))
		return damaged(r, "the versions of its symbols");
	if (!hash_check(r, d))
		return damaged(r, "the hashes of its symbols");
	return 0;
}

static bool
is_code(const struct elf_reader *r, uint64_t address)
{
	for (unsigned i = 0; i < r->header.e_phnum; i++) {
		const Elf64_Phdr *p = &r->segments[i];

		if (p->p_type == PT_LOAD && (p->p_flags & PF_X) != 0
		    && address >= p->p_vaddr
		    && address - p->p_vaddr < p->p_filesz)
			return true;
	}
	return false;
}

int
plugin_elf_ends_check(const struct elf_reader *r, const struct elf_dynamic *d)
{
	uint64_t at;

	if (d->has_fini && !is_code(r, d->fini))
		return damaged(r, "what runs at its end");
	if (d->has_finis
	    && (d->finis_len == 0
		|| !plugin_elf_find(r, d->finis, d->finis_len, &at)))
		return damaged(r, "the functions that run at its end");
	return 0;
}
