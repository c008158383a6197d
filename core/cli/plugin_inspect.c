/* SPDX-License-Identifier: Apache-2.0 */
/* "toolpost plugin inspect": one plugin with all that is known of it, from
 * the server, or from a manifest that no server has. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/admin.h"
#include "plugin/facts.h"

#define LABEL 12 /* columns before the text */

static void
label(struct buf *out, const char *text)
{
	buf_printf(out, "%-*s", LABEL, text);
}

static void
line(struct buf *out, const char *name, struct str text)
{
	if (text.len == 0)
		return;
	label(out, name);
	cli_line(out, text);
	buf_char(out, '\n');
}

static void
head_write(const struct json_node *p, struct buf *out)
{
	const struct json_node *m = json_get(p, S("manifest"));
	struct str version = cli_member(m, "version");
	struct str state = cli_member(p, "state");

	cli_line(out, cli_member(p, "name"));
	if (version.len > 0) {
		buf_char(out, ' ');
		cli_line(out, version);
	}
	BUF_LIT(out, ": ");
	if (state.len == 0)
		BUF_LIT(out, "not asked of a server");
	cli_line(out, state);
	if (json_get(p, S("ageMs")) != NULL) {
		BUF_LIT(out, " for ");
		cli_span(out, cli_number(p, "ageMs"));
	}
	if (cli_number(p, "generation") > 0)
		buf_printf(out, ", generation %lld",
		    (long long)cli_number(p, "generation"));
	buf_char(out, '\n');
	line(out, "about", cli_member(m, "description"));
	line(out, "reason", cli_member(p, "lastError"));
	line(out, "last words", cli_member(p, "lastWords"));
}

static void
origin_write(const struct json_node *p, struct buf *out)
{
	const struct json_node *m = json_get(p, S("manifest"));
	struct str path = cli_member(p, "path");

	line(out, "manifest", path.len > 0 ? path : cli_member(m, "manifest"));
	path = cli_member(p, "modulePath");
	line(out, "module", path.len > 0 ? path : cli_member(m, "module"));
	line(out, "sha256", cli_member(p, "sha256"));
	line(out, "shadows", cli_member(p, "shadows"));
}

static void
isolation_write(const struct json_node *p, struct buf *out)
{
	const struct json_node *r = json_get(p, S("runner"));
	struct str at = cli_member(p, "isolationAt");

	if (cli_member(p, "isolation").len == 0)
		return;
	label(out, "isolation");
	cli_line(out, cli_member(p, "isolation"));
	if (at.len > 0) {
		BUF_LIT(out, ", decided by ");
		cli_line(out, at);
	} else {
		BUF_LIT(out, ", by default: nobody says more");
	}
	if (r != NULL) {
		BUF_LIT(out, ", as ");
		cli_line(out, cli_member(r, "user"));
		buf_printf(out, " (uid %lld, gid %lld)",
		    (long long)cli_number(r, "uid"),
		    (long long)cli_number(r, "gid"));
	}
	buf_char(out, '\n');
	JSON_EACH_ELEMENT (l, json_get(r, S("processes"))) {
		label(out, "runner");
		buf_printf(out, "pid %lld, ", (long long)cli_number(l, "pid"));
		cli_line(out, cli_member(l, "state"));
		buf_printf(
		    out, ", %lld calls, ", (long long)cli_number(l, "calls"));
		cli_size(out, cli_number(l, "residentBytes"));
		buf_char(out, '\n');
	}
}

static void
grants_write(const struct json_node *p, struct buf *out)
{
	const struct json_node *g = json_get(p, S("grants"));
	const char *name = "may";

	JSON_EACH_ELEMENT (w, json_get(g, S("words"))) {
		label(out, name);
		cli_line(out, json_str(w));
		buf_char(out, '\n');
		name = "";
	}
	if (json_type(json_get(g, S("holds"))) == JSON_TRUE)
		line(out, name,
		    cli_member(g, "at").len > 0 ? S("as granted by:")
						: S("(nobody grants more)"));
	line(out, "", cli_member(g, "at"));
}

/* What its box has refused: what might be granted. */
static void
refused_write(const struct json_node *p, struct buf *out)
{
	const char *name = "refused";

	JSON_EACH_ELEMENT (r, json_get(p, S("refused"))) {
		struct str path = cli_member(r, "path");
		struct str grant = cli_member(r, "grant");

		label(out, name);
		cli_line(out, cli_member(r, "call"));
		buf_printf(
		    out, ", %lld times", (long long)cli_number(r, "times"));
		if (path.len > 0) {
			BUF_LIT(out, ", at last ");
			cli_line(out, path);
		}
		BUF_LIT(out, ": ");
		cli_line(out, grant.len > 0 ? grant : S("no grant opens it"));
		buf_char(out, '\n');
		name = "";
	}
	if (str_equal(
		cli_member(json_get(p, S("runner")), "refusals"), S("untold")))
		line(out, name,
		    S("refused calls are not told: this kernel "
		      "cannot"));
}

