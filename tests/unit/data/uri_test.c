/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3986: what is a URI and what is not, and the examples of section 5.4. */
#include <check.h>
#include <string.h>

#include "data/uri.h"

#include "unit/unit.h"

static const char *const right[] = { "http://foo.bar/?baz=qux#quux",
	"urn:oasis:names:x", "mailto:a@b.c", "file:///etc/passwd",
	"x:", "ldap://[2001:db8::7]/c=GB?objectClass?one", "http://[v1.a:b]/",
	"http://a:b@c:80/", "http://a:/", "tel:+1-816-555-1212",
	"weather://Oslo/today", "a+b-c.d:x", "http://a/%c3%a9",
	"http://[::ffff:1.2.3.4]/" };

static const char *const malformed[] = { "", "abc", "/abc", "//a/b", "1a:b",
	"ht_tp://a", "a b:c", "http://a b/", "http://a/%zz", "http://a/%4",
	"http://a/%", "http://a/\"", "http://a/<>", "http://a/{b}",
	"http://a/\\", "http://a/^", "http://a/`", "http://a/|", "http://a:b/",
	"http://[::1", "http://[1::2::3]/", "http://[12345::]/",
	"http://[fe80::1%25eth0]/", "http://[::1]x/", "http://a@b@c/",
	"http://a/#b#c", ":a", "http://a/\n", "http://a/\xc3\xa9",
	"http://a/[b]", "http://[v.a]/", "http://[v1.]/" };

/* RSRC-09 */
START_TEST(malformed_uris_are_refused)
{
	for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
		ck_assert_msg(uri_is_valid(str_of(right[i])), "%s", right[i]);
	for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
		ck_assert_msg(
		    !uri_is_valid(str_of(malformed[i])), "%s", malformed[i]);
	ck_assert(!uri_is_valid((struct str){ "a:\0b", 4 }));
}
END_TEST

START_TEST(scheme_is_taken_off)
{
	ck_assert(str_equal(uri_scheme(S("weather://x")), S("weather")));
	ck_assert(str_equal(uri_scheme(S("a/b:c")), S("")));
	ck_assert(str_equal(uri_scheme(S("1a:c")), S("")));
	ck_assert(str_equal(uri_scheme(S("")), S("")));
	ck_assert(str_equal(uri_scheme(STR_NONE), S("")));
}
END_TEST

START_TEST(a_uri_longer_than_the_bound_is_refused)
{
	struct buf b;

	buf_init(&b);
	buf_cstr(&b, "x:");
	while (b.len < URI_MAX)
		buf_char(&b, 'a');
	ck_assert(uri_is_valid(buf_view(&b)));
	buf_char(&b, 'a');
	ck_assert(!uri_is_valid(buf_view(&b)));
	buf_finish(&b);
}
END_TEST

static const char *const resolved[][2] = { { "g:h", "g:h" },
	{ "g", "http://a/b/c/g" }, { "./g", "http://a/b/c/g" },
	{ "g/", "http://a/b/c/g/" }, { "/g", "http://a/g" },
	{ "//g", "http://g" }, { "?y", "http://a/b/c/d;p?y" },
	{ "g?y", "http://a/b/c/g?y" }, { "#s", "http://a/b/c/d;p?q#s" },
	{ "g#s", "http://a/b/c/g#s" }, { "g?y#s", "http://a/b/c/g?y#s" },
	{ ";x", "http://a/b/c/;x" }, { "g;x", "http://a/b/c/g;x" },
	{ "", "http://a/b/c/d;p?q" }, { ".", "http://a/b/c/" },
	{ "./", "http://a/b/c/" }, { "..", "http://a/b/" },
	{ "../", "http://a/b/" }, { "../g", "http://a/b/g" },
	{ "../..", "http://a/" }, { "../../", "http://a/" },
	{ "../../g", "http://a/g" }, { "../../../g", "http://a/g" },
	{ "../../../../g", "http://a/g" }, { "/./g", "http://a/g" },
	{ "/../g", "http://a/g" }, { "g.", "http://a/b/c/g." },
	{ ".g", "http://a/b/c/.g" }, { "g..", "http://a/b/c/g.." },
	{ "..g", "http://a/b/c/..g" }, { "./../g", "http://a/b/g" },
	{ "./g/.", "http://a/b/c/g/" }, { "g/./h", "http://a/b/c/g/h" },
	{ "g/../h", "http://a/b/c/h" }, { "g;x=1/./y", "http://a/b/c/g;x=1/y" },
	{ "g;x=1/../y", "http://a/b/c/y" },
	{ "g?y/./x", "http://a/b/c/g?y/./x" },
	{ "g#s/../x", "http://a/b/c/g#s/../x" } };

START_TEST(references_resolve_as_rfc_3986_5_4_says)
{
	struct buf out;

	buf_init(&out);
	for (size_t i = 0; i < sizeof resolved / sizeof resolved[0]; i++) {
		buf_clear(&out);
		ck_assert_int_eq(uri_resolve(S("http://a/b/c/d;p?q"),
				     str_of(resolved[i][0]), &out),
		    0);
		ck_assert_msg(str_equal(buf_view(&out), str_of(resolved[i][1])),
		    "%s: %.*s", resolved[i][0], STR_FMT(buf_view(&out)));
	}
	buf_finish(&out);
}
END_TEST

START_TEST(references_may_be_relative)
{
	ck_assert(uri_is_reference(S("")));
	ck_assert(uri_is_reference(S("a/b:c")));
	ck_assert(uri_is_reference(S("./a:b")));
	ck_assert(uri_is_reference(S("//h")));
	ck_assert(!uri_is_reference(S("1:b")));
	ck_assert(!uri_is_reference(S("a b")));
}
END_TEST

START_TEST(addresses_are_strict)
{
	ck_assert(uri_is_ipv4(S("192.168.0.1")));
	ck_assert(!uri_is_ipv4(S("192.168.0.01")));
	ck_assert(!uri_is_ipv4(S("256.1.1.1")));
	ck_assert(!uri_is_ipv4(S("1.1.1")));
	ck_assert(!uri_is_ipv4(S("1.1.1.1.")));
	ck_assert(uri_is_ipv6(S("::")));
	ck_assert(uri_is_ipv6(S("1:2:3:4:5:6:7:8")));
	ck_assert(!uri_is_ipv6(S("1:2:3:4:5:6:7:8:9")));
	ck_assert(!uri_is_ipv6(S("1:2:3:4::5:6:7:8")));
	ck_assert(!uri_is_ipv6(S(":::")));
	ck_assert(!uri_is_ipv6(S("")));
}
END_TEST

UNIT_MAIN("data/uri", malformed_uris_are_refused, scheme_is_taken_off,
    a_uri_longer_than_the_bound_is_refused,
    references_resolve_as_rfc_3986_5_4_says, references_may_be_relative,
    addresses_are_strict)
