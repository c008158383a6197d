/* SPDX-License-Identifier: Apache-2.0 */
/* From a URI back to variables, in time linear in its length.
 *
 * A template is a row of elements: literals, and runs of bytes of some
 * classes.  For each position of the URI, two sets of elements say from where
 * the end can be reached: 'start' when the element begins there, 'inside' when
 * its run is going on.  They are filled from right to left; then one way is
 * walked from left to right, always taking the longest run that can still
 * reach the end.  Where no byte can be read in two ways, the walk needs no
 * sets. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "data/uri.h"
#include "registry/uri_template_priv.h"

enum {
	CLASS_UNRESERVED = 1, /* and percent triplets; without the dot */
	CLASS_RESERVED = 2,
	CLASS_COMMA = 4,
	CLASS_SLASH = 8,
	CLASS_PAIR = 16, /* = */
	CLASS_SEMI = 32, /* ; */
	CLASS_QUERY = 64, /* what may stand in a query */
	CLASS_DOT = 128, /* . */
};

static uint8_t
classes_of(unsigned char c)
{
	uint8_t classes = 0;

	if (uri_is_unreserved(c) || c == '%')
		classes |=
		    CLASS_QUERY | (c == '.' ? CLASS_DOT : CLASS_UNRESERVED);
	if (uri_is_reserved(c))
		classes |= CLASS_RESERVED;
	if (uri_is_reserved(c) && strchr("#[]", c) == NULL)
		classes |= CLASS_QUERY;
	if (c == ',')
		classes |= CLASS_COMMA;
	if (c == '/')
		classes |= CLASS_SLASH;
	if (c == '=')
		classes |= CLASS_PAIR;
	if (c == ';')
		classes |= CLASS_SEMI;
	return classes;
}

static struct uri_template_element *
element_add(struct uri_template *t, struct err *err)
{
	if (t->elements_len == URI_TEMPLATE_ELEMENTS_MAX) {
		(void)err_set(err, ERR_LIMIT,
		    "more than %d literals and variables in the template",
		    URI_TEMPLATE_ELEMENTS_MAX);
		return NULL;
	}
	return &t->elements[t->elements_len++];
}

/* All variables of "{?a,b}" and of a "{&c}" behind it are one element. */
static int
prepare_named(struct uri_template *t, const struct uri_template_part *part,
    struct err *err)
{
	struct uri_template_element *e = NULL;
	char sign = part->op->sign;

	if (sign == '&' && t->elements_len > 0)
		e = &t->elements[t->elements_len - 1];
	if (e != NULL && e->named && e->separator == '&') {
		e->len += part->len;
		return 0;
	}
	e = element_add(t, err);
	if (e == NULL)
		return ERR_LIMIT;
	e->first = part->first;
	e->len = part->len;
	e->named = true;
	e->lead = sign;
	e->separator = part->op->separator;
	e->classes = sign == ';' ? CLASS_UNRESERVED | CLASS_DOT | CLASS_PAIR
		| CLASS_SEMI | CLASS_COMMA
				 : CLASS_QUERY;
	return 0;
}

static int
prepare_variable(struct uri_template *t, const struct uri_template_part *part,
    size_t i, struct err *err)
{
	struct uri_template_element *e = element_add(t, err);
	const struct uri_template_operator *op = part->op;

	if (e == NULL)
		return ERR_LIMIT;
	e->first = i;
	e->len = 1;
	e->classes = CLASS_UNRESERVED;
	e->separator = op->separator;
	if (op->reserved)
		e->classes |= CLASS_RESERVED;
	/* In "{.a,b}" the dot is b's lead. */
	if (op->sign != '.' || part->len == 1 || t->variables[i].explode)
		e->classes |= CLASS_DOT;
	/* Elsewhere the comma is the next variable's lead. */
	if (op->separator != ',' || part->len == 1)
		e->classes |= CLASS_COMMA;
	if (op->sign == '/' && t->variables[i].explode)
		e->classes |= CLASS_SLASH;
	if (i > part->first)
		e->lead = op->separator;
	else
		e->lead = op->first[0];
	return 0;
}

/* Adds to set the bytes with which element i can begin; true when it can be
 * left out as well. */
