/* SPDX-License-Identifier: Apache-2.0 */
/* The RFC 3986 grammar, one function a production. */
#include "data/uri.h"

#include <string.h>

#include "base/err.h"

enum {
	ALPHA = 1,
	DIGIT = 2,
	MARK = 4, /* the other unreserved: - . _ ~ */
	SUB = 8, /* sub-delims */
	GEN = 16 /* gen-delims */
};

static unsigned
class_of(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return ALPHA;
	if (c >= '0' && c <= '9')
		return DIGIT;
	if (c == 0)
		return 0;
	if (strchr("-._~", c) != NULL)
		return MARK;
	if (strchr("!$&'()*+,;=", c) != NULL)
		return SUB;
	if (strchr(":/?#[]@", c) != NULL)
		return GEN;
	return 0;
}

bool
uri_is_unreserved(unsigned char c)
{
	return (class_of(c) & (ALPHA | DIGIT | MARK)) != 0;
}

bool
uri_is_reserved(unsigned char c)
{
	return (class_of(c) & (SUB | GEN)) != 0;
}

int
uri_hex(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Index of the first byte that is in set, or s.len. */
static size_t
find_any(struct str s, const char *set)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.ptr[i] != '\0' && strchr(set, s.ptr[i]) != NULL)
			break;
	return i;
}

void
uri_split(struct str uri, struct uri_parts *out)
{
	struct str rest = uri;
	size_t at;

	memset(out, 0, sizeof *out);
	if (rest.ptr == NULL)
		rest = S("");
	at = find_any(rest, ":/?#");
	if (at > 0 && at < rest.len && rest.ptr[at] == ':') {
		out->scheme = str_sub(rest, 0, at);
		rest = str_sub(rest, at + 1, rest.len);
	}
	if (rest.len >= 2 && rest.ptr[0] == '/' && rest.ptr[1] == '/') {
		rest = str_sub(rest, 2, rest.len);
		at = find_any(rest, "/?#");
		out->authority = (struct str){ rest.ptr, at };
		rest = (struct str){ rest.ptr + at, rest.len - at };
	}
	at = find_any(rest, "?#");
	out->path = (struct str){ rest.ptr, at };
	rest = (struct str){ rest.ptr + at, rest.len - at };
	if (rest.len > 0 && rest.ptr[0] == '?') {
		at = find_any(rest, "#");
		out->query = (struct str){ rest.ptr + 1, at - 1 };
		rest = (struct str){ rest.ptr + at, rest.len - at };
	}
	if (rest.len > 0)
		out->fragment = (struct str){ rest.ptr + 1, rest.len - 1 };
}

/* Bytes of the classes or of extra, and well-formed percent triplets. */
static bool
is_made_of(struct str s, unsigned classes, const char *extra)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == '%') {
			if (s.len - i < 3
			    || uri_hex((unsigned char)s.ptr[i + 1]) < 0
			    || uri_hex((unsigned char)s.ptr[i + 2]) < 0)
				return false;
			i += 2;
		} else if ((class_of(c) & classes) == 0
		    && (c == 0 || strchr(extra, c) == NULL)) {
			return false;
		}
	}
	return true;
}

static bool
is_scheme(struct str s)
{
	if (s.len == 0 || class_of((unsigned char)s.ptr[0]) != ALPHA)
		return false;
	for (size_t i = 1; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((class_of(c) & (ALPHA | DIGIT)) == 0 && c != '+' && c != '-'
		    && c != '.')
			return false;
	}
	return true;
}

bool
uri_is_ipv4(struct str host)
{
	size_t at = 0;

	for (int part = 0; part < 4; part++) {
		unsigned value = 0;
		size_t start;

		if (part > 0 && (at >= host.len || host.ptr[at++] != '.'))
			return false;
		start = at;
		while (at < host.len && at - start < 3
		    && class_of((unsigned char)host.ptr[at]) == DIGIT)
			value = value * 10 + (unsigned)(host.ptr[at++] - '0');
		if (at == start || value > 255)
			return false;
		if (at - start > 1 && host.ptr[start] == '0')
			return false;
	}
	return at == host.len;
}

