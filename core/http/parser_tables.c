/* SPDX-License-Identifier: Apache-2.0 */
/* Byte classes, methods, field names and the Host syntax. */
#include "http/parser_priv.h"

#include <arpa/inet.h>
#include <string.h>

/* clang-format off */
#define T CLASS_TCHAR
#define G CLASS_TARGET
#define V CLASS_VALUE
#define Q CLASS_QDTEXT
#define O CLASS_HOST
#define AL (T | G | V | Q | O)
#define AX (AL | CLASS_HEX)
#define DI (AX | CLASS_DIGIT)
#define HI (V | Q)
#define P0 (G | V | Q)         /* ( ) , / : ; = ? @ [ ] as far as they go */
#define TV (T | V | Q)         /* tchar, but not in a target: ^ ` | */
const uint8_t http_class[256] = {
	/* 0x00 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, V | Q, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* SP ! " # $ % & ' */
	V | Q, T | P0, V, TV, T | P0, TV, T | P0, T | P0,
	/* ( ) * + , - . / */
	P0, P0, T | P0, T | P0, P0, AL, AL, P0,
	/* 0-9 */
	DI, DI, DI, DI, DI, DI, DI, DI, DI, DI,
	/* : ; < = > ? */
	P0, P0, V | Q, P0, V | Q, V | Q,
	/* @ A-F G-Z */
	P0, AX, AX, AX, AX, AX, AX, AL, AL, AL, AL, AL, AL, AL, AL, AL,
	AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL,
	/* [ \ ] ^ _ */
	P0, V, P0, TV, AL | CLASS_UNDERSCORE,
	/* ` a-f g-z */
	TV, AX, AX, AX, AX, AX, AX, AL, AL, AL, AL, AL, AL, AL, AL, AL,
	AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL,
	/* { | } ~ DEL */
	V | Q, TV, V | Q, AL, 0,
	/* 0x80 */
	HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI,
	HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI,
	HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI,
	HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI,
	HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI,
	HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI,
	HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI,
	HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI, HI,
};
#undef T
#undef G
#undef V
#undef Q
#undef O
#undef AL
#undef AX
#undef DI
#undef HI
#undef P0
#undef TV
/* clang-format on */

/* The HTTP method registry: what we know of is answered with 405 where a
 * route lacks it, anything else with 501.  CONNECT is missing on purpose. */
static const char *const other_methods[] = { "ACL", "BASELINE-CONTROL", "BIND",
	"CHECKIN", "CHECKOUT", "COPY", "LABEL", "LINK", "LOCK", "MERGE",
	"MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE",
	"MOVE", "ORDERPATCH", "PATCH", "PRI", "PROPFIND", "PROPPATCH", "PUT",
	"QUERY", "REBIND", "REPORT", "SEARCH", "TRACE", "UNBIND", "UNCHECKOUT",
	"UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL" };

enum http_method
method_find(struct str text, bool *known)
{
	*known = true;
	if (text.len == 4 && memcmp(text.ptr, "POST", 4) == 0)
		return HTTP_POST;
	if (text.len == 3 && memcmp(text.ptr, "GET", 3) == 0)
		return HTTP_GET;
	if (text.len == 6 && memcmp(text.ptr, "DELETE", 6) == 0)
		return HTTP_DELETE;
	if (text.len == 7 && memcmp(text.ptr, "OPTIONS", 7) == 0)
		return HTTP_OPTIONS;
	if (text.len == 4 && memcmp(text.ptr, "HEAD", 4) == 0)
		return HTTP_HEAD;
	for (size_t i = 0; i < sizeof(other_methods) / sizeof(*other_methods);
	     i++)
		if (str_equal(text, str_of(other_methods[i])))
			return HTTP_OTHER;
	*known = false;
	return HTTP_OTHER;
}

