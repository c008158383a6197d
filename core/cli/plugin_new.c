/* SPDX-License-Identifier: Apache-2.0 */
/* "toolpost plugin new": a folder that builds and passes its test. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli_priv.h"
#include "cli/template.h"

#define PLUGIN_NAME_MAX 64

/* [a-z][a-z0-9_-]{0,63}, as the manifest wants it. */
static bool
is_plugin_name(struct str s)
{
	size_t i;

	if (s.len == 0 || s.len > PLUGIN_NAME_MAX || s.ptr[0] < 'a'
	    || s.ptr[0] > 'z')
		return false;
	for (i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')
		    && c != '_' && c != '-')
			return false;
	}
	return true;
}

/* Appends text with name for each mark. */
static void
fill(struct buf *out, struct str text, struct str mark, struct str name)
{
	while (text.len > 0) {
		if (str_starts(text, mark)) {
			buf_str(out, name);
			text = str_sub(text, mark.len, text.len);
		} else {
			buf_char(out, text.ptr[0]);
			text = str_sub(text, 1, text.len);
		}
	}
}

static int
file_write(const struct cli_template *t, const char *dir, struct str name,
    struct err *err)
{
	struct buf path, text;
	char *p;
	int rc;

	buf_init(&path);
	buf_init(&text);
	buf_printf(&path, "%s/", dir);
	fill(&path, str_of(t->name), S("NAME"), name);
	fill(&text, (struct str){ t->bytes, t->len }, S("@NAME@"), name);
	p = buf_take(&path);
	if (p == NULL || text.failed)
		rc = err_set(err, ERR_NOMEM, "no memory");
	else
		rc = file_replace(p, buf_view(&text), 0644, err);
	free(p);
	buf_finish(&text);
	return rc;
}

/* The folder's last part is the plugin's name. */
static struct str
base_name(struct str path)
{
	size_t i;

	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	for (i = path.len; i > 0 && path.ptr[i - 1] != '/'; i--)
		continue;
	return str_sub(path, i, path.len);
}

static int
report(const struct cli *c, const char *dir, struct str name)
{
	const struct cli_template *t;
	struct buf out;
	int rc;

	buf_init(&out);
	if (c->json) {
		BUF_LIT(&out, "{\"plugin\":");
		buf_json(&out, name);
		BUF_LIT(&out, ",\"folder\":");
		buf_json(&out, str_of(dir));
		BUF_LIT(&out, "}\n");
	} else if (c->quiet == 0) {
		buf_printf(&out, "%s:", dir);
		for (t = cli_template_c; t->name != NULL; t++) {
			buf_char(&out, ' ');
			fill(&out, str_of(t->name), S("NAME"), name);
		}
		buf_printf(&out, "\nnext: toolpost plugin build %s\n", dir);
	}
	rc = cli_print(c, buf_view(&out));
	buf_finish(&out);
	return rc;
}

int
cli_plugin_new(struct cli *c)
{
	const char *dir = c->words.items[0];
	struct str name = base_name(str_of(dir));
	const struct cli_template *t;
	struct err err;
	int rc = 0;

	if (!is_plugin_name(name))
		return cli_failf(c, CLI_USAGE,
		    "\"%.*s\" is no name for a plugin: a letter a-z, then "
		    "a-z, 0-9, _ and -, at most %d in all",
		    STR_FMT(name), PLUGIN_NAME_MAX);
	if (mkdir(dir, 0755) < 0)
		return cli_failf(c, CLI_USAGE, "%s: %s%s", dir, strerror(errno),
		    errno == EEXIST ? " (nothing was changed)" : "");
	for (t = cli_template_c; t->name != NULL && rc == 0; t++)
		rc = file_write(t, dir, name, &err);
	if (rc < 0)
		return cli_fail(c, CLI_USAGE, &err);
	return report(c, dir, name);
}