/* Counts the 16-bit groups of one side of "::"; -1 when malformed.  Only the
 * last side may end in dotted decimal. */
static int
ipv6_groups(struct str s, bool last)
{
	int groups = 0;

	if (s.len == 0)
		return 0;
	for (;;) {
		size_t end = str_find(s, ':');
		struct str group = str_sub(s, 0, end);

		if (str_find(group, '.') < group.len) {
			if (!last || end < s.len || !uri_is_ipv4(group))
				return -1;
			return groups + 2;
		}
		if (group.len < 1 || group.len > 4)
			return -1;
		for (size_t i = 0; i < group.len; i++)
			if (uri_hex((unsigned char)group.ptr[i]) < 0)
				return -1;
		groups++;
		if (end == s.len)
			return groups;
		s = str_sub(s, end + 1, s.len);
	}
}

bool
uri_is_ipv6(struct str host)
{
	size_t gap;
	int head, tail;

	for (gap = 0; gap + 1 < host.len; gap++)
		if (host.ptr[gap] == ':' && host.ptr[gap + 1] == ':')
			break;
	if (gap + 1 >= host.len)
		return ipv6_groups(host, true) == 8;
	head = ipv6_groups(str_sub(host, 0, gap), false);
	tail = ipv6_groups(str_sub(host, gap + 2, host.len), true);
	return head >= 0 && tail >= 0 && head + tail <= 7;
}

static bool
is_ip_literal(struct str s)
{
	size_t dot;

	if (s.len > 0 && (s.ptr[0] == 'v' || s.ptr[0] == 'V')) {
		dot = str_find(s, '.');
		if (dot < 2 || dot + 1 >= s.len)
			return false;
		for (size_t i = 1; i < dot; i++)
			if (uri_hex((unsigned char)s.ptr[i]) < 0)
				return false;
		s = str_sub(s, dot + 1, s.len);
		return str_find(s, '%') == s.len
		    && is_made_of(s, ALPHA | DIGIT | MARK | SUB, ":");
	}
	return uri_is_ipv6(s);
}

static bool
is_authority(struct str s)
{
	size_t at = str_find(s, '@');
	struct str port;

	if (at < s.len) {
		if (!is_made_of(
			str_sub(s, 0, at), ALPHA | DIGIT | MARK | SUB, ":"))
			return false;
		s = str_sub(s, at + 1, s.len);
	}
	if (s.len > 0 && s.ptr[0] == '[') {
		at = str_find(s, ']');
		if (at == s.len || !is_ip_literal(str_sub(s, 1, at)))
			return false;
		s = str_sub(s, at + 1, s.len);
		if (s.len > 0 && s.ptr[0] != ':')
			return false;
		port = str_sub(s, 1, s.len);
	} else {
		at = str_find(s, ':');
		port = str_sub(s, at + 1, s.len);
		if (!is_made_of(
			str_sub(s, 0, at), ALPHA | DIGIT | MARK | SUB, ""))
			return false;
	}
	for (size_t i = 0; i < port.len; i++)
		if (class_of((unsigned char)port.ptr[i]) != DIGIT)
			return false;
	return true;
}

bool
uri_is_reference(struct str uri)
{
	struct uri_parts p;

	if (uri.len > URI_MAX)
		return false;
	uri_split(uri, &p);
	if (p.scheme.ptr != NULL && !is_scheme(p.scheme))
		return false;
	/* RFC 3986 4.2: ":a" would read as an empty scheme. */
	if (p.scheme.ptr == NULL && p.authority.ptr == NULL
	    && str_find(p.path, ':') < str_find(p.path, '/'))
		return false;
	if (p.authority.ptr != NULL && !is_authority(p.authority))
		return false;
	if (!is_made_of(p.path, ALPHA | DIGIT | MARK | SUB, ":@/"))
		return false;
	return is_made_of(p.query, ALPHA | DIGIT | MARK | SUB, ":@/?")
	    && is_made_of(p.fragment, ALPHA | DIGIT | MARK | SUB, ":@/?");
}