static inline uint64_t
word8(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline uint32_t
word4(const char *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* Setting bit 5 folds letters only: a tchar that becomes a lower-case letter
 * or '-' was that letter or '-'.  len is a constant wherever this is used, so
 * the loop becomes a few loads. */
static inline bool
same_name(const char *name, const char *lower, size_t len)
{
	const uint64_t fold8 = UINT64_C(0x2020202020202020);
	size_t i;

	if (len < 8)
		return (word4(name) | (uint32_t)fold8) == word4(lower)
		    && (word4(name + len - 4) | (uint32_t)fold8)
		    == word4(lower + len - 4);
	for (i = 0; i + 8 <= len; i += 8)
		if ((word8(name + i) | fold8) != word8(lower + i))
			return false;
	return (word8(name + len - 8) | fold8) == word8(lower + len - 8);
}
#define IS(lit_) same_name(name, "" lit_, sizeof(lit_) - 1)

#define PARAM_PREFIX "mcp-param-"
#define PARAM_PREFIX_LEN (sizeof(PARAM_PREFIX) - 1)

static int
long_name_find(const char *name, size_t len)
{
	switch (len) {
	case 13:
		if (IS("authorization"))
			return HTTP_K_AUTHORIZATION;
		return IS("last-event-id") ? HTTP_K_LAST_EVENT_ID : NAME_OTHER;
	case 14:
		if (IS("content-length"))
			return HTTP_K_CONTENT_LENGTH;
		return IS("mcp-session-id") ? HTTP_K_MCP_SESSION_ID
					    : NAME_OTHER;
	case 16:
		return IS("content-encoding") ? HTTP_K_CONTENT_ENCODING
					      : NAME_OTHER;
	case 17:
		return IS("transfer-encoding") ? HTTP_K_TRANSFER_ENCODING
					       : NAME_OTHER;
	case 20:
		return IS("mcp-protocol-version") ? HTTP_K_MCP_PROTOCOL_VERSION
						  : NAME_OTHER;
	case 29:
		return IS("access-control-request-method")
		    ? HTTP_K_ACCESS_CONTROL_REQUEST_METHOD
		    : NAME_OTHER;
	default:
		return NAME_OTHER;
	}
}

/* An enum http_known, NAME_PARAM or NAME_OTHER. */
int
name_find(const char *name, size_t len)
{
	if (len > PARAM_PREFIX_LEN && IS(PARAM_PREFIX))
		return NAME_PARAM;
	switch (len) {
	case 4:
		return IS("host") ? HTTP_K_HOST : NAME_OTHER;
	case 6:
		if (IS("accept"))
			return HTTP_K_ACCEPT;
		if (IS("origin"))
			return HTTP_K_ORIGIN;
		return IS("expect") ? HTTP_K_EXPECT : NAME_OTHER;
	case 8:
		return IS("mcp-name") ? HTTP_K_MCP_NAME : NAME_OTHER;
	case 10:
		if (IS("connection"))
			return HTTP_K_CONNECTION;
		return IS("mcp-method") ? HTTP_K_MCP_METHOD : NAME_OTHER;
	case 12:
		return IS("content-type") ? HTTP_K_CONTENT_TYPE : NAME_OTHER;
	default:
		return long_name_find(name, len);
	}
}

/* True for Transfer_Encoding and its like: a gateway that reads '_' as '-'
 * would see an interpreted field where we do not.  Behind Mcp-Param- a '_' is
 * part of a property's name. */
bool
name_is_confusable(struct str name)
{
	char folded[32];
	size_t n = name.len < sizeof(folded) ? name.len : sizeof(folded);

	for (size_t i = 0; i < n; i++)
		folded[i] = name.ptr[i] == '_' ? '-' : name.ptr[i];
	switch (name_find(folded, n)) {
	case NAME_OTHER:
		return false;
	case NAME_PARAM:
		return memchr(name.ptr, '_', PARAM_PREFIX_LEN) != NULL;
	default:
		return name.len == n;
	}
}

static bool
port_is_valid(struct str port)
{
	uint32_t n = 0;

	if (port.len == 0 || port.len > 5)
		return false;
	for (size_t i = 0; i < port.len; i++) {
		if (!class_is(port.ptr[i], CLASS_DIGIT))
			return false;
		n = n * 10 + (uint32_t)(port.ptr[i] - '0');
	}
	return n >= 1 && n <= 65535;
}

/* uri-host [ ":" port ] without userinfo, zone, escapes and sub-delims: the
 * names that a listener can be configured with. */
bool
authority_is_valid(struct str a)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr in6;
	size_t n = 0;

	if (a.len > 0 && a.ptr[0] == '[') {
		n = str_find(a, ']');
		if (n == a.len || n - 1 >= sizeof(address))
			return false;
		memcpy(address, a.ptr + 1, n - 1);
		address[n - 1] = '\0';
		if (strlen(address) != n - 1
		    || inet_pton(AF_INET6, address, &in6) != 1)
			return false;
		n++;
	} else {
		while (n < a.len && class_is(a.ptr[n], CLASS_HOST))
			n++;
		if (n == 0)
			return false;
	}
	if (n == a.len)
		return true;
	return a.ptr[n] == ':' && port_is_valid(str_sub(a, n + 1, a.len));
}
