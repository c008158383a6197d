/* SPDX-License-Identifier: Apache-2.0 */
/* Opening objects in this process: our loader's words, the descriptor's
 * checks, and that libltdl's own loader is gone. */
#include <dlfcn.h>
#include <ltdl.h>

#include "unit/plugin/stage.h"

#include "plugin/loader.h"

static const struct {
	const char *module;
	int code;
	const char *reason;
} refused[] = {
	{ "unresolved", ERR_NOTFOUND, "undefined symbol missing_function" },
	{ "abi_major", ERR_VERSION, "was built for ABI 2.1" },
	{ "abi_magic", ERR_VERSION, "0x58585858" },
	{ "abi_bits", ERR_VERSION, "32-bit pointers" },
	{ "abi_short", ERR_VERSION, "24 bytes" },
	{ "abi_long", ERR_VERSION, "claims 4000 bytes" },
	{ "abi_entry", ERR_VERSION, "entries of 8" },
	{ "no_name", ERR_VERSION, "no name" },
	{ "no_function", ERR_VERSION, "has no function" },
	{ "foreign_function", ERR_SYNTAX, "the function of entry 0" },
	{ "foreign_load", ERR_SYNTAX, "load() of its descriptor" },
	{ "foreign_table", ERR_SYNTAX, "the table of offer 0" },
	{ "foreign_hook", ERR_SYNTAX, "a function of offer 0" },
	{ "odd_kind", ERR_VERSION, "kind 9" },
	{ "symbol_none", ERR_NOTFOUND, "no symbol toolpost_plugin_v1" },
	{ "symbol_two", ERR_VERSION, "ABI major 2" },
	{ "exec_stack", ERR_SYNTAX, "executable stack" },
};

START_TEST(what_cannot_be_used_is_refused_with_its_reason)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct plugin_module m;
		char path[4096];
		struct err err;
		int rc;

		stage_module(path, refused[i].module);
		rc = plugin_loader_open(&m, path, &err);
		ck_assert_msg(rc == refused[i].code, "%s: %d %s",
		    refused[i].module, rc, err.text);
		ck_assert_msg(strstr(err.text, refused[i].reason) != NULL,
		    "%s: %s", refused[i].module, err.text);
		ck_assert_ptr_null(m.handle);
	}
}
END_TEST

START_TEST(an_opened_module_describes_itself)
{
	struct plugin_module m;
	char path[4096];
	struct buf text;
	struct err err;

	stage_module(path, "answer_one");
	ck_assert_msg(plugin_loader_open(&m, path, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(m.desc.entries_len, 1);
	ck_assert_str_eq(plugin_module_entry(&m, 0)->name, "version");
	buf_init(&text);
	plugin_module_describe(&m, &text);
	buf_char(&text, '\0');
	ck_assert_ptr_nonnull(
	    strstr(text.ptr, "\"name\":\"sample\",\"version\":\"1.0.0\""));
	ck_assert_ptr_nonnull(strstr(text.ptr,
	    "\"entries\":[{\"kind\":1,\"name\":\"version\"}],\"offers\":[]}"));
	buf_finish(&text);
	plugin_loader_close(&m);
	ck_assert_ptr_null(m.handle);
	plugin_loader_close(&m);
}
END_TEST

START_TEST(an_absent_tail_reads_as_zero)
{
	struct plugin_module m;
	char path[4096];
	struct err err;

	stage_module(path, "abi_tail");
	ck_assert_msg(plugin_loader_open(&m, path, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(m.desc.entries_len, 1);
	ck_assert_uint_eq(m.desc.offers_len, 0);
	ck_assert_uint_eq(m.desc.flags, 0);
	ck_assert_ptr_null((void *)(uintptr_t)m.desc.load);
	plugin_loader_close(&m);
}
END_TEST

START_TEST(a_refusal_does_not_fall_through_to_the_lazy_loader)
{
	struct plugin_module m;
	char path[4096];

	stage_module(path, "unresolved");
	ck_assert_int_lt(plugin_loader_open(&m, path, NULL), 0);
	ck_assert_ptr_null(lt_dlloader_find("lt_dlopen"));
	ck_assert_ptr_null(lt_dlopen(path));
	ck_assert_ptr_null(dlopen(path, RTLD_NOLOAD | RTLD_LAZY));
}
END_TEST

START_TEST(numbers_are_never_given_twice)
{
	unsigned last = 0;

	for (int i = 0; i < 100; i++) {
		unsigned number = plugin_loader_number();

		ck_assert_uint_gt(number, last);
		last = number;
	}
}
END_TEST

UNIT_MAIN("plugin/loader", what_cannot_be_used_is_refused_with_its_reason,
    an_opened_module_describes_itself, an_absent_tail_reads_as_zero,
    a_refusal_does_not_fall_through_to_the_lazy_loader,
    numbers_are_never_given_twice)
