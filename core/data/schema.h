/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schema, draft 2020-12 and draft-07: compiled once into an immutable
 * program, then run on parsed nodes without allocation on the good path.
 * Knows nothing of MCP.  Never fetches anything. */
#ifndef DATA_SCHEMA_H
#define DATA_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "data/json.h"

#define SCHEMA_DEPTH_MAX 64 /* of schemas applied inside one another */
#define SCHEMA_SUBSCHEMAS_MAX 10000
#define SCHEMA_STEPS_BASE 100000 /* per validation, */
#define SCHEMA_STEPS_PER_VALUE 100 /* plus this for each value */
#define SCHEMA_FAULTS_MAX 10 /* reported at once */

struct schema; /* immutable; shared by any threads */

/* Other documents that $ref may reach, by absolute URI. */
struct schema_document {
	struct str uri;
	struct str json;
};

struct schema_options {
	bool assert_format;
	struct str base_uri; /* empty: none */
	const struct schema_document *documents;
	size_t documents_len;
	/* Asked, while compiling, for a document that is neither among those
	 * nor built in; may be NULL.  0 with *json, which lives until the
	 * compile ends; ERR_NOTFOUND; or another code with why in err. */
	int (*find)(
	    void *arg, struct str uri, struct str *json, struct err *err);
	void *find_arg;
};

/* [any] json is copied.  Fails with a message that begins with the JSON
 * Pointer into the schema; pointer, if not NULL, gets it too. */
struct schema *schema_compile(struct str json,
    const struct schema_options *options, struct buf *pointer, struct err *err);
void schema_destroy(struct schema *s);
/* [any] Appends the text of s as one schema that stands alone: every other
 * document it reaches is put under "$defs" ("definitions" in draft-07), and
 * the references are written anew.  References to the dialects' own schemas
 * stay.  Without other documents it is the text that was compiled.
 * ERR_UNSUPPORTED with pointer and err as from schema_compile() when the
 * documents cannot be put into one. */
int schema_bundle(const struct schema *s, struct buf *out, struct buf *pointer,
    struct err *err);

/* One failure: where in the instance, which keyword, what was expected and
 * found. */
struct schema_fault {
	struct str pointer; /* JSON Pointer into the instance */
	const char *keyword;
	struct str message;
};

struct schema_report {
	struct buf text; /* owned; what the faults point into */
	struct schema_fault faults[SCHEMA_FAULTS_MAX];
	size_t len;
	bool more; /* there were others */
	bool exhausted; /* steps or depth ran out: not a verdict */
};

void schema_report_init(struct schema_report *r);
void schema_report_finish(struct schema_report *r);
/* [any] True when valid.  report may be NULL; it is filled only on failure. */
bool schema_validate(const struct schema *s, const struct json_node *instance,
    struct schema_report *report);
/* The short form for people and models, one line a fault. */
void schema_report_print(const struct schema_report *r, struct buf *out);

#endif