bool
uri_is_valid(struct str uri)
{
	return uri_scheme(uri).len > 0 && uri_is_reference(uri);
}

struct str
uri_scheme(struct str uri)
{
	struct uri_parts p;

	uri_split(uri, &p);
	return is_scheme(p.scheme) ? p.scheme : S("");
}

/* RFC 3986 5.2.4, on the buffer's end: path is what follows from. */
static void
append_without_dots(struct buf *out, struct str path)
{
	size_t floor = out->len;

	while (path.len > 0) {
		size_t end;

		if (str_starts(path, S("../"))) {
			path = str_sub(path, 3, path.len);
		} else if (str_starts(path, S("./"))) {
			path = str_sub(path, 2, path.len);
		} else if (str_starts(path, S("/./"))) {
			path = str_sub(path, 2, path.len);
		} else if (str_equal(path, S("/."))) {
			path = S("/");
		} else if (str_starts(path, S("/../"))
		    || str_equal(path, S("/.."))) {
			path =
			    path.len == 3 ? S("/") : str_sub(path, 3, path.len);
			while (out->len > floor && out->ptr[--out->len] != '/')
				continue;
		} else if (str_equal(path, S("."))
		    || str_equal(path, S(".."))) {
			return;
		} else {
			end = 1 + str_find(str_sub(path, 1, path.len), '/');
			if (end > path.len)
				end = path.len;
			buf_append(out, path.ptr, end);
			path = str_sub(path, end, path.len);
		}
	}
}

/* RFC 3986 5.2.3; scratch holds the merged path. */
static void
merge_paths(const struct uri_parts *base, struct str ref, struct buf *scratch)
{
	size_t slash = base->path.len;

	if (base->authority.ptr != NULL && base->path.len == 0) {
		buf_char(scratch, '/');
	} else {
		while (slash > 0 && base->path.ptr[slash - 1] != '/')
			slash--;
		buf_append(scratch, base->path.ptr, slash);
	}
	buf_str(scratch, ref);
}

static void
append_query(struct buf *out, struct str query)
{
	if (query.ptr == NULL)
		return;
	buf_char(out, '?');
	buf_str(out, query);
}

int
uri_resolve(struct str base, struct str ref, struct buf *out)
{
	struct uri_parts b, r;
	struct str scheme, authority;
	struct buf scratch;
	bool own;

	uri_split(base, &b);
	uri_split(ref, &r);
	own = r.scheme.ptr != NULL || r.authority.ptr != NULL;
	scheme = r.scheme.ptr != NULL ? r.scheme : b.scheme;
	authority = own ? r.authority : b.authority;
	if (scheme.ptr != NULL) {
		buf_str(out, scheme);
		buf_char(out, ':');
	}
	if (authority.ptr != NULL) {
		BUF_LIT(out, "//");
		buf_str(out, authority);
	}
	buf_init(&scratch);
	if (own || (r.path.len > 0 && r.path.ptr[0] == '/')) {
		append_without_dots(out, r.path);
	} else if (r.path.len == 0) {
		buf_str(out, b.path);
	} else {
		merge_paths(&b, r.path, &scratch);
		append_without_dots(out, buf_view(&scratch));
	}
	if (!own && r.path.len == 0 && r.query.ptr == NULL)
		append_query(out, b.query);
	else
		append_query(out, r.query);
	if (r.fragment.ptr != NULL) {
		buf_char(out, '#');
		buf_str(out, r.fragment);
	}
	if (scratch.failed)
		out->failed = true;
	buf_finish(&scratch);
	return out->failed ? ERR_NOMEM : 0;
}
