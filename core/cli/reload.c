/* SPDX-License-Identifier: Apache-2.0 */
/* "toolpost reload", "plugin reload", "plugin enable": by hand, with what
 * came of it. */
#include <string.h>

#include "base/clock.h"
#include "cli/admin.h"

static bool
is_other(const struct json_node *n, const char *only)
{
	return only != NULL
	    && !str_equal(cli_member(n, "plugin"), str_of(only));
}

/* A value as it was sent, shortened. */
static void
value_write(const struct json_node *v, struct buf *out)
{
	struct str raw = json_raw(v);

	if (v == NULL) {
		BUF_LIT(out, "nothing");
		return;
	}
	cli_line(out, str_sub(raw, 0, 60));
	if (raw.len > 60)
		BUF_LIT(out, "..");
}

static void
difference_write(const struct json_node *d, struct buf *out)
{
	const struct json_node *was = json_get(d, S("was"));
	const struct json_node *now = json_get(d, S("now"));

	cli_line(out, cli_member(d, "what"));
	if (json_get(d, S("pointer")) != NULL) {
		buf_char(out, ' ');
		cli_line(out, cli_member(d, "pointer"));
	}
	if (was == NULL && now == NULL) {
		BUF_LIT(out, ": changed\n");
		return;
	}
	BUF_LIT(out, ": ");
	value_write(was, out);
	BUF_LIT(out, " -> ");
	value_write(now, out);
	buf_char(out, '\n');
}

static char
sign_of(struct str change)
{
	return str_equal(change, S("added"))  ? '+'
	    : str_equal(change, S("removed")) ? '-'
	    : str_equal(change, S("refused")) ? '!'
	    : str_equal(change, S("later"))   ? '.'
					      : '~';
}

static void
entry_write(const struct json_node *e, struct buf *out)
{
	const struct json_node *list = json_get(e, S("differences"));

	if (list == NULL) {
		buf_printf(out, "    %c ", sign_of(cli_member(e, "change")));
		cli_line(out, cli_member(e, "kind"));
		buf_char(out, ' ');
		cli_line(out, cli_member(e, "name"));
		buf_char(out, '\n');
		return;
	}
	JSON_EACH_ELEMENT (d, list) {
		BUF_LIT(out, "    ~ ");
		cli_line(out, cli_member(e, "kind"));
		buf_char(out, ' ');
		cli_line(out, cli_member(e, "name"));
		BUF_LIT(out, ": ");
		difference_write(d, out);
	}
}

static void
change_head(const struct json_node *n, char sign, struct buf *out)
{
	struct str version = cli_member(n, "version");
	int64_t now = cli_number(n, "generation"), was = cli_number(n, "old");

	buf_printf(out, "  %c ", sign);
	cli_line(out, cli_member(n, "plugin"));
	if (version.len > 0) {
		buf_char(out, ' ');
		cli_line(out, version);
	}
	if (sign == '!') {
		buf_printf(out, ": refused, %s goes on: ",
		    now > 0 ? "the one before" : "nothing");
		cli_line(out, cli_member(n, "error"));
	} else if (sign == '.') {
		BUF_LIT(out, ": its files are being written; tried again");
	} else if (now > 0) {
		buf_printf(out, ": generation %lld warm in %lld ms",
		    (long long)now, (long long)cli_number(n, "ms"));
		if (was > 0)
			buf_printf(
			    out, ", replaces generation %lld", (long long)was);
	} else {
		buf_printf(
		    out, ": removed, was generation %lld", (long long)was);
	}
	buf_char(out, '\n');
}

size_t
cli_changes(const struct json_node *changes, const char *only, struct buf *out)
{
	size_t refused = 0;

	JSON_EACH_ELEMENT (n, changes) {
		char sign = sign_of(cli_member(n, "change"));

		if (is_other(n, only))
			continue;
		refused += sign == '!';
		change_head(n, sign, out);
		if (sign == '-')
			continue; /* with all that it had */
		JSON_EACH_ELEMENT (d, json_get(n, S("differences"))) {
			BUF_LIT(out, "    ~ ");
			difference_write(d, out);
		}
		JSON_EACH_ELEMENT (e, json_get(n, S("entries")))
			entry_write(e, out);
	}
	return refused;
}

void
cli_draining(const struct json_node *list, const char *only, const char *indent,
    struct buf *out)
{
	JSON_EACH_ELEMENT (n, list) {
		const struct json_node *oldest = json_get(n, S("oldest"));

		if (is_other(n, only))
			continue;
		buf_cstr(out, indent);
		cli_line(out, cli_member(n, "plugin"));
		buf_printf(out, " generation %lld drains for ",
		    (long long)cli_number(n, "generation"));
		cli_span(out, cli_number(n, "ageMs"));
		BUF_LIT(out, ": ");
		cli_line(out, cli_member(n, "reason"));
		if (oldest != NULL) {
			BUF_LIT(out, ", the oldest ");
			cli_line(out, cli_member(oldest, "entry"));
			BUF_LIT(out, " for ");
			cli_span(out, cli_number(oldest, "ageMs"));
		}
		buf_char(out, '\n');
	}
}

static bool
is_among(const struct json_node *changes, const char *name)
{
	JSON_EACH_ELEMENT (n, changes)
		if (!is_other(n, name))
			return true;
	return false;
}

