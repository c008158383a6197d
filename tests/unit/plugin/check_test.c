/* SPDX-License-Identifier: Apache-2.0 */
/* What "toolpost check" says of each kind of bad module: the checks before a
 * load, the rehearsal, the names; both sides and the remedy. */
#include "unit/plugin/stage.h"

#include "crypto/digest.h"

#define PINNED(sha_) \
	"plugin: sample\nversion: 1.0.0\nmodule: sample.so\nsha256: " sha_ \
	"\ntools:\n  - {name: version, description: d}\n"

/* Line 4 is "module:", line 6 the tool's name. */
static const struct {
	const char *module;
	const char *said;
} refused[] = {
	{ "abi_major",
	    "4:9: error: module: sample.so: was built for ABI 2.1, this host "
	    "offers 1.0 to 1.1 (hint: install toolpost >= 2.1, or rebuild with "
	    "`toolpost plugin build`)\n" },
	{ "abi_magic",
	    "4:9: error: module: sample.so: its descriptor begins with "
	    "0x58585858, this host looks for 0x31505054 (hint: declare the "
	    "plugin with TP_PLUGIN)\n" },
	{ "abi_bits",
	    "4:9: error: module: sample.so: was built for 32-bit pointers, "
	    "this host has 64-bit pointers (hint: rebuild with `toolpost "
	    "plugin build`)\n" },
	{ "abi_short",
	    "4:9: error: module: sample.so: its descriptor has 24 bytes and "
	    "entries of 24, this host reads 104 and 24 (hint: rebuild with "
	    "`toolpost plugin build`)\n" },
	{ "abi_long",
	    "4:9: error: module: sample.so: its descriptor claims 4000 bytes "
	    "and has 104 (hint: declare the plugin with TP_PLUGIN)\n" },
	{ "abi_entry",
	    "4:9: error: module: sample.so: its descriptor has 104 bytes and "
	    "entries of 8, this host reads 104 and 24 (hint: rebuild with "
	    "`toolpost plugin build`)\n" },
	{ "no_name",
	    "4:9: error: module: sample.so: its descriptor has no name or no "
	    "version\n" },
	{ "no_function",
	    "4:9: error: module: sample.so: entry \"version\" has no "
	    "function (hint: write it behind the name, TP_TOOL(\"version\", "
	    "FUNCTION))\n" },
	{ "foreign_function",
	    "4:9: error: module: sample.so: the function of entry 0 of its "
	    "descriptor is not in the module's own code (hint: name a "
	    "function of the module itself)\n" },
	{ "data_function",
	    "4:9: error: module: sample.so: the function of entry 0 of its "
	    "descriptor is not in the module's own code (hint: name a "
	    "function of the module itself)\n" },
	{ "foreign_load",
	    "4:9: error: module: sample.so: load() of its descriptor is not "
	    "in the module's own code (hint: name a function of the module "
	    "itself)\n" },
	{ "foreign_unload",
	    "4:9: error: module: sample.so: unload() of its descriptor is not "
	    "in the module's own code (hint: name a function of the module "
	    "itself)\n" },
	{ "foreign_table",
	    "4:9: error: module: sample.so: the table of offer 0 of its "
	    "descriptor is not in the module itself (hint: declare it "
	    "static)\n" },
	{ "foreign_hook",
	    "4:9: error: module: sample.so: a function of offer 0 of its "
	    "descriptor is not in the module's own code (hint: name a "
	    "function of the module itself)\n" },
	{ "odd_kind",
	    "4:9: error: module: sample.so: entry \"version\" is of kind 9, "
	    "which this host does not know (hint: install a newer "
	    "toolpost)\n" },
	{ "symbol_two",
	    "4:9: error: module: sample.so: was built for ABI major 2, this "
	    "host offers major 1 (hint: install the toolpost of that ABI, or "
	    "rebuild with `toolpost plugin build`)\n" },
	{ "symbol_none",
	    "4:9: error: module: sample.so: has no symbol toolpost_plugin_v1 "
	    "(hint: end the source with TP_PLUGIN(..), and do not strip "
	    "dynamic symbols)\n" },
	{ "unresolved",
	    "4:9: error: module: sample.so: undefined symbol missing_function "
	    "(hint: link with the library that has it; plugin builds use "
	    "-Wl,-z,defs)\n" },
	{ "exec_stack",
	    "4:9: error: module: sample.so: wants an executable stack, which "
	    "would make this host's executable too (hint: link with "
	    "-Wl,-z,noexecstack)\n" },
	{ "search_path",
	    "4:9: error: module: sample.so: searches libraries in "
	    "\"/tmp/plugins\" (hint: link without -rpath; only the system's "
	    "folders are searched)\n" },
	{ "constructor_hang",
	    "4:9: error: module: sample.so: the rehearsal took longer than 5 "
	    "s (hint: its constructors must not wait)\n" },
	{ "other_name",
	    "1:9: error: plugin: \"sample\" here, \"smaple\" in sample.so "
	    "(hint: both must be the same; change this line, or rebuild)\n" },
	{ "version_two",
	    "2:10: error: version: \"1.0.0\" here, \"2.0.0\" in sample.so "
	    "(hint: both must be the same; change this line, or rebuild)\n" },
	{ "other_tool",
	    "6:11: error: tools[0].name: sample.so has no function for "
	    "\"version\", it has \"verison\" (hint: names must match "
	    "exactly)\n"
	    "sample.yaml:4:9: error: module: sample.so has a function for "
	    "tool \"verison\", which this manifest does not declare (hint: "
	    "declare it under tools, or remove it from the code)\n" },
	{ "state_one",
	    "6:11: error: tools[0].name: sample.so has no function for "
	    "\"version\" (hint: add it to the entries of TP_PLUGIN, or remove "
	    "it here)\n"
	    "sample.yaml:4:9: error: module: sample.so has a function for "
	    "tool \"count\", which this manifest does not declare (hint: "
	    "declare it under tools, or remove it from the code)\n" },
	{ "wider",
	    "4:9: error: module: sample.so has a function for tool \"extra\", "
	    "which this manifest does not declare (hint: declare it under "
	    "tools, or remove it from the code)\n" },
	{ "twice",
	    "4:9: error: module: sample.so has two functions for tool "
	    "\"version\" (hint: remove one of its entries)\n" },
};

