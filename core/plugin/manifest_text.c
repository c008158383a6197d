/* SPDX-License-Identifier: Apache-2.0 */
/* Single values of a manifest that reach clients. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plugin/manifest_priv.h"

static bool
name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
	    || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

bool
manifest_check_name(struct manifest_reader *r, struct str name,
    const char *path, struct diag_at at)
{
	if (name.len == 0 || name.len > PLUGIN_TOOL_NAME_MAX) {
		manifest_refuse(r, TP_ENTRY_NAME, at,
		    name.len == 0 ? "write what clients ask for"
				  : "shorten it: not every client takes more",
		    "%s: a name has 1 to %d characters, this one has %zu", path,
		    PLUGIN_TOOL_NAME_MAX, name.len);
		return false;
	}
	for (size_t i = 0; i < name.len; i++)
		if (!name_char(name.ptr[i])) {
			manifest_refuse(r, TP_ENTRY_NAME, at,
			    "use letters, digits and _ . - only",
			    "%s: \"%.*s\" is not a name", path, STR_FMT(name));
			return false;
		}
	return true;
}

static bool
check_length(struct manifest_reader *r, struct str text, size_t max,
    const char *path, struct diag_at at)
{
	if (text.len <= max)
		return true;
	manifest_refuse(r, TP_LENGTH, at, NULL,
	    "%s: %zu bytes, at most %zu are sent to clients", path, text.len,
	    max);
	return false;
}

static bool
has_line(struct str text)
{
	return str_find(text, '\n') < text.len
	    || str_find(text, '\t') < text.len;
}

bool
manifest_check_label(struct manifest_reader *r, struct str text,
    const char *path, struct diag_at at)
{
	if (!has_line(text))
		return check_length(r, text, PLUGIN_LABEL_MAX, path, at);
	manifest_refuse(r, TP_CHARACTER, at, "write it on one line",
	    "%s: line breaks and tabs are not accepted here", path);
	return false;
}

bool
manifest_check_text(struct manifest_reader *r, struct str text,
    const char *path, struct diag_at at)
{
	return check_length(r, text, PLUGIN_TEXT_MAX, path, at);
}

/* RFC 9110 5.6.2 */
static bool
token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
	    || (c >= '0' && c <= '9')
	    || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!token_char(s.ptr[i]))
			return false;
	return s.len > 0;
}

bool
manifest_check_mime(struct manifest_reader *r, struct str mime,
    const char *path, struct diag_at at)
{
	struct str parameters, subtype, type;

	type = str_split(str_split(mime, ';', &parameters), '/', &subtype);
	if (mime.len <= 127 && is_token(type) && is_token(str_trim(subtype)))
		return true;
	manifest_refuse(r, TP_MIME, at, "for example text/plain",
	    "%s: \"%.*s\" is not a media type", path,
	    mime.len > 127 ? 127 : (int)mime.len, mime.ptr);
	return false;
}

/* security.md: what makes a text look like another one.  0: harmless. */
unsigned
manifest_harmful_character(struct str text)
{
	while (text.len > 0) {
		const unsigned char *p = (const unsigned char *)text.ptr;
		size_t n = str_utf8_len(text);
		unsigned c = p[0];

		if (n == 0)
			return 0xfffd;
		if (n == 2)
			c = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
		if (n == 3)
			c = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6
			    | (p[2] & 0x3fu);
		if ((c < 0x20 && c != '\n' && c != '\t')
		    || (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f)
		    || (c >= 0x2028 && c <= 0x202e) || c == 0x2060
		    || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff)
			return c;
		text = str_sub(text, n, text.len);
	}
	return 0;
}

static void
check_characters(
    struct manifest_reader *r, const struct yaml_node *n, const char *path)
{
	unsigned c =
	    n->type == YAML_SCALAR ? manifest_harmful_character(n->text) : 0;
	struct manifest_path below;
	size_t i = 0;

	if (c != 0)
		manifest_refuse(r, TP_CHARACTER, n->at, "remove it",
		    "%s: the invisible character U+%04X is not accepted", path,
		    c);
	for (const struct yaml_node *child = n->first; child != NULL;
	     child = child->next, i++) {
		if (n->type == YAML_LIST)
			manifest_path_set(&below, "%s[%zu]", path, i);
		else
			manifest_path_set(&below, "%s%s%.*s", path,
			    path[0] != '\0' ? "." : "", STR_FMT(child->key));
		c = n->type == YAML_MAP ? manifest_harmful_character(child->key)
					: 0;
		if (c != 0)
			manifest_refuse(r, TP_CHARACTER, child->key_at,
			    "remove it",
			    "%s: the invisible character U+%04X is not "
			    "accepted in a key",
			    path[0] != '\0' ? path : "this file", c);
		check_characters(r, child, below.text);
	}
}

/* Recursion is bounded by YAML_DEPTH_MAX. */
void
manifest_check_characters(
    struct manifest_reader *r, const struct yaml_node *root)
{
	check_characters(r, root, "");
}
