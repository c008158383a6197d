/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/origin.h"

/* Takes "host[:port]" apart; port empty when not given. */
static bool
authority_split(struct str text, struct str *host, struct str *port)
{
	size_t colon;
	uint64_t number;

	*port = STR_NONE;
	if (text.len > 0 && text.ptr[0] == '[') {
		size_t end = str_find(text, ']');

		if (end == text.len)
			return false;
		colon = end + 1;
		if (colon < text.len && text.ptr[colon] != ':')
			return false;
	} else {
		colon = str_find(text, ':');
	}
	*host = str_sub(text, 0, colon);
	if (host->len == 0)
		return false;
	if (colon == text.len)
		return true;
	*port = str_sub(text, colon + 1, text.len);
	return port->len <= 5 && str_to_u64(*port, &number) == 0 && number > 0
	    && number <= 65535;
}

static bool
is_loopback_name(struct str host)
{
	return str_equal_nocase(host, S("localhost"))
	    || str_equal(host, S("127.0.0.1")) || str_equal(host, S("[::1]"));
}

bool
auth_host_is_allowed(const struct auth_origin_policy *p, struct str text)
{
	struct str host, port;
	size_t i;

	if (!p->loopback && p->hosts_len == 0)
		return true;
	if (!authority_split(text, &host, &port))
		return false;
	if (p->loopback && is_loopback_name(host))
		return true;
	for (i = 0; i < p->hosts_len; i++)
		if (str_equal_nocase(p->hosts[i], host))
			return true;
	return false;
}

/* An absent port is the scheme's own. */
static bool
origin_split(
    struct str origin, struct str *scheme, struct str *host, struct str *port)
{
	static const struct str http = STR("http://"), https = STR("https://");
	struct str rest;

	if (str_starts(origin, http)) {
		*scheme = S("http");
		rest = str_sub(origin, http.len, origin.len);
	} else if (str_starts(origin, https)) {
		*scheme = S("https");
		rest = str_sub(origin, https.len, origin.len);
	} else {
		return false;
	}
	if (!authority_split(rest, host, port))
		return false;
	if (port->len == 0)
		*port = scheme->len == 4 ? S("80") : S("443");
	return str_find(*host, '/') == host->len
	    && str_find(*host, '@') == host->len;
}

bool
auth_origin_is_allowed(const struct auth_origin_policy *p, struct str origin)
{
	struct str scheme, host, port, s, h, n;
	size_t i;

	if (!origin_split(origin, &scheme, &host, &port)) {
		for (i = 0; i < p->origins_len; i++)
			if (str_equal(origin, S("null"))
			    && str_equal(p->origins[i], origin))
				return true;
		return false;
	}
	if (p->loopback && is_loopback_name(host))
		return true;
	for (i = 0; i < p->origins_len; i++)
		if (origin_split(p->origins[i], &s, &h, &n)
		    && str_equal(s, scheme) && str_equal_nocase(h, host)
		    && str_equal(n, port))
			return true;
	return false;
}
