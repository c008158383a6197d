/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plugin_source.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/yaml.h"

static int
name_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the folder holds: C files, and the manifest if there is just one. */
static int
folder_read(struct cli_plugin_source *s, struct cli *c, struct err *err)
{
	const char *manifest = NULL;
	struct dirent *e;
	size_t manifests = 0;
	DIR *dir = opendir(s->dir);

	if (dir == NULL)
		return err_set_errno(err, ERR_NOTFOUND, errno, "%s", s->dir);
	s->files.items =
	    arena_alloc(&c->arena, CLI_SOURCES_MAX * sizeof *s->files.items);
	while (s->files.items != NULL && (e = readdir(dir)) != NULL) {
		struct str name = str_of(e->d_name);

		if (name.ptr[0] == '.')
			continue;
		if (str_ends(name, S(".yaml"))) {
			manifest = cli_format(c, "%s/%s", s->dir, name.ptr);
			manifests++;
		}
		if (str_ends(name, S(".c")) && !str_ends(name, S("_test.c"))
		    && s->files.len < CLI_SOURCES_MAX)
			s->files.items[s->files.len++] =
			    cli_format(c, "%s/%s", s->dir, name.ptr);
	}
	(void)closedir(dir); /* it was only read */
	if (c->arena.failed || s->files.items == NULL)
		return err_set(err, ERR_NOMEM, "no memory");
	if (s->files.len == 0)
		return err_set(err, ERR_NOTFOUND, "%s: no C file", s->dir);
	qsort(s->files.items, s->files.len, sizeof *s->files.items, name_order);
	if (access(s->manifest, R_OK) < 0 && manifests == 1)
		s->manifest = manifest;
	return 0;
}

static int
manifest_read(struct cli_plugin_source *s, struct cli *c, struct err *err)
{
	const struct yaml_node *root, *name, *module;
	struct diags diags;
	struct buf text;
	int rc;

	buf_init(&text);
	diags_init(&diags);
	rc = file_read_trusted(&text, s->manifest, YAML_FILE_MAX, err);
	if (rc < 0)
		goto out;
	root = yaml_parse(&c->arena, buf_view(&text), s->manifest, &diags);
	name = yaml_get(root, S("plugin"));
	module = yaml_get(root, S("module"));
	if (root == NULL || name == NULL || module == NULL
	    || name->type != YAML_SCALAR || module->type != YAML_SCALAR
	    || str_find(module->text, '/') < module->text.len) {
		rc = err_set(err, ERR_CONFIG,
		    "%s: wants \"plugin: NAME\" and \"module: NAME.so\" "
		    "(hint: toolpost check %s)",
		    s->manifest, s->manifest);
		goto out;
	}
	s->name = name->text;
	s->module = module->text.ptr;
	s->pinned = yaml_get(root, S("sha256")) != NULL;
	s->module_path = cli_format(c, "%s/%s", s->dir, s->module);
	if (s->module_path == NULL)
		rc = err_set(err, ERR_NOMEM, "no memory");
out:
	diags_finish(&diags);
	buf_finish(&text);
	return rc;
}

int
cli_plugin_source_find(struct cli_plugin_source *s, struct cli *c,
    const char *dir, struct err *err)
{
	char *whole = realpath(dir, NULL);
	const char *slash;
	int rc;

	memset(s, 0, sizeof *s);
	if (whole == NULL)
		return err_set_errno(err, ERR_NOTFOUND, errno, "%s", dir);
	slash = strrchr(whole, '/');
	s->dir = cli_format(c, "%s", dir);
	s->manifest = cli_format(c, "%s/%s.yaml", dir, slash + 1);
	free(whole);
	if (s->dir == NULL || s->manifest == NULL)
		return err_set(err, ERR_NOMEM, "no memory");
	rc = folder_read(s, c, err);
	return rc == 0 ? manifest_read(s, c, err) : rc;
}

int
cli_plugin_pin(
    const struct cli_plugin_source *s, const char *hex, struct err *err)
{
	struct buf old, text;
	struct str rest, line;
	int rc;

	buf_init(&old);
	buf_init(&text);
	rc = file_read_trusted(&old, s->manifest, YAML_FILE_MAX, err);
	if (rc < 0)
		goto out;
	rest = buf_view(&old);
	while (rest.len > 0) {
		line = str_split(rest, '\n', &rest);
		if (str_starts(line, S("sha256:")))
			continue;
		buf_str(&text, line);
		buf_char(&text, '\n');
		if (str_starts(line, S("module:")))
			buf_printf(&text, "sha256: \"%s\"\n", hex);
	}
	if (text.failed)
		rc = err_set(err, ERR_NOMEM, "no memory");
	else
		rc = file_replace(s->manifest, buf_view(&text), 0644, err);
out:
	buf_finish(&text);
	buf_finish(&old);
	return rc;
}
