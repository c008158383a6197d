/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP-02 to HTTP-05: exact comparison of parsed parts, nothing else. */
#include "auth/origin.h"

#include "unit/unit.h"

static const struct str hosts[] = { STR("mcp.example.com") };
static const struct str origins[] = { STR("https://app.example.com:8443"),
	STR("https://plain.example.com") };

static const struct auth_origin_policy local = { true, hosts, 1, origins, 2 };
static const struct auth_origin_policy open_to_all = { false, NULL, 0, NULL,
	0 };

static const char *const good_hosts[] = { "localhost", "LOCALHOST",
	"localhost:7423", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:65535",
	"mcp.example.com", "MCP.example.com:443" };
static const char *const bad_hosts[] = { "", "evil.example.com",
	"localhost.evil.com", "evil-localhost", "localhost.", "localhost:0",
	"localhost:65536", "localhost:", "localhost:80:80", "127.0.0.1.nip.io",
	"127.0.0.2", "[::1", "[::1]x", "[::2]", "::1", "user@localhost",
	"mcp.example.com.evil.com", "xmcp.example.com", "localhost:8a",
	"localhost:000080", "0.0.0.0" };
static const char *const good_origins[] = { "http://localhost",
	"http://localhost:3000", "https://localhost:1", "http://127.0.0.1:80",
	"http://[::1]:9", "https://app.example.com:8443",
	"https://APP.example.com:8443", "https://plain.example.com",
	"https://plain.example.com:443" };
static const char *const bad_origins[] = { "", "null", "http://evil.com",
	"http://localhost.evil.com", "http://evil.com/localhost",
	"http://localhost/", "http://localhost/x", "http://user@localhost",
	"http://localhost@evil.com", "ftp://localhost", "localhost",
	"//localhost", "http://", "http:/localhost", "HTTP://localhost",
	"https://app.example.com", "http://app.example.com:8443",
	"https://app.example.com:8444", "https://app.example.com:8443.evil.com",
	"https://xapp.example.com:8443", "http://localhost:0",
	"http://localhost:99999", "http://localhost http://localhost",
	"http://localhost:80:80", "http://[::1", "chrome-extension://x" };

#define EACH(it_, list_) \
	for (size_t it_ = 0; it_ < sizeof list_ / sizeof list_[0]; it_++)

START_TEST(hosts_are_compared_exactly)
{
	EACH(i, good_hosts)
	ck_assert_msg(auth_host_is_allowed(&local, str_of(good_hosts[i])), "%s",
	    good_hosts[i]);
	EACH(i, bad_hosts)
	ck_assert_msg(!auth_host_is_allowed(&local, str_of(bad_hosts[i])), "%s",
	    bad_hosts[i]);
}
END_TEST

START_TEST(origins_are_compared_exactly)
{
	EACH(i, good_origins)
	ck_assert_msg(auth_origin_is_allowed(&local, str_of(good_origins[i])),
	    "%s", good_origins[i]);
	EACH(i, bad_origins)
	ck_assert_msg(!auth_origin_is_allowed(&local, str_of(bad_origins[i])),
	    "%s", bad_origins[i]);
}
END_TEST

START_TEST(loopback_names_count_on_loopback_listeners_alone)
{
	ck_assert(auth_host_is_allowed(&open_to_all, S("any.example")));
	ck_assert(!auth_origin_is_allowed(&open_to_all, S("http://localhost")));
}
END_TEST

START_TEST(null_is_allowed_only_where_it_is_listed) /* HTTP-04 */
{
	static const struct str listed[] = { STR("null") };
	struct auth_origin_policy p = { true, NULL, 0, listed, 1 };

	ck_assert(auth_origin_is_allowed(&p, S("null")));
	ck_assert(!auth_origin_is_allowed(&local, S("null")));
	ck_assert(!auth_origin_is_allowed(&p, S("nullx")));
}
END_TEST

UNIT_MAIN("auth/origin", hosts_are_compared_exactly,
    origins_are_compared_exactly,
    loopback_names_count_on_loopback_listeners_alone,
    null_is_allowed_only_where_it_is_listed)
