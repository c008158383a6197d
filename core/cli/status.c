/* SPDX-License-Identifier: Apache-2.0 */
/* "toolpost status" and "toolpost plugin list": what a server is doing. */
#include "cli/admin.h"

#include "base/check.h"

enum { PROBE_LIVE, PROBE_READY };

/* One line: what others said is escaped, and its lines become one. */
static struct str
cell(struct cli *c, struct str text)
{
	struct buf b;
	struct str s;

	buf_init(&b);
	cli_line(&b, text);
	s = arena_dup(&c->arena, buf_view(&b));
	buf_finish(&b);
	return s;
}

static struct str
number_cell(struct cli *c, int64_t n)
{
	return str_of(cli_format(c, "%lld", (long long)n));
}

/* With several runners: how many serve of how many, and those that stand by. */
static struct str
isolation_cell(struct cli *c, const struct json_node *p)
{
	long long runners = cli_number(p, "runners");
	long long spare = cli_number(p, "spare");
	struct str s = cell(c, cli_member(p, "isolation"));
	const char *text;

	if (runners < 2 && spare < 1)
		return s;
	text = cli_format(c, "%.*s %lld/%lld", STR_FMT(s),
	    (long long)cli_number(p, "serving"), runners);
	if (spare > 0)
		text = cli_format(c, "%s +%lld", text,
		    (long long)cli_number(p, "standingBy"));
	return str_of(text);
}

static void
plugin_row(struct cli *c, const struct json_node *p, struct str *row)
{
	const struct json_node *calls = json_get(p, S("calls"));
	int64_t all = cli_number(calls, "ok") + cli_number(calls, "error")
	    + cli_number(calls, "busy") + cli_number(calls, "deadline")
	    + cli_number(calls, "cancelled") + cli_number(calls, "lost");
	struct buf age;

	buf_init(&age);
	cli_span(&age, cli_number(p, "ageMs"));
	row[0] = cell(c, cli_member(p, "name"));
	row[1] = cell(c, cli_member(p, "version"));
	row[2] = cell(c, cli_member(p, "state"));
	row[3] = arena_dup(&c->arena, buf_view(&age));
	row[4] = number_cell(c, cli_number(p, "generation"));
	row[5] = isolation_cell(c, p);
	row[6] = number_cell(c, cli_number(json_get(p, S("counts")), "tools"));
	row[7] = number_cell(c, all);
	row[8] = number_cell(c, all - cli_number(calls, "ok"));
	row[9] = number_cell(c, cli_number(p, "restarts"));
	row[10] = cell(c, cli_member(p, "lastError"));
	buf_finish(&age);
}

void
cli_plugin_rows(struct cli *c, const struct json_node *plugins, struct buf *out)
{
	static const struct str head[] = { STR("PLUGIN"), STR("VERSION"),
		STR("STATE"), STR("SINCE"), STR("GEN"), STR("ISOLATION"),
		STR("TOOLS"), STR("CALLS"), STR("FAILED"), STR("RESTARTS"),
		STR("REASON") };
	size_t columns = ARRAY_LEN(head), rows = 1;
	struct str *cells = arena_zalloc(
	    &c->arena, (json_count(plugins) + 1) * columns * sizeof *cells);

	if (cells == NULL) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < columns; i++)
		cells[i] = head[i];
	JSON_EACH_ELEMENT (p, plugins)
		plugin_row(c, p, cells + rows++ * columns);
	cli_table(cells, rows, columns, out);
	out->failed = out->failed || c->arena.failed;
}

static void
head_write(const struct json_node *s, struct buf *out)
{
	BUF_LIT(out, "toolpost ");
	cli_line(out, cli_member(s, "version"));
	buf_printf(out, ", pid %lld, ", (long long)cli_number(s, "pid"));
	cli_line(out, cli_member(s, "phase"));
	BUF_LIT(out, " for ");
	cli_span(out, cli_number(s, "uptimeMs"));
	BUF_LIT(out, "\n");
	JSON_EACH_ELEMENT (a, json_get(s, S("listen"))) {
		BUF_LIT(out, "address   ");
		cli_line(out, json_str(a));
		buf_char(out, '\n');
	}
}

