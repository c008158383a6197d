/* SPDX-License-Identifier: Apache-2.0 */
/* "toolpost check": manifests, modules and configuration. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/cli_priv.h"
#include "data/yaml.h"
#include "plugin/facts.h"
#include "plugin/manager.h"
#include "server/config.h"

struct checking {
	struct cli *c;
	struct str self;
	struct server_config config; /* as "serve" would have it */
	struct buf places; /* where plugins run, a line or a member each */
	struct buf json; /* findings, comma separated */
	struct buf text;
	struct buf grants; /* what plugins may do, a line each */
	size_t files;
	size_t errors;
	size_t others;
};

static void
findings_take(struct checking *k, const struct diags *d)
{
	struct buf list;
	struct str s;

	k->files++;
	k->errors += d->errors;
	k->others += d->len + d->dropped - d->errors;
	diags_print(d, &k->text);
	buf_init(&list);
	diags_print_json(d, &list);
	s = str_trim(buf_view(&list));
	if (s.len > 2) {
		if (k->json.len > 0)
			buf_char(&k->json, ',');
		buf_str(&k->json, str_sub(s, 1, s.len - 1));
	}
	buf_finish(&list);
}

struct grants_line {
	struct buf *out;
	bool more;
};

static void
grant_add(void *arg, struct str word)
{
	struct grants_line *l = arg;

	buf_cstr(l->out, l->more ? "; " : " in a runner: ");
	cli_line(l->out, word);
	l->more = true;
}

/* The operator's word on a plugin, then what its manifest asks for, then the
 * operator's on all. */
static void
place_say(struct checking *k, const struct plugin_manifest *m, const char *path)
{
	const struct server_config *s = &k->config;
	bool process = s->isolation == 1;
	struct buf *out = &k->places, at;

	buf_init(&at);
	buf_str(&at, s->isolation_at);
	if (m->wants_process) {
		process = true;
		buf_clear(&at);
		buf_printf(&at, "%s:%u:%u", path, m->isolation_at.line,
		    m->isolation_at.column);
	}
	for (size_t i = 0; i < s->overrides_len; i++) {
		const struct plugin_override *o = &s->overrides[i];

		if (!str_equal(o->name, m->name)
		    || o->isolation == PLUGIN_ISOLATION_DEFAULT)
			continue;
		process = o->isolation == PLUGIN_ISOLATION_PROCESS;
		buf_clear(&at);
		buf_str(&at, o->isolation_at);
	}
	if (!k->c->json) {
		buf_printf(out, "%.*s: isolation: %s, %s%.*s\n",
		    STR_FMT(m->name), process ? "process" : "none",
		    at.len > 0 ? "by " : "the default", STR_FMT(buf_view(&at)));
	} else {
		buf_cstr(out, out->len > 0 ? ",{\"plugin\":" : "{\"plugin\":");
		buf_json(out, m->name);
		buf_printf(out, ",\"isolation\":\"%s\",\"decidedBy\":",
		    process ? "process" : "none");
		buf_json(out, at.len > 0 ? buf_view(&at) : S("default"));
		plugin_facts_limits(m, "limits", out);
		buf_char(out, '}');
	}
	buf_finish(&at);
}

struct limit_lines {
	struct buf *out;
	struct str plugin;
};

static void
limit_add(void *arg, const struct plugin_limit_said *said)
{
	struct limit_lines *l = arg;

	cli_line(l->out, l->plugin);
	BUF_LIT(l->out, ": ");
	if (said->tool.len > 0) {
		BUF_LIT(l->out, "tools.");
		cli_line(l->out, said->tool);
		buf_char(l->out, '.');
	}
	buf_printf(
	    l->out, "limits.%s: %.*s, by ", said->key, STR_FMT(said->value));
	cli_line(l->out, said->at->file);
	buf_printf(l->out, ":%u:%u (manifest %.*s)\n", said->at->at.line,
	    said->at->at.column,
	    STR_FMT(
		said->manifest.len > 0 ? said->manifest : S("says nothing")));
}

/* The operator's words on it. */
static void
limits_say(struct checking *k, struct plugin_manifest *m, struct diags *diags)
{
	struct limit_lines lines = { &k->places, m->name };
	const struct server_config *s = &k->config;

	for (size_t i = 0; i < s->overrides_len; i++)
		if (str_equal(s->overrides[i].name, m->name)
		    && plugin_limits_apply(m, s->overrides[i].limits, diags)
			< 0)
			k->places.failed = true;
	if (!k->c->json)
		plugin_limits_each(m, limit_add, &lines);
}

/* What a manifest without errors asks for, and where it runs. */
static void
manifest_take(struct checking *k, const char *path, struct diags *found)
{
	struct grants_line line = { &k->grants, false };
	struct plugin_manifest *m;
	struct diags diags;

	diags_init(&diags);
	m = plugin_manifest_load(path, NULL, &diags);
	if (m != NULL) {
		limits_say(k, m, found);
		place_say(k, m, path);
	}
	if (m != NULL && m->grants_at.line > 0) {
		cli_line(&k->grants, m->name);
		plugin_grants_words(&m->grants, true, grant_add, &line);
		buf_char(&k->grants, '\n');
	}
	plugin_manifest_destroy(m);
	diags_finish(&diags);
}

