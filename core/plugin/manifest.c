/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest as a whole, and its keys about the plugin itself. */
#include "plugin/manifest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toolpost/abi.h>

#include "base/file.h"
#include "call/target.h"
#include "data/schema.h"
#include "data/uri.h"
#include "plugin/manifest_documents.h"
#include "plugin/manifest_priv.h"
#include "plugin/report.h"
#include "registry/uri_template.h"

struct raw_limits {
	struct plugin_limits limits;
	const struct yaml_node *unavailable;
};

struct raw_manifest {
	struct str plugin, version, abi, module, sha256, title, description;
	struct str license, homepage;
	int isolation, rehearse, reload, state, quarantine;
	struct plugin_processes many;
	bool release;
	struct raw_limits limits;
	bool format_assertion;
	const struct yaml_node *config_schema, *schemas, *dynamic, *grants;
	const struct yaml_node *unavailable;
	struct manifest_lists lists;
};

static const char *const isolations[] = { "none", "process", NULL };
static const char *const rehearsals[] = { "open", "load", NULL };
static const char *const reloads[] = { "overlap", "exclusive", NULL };
static const char *const states[] = { "optional", "required", NULL };
static const char *const quarantines[] = { "hide", "error", NULL };

/* clang-format off */
#define ITEM(key_, type_, field_) \
	{ .key = key_, .type = type_, \
	  .offset = offsetof(struct raw_manifest, field_) }
#define ENUM_ITEM(key_, names_, field_) \
	{ .key = key_, .type = SETTINGS_ENUM, .names = names_, \
	  .offset = offsetof(struct raw_manifest, field_) }
#define LATER(key_) \
	{ .key = key_, .type = SETTINGS_NODE, .refused = true, \
	  .offset = offsetof(struct raw_manifest, unavailable) }

static const struct settings_item root_items[] = {
	{ .key = "plugin", .type = SETTINGS_STR, .required = true,
	  .offset = offsetof(struct raw_manifest, plugin),
	  .help = "add plugin: the name of this file without .yaml" },
	{ .key = "version", .type = SETTINGS_STR, .required = true,
	  .offset = offsetof(struct raw_manifest, version),
	  .help = "add version: the same as in TP_PLUGIN(..)" },
	ITEM("abi", SETTINGS_STR, abi),
	ITEM("module", SETTINGS_STR, module),
	ITEM("sha256", SETTINGS_STR, sha256),
	ITEM("title", SETTINGS_STR, title),
	ITEM("description", SETTINGS_STR, description),
	ITEM("license", SETTINGS_STR, license),
	ITEM("homepage", SETTINGS_STR, homepage),
	ENUM_ITEM("isolation", isolations, isolation),
	{ .key = "runners", .type = SETTINGS_INT,
	  .offset = offsetof(struct raw_manifest, many.runners),
	  .min = 1, .max = PLUGIN_RUNNERS_MAX },
	{ .key = "spare", .type = SETTINGS_INT,
	  .offset = offsetof(struct raw_manifest, many.spare),
	  .min = 0, .max = PLUGIN_SPARE_MAX },
	ENUM_ITEM("rehearse", rehearsals, rehearse),
	ENUM_ITEM("reload", reloads, reload),
	ENUM_ITEM("state", states, state),
	ENUM_ITEM("quarantine", quarantines, quarantine),
	ITEM("release", SETTINGS_BOOL, release),
	{ .key = "limits", .type = SETTINGS_MAP,
	  .items = manifest_limit_items,
	  .offset = offsetof(struct raw_manifest, limits) },
	ITEM("configSchema", SETTINGS_NODE, config_schema),
	ITEM("formatAssertion", SETTINGS_BOOL, format_assertion),
	ITEM("schemas", SETTINGS_NODE, schemas),
	ITEM("dynamic", SETTINGS_NODE, dynamic),
	ITEM("grants", SETTINGS_NODE, grants),
	ITEM("tools", SETTINGS_NODE, lists.tools),
	ITEM("resources", SETTINGS_NODE, lists.resources),
	ITEM("prompts", SETTINGS_NODE, lists.prompts),
	LATER("kind"), LATER("http"), LATER("upstream"), LATER("include"),
	LATER("exclude"), LATER("override"), LATER("health"),
	LATER("changes"), LATER("scopes"), LATER("watch"),
	{ .key = NULL },
};