static bool
first_bytes(const struct uri_template *t, size_t i, bool *set)
{
	const struct uri_template_element *e = &t->elements[i];

	if (e->literal.ptr != NULL) {
		set[(unsigned char)e->literal.ptr[0]] = true;
		return false;
	}
	if (e->lead != '\0') {
		set[(unsigned char)e->lead] = true;
		return true;
	}
	for (unsigned c = 0; c < 256; c++)
		if ((t->class_of[c] & e->classes) != 0)
			set[c] = true;
	return false;
}

/* No byte that goes on with a run or begins an element may also begin what
 * can follow. */
static bool
is_plain(const struct uri_template *t)
{
	for (size_t i = 0; i < t->elements_len; i++) {
		const struct uri_template_element *e = &t->elements[i];
		bool next[256] = { false };
		size_t k = i + 1;

		if (e->literal.ptr != NULL)
			continue;
		while (k < t->elements_len && first_bytes(t, k, next))
			k++;
		for (unsigned c = 0; c < 256; c++)
			if (next[c]
			    && ((t->class_of[c] & e->classes) != 0
				|| (e->lead != '\0'
				    && c == (unsigned char)e->lead)))
				return false;
	}
	return true;
}

static void
prepare_masks(struct uri_template *t)
{
	for (size_t i = 0; i < t->elements_len; i++) {
		const struct uri_template_element *e = &t->elements[i];
		uint64_t bit = UINT64_C(1) << i;
		bool first[256] = { false };

		if (first_bytes(t, i, first))
			t->optional |= bit;
		if (e->literal.ptr == NULL)
			t->runs_mask |= bit;
		for (unsigned c = 0; c < 256; c++) {
			if (first[c])
				t->begins[c] |= bit;
			if (e->literal.ptr == NULL
			    && (t->class_of[c] & e->classes) != 0)
				t->runs[c] |= bit;
		}
	}
}

int
uri_template_prepare(struct uri_template *t, struct err *err)
{
	int rc = 0;

	for (unsigned c = 0; c < 256; c++)
		t->class_of[c] = classes_of((unsigned char)c);
	for (size_t i = 0; rc == 0 && i < t->parts_len; i++) {
		const struct uri_template_part *part = &t->parts[i];
		struct uri_template_element *e;

		if (part->op == NULL) {
			e = element_add(t, err);
			if (e == NULL)
				return ERR_LIMIT;
			e->literal = part->literal;
		} else if (part->op->named) {
			rc = prepare_named(t, part, err);
		} else {
			for (size_t k = 0; rc == 0 && k < part->len; k++)
				rc = prepare_variable(
				    t, part, part->first + k, err);
		}
	}
	if (rc < 0)
		return rc;
	t->plain = is_plain(t);
	prepare_masks(t);
	return 0;
}

/* Where each element of the template lies in the URI. */
struct span {
	size_t from; /* behind the lead */
	size_t to;
	bool present;
};

struct sets {
	uint64_t start;
	uint64_t inside;
};

struct matching {
	const struct uri_template *t;
	struct str uri;
	struct sets *sets; /* NULL: a plain template */
	struct span spans[URI_TEMPLATE_ELEMENTS_MAX];
	struct uri_match *out;
	struct arena *arena;
	struct uri_match_value values[URI_TEMPLATE_VALUES_MAX];
	size_t values_len;
};

static bool
in_run(
    const struct matching *m, const struct uri_template_element *e, size_t at)
{
	return at < m->uri.len
	    && (m->t->class_of[(unsigned char)m->uri.ptr[at]] & e->classes)
	    != 0;
}

static bool
has_literal(struct matching *m, const struct uri_template_element *e, size_t at)
{
	size_t i = 0;

	if (m->uri.len - at < e->literal.len)
		return false;
	while (i < e->literal.len && m->uri.ptr[at + i] == e->literal.ptr[i])
		i++;
	m->out->steps += i;
	return i == e->literal.len;
}

static bool
has_lead(
    const struct matching *m, const struct uri_template_element *e, size_t at)
{
	return at < m->uri.len && m->uri.ptr[at] == e->lead;
}

/* Those literals among the elements that stand here, with the end in reach
 * behind them. */
static uint64_t
literals_at(struct matching *m, uint64_t elements, size_t at)
{
	uint64_t found = 0;

	for (size_t i = 0; elements >> i != 0; i++) {
		const struct uri_template_element *e = &m->t->elements[i];

		if ((elements >> i & 1) != 0 && e->literal.ptr != NULL
		    && has_literal(m, e, at)
		    && (m->sets[at + e->literal.len].start >> (i + 1) & 1) != 0)
			found |= UINT64_C(1) << i;
	}
	return found;
}

