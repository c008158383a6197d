/* SPDX-License-Identifier: Apache-2.0 */
/* Files that hold JSON, written as JSON or as YAML, for "toolpost schema":
 * their text as JSON, and the line and column of each value.  A file may refer
 * to files in its folder and below; nothing else is opened. */
#ifndef CLI_SCHEMA_FILE_H
#define CLI_SCHEMA_FILE_H

#include "base/diag.h"
#include "cli/cli_priv.h"
#include "data/json.h"
#include "data/schema.h"
#include "data/yaml.h"

#define CLI_JSON_FILE_MAX ((size_t)64 << 20)

struct cli_json_file {
	struct cli_json_file *next;
	const char *path; /* as messages name it; "-": standard input */
	struct str uri; /* empty: it is referred to by nobody */
	struct buf text; /* owned; as read */
	struct buf json; /* owned; of YAML */
	struct json_doc doc; /* owned */
	const struct yaml_node *yaml; /* NULL: it is JSON */
};

/* The schema that was named, and what it refers to. */
struct cli_schema_files {
	struct cli *c;
	struct diags *diags; /* what is wrong in a file goes here */
	struct cli_json_file *files; /* owned; the newest first */
	struct str folder; /* file:// URI that ends with "/" */
	struct str id_folder; /* of the schema's own $id; empty: it has none */
};

void cli_schema_files_init(
    struct cli_schema_files *fs, struct cli *c, struct diags *diags);
void cli_schema_files_finish(struct cli_schema_files *fs);
/* [any] Reads and parses; NULL after an error in fs->diags. */
struct cli_json_file *cli_json_file_read(
    struct cli_schema_files *fs, const char *path);
/* [any] The same, and compiles it. */
struct schema *cli_schema_read(
    struct cli_schema_files *fs, const char *path, bool assert_format);

#endif
