/* SPDX-License-Identifier: Apache-2.0 */
/* Free JSON that is written as YAML, and JSON Pointers into it.  Recursion is
 * bounded by YAML_DEPTH_MAX. */
#include "data/yaml.h"

#include "base/err.h"
#include "data/json.h"

static size_t
count_digits(struct str s)
{
	size_t n = 0;

	while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
		n++;
	return n;
}

static void
drop(struct str *s, size_t n)
{
	s->ptr += n;
	s->len -= n;
}

static bool
drop_if(struct str *s, const char *set)
{
	for (; s->len > 0 && *set != '\0'; set++) {
		if (*set == s->ptr[0]) {
			drop(s, 1);
			return true;
		}
	}
	return false;
}

/* RFC 8259 6, and short enough for the scanner. */
static bool
is_number(struct str s)
{
	size_t digits;

	if (s.len > JSON_NUMBER_MAX)
		return false;
	(void)drop_if(&s, "-"); /* optional */
	digits = count_digits(s);
	if (digits == 0 || (digits > 1 && s.ptr[0] == '0'))
		return false;
	drop(&s, digits);
	if (drop_if(&s, ".")) {
		digits = count_digits(s);
		if (digits == 0)
			return false;
		drop(&s, digits);
	}
	if (drop_if(&s, "eE")) {
		(void)drop_if(&s, "+-"); /* optional */
		digits = count_digits(s);
		if (digits == 0)
			return false;
		drop(&s, digits);
	}
	return s.len == 0;
}

static int
scalar_to_json(const struct yaml_node *n, struct buf *out)
{
	/* "key:" with nothing behind it is null in YAML's core schema. */
	if (n->plain && n->text.len == 0) {
		BUF_LIT(out, "null");
		return 0;
	}
	if (n->plain
	    && (str_equal(n->text, S("true")) || str_equal(n->text, S("false"))
		|| str_equal(n->text, S("null")) || is_number(n->text))) {
		buf_str(out, n->text);
		return 0;
	}
	return json_write_str(out, n->text);
}

static int
items_to_json(const struct yaml_node *parent, struct buf *out)
{
	int rc = 0;

	for (const struct yaml_node *n = parent->first; n != NULL && rc == 0;
	     n = n->next) {
		if (n != parent->first)
			buf_char(out, ',');
		if (parent->type == YAML_MAP) {
			rc = json_write_str(out, n->key);
			buf_char(out, ':');
		}
		if (rc == 0)
			rc = yaml_to_json(n, out);
	}
	return rc;
}

int
yaml_to_json(const struct yaml_node *n, struct buf *out)
{
	int rc;

	if (n == NULL) {
		BUF_LIT(out, "null");
		return out->failed ? ERR_NOMEM : 0;
	}
	if (n->type == YAML_SCALAR) {
		rc = scalar_to_json(n, out);
	} else {
		buf_char(out, n->type == YAML_MAP ? '{' : '[');
		rc = items_to_json(n, out);
		buf_char(out, n->type == YAML_MAP ? '}' : ']');
	}
	return rc == 0 && out->failed ? ERR_NOMEM : rc;
}

/* Whether a reference token of RFC 6901 4 means key. */
static bool
token_is(struct str token, struct str key)
{
	size_t at = 0;

	for (size_t i = 0; i < token.len; i++, at++) {
		char c = token.ptr[i];

		if (c == '~' && i + 1 < token.len)
			c = token.ptr[++i] == '1' ? '/' : '~';
		if (at >= key.len || key.ptr[at] != c)
			return false;
	}
	return at == key.len;
}

static const struct yaml_node *
child_of(const struct yaml_node *parent, struct str token)
{
	const struct yaml_node *n = parent->first;
	uint64_t index;

	if (parent->type == YAML_MAP) {
		while (n != NULL && !token_is(token, n->key))
			n = n->next;
		return n;
	}
	if (parent->type != YAML_LIST || str_to_u64(token, &index) != 0)
		return NULL;
	while (n != NULL && index-- > 0)
		n = n->next;
	return n;
}

const struct yaml_node *
yaml_at_pointer(const struct yaml_node *root, struct str pointer)
{
	struct str token;

	while (root != NULL && pointer.len > 0 && pointer.ptr[0] == '/') {
		const struct yaml_node *child;

		drop(&pointer, 1);
		token = str_sub(pointer, 0, str_find(pointer, '/'));
		drop(&pointer, token.len);
		child = child_of(root, token);
		if (child == NULL)
			break;
		root = child;
	}
	return root;
}
