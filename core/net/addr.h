/* SPDX-License-Identifier: Apache-2.0 */
/* Where to listen and connect: "127.0.0.1:7423", "[::1]:80", "unix:/path". */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include <sys/socket.h>

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define NET_ADDR_TEXT_MAX 128

struct net_addr {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* Numeric addresses and "localhost" only: nothing is resolved. */
int net_addr_parse(struct net_addr *a, struct str text, struct err *err);
/* out has NET_ADDR_TEXT_MAX bytes. */
void net_addr_format(const struct net_addr *a, char *out);
bool net_addr_is_unix(const struct net_addr *a);
bool net_addr_is_loopback(const struct net_addr *a); /* unix too */

#endif
