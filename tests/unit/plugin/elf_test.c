/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged shared objects: every truncation is refused, and no damage hurts
 * the reader or the host. */
#include <sys/wait.h>

#include <elf.h>
#include <signal.h>

#include "unit/plugin/stage.h"

#include "plugin/elf.h"
#include "plugin/loader.h"

static void
sample(struct buf *bytes, const char *name)
{
	char path[4096];

	buf_init(bytes);
	stage_module(path, name);
	stage_read(path, bytes);
}

START_TEST(a_real_object_is_accepted)
{
	struct plugin_elf elf;
	struct buf bytes;
	struct err err;

	sample(&bytes, "answer_one");
	ck_assert_msg(plugin_elf_check(buf_view(&bytes), &elf, &err) == 0, "%s",
	    err.text);
	ck_assert(elf.has_symbols);
	ck_assert_uint_eq(elf.descriptor_size, sizeof(struct tp_plugin_desc));
	ck_assert(elf.has_head);
	ck_assert_mem_eq(elf.head, "TPP1", 4);
	buf_finish(&bytes);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
	struct plugin_elf elf;
	struct buf bytes;
	struct err err;

	sample(&bytes, "answer_one");
	for (size_t len = 0; len < bytes.len; len++) {
		/* Of its own memory, so that a sanitizer sees the end. */
		char *part = malloc(len + 1);
		struct str file = { part, len };

		ck_assert_ptr_nonnull(part);
		part = realloc(part, len > 0 ? len : 1);
		file.ptr = part;
		memcpy(part, bytes.ptr, len);
		ck_assert_msg(plugin_elf_check(file, &elf, &err) < 0,
		    "%zu of %zu bytes", len, bytes.len);
		free(part);
	}
	buf_finish(&bytes);
}
END_TEST

/* The section of a type; its place in the file. */
static Elf64_Shdr
section(const struct buf *bytes, unsigned type)
{
	Elf64_Ehdr head;
	Elf64_Shdr s;

	memcpy(&head, bytes->ptr, sizeof head);
	for (unsigned i = 0; i < head.e_shnum; i++) {
		memcpy(&s, bytes->ptr + head.e_shoff + i * sizeof s, sizeof s);
		if (s.sh_type == type)
			return s;
	}
	ck_abort_msg("no section of type %x", type);
}

static bool
is_accepted(const struct buf *bytes)
{
	struct plugin_elf elf;

	return plugin_elf_check(buf_view(bytes), &elf, NULL) == 0;
}

/* Found by the nightly run: the loader takes what lies behind the table for a
 * version, which is the host's memory and not that of the rehearsal. */
START_TEST(an_index_that_leaves_its_table_is_refused)
{
	struct buf bytes;
	Elf64_Shdr s;

	sample(&bytes, "answer_one");
	s = section(&bytes, SHT_GNU_versym);
	for (size_t i = 0; i < s.sh_size; i += 2) {
		/* Bit 15 hides a symbol. */
		for (unsigned bit = 8; bit < 15; bit++) {
			char *at = bytes.ptr + s.sh_offset + i + 1;

			*at ^= (char)(1u << (bit - 8));
			ck_assert_msg(!is_accepted(&bytes),
			    "symbol %zu, bit %u", i / 2, bit);
			*at ^= (char)(1u << (bit - 8));
		}
	}
	s = section(&bytes, SHT_GNU_HASH);
	bytes.ptr[s.sh_offset + 7] ^= 1; /* the first hashed symbol */
	ck_assert(!is_accepted(&bytes));
	bytes.ptr[s.sh_offset + 7] ^= 1;
	bytes.ptr[s.sh_offset + s.sh_size - 4] ^= 1; /* the end of a chain */
	ck_assert(!is_accepted(&bytes));
	bytes.ptr[s.sh_offset + s.sh_size - 4] ^= 1;
	s = section(&bytes, SHT_GNU_verneed);
	bytes.ptr[s.sh_offset + 15] ^= 0x40; /* the next library */
	ck_assert(!is_accepted(&bytes));
	bytes.ptr[s.sh_offset + 15] ^= 0x40;
	ck_assert(is_accepted(&bytes));
	buf_finish(&bytes);
}
END_TEST

/* With -nostartfiles or without, one of the other entries becomes an end: the
 * loader would take its value for an address when the process ends. */
START_TEST(what_runs_at_the_end_is_code_of_the_file)
{
	static const Elf64_Sxword ends[] = { DT_FINI, DT_FINI_ARRAY };
	struct buf bytes;
	Elf64_Shdr s;
	Elf64_Dyn entry;
	char *at;

	sample(&bytes, "answer_one");
	s = section(&bytes, SHT_DYNAMIC);
	at = bytes.ptr + s.sh_offset;
	for (memcpy(&entry, at, sizeof entry); entry.d_tag != DT_RELAENT;
	     memcpy(&entry, at, sizeof entry)) {
		ck_assert_int_ne(entry.d_tag, DT_NULL);
		at += sizeof entry;
	}
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		Elf64_Dyn end = { .d_tag = ends[i] };

		end.d_un.d_ptr = entry.d_un.d_val;
		memcpy(at, &end, sizeof end);
		if (ends[i] == DT_FINI_ARRAY) /* far behind all segments */
			at[14] = 1;
		ck_assert(!is_accepted(&bytes));
		memcpy(at, &entry, sizeof entry);
	}
	ck_assert(is_accepted(&bytes));
	buf_finish(&bytes);
}
END_TEST

