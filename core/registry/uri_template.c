/* SPDX-License-Identifier: Apache-2.0 */
/* Reading templates, and expanding them by RFC 6570 section 3. */
#include "registry/uri_template.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "data/uri.h"
#include "registry/uri_template_priv.h"

static const struct uri_template_operator operators[] = {
	{ '\0', "", ',', false, "", false },
	{ '+', "", ',', false, "", true },
	{ '#', "#", ',', false, "", true },
	{ '.', ".", '.', false, "", false },
	{ '/', "/", '/', false, "", false },
	{ ';', ";", ';', true, "", false },
	{ '?', "?", '&', true, "=", false },
	{ '&', "&", '&', true, "=", false },
};

struct reader {
	struct uri_template *t;
	struct str text;
	size_t at;
	struct err *err;
};

static int
refuse(const struct reader *r, const char *what)
{
	return err_set(
	    r->err, ERR_SYNTAX, "%s at byte %zu of the template", what, r->at);
}

static bool
is_triplet(struct str s, size_t at)
{
	return s.len - at >= 3 && s.ptr[at] == '%'
	    && uri_hex((unsigned char)s.ptr[at + 1]) >= 0
	    && uri_hex((unsigned char)s.ptr[at + 2]) >= 0;
}

static void
put_triplet(struct buf *out, unsigned char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char triplet[3] = { '%', digits[c >> 4], digits[c & 15] };

	buf_append(out, triplet, sizeof triplet);
}

/* RFC 6570 3.2.1: U, or U+R with triplets left alone. */
static void
put_encoded(struct buf *out, struct str s, bool reserved)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (uri_is_unreserved(c) || (reserved && uri_is_reserved(c))) {
			buf_char(out, (char)c);
		} else if (reserved && is_triplet(s, i)) {
			buf_append(out, s.ptr + i, 3);
			i += 2;
		} else {
			put_triplet(out, c);
		}
	}
}

static bool
is_literal_byte(unsigned char c)
{
	return c > ' ' && c != 0x7f && strchr("\"<>\\^`{|}", c) == NULL;
}

static struct uri_template_part *
part_add(struct reader *r)
{
	struct uri_template *t = r->t;

	if (t->parts_len == URI_TEMPLATE_ELEMENTS_MAX) {
		(void)err_set(r->err, ERR_LIMIT,
		    "more than %d parts in the template",
		    URI_TEMPLATE_ELEMENTS_MAX);
		return NULL;
	}
	return &t->parts[t->parts_len++];
}

static int
read_literal(struct reader *r)
{
	struct uri_template_part *part;
	size_t start = r->at;
	struct buf encoded;

	for (; r->at < r->text.len && r->text.ptr[r->at] != '{'; r->at++) {
		unsigned char c = (unsigned char)r->text.ptr[r->at];

		if (!is_literal_byte(c)
		    || (c == '%' && !is_triplet(r->text, r->at)))
			return refuse(r, "character not allowed");
	}
	part = part_add(r);
	if (part == NULL)
		return ERR_LIMIT;
	buf_init(&encoded);
	put_encoded(&encoded, str_sub(r->text, start, r->at), true);
	if (!encoded.failed)
		part->literal = arena_dup(&r->t->arena, buf_view(&encoded));
	buf_finish(&encoded);
	return part->literal.ptr == NULL
	    ? err_set(r->err, ERR_NOMEM, "out of memory")
	    : 0;
}

/* varname: varchars or triplets, dots only between them. */
static int
read_name(struct reader *r, struct str *out)
{
	size_t start = r->at;
	bool dot = true;

	for (; r->at < r->text.len; r->at++) {
		unsigned char c = (unsigned char)r->text.ptr[r->at];

		if (is_triplet(r->text, r->at)) {
			r->at += 2;
			dot = false;
		} else if (c == '.') {
			if (dot)
				return refuse(r, "dot without a name");
			dot = true;
		} else if (c == '_'
		    || (uri_is_unreserved(c) && c != '-' && c != '~')) {
			dot = false;
		} else {
			break;
		}
	}
	if (dot)
		return refuse(r, "name expected");
	*out = str_sub(r->text, start, r->at);
	return 0;
}

static int
read_prefix(struct reader *r, unsigned *out)
{
	size_t digits = 0;

	for (r->at++; r->at < r->text.len; r->at++, digits++) {
		char c = r->text.ptr[r->at];

		if (c < '0' || c > '9')
			break;
		if (digits == 4 || (digits == 0 && c == '0'))
			return refuse(r, "prefix of 1 to 9999 expected");
		*out = *out * 10 + (unsigned)(c - '0');
	}
	return digits == 0 ? refuse(r, "prefix of 1 to 9999 expected") : 0;
}