/* What is said, with bare file names. */
static int
check(struct stage *s, struct buf *said)
{
	struct diags diags;
	char path[256];
	struct buf full;
	int rc;

	diags_init(&diags);
	buf_init(&full);
	(void)snprintf(path, sizeof path, "%s/sample.yaml", s->plugins);
	rc = plugin_check(path, str_of(s->exe), &diags);
	ck_assert_int_eq(rc < 0, diags_has_errors(&diags));
	diags_print(&diags, &full);
	buf_char(&full, '\0');
	for (const char *at = full.ptr; *at != '\0';) {
		size_t skip = strlen(s->plugins) + 1;

		if (strncmp(at, s->plugins, skip - 1) == 0)
			at += skip;
		else
			buf_char(said, *at++);
	}
	buf_char(said, '\0');
	buf_finish(&full);
	diags_finish(&diags);
	return rc;
}

static void
expect(struct stage *s, const char *wanted)
{
	struct buf said;

	buf_init(&said);
	(void)check(s, &said);
	ck_assert_str_eq(said.ptr, wanted);
	buf_finish(&said);
}

START_TEST(each_kind_of_bad_module_has_its_reason)
{
	struct stage s;
	char wanted[2048];

	stage_init(&s);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		stage_put_module(
		    &s, refused[i].module, "sample.so", STAGE_RENAME);
		(void)snprintf(
		    wanted, sizeof wanted, "sample.yaml:%s", refused[i].said);
		expect(&s, wanted);
	}
	stage_remove_all(s.root);
}
END_TEST

