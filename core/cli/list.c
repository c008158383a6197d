/* SPDX-License-Identifier: Apache-2.0 */
/* "toolpost list": what a client sees. */
#include <string.h>

#include "cli/client.h"

#define TOKEN_BYTES 4 /* of JSON a token, by rule of thumb */

struct list_kind {
	const char *word;
	struct str method;
	struct str key;
	const char *title;
	const char *name; /* the member that is listed */
	const char *second; /* NULL: none */
};

static const struct list_kind kinds[] = {
	{ "tools", STR("tools/list"), STR("tools"), "TOOL", "name", NULL },
	{ "resources", STR("resources/list"), STR("resources"), "RESOURCE",
	    "uri", "name" },
	{ "templates", STR("resources/templates/list"),
	    STR("resourceTemplates"), "TEMPLATE", "uriTemplate", "name" },
	{ "prompts", STR("prompts/list"), STR("prompts"), "PROMPT", "name",
	    NULL },
};

/* One row; all text in the arena. */
struct row {
	struct str name, second, text, tokens;
	struct row *next;
};

struct listing {
	struct cli *c;
	const struct list_kind *kind;
	struct buf json;
	struct row *first;
	struct row **tail;
	size_t len;
	size_t tokens;
};

static struct str
cell(struct listing *l, const struct json_node *item, const char *member)
{
	struct buf b;
	struct str s;

	if (member == NULL)
		return STR_NONE;
	buf_init(&b);
	cli_line(&b, json_str(json_get(item, str_of(member))));
	s = arena_dup(&l->c->arena, buf_view(&b));
	buf_finish(&b);
	return s;
}

static int
item_take(void *arg, const struct json_node *item)
{
	struct listing *l = arg;
	struct row *row = arena_zalloc(&l->c->arena, sizeof *row);
	size_t tokens = (json_raw(item).len + TOKEN_BYTES - 1) / TOKEN_BYTES;

	if (row == NULL)
		return ERR_NOMEM;
	if (l->len++ > 0)
		buf_char(&l->json, ',');
	buf_str(&l->json, json_raw(item));
	row->name = cell(l, item, l->kind->name);
	row->second = cell(l, item, l->kind->second);
	row->text = cell(l, item, "description");
	if (row->text.len == 0)
		row->text = cell(l, item, "title");
	if (l->c->full)
		row->tokens = str_of(cli_format(l->c, "%zu", tokens));
	l->tokens += tokens;
	*l->tail = row;
	l->tail = &row->next;
	return l->json.failed || l->c->arena.failed ? ERR_NOMEM : 0;
}

/* Name, second, tokens, text: those that this list has. */
static void
cells_fill(const struct listing *l, const struct row *r, struct str *cells)
{
	*cells++ = r->name;
	if (l->kind->second != NULL)
		*cells++ = r->second;
	if (l->c->full)
		*cells++ = r->tokens;
	*cells = r->text;
}

static void
print_table(const struct listing *l, struct buf *out)
{
	const struct row head = { str_of(l->kind->title), STR("NAME"),
		STR("DESCRIPTION"), STR("TOKENS"), l->first };
	size_t columns =
	    2u + (l->kind->second != NULL ? 1u : 0u) + (l->c->full ? 1u : 0u);
	size_t rows = 0;
	struct str *cells =
	    arena_zalloc(&l->c->arena, (l->len + 1) * columns * sizeof *cells);

	if (cells == NULL) {
		out->failed = true;
		return;
	}
	for (const struct row *r = &head; r != NULL; r = r->next)
		cells_fill(l, r, cells + rows++ * columns);
	cli_table(cells, rows, columns, out);
}

static int
print(struct listing *l)
{
	struct buf out;
	int rc;

	buf_init(&out);
	if (l->c->json)
		buf_printf(&out, "{\"%.*s\":[%.*s]}\n", STR_FMT(l->kind->key),
		    STR_FMT(buf_view(&l->json)));
	else
		print_table(l, &out);
	if (out.failed)
		rc = cli_failf(l->c, CLI_USAGE, "no memory");
	else if (l->len == 0 && !l->c->json)
		rc = cli_failf(
		    l->c, CLI_NO_MATCH, "there are no %s", l->kind->word);
	else
		rc = cli_print(l->c, buf_view(&out));
	buf_finish(&out);
	if (rc == CLI_DONE && l->len == 0)
		return CLI_NO_MATCH;
	if (rc == CLI_DONE && l->c->full && cli_width() > 0)
		cli_note(l->c, "%zu %s, about %zu tokens", l->len,
		    l->kind->word, l->tokens);
	return rc;
}

static const struct list_kind *
kind_find(const struct cli *c)
{
	size_t i;

	if (c->words.len == 0)
		return &kinds[0];
	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].word, c->words.items[0]) == 0)
			return &kinds[i];
	return NULL;
}

int
cli_list(struct cli *c)
{
	struct listing l = { .c = c, .kind = kind_find(c) };
	struct cli_client k;
	struct err err;
	int rc;

	if (l.kind == NULL)
		return cli_failf(c, CLI_USAGE,
		    "\"%s\" is none of tools, resources, templates, prompts",
		    c->words.items[0]);
	l.tail = &l.first;
	buf_init(&l.json);
	cli_client_init(&k, c);
	(void)err_set(&err, ERR_NOMEM, "no memory");
	rc = cli_client_open(&k, &err);
	if (rc == 0)
		rc = cli_client_each(
		    &k, l.kind->method, l.kind->key, item_take, &l, &err);
	rc = rc < 0 ? cli_fail(c, cli_client_exit(rc), &err) : print(&l);
	cli_client_close(&k);
	buf_finish(&l.json);
	return rc;
}