static int
manifest_check(void *arg, const char *path)
{
	struct checking *k = arg;
	struct diags diags;

	diags_init(&diags);
	if (plugin_check(path, k->self, &diags) < 0
	    && !diags_has_errors(&diags))
		(void)diags_add(&diags, DIAG_ERROR, "TP1001", path,
		    (struct diag_at){ 0, 0 }, NULL, "could not be checked");
	if (!diags_has_errors(&diags))
		manifest_take(k, path, &diags);
	findings_take(k, &diags);
	diags_finish(&diags);
	return 0;
}

static void
config_check(struct checking *k, const char *path)
{
	struct diags diags;

	diags_init(&diags);
	if (server_config_check(path, &diags) < 0 && !diags_has_errors(&diags))
		(void)diags_add(&diags, DIAG_ERROR, "TP1001",
		    path != NULL ? path : "configuration",
		    (struct diag_at){ 0, 0 }, NULL, "could not be checked");
	findings_take(k, &diags);
	diags_finish(&diags);
}

/* A manifest has "plugin:" at the left edge, also one that is broken
 * elsewhere; "plugins:" is configuration. */
static bool
is_manifest(const char *path)
{
	struct buf text;
	struct str rest;
	bool found = false;

	buf_init(&text);
	if (file_read_trusted(&text, path, YAML_FILE_MAX, NULL) == 0) {
		rest = buf_view(&text);
		while (rest.len > 0 && !found)
			found = str_starts(
			    str_split(rest, '\n', &rest), S("plugin:"));
	}
	buf_finish(&text);
	return found;
}

static int
folder_check(struct checking *k, const char *path, struct err *err)
{
	size_t before = k->files;
	int rc = plugin_find_manifests(path, manifest_check, k, err);

	if (rc == 0 && k->files == before)
		return err_set(err, ERR_NOTFOUND,
		    "%s: no NAME.yaml and no NAME/NAME.yaml", path);
	return rc;
}

static int
path_check(struct checking *k, const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set_errno(err, ERR_IO, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return folder_check(k, path, err);
	if (is_manifest(path))
		return manifest_check(k, path);
	config_check(k, path);
	return 0;
}

/* What "serve" would read; its findings only where nothing was named. */
static int
config_read(struct checking *k)
{
	const struct server_options o = {
		.config = k->c->config,
		.plugins = k->c->plugins.items,
		.plugins_len = k->c->plugins.len,
		.log_format = -1,
	};
	struct diags diags;
	int rc;

	diags_init(&diags);
	rc = server_config_read(&k->config, &o, &diags);
	if (k->c->words.len == 0)
		findings_take(k, &diags);
	diags_finish(&diags);
	return rc;
}

/* Nothing was named. */
static int
all_check(struct checking *k, struct err *err)
{
	const struct server_config *config = &k->config;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < config->plugin_dirs.len; i++) {
		const char *dir = cli_format(
		    k->c, "%.*s", STR_FMT(config->plugin_dirs.items[i]));
		struct stat st;

		/* The usual folders need not exist. */
		if (dir == NULL
		    || (k->c->plugins.len == 0 && stat(dir, &st) < 0))
			continue;
		rc = plugin_find_manifests(dir, manifest_check, k, err);
	}
	return rc == ERR_CONFIG ? 0 : rc; /* it is among the findings */
}

static int
report(struct checking *k)
{
	struct buf out;
	int rc;

	buf_init(&out);
	if (k->c->json)
		buf_printf(&out,
		    "{\"files\":%zu,\"errors\":%zu,\"findings\":[%.*s],"
		    "\"plugins\":[%.*s]}\n",
		    k->files, k->errors, STR_FMT(buf_view(&k->json)),
		    STR_FMT(buf_view(&k->places)));
	else if (k->c->quiet == 0)
		buf_str(&out, buf_view(&k->places));
	if (!k->c->json && k->c->quiet == 0)
		buf_printf(&out, "%.*schecked %zu file%s: %zu error%s%s\n",
		    STR_FMT(buf_view(&k->grants)), k->files,
		    k->files == 1 ? "" : "s", k->errors,
		    k->errors == 1 ? "" : "s",
		    k->others > 0 ? ", and warnings" : "");
	if (!k->c->json) /* the lines are escaped where they are made */
		(void)file_write_all(2, k->text.ptr, k->text.len);
	rc = cli_print(k->c, buf_view(&out));
	buf_finish(&out);
	if (rc != CLI_DONE || k->errors == 0)
		return rc;
	if (k->c->json)
		return cli_failf(k->c, CLI_CONFIG, "%zu error%s", k->errors,
		    k->errors == 1 ? "" : "s");
	return CLI_CONFIG;
}

int
cli_check(struct cli *c)
{
	struct checking k = { .c = c, .self = cli_self(c) };
	struct err err;
	size_t i;
	int rc = 0;

	buf_init(&k.json);
	buf_init(&k.text);
	buf_init(&k.grants);
	buf_init(&k.places);
	server_config_init(&k.config);
	rc = config_read(&k);
	rc = c->words.len == 0 && rc == 0 ? all_check(&k, &err) : 0;
	for (i = 0; i < c->words.len && rc == 0; i++)
		rc = path_check(&k, c->words.items[i], &err);
	if (rc == ERR_NOTFOUND)
		rc = cli_fail(c, CLI_NO_MATCH, &err);
	else if (rc < 0)
		rc = cli_fail(c, CLI_CONFIG, &err);
	else
		rc = report(&k);
	buf_finish(&k.text);
	buf_finish(&k.grants);
	buf_finish(&k.json);
	buf_finish(&k.places);
	server_config_finish(&k.config);
	return rc;
}
