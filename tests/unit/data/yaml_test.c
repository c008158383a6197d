/* SPDX-License-Identifier: Apache-2.0 */
#include "data/yaml.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "data/json.h"
#include "unit/data/alloc.h"
#include "unit/unit.h"

static struct arena arena;
static struct diags diags;
static struct buf out;

static void
finish(void)
{
	arena_finish(&arena);
	diags_finish(&diags);
	buf_finish(&out);
}

static struct yaml_node *
parse(const char *text)
{
	arena_reset(&arena);
	diags_finish(&diags);
	return yaml_parse(&arena, str_of(text), "f.yaml", &diags);
}

/* What a person sees. */
static const char *
findings(const char *text)
{
	struct yaml_node *root = parse(text);

	buf_clear(&out);
	ck_assert((root == NULL) == diags_has_errors(&diags));
	diags_print(&diags, &out);
	buf_char(&out, '\0');
	return out.ptr;
}

static const char *
to_json(const char *text)
{
	struct yaml_node *root = parse(text);

	ck_assert_msg(root != NULL, "%s", text);
	buf_clear(&out);
	ck_assert_int_eq(yaml_to_json(root, &out), 0);
	buf_char(&out, '\0');
	return out.ptr;
}

START_TEST(a_file_becomes_a_tree_with_positions)
{
	struct yaml_node *root = parse("name: weather\n"
				       "tools:\n"
				       "  - name: 'a'\n"
				       "    limits: {time: 5s}\n"
				       "  - b\n");
	const struct yaml_node *tools, *limits;

	ck_assert_ptr_nonnull(root);
	ck_assert_uint_eq(root->count, 2);
	ck_assert(root->first->plain);
	ck_assert_uint_eq(root->first->at.column, 7);
	tools = yaml_get(root, S("tools"));
	ck_assert_int_eq(tools->type, YAML_LIST);
	ck_assert_uint_eq(tools->count, 2);
	ck_assert_uint_eq(tools->key_at.line, 2);
	ck_assert(!tools->first->first->plain);
	limits = yaml_get(tools->first, S("limits"));
	ck_assert_uint_eq(limits->at.line, 4);
	ck_assert_uint_eq(limits->at.column, 13);
	ck_assert_str_eq(yaml_get(limits, S("time"))->text.ptr, "5s");
	ck_assert_ptr_null(yaml_get(limits, S("tim")));
	ck_assert_ptr_null(yaml_get(tools, S("name")));
	ck_assert_ptr_null(yaml_get(NULL, S("name")));
	finish();
}
END_TEST

START_TEST(an_empty_file_is_an_empty_map)
{
	static const char *const texts[] = { "", "\n", "# only words\n",
		"---\n", "--- # x\n...\n" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct yaml_node *root = parse(texts[i]);

		ck_assert_msg(
		    root != NULL && root->type == YAML_MAP && root->count == 0,
		    "%zu", i);
	}
	finish();
}
END_TEST

