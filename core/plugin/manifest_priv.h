/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the manifest reader; nobody else includes it. */
#ifndef PLUGIN_MANIFEST_PRIV_H
#define PLUGIN_MANIFEST_PRIV_H

#include "data/settings.h"
#include "data/yaml.h"
#include "plugin/codes.h"
#include "plugin/manifest.h"

#define MANIFEST_PATH_MAX 256 /* of a key path, longer ones are cut */
#define MANIFEST_SCHEMA_MAX YAML_FILE_MAX /* bytes of one that is sent */

struct manifest_documents;

/* One reading. */
struct manifest_reader {
	struct plugin_manifest *m;
	const char *file;
	struct diags *diags;
	struct manifest_documents *documents; /* what schemas may refer to */
	bool format_assertion;
	const struct yaml_node *root; /* of an 'about'; else NULL */
	bool nomem;
	size_t errors_before; /* of diags, when it began */
};

/* A key path: "tools[0].inputSchema". */
struct manifest_path {
	char text[MANIFEST_PATH_MAX];
};

__attribute__((format(printf, 2, 3))) void manifest_path_set(
    struct manifest_path *p, const char *fmt, ...);

/* Adds an error; hint may be NULL. */
__attribute__((format(printf, 5, 6))) void manifest_refuse(
    struct manifest_reader *r, const char *code, struct diag_at at,
    const char *hint, const char *fmt, ...);
__attribute__((format(printf, 5, 6))) void manifest_warn(
    struct manifest_reader *r, const char *code, struct diag_at at,
    const char *hint, const char *fmt, ...);
/* Copies text into the manifest; notes missing memory. */
struct str manifest_dup(struct manifest_reader *r, struct str text);
/* The value of key in map, or map itself: where to point. */
struct diag_at manifest_at(const struct yaml_node *map, const char *key);

/* Is there a single value for key?  If not, that has been reported. */
bool manifest_has_word(const struct yaml_node *map, const char *key);

/* A key that the format has and this version does not. */
struct manifest_missing {
	const char *key;
	const char *hint;
};
/* Refuses each of them that map has; the last has key NULL. */
void manifest_refuse_missing(struct manifest_reader *r,
    const struct yaml_node *map, const char *prefix,
    const struct manifest_missing *missing);

/* manifest_text.c: single values.  Each reports and returns false. */

/* No direction marks, no invisible characters, anywhere in the file. */
void manifest_check_characters(
    struct manifest_reader *r, const struct yaml_node *root);
/* The first such character; 0: none. */
unsigned manifest_harmful_character(struct str text);
/* [A-Za-z0-9_.-], at most PLUGIN_TOOL_NAME_MAX (TOOL-04). */
bool manifest_check_name(struct manifest_reader *r, struct str name,
    const char *path, struct diag_at at);
bool manifest_check_label(struct manifest_reader *r, struct str text,
    const char *path, struct diag_at at);
bool manifest_check_text(struct manifest_reader *r, struct str text,
    const char *path, struct diag_at at);
bool manifest_check_mime(struct manifest_reader *r, struct str mime,
    const char *path, struct diag_at at);

/* manifest_meta.c: small JSON values that go to clients as they are.  NULL
 * nodes give empty strings. */
struct str manifest_read_icons(
    struct manifest_reader *r, const struct yaml_node *list, const char *path);
struct str manifest_read_meta(
    struct manifest_reader *r, const struct yaml_node *map, const char *path);
struct str manifest_read_tool_annotations(
    struct manifest_reader *r, const struct yaml_node *map, const char *path);
struct str manifest_read_annotations(
    struct manifest_reader *r, const struct yaml_node *map, const char *path);
/* META-01 and META-02; NULL when key may be used, else why not. */
const char *manifest_meta_key_fault(struct str key);

/* manifest_apps.c: MCP Apps; the entries of the manifest have been read. */
void manifest_check_app(struct manifest_reader *r, const struct yaml_node *map,
    const char *path, struct plugin_manifest_entry *e);

/* manifest_schema.c */

/* Compiles; *json gets the text that clients are sent, which holds all that it
 * refers to.  NULL after an error. */
struct schema *manifest_read_schema(struct manifest_reader *r,
    const struct yaml_node *node, const char *path, struct str *json);
/* Checks what is under "schemas:", used or not. */
void manifest_check_schemas(struct manifest_reader *r);
/* The root's "type", or NULL when it is not a single word. */
const struct yaml_node *manifest_schema_type(const struct yaml_node *schema);
/* manifest_headers.c: x-mcp-header (XHD-01 to 05, 11). */
void manifest_read_mirrors(struct manifest_reader *r,
    const struct yaml_node *schema, const char *path, struct registry_entry *e);

/* manifest_complete.c */

/* Of a resource; list may be NULL. */
void manifest_read_complete(struct manifest_reader *r,
    const struct yaml_node *list, const char *path,
    struct plugin_manifest_entry *out);
/* Of a prompt whose arguments have been read. */
void manifest_note_complete(const struct yaml_node *list,
    struct registry_entry *e, struct plugin_manifest_entry *out);

/* manifest_dynamic.c */
void manifest_read_grant(
    struct manifest_reader *r, const struct yaml_node *map);

/* manifest_entries.c */

/* One of an enum tp_kind; path stands before every key. */
void manifest_read_entry(struct manifest_reader *r, unsigned kind,
    const struct yaml_node *map, const char *path,
    struct plugin_manifest_entry *out);
struct manifest_lists {
	const struct yaml_node *tools;
	const struct yaml_node *resources;
	const struct yaml_node *prompts;
};
void manifest_read_entries(
    struct manifest_reader *r, const struct manifest_lists *lists);
extern const struct settings_item manifest_limit_items[];
/* manifest_limits.c: those of the plugin, once they are in r->m; of one entry,
 * which path names, inside those. */
void manifest_check_limits(
    struct manifest_reader *r, const struct yaml_node *map);
void manifest_read_limits(struct manifest_reader *r,
    const struct yaml_node *map, const char *path, struct plugin_limits *limits,
    unsigned *said);
/* "off", or numbers in place of the defaults; node may be NULL. */
void manifest_read_breaker(struct manifest_reader *r,
    const struct yaml_node *node, const char *path, struct arena *arena,
    struct call_breaker_limits *b);
/* "failures: 5, .." or "off". */
void manifest_breaker_print(
    const struct call_breaker_limits *b, struct buf *out);
/* Keys of limits that this version does not have. */
void manifest_refuse_limits(
    struct manifest_reader *r, const struct yaml_node *map, const char *path);
/* What a tool says of itself against retry: safe; hints may be NULL. */
void manifest_check_retry(struct manifest_reader *r,
    const struct yaml_node *hints, const char *path,
    const struct plugin_limits *limits);

#endif