static int
read_variable(struct reader *r)
{
	struct uri_template *t = r->t;
	struct uri_template_variable *v;
	int rc;

	if (t->variables_len == URI_TEMPLATE_VARIABLES_MAX)
		return err_set(r->err, ERR_LIMIT,
		    "more than %d variables in the template",
		    URI_TEMPLATE_VARIABLES_MAX);
	v = &t->variables[t->variables_len++];
	rc = read_name(r, &v->name);
	if (rc < 0 || r->at >= r->text.len)
		return rc;
	if (r->text.ptr[r->at] == '*') {
		v->explode = true;
		r->at++;
	} else if (r->text.ptr[r->at] == ':') {
		rc = read_prefix(r, &v->prefix);
	}
	return rc;
}

static int
read_expression(struct reader *r)
{
	struct uri_template_part *part = part_add(r);
	int rc;

	if (part == NULL)
		return ERR_LIMIT;
	part->op = &operators[0];
	part->first = r->t->variables_len;
	r->at++;
	for (size_t i = 1; i < ARRAY_LEN(operators); i++)
		if (r->at < r->text.len
		    && r->text.ptr[r->at] == operators[i].sign)
			part->op = &operators[i];
	if (part->op->sign != '\0')
		r->at++;
	for (;;) {
		rc = read_variable(r);
		if (rc < 0)
			return rc;
		part->len++;
		if (r->at >= r->text.len)
			return refuse(r, "\"}\" expected");
		if (r->text.ptr[r->at] == '}')
			break;
		if (r->text.ptr[r->at] != ',')
			return refuse(r, "\",\" or \"}\" expected");
		r->at++;
	}
	r->at++;
	return 0;
}