/* What keeps it from the network, where nothing of it is granted. */
static void
network_write(const struct json_node *p, struct buf *out)
{
	struct str by = cli_member(json_get(p, S("runner")), "network");

	if (str_equal(by, S("namespace")))
		line(out, "network",
		    S("none (an empty namespace, and its filter)"));
	else if (str_equal(by, S("filter")))
		line(out, "network", S("none (its filter alone)"));
}

static void
limits_write(const struct json_node *l, struct buf *out)
{
	int64_t n = cli_number(l, "concurrency");

	BUF_LIT(out, "timeout ");
	cli_span(out, cli_number(l, "timeoutMs"));
	if (n > 0)
		buf_printf(out, ", %lld at once, %lld waiting", (long long)n,
		    (long long)cli_number(l, "queue"));
	BUF_LIT(out, ", results up to ");
	cli_size(out, cli_number(l, "resultBytes"));
	n = cli_number(l, "ratePerMinute");
	if (n > 0)
		buf_printf(out, ", %lld a minute", (long long)n);
	if (cli_member(l, "retry").len > 0)
		BUF_LIT(out, ", may run twice");
	buf_char(out, '\n');
}

/* What the operator has set, and in place of what. */
static void
said_write(const struct json_node *l, struct buf *out)
{
	JSON_EACH_ELEMENT (s, json_get(l, S("set"))) {
		struct str tool = cli_member(s, "tool");
		struct str manifest = cli_member(s, "manifest");

		label(out, "");
		cli_line(out, tool);
		buf_cstr(out, tool.len > 0 ? " " : "");
		cli_line(out, cli_member(s, "key"));
		BUF_LIT(out, ": ");
		cli_line(out, cli_member(s, "value"));
		BUF_LIT(out, "  ");
		cli_line(out, cli_member(s, "at"));
		BUF_LIT(out, " (manifest ");
		cli_line(out, manifest.len > 0 ? manifest : S("says nothing"));
		BUF_LIT(out, ")\n");
	}
}

static void
entries_write(const struct json_node *m, struct buf *out)
{
	JSON_EACH_ELEMENT (e, json_get(m, S("entries"))) {
		struct str at = cli_member(e, "at");
		size_t n = at.len;

		buf_printf(
		    out, "%-*.*s", LABEL, STR_FMT(cli_member(e, "kind")));
		cli_line(out, cli_member(e, "name"));
		BUF_LIT(out, ", ");
		while (n > 0 && at.ptr[n - 1] != '/')
			n--;
		cli_line(out, str_sub(at, n, at.len));
		BUF_LIT(out, ": ");
		limits_write(e, out);
	}
}

static void
calls_write(const struct json_node *p, struct buf *out)
{
	const struct json_node *calls = json_get(p, S("calls"));
	const struct json_node *r = json_get(p, S("reloads"));
	const char *gap = "";

	if (calls == NULL)
		return;
	label(out, "calls");
	JSON_EACH_MEMBER (k, v, calls) {
		int64_t n = 0;

		if (json_i64(v, &n) < 0)
			continue;
		buf_printf(out, "%s%lld ", gap, (long long)n);
		cli_line(out, json_str(k));
		gap = ", ";
	}
	buf_char(out, '\n');
	if (cli_is(json_get(p, S("breaker")), "open"))
		line(out, "breaker", S("open: calls are refused"));
	label(out, "reloads");
	buf_printf(out,
	    "%lld ok, %lld rejected; %lld restarts of its runner; "
	    "%lld old generations resident\n",
	    (long long)cli_number(r, "ok"),
	    (long long)cli_number(r, "rejected"),
	    (long long)cli_number(p, "restarts"),
	    (long long)cli_number(p, "resident"));
}

static void
death_write(const struct json_node *p, struct buf *out)
{
	const struct json_node *d = json_get(p, S("lastDeath"));
	struct str words = cli_member(d, "words"), rest = words;

	if (d == NULL)
		return;
	label(out, "last death");
	cli_span(out, cli_number(d, "ageMs"));
	BUF_LIT(out, " ago: ");
	cli_line(out, cli_member(d, "reason"));
	buf_char(out, '\n');
	while (rest.len > 0)
		line(out, "", str_split(rest, '\n', &rest));
}

