/* SPDX-License-Identifier: Apache-2.0 */
/* "toolpost plugin build": plain cc, so that an author needs no build
 * system. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli_priv.h"
#include "cli/plugin_source.h"
#include "crypto/digest.h"

#define MODULE_MAX ((size_t)64 * 1024 * 1024)

extern char **environ;

struct command {
	struct cli *c;
	const char *argv[CLI_COMMAND_MAX + 1];
	size_t len;
};

static void
add(struct command *k, const char *word)
{
	/* One more than fits is seen by command_build(). */
	if (k->len < CLI_COMMAND_MAX)
		k->argv[k->len] = word;
	k->len++;
}

/* The words of a variable as the shell and make would split them, without
 * quotes. */
static void
add_words(struct command *k, const char *text)
{
	struct str rest = str_of(text), word;

	while (rest.len > 0) {
		word = str_split(rest, ' ', &rest);
		if (word.len > 0)
			add(k, cli_format(k->c, "%.*s", STR_FMT(word)));
	}
}

static bool
has_headers(const char *dir)
{
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/toolpost/plugin.h", dir);
	return access(path, R_OK) == 0;
}

/* The folder without "..", for a command that people read. */
static const char *
resolved(struct cli *c, const char *dir)
{
	char *whole = realpath(dir, NULL);
	const char *text = whole != NULL ? cli_format(c, "%s", whole) : NULL;

	free(whole);
	return text;
}

/* Where the headers are: told, beside this program as installed or as built,
 * or where the package puts them. */
static const char *
include_dir(struct cli *c)
{
	static const char *const beside[] = { "../include", "../../sdk/include",
		"../sdk/include", "sdk/include" };
	struct str self = cli_self(c);
	const char *dir = getenv("TOOLPOST_INCLUDE");
	size_t i;

	if (dir != NULL)
		return dir;
	while (self.len > 0 && self.ptr[self.len - 1] != '/')
		self.len--;
	for (i = 0; self.len > 0 && i < sizeof beside / sizeof *beside; i++) {
		dir = cli_format(c, "%.*s%s", STR_FMT(self), beside[i]);
		if (dir != NULL && has_headers(dir))
			return resolved(c, dir);
	}
	return has_headers(TOOLPOST_INCLUDE_DIR) ? TOOLPOST_INCLUDE_DIR : NULL;
}

static int
command_build(struct command *k, const struct cli_plugin_source *s,
    const char *out, struct err *err)
{
	struct cli *c = k->c;
	const char *include = include_dir(c), *cc = getenv("CC");
	const char *flags = getenv("CFLAGS");
	size_t i;

	if (include == NULL)
		return err_set(err, ERR_NOTFOUND,
		    "the headers are not found (hint: install toolpost-dev, "
		    "or set TOOLPOST_INCLUDE)");
	add_words(k, cc != NULL && cc[0] != '\0' ? cc : "cc");
	add(k, "-std=gnu11");
	add_words(k, flags != NULL ? flags : "-O2 -g -Wall -Wextra");
	add(k, "-shared");
	add(k, "-fPIC");
	add(k, "-fvisibility=hidden");
	if (c->asan) {
		/* Its own functions come from the program that loads it. */
		add(k, "-fsanitize=address,undefined");
		add(k, "-Wl,-z,now");
	} else {
		add(k, "-Wl,-z,defs,-z,now");
	}
	add(k, cli_format(c, "-I%s", include));
	add_words(k, getenv("LDFLAGS"));
	add(k, "-o");
	add(k, out);
	for (i = 0; i < s->files.len; i++)
		add(k, s->files.items[i]);
	for (i = 1; i < c->words.len; i++)
		add(k, c->words.items[i]);
	add_words(k, getenv("LDLIBS"));
	if (c->arena.failed)
		return err_set(err, ERR_NOMEM, "no memory");
	if (k->len > CLI_COMMAND_MAX)
		return err_set(err, ERR_LIMIT,
		    "more than %d words for the compiler", CLI_COMMAND_MAX);
	k->argv[k->len] = NULL;
	return 0;
}

