/* SPDX-License-Identifier: Apache-2.0 */
/* Where the server is, and which era it speaks. */
#include "cli/client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/client_priv.h"

#define CANDIDATES_MAX 4

void
cli_client_init(struct cli_client *k, struct cli *c)
{
	memset(k, 0, sizeof *k);
	k->cli = c;
	k->revision = MCP_2026_07_28;
}

void
cli_answer_init(struct cli_answer *a)
{
	memset(a, 0, sizeof *a);
	buf_init(&a->text);
	json_doc_init(&a->doc);
}

void
cli_answer_finish(struct cli_answer *a)
{
	json_doc_finish(&a->doc);
	buf_finish(&a->text);
}

enum cli_exit
cli_client_exit(int code)
{
	switch (code) {
	case ERR_IO:
	case ERR_TIMEOUT:
	case ERR_NOTFOUND:
	case ERR_CLOSED:
		return CLI_UNREACHABLE;
	case ERR_DENIED:
		return CLI_AUTH;
	case ERR_PARAMS:
		return CLI_TOOL;
	default:
		return CLI_USAGE;
	}
}

int
cli_client_send(struct cli_client *k, const struct cli_request *r,
    struct cli_answer *a, struct err *err)
{
	return client_post(k, r, true, a, err);
}

static int
connect_to(struct cli_client *k, const char *url, struct err *err)
{
	struct http_url u;
	int rc;

	k->url = k->cli->failed_url = url;
	rc = http_url_parse(&u, str_of(url), err);
	if (rc < 0)
		return rc;
	http_client_destroy(k->http);
	k->http = http_client_create(&u, err);
	return k->http != NULL ? 0 : ERR_NOMEM;
}

static int
handshake(struct cli_client *k, struct cli_answer *a, struct err *err)
{
	const struct cli_request initialized = {
		.method = S("notifications/initialized")
	};
	struct cli_request r = { .method = S("initialize") };
	struct buf params;
	struct str version;
	int rc, revision;

	buf_init(&params);
	BUF_LIT(&params, "\"protocolVersion\":");
	buf_json(&params, mcp_revision_name(k->revision));
	BUF_LIT(&params,
	    ",\"capabilities\":{},\"clientInfo\":{\"name\":\"toolpost\","
	    "\"version\":\"" TOOLPOST_VERSION "\"}");
	r.params = buf_view(&params);
	rc = client_post(k, &r, true, a, err);
	buf_finish(&params);
	if (rc < 0)
		return rc;
	version = json_str(json_get(a->result, S("protocolVersion")));
	revision = mcp_revision_find(version);
	if (revision < 0
	    || (k->cli->protocol >= 0 && revision != k->cli->protocol))
		return err_set(err, ERR_VERSION,
		    "%s speaks protocol \"%.*s\", not %.*s", k->url,
		    STR_FMT(version), STR_FMT(mcp_revision_name(k->revision)));
	k->revision = (enum mcp_revision)revision;
	return client_post(k, &initialized, false, NULL, err);
}

static bool
is_offered(const struct json_node *result, enum mcp_revision revision)
{
	struct str name = mcp_revision_name(revision);

	JSON_EACH_ELEMENT (v, json_get(result, S("supportedVersions"))) {
		if (str_equal(json_str(v), name))
			return true;
	}
	return false;
}

/* The stateless era first; a server that does not know it says so in one of
 * several ways, and all of them lead to the handshake. */
static int
agree(struct cli_client *k, struct err *err)
{
	const struct cli_request discover = { .method = S("server/discover") };
	int wanted = k->cli->protocol;
	struct cli_answer a;
	int rc = ERR_VERSION;

	cli_answer_init(&a);
	k->revision = MCP_2026_07_28;
	if (wanted < 0 || wanted == MCP_2026_07_28) {
		rc = client_post(k, &discover, true, &a, err);
		if (rc == 0 && !is_offered(a.result, k->revision))
			rc = err_set(err, ERR_VERSION,
			    "%s does not speak protocol 2026-07-28", k->url);
	}
	if (rc < 0 && wanted != MCP_2026_07_28
	    && cli_client_exit(rc) != CLI_UNREACHABLE && rc != ERR_DENIED) {
		k->cli->failed_status = 0;
		k->revision = wanted >= 0 ? (enum mcp_revision)wanted
					  : MCP_NEWEST_STATEFUL;
		rc = handshake(k, &a, err);
	}
	cli_answer_finish(&a);
	return rc;
}