struct uri_template *
uri_template_compile(struct str text, struct err *err)
{
	struct reader r = { .err = err };
	struct uri_template *t;
	int rc = 0;

	if (text.len > URI_TEMPLATE_MAX || !str_is_utf8(text)) {
		(void)err_set(err, ERR_LIMIT,
		    "a template has at most %d bytes of UTF-8",
		    URI_TEMPLATE_MAX);
		return NULL;
	}
	t = calloc(1, sizeof *t);
	if (t == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	OBJ_INIT(t, URI_TEMPLATE_MAGIC);
	arena_init_small(&t->arena, 0);
	t->text = arena_dup(&t->arena, text);
	r.t = t;
	if (t->text.ptr != NULL)
		r.text = t->text;
	else
		rc = err_set(err, ERR_NOMEM, "out of memory");
	while (rc == 0 && r.at < r.text.len)
		rc = r.text.ptr[r.at] == '{' ? read_expression(&r)
					     : read_literal(&r);
	if (rc == 0)
		rc = uri_template_prepare(t, err);
	if (rc < 0) {
		uri_template_destroy(t);
		return NULL;
	}
	return t;
}

void
uri_template_destroy(struct uri_template *t)
{
	if (t == NULL)
		return;
	OBJ_CHECK(t, URI_TEMPLATE_MAGIC);
	arena_finish(&t->arena);
	OBJ_WIPE(t);
	free(t);
}

struct str
uri_template_text(const struct uri_template *t)
{
	OBJ_CHECK(t, URI_TEMPLATE_MAGIC);
	return t->text;
}

struct str
uri_template_prefix(const struct uri_template *t)
{
	OBJ_CHECK(t, URI_TEMPLATE_MAGIC);
	if (t->parts_len > 0 && t->parts[0].op == NULL)
		return t->parts[0].literal;
	return S("");
}

/* The next variable, from i on, that did not appear before; or the end. */
static size_t
next_new(const struct uri_template *t, size_t i)
{
	for (; i < t->variables_len; i++) {
		size_t k;

		for (k = 0; k < i; k++)
			if (str_equal(
				t->variables[k].name, t->variables[i].name))
				break;
		if (k == i)
			break;
	}
	return i;
}

size_t
uri_template_variables(const struct uri_template *t)
{
	size_t n = 0;

	OBJ_CHECK(t, URI_TEMPLATE_MAGIC);
	for (size_t i = next_new(t, 0); i < t->variables_len;
	     i = next_new(t, i + 1))
		n++;
	return n;
}

struct str
uri_template_variable(const struct uri_template *t, size_t i)
{
	size_t at;

	OBJ_CHECK(t, URI_TEMPLATE_MAGIC);
	for (at = next_new(t, 0); i > 0 && at < t->variables_len; i--)
		at = next_new(t, at + 1);
	return at < t->variables_len ? t->variables[at].name : S("");
}

struct expansion {
	const struct uri_template_operator *op;
	const struct uri_template_variable *v;
	struct buf *out;
	struct err *err;
	bool any; /* the expression has written something */
};

/* The text of a scalar; false for null and containers. */
static bool
scalar(const struct json_node *n, struct str *out)
{
	if (n->type == JSON_STRING)
		*out = json_str(n);
	else
		*out = json_raw(n);
	return n->type != JSON_NULL && n->type < JSON_ARRAY;
}

static void
put_separator(struct expansion *e)
{
	if (e->any)
		buf_char(e->out, e->op->separator);
	else
		buf_cstr(e->out, e->op->first);
	e->any = true;
}

static void
put_named(struct expansion *e, struct str name, bool empty)
{
	buf_str(e->out, name);
	if (empty)
		buf_cstr(e->out, e->op->if_empty);
	else
		buf_char(e->out, '=');
}

static struct str
first_characters(struct str s, unsigned max)
{
	size_t i = 0;

	for (; i < s.len; i++)
		if (((unsigned char)s.ptr[i] & 0xc0) != 0x80 && max-- == 0)
			break;
	return str_sub(s, 0, i);
}

static void
expand_scalar(struct expansion *e, struct str value)
{
	put_separator(e);
	if (e->op->named)
		put_named(e, e->v->name, value.len == 0);
	if (e->v->prefix > 0)
		value = first_characters(value, e->v->prefix);
	put_encoded(e->out, value, e->op->reserved);
}

static int
refuse_value(struct expansion *e)
{
	return err_set(e->err, ERR_PARAMS,
	    "the variable \"%.*s\" holds what cannot be expanded",
	    STR_FMT(e->v->name));
}

/* One element of an array, or one member (key not NULL) of an object. */
static void
expand_element(struct expansion *e, const struct json_node *key,
    struct str value, bool first)
{
	bool reserved = e->op->reserved;

	if (first || e->v->explode)
		put_separator(e);
	else
		buf_char(e->out, ',');
	if (e->v->explode && e->op->named && key == NULL)
		put_named(e, e->v->name, value.len == 0);
	else if (!e->v->explode && e->op->named && first)
		put_named(e, e->v->name, false);
	if (key != NULL) {
		put_encoded(e->out, json_str(key), reserved);
		if (e->v->explode && e->op->named && value.len == 0)
			buf_cstr(e->out, e->op->if_empty);
		else
			buf_char(e->out, e->v->explode ? '=' : ',');
	}
	put_encoded(e->out, value, reserved);
}

static int
expand_container(struct expansion *e, const struct json_node *n)
{
	const struct json_node *at = json_first(n), *end = json_end(n);
	bool first = true;

	if (e->v->prefix > 0)
		return refuse_value(e);
	while (at < end) {
		const struct json_node *key = NULL;
		struct str value;

		if (n->type == JSON_OBJECT)
			key = at++;
		if (at->type >= JSON_ARRAY)
			return refuse_value(e);
		if (scalar(at, &value)) {
			expand_element(e, key, value, first);
			first = false;
		}
		at += at->span;
		if (e->out->len > URI_TEMPLATE_URI_MAX)
			break;
	}
	return 0;
}

static int
expand_part(const struct uri_template *t, const struct uri_template_part *part,
    const struct json_node *variables, struct buf *out, struct err *err)
{
	struct expansion e = { .op = part->op, .out = out, .err = err };

	for (size_t i = part->first; i < part->first + part->len; i++) {
		const struct json_node *n;
		struct str value;
		int rc = 0;

		e.v = &t->variables[i];
		n = json_get(variables, e.v->name);
		if (n == NULL)
			continue;
		if (scalar(n, &value))
			expand_scalar(&e, value);
		else if (n->type >= JSON_ARRAY)
			rc = expand_container(&e, n);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int
uri_template_expand(const struct uri_template *t,
    const struct json_node *variables, struct buf *out, struct err *err)
{
	size_t start = out->len;

	OBJ_CHECK(t, URI_TEMPLATE_MAGIC);
	for (size_t i = 0; i < t->parts_len; i++) {
		const struct uri_template_part *part = &t->parts[i];
		int rc = 0;

		if (part->op == NULL)
			buf_str(out, part->literal);
		else
			rc = expand_part(t, part, variables, out, err);
		if (rc < 0)
			return rc;
		if (out->len - start > URI_TEMPLATE_URI_MAX)
			return err_set(err, ERR_LIMIT,
			    "the expansion has more than %d bytes",
			    URI_TEMPLATE_URI_MAX);
	}
	return out->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}
