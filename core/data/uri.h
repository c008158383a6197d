/* SPDX-License-Identifier: Apache-2.0 */
/* URIs by RFC 3986, strictly: what is malformed is refused, never repaired.
 * Nothing here allocates but uri_resolve(). */
#ifndef DATA_URI_H
#define DATA_URI_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

#define URI_MAX 65536 /* bytes of one URI; longer ones are malformed */

/* The five components; ptr NULL: absent (an empty one is not). */
struct uri_parts {
	struct str scheme;
	struct str authority;
	struct str path; /* never absent */
	struct str query;
	struct str fragment;
};

/* [any] Takes any bytes apart (RFC 3986 appendix B); checks nothing. */
void uri_split(struct str uri, struct uri_parts *out);
/* [any] A URI: has a scheme, and every byte follows the grammar. */
bool uri_is_valid(struct str uri);
/* [any] A URI or a relative reference. */
bool uri_is_reference(struct str uri);
/* [any] The scheme of a URI, without the colon; empty if it has none. */
struct str uri_scheme(struct str uri);
/* [any] Dotted decimal, no leading zeros. */
bool uri_is_ipv4(struct str host);
/* [any] RFC 4291 text without brackets and without a zone. */
bool uri_is_ipv6(struct str host);
/* [any] Appends the target of ref seen from base (RFC 3986 5.2); a base
 * without a scheme is allowed.  0 or ERR_NOMEM. */
int uri_resolve(struct str base, struct str ref, struct buf *out);
/* [any] RFC 3986 2.3. */
bool uri_is_unreserved(unsigned char c);
/* [any] RFC 3986 2.2. */
bool uri_is_reserved(unsigned char c);
/* [any] Value of a hexadecimal digit, or -1. */
int uri_hex(unsigned char c);

#endif
