/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to standard output and standard error, and how. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/file.h"
#include "cli/cli_priv.h"

bool
cli_is_terminal(int fd)
{
	return isatty(fd) == 1;
}

size_t
cli_width(void)
{
	struct winsize size;

	if (!cli_is_terminal(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

/* NO_COLOR, CLICOLOR_FORCE and TERM=dumb as everywhere. */
static bool
has_color(const struct cli *c)
{
	const char *term = getenv("TERM"), *force = getenv("CLICOLOR_FORCE");
	const char *none = getenv("NO_COLOR");

	if (c->color != CLI_COLOR_AUTO)
		return c->color == CLI_COLOR_ALWAYS;
	if (none != NULL && none[0] != '\0')
		return false;
	if (force != NULL && strcmp(force, "0") != 0 && force[0] != '\0')
		return true;
	return cli_is_terminal(STDERR_FILENO) && term != NULL
	    && strcmp(term, "dumb") != 0;
}

/* The names scripts see: stable. */
static const char *
exit_code_name(enum cli_exit status)
{
	static const char *const names[] = { "done", "usage", "no_match",
		"auth_required", "unreachable", "tool_error",
		"config_invalid" };

	return names[status];
}

static void
fail_json(
    const struct cli *c, enum cli_exit status, struct str text, struct buf *out)
{
	buf_printf(out,
	    "{\"error\":{\"code\":\"%s\",\"message\":", exit_code_name(status));
	buf_json(out, text);
	if (c->failed_status != 0)
		buf_printf(out, ",\"status\":%d", c->failed_status);
	if (c->failed_url != NULL) {
		BUF_LIT(out, ",\"url\":");
		buf_json(out, str_of(c->failed_url));
	}
	BUF_LIT(out, "}}\n");
}

int
cli_fail(const struct cli *c, enum cli_exit status, const struct err *err)
{
	struct buf out;
	struct str rest = str_of(err->text);

	buf_init(&out);
	if (c->json) {
		fail_json(c, status, rest, &out);
	} else {
		buf_cstr(
		    &out, has_color(c) ? "\033[31merror:\033[0m " : "error: ");
		while (rest.len > 0) { /* findings in files have lines */
			cli_line(&out, str_split(rest, '\n', &rest));
			buf_char(&out, '\n');
		}
	}
	/* Nobody is left to tell when standard error is gone. */
	(void)file_write_all(STDERR_FILENO, out.ptr, out.len);
	buf_finish(&out);
	return (int)status;
}

int
cli_failf(const struct cli *c, enum cli_exit status, const char *fmt, ...)
{
	struct err err = { 0, "" };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err.text, sizeof err.text, fmt, ap); /* cut */
	va_end(ap);
	return cli_fail(c, status, &err);
}

int
cli_print(const struct cli *c, struct str text)
{
	if (text.len == 0
	    || file_write_all(STDOUT_FILENO, text.ptr, text.len) == 0)
		return CLI_DONE;
	return cli_failf(c, CLI_USAGE, "standard output: %s", strerror(errno));
}

void
cli_note(const struct cli *c, const char *fmt, ...)
{
	struct err line = { 0, "" };
	struct buf out;
	va_list ap;

	if (c->quiet > 0)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line.text, sizeof line.text, fmt, ap); /* cut */
	va_end(ap);
	buf_init(&out);
	cli_line(&out, str_of(line.text));
	buf_char(&out, '\n');
	(void)file_write_all(STDERR_FILENO, out.ptr, out.len); /* a note */
	buf_finish(&out);
}

void
cli_line(struct buf *out, struct str text)
{
	char unit[ESCAPE_UNIT_MAX];

	while (text.len > 0) {
		size_t n = escape_next(&text, ESCAPE_PLAIN, unit);

		buf_append(out, unit, n);
	}
}

void
cli_text(struct buf *out, struct str text, bool terminal)
{
	char unit[ESCAPE_UNIT_MAX];
	size_t n;

	if (!terminal) {
		buf_str(out, text);
		return;
	}
	while (text.len > 0) {
		if (text.ptr[0] == '\n' || text.ptr[0] == '\t') {
			buf_char(out, text.ptr[0]);
			text = str_sub(text, 1, text.len);
			continue;
		}
		n = escape_next(&text, ESCAPE_PLAIN, unit);
		buf_append(out, unit, n);
	}
}

struct str
cli_self(struct cli *c)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path);

	if (n <= 0 || n == (ssize_t)sizeof path)
		return STR_NONE;
	return arena_dup(&c->arena, (struct str){ path, (size_t)n });
}

const char *
cli_format(struct cli *c, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	text = n >= 0 ? arena_alloc(&c->arena, (size_t)n + 1) : NULL;
	if (text == NULL)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(text, (size_t)n + 1, fmt, ap); /* has the room */
	va_end(ap);
	return text;
}