static int
command_run(const struct command *k, struct err *err)
{
	union {
		const char *const *in;
		char *const *out;
	} argv = { .in = k->argv }; /* posix_spawnp does not write to it */
	struct buf line;
	pid_t child;
	size_t i;
	int rc, status = 0;

	if (k->argv[0] == NULL)
		return err_set(err, ERR_NOMEM, "no memory");
	if (k->c->verbose > 0) {
		buf_init(&line);
		for (i = 0; i < k->len; i++)
			buf_printf(&line, "%s%s", i > 0 ? " " : "", k->argv[i]);
		buf_char(&line, '\n');
		(void)file_write_all(STDERR_FILENO, line.ptr, line.len);
		buf_finish(&line); /* it was for the reader alone */
	}
	rc = posix_spawnp(&child, k->argv[0], NULL, NULL, argv.out, environ);
	if (rc != 0)
		return err_set_errno(err, ERR_IO, rc,
		    "cannot run the compiler \"%s\"", k->argv[0]);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return err_set_errno(
			    err, ERR_IO, errno, "the compiler");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, ERR_CONFIG, "%s failed (status %d)", k->argv[0],
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static int
digest_of(const char *path, char *hex, struct err *err)
{
	unsigned char sum[CRYPTO_SHA256_LEN];
	struct buf bytes;
	int rc;

	buf_init(&bytes);
	rc = file_read_trusted(&bytes, path, MODULE_MAX, err);
	if (rc == 0 && crypto_sha256(buf_view(&bytes), sum) < 0)
		rc = err_set(err, ERR_INTERNAL, "%s: no digest", path);
	if (rc == 0)
		crypto_hex(sum, sizeof sum, hex);
	buf_finish(&bytes);
	return rc;
}

static int
report(const struct cli *c, const struct cli_plugin_source *s)
{
	struct stat st = { .st_size = 0 };
	struct buf out;
	int rc;

	(void)stat(s->module_path, &st); /* a size of 0 is harmless */
	buf_init(&out);
	if (c->json) {
		BUF_LIT(&out, "{\"plugin\":");
		buf_json(&out, s->name);
		BUF_LIT(&out, ",\"module\":");
		buf_json(&out, str_of(s->module_path));
		buf_printf(&out, ",\"bytes\":%lld}\n", (long long)st.st_size);
	} else if (c->quiet == 0) {
		buf_printf(&out, "built %s (%lld kB)\n", s->module_path,
		    (long long)(st.st_size + 999) / 1000);
	}
	rc = cli_print(c, buf_view(&out));
	buf_finish(&out);
	return rc;
}

/* A watching server sees the old module or the new one, never a half. */
static int
build(struct cli *c, struct cli_plugin_source *s, struct err *err)
{
	struct command k = { .c = c };
	const char *temporary =
	    cli_format(c, "%s/.%s.%ld", s->dir, s->module, (long)getpid());
	char hex[2 * CRYPTO_SHA256_LEN + 1];
	int rc;

	if (temporary == NULL)
		return err_set(err, ERR_NOMEM, "no memory");
	rc = command_build(&k, s, temporary, err);
	if (rc == 0)
		rc = command_run(&k, err);
	/* What a group may write to is not loaded, whatever the umask is. */
	if (rc == 0 && chmod(temporary, 0755) < 0)
		rc = err_set_errno(err, ERR_IO, errno, "%s", temporary);
	if (rc == 0)
		rc = digest_of(temporary, hex, err);
	if (rc == 0 && rename(temporary, s->module_path) < 0)
		rc = err_set_errno(err, ERR_IO, errno, "%s", s->module_path);
	if (rc < 0)
		(void)unlink(temporary); /* may not be there yet */
	else if (c->pin)
		rc = cli_plugin_pin(s, hex, err);
	else if (s->pinned)
		cli_note(c,
		    "%s pins another build: \"plugin build --pin\" writes "
		    "the new sum",
		    s->manifest);
	return rc;
}

int
cli_plugin_build(struct cli *c)
{
	const char *dir = c->words.len > 0 ? c->words.items[0] : ".";
	struct cli_plugin_source s;
	struct err err;
	int rc;

	rc = cli_plugin_source_find(&s, c, dir, &err);
	if (rc == 0)
		rc = build(c, &s, &err);
	if (rc == ERR_NOTFOUND || rc == ERR_CONFIG)
		return cli_fail(c, CLI_CONFIG, &err);
	return rc < 0 ? cli_fail(c, CLI_USAGE, &err) : report(c, &s);
}