/* clang-format off */
static const struct {
	const char *text;
	const char *want;
} refused[] = {
	{ "a: &x 1\n",
	  "f.yaml:1:4: error: a: anchors are not accepted (hint: write the value out)\n" },
	{ "grants: *x\n",
	  "f.yaml:1:9: error: grants: aliases are not accepted (hint: write the value out)\n" },
	{ "*x : 1\n",
	  "f.yaml:1:1: error: aliases are not accepted (hint: write the value out)\n" },
	{ "a:\n  - b: !!str 1\n",
	  "f.yaml:2:8: error: a[0].b: tags are not accepted (hint: remove it: the key says what type its value has)\n" },
	{ "a: ! 1\n",
	  "f.yaml:1:4: error: a: tags are not accepted (hint: remove it: the key says what type its value has)\n" },
	{ "a: !x 1\n",
	  "f.yaml:1:4: error: a: tags are not accepted (hint: remove it: the key says what type its value has)\n" },
	{ "a: !u!x 1\n",
	  "f.yaml:1:4: error: tags are not accepted (hint: remove it: the key says what type its value has)\n" },
	{ "a: &x [1]\nb: !!map {c: 1}\n",
	  "f.yaml:1:4: error: a: anchors are not accepted (hint: write the value out)\n"
	  "f.yaml:2:4: error: b: tags are not accepted (hint: remove it: the key says what type its value has)\n" },
	{ "a:\n  <<: {b: 1}\n",
	  "f.yaml:2:3: error: a: merge keys are not accepted (hint: write the keys out)\n" },
	{ "%YAML 1.1\n---\na: 1\n",
	  "f.yaml:1:1: error: directives are not accepted (hint: remove the % line)\n" },
	{ "%TAG ! tag:x,2000:\n---\na: 1\n",
	  "f.yaml:1:1: error: directives are not accepted (hint: remove the % line)\n" },
	{ "%FOO\n---\na: 1\n",
	  "f.yaml:1:5: error: directives are not accepted (hint: remove the % line)\n" },
	{ "a: 1\n---\nb: 2\n",
	  "f.yaml:2:1: error: a second document is not accepted (hint: use one file for each)\n" },
	{ "tools:\n  - limits: 1\n    limits: 2\n",
	  "f.yaml:3:5: error: tools[0]: duplicate key \"limits\" (hint: first given at 2:5)\n" },
	{ "x: 1\ny: {a: 1, \"a\": 2}\n\"x\": 3\n",
	  "f.yaml:2:11: error: y: duplicate key \"a\" (hint: first given at 2:5)\n"
	  "f.yaml:3:1: error: duplicate key \"x\" (hint: first given at 1:1)\n" },
	{ "? [a]\n: 1\n",
	  "f.yaml:1:3: error: a key cannot be a list or a map (hint: quote it if it begins with [ or {)\n" },
	{ "a: \"x\\0y\"\n", "f.yaml:1:4: error: a: control character in a value\n" },
	{ "a: \"x\\ey\"\n", "f.yaml:1:4: error: a: control character in a value\n" },
	{ "a: \"x\\x9by\"\n", "f.yaml:1:4: error: a: control character in a value\n" },
	{ "\"a\\n\": 1\n", "f.yaml:1:1: error: control character in a key\n" },
	{ "a: x\x01y\n", "f.yaml:1:5: error: control character in the file\n" },
	{ "a: b\nc: \xc3\x28\n", "f.yaml:2:5: error: not valid UTF-8\n" },
	{ "\xff\xfe" "a\0:\0", "f.yaml:1:1: error: not valid UTF-8\n" },
	{ "a: b: c\n",
	  "f.yaml:1:5: error: a second \": \" on one line (hint: quote the value, or put the key on a line of its own)\n" },
	{ "a:\n\t- b\n", "f.yaml:2:1: error: a tab cannot indent (hint: use spaces)\n" },
	{ "a: @b\n", "f.yaml:1:4: error: a value cannot begin with \"@\" (hint: put it in quotes)\n" },
	{ "a: [1, 2\nb: 3\n",
	  "f.yaml:2:2: error: expected \",\" or \"]\" (hint: a list in [ ] is not closed)\n" },
	{ "a: {b: 1\n",
	  "f.yaml:2:1: error: expected \",\" or \"}\" (hint: a map in { } is not closed)\n" },
	{ "a: \"b\n",
	  "f.yaml:2:1: error: the file ends inside a quoted value (hint: add the closing quote)\n" },
	{ "a: 'b\n",
	  "f.yaml:2:1: error: the file ends inside a quoted value (hint: add the closing quote)\n" },
	{ "a: \"\\q\"\n",
	  "f.yaml:1:5: error: unknown escape in double quotes (hint: write a backslash as \\\\, or use single quotes)\n" },
	{ "a: 1\n b: 2\n",
	  "f.yaml:2:3: error: a second \": \" on one line (hint: quote the value, or put the key on a line of its own)\n" },
	{ "a:\n  b: 1\n c: 2\n",
	  "f.yaml:3:2: error: expected a key here (hint: check the indentation, and quote values that begin with \" or ')\n" },
};
/* clang-format on */

