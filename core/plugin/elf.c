/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded reader of ELF files.  Every structure is copied out after its
 * range has been checked, so that nothing depends on alignment or on what the
 * file claims. */
#include "plugin/elf.h"

#include <assert.h>
#include <string.h>

#include "base/check.h"
#include "plugin/elf_priv.h"

#define DYNAMIC_MAX 4096
#define SYMBOLS_MAX 1000000
#define SYMBOL "toolpost_plugin_v"

#if defined(__x86_64__)
#define ELF_MACHINE EM_X86_64
#define ELF_MACHINE_NAME "x86-64"
#elif defined(__aarch64__)
#define ELF_MACHINE EM_AARCH64
#define ELF_MACHINE_NAME "aarch64"
#elif defined(__riscv)
#define ELF_MACHINE EM_RISCV
#define ELF_MACHINE_NAME "riscv"
#elif defined(__powerpc64__)
#define ELF_MACHINE EM_PPC64
#define ELF_MACHINE_NAME "ppc64"
#elif defined(__s390x__)
#define ELF_MACHINE EM_S390
#define ELF_MACHINE_NAME "s390x"
#else
#define ELF_MACHINE EM_NONE
#define ELF_MACHINE_NAME "unknown"
#endif

static_assert(ELF_MACHINE != EM_NONE, "name this machine above");

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ELF_ORDER ELFDATA2LSB
#else
#define ELF_ORDER ELFDATA2MSB
#endif

bool
plugin_elf_inside(const struct elf_reader *r, uint64_t at, uint64_t len)
{
	return at <= r->file.len && len <= r->file.len - at;
}

void
plugin_elf_copy(const struct elf_reader *r, uint64_t at, void *out, size_t len)
{
	CHECK(plugin_elf_inside(r, at, len));
	memcpy(out, r->file.ptr + at, len);
}

static int
header_check(struct elf_reader *r)
{
	const unsigned char *id = r->header.e_ident;

	if (r->file.len < SELFMAG || memcmp(r->file.ptr, ELFMAG, SELFMAG) != 0)
		return err_set(r->err, ERR_SYNTAX,
		    "not an ELF file (hint: build a shared object with "
		    "`toolpost plugin build`)");
	if (!plugin_elf_inside(r, 0, sizeof r->header))
		return err_set(r->err, ERR_SYNTAX,
		    "cut off inside its header, at %zu bytes (hint: copy it "
		    "again)",
		    r->file.len);
	plugin_elf_copy(r, 0, &r->header, sizeof r->header);
	if (id[EI_CLASS] != ELFCLASS64)
		return err_set(r->err, ERR_SYNTAX,
		    "not a 64-bit file, this host is %s (hint: build it on "
		    "this machine)",
		    ELF_MACHINE_NAME);
	if (id[EI_DATA] != ELF_ORDER || id[EI_VERSION] != EV_CURRENT
	    || r->header.e_version != EV_CURRENT)
		return err_set(r->err, ERR_SYNTAX,
		    "byte order or ELF version are not those of this host");
	if (r->header.e_machine != ELF_MACHINE)
		return err_set(r->err, ERR_SYNTAX,
		    "built for machine %u, this host is %s, machine %u (hint: "
		    "build it on this machine)",
		    r->header.e_machine, ELF_MACHINE_NAME, ELF_MACHINE);
	if (r->header.e_type != ET_DYN)
		return err_set(r->err, ERR_SYNTAX,
		    "ELF type %u, not a shared object (hint: link with "
		    "-shared)",
		    r->header.e_type);
	return 0;
}

static int
cut_off(const struct elf_reader *r, const char *what)
{
	return err_set(r->err, ERR_SYNTAX,
	    "%s reach behind the end of the file at %zu bytes (hint: the file "
	    "is not complete, copy it again)",
	    what, r->file.len);
}

static int
tables_check(struct elf_reader *r)
{
	const Elf64_Ehdr *h = &r->header;

	if (h->e_phnum == 0 || h->e_phnum > PHNUM_MAX
	    || h->e_phentsize != sizeof(Elf64_Phdr))
		return err_set(r->err, ERR_SYNTAX,
		    "%u program headers of %u bytes", h->e_phnum,
		    h->e_phentsize);
	if (!plugin_elf_inside(
		r, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr)))
		return cut_off(r, "program headers");
	plugin_elf_copy(
	    r, h->e_phoff, r->segments, h->e_phnum * sizeof(Elf64_Phdr));
	if (h->e_shnum == 0 && h->e_shoff == 0)
		return 0;
	if (h->e_shnum == 0 || h->e_shentsize != sizeof(Elf64_Shdr))
		return err_set(r->err, ERR_SYNTAX,
		    "%u section headers of %u bytes", h->e_shnum,
		    h->e_shentsize);
	if (!plugin_elf_inside(
		r, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr)))
		return cut_off(r, "section headers");
	return 0;
}