static const struct manifest_missing root_missing[] = {
	{ "kind", "give the plugin a module:" },
	{ "http", "remove it, and give the plugin a module:" },
	{ "upstream", "remove it, and give the plugin a module:" },
	{ "include", "remove it" },
	{ "exclude", "remove it" },
	{ "override", "remove it" },
	{ "health", "remove it" },
	{ "changes", "remove it" },
	{ "scopes", "remove it; callers have no scopes yet" },
	{ "watch", "remove it; call changed() when a resource changes" },
	{ NULL, NULL },
};
/* clang-format on */

void
manifest_path_set(struct manifest_path *p, const char *fmt, ...)
{
	char text[MANIFEST_PATH_MAX];
	va_list args;

	va_start(args, fmt);
	if (vsnprintf(text, sizeof text, fmt, args) < 0)
		text[0] = '\0';
	va_end(args);
	memcpy(p->text, text, sizeof text); /* an argument may be p->text */
}

__attribute__((format(printf, 6, 0))) static void
report(struct manifest_reader *r, enum diag_severity severity, const char *code,
    struct diag_at at, const char *hint, const char *fmt, va_list args)
{
	char text[ERR_TEXT_MAX];

	if (vsnprintf(text, sizeof text, fmt, args) < 0)
		text[0] = '\0';
	(void)diags_add(r->diags, severity, code, r->file, at, hint, "%s",
	    text); /* the count of errors says it */
}

void
manifest_refuse(struct manifest_reader *r, const char *code, struct diag_at at,
    const char *hint, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(r, DIAG_ERROR, code, at, hint, fmt, args);
	va_end(args);
}

void
manifest_warn(struct manifest_reader *r, const char *code, struct diag_at at,
    const char *hint, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(r, DIAG_WARNING, code, at, hint, fmt, args);
	va_end(args);
}

struct str
manifest_dup(struct manifest_reader *r, struct str text)
{
	struct str copy = arena_dup(&r->m->arena, text);

	if (copy.ptr == NULL) {
		r->nomem = true;
		return STR_NONE;
	}
	return copy;
}

struct diag_at
manifest_at(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *n = yaml_get(map, str_of(key));

	return n != NULL ? n->at : map->at;
}

bool
manifest_has_word(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *n = yaml_get(map, str_of(key));

	return n != NULL && n->type == YAML_SCALAR;
}

void
manifest_refuse_missing(struct manifest_reader *r, const struct yaml_node *map,
    const char *prefix, const struct manifest_missing *missing)
{
	for (; missing->key != NULL; missing++) {
		const struct yaml_node *n = yaml_get(map, str_of(missing->key));

		if (n != NULL)
			manifest_refuse(r, TP_UNAVAILABLE, n->key_at,
			    missing->hint, "%s%s%s: not available yet", prefix,
			    prefix[0] != '\0' ? "." : "", missing->key);
	}
}

static bool
plugin_name_is_valid(struct str name)
{
	if (name.len == 0 || name.len > 64 || name.ptr[0] < 'a'
	    || name.ptr[0] > 'z')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
			|| c == '_' || c == '-'))
			return false;
	}
	return true;
}

/* "weather" of "/etc/toolpost/plugins.d/weather.yaml". */
static struct str
stem_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct str name = str_of(slash != NULL ? slash + 1 : path);

	return str_ends(name, S(".yaml")) ? str_sub(name, 0, name.len - 5)
					  : name;
}

static void
check_plugin_name(struct manifest_reader *r, const struct yaml_node *root)
{
	struct str name = r->m->name;
	struct str stem = stem_of(r->file);

	if (!manifest_has_word(root, "plugin"))
		return;
	if (!plugin_name_is_valid(name))
		manifest_refuse(r, TP_NAME, r->m->name_at,
		    "lower-case letters, digits, _ and -, a letter first, at "
		    "most 64",
		    "plugin: \"%.*s\" is not a plugin's name", STR_FMT(name));
	else if (!str_equal(name, stem))
		manifest_refuse(r, TP_NAME, r->m->name_at,
		    "rename the file, or write the name of the file here",
		    "plugin: \"%.*s\" is not the name of this file, \"%.*s\"",
		    STR_FMT(name), STR_FMT(stem));
}