START_TEST(refusals_say_where_what_and_what_to_do)
{
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		ck_assert_str_eq(findings(refused[i].text), refused[i].want);
	finish();
}
END_TEST

START_TEST(all_findings_of_a_file_show)
{
	ck_assert_str_eq(findings("a: &x 1\nb: *x\nb: 2\nc: \"\\a\"\n"),
	    "f.yaml:1:4: error: a: anchors are not accepted"
	    " (hint: write the value out)\n"
	    "f.yaml:2:4: error: b: aliases are not accepted"
	    " (hint: write the value out)\n"
	    "f.yaml:3:1: error: duplicate key \"b\""
	    " (hint: first given at 2:1)\n"
	    "f.yaml:4:4: error: c: control character in a value\n");
	finish();
}
END_TEST

static bool
repeated(const char *unit, size_t times, const char *want)
{
	struct buf b;
	bool found;

	buf_init(&b);
	while (times-- > 0)
		buf_cstr(&b, unit);
	buf_char(&b, '\0');
	found = strstr(findings(b.ptr), want) != NULL;
	buf_finish(&b);
	return found;
}

START_TEST(sizes_have_bounds)
{
	ck_assert(repeated("# comment\n", YAML_FILE_MAX / 10 + 1,
	    "f.yaml: error: larger than 262144 bytes\n"));
	ck_assert(repeated("- a\n", YAML_EVENTS_MAX,
	    ": error: [49997]: more than 50000 values and brackets\n"));
	ck_assert(repeated("# comment\n", YAML_FILE_MAX / 10, ""));
	finish();
}
END_TEST

