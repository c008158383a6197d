/* SPDX-License-Identifier: Apache-2.0 */
/* URI templates (RFC 6570, levels 1 to 4): from variables to a URI, and from
 * a URI back to variables.
 *
 * Matching needs no regular expressions and never tries a byte twice for one
 * element of the template: a template whose elements cannot be confused is
 * read once from left to right; any other is first read from right to left, to
 * know from where the end can be reached.  Where a URI has several readings,
 *	- an earlier variable takes as much as it can: "{a}-{b}" reads "x-y-z"
 *	  as a = "x-y", b = "z";
 *	- what may be left out is taken when it can be: "{/a,b}";
 *	- {x} and {+x} take one byte at least; a variable that an operator
 *	  introduces ("{/x}", "{?x}") may be absent, and is then not reported;
 *	- "{x}" takes commas ("a,b" is one value), "{x,y}" does not,
 *	  nor does "{.x,y}" take dots;
 *	- an exploded variable is a list: "{/x*}" reads "/a/b" as a, b, and
 *	  "{?x*}" reads "?x=a&x=b"; names it does not know do not match;
 *	- parameters of "{?x,y}" may stand in any order, each once, and their
 *	  values may hold signs that an expansion would have encoded;
 *	- "{x:3}" is read like "{x}", and does not match when that is longer;
 *	- the same variable twice must have the same value twice.
 * Percent triplets of literals compare byte for byte. */
#ifndef REGISTRY_URI_TEMPLATE_H
#define REGISTRY_URI_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "data/json.h"

#define URI_TEMPLATE_MAX 4096 /* bytes of a template */
#define URI_TEMPLATE_VARIABLES_MAX 64 /* in one template */
#define URI_TEMPLATE_ELEMENTS_MAX 63 /* literals and variables */
#define URI_TEMPLATE_URI_MAX 65536 /* bytes expanded or matched */
#define URI_TEMPLATE_VALUES_MAX 256 /* of one match, list elements too */

struct uri_template; /* immutable; shared by any threads */

/* [any] The text is copied.  NULL: err says what is wrong at which byte. */
struct uri_template *uri_template_compile(struct str text, struct err *err);
void uri_template_destroy(struct uri_template *t);
/* [any] As it was written. */
struct str uri_template_text(const struct uri_template *t);
/* [any] What every matching URI begins with; may be empty. */
struct str uri_template_prefix(const struct uri_template *t);
/* [any] The variables in order of first appearance. */
size_t uri_template_variables(const struct uri_template *t);
struct str uri_template_variable(const struct uri_template *t, size_t i);

/* [any] Appends the expansion.  variables is an object: strings, numbers,
 * booleans, arrays and objects of those; null and absent are undefined.
 * ERR_PARAMS for values that cannot be expanded, ERR_LIMIT, ERR_NOMEM. */
int uri_template_expand(const struct uri_template *t,
    const struct json_node *variables, struct buf *out, struct err *err);

struct uri_match_value {
	struct str name; /* of the template */
	struct str value; /* percent-decoded, UTF-8 without U+0000 */
	bool list; /* one element of an exploded variable */
};

struct uri_match {
	struct uri_match_value *values; /* in the arena */
	size_t len;
	size_t steps; /* bytes looked at: the proof of linear time */
};

/* [any] 0, ERR_NOTFOUND when uri is no expansion of t, ERR_LIMIT, ERR_NOMEM.
 * The result lives in the arena and in the template. */
int uri_template_match(const struct uri_template *t, struct str uri,
    struct arena *arena, struct uri_match *out);

#endif