static bool
word_is_valid(struct str s, const char *more, size_t max)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
			|| (c >= '0' && c <= '9')
			|| (c != '\0' && strchr(more, c) != NULL)))
			return false;
	}
	return s.len > 0 && s.len <= max;
}

static void
check_version(struct manifest_reader *r, const struct yaml_node *root)
{
	if (manifest_has_word(root, "version")
	    && !word_is_valid(r->m->version, ".+_~-", 64))
		manifest_refuse(r, TP_VERSION, r->m->version_at,
		    "for example 1.4.0", "version: \"%.*s\" is not a version",
		    STR_FMT(r->m->version));
}

static void
check_module(struct manifest_reader *r, const struct yaml_node *root)
{
	if (yaml_get(root, S("module")) == NULL) {
		if (yaml_get(root, S("kind")) == NULL)
			manifest_refuse(r, TP_MODULE_NAME, root->at,
			    "add module: the shared object beside this file",
			    "the key \"module\" is missing");
		return;
	}
	if (manifest_has_word(root, "module")
	    && (!word_is_valid(r->m->module, "._+-", 255)
		|| r->m->module.ptr[0] == '.'))
		manifest_refuse(r, TP_MODULE_NAME, r->m->module_at,
		    "a bare name; the module lies beside the manifest",
		    "module: \"%.*s\" is not a file name",
		    STR_FMT(r->m->module));
}

/* "1", "1.2" or ">=1.2". */
static bool
abi_parse(struct str text, uint64_t *major, uint64_t *minor)
{
	struct str rest;

	if (str_starts(text, S(">=")))
		text = str_sub(text, 2, text.len);
	*minor = 0;
	if (str_to_u64(str_split(text, '.', &rest), major) < 0)
		return false;
	return str_find(text, '.') == text.len || str_to_u64(rest, minor) == 0;
}

static void
check_abi(
    struct manifest_reader *r, const struct yaml_node *root, struct str text)
{
	const struct yaml_node *n = yaml_get(root, S("abi"));
	uint64_t major, minor;

	r->m->abi_minor = 0;
	if (n == NULL)
		return;
	if (!abi_parse(text, &major, &minor)) {
		manifest_refuse(r, TP_ABI, n->at, "write 1, or \">=1.2\"",
		    "abi: \"%.*s\" is not an ABI version", STR_FMT(text));
		return;
	}
	if (major != TP_ABI_MAJOR || minor > TP_ABI_MINOR) {
		manifest_refuse(r, TP_ABI, n->at,
		    major < TP_ABI_MAJOR
			? "rebuild the plugin with `toolpost plugin build`"
			: "install a newer toolpost, or rebuild the plugin "
			  "with `toolpost plugin build`",
		    "abi: the plugin wants ABI %.*s, this host offers %d.%d",
		    STR_FMT(text), TP_ABI_MAJOR, TP_ABI_MINOR);
		return;
	}
	r->m->abi_minor = (unsigned)minor;
}

static void
check_sha256(
    struct manifest_reader *r, const struct yaml_node *root, struct str text)
{
	const struct yaml_node *n = yaml_get(root, S("sha256"));

	if (n == NULL)
		return;
	r->m->sha256_at = n->at;
	r->m->pinned = crypto_unhex(text, r->m->sha256, CRYPTO_SHA256_LEN) == 0;
	if (!r->m->pinned)
		manifest_refuse(r, TP_SHA256, n->at, "sha256sum prints it",
		    "sha256: expected 64 hexadecimal digits, found %zu "
		    "characters",
		    text.len);
}

