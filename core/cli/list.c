/* SPDX-License-Identifier: Apache-2.0 */
/* "toolpost list": what a client sees. */
#include <string.h>

#include "base/check.h"
#include "cli/client.h"

#define TOKEN_BYTES 4 /* of JSON a token, by rule of thumb */
#define GAP 2

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

/* Columns a terminal needs for it: one a character is near enough here. */
static size_t
width_of(struct str s)
{
	size_t n = 0, i;

	for (i = 0; i < s.len; i++)
		n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return n;
}

static struct str
cut(struct str s, size_t columns)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (((unsigned char)s.ptr[i] & 0xc0) != 0x80 && columns-- == 0)
			break;
	return str_sub(s, 0, i);
}

static void
column(struct buf *out, struct str s, size_t width)
{
	size_t n;

	buf_str(out, s);
	for (n = width_of(s); n < width + GAP; n++)
		buf_char(out, ' ');
}

static void
print_row(
    const struct row *r, const size_t *widths, size_t total, struct buf *out)
{
	size_t from = out->len, used;

	column(out, r->name, widths[0]);
	if (widths[1] > 0)
		column(out, r->second, widths[1]);
	if (widths[2] > 0)
		column(out, r->tokens, widths[2]);
	used = width_of(str_sub(buf_view(out), from, out->len));
	buf_str(out, cut(r->text, total > used ? total - used : 0));
	while (out->len > from && out->ptr[out->len - 1] == ' ')
		out->len--;
	buf_char(out, '\n');
}

/* Aligned and cut for a terminal of that width, with a head. */
static void
print_aligned(const struct listing *l, size_t total, struct buf *out)
{
	const struct row head = { str_of(l->kind->title),
		l->kind->second != NULL ? (struct str)STR("NAME") : STR_NONE,
		STR("DESCRIPTION"),
		l->c->full ? (struct str)STR("TOKENS") : STR_NONE, l->first };
	size_t widths[3] = { 0, 0, 0 }, n, i;
	const struct row *r;

	for (r = &head; r != NULL; r = r->next) {
		const struct str cells[3] = { r->name, r->second, r->tokens };

		for (i = 0; i < 3; i++) {
			n = width_of(cells[i]);
			widths[i] = n > widths[i] ? n : widths[i];
		}
	}
	for (r = &head; r != NULL; r = r->next)
		print_row(r, widths, total, out);
}

/* Whole, with tabs, without a head: for programs. */
static void
print_tabs(const struct listing *l, struct buf *out)
{
	const struct row *r;

	for (r = l->first; r != NULL; r = r->next) {
		buf_str(out, r->name);
		if (l->kind->second != NULL)
			buf_printf(out, "\t%.*s", STR_FMT(r->second));
		if (l->c->full)
			buf_printf(out, "\t%.*s", STR_FMT(r->tokens));
		buf_printf(out, "\t%.*s\n", STR_FMT(r->text));
	}
}

static int
print(struct listing *l)
{
	size_t width = cli_width();
	struct buf out;
	int rc;

	buf_init(&out);
	if (l->c->json)
		buf_printf(&out, "{\"%.*s\":[%.*s]}\n", STR_FMT(l->kind->key),
		    STR_FMT(buf_view(&l->json)));
	else if (width > 0)
		print_aligned(l, width, &out);
	else
		print_tabs(l, &out);
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
	if (rc == CLI_DONE && l->c->full && width > 0)
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