void
cli_plugin_page(const struct json_node *p, struct buf *out)
{
	const struct json_node *m = json_get(p, S("manifest"));
	const struct json_node *limits = json_get(m, S("limits"));

	head_write(p, out);
	origin_write(p, out);
	isolation_write(p, out);
	grants_write(p, out);
	network_write(p, out);
	refused_write(p, out);
	if (limits != NULL) {
		label(out, "limits");
		limits_write(limits, out);
		said_write(limits, out);
	}
	entries_write(m, out);
	calls_write(p, out);
	death_write(p, out);
	cli_draining(json_get(p, S("old")), NULL, "", out);
}

static int
page_print(struct cli *c, struct str json)
{
	struct json_doc doc;
	struct buf out;
	int rc;

	if (c->json)
		return cli_print(c, json);
	json_doc_init(&doc);
	buf_init(&out);
	if (json_parse(&doc, json, JSON_GRAMMAR) < 0) {
		rc = cli_failf(
		    c, CLI_USAGE, "the answer of the server is no JSON");
	} else {
		cli_plugin_page(doc.nodes, &out);
		rc = out.failed ? cli_failf(c, CLI_USAGE, "no memory")
				: cli_print(c, buf_view(&out));
	}
	buf_finish(&out);
	json_doc_finish(&doc);
	return rc;
}

/* As it runs where the operator says nothing: in a runner, with its grants. */
static void
manifest_object(const struct plugin_manifest *m, struct buf *out)
{
	char at[32];
	struct buf place;

	buf_init(&place);
	BUF_LIT(out, "{\"name\":");
	buf_json(out, m->name);
	/* "none" in a manifest has no effect. */
	BUF_LIT(out, ",\"isolation\":\"process\"");
	if (m->wants_process) {
		buf_printf(&place, "%s:%u:%u", m->path, m->isolation_at.line,
		    m->isolation_at.column);
		BUF_LIT(out, ",\"isolationAt\":");
		buf_json(out, buf_view(&place));
		buf_clear(&place);
	}
	BUF_LIT(out, ",\"manifest\":{\"name\":");
	buf_json(out, m->name);
	plugin_facts_manifest(m, out);
	buf_char(out, '}');
	(void)snprintf(at, sizeof at, ":%u:%u", m->grants_at.line,
	    m->grants_at.column); /* it fits */
	if (m->grants_at.line > 0)
		buf_printf(&place, "%s%s", m->path, at);
	plugin_facts_grants(&m->grants, true, buf_view(&place), out);
	BUF_LIT(out, "}\n");
	buf_finish(&place);
}

static int
file_inspect(struct cli *c, const char *path)
{
	struct plugin_manifest *m;
	struct diags diags;
	struct buf text;
	int rc;

	diags_init(&diags);
	buf_init(&text);
	m = plugin_manifest_load(path, NULL, &diags);
	diags_print(&diags, &text);
	(void)file_write_all(STDERR_FILENO, text.ptr, text.len);
	buf_clear(&text);
	if (m != NULL) {
		manifest_object(m, &text);
		rc = page_print(c, buf_view(&text));
	} else {
		rc = cli_failf(
		    c, CLI_CONFIG, "%s is no manifest that works", path);
	}
	plugin_manifest_destroy(m);
	buf_finish(&text);
	diags_finish(&diags);
	return rc;
}

int
cli_plugin_name_check(struct cli *c, const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	if (n == strlen(name) && n > 0 && n < 100)
		return CLI_DONE;
	return cli_failf(c, CLI_USAGE,
	    "\"%s\" is no name of a plugin (hint: a file is PATH/NAME.yaml)",
	    name);
}

int
cli_plugin_inspect(struct cli *c)
{
	const char *what = c->words.items[0];
	struct cli_admin_answer a;
	const char *path;
	int rc;

	if (strchr(what, '/') != NULL || str_ends(str_of(what), S(".yaml")))
		return file_inspect(c, what);
	rc = cli_plugin_name_check(c, what);
	if (rc != CLI_DONE)
		return rc;
	path = cli_format(c, "/plugins/%s", what);
	if (path == NULL)
		return cli_failf(c, CLI_USAGE, "no memory");
	cli_admin_init(&a);
	rc = cli_admin_get(c, "GET", path, &a);
	if (rc == CLI_DONE)
		rc = page_print(c, buf_view(&a.text));
	cli_admin_finish(&a);
	return rc;
}
