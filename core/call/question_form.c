/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of a form (ELIC-02, ELIC-03): flat, of strings, numbers, booleans
 * and choices, with the keywords that clients know and no others. */
#include <string.h>

#include "base/check.h"
#include "call/call.h"
#include "call/question.h"

/* One field on its way through the checks. */
struct field {
	struct str name;
	const struct json_node *node;
	struct err *err;
};

#define FAULT(f_, text_) \
	err_set((f_)->err, ERR_PARAMS, \
	    "requestedSchema.properties.%.*s: " text_, \
	    (int)((f_)->name.len < 64 ? (f_)->name.len : 64), (f_)->name.ptr)

/* Lower case words of a name: camelCase and separators part them. */
static bool
word_next(struct str *name, char *word, size_t size)
{
	size_t n = 0;

	while (name->len > 0) {
		char c = name->ptr[0];
		bool upper = c >= 'A' && c <= 'Z';
		bool letter = upper || (c >= 'a' && c <= 'z');
		bool lower_follows =
		    name->len > 1 && name->ptr[1] >= 'a' && name->ptr[1] <= 'z';

		/* "apiKey" parts at K, "APIKey" too, "PIN" does not. */
		if (n > 0
		    && (!letter
			|| (upper
			    && (lower_follows
				|| (name->ptr[-1] >= 'a'
				    && name->ptr[-1] <= 'z')))))
			break;
		name->ptr++;
		name->len--;
		if (letter && n + 1 < size)
			word[n++] = (char)(upper ? c + ('a' - 'A') : c);
	}
	word[n] = '\0';
	return n > 0;
}