/* 40 KB of brackets cost libyaml seconds if it is let loose on them. */
START_TEST(depth_has_a_bound_in_every_form)
{
	static const char *const units[] = { "[", "{", "[\n",
		"{a: ", "[a: ", "{? ", "? ", "- ", "[ #]\n", "[[]," };

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		ck_assert_msg(
		    repeated(units[i], 20000, "nested deeper than 64 levels")
			|| repeated(units[i], 20000, "a key cannot be"),
		    "%zu", i);
	ck_assert(
	    strstr(findings("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
			    "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]"
			    "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
		"deeper")
	    != NULL);
	finish();
}
END_TEST

START_TEST(depth_64_is_taken)
{
	struct buf b;

	buf_init(&b);
	for (int i = 0; i < YAML_DEPTH_MAX; i++)
		buf_char(&b, '[');
	for (int i = 0; i < YAML_DEPTH_MAX; i++)
		buf_char(&b, ']');
	buf_char(&b, '\0');
	ck_assert_ptr_nonnull(parse(b.ptr));
	buf_finish(&b);
	finish();
}
END_TEST

START_TEST(depth_costs_no_stack)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit limit = { 256 * 1024, 256 * 1024 };

		if (setrlimit(RLIMIT_STACK, &limit) != 0)
			_exit(2);
		_exit(repeated("[", 200000, "nested deeper") ? 0 : 3);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(many_keys_are_not_compared_one_by_one)
{
	struct buf b;

	buf_init(&b);
	for (int i = 0; i < 20000; i++)
		buf_printf(&b, "k%d: 1\n", i);
	buf_cstr(&b, "k0: 2\n");
	buf_char(&b, '\0');
	ck_assert(strstr(findings(b.ptr),
		      "f.yaml:20001:1: error: duplicate key"
		      " \"k0\" (hint: first given at 1:1)")
	    != NULL);
	buf_finish(&b);
	finish();
}
END_TEST

START_TEST(plain_json_scalars_are_typed_and_no_others)
{
	ck_assert_str_eq(
	    to_json("[true, false, null, 1, -0, 1.5e+3, 9007199254740993]"),
	    "[true,false,null,1,-0,1.5e+3,9007199254740993]");
	ck_assert_str_eq(to_json("[no, True, ~, 0x1F, 01, 1., .5, +1, 1_000, "
				 "1e, -, .inf, 'true', \"1\", 2026-07-28]"),
	    "[\"no\",\"True\",\"~\",\"0x1F\",\"01\",\"1.\",\".5\",\"+1\","
	    "\"1_000\",\"1e\",\"-\",\".inf\",\"true\",\"1\",\"2026-07-28\"]");
	ck_assert_str_eq(to_json("a: |\n  x\n  \"y\"\nb: >\n  1\n"),
	    "{\"a\":\"x\\n\\\"y\\\"\\n\",\"b\":\"1\\n\"}");
	finish();
}
END_TEST

START_TEST(maps_and_lists_become_json)
{
	ck_assert_str_eq(to_json("a: [1, {b: c}]\n'd\"e': {}\nf: []\ng:\n"),
	    "{\"a\":[1,{\"b\":\"c\"}],\"d\\\"e\":{},\"f\":[],\"g\":null}");
	finish();
}
END_TEST

START_TEST(no_node_is_null)
{
	buf_clear(&out);
	ck_assert_int_eq(yaml_to_json(NULL, &out), 0);
	ck_assert(str_equal(buf_view(&out), S("null")));
	finish();
}
END_TEST

static unsigned
pointer_line(const struct yaml_node *root, const char *pointer)
{
	return yaml_at_pointer(root, str_of(pointer))->at.line;
}

START_TEST(pointers_lead_to_the_nearest_node)
{
	struct yaml_node *root = parse("a:\n"
				       "  b~/c:\n"
				       "    - 1\n"
				       "    - x:\n"
				       "        y\n");

	ck_assert_uint_eq(pointer_line(root, ""), 1);
	ck_assert_uint_eq(pointer_line(root, "/a"), 2);
	ck_assert_uint_eq(pointer_line(root, "/a/b~0~1c/0"), 3);
	ck_assert_uint_eq(pointer_line(root, "/a/b~0~1c/1/x"), 5);
	ck_assert_uint_eq(pointer_line(root, "/a/b~0~1c/1/z/deeper"), 4);
	ck_assert_uint_eq(pointer_line(root, "/a/b~0~1c/9"), 3);
	ck_assert_uint_eq(pointer_line(root, "/no/where"), 1);
	ck_assert_ptr_null(yaml_at_pointer(NULL, S("/a")));
	finish();
}
END_TEST

START_TEST(parsing_survives_each_failed_allocation)
{
	long n = 0;
	bool done;

	do {
		arena_finish(&arena);
		diags_finish(&diags);
		alloc_left = n++;
		done = yaml_parse(&arena,
			   S("a: [1, {b: \"c\"}]\nd: |\n x\n"
			     "e: {f: 1, g: 2}\n"),
			   "f.yaml", &diags)
		    != NULL;
		alloc_left = -1;
		ck_assert(done || diags_has_errors(&diags));
	} while (!done && n < 500);
	ck_assert_int_lt(n, 500);
	ck_assert_int_ge(n, ALLOC_WORKS ? 20 : 1);
	finish();
}
END_TEST

UNIT_MAIN("data/yaml", a_file_becomes_a_tree_with_positions,
    an_empty_file_is_an_empty_map, refusals_say_where_what_and_what_to_do,
    all_findings_of_a_file_show, sizes_have_bounds,
    depth_has_a_bound_in_every_form, depth_64_is_taken, depth_costs_no_stack,
    many_keys_are_not_compared_one_by_one,
    plain_json_scalars_are_typed_and_no_others, maps_and_lists_become_json,
    no_node_is_null, pointers_lead_to_the_nearest_node,
    parsing_survives_each_failed_allocation)
