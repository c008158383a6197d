/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest of one plugin: what it offers, in YAML.  Read whole and checked
 * whole before any code of the plugin is looked at; every finding has its
 * file:line:column. */
#ifndef PLUGIN_MANIFEST_H
#define PLUGIN_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "call/breaker.h"
#include "crypto/digest.h"
#include "plugin/grants.h"
#include "plugin/limits.h"
#include "plugin/restart.h"
#include "registry/entry.h"

/* Bounds on what reaches clients, in bytes. */
#define PLUGIN_TOOL_NAME_MAX 64 /* TOOL-04: what every client accepts */
#define PLUGIN_LABEL_MAX 256 /* titles, names of resources */
#define PLUGIN_TEXT_MAX 8192 /* descriptions */
#define PLUGIN_URI_MAX 2048
#define PLUGIN_ICON_MAX ((size_t)64 * 1024) /* of one src */
#define PLUGIN_DYNAMIC_MAX 10000 /* entries of one plugin at run time */
#define PLUGIN_MANIFEST_MEMORY ((size_t)32 * 1024 * 1024)

struct plugin_seen;
struct yaml_node;

/* One entry; 'set', 'target' and the descriptions are still empty. */
struct plugin_manifest_entry {
	struct registry_entry entry;
	struct diag_at at; /* of its name or URI */
	const char *list; /* "tools", "resources", "prompts" */
	const char *key; /* "name", "uri", "uriTemplate" */
	unsigned index; /* in that list */
	struct plugin_limits limits; /* that hold */
	struct plugin_limits declared; /* by the manifest */
	unsigned said; /* bits of enum plugin_limit: by the entry itself */
	bool completes; /* some argument has values */
	struct diag_at complete_at;
	struct schema *input; /* owned, like the next two */
	struct schema *output;
	struct uri_template *uri_template;
};

/* dynamic: what may be added while the plugin runs. */
struct plugin_grant {
	struct str prefix;
	size_t max; /* 0: nothing */
	bool kinds[4]; /* by enum tp_kind */
};

struct plugin_manifest {
	struct arena arena;
	char *path; /* owned; NULL: read from an entry's 'about' */
	unsigned char digest[CRYPTO_SHA256_LEN]; /* of all text */
	struct str name;
	struct str version;
	struct str module;
	struct str title;
	struct str description;
	struct str license;
	struct str homepage;
	unsigned abi_minor; /* the least that will do */
	bool pinned; /* sha256 is given */
	unsigned char sha256[CRYPTO_SHA256_LEN];
	bool state_required;
	bool rehearse_load; /* load() in the child, too */
	bool exclusive; /* reload: no call while generations change */
	bool stays; /* quarantine: its entries stay in the lists */
	bool release; /* its calls may let go of their streams */
	bool wants_process; /* isolation */
	/* What counts: the operator's word stands here once it is known. */
	struct plugin_processes many;
	struct plugin_limits limits; /* rate: of all entries together */
	struct call_breaker_limits breaker;
	struct plugin_limits declared; /* before the operator's word */
	struct call_breaker_limits declared_breaker;
	/* That word, in the arena or borrowed; NULL: none. */
	const struct plugin_limits_anew *anew;
	bool format_assertion;
	struct plugin_grant dynamic;
	struct plugin_grants grants; /* what it asks for */
	struct str config_schema_json;
	struct schema *config_schema; /* owned; NULL: none */
	struct plugin_manifest_entry *entries; /* in the order of the file:
	    tools, resources and templates, prompts */
	size_t entries_len;
	struct diag_at name_at, version_at, module_at, sha256_at;
	/* Line 0: not given. */
	struct diag_at isolation_at, grants_at, dynamic_at, state_at;
};

/* [any] path names the source in messages, and its stem must be the plugin's
 * name.  NULL with at least one error in diags; warnings come with a result
 * too.  The result is owned. */
struct plugin_manifest *plugin_manifest_parse(
    struct str text, const char *path, struct diags *diags);
/* [any] The same from a file that is checked as base/file.h says; schemas may
 * refer to files beside it, which plugin_manifest_parse() does not read.  seen,
 * if not NULL, gets what was read besides, also on failure. */
struct plugin_manifest *plugin_manifest_load(
    const char *path, struct plugin_seen *seen, struct diags *diags);
void plugin_manifest_destroy(struct plugin_manifest *m);

/* [any] A list of icons, for who has some beside the plugins; the text lives in
 * arena.  ERR_CONFIG with the reasons in diags. */
int plugin_icons_read(const struct yaml_node *list, const char *path,
    const char *file, struct arena *arena, struct diags *diags,
    struct str *json);
/* [any] Does a name begin as the grant says?  A URI begins with the prefix
 * without its last _ . or -, and a colon: gh_ -> gh: */
bool plugin_grant_name_fits(
    const struct plugin_grant *g, unsigned kind, struct str name);
/* [any] One entry of that enum tp_kind from JSON, by the checks and with the
 * messages of a file: a manifest of one entry with the limits of 'of'.  NULL
 * with the reason in diags, none: out of memory; pointer gets the place of the
 * first error in text.  The result is owned. */
struct plugin_manifest *plugin_manifest_read_about(
    const struct plugin_manifest *of, unsigned kind, struct str name,
    struct str text, struct diags *diags, struct buf *pointer);
/* [any] "tool", "resource", .. for messages. */
const char *plugin_kind_name(enum registry_kind kind);

#endif