static void
counts_write(const struct json_node *s, struct buf *out)
{
	const struct json_node *p = json_get(s, S("process"));
	int64_t all = cli_number(s, "reactors");
	int64_t turning = cli_number(s, "reactorsTurning");

	buf_printf(out,
	    "clients   %lld connections, %lld sessions, %lld streams, %lld "
	    "calls in flight\n",
	    (long long)cli_number(s, "connections"),
	    (long long)cli_number(s, "sessions"),
	    (long long)cli_number(s, "streams"),
	    (long long)cli_number(s, "calls"));
	buf_printf(out, "threads   %lld reactors, %lld workers", (long long)all,
	    (long long)cli_number(s, "workers"));
	if (turning < all)
		buf_printf(out,
		    "; reactor %lld does not turn: a handler "
		    "blocks it",
		    (long long)cli_number(s, "reactorStuck"));
	BUF_LIT(out, "\nprocess   ");
	cli_size(out, cli_number(p, "residentBytes"));
	buf_printf(out, " resident, %lld of %lld descriptors, ",
	    (long long)cli_number(p, "fds"),
	    (long long)cli_number(p, "fdsMax"));
	cli_span(out, cli_number(p, "cpuMs"));
	BUF_LIT(out, " of processor time\n");
}

static void
page_write(struct cli *c, const struct json_node *s, struct buf *out)
{
	const struct json_node *plugins = json_get(s, S("plugins"));
	const struct json_node *draining = json_get(s, S("draining"));
	const struct json_node *last = json_get(s, S("lastReload"));

	head_write(s, out);
	counts_write(s, out);
	if (last != NULL) {
		BUF_LIT(out, "reload    ");
		cli_span(out, cli_number(last, "ageMs"));
		BUF_LIT(out, " ago\n");
		(void)cli_changes(json_get(last, S("changes")), NULL, out);
	}
	if (json_count(draining) > 0) {
		BUF_LIT(out, "draining\n");
		cli_draining(draining, NULL, "  ", out);
	}
	buf_printf(out, "plugins   %zu\n", json_count(plugins));
	if (json_count(plugins) > 0) {
		BUF_LIT(out, "\n");
		cli_plugin_rows(c, plugins, out);
	}
}

/* For a HEALTHCHECK: the status says it all. */
static int
probe(struct cli *c)
{
	struct cli_admin_answer a;
	int rc;

	cli_admin_init(&a);
	rc = cli_admin_ask(
	    c, "GET", c->probe == PROBE_LIVE ? "/livez" : "/readyz", &a);
	if (rc == CLI_DONE && a.status != 200)
		rc = cli_failf(c, CLI_USAGE, "%.*s",
		    STR_FMT(str_sub(buf_view(&a.text), 0,
			str_find(buf_view(&a.text), '\n'))));
	else if (rc == CLI_DONE && c->quiet == 0)
		rc = cli_print(c, c->json ? S("{\"ok\":true}\n") : S("ok\n"));
	cli_admin_finish(&a);
	return rc;
}

int
cli_status(struct cli *c)
{
	struct cli_admin_answer a;
	struct buf out;
	int rc;

	if (c->probe >= 0)
		return probe(c);
	cli_admin_init(&a);
	buf_init(&out);
	rc = cli_admin_get(c, "GET", "/status", &a);
	if (rc == CLI_DONE && c->json)
		rc = cli_print(c, buf_view(&a.text));
	else if (rc == CLI_DONE) {
		page_write(c, a.root, &out);
		rc = out.failed ? cli_failf(c, CLI_USAGE, "no memory")
				: cli_print(c, buf_view(&out));
	}
	buf_finish(&out);
	cli_admin_finish(&a);
	return rc;
}

int
cli_plugin_list(struct cli *c)
{
	const struct json_node *plugins;
	struct cli_admin_answer a;
	struct buf out;
	int rc;

	cli_admin_init(&a);
	buf_init(&out);
	rc = cli_admin_get(c, "GET", "/plugins", &a);
	plugins = rc == CLI_DONE ? json_get(a.root, S("plugins")) : NULL;
	if (rc == CLI_DONE && c->json)
		rc = cli_print(c, buf_view(&a.text));
	else if (rc == CLI_DONE && json_count(plugins) > 0) {
		cli_plugin_rows(c, plugins, &out);
		rc = out.failed ? cli_failf(c, CLI_USAGE, "no memory")
				: cli_print(c, buf_view(&out));
	} else if (rc == CLI_DONE)
		rc = cli_failf(c, CLI_NO_MATCH, "there are no plugins");
	if (rc == CLI_DONE && json_count(plugins) == 0)
		rc = CLI_NO_MATCH;
	buf_finish(&out);
	cli_admin_finish(&a);
	return rc;
}
