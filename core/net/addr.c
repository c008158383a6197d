/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as text.  Nothing is resolved: a name server that hangs must not
 * hang the start. */
#include "net/addr.h"

#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static struct sockaddr_un *
unix_of(struct net_addr *a)
{
	return (struct sockaddr_un *)(void *)&a->sa;
}

static int
unix_parse(struct net_addr *a, struct str path, struct err *err)
{
	struct sockaddr_un *un = unix_of(a);

	if (path.len == 0 || path.ptr[0] != '/')
		return err_set(err, ERR_SYNTAX,
		    "\"unix:%.*s\": the path of a Unix socket is absolute "
		    "(hint: unix:/run/toolpost/mcp.sock)",
		    STR_FMT(path));
	if (path.len >= sizeof un->sun_path
	    || memchr(path.ptr, '\0', path.len) != NULL)
		return err_set(err, ERR_SYNTAX,
		    "\"unix:%.*s\": the path of a Unix socket has at most %zu "
		    "bytes",
		    STR_FMT(path), sizeof un->sun_path - 1);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path.ptr, path.len);
	a->len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
	return 0;
}

/* Splits "host:port" or "[host]:port" at the port. */
static bool
host_split(struct str text, struct str *host, struct str *port)
{
	size_t at = text.len;

	while (at > 0 && text.ptr[at - 1] != ':')
		at--;
	if (at == 0)
		return false;
	*host = str_sub(text, 0, at - 1);
	*port = str_sub(text, at, text.len);
	if (host->len >= 2 && host->ptr[0] == '['
	    && host->ptr[host->len - 1] == ']') {
		*host = str_sub(*host, 1, host->len - 1);
		return str_find(*host, ':') < host->len;
	}
	return str_find(*host, ':') == host->len;
}

static bool
host_parse(struct net_addr *a, struct str host, uint16_t port)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)(void *)&a->sa;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&a->sa;
	char name[INET6_ADDRSTRLEN];

	if (str_equal_nocase(host, S("localhost")))
		host = S("127.0.0.1");
	if (host.len == 0 || host.len >= sizeof name)
		return false;
	memcpy(name, host.ptr, host.len);
	name[host.len] = '\0';
	if (strlen(name) != host.len)
		return false;
	if (inet_pton(AF_INET, name, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		a->len = sizeof *in4;
		return true;
	}
	if (inet_pton(AF_INET6, name, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		a->len = sizeof *in6;
		return true;
	}
	return false;
}

int
net_addr_parse(struct net_addr *a, struct str text, struct err *err)
{
	struct str host, digits;
	uint64_t port;

	memset(a, 0, sizeof *a);
	if (str_starts(text, S("unix:")))
		return unix_parse(a, str_sub(text, 5, text.len), err);
	if (!host_split(text, &host, &digits))
		return err_set(err, ERR_SYNTAX,
		    "\"%.*s\" is not an address and a port (hint: "
		    "127.0.0.1:7423, [::1]:7423 or unix:/path)",
		    STR_FMT(text));
	if (digits.len > 5 || str_to_u64(digits, &port) < 0 || port > 65535)
		return err_set(err, ERR_SYNTAX,
		    "\"%.*s\": a port is a number from 0 to 65535",
		    STR_FMT(text));
	if (!host_parse(a, host, (uint16_t)port))
		return err_set(err, ERR_SYNTAX,
		    "\"%.*s\": not a numeric address (hint: names other than "
		    "localhost are not resolved)",
		    STR_FMT(text));
	return 0;
}

static void
inet_format(const void *ip, int family, uint16_t port, char *out)
{
	char name[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(family, ip, name, sizeof name);
	(void)snprintf(out, NET_ADDR_TEXT_MAX,
	    family == AF_INET6 ? "[%s]:%u" : "%s:%u", name, ntohs(port));
}

void
net_addr_format(const struct net_addr *a, char *out)
{
	union {
		struct sockaddr_storage sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} u = { .sa = a->sa };

	switch (a->sa.ss_family) {
	case AF_INET:
		inet_format(&u.in4.sin_addr, AF_INET, u.in4.sin_port, out);
		return;
	case AF_INET6:
		inet_format(&u.in6.sin6_addr, AF_INET6, u.in6.sin6_port, out);
		return;
	case AF_UNIX:
		/* An unnamed peer has no path: "unix:". */
		(void)snprintf(out, NET_ADDR_TEXT_MAX, "unix:%.*s",
		    (int)sizeof u.un.sun_path, u.un.sun_path);
		return;
	default:
		(void)snprintf(out, NET_ADDR_TEXT_MAX, "unknown");
	}
}

bool
net_addr_is_unix(const struct net_addr *a)
{
	return a->sa.ss_family == AF_UNIX;
}

bool
net_addr_is_loopback(const struct net_addr *a)
{
	union {
		struct sockaddr_storage sa;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} u = { .sa = a->sa };

	switch (a->sa.ss_family) {
	case AF_INET:
		return ntohl(u.in4.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&u.in6.sin6_addr)
		    || (IN6_IS_ADDR_V4MAPPED(&u.in6.sin6_addr)
			&& u.in6.sin6_addr.s6_addr[12] == 127);
	default:
		return net_addr_is_unix(a);
	}
}
