/* SPDX-License-Identifier: Apache-2.0 */
/* Grants from text to a box, and the box through a frame. */
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "data/yaml.h"
#include "plugin/box.h"
#include "plugin/grants.h"

static struct arena arena;
static struct diags diags;

static int
read_text(const char *text, struct plugin_grants *g)
{
	const struct yaml_node *root;
	int rc;

	arena_init(&arena, 1024 * 1024);
	diags_init(&diags);
	root = yaml_parse(&arena, str_of(text), "conf.yaml", &diags);
	ck_assert_ptr_nonnull(root);
	rc = plugin_grants_read(root, "grants", g, &arena, "conf.yaml", &diags);
	return rc;
}

static void
forget(void)
{
	diags_finish(&diags);
	arena_finish(&arena);
}

static void
expect_said(const struct plugin_grants *g, const char *wanted)
{
	struct buf text;

	buf_init(&text);
	plugin_grants_print(g, &text);
	ck_assert_msg(str_equal(buf_view(&text), str_of(wanted)), "%.*s",
	    STR_FMT(buf_view(&text)));
	buf_finish(&text);
}

START_TEST(nothing_is_granted_unless_it_is_written)
{
	struct plugin_grants g, none;
	static struct box b;

	ck_assert_int_eq(read_text("{}", &g), 0);
	plugin_grants_init(&none);
	ck_assert(plugin_grants_equal(&g, &none));
	expect_said(&g, "memory 512MiB");
	ck_assert_int_eq(plugin_grants_box(&g, NULL, &b), 0);
	ck_assert_uint_eq(b.flags, 0);
	ck_assert_uint_eq(b.paths_len + b.ports_len, 0);
	forget();
}
END_TEST

START_TEST(what_is_written_is_said_and_copied)
{
	struct plugin_grants g, copy;
	struct arena other;

	ck_assert_int_eq(
	    read_text("{read: [/a], write: [/b], network: [unix, 'h:1'],\n"
		      " threads: 2, cpu: 90s, exec: true, memory: 1GiB}",
		&g),
	    0);
	expect_said(&g,
	    "read /a, write /b, network unix, network h:1, threads 2, "
	    "exec (weak), cpu 90s, memory 1024MiB");
	arena_init(&other, 65536);
	ck_assert(plugin_grants_copy(&copy, &g, &other));
	ck_assert(plugin_grants_equal(&copy, &g));
	copy.read.items[0] = S("/c");
	ck_assert(!plugin_grants_equal(&copy, &g));
	arena_finish(&other);
	forget();
}
END_TEST

/* network, flags beyond BOX_TCP, ports */
static const struct {
	const char *network;
	unsigned flags;
	size_t ports;
} places[] = {
	{ "[unix]", BOX_UNIX, 0 },
	{ "['10.0.0.1:443']", BOX_TCP, 1 },
	{ "['[::1]:443', '10.0.0.1:80']", BOX_TCP, 2 },
	{ "['db.example:5432']", BOX_TCP | BOX_NAMES, 1 },
	{ "['db.example:*']", BOX_TCP | BOX_NAMES | BOX_ANY_PORT, 0 },
	{ "['*:443']", BOX_TCP | BOX_NAMES, 1 },
};

START_TEST(places_in_a_network_become_ports)
{
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		struct plugin_grants g;
		static struct box b;
		char text[128];

		(void)snprintf(
		    text, sizeof text, "{network: %s}", places[i].network);
		ck_assert_int_eq(read_text(text, &g), 0);
		ck_assert_int_eq(plugin_grants_box(&g, NULL, &b), 0);
		ck_assert_msg(b.flags == places[i].flags, "%s: %x", text,
		    (unsigned)b.flags);
		ck_assert_uint_eq(b.ports_len, places[i].ports);
		forget();
	}
}
END_TEST

static const char *const wrong[] = { "{read: [a]}", "{read: ['']}",
	"{read: ['config:']}", "{read: ['config:a b']}", "{write: [../a]}",
	"{network: ['a:0']}", "{network: ['a:65536']}", "{network: ['a:']}",
	"{network: [':1']}", "{network: ['a b:1']}", "{network: [unix:1:2]}",
	"{memory: 1}", "{cpu: 1ms}", "{threads: -1}", "{exec: perhaps}",
	"{other: 1}" };

START_TEST(what_is_no_grant_is_refused)
{
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct plugin_grants g;

		ck_assert_msg(read_text(wrong[i], &g) < 0, "%s", wrong[i]);
		ck_assert(diags_has_errors(&diags));
		forget();
	}
}
END_TEST

START_TEST(paths_come_from_the_configuration)
{
	struct plugin_grants g;
	struct json_doc doc;
	static struct box b;

	ck_assert_int_eq(
	    read_text("{read: ['config:roots', /z], write: ['config:one', "
		      "'config:none']}",
		&g),
	    0);
	json_doc_init(&doc);
	ck_assert_int_eq(
	    json_parse(&doc,
		S("{\"roots\": [\"/a\", 5, \"b\", \"/c\"], \"one\": \"/d\"}"),
		JSON_PROTOCOL),
	    0);
	ck_assert_int_eq(plugin_grants_box(&g, &doc.nodes[0], &b), 0);
	ck_assert_uint_eq(b.paths_len, 4);
	ck_assert(str_equal(b.paths[0].path, S("/a")));
	ck_assert(str_equal(b.paths[1].path, S("/c")));
	ck_assert(str_equal(b.paths[2].path, S("/z")));
	ck_assert(str_equal(b.paths[3].path, S("/d")));
	ck_assert(!b.paths[2].write && b.paths[3].write);
	json_doc_finish(&doc);
	forget();
}
END_TEST

START_TEST(a_box_survives_its_frame)
{
	static struct box b, back;
	struct buf out;
	struct wire_in in;

	memset(&b, 0, sizeof b);
	b.parent = 7;
	b.flags = BOX_TCP | BOX_EXEC;
	b.memory = 1u << 30;
	b.cpu_s = 3;
	b.ports[b.ports_len++] = 443;
	b.paths[0].path = S("/srv");
	b.paths[0].write = true;
	b.paths_len = 1;
	buf_init(&out);
	box_put(&b, &out);
	in = wire_in_of(buf_view(&out));
	box_get(&back, &in);
	ck_assert(wire_get_end(&in));
	ck_assert_uint_eq(back.parent, 7);
	ck_assert_uint_eq(back.flags, b.flags);
	ck_assert_uint_eq(back.memory, b.memory);
	ck_assert_uint_eq(back.cpu_s, 3);
	ck_assert_uint_eq(back.ports[0], 443);
	ck_assert(back.paths[0].write);
	ck_assert(str_equal(back.paths[0].path, S("/srv")));
	for (size_t cut = 0; cut < out.len; cut++) {
		in = wire_in_of(str_sub(buf_view(&out), 0, cut));
		box_get(&back, &in);
		ck_assert(!wire_get_end(&in));
	}
	buf_finish(&out);
}
END_TEST

UNIT_MAIN("plugin/grants", nothing_is_granted_unless_it_is_written,
    what_is_written_is_said_and_copied, places_in_a_network_become_ports,
    what_is_no_grant_is_refused, paths_come_from_the_configuration,
    a_box_survives_its_frame)
