/* SPDX-License-Identifier: Apache-2.0 */
/* What the schemas of one manifest may refer to: the schemas under "schemas:"
 * by name, each other by $id, and files beside the manifest by path.  Seen
 * from a schema all of them lie in a folder "toolpost:/PLUGIN/".  Between the
 * parts of the manifest reader; nobody else includes it. */
#ifndef PLUGIN_MANIFEST_DOCUMENTS_H
#define PLUGIN_MANIFEST_DOCUMENTS_H

#include "data/schema.h"
#include "plugin/manifest_priv.h"

struct manifest_document {
	struct manifest_document *next;
	struct str uri; /* empty: reached by $id alone */
	struct str id; /* absolute; empty: it has none */
	struct str relative; /* of a file: its path below the folder */
	const char *path; /* of a file, for messages; NULL: the manifest */
	const char *label; /* in the manifest: "schemas.place" */
	const struct yaml_node *yaml; /* NULL: JSON */
	struct str text; /* of a file: as it was read */
	struct str json; /* ptr NULL: not read yet, or it cannot be */
	bool unreadable; /* which has been reported */
	bool reported; /* some fault of it */
	bool checked; /* for what may not be referred to */
};

struct manifest_documents {
	struct manifest_reader *r;
	struct arena arena; /* all of this */
	struct manifest_document *first; /* in the order they were met */
	struct manifest_document *last;
	struct str base; /* "toolpost:/weather/" */
	const char *folder; /* NULL: no files are read */
	struct plugin_seen *seen; /* may be NULL */
	unsigned files;
	unsigned found; /* times something was referred to */
	bool failed; /* memory */
};

/* folder: where the manifest lies, or NULL. */
void manifest_documents_init(struct manifest_documents *ds,
    struct manifest_reader *r, const char *folder, struct plugin_seen *seen);
void manifest_documents_finish(struct manifest_documents *ds);
/* Notes what is under "schemas:" (may be NULL), and the $id of other schemas
 * of the manifest. */
void manifest_documents_add(
    struct manifest_documents *ds, const struct yaml_node *root);
/* The hash of the texts of all files read, after hash. */
void manifest_documents_digest(struct manifest_documents *ds,
    unsigned char hash[static CRYPTO_SHA256_LEN]);
/* For schema_options; arg is the struct manifest_documents. */
int manifest_documents_find(
    void *arg, struct str uri, struct str *json, struct err *err);
/* The document that a compiler's pointer begins with; *pointer becomes what
 * is behind.  NULL: it has none, or it is none of ours. */
struct manifest_document *manifest_documents_of_pointer(
    struct manifest_documents *ds, struct str *pointer);

/* manifest_document.c */
bool manifest_document_is_yaml(struct str name);
/* Reads the file at d->path and notes that it was; what is wrong in it is
 * reported. */
int manifest_document_read(struct manifest_documents *ds,
    struct manifest_document *d, struct err *err);
/* Makes JSON of YAML; ERR_NOMEM. */
int manifest_document_json(
    struct manifest_documents *ds, struct manifest_document *d);
/* XHD-04: no x-mcp-header, which clients look for where "properties" alone
 * lead. */
void manifest_document_check(
    struct manifest_documents *ds, struct manifest_document *d);
/* Where in its file a pointer leads. */
struct diag_at manifest_document_at(
    const struct manifest_document *d, struct str pointer);

#endif
