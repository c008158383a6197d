/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of others made harmless for a terminal, a log line or a JSON string:
 * controls, line separators, direction marks and malformed UTF-8. */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>

#include "base/str.h"

#define ESCAPE_UNIT_MAX 8 /* bytes that one step writes at most */

enum escape_style {
	ESCAPE_JSON, /* inside a JSON string; malformed: U+FFFD */
	ESCAPE_QUOTED, /* inside quotes on a line; malformed: \xHH */
	ESCAPE_PLAIN /* on a line; quotes and backslashes stay */
};

/* [any] Takes one character off the front of s (not empty) and writes its
 * harmless form; returns the number of bytes written. */
size_t escape_next(struct str *s, enum escape_style style, char *out);

#endif
