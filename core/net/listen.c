/* SPDX-License-Identifier: Apache-2.0 */
/* Opening listening sockets, with errors that say what to do. */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "net/listener.h"

#define UNIX_MODE 0660

static const struct sockaddr *
sockaddr_of(const struct net_addr *a)
{
	return (const struct sockaddr *)(const void *)&a->sa;
}

static const char *
path_of(const struct net_addr *a)
{
	return ((const struct sockaddr_un *)(const void *)&a->sa)->sun_path;
}

static int
open_failed(const struct net_addr *a, int errnum, struct err *err)
{
	char text[NET_ADDR_TEXT_MAX];

	net_addr_format(a, text);
	switch (errnum) {
	case EADDRINUSE:
		return err_set(err, ERR_EXISTS,
		    "address in use: another server listens on %s "
		    "(hint: stop it or choose --listen)",
		    text);
	case EADDRNOTAVAIL:
		return err_set(err, ERR_IO,
		    "no interface of this machine has the address %s "
		    "(hint: see ip addr)",
		    text);
	case EACCES:
		return err_set(err, ERR_DENIED,
		    net_addr_is_unix(a)
			? "no permission to create %s (hint: the folder must "
			  "be writable for the server's user)"
			: "no permission to listen on %s (hint: ports below "
			  "1024 need CAP_NET_BIND_SERVICE)",
		    text);
	default:
		return err_set_errno(
		    err, ERR_IO, errnum, "cannot listen on %s", text);
	}
}

static int
flag_set(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof on);
}

static int
socket_open(const struct net_addr *a)
{
	return socket(
	    a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int
tcp_bind(const struct net_addr *a, int fd)
{
	/* "[::]" is IPv6 only, so that "0.0.0.0" can stand beside it. */
	if (a->sa.ss_family == AF_INET6
	    && flag_set(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0)
		return -1;
	/* Accepted sockets inherit TCP_NODELAY. */
	if (flag_set(fd, SOL_SOCKET, SO_REUSEADDR) < 0
	    || flag_set(fd, SOL_SOCKET, SO_REUSEPORT) < 0
	    || flag_set(fd, IPPROTO_TCP, TCP_NODELAY) < 0)
		return -1;
	return bind(fd, sockaddr_of(a), a->len);
}

/* Removes a socket file that nobody listens on; what else lies there stays
 * and makes bind() fail. */
static void
unix_clean(const struct net_addr *a)
{
	struct stat st;
	int fd;

	if (lstat(path_of(a), &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket_open(a);
	if (fd < 0)
		return;
	if (connect(fd, sockaddr_of(a), a->len) < 0 && errno == ECONNREFUSED)
		(void)unlink(path_of(a)); /* if not, bind() tells */
	(void)close(fd);
}

static int
unix_bind(const struct net_addr *a, int fd)
{
	unix_clean(a);
	/* The mode of the socket becomes the mode of the file, less the
	 * umask: never wider than meant, not even for a moment. */
	if (fchmod(fd, UNIX_MODE) < 0 || bind(fd, sockaddr_of(a), a->len) < 0)
		return -1;
	return chmod(path_of(a), UNIX_MODE);
}

int
net_listen_open(
    const struct net_addr *a, struct net_addr *bound, int *fd, struct err *err)
{
	int rc, errnum;

	*fd = socket_open(a);
	if (*fd < 0)
		return open_failed(a, errno, err);
	rc = net_addr_is_unix(a) ? unix_bind(a, *fd) : tcp_bind(a, *fd);
	if (rc == 0)
		rc = listen(*fd, NET_BACKLOG);
	memset(bound, 0, sizeof *bound);
	bound->len = sizeof bound->sa;
	if (rc == 0)
		rc = getsockname(
		    *fd, (struct sockaddr *)(void *)&bound->sa, &bound->len);
	if (rc == 0)
		return 0;
	errnum = errno;
	(void)close(*fd);
	*fd = -1;
	return open_failed(a, errnum, err);
}

int
net_listen_probe(const struct net_addr *a, struct err *err)
{
	int fd, rc = 0;

	if (net_addr_is_unix(a))
		return 0; /* net_listen_open() looks itself */
	fd = socket_open(a);
	if (fd < 0)
		return open_failed(a, errno, err);
	/* Without SO_REUSEPORT a bind beside a listener fails. */
	if ((a->sa.ss_family == AF_INET6
		&& flag_set(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0)
	    || flag_set(fd, SOL_SOCKET, SO_REUSEADDR) < 0
	    || bind(fd, sockaddr_of(a), a->len) < 0)
		rc = open_failed(a, errno, err);
	(void)close(fd);
	return rc;
}

void
net_listen_forget(const struct net_addr *bound)
{
	if (net_addr_is_unix(bound))
		(void)unlink(path_of(bound)); /* may be gone already */
}

void
net_listen_close(int fd, const struct net_addr *bound)
{
	net_listen_forget(bound);
	(void)close(fd);
}