/* From right to left.  Bit elements_len of 'start' is the end itself. */
static int
fill_sets(struct matching *m)
{
	const struct uri_template *t = m->t;
	uint64_t inside = 0, start, last;
	size_t at = m->uri.len;

	m->sets = malloc((at + 1) * sizeof *m->sets);
	if (m->sets == NULL)
		return ERR_NOMEM;
	start = UINT64_C(1) << t->elements_len;
	for (;;) {
		/* What may be left out is as good as what follows it. */
		do {
			last = start;
			start |= start >> 1 & t->optional;
		} while (start != last);
		if (at < m->uri.len)
			inside &= t->runs[(unsigned char)m->uri.ptr[at]];
		inside |= start >> 1 & t->runs_mask;
		m->sets[at] = (struct sets){ start, inside };
		m->out->steps++;
		if (at-- == 0)
			break;
		start = t->begins[(unsigned char)m->uri.ptr[at]];
		start = (start & inside & t->runs_mask)
		    | literals_at(m, start & ~t->runs_mask, at);
	}
	return (m->sets[0].start & 1) != 0 ? 0 : ERR_NOTFOUND;
}

/* The longest run from at that the rest of the template allows. */
static size_t
run_end(struct matching *m, size_t i, size_t at)
{
	const struct uri_template_element *e = &m->t->elements[i];
	size_t start = at, last = at;

	while (in_run(m, e, at)) {
		at++;
		if (m->sets == NULL)
			last = at;
		else if ((m->sets[at].start >> (i + 1) & 1) != 0)
			last = at;
	}
	m->out->steps += at - start;
	return last;
}

/* An element with a lead may be left out: is it there? */
static bool
is_present(const struct matching *m, size_t i, size_t at)
{
	return has_lead(m, &m->t->elements[i], at)
	    && (m->sets == NULL || (m->sets[at + 1].inside >> i & 1) != 0);
}

static int
walk(struct matching *m)
{
	size_t at = 0;

	for (size_t i = 0; i < m->t->elements_len; i++) {
		const struct uri_template_element *e = &m->t->elements[i];
		struct span *s = &m->spans[i];

		if (e->literal.ptr != NULL) {
			if (!has_literal(m, e, at))
				return ERR_NOTFOUND;
			at += e->literal.len;
			continue;
		}
		if (e->lead != '\0') {
			if (!is_present(m, i, at))
				continue;
			at++;
		}
		s->present = true;
		s->from = at;
		at = s->to = run_end(m, i, at);
		if (e->lead == '\0' && s->to == s->from)
			return ERR_NOTFOUND;
	}
	return at == m->uri.len ? 0 : ERR_NOTFOUND;
}

/* Percent-decoded into the arena.  Text only: it becomes a JSON string. */
static int
decode(struct matching *m, struct str raw, struct str *out)
{
	char *to = arena_alloc(m->arena, raw.len + 1);
	size_t n = 0;

	if (to == NULL)
		return ERR_NOMEM;
	m->out->steps += raw.len;
	if (raw.len > 0 && memchr(raw.ptr, '%', raw.len) == NULL) {
		memcpy(to, raw.ptr, raw.len);
		n = raw.len;
		raw.len = 0;
	}
	for (size_t i = 0; i < raw.len; i++) {
		int high, low;

		if (raw.ptr[i] != '%') {
			to[n++] = raw.ptr[i];
			continue;
		}
		if (raw.len - i < 3)
			return ERR_NOTFOUND;
		high = uri_hex((unsigned char)raw.ptr[i + 1]);
		low = uri_hex((unsigned char)raw.ptr[i + 2]);
		if (high < 0 || low < 0 || high + low == 0)
			return ERR_NOTFOUND;
		to[n++] = (char)(high * 16 + low);
		i += 2;
	}
	to[n] = '\0';
	*out = (struct str){ to, n };
	return str_is_utf8(*out) ? 0 : ERR_NOTFOUND;
}

static size_t
characters(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return n;
}

/* A value that is there already must be the same. */
static int
value_again(
    struct uri_match_value *old, const struct uri_match_value *v, bool prefix)
{
	if (prefix)
		return str_starts(old->value, v->value) ? 0 : ERR_NOTFOUND;
	return str_equal(old->value, v->value) ? 0 : ERR_NOTFOUND;
}