/* Entries and a state are of one process. */
static void
check_many(struct manifest_reader *r, const struct yaml_node *root,
    const struct plugin_processes *many)
{
	bool dynamic = yaml_get(root, S("dynamic")) != NULL;

	r->m->many = *many;
	if (dynamic)
		r->m->dynamic_at = manifest_at(root, "dynamic");
	if (yaml_get(root, S("state")) != NULL)
		r->m->state_at = manifest_at(root, "state");
	if (many->runners > 1 && (dynamic || r->m->state_required))
		manifest_refuse(r, TP_RUNNERS, manifest_at(root, "runners"),
		    dynamic ? "remove it, or dynamic:"
			    : "remove it, or state: required",
		    "runners: %lld processes would not have the same %s",
		    (long long)many->runners, dynamic ? "entries" : "state");
	if (many->spare > 0 && dynamic)
		manifest_refuse(r, TP_RUNNERS, manifest_at(root, "spare"),
		    "remove it, or dynamic:",
		    "spare: %lld processes would add the same entries",
		    (long long)many->spare + 1);
}

/* What the format has and only a later version of this program does. */
static void
check_modes(struct manifest_reader *r, const struct yaml_node *root,
    const struct raw_manifest *raw)
{
	const struct yaml_node *said;

	r->m->wants_process = raw->isolation == 1;
	said = yaml_get(root, S("isolation"));
	if (said != NULL)
		r->m->isolation_at = manifest_at(root, "isolation");
	if (said != NULL && str_equal(said->text, S("none")))
		manifest_warn(r, TP_ISOLATION, r->m->isolation_at,
		    "the operator writes it: plugins.NAME.isolation",
		    "isolation: none counts for nothing in a manifest");
	if (yaml_get(root, S("grants")) != NULL)
		r->m->grants_at = manifest_at(root, "grants");
	r->m->rehearse_load = raw->rehearse == 1;
	r->m->exclusive = raw->reload == 1;
	r->m->state_required = raw->state == 1;
	r->m->stays = raw->quarantine == 1;
	check_many(r, root, &raw->many);
	manifest_refuse_missing(r, root, "", root_missing);
	manifest_check_limits(r, yaml_get(root, S("limits")));
	r->m->declared_breaker = r->m->breaker;
}

static void
check_about(struct manifest_reader *r, const struct yaml_node *root)
{
	struct plugin_manifest *m = r->m;
	struct str scheme = uri_scheme(m->homepage);

	(void)manifest_check_label(r, m->title, "title",
	    manifest_at(root, "title")); /* these have reported */
	(void)manifest_check_label(
	    r, m->license, "license", manifest_at(root, "license"));
	(void)manifest_check_text(
	    r, m->description, "description", manifest_at(root, "description"));
	if (yaml_get(root, S("homepage")) != NULL
	    && (!uri_is_valid(m->homepage) || m->homepage.len > PLUGIN_URI_MAX
		|| (!str_equal_nocase(scheme, S("https"))
		    && !str_equal_nocase(scheme, S("http")))))
		manifest_refuse(r, TP_HOMEPAGE, manifest_at(root, "homepage"),
		    "for example https://example.com/weather",
		    "homepage: not an http or https address");
}

static void
take_plain(struct manifest_reader *r, const struct yaml_node *root,
    const struct raw_manifest *raw)
{
	struct plugin_manifest *m = r->m;

	m->name = raw->plugin;
	m->version = raw->version;
	m->module = raw->module;
	m->title = raw->title;
	m->description = raw->description;
	m->license = raw->license;
	m->homepage = raw->homepage;
	m->release = raw->release;
	m->limits = raw->limits.limits;
	if (yaml_get(yaml_get(root, S("limits")), S("queue")) == NULL)
		m->limits.queue = CALL_QUEUE_DEFAULT;
	m->declared = m->limits;
	m->name_at = manifest_at(root, "plugin");
	m->version_at = manifest_at(root, "version");
	m->module_at = manifest_at(root, "module");
}