static void
nothing_write(const struct json_node *r, const char *only, struct buf *out)
{
	const struct json_node *earlier = json_get(r, S("earlier"));

	BUF_LIT(out, "nothing has changed\n");
	if (json_count(earlier) == 0 || (only && !is_among(earlier, only)))
		return;
	BUF_LIT(out, "before that, ");
	cli_span(out, cli_number(r, "earlierMs"));
	BUF_LIT(out, " ago:\n");
	(void)cli_changes(earlier, only, out);
}

/* What came of the configuration; true: it was refused. */
static bool
configuration_write(const struct json_node *r, struct buf *out)
{
	const struct json_node *c = json_get(r, S("configuration"));
	struct str error = cli_member(c, "error");

	if (error.len > 0) {
		BUF_LIT(out,
		    "  ! configuration: refused, what was read before "
		    "counts: ");
		cli_line(out, error);
		buf_char(out, '\n');
	}
	JSON_EACH_ELEMENT (k, json_get(c, S("restart"))) {
		BUF_LIT(out, "  . ");
		cli_line(out, json_str(k));
		BUF_LIT(out, ": changed, takes a restart\n");
	}
	return error.len > 0;
}

/* What the server answered, for people; the exit status. */
static int
result_print(struct cli *c, const struct json_node *r, const char *only)
{
	const struct json_node *changes = json_get(r, S("changes"));
	size_t refused = 0;
	struct buf out;
	bool bad;
	int rc;

	buf_init(&out);
	bad = configuration_write(r, &out);
	if (only != NULL ? is_among(changes, only) : json_count(changes) > 0)
		refused = cli_changes(changes, only, &out);
	else
		nothing_write(r, only, &out);
	cli_draining(json_get(r, S("draining")), only, "  ", &out);
	if (only == NULL && json_count(changes) > 0)
		buf_printf(&out,
		    "%lld added, %lld replaced, %lld removed, %lld refused, "
		    "%lld unchanged; %lld ms\n",
		    (long long)cli_number(r, "added"),
		    (long long)cli_number(r, "replaced"),
		    (long long)cli_number(r, "removed"),
		    (long long)cli_number(r, "refused"),
		    (long long)cli_number(r, "unchanged"),
		    (long long)cli_number(r, "ms"));
	rc = c->quiet > 0 ? CLI_DONE : cli_print(c, buf_view(&out));
	buf_finish(&out);
	return rc == CLI_DONE && (refused > 0 || bad) ? CLI_CONFIG : rc;
}

static size_t
refused_count(const struct json_node *changes, const char *only)
{
	size_t n = 0;

	JSON_EACH_ELEMENT (v, changes)
		n += !is_other(v, only)
		    && str_equal(cli_member(v, "change"), S("refused"));
	return n;
}

/* The path with how long the server may wait; NULL without memory. */
static const char *
with_wait(struct cli *c, const char *path)
{
	int64_t s = c->timeout / NS_PER_S;

	if (!c->wait)
		return path;
	return cli_format(c, "%s?wait=%lld", path, (long long)(s > 1 ? s : 1));
}

static int
answer_show(struct cli *c, const struct cli_admin_answer *a, const char *only)
{
	int rc;

	if (!c->json)
		return result_print(c, a->root, only);
	rc = cli_print(c, buf_view(&a->text));
	if (rc == CLI_DONE
	    && (refused_count(json_get(a->root, S("changes")), only) > 0
		|| cli_member(json_get(a->root, S("configuration")), "error")
			.len
		    > 0))
		rc = CLI_CONFIG;
	return rc;
}

/* A name that no plugin has is a mistake, not a reload of nothing. */
static int
name_check(struct cli *c, const char *name)
{
	struct cli_admin_answer a;
	const char *path = cli_format(c, "/plugins/%s", name);
	int rc;

	cli_admin_init(&a);
	rc = path != NULL ? cli_admin_ask(c, "GET", path, &a) : CLI_USAGE;
	if (rc == CLI_DONE && a.status == 404)
		rc = cli_failf(c, CLI_NO_MATCH, "there is no plugin %s", name);
	cli_admin_finish(&a);
	return rc;
}

int
cli_reload(struct cli *c)
{
	const char *only = c->words.len > 0 ? c->words.items[0] : NULL;
	const char *path = with_wait(c, "/reload");
	struct cli_admin_answer a;
	int rc;

	if (path == NULL)
		return cli_failf(c, CLI_USAGE, "no memory");
	if (only != NULL && (rc = cli_plugin_name_check(c, only)) != CLI_DONE)
		return rc;
	cli_admin_init(&a);
	rc = cli_admin_get(c, "POST", path, &a);
	if (rc == CLI_DONE && only != NULL
	    && !is_among(json_get(a.root, S("changes")), only))
		rc = name_check(c, only);
	if (rc == CLI_DONE)
		rc = answer_show(c, &a, only);
	cli_admin_finish(&a);
	return rc;
}

int
cli_plugin_enable(struct cli *c)
{
	const char *name = c->words.items[0];
	const char *path = cli_format(c, "/plugins/%s/enable", name);
	struct cli_admin_answer a;
	int rc = cli_plugin_name_check(c, name);

	if (rc != CLI_DONE)
		return rc;
	if (path != NULL)
		path = with_wait(c, path);
	if (path == NULL)
		return cli_failf(c, CLI_USAGE, "no memory");
	cli_admin_init(&a);
	rc = cli_admin_get(c, "POST", path, &a);
	if (rc == CLI_DONE && !c->json && cli_is(a.root, "already"))
		cli_note(c, "%s serves already", name);
	else if (rc == CLI_DONE)
		rc = answer_show(c, &a, name);
	cli_admin_finish(&a);
	return rc;
}