static size_t
candidates(struct cli *c, const char **urls)
{
	const char *env = getenv("TOOLPOST_URL");
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *path;
	size_t n = 0;

	if (c->url != NULL || (env != NULL && env[0] != '\0')) {
		urls[0] = c->url != NULL ? c->url : env;
		return 1;
	}
	path = runtime != NULL ? cli_format(c, "%s/toolpost/mcp.sock", runtime)
			       : NULL;
	if (path != NULL && access(path, R_OK | W_OK) == 0)
		urls[n++] = cli_format(c, "unix:%s", path);
	if (access(CLI_SOCKET_SYSTEM, R_OK | W_OK) == 0)
		urls[n++] = "unix:" CLI_SOCKET_SYSTEM;
	urls[n++] = CLI_URL_DEFAULT;
	return n;
}

int
cli_client_open(struct cli_client *k, struct err *err)
{
	const char *urls[CANDIDATES_MAX];
	size_t n = candidates(k->cli, urls), i;
	int rc = ERR_IO;

	for (i = 0; i < n; i++) {
		if (urls[i] == NULL)
			return err_set(err, ERR_NOMEM, "no memory");
		rc = connect_to(k, urls[i], err);
		if (rc == 0)
			rc = agree(k, err);
		/* Only one that is not there leads on to the next. */
		if (rc == 0 || cli_client_exit(rc) != CLI_UNREACHABLE)
			break;
	}
	if (rc == 0 && k->cli->verbose > 0)
		cli_note(k->cli, "%s answers, protocol %.*s", k->url,
		    STR_FMT(mcp_revision_name(k->revision)));
	return rc;
}

void
cli_client_cancel(struct cli_client *k)
{
	struct cli_request r = { .method = S("notifications/cancelled") };
	struct buf params;
	struct err err;

	buf_init(&params);
	buf_printf(&params,
	    "\"requestId\":%llu,\"reason\":\"the user has interrupted it\"",
	    (unsigned long long)k->last_id);
	r.params = buf_view(&params);
	k->cli->timeout = NS_PER_S;
	(void)client_post(k, &r, false, NULL, &err); /* we end anyway */
	buf_finish(&params);
}

void
cli_client_close(struct cli_client *k)
{
	if (k->http != NULL && k->session.len > 0)
		client_delete(k);
	http_client_destroy(k->http);
	k->http = NULL;
}

int
cli_client_each(struct cli_client *k, struct str method, struct str key,
    int (*fn)(void *arg, const struct json_node *item), void *arg,
    struct err *err)
{
	struct cli_request r = { .method = method };
	struct cli_answer a;
	struct buf params;
	struct str cursor;
	int rc = 0, page;

	cli_answer_init(&a);
	buf_init(&params);
	for (page = 0; page < CLI_PAGES_MAX; page++) {
		r.params = buf_view(&params);
		rc = cli_client_send(k, &r, &a, err);
		if (rc < 0)
			break;
		JSON_EACH_ELEMENT (v, json_get(a.result, key)) {
			rc = fn(arg, v);
			if (rc != 0)
				goto out;
		}
		cursor = json_str(json_get(a.result, S("nextCursor")));
		if (cursor.len == 0)
			break;
		buf_clear(&params);
		BUF_LIT(&params, "\"cursor\":");
		buf_json(&params, cursor);
	}
	if (page == CLI_PAGES_MAX)
		rc = err_set(err, ERR_LIMIT, "the list does not end");
out:
	buf_finish(&params);
	cli_answer_finish(&a);
	return rc;
}