static void
read_root(struct manifest_reader *r, const struct yaml_node *root)
{
	struct raw_manifest raw;

	if (settings_read(
		root_items, root, "", &raw, &r->m->arena, r->file, r->diags)
		< 0
	    && root->type != YAML_MAP)
		return;
	manifest_check_characters(r, root);
	take_plain(r, root, &raw);
	check_plugin_name(r, root);
	check_version(r, root);
	check_abi(r, root, raw.abi);
	check_module(r, root);
	check_sha256(r, root, raw.sha256);
	check_about(r, root);
	check_modes(r, root, &raw);
	r->format_assertion = raw.format_assertion;
	r->m->format_assertion = raw.format_assertion;
	manifest_documents_add(r->documents, root);
	manifest_check_schemas(r);
	if (raw.config_schema != NULL)
		r->m->config_schema = manifest_read_schema(r, raw.config_schema,
		    "configSchema", &r->m->config_schema_json);
	manifest_read_grant(r, raw.dynamic);
	(void)plugin_grants_read(raw.grants, "grants", &r->m->grants,
	    &r->m->arena, r->file, r->diags); /* it has reported */
	manifest_read_entries(r, &raw.lists);
	if (r->m->entries_len == 0 && r->m->dynamic.max == 0
	    && r->diags->errors == r->errors_before)
		manifest_warn(r, TP_EMPTY, root->at,
		    "add tools, resources or prompts",
		    "this plugin offers nothing");
}

static struct plugin_manifest *
create(struct manifest_reader *r)
{
	struct plugin_manifest *m = calloc(1, sizeof *m);

	if (m != NULL)
		m->path = strdup(r->file);
	if (m != NULL && m->path != NULL) {
		arena_init(&m->arena, PLUGIN_MANIFEST_MEMORY);
		return m;
	}
	free(m);
	manifest_refuse(
	    r, TP_MEMORY, (struct diag_at){ 0, 0 }, NULL, "out of memory");
	return NULL;
}

static struct plugin_manifest *
parse(struct str text, const char *path, const char *folder,
    struct plugin_seen *seen, struct diags *diags)
{
	struct manifest_reader r = { .file = path, .diags = diags };
	struct manifest_documents documents;
	struct plugin_manifest *m = create(&r);
	const struct yaml_node *root;

	if (m == NULL)
		return NULL;
	r.m = m;
	r.errors_before = diags->errors;
	r.documents = &documents;
	manifest_documents_init(&documents, &r, folder, seen);
	r.nomem = crypto_sha256(text, m->digest) < 0;
	root = yaml_parse(&m->arena, text, path, diags);
	if (root != NULL)
		read_root(&r, root);
	manifest_documents_digest(&documents, m->digest);
	if (diags->errors == r.errors_before
	    && (r.nomem || m->arena.failed || documents.failed))
		manifest_refuse(&r, TP_MEMORY, (struct diag_at){ 0, 0 },
		    "shorten it", "takes more than %zu bytes when read",
		    PLUGIN_MANIFEST_MEMORY);
	manifest_documents_finish(&documents);
	if (root != NULL && diags->errors == r.errors_before)
		return m;
	plugin_manifest_destroy(m);
	return NULL;
}

struct plugin_manifest *
plugin_manifest_parse(struct str text, const char *path, struct diags *diags)
{
	return parse(text, path, NULL, NULL, diags);
}

struct plugin_manifest *
plugin_manifest_load(
    const char *path, struct plugin_seen *seen, struct diags *diags)
{
	struct plugin_manifest *m = NULL;
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? strdup(".")
	    : slash == path          ? strdup("/")
				     : strndup(path, (size_t)(slash - path));
	size_t skip = strlen(path) + 2;
	struct err err;
	struct buf text;

	buf_init(&text);
	if (folder == NULL)
		(void)diags_add(diags, DIAG_ERROR, TP_MEMORY, path,
		    (struct diag_at){ 0, 0 }, NULL,
		    "out of memory"); /* NULL says it */
	else if (file_read_trusted(&text, path, YAML_FILE_MAX, &err) == 0)
		m = parse(buf_view(&text), path, folder, seen, diags);
	else /* the line begins with "path: ", as a finding does */
		(void)diags_add(diags, DIAG_ERROR, TP_FILE, path,
		    (struct diag_at){ 0, 0 }, NULL, "%s",
		    strlen(err.text) > skip
			    && strncmp(err.text, path, skip - 2) == 0
			? err.text + skip
			: err.text); /* NULL says it */
	buf_finish(&text);
	free(folder);
	return m;
}

void
plugin_manifest_destroy(struct plugin_manifest *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->entries_len; i++) {
		schema_destroy(m->entries[i].input);
		schema_destroy(m->entries[i].output);
		uri_template_destroy(m->entries[i].uri_template);
	}
	schema_destroy(m->config_schema);
	arena_finish(&m->arena);
	free(m->path);
	free(m);
}
