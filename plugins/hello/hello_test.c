/* SPDX-License-Identifier: Apache-2.0 */
#include <toolpost/test.h>

static void
hello_greets_the_world_unless_told_otherwise(struct tp_test_host *h)
{
	struct tp_test_result *c = tp_test_call(h, "hello", NULL);

	TP_TEST(c->status == TP_OK);
	TP_TEST_IS(tp_test_text(c), "Hello, world!");
	tp_test_free(c);
	c = tp_test_call(h, "hello", "{\"name\": \"Ad\\u00e4\"}");
	TP_TEST_IS(tp_test_text(c), "Hello, Ad\xc3\xa4!");
	tp_test_free(c);
}

static void
hello_reports_that_memory_is_out(struct tp_test_host *h)
{
	struct tp_test_result *c = tp_test_new(h, "hello", NULL);

	c->fail_alloc = 1;
	TP_TEST(tp_test_run(c) == TP_ENOMEM);
	TP_TEST(c->content.len == 0);
	tp_test_free(c);
}

static void
echo_answers_byte_for_byte(struct tp_test_host *h)
{
	struct tp_test_result *c;
	const struct tp_test_note *n;

	c = tp_test_call(
	    h, "echo", "{\"message\": \"a\\u0000b \\ud83d\\ude00\"}");
	n = tp_test_nth(&c->content, 0);
	TP_TEST(c->status == TP_OK && n != NULL && n->len == 8);
	TP_TEST(n != NULL && memcmp(n->text, "a\0b \xf0\x9f\x98\x80", 8) == 0);
	tp_test_free(c);
}

int
main(int argc, char **argv)
{
	struct tp_test_host host;

	if (argc < 2 || tp_test_open(&host, argv[1]) < 0)
		return 1;
	(void)tp_test_load(&host, NULL, NULL);
	hello_greets_the_world_unless_told_otherwise(&host);
	hello_reports_that_memory_is_out(&host);
	echo_answers_byte_for_byte(&host);
	tp_test_close(&host);
	return tp_test_end();
}