static int
load_check(struct elf_reader *r, const Elf64_Phdr *p)
{
	if (!plugin_elf_inside(r, p->p_offset, p->p_filesz))
		return cut_off(r, "loaded segments");
	if (p->p_filesz > p->p_memsz || p->p_memsz > UINT64_MAX - p->p_vaddr
	    || p->p_vaddr + p->p_memsz > (UINT64_C(1) << 40))
		return err_set(
		    r->err, ERR_SYNTAX, "a segment has an impossible size");
	if (p->p_align > 1
	    && ((p->p_align & (p->p_align - 1)) != 0
		|| (p->p_vaddr - p->p_offset) % p->p_align != 0))
		return err_set(
		    r->err, ERR_SYNTAX, "a segment has an impossible place");
	if ((p->p_flags & PF_W) != 0 && (p->p_flags & PF_X) != 0)
		return err_set(r->err, ERR_SYNTAX,
		    "a segment is writable and executable (hint: link without "
		    "-N and -z textrel)");
	return 0;
}

static int
segments_check(struct elf_reader *r, const Elf64_Phdr **dynamic)
{
	bool stack = false, load = false;
	int rc;

	*dynamic = NULL;
	for (unsigned i = 0; i < r->header.e_phnum; i++) {
		const Elf64_Phdr *p = &r->segments[i];

		if (p->p_type == PT_LOAD) {
			load = true;
			rc = load_check(r, p);
			if (rc < 0)
				return rc;
		} else if (p->p_type == PT_GNU_STACK) {
			stack = (p->p_flags & PF_X) == 0;
			if (!stack)
				break;
		} else if (p->p_type == PT_DYNAMIC) {
			if (*dynamic != NULL)
				return err_set(
				    r->err, ERR_SYNTAX, "two dynamic sections");
			*dynamic = p;
		}
	}
	if (!stack)
		return err_set(r->err, ERR_SYNTAX,
		    "wants an executable stack, which would make this host's "
		    "executable too (hint: link with -Wl,-z,noexecstack)");
	if (!load || *dynamic == NULL)
		return err_set(r->err, ERR_SYNTAX,
		    "nothing to load (hint: link with -shared)");
	return 0;
}

bool
plugin_elf_find(
    const struct elf_reader *r, uint64_t address, uint64_t len, uint64_t *at)
{
	for (unsigned i = 0; i < r->header.e_phnum; i++) {
		const Elf64_Phdr *p = &r->segments[i];

		if (p->p_type != PT_LOAD || address < p->p_vaddr
		    || address - p->p_vaddr > p->p_filesz
		    || len > p->p_filesz - (address - p->p_vaddr))
			continue;
		*at = p->p_offset + (address - p->p_vaddr);
		return true;
	}
	return false;
}

static int
dynamic_note(
    const struct elf_reader *r, struct elf_dynamic *d, const Elf64_Dyn *entry)
{
	switch (entry->d_tag) {
	case DT_STRTAB:
		d->strings = entry->d_un.d_ptr;
		return 0;
	case DT_STRSZ:
		d->strings_len = entry->d_un.d_val;
		return 0;
	case DT_NEEDED:
		if (d->needed_len == PLUGIN_ELF_NEEDED_MAX)
			return err_set(r->err, ERR_LIMIT,
			    "needs more than %d libraries",
			    PLUGIN_ELF_NEEDED_MAX);
		d->needed[d->needed_len++] = entry->d_un.d_val;
		return 0;
	case DT_RPATH:
	case DT_RUNPATH:
		if (d->paths_len == ARRAY_LEN(d->paths))
			return err_set(
			    r->err, ERR_SYNTAX, "more than two search paths");
		d->paths[d->paths_len++] = entry->d_un.d_val;
		return 0;
	case DT_SYMTAB:
		d->symbols = entry->d_un.d_ptr;
		return 0;
	case DT_VERSYM:
		d->versions = entry->d_un.d_ptr;
		return 0;
	case DT_VERNEED:
		d->needs = entry->d_un.d_ptr;
		return 0;
	case DT_VERDEF:
		d->defines = entry->d_un.d_ptr;
		return 0;
	case DT_GNU_HASH:
		d->hash = entry->d_un.d_ptr;
		return 0;
	case DT_FINI:
		d->has_fini = true;
		d->fini = entry->d_un.d_ptr;
		return 0;
	case DT_FINI_ARRAY:
		d->has_finis = true;
		d->finis = entry->d_un.d_ptr;
		return 0;
	case DT_FINI_ARRAYSZ:
		d->finis_len = entry->d_un.d_val;
		return 0;
	case DT_TEXTREL:
		return err_set(r->err, ERR_SYNTAX,
		    "its code must be changed at load (hint: compile with "
		    "-fPIC)");
	default:
		return 0;
	}
}

