/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "net/addr.h"
#include "unit/unit.h"

START_TEST(what_is_written_is_what_was_read)
{
	const char *const texts[] = { "127.0.0.1:7423", "0.0.0.0:0", "[::1]:80",
		"[2001:db8::7]:65535", "unix:/run/x.sock" };
	char out[NET_ADDR_TEXT_MAX];
	struct net_addr a;
	struct err err;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		ck_assert_int_eq(net_addr_parse(&a, str_of(texts[i]), &err), 0);
		net_addr_format(&a, out);
		ck_assert_str_eq(out, texts[i]);
	}
	ck_assert_int_eq(net_addr_parse(&a, S("localhost:1"), &err), 0);
	net_addr_format(&a, out);
	ck_assert_str_eq(out, "127.0.0.1:1");
}
END_TEST

START_TEST(what_is_not_an_address_is_refused)
{
	char path[200];
	const char *const texts[] = { "", "7423", ":7423", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:1x",
		"127.0.0.1:000080", "::1:80", "[::1]", "[]:80",
		"[127.0.0.1]:80", "1.2.3:80", "example.org:80",
		"unix:", "unix:relative", "[::1]x:80", path };
	struct net_addr a;
	struct err err;

	memset(path, 'p', sizeof path);
	memcpy(path, "unix:/", 6);
	path[sizeof path - 1] = '\0';
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		ck_assert_msg(
		    net_addr_parse(&a, str_of(texts[i]), &err) == ERR_SYNTAX,
		    "%s", texts[i]);
	ck_assert_int_eq(
	    net_addr_parse(&a, (struct str){ "1.2.3.4\0:8", 10 }, &err),
	    ERR_SYNTAX);
}
END_TEST

START_TEST(loopback_is_known)
{
	const struct {
		const char *text;
		bool loopback;
	} cases[] = { { "127.9.9.9:1", true }, { "[::1]:1", true },
		{ "unix:/x", true }, { "0.0.0.0:1", false },
		{ "[::]:1", false }, { "[::ffff:127.0.0.1]:1", true },
		{ "128.0.0.1:1", false } };
	struct net_addr a;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_int_eq(
		    net_addr_parse(&a, str_of(cases[i].text), NULL), 0);
		ck_assert_int_eq(net_addr_is_loopback(&a), cases[i].loopback);
	}
	ck_assert(!net_addr_is_unix(&a));
}
END_TEST

UNIT_MAIN("net/addr", what_is_written_is_what_was_read,
    what_is_not_an_address_is_refused, loopback_is_known)
