/* SPDX-License-Identifier: Apache-2.0 */
/* Who may reach us through a browser: the Host and Origin fields against an
 * allow-list of parsed scheme, host and port, compared exactly, never by
 * prefix or suffix (DNS rebinding; HTTP-02 to HTTP-05). */
#ifndef AUTH_ORIGIN_H
#define AUTH_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct auth_origin_policy {
	bool loopback; /* the listener is bound to loopback */
	const struct str *hosts; /* configured names, without port */
	size_t hosts_len;
	const struct str *origins; /* "https://app.example:8443", or "null" */
	size_t origins_len;
};

/* [any] host is the Host field or the authority of an absolute target.  On a
 * loopback listener: loopback names and configured ones.  Elsewhere: checked
 * only when hosts are configured. */
bool auth_host_is_allowed(const struct auth_origin_policy *p, struct str host);
/* [any] A present Origin.  Loopback origins count on loopback listeners. */
bool auth_origin_is_allowed(
    const struct auth_origin_policy *p, struct str origin);

#endif