static int
dynamic_read(
    const struct elf_reader *r, const Elf64_Phdr *p, struct elf_dynamic *d)
{
	uint64_t at, end;
	int rc;

	CHECK(p != NULL); /* segments_check() has found it */
	memset(d, 0, sizeof *d);
	if (!plugin_elf_inside(r, p->p_offset, p->p_filesz)
	    || !plugin_elf_find(r, p->p_vaddr, p->p_filesz, &at)
	    || at != p->p_offset
	    || p->p_filesz / sizeof(Elf64_Dyn) > DYNAMIC_MAX)
		return err_set(r->err, ERR_SYNTAX,
		    "its dynamic section is not where it says");
	end = p->p_offset + p->p_filesz;
	for (; end - at >= sizeof(Elf64_Dyn); at += sizeof(Elf64_Dyn)) {
		Elf64_Dyn entry;

		plugin_elf_copy(r, at, &entry, sizeof entry);
		if (entry.d_tag == DT_NULL)
			return 0;
		rc = dynamic_note(r, d, &entry);
		if (rc < 0)
			return rc;
	}
	return err_set(r->err, ERR_SYNTAX, "its dynamic section has no end");
}

bool
plugin_elf_text(const struct elf_reader *r, uint64_t table, uint64_t len,
    uint64_t offset, struct str *out)
{
	const char *start, *end;

	if (!plugin_elf_inside(r, table, len) || offset >= len)
		return false;
	start = r->file.ptr + table + offset;
	end = memchr(start, 0, (size_t)(len - offset));
	if (end == NULL)
		return false;
	*out = (struct str){ start, (size_t)(end - start) };
	return true;
}

static bool
library_is_bare(struct str name)
{
	if (name.len == 0 || name.len > 255 || name.ptr[0] == '.')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
			|| (c >= '0' && c <= '9') || c == '.' || c == '_'
			|| c == '-' || c == '+'))
			return false;
	}
	return true;
}

/* Folders that only the system's packages and root write. */
static bool
path_is_system(struct str path)
{
	static const struct str system[] = { STR("/lib"), STR("/lib64"),
		STR("/usr/lib"), STR("/usr/lib64"), STR("/usr/local/lib") };

	for (size_t i = 0; i < path.len; i++)
		if (path.ptr[i] == '$'
		    || str_starts(str_sub(path, i, path.len), S("/../")))
			return false;
	if (str_ends(path, S("/..")))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(system); i++)
		if (str_starts(path, system[i])
		    && (path.len == system[i].len
			|| path.ptr[system[i].len] == '/'))
			return true;
	return false;
}

static int
search_path_check(const struct elf_reader *r, struct str list)
{
	while (list.len > 0) {
		struct str one = str_split(list, ':', &list);

		if (!path_is_system(one))
			return err_set(r->err, ERR_DENIED,
			    "searches libraries in \"%.*s\" (hint: link "
			    "without -rpath; only the system's folders are "
			    "searched)",
			    one.len > 200 ? 200 : (int)one.len, one.ptr);
	}
	return 0;
}

