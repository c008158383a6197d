/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses: "127.0.0.1:7423", "unix:PATH", "line+unix:PATH",
 * "line+tcp:ADDR:PORT". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "server/server_priv.h"

static const struct str default_listen = STR("127.0.0.1:7423");

static int
address_parse(struct str text, struct server_listen *l, struct err *err)
{
	static const struct str line_tcp = STR("line+tcp:");
	static const struct str line = STR("line+");
	struct err why;
	int rc;

	l->kind = TRANSPORT_HTTP;
	if (str_starts(text, line_tcp)) {
		l->kind = TRANSPORT_LINE;
		text = str_sub(text, line_tcp.len, text.len);
	} else if (str_starts(text, line)) {
		l->kind = TRANSPORT_LINE;
		text = str_sub(text, line.len, text.len);
	}
	rc = net_addr_parse(&l->bound, text, &why);
	if (rc < 0 && strstr(why.text, "hint") == NULL)
		return err_set(err, rc,
		    "%.900s (hint: write ADDR:PORT, unix:PATH, "
		    "line+tcp:ADDR:PORT or line+unix:PATH)",
		    why.text);
	return rc < 0 ? err_set(err, rc, "%s", why.text) : 0;
}

/* Everybody who reaches us may call everything, so only this machine may
 * (experience.md 2, row 14). */
static int
reach_check(const struct server_listen *l, struct str text, struct err *err)
{
	if (net_addr_is_loopback(&l->bound))
		return 0;
	return err_set(err, ERR_CONFIG,
	    "http.listen: %.*s is reachable from outside and this version "
	    "has no authentication (hint: listen on 127.0.0.1, [::1] or "
	    "unix:PATH)",
	    STR_FMT(text));
}

static int
listen_open(struct server_listen *l, struct str text, unsigned reactors,
    struct err *err)
{
	struct net_addr asked;
	unsigned i;
	int fd, rc;

	rc = address_parse(text, l, err);
	if (rc == 0)
		rc = reach_check(l, text, err);
	if (rc < 0)
		return rc;
	l->shared = net_addr_is_unix(&l->bound);
	/* SO_REUSEPORT would let a second server share the port silently. */
	rc = l->shared ? 0 : net_listen_probe(&l->bound, err);
	if (rc < 0)
		return rc;
	for (i = 0; i < reactors; i++) {
		struct transport_listen *one = &l->per_reactor[i];

		one->fd = -1;
		one->kind = l->kind;
	}
	for (i = 0; i < reactors; i++) {
		struct transport_listen *one = &l->per_reactor[i];

		if (i > 0 && l->shared) {
			*one = l->per_reactor[0];
			continue;
		}
		/* With port 0 the first socket picks; the others follow. */
		asked = l->bound;
		rc = net_listen_open(&asked, &l->bound, &fd, err);
		if (rc < 0)
			return rc;
		one->fd = fd;
		one->addr = l->bound;
		one->loopback = net_addr_is_loopback(&l->bound);
	}
	return 0;
}

int
server_listen_all(struct server *s, struct err *err)
{
	const struct settings_strs *list = &s->config.http.listen;
	struct settings_strs fallback = {
		(struct str *)(uintptr_t)&default_listen, 1
	};
	size_t i;
	int rc;

	if (s->stdio)
		return 0;
	if (list->len == 0)
		list = &fallback;
	if (list->len > SERVER_LISTEN_MAX)
		return err_set(err, ERR_CONFIG,
		    "http.listen: more than %d addresses", SERVER_LISTEN_MAX);
	s->listens = calloc(list->len, sizeof *s->listens);
	if (s->listens == NULL)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (i = 0; i < list->len; i++) {
		s->listens_len++;
		rc = listen_open(&s->listens[i], list->items[i],
		    (unsigned)s->config.reactors, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void
server_listen_shut(struct server *s)
{
	size_t i;
	unsigned k;

	for (i = 0; i < s->listens_len; i++) {
		struct server_listen *l = &s->listens[i];
		unsigned n = l->shared ? 1 : (unsigned)s->config.reactors;

		if (l->handed) {
			net_listen_forget(&l->bound);
			continue;
		}
		for (k = 0; k < n; k++) {
			if (l->per_reactor[k].fd > 0)
				net_listen_close(
				    l->per_reactor[k].fd, &l->bound);
			l->per_reactor[k].fd = -1;
		}
	}
}

void
server_listen_keep(struct server *s, unsigned reactor)
{
	size_t i;
	unsigned k;

	for (i = 0; i < s->listens_len; i++)
		for (k = 0; k < (unsigned)s->config.reactors; k++)
			if (k != reactor && !s->listens[i].shared)
				/* A copy: the other has its own. */
				(void)close(s->listens[i].per_reactor[k].fd);
}

void
server_listen_hand(struct server *s)
{
	size_t i;
	unsigned k;

	for (i = 0; i < s->listens_len; i++) {
		struct server_listen *l = &s->listens[i];
		unsigned n = l->shared ? 1 : (unsigned)s->config.reactors;

		for (k = 0; k < n; k++)
			(void)close(l->per_reactor[k].fd); /* a copy */
		l->handed = true;
	}
}

void
server_listen_leave(struct server *s, unsigned reactor)
{
	size_t i;

	if (s->held[reactor].deaf)
		return;
	s->held[reactor].deaf = true;
	for (i = 0; i < s->listens_len; i++)
		/* Nobody is accepted from it any more. */
		(void)close(s->listens[i].per_reactor[reactor].fd);
}

void
server_listen_close(struct server *s)
{
	server_listen_shut(s);
	free(s->listens);
	s->listens = NULL;
	s->listens_len = 0;
}

void
server_listen_text(const struct server *s, size_t i, char *text, size_t size)
{
	const struct server_listen *l = &s->listens[i];
	char addr[NET_ADDR_TEXT_MAX];

	net_addr_format(&l->bound, addr);
	if (l->kind == TRANSPORT_LINE)
		(void)snprintf(
		    text, size, "line+%s%s", l->shared ? "" : "tcp:", addr);
	else if (l->shared)
		(void)snprintf(text, size, "%s", addr);
	else
		(void)snprintf(text, size, "http://%s%.*s", addr,
		    STR_FMT(s->config.http.endpoint));
}

void
server_listen_log(const struct server *s)
{
	size_t i;

	for (i = 0; i < s->listens_len; i++) {
		char url[NET_ADDR_TEXT_MAX + 128];

		server_listen_text(s, i, url, sizeof url);
		LOG_INFO("listening", F_CSTR("address", url));
	}
}