static bool
is_among(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

bool
call_name_is_secret(struct str name)
{
	static const char *const alone[] = { "password", "passwd", "passphrase",
		"passcode", "pwd", "secret", "token", "apikey", "credential",
		"credentials", "cvv", "cvc", "otp", "pin", NULL };
	/* The second of two words. */
	static const char *const pairs[][2] = { { "api", "key" },
		{ "access", "key" }, { "private", "key" }, { "secret", "key" },
		{ "signing", "key" }, { "encryption", "key" },
		{ "card", "number" }, { "credit", "card" }, { "debit", "card" },
		{ "security", "code" } };
	char word[24], before[24] = "";
	size_t i;

	while (word_next(&name, word, sizeof word)) {
		if (is_among(word, alone))
			return true;
		for (i = 0; i < ARRAY_LEN(pairs); i++)
			if (strcmp(before, pairs[i][0]) == 0
			    && strcmp(word, pairs[i][1]) == 0)
				return true;
		memcpy(before, word, sizeof before);
	}
	return false;
}

static int
keywords_check(const struct field *f, const char *const *known)
{
	static const char *const common[] = { "type", "title", "description",
		"default", NULL };

	JSON_EACH_MEMBER (k, v, f->node) {
		char word[24];
		struct str key = json_str(k);

		(void)v;
		if (key.len < sizeof word) {
			memcpy(word, key.ptr, key.len);
			word[key.len] = '\0';
			if (is_among(word, common) || is_among(word, known))
				continue;
		}
		return err_set(f->err, ERR_PARAMS,
		    "requestedSchema.properties.%.*s: clients do not know "
		    "\"%.*s\" there",
		    (int)(f->name.len < 64 ? f->name.len : 64), f->name.ptr,
		    (int)(key.len < 64 ? key.len : 64), key.ptr);
	}
	return 0;
}

/* Two bounds, each a number (whole: of things, not negative). */
static int
bounds_check(
    const struct field *f, const char *least, const char *most, bool whole)
{
	const struct json_node *a = json_get(f->node, str_of(least));
	const struct json_node *b = json_get(f->node, str_of(most));
	const struct json_node *both[] = { a, b };
	int64_t n;
	size_t i;

	for (i = 0; i < ARRAY_LEN(both); i++) {
		if (both[i] == NULL)
			continue;
		if (json_type(both[i]) != JSON_NUMBER
		    || (whole && (json_i64(both[i], &n) < 0 || n < 0)))
			return FAULT(f, "a bound is not a number that fits");
	}
	if (a != NULL && b != NULL && json_number_compare(a, b) > 0)
		return FAULT(f, "the lower bound is above the upper one");
	return 0;
}

/* The value of one choice: a string, or the const of {const, title}. */
static struct str
choice_value(const struct json_node *v)
{
	return json_type(v) == JSON_OBJECT ? json_str(json_get(v, S("const")))
					   : json_str(v);
}

static bool
is_choice(const struct json_node *choices, struct str value)
{
	JSON_EACH_ELEMENT (v, choices)
		if (str_equal(choice_value(v), value))
			return true;
	return false;
}

/* titled: of {const, title}, else of strings. */
static int
choices_check(
    const struct field *f, const struct json_node *choices, bool titled)
{
	if (json_type(choices) != JSON_ARRAY || json_count(choices) == 0
	    || json_count(choices) > QUESTION_VALUES_MAX)
		return FAULT(f, "its choices must be a list of 1 to 1024");
	JSON_EACH_ELEMENT (v, choices) {
		const struct json_node *value =
		    titled ? json_get(v, S("const")) : v;

		if (json_type(value) != JSON_STRING
		    || (titled
			&& (json_count(v) != 2
			    || json_type(json_get(v, S("title")))
				!= JSON_STRING)))
			return titled ? FAULT(f,
				   "a choice must be {const, title}, both "
				   "strings")
				      : FAULT(f, "a choice must be a string");
		JSON_EACH_ELEMENT (w, choices) {
			if (w == v)
				break;
			if (str_equal(choice_value(w), json_str(value)))
				return FAULT(f, "a choice is there twice");
		}
	}
	return 0;
}

static int
names_check(const struct field *f)
{
	const struct json_node *names = json_get(f->node, S("enumNames"));
	bool good = json_type(names) == JSON_ARRAY
	    && json_count(names) == json_count(json_get(f->node, S("enum")));

	if (names == NULL)
		return 0;
	JSON_EACH_ELEMENT (v, names)
		good = good && json_type(v) == JSON_STRING;
	return good ? 0
		    : FAULT(f, "enumNames must be strings, as many as enum");
}

static int
choice_check(const struct field *f, const struct json_node *choices)
{
	static const char *const known[] = { "enum", "enumNames", NULL };
	static const char *const known_titled[] = { "oneOf", NULL };
	const struct json_node *standard = json_get(f->node, S("default"));
	bool titled = json_get(f->node, S("enum")) == NULL;
	int rc = keywords_check(f, titled ? known_titled : known);

	if (rc == 0)
		rc = choices_check(f, choices, titled);
	if (rc == 0 && !titled)
		rc = names_check(f);
	if (rc == 0 && standard != NULL
	    && (json_type(standard) != JSON_STRING
		|| !is_choice(choices, json_str(standard))))
		return FAULT(f, "the default is not among the choices");
	return rc;
}

static int
string_check(const struct field *f)
{
	static const char *const known[] = { "minLength", "maxLength", "format",
		NULL };
	const struct json_node *standard = json_get(f->node, S("default"));
	const struct json_node *format = json_get(f->node, S("format"));
	const struct json_node *choices = json_get(f->node, S("enum"));
	struct str is = json_str(format);
	int rc;

	if (choices == NULL)
		choices = json_get(f->node, S("oneOf"));
	if (choices != NULL)
		return choice_check(f, choices);
	rc = keywords_check(f, known);
	if (rc == 0)
		rc = bounds_check(f, "minLength", "maxLength", true);
	if (rc < 0)
		return rc;
	if (format != NULL && !str_equal(is, S("email"))
	    && !str_equal(is, S("uri")) && !str_equal(is, S("date"))
	    && !str_equal(is, S("date-time")))
		return FAULT(f, "format must be email, uri, date or date-time");
	if (standard != NULL && json_type(standard) != JSON_STRING)
		return FAULT(f, "the default must be a string");
	if (call_name_is_secret(f->name)
	    || call_name_is_secret(json_str(json_get(f->node, S("title")))))
		return FAULT(f,
		    "a form must not ask for secrets or means of payment "
		    "(use mode \"url\")");
	return 0;
}

static int
number_check(const struct field *f, bool integer)
{
	static const char *const known[] = { "minimum", "maximum", NULL };
	const struct json_node *standard = json_get(f->node, S("default"));
	int rc = keywords_check(f, known);
	int64_t n;

	if (rc == 0)
		rc = bounds_check(f, "minimum", "maximum", false);
	if (rc == 0 && standard != NULL
	    && (json_type(standard) != JSON_NUMBER
		|| (integer && json_i64(standard, &n) == ERR_SYNTAX)))
		return FAULT(f, "the default is not of its type");
	return rc;
}

static int
boolean_check(const struct field *f)
{
	static const char *const known[] = { NULL };
	const struct json_node *standard = json_get(f->node, S("default"));

	if (standard != NULL && json_type(standard) != JSON_TRUE
	    && json_type(standard) != JSON_FALSE)
		return FAULT(f, "the default must be true or false");
	return keywords_check(f, known);
}

static int
several_check(const struct field *f)
{
	static const char *const known[] = { "items", "minItems", "maxItems",
		NULL };
	const struct json_node *items = json_get(f->node, S("items"));
	const struct json_node *standard = json_get(f->node, S("default"));
	const struct json_node *choices = json_get(items, S("anyOf"));
	bool titled = choices != NULL;
	int rc = keywords_check(f, known);

	if (!titled)
		choices = json_get(items, S("enum"));
	if (rc == 0)
		rc = bounds_check(f, "minItems", "maxItems", true);
	if (rc < 0)
		return rc;
	if (choices == NULL || json_count(items) != (titled ? 1 : 2)
	    || (!titled
		&& !str_equal(
		    json_str(json_get(items, S("type"))), S("string"))))
		return FAULT(
		    f, "items must be {type: string, enum} or {anyOf}");
	if (standard != NULL && json_type(standard) != JSON_ARRAY)
		return FAULT(f, "the default must be a list");
	rc = choices_check(f, choices, titled);
	JSON_EACH_ELEMENT (v, standard) {
		if (rc == 0
		    && (json_type(v) != JSON_STRING
			|| !is_choice(choices, json_str(v))))
			rc = FAULT(f, "the default is not among the choices");
	}
	return rc;
}

static int
field_check(const struct field *f, unsigned *bits)
{
	struct str type = json_str(json_get(f->node, S("type")));
	static const struct str texts[] = { STR("title"), STR("description") };
	size_t i;

	if (json_type(f->node) != JSON_OBJECT)
		return FAULT(f, "must be an object");
	for (i = 0; i < ARRAY_LEN(texts); i++) {
		const struct json_node *n = json_get(f->node, texts[i]);

		if (n != NULL && json_type(n) != JSON_STRING)
			return FAULT(
			    f, "title and description must be strings");
	}
	if (str_equal(type, S("string")))
		return string_check(f);
	if (str_equal(type, S("number")) || str_equal(type, S("integer")))
		return number_check(f, str_equal(type, S("integer")));
	if (str_equal(type, S("boolean")))
		return boolean_check(f);
	if (!str_equal(type, S("array")))
		return FAULT(f,
		    "type must be string, number, integer, boolean or array "
		    "(of choices)");
	*bits |= CALL_CLIENT_FORM_SEVERAL;
	return several_check(f);
}

static int
root_check(const struct json_node *schema, struct err *err)
{
	const struct json_node *fields = json_get(schema, S("properties"));
	const struct json_node *required = json_get(schema, S("required"));
	struct str draft = json_str(json_get(schema, S("$schema")));

	if (!str_equal(json_str(json_get(schema, S("type"))), S("object"))
	    || json_type(fields) != JSON_OBJECT)
		return err_set(err, ERR_PARAMS,
		    "requestedSchema must have type \"object\" and "
		    "properties");
	JSON_EACH_MEMBER (k, v, schema) {
		struct str key = json_str(k);

		if (v != fields && v != required && !str_equal(key, S("type"))
		    && !str_equal(key, S("$schema")))
			return err_set(err, ERR_PARAMS,
			    "requestedSchema: clients do not know \"%.*s\" "
			    "there",
			    (int)(key.len < 64 ? key.len : 64), key.ptr);
	}
	if (json_get(schema, S("$schema")) != NULL
	    && !str_equal(
		draft, S("https://json-schema.org/draft/2020-12/schema"))
	    && !str_equal(draft, S("http://json-schema.org/draft-07/schema#")))
		return err_set(err, ERR_PARAMS,
		    "requestedSchema.$schema must be that of draft 2020-12 or "
		    "draft-07");
	if (json_count(fields) > QUESTION_FIELDS_MAX)
		return err_set(err, ERR_PARAMS,
		    "requestedSchema has more than %d fields",
		    QUESTION_FIELDS_MAX);
	if (required != NULL && json_type(required) != JSON_ARRAY)
		return err_set(
		    err, ERR_PARAMS, "requestedSchema.required must be a list");
	JSON_EACH_ELEMENT (v, required) {
		if (json_type(v) != JSON_STRING
		    || json_get(fields, json_str(v)) == NULL)
			return err_set(err, ERR_PARAMS,
			    "requestedSchema.required names no property");
	}
	return 0;
}

int
call_form_check(const struct json_node *schema, unsigned *bits, struct err *err)
{
	int rc = root_check(schema, err);
	size_t choices = 0;

	if (rc < 0)
		return rc;
	JSON_EACH_MEMBER (k, v, json_get(schema, S("properties"))) {
		struct field f = { json_str(k), v, err };

		rc = field_check(&f, bits);
		if (rc < 0)
			return rc;
		choices += json_count(json_get(v, S("oneOf")))
		    + json_count(json_get(v, S("enum")))
		    + json_count(json_get(json_get(v, S("items")), S("anyOf")))
		    + json_count(json_get(json_get(v, S("items")), S("enum")));
	}
	return choices <= QUESTION_CHOICES_MAX
	    ? 0
	    : err_set(err, ERR_PARAMS,
		"requestedSchema has more than %d choices",
		QUESTION_CHOICES_MAX);
}