START_TEST(a_module_that_dies_at_load_dies_in_the_child)
{
	/* Sanitizers have exit statuses of their own. */
	static const char *const modules[] = { "constructor_crash",
		"constructor_exit", "constructor_status" };
	struct stage s;

	stage_init(&s);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
		struct buf said;

		buf_init(&said);
		stage_put_module(&s, modules[i], "sample.so", STAGE_RENAME);
		ck_assert_int_lt(check(&s, &said), 0);
		ck_assert_ptr_nonnull(strstr(
		    said.ptr, "sample.yaml:4:9: error: module: sample.so: "));
		ck_assert_ptr_nonnull(strstr(said.ptr, "the rehearsal "));
		buf_finish(&said);
	}
	stage_remove_all(s.root);
}
END_TEST

START_TEST(what_this_host_can_read_is_accepted)
{
	static const char *const modules[] = { "answer_one", "answer_two",
		"abi_minor", "abi_tail", "constructor_noise" };
	struct stage s;

	stage_init(&s);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
		stage_put_module(&s, modules[i], "sample.so", STAGE_RENAME);
		expect(&s, "");
	}
	stage_remove_all(s.root);
}
END_TEST

START_TEST(files_that_are_not_ours_are_refused)
{
	char path[256];
	struct stage s;

	stage_init(&s);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	expect(&s,
	    "sample.yaml:4:9: error: module: sample.so: no such file (hint: "
	    "the module lies beside the manifest)\n");
	stage_put_module(&s, "answer_one", "sample.so", STAGE_OVER);
	(void)snprintf(path, sizeof path, "%s/sample.so", s.plugins);
	ck_assert_int_eq(chmod(path, 0666), 0);
	expect(&s,
	    "sample.yaml:4:9: error: module: sample.so: others may write it "
	    "(chmod go-w sample.so)\n");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("/dev/null", path), 0);
	expect(&s,
	    "sample.yaml:4:9: error: module: sample.so: a symbolic link (give "
	    "the file itself)\n");
	(void)snprintf(path, sizeof path, "%s/sample.yaml", s.plugins);
	ck_assert_int_eq(chmod(path, 0664), 0);
	expect(&s,
	    "sample.yaml: error: others may write it (chmod go-w "
	    "sample.yaml)\n");
	stage_remove_all(s.root);
}
END_TEST

START_TEST(a_pinned_module_must_have_its_digest)
{
	unsigned char digest[CRYPTO_SHA256_LEN];
	char hex[2 * CRYPTO_SHA256_LEN + 1], text[512];
	char path[4096];
	struct buf bytes;
	struct stage s;

	stage_init(&s);
	buf_init(&bytes);
	stage_module(path, "answer_one");
	stage_read(path, &bytes);
	ck_assert_int_eq(crypto_sha256(buf_view(&bytes), digest), 0);
	crypto_hex(digest, sizeof digest, hex);
	stage_put(&s, "sample.so", buf_view(&bytes), STAGE_OVER);
	(void)snprintf(text, sizeof text, PINNED("%s"), hex);
	stage_put_text(&s, "sample.yaml", text);
	expect(&s, "");
	stage_put_module(&s, "answer_two", "sample.so", STAGE_OVER);
	buf_clear(&bytes);
	(void)check(&s, &bytes);
	ck_assert_ptr_nonnull(
	    strstr(bytes.ptr, "sample.yaml:4:9: error: sha256: sample.so has"));
	buf_finish(&bytes);
	stage_remove_all(s.root);
}
END_TEST

START_TEST(without_a_program_only_the_manifest_is_checked)
{
	struct diags diags;
	char path[256];
	struct stage s;

	stage_init(&s);
	stage_put_text(&s, "sample.yaml", SAMPLE("1.0.0"));
	(void)snprintf(path, sizeof path, "%s/sample.yaml", s.plugins);
	diags_init(&diags);
	ck_assert_int_eq(plugin_check(path, STR_NONE, &diags), 0);
	ck_assert_uint_eq(diags.len, 0);
	diags_finish(&diags);
	stage_remove_all(s.root);
}
END_TEST

STAGE_MAIN("plugin/check", each_kind_of_bad_module_has_its_reason,
    a_module_that_dies_at_load_dies_in_the_child,
    what_this_host_can_read_is_accepted, files_that_are_not_ours_are_refused,
    a_pinned_module_must_have_its_digest,
    without_a_program_only_the_manifest_is_checked)