static int
libraries_check(const struct elf_reader *r, const struct elf_dynamic *d)
{
	uint64_t table;
	struct str text;
	int rc;

	if (!plugin_elf_find(r, d->strings, d->strings_len, &table))
		return err_set(
		    r->err, ERR_SYNTAX, "its string table is not in the file");
	for (size_t i = 0; i < d->needed_len; i++) {
		if (!plugin_elf_text(
			r, table, d->strings_len, d->needed[i], &text))
			return err_set(r->err, ERR_SYNTAX,
			    "the name of a library is not in the file");
		if (!library_is_bare(text))
			return err_set(r->err, ERR_DENIED,
			    "needs the library \"%.*s\" (hint: only bare names "
			    "such as libm.so.6 are loaded)",
			    text.len > 200 ? 200 : (int)text.len, text.ptr);
	}
	for (size_t i = 0; i < d->paths_len; i++) {
		if (!plugin_elf_text(
			r, table, d->strings_len, d->paths[i], &text))
			return err_set(r->err, ERR_SYNTAX,
			    "a search path is not in the file");
		rc = search_path_check(r, text);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void
symbol_note(
    const struct elf_reader *r, const Elf64_Sym *symbol, struct str name)
{
	struct plugin_elf *info = r->info;
	uint64_t major, at;

	if (symbol->st_shndx == SHN_UNDEF || !str_starts(name, S(SYMBOL)))
		return;
	name = str_sub(name, sizeof SYMBOL - 1, name.len);
	if (str_to_u64(name, &major) < 0 || major > UINT16_MAX)
		return;
	if (major != 1) {
		info->other_major = (unsigned)major;
		return;
	}
	info->descriptor_size = (size_t)symbol->st_size;
	info->has_head =
	    plugin_elf_find(r, symbol->st_value, sizeof info->head, &at);
	if (info->has_head)
		plugin_elf_copy(r, at, info->head, sizeof info->head);
}

/* Looks through the dynamic symbols for the descriptor. */
static int
symbols_read(struct elf_reader *r, const Elf64_Shdr *symbols)
{
	uint64_t count = symbols->sh_size / sizeof(Elf64_Sym);
	Elf64_Shdr strings;

	if (symbols->sh_entsize != sizeof(Elf64_Sym) || count > SYMBOLS_MAX
	    || !plugin_elf_inside(r, symbols->sh_offset, symbols->sh_size)
	    || symbols->sh_link >= r->header.e_shnum)
		return err_set(
		    r->err, ERR_SYNTAX, "its symbol table is damaged");
	plugin_elf_copy(r,
	    r->header.e_shoff + (uint64_t)symbols->sh_link * sizeof(Elf64_Shdr),
	    &strings, sizeof strings);
	for (uint64_t i = 0; i < count; i++) {
		Elf64_Sym symbol;
		struct str name;

		plugin_elf_copy(r, symbols->sh_offset + i * sizeof symbol,
		    &symbol, sizeof symbol);
		if (!plugin_elf_text(r, strings.sh_offset, strings.sh_size,
			symbol.st_name, &name))
			return err_set(r->err, ERR_SYNTAX,
			    "the name of a symbol is not in the file");
		symbol_note(r, &symbol, name);
	}
	r->info->has_symbols = true;
	r->symbols_at = symbols->sh_offset;
	r->symbols_len = (size_t)count;
	r->strings_at = strings.sh_offset;
	return 0;
}

static int
sections_read(struct elf_reader *r)
{
	for (unsigned i = 0; i < r->header.e_shnum; i++) {
		Elf64_Shdr section;

		plugin_elf_copy(r,
		    r->header.e_shoff + (uint64_t)i * sizeof section, &section,
		    sizeof section);
		if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL
		    && !plugin_elf_inside(
			r, section.sh_offset, section.sh_size))
			return cut_off(r, "sections");
		if (section.sh_type == SHT_DYNSYM)
			return symbols_read(r, &section);
	}
	return 0;
}

static int
descriptor_check(const struct elf_reader *r)
{
	const struct plugin_elf *info = r->info;

	if (!info->has_symbols || info->descriptor_size > 0)
		return 0;
	if (info->other_major != 0)
		return err_set(r->err, ERR_VERSION,
		    "was built for ABI major %u, this host offers major 1 "
		    "(hint: install the toolpost of that ABI, or rebuild with "
		    "`toolpost plugin build`)",
		    info->other_major);
	return err_set(r->err, ERR_NOTFOUND,
	    "has no symbol toolpost_plugin_v1 (hint: end the source with "
	    "TP_PLUGIN(..), and do not strip dynamic symbols)");
}

int
plugin_elf_check(struct str file, struct plugin_elf *info, struct err *err)
{
	struct elf_reader r = { .file = file, .info = info, .err = err };
	const Elf64_Phdr *dynamic = NULL;
	struct elf_dynamic d;
	int rc;

	memset(info, 0, sizeof *info);
	rc = header_check(&r);
	if (rc == 0)
		rc = tables_check(&r);
	if (rc == 0)
		rc = segments_check(&r, &dynamic);
	if (rc == 0)
		rc = dynamic_read(&r, dynamic, &d);
	if (rc == 0)
		rc = libraries_check(&r, &d);
	if (rc == 0)
		rc = plugin_elf_ends_check(&r, &d);
	if (rc == 0)
		rc = sections_read(&r);
	if (rc == 0 && info->has_symbols)
		rc = plugin_elf_symbols_check(&r, &d);
	if (rc == 0)
		rc = descriptor_check(&r);
	return rc;
}