/* Loads damaged bytes in a child; how it ended. */
static int
load_in_child(struct stage *s, struct str bytes, unsigned n)
{
	char path[256], name[32];
	int status;
	pid_t pid;

	(void)snprintf(name, sizeof name, "flip.%u.so", n);
	stage_put(s, name, bytes, STAGE_OVER);
	(void)snprintf(path, sizeof path, "%s/%s", s->plugins, name);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct plugin_module m;
		int rc;

		(void)signal(SIGSEGV, SIG_DFL);
		(void)signal(SIGBUS, SIG_DFL);
		(void)close(STDERR_FILENO);
		rc = plugin_loader_open(&m, path, NULL);
		_exit(rc == 0 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(unlink(path), 0);
	return status;
}

START_TEST(a_flipped_bit_never_hurts_the_reader)
{
	struct plugin_elf elf;
	unsigned refused = 0, loaded = 0, failed = 0, killed = 0;
	uint32_t random = 12345;
	struct buf bytes;
	struct stage s;

	stage_init(&s);
	sample(&bytes, "answer_one");
	for (unsigned i = 0; i < 300; i++) {
		size_t bit;
		int status;

		random = random * 1664525u + 1013904223u;
		/* Two thirds in the headers, where they matter. */
		bit = random % (i % 3 == 0 ? bytes.len * 8 : (size_t)1024 * 8);
		bytes.ptr[bit / 8] ^= (char)(1u << bit % 8);
		if (plugin_elf_check(buf_view(&bytes), &elf, NULL) < 0) {
			refused++;
		} else {
			status = load_in_child(&s, buf_view(&bytes), i);
			if (WIFSIGNALED(status))
				killed++;
			else if (WEXITSTATUS(status) == 0)
				loaded++;
			else
				failed++;
		}
		bytes.ptr[bit / 8] ^= (char)(1u << bit % 8);
	}
	(void)printf("300 flips: %u refused, %u clean errors, %u loaded, %u "
		     "killed the child\n",
	    refused, failed, loaded, killed);
	ck_assert_uint_eq(refused + loaded + failed + killed, 300);
	/* Each part of the way has had its share. */
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_gt(loaded, 0);
	buf_finish(&bytes);
	stage_remove_all(s.root);
}
END_TEST

START_TEST(random_bytes_behind_a_header_are_survived)
{
	uint32_t random = 99;
	struct buf bytes;

	sample(&bytes, "answer_one");
	for (unsigned i = 0; i < 20000; i++) {
		struct plugin_elf elf;
		struct buf copy;

		buf_init(&copy);
		buf_str(&copy, buf_view(&bytes));
		for (int k = 0; k < 8; k++) {
			size_t range = i % 2 == 0 ? 64 : copy.len;

			random = random * 1664525u + 1013904223u;
			copy.ptr[(random >> 8) % range] = (char)random;
		}
		(void)plugin_elf_check(buf_view(&copy), &elf, NULL);
		buf_finish(&copy);
	}
	buf_finish(&bytes);
}
END_TEST

static const char *
reason(struct buf *bytes, struct err *err)
{
	struct plugin_elf elf;

	ck_assert_int_lt(plugin_elf_check(buf_view(bytes), &elf, err), 0);
	return err->text;
}

START_TEST(foreign_files_are_named)
{
	struct buf bytes;
	struct err err;

	sample(&bytes, "answer_one");
	bytes.ptr[EI_CLASS] = ELFCLASS32;
	ck_assert_ptr_nonnull(strstr(reason(&bytes, &err), "not a 64-bit"));
	bytes.ptr[EI_CLASS] = ELFCLASS64;
	bytes.ptr[EI_DATA] ^= 3;
	ck_assert_ptr_nonnull(strstr(reason(&bytes, &err), "byte order"));
	bytes.ptr[EI_DATA] ^= 3;
	bytes.ptr[offsetof(Elf64_Ehdr, e_machine)] ^= 1;
	ck_assert_ptr_nonnull(
	    strstr(reason(&bytes, &err), "built for machine"));
	bytes.ptr[offsetof(Elf64_Ehdr, e_machine)] ^= 1;
	bytes.ptr[offsetof(Elf64_Ehdr, e_type)] = ET_EXEC;
	ck_assert_ptr_nonnull(
	    strstr(reason(&bytes, &err), "not a shared object"));
	buf_clear(&bytes);
	buf_cstr(&bytes, "#!/bin/sh\n");
	ck_assert_ptr_nonnull(strstr(reason(&bytes, &err), "not an ELF file"));
	buf_finish(&bytes);
}
END_TEST

UNIT_MAIN("plugin/elf", a_real_object_is_accepted, every_truncation_is_refused,
    an_index_that_leaves_its_table_is_refused,
    what_runs_at_the_end_is_code_of_the_file,
    a_flipped_bit_never_hurts_the_reader,
    random_bytes_behind_a_header_are_survived, foreign_files_are_named)