static int
value_add(
    struct matching *m, const struct uri_template_variable *v, struct str raw)
{
	struct uri_match_value value = { .name = v->name, .list = v->explode };
	int rc = decode(m, raw, &value.value);

	if (rc < 0)
		return rc;
	if (v->prefix > 0 && characters(value.value) > v->prefix)
		return ERR_NOTFOUND;
	for (size_t i = 0; !value.list && i < m->values_len; i++)
		if (str_equal(m->values[i].name, value.name)
		    && !m->values[i].list)
			return value_again(
			    &m->values[i], &value, v->prefix > 0);
	if (m->values_len == URI_TEMPLATE_VALUES_MAX)
		return ERR_LIMIT;
	m->values[m->values_len++] = value;
	return 0;
}

/* The pieces of an exploded list. */
static int
values_of_list(
    struct matching *m, const struct uri_template_element *e, struct str raw)
{
	int rc = 0;

	while (rc == 0) {
		size_t end = str_find(raw, e->separator);

		rc = value_add(
		    m, &m->t->variables[e->first], str_sub(raw, 0, end));
		if (end == raw.len)
			break;
		raw = str_sub(raw, end + 1, raw.len);
	}
	return rc;
}

static int
value_of_pair(struct matching *m, const struct uri_template_element *e,
    struct str pair, uint64_t *seen)
{
	size_t end = str_find(pair, '=');
	struct str name = str_sub(pair, 0, end);

	for (size_t i = e->first; i < e->first + e->len; i++) {
		const struct uri_template_variable *v = &m->t->variables[i];

		if (!str_equal(v->name, name))
			continue;
		if (!v->explode && (*seen >> i & 1) != 0)
			return ERR_NOTFOUND;
		*seen |= UINT64_C(1) << i;
		return value_add(m, v, str_sub(pair, end + 1, pair.len));
	}
	return ERR_NOTFOUND;
}

static int
values_of_pairs(
    struct matching *m, const struct uri_template_element *e, struct str raw)
{
	uint64_t seen = 0;
	int rc = 0;

	while (rc == 0) {
		size_t end = str_find(raw, e->separator);

		m->out->steps += end;
		rc = value_of_pair(m, e, str_sub(raw, 0, end), &seen);
		if (end == raw.len)
			break;
		raw = str_sub(raw, end + 1, raw.len);
	}
	return rc;
}

/* Full values first, then prefixes, which need not be reported when the whole
 * is known. */
static int
collect(struct matching *m, bool prefixes)
{
	const struct uri_template *t = m->t;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < t->elements_len; i++) {
		const struct uri_template_element *e = &t->elements[i];
		struct span s = m->spans[i];
		struct str raw = str_sub(m->uri, s.from, s.to);
		bool prefix;

		if (e->literal.ptr != NULL || !s.present)
			continue;
		prefix = !e->named && t->variables[e->first].prefix > 0;
		if (prefix != prefixes)
			continue;
		if (e->named)
			rc = values_of_pairs(m, e, raw);
		else if (t->variables[e->first].explode)
			rc = values_of_list(m, e, raw);
		else
			rc = value_add(m, &t->variables[e->first], raw);
	}
	return rc;
}

int
uri_template_match(const struct uri_template *t, struct str uri,
    struct arena *arena, struct uri_match *out)
{
	struct matching m;
	int rc = 0;

	OBJ_CHECK(t, URI_TEMPLATE_MAGIC);
	memset(out, 0, sizeof *out);
	if (uri.len > URI_TEMPLATE_URI_MAX)
		return ERR_LIMIT;
	if (!str_starts(uri, uri_template_prefix(t)))
		return ERR_NOTFOUND;
	m.t = t;
	m.uri = uri;
	m.out = out;
	m.arena = arena;
	m.sets = NULL;
	m.values_len = 0;
	memset(m.spans, 0, t->elements_len * sizeof *m.spans);
	if (!t->plain)
		rc = fill_sets(&m);
	if (rc == 0)
		rc = walk(&m);
	free(m.sets);
	if (rc == 0)
		rc = collect(&m, false);
	if (rc == 0)
		rc = collect(&m, true);
	if (rc < 0)
		return rc;
	out->values =
	    arena_alloc(arena, (m.values_len + 1) * sizeof *out->values);
	if (out->values == NULL)
		return ERR_NOMEM;
	memcpy(out->values, m.values, m.values_len * sizeof *out->values);
	out->len = m.values_len;
	return 0;
}
