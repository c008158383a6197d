/* SPDX-License-Identifier: Apache-2.0 */
/* The program: parse, then run one verb. */
#include "cli/cli.h"

#include <signal.h>
#include <string.h>

#include "cli/client.h"
#include "cli/cli_priv.h"
#include "plugin/manager.h"

int
cli_rehearse(struct cli *c)
{
	return plugin_rehearse_main(
	    c->words.items[0], c->words.len > 1 ? c->words.items[1] : NULL);
}

int
cli_help(struct cli *c)
{
	const struct cli_verb *v = NULL;
	const char *second = c->words.len > 1 ? c->words.items[1] : NULL;
	struct buf out;
	struct err err;
	int rc;

	if (c->words.len > 0) {
		v = cli_verb_find(c->words.items[0], second);
		if (v == NULL) {
			(void)cli_verb_unknown(c->words.items[0], second, &err);
			return cli_fail(c, CLI_USAGE, &err);
		}
	}
	buf_init(&out);
	if (v != NULL)
		cli_help_verb(v, &out);
	else
		cli_help_all(&out);
	rc = cli_print(c, buf_view(&out));
	buf_finish(&out);
	return rc;
}

/* "toolpost" alone: the verbs, and where a server answers. */
static int
orientation(struct cli *c)
{
	struct cli_client k;
	struct err err;
	struct buf out;
	const char *where = "no server answers; start one: toolpost serve";
	int rc;

	cli_client_init(&k, c);
	c->timeout = 1000 * (int64_t)1000000; /* one that hangs is none */
	if (cli_client_open(&k, &err) == 0)
		where = cli_format(c, "a server answers at %s", k.url);
	buf_init(&out);
	cli_help_short(&out, where != NULL ? where : "");
	cli_client_close(&k);
	rc = cli_print(c, buf_view(&out));
	buf_finish(&out);
	return rc;
}

static int
run(struct cli *c)
{
	struct buf out;
	int rc;

	if (c->version)
		return cli_version(c);
	if (c->verb == NULL && !c->help)
		return orientation(c);
	if (!c->help)
		return c->verb->run(c);
	buf_init(&out);
	if (c->verb != NULL)
		cli_help_verb(c->verb, &out);
	else
		cli_help_all(&out);
	rc = cli_print(c, buf_view(&out));
	buf_finish(&out);
	return rc;
}

/* A failed parse stops before later flags, and the report needs this one. */
static bool
asks_for_json(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

int
cli_main(int argc, char **argv)
{
	struct cli c;
	struct err err;
	int rc;

	cli_init(&c);
	if (cli_parse(&c, argc, argv, &err) < 0) {
		c.json = asks_for_json(argc, argv);
		rc = cli_fail(&c, CLI_USAGE, &err);
	} else {
		rc = run(&c);
	}
	cli_finish(&c);
	return rc;
}
