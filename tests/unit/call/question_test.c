/* SPDX-License-Identifier: Apache-2.0 */
/* What may be asked of a client, and what its author hears when it may not. */
#include "call/question.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "call/call.h"
#include "unit/unit.h"

/* 0 or ERR_PARAMS; bits and text are of the last one. */
static unsigned bits;
static struct err err;

static int
judge(const char *method, const char *params)
{
	struct json_doc doc;
	int rc;

	json_doc_init(&doc);
	ck_assert_msg(
	    json_parse(&doc, str_of(params), JSON_PROTOCOL) == 0, "%s", params);
	rc = call_question_check(str_of(method), doc.nodes, &bits, &err);
	json_doc_finish(&doc);
	return rc;
}

static int
field(const char *text)
{
	char params[4096];

	(void)snprintf(params, sizeof params,
	    "{\"message\":\"m\",\"requestedSchema\":{\"type\":\"object\","
	    "\"properties\":{\"f\":%s}}}",
	    text);
	return judge("elicitation/create", params);
}

START_TEST(every_kind_of_field_is_known) /* ELIC-03 */
{
	static const char *const good[] = {
		"{\"type\":\"string\"}",
		"{\"type\":\"string\",\"title\":\"t\",\"description\":\"d\","
		"\"minLength\":0,\"maxLength\":9,\"format\":\"email\","
		"\"default\":\"x\"}",
		"{\"type\":\"string\",\"format\":\"date-time\"}",
		"{\"type\":\"number\",\"minimum\":-1.5,\"maximum\":1e3,"
		"\"default\":0.5}",
		"{\"type\":\"integer\",\"default\":3.0}",
		"{\"type\":\"boolean\",\"default\":true}",
		"{\"type\":\"string\",\"enum\":[\"a\",\"b\"],"
		"\"enumNames\":[\"A\",\"B\"],\"default\":\"b\"}",
		"{\"type\":\"string\",\"oneOf\":[{\"const\":\"a\","
		"\"title\":\"A\"}],\"default\":\"a\"}",
	};
	static const char *const several[] = {
		"{\"type\":\"array\",\"items\":{\"type\":\"string\","
		"\"enum\":[\"a\",\"b\"]},\"minItems\":1,\"maxItems\":2,"
		"\"default\":[\"b\"]}",
		"{\"type\":\"array\",\"items\":{\"anyOf\":[{\"const\":\"a\","
		"\"title\":\"A\"}]},\"default\":[]}",
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(good); i++) {
		ck_assert_msg(field(good[i]) == 0, "%s", err.text);
		ck_assert_uint_eq(bits, CALL_CLIENT_ELICIT_FORM);
	}
	for (i = 0; i < ARRAY_LEN(several); i++) { /* ELIC-04 */
		ck_assert_msg(field(several[i]) == 0, "%s", err.text);
		ck_assert_uint_eq(
		    bits, CALL_CLIENT_ELICIT_FORM | CALL_CLIENT_FORM_SEVERAL);
	}
}
END_TEST

START_TEST(a_field_that_no_client_knows_is_refused) /* ELIC-03 */
{
	static const char *const bad[][2] = {
		{ "7", "must be an object" },
		{ "{}", "type must be" },
		{ "{\"type\":\"object\",\"properties\":{}}", "type must be" },
		{ "{\"type\":\"null\"}", "type must be" },
		{ "{\"type\":[\"string\"]}", "type must be" },
		{ "{\"type\":\"string\",\"title\":1}", "title" },
		{ "{\"type\":\"string\",\"pattern\":\"x\"}", "\"pattern\"" },
		{ "{\"type\":\"string\",\"$ref\":\"#\"}", "\"$ref\"" },
		{ "{\"type\":\"string\",\"format\":\"password\"}", "format" },
		{ "{\"type\":\"string\",\"format\":7}", "format" },
		{ "{\"type\":\"string\",\"minLength\":-1}", "bound" },
		{ "{\"type\":\"string\",\"minLength\":1.5}", "bound" },
		{ "{\"type\":\"string\",\"minLength\":3,\"maxLength\":2}",
		    "above" },
		{ "{\"type\":\"string\",\"default\":7}", "default" },
		{ "{\"type\":\"number\",\"minimum\":\"1\"}", "bound" },
		{ "{\"type\":\"number\",\"minimum\":1e9,\"maximum\":1}",
		    "above" },
		{ "{\"type\":\"number\",\"default\":\"1\"}", "default" },
		{ "{\"type\":\"number\",\"multipleOf\":2}", "\"multipleOf\"" },
		{ "{\"type\":\"integer\",\"default\":1.5}", "default" },
		{ "{\"type\":\"boolean\",\"default\":\"true\"}", "default" },
		{ "{\"type\":\"boolean\",\"enum\":[true]}", "\"enum\"" },
		{ "{\"type\":\"string\",\"enum\":[]}", "choices" },
		{ "{\"type\":\"string\",\"enum\":\"a\"}", "choices" },
		{ "{\"type\":\"string\",\"enum\":[1]}", "a string" },
		{ "{\"type\":\"string\",\"enum\":[\"a\",\"a\"]}", "twice" },
		{ "{\"type\":\"string\",\"enum\":[\"a\"],\"minLength\":1}",
		    "\"minLength\"" },
		{ "{\"type\":\"string\",\"enum\":[\"a\"],\"enumNames\":[]}",
		    "enumNames" },
		{ "{\"type\":\"string\",\"enum\":[\"a\"],"
		  "\"enumNames\":[1]}",
		    "enumNames" },
		{ "{\"type\":\"string\",\"enum\":[\"a\"],\"default\":\"b\"}",
		    "not among" },
		{ "{\"type\":\"string\",\"enum\":[\"a\"],\"oneOf\":[]}",
		    "\"oneOf\"" },
		{ "{\"type\":\"string\",\"oneOf\":[{\"const\":\"a\"}]}",
		    "const, title" },
		{ "{\"type\":\"string\",\"oneOf\":[{\"const\":\"a\","
		  "\"title\":\"A\",\"x\":1}]}",
		    "const, title" },
		{ "{\"type\":\"array\"}", "items" },
		{ "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}",
		    "items" },
		{ "{\"type\":\"array\",\"items\":{\"type\":\"number\","
		  "\"enum\":[1]}}",
		    "items" },
		{ "{\"type\":\"array\",\"items\":{\"type\":\"string\","
		  "\"enum\":[\"a\"]},\"default\":\"a\"}",
		    "a list" },
		{ "{\"type\":\"array\",\"items\":{\"type\":\"string\","
		  "\"enum\":[\"a\"]},\"default\":[\"b\"]}",
		    "not among" },
		{ "{\"type\":\"array\",\"items\":{\"type\":\"string\","
		  "\"enum\":[\"a\"]},\"uniqueItems\":true}",
		    "\"uniqueItems\"" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_msg(field(bad[i][0]) == ERR_PARAMS, "%s", bad[i][0]);
		ck_assert_msg(strstr(err.text, bad[i][1]) != NULL, "%s: %s",
		    bad[i][0], err.text);
		ck_assert_ptr_nonnull(strstr(err.text, "properties.f"));
	}
}
END_TEST

START_TEST(what_surrounds_the_fields_is_judged_too) /* ELIC-02 */
{
#define FORM(more_) "{\"message\":\"m\",\"requestedSchema\":{" more_ "}}"
#define FIELDS \
	"\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}"
	static const char *const good[] = {
		FORM(FIELDS),
		FORM(FIELDS ",\"required\":[\"a\"]"),
		FORM(FIELDS ",\"$schema\":"
			    "\"https://json-schema.org/draft/2020-12/schema\""),
		("{\"mode\":\"form\",\"message\":\"m\",\"requestedSchema\":{"
		 "\"type\":\"object\",\"properties\":{}}}"),
	};
	static const char *const bad[][2] = {
		{ "{}", "message" },
		{ "{\"message\":\"m\"}", "requestedSchema" },
		{ "{\"message\":7,\"requestedSchema\":{" FIELDS "}}",
		    "message" },
		{ FORM(""), "type" },
		{ FORM("\"type\":\"object\""), "properties" },
		{ FORM("\"type\":\"array\",\"properties\":{}"), "type" },
		{ FORM(FIELDS ",\"additionalProperties\":false"),
		    "additionalProperties" },
		{ FORM(FIELDS ",\"required\":\"a\""), "required" },
		{ FORM(FIELDS ",\"required\":[\"b\"]"), "required" },
		{ FORM(FIELDS ",\"$schema\":\"x\""), "$schema" },
		{ "{\"mode\":\"mail\",\"message\":\"m\"}", "mode" },
		{ "{\"mode\":7,\"message\":\"m\"}", "mode" },
		{ "[]", "an object" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(good); i++)
		ck_assert_msg(
		    judge("elicitation/create", good[i]) == 0, "%s", err.text);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_msg(
		    judge("elicitation/create", bad[i][0]) == ERR_PARAMS, "%s",
		    bad[i][0]);
		ck_assert_msg(
		    strstr(err.text, bad[i][1]) != NULL, "%s", err.text);
	}
	ck_assert_int_eq(
	    call_question_check(S("elicitation/create"), NULL, &bits, &err),
	    ERR_PARAMS);
	ck_assert_int_eq(
	    call_question_check(S("roots/list"), NULL, &bits, &err), 0);
	ck_assert_int_eq(judge("roots/list", "{}"), 0);
	ck_assert_int_eq(judge("roots/list", "[]"), ERR_PARAMS);
	ck_assert_int_eq(judge("tools/list", "{}"), ERR_PARAMS);
}
END_TEST

START_TEST(a_form_has_bounds)
{
	struct buf b;
	size_t i;

	buf_init(&b);
	BUF_LIT(&b,
	    "{\"message\":\"m\",\"requestedSchema\":{\"type\":"
	    "\"object\",\"properties\":{");
	for (i = 0; i <= QUESTION_FIELDS_MAX; i++)
		buf_printf(&b, "%s\"f%zu\":{\"type\":\"boolean\"}",
		    i > 0 ? "," : "", i);
	BUF_LIT(&b, "}}}");
	buf_char(&b, '\0');
	ck_assert_int_eq(judge("elicitation/create", b.ptr), ERR_PARAMS);
	ck_assert_ptr_nonnull(strstr(err.text, "256 fields"));
	buf_clear(&b);
	BUF_LIT(&b,
	    "{\"message\":\"m\",\"requestedSchema\":{\"type\":"
	    "\"object\",\"properties\":{");
	for (i = 0; i < 5; i++) {
		size_t k;

		buf_printf(&b, "%s\"f%zu\":{\"type\":\"string\",\"enum\":[",
		    i > 0 ? "," : "", i);
		for (k = 0; k < QUESTION_VALUES_MAX; k++)
			buf_printf(&b, "%s\"%zu\"", k > 0 ? "," : "", k);
		BUF_LIT(&b, "]}");
	}
	BUF_LIT(&b, "}}}");
	buf_char(&b, '\0');
	ck_assert_int_eq(judge("elicitation/create", b.ptr), ERR_PARAMS);
	ck_assert_ptr_nonnull(strstr(err.text, "4096 choices"));
	buf_finish(&b);
}
END_TEST

START_TEST(a_form_asks_for_no_secret) /* ELIC-08 */
{
	static const char *const secret[] = { "password", "Password",
		"user_password", "newPassword", "PASSWORD", "apiKey", "APIKey",
		"api-key", "api_key", "access_token", "token", "clientSecret",
		"secret", "card number", "cardNumber", "creditCard", "cvv",
		"securityCode", "passphrase", "PIN", "privateKey" };
	static const char *const open[] = { "name", "email", "tokens",
		"secretary", "card", "cardinal", "key", "keyboard", "apis",
		"api", "pinned", "number", "number_card", "", "author" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(secret); i++)
		ck_assert_msg(
		    call_name_is_secret(str_of(secret[i])), "%s", secret[i]);
	for (i = 0; i < ARRAY_LEN(open); i++)
		ck_assert_msg(
		    !call_name_is_secret(str_of(open[i])), "%s", open[i]);
	ck_assert_int_eq(
	    field("{\"type\":\"string\",\"title\":\"Your password\"}"),
	    ERR_PARAMS);
	ck_assert_ptr_nonnull(strstr(err.text, "mode \"url\""));
	ck_assert_int_eq(
	    field("{\"type\":\"boolean\",\"title\":\"Keep the password\"}"), 0);
}
END_TEST

START_TEST(a_link_is_one) /* ELIC-05, ELIC-09 */
{
#define LINK(url_) "{\"mode\":\"url\",\"message\":\"m\",\"url\":\"" url_ "\"}"
	static const char *const bad[] = { LINK(""), LINK("x"), LINK("/a"),
		LINK("ftp://e.test/"), LINK("javascript:alert(1)"),
		LINK("https:"), LINK("https:///x"), LINK("https://e.test/ "),
		LINK("https://ada:pw@e.test/"), LINK("https://ada@e.test/"),
		"{\"mode\":\"url\",\"url\":\"https://e.test/\"}",
		"{\"mode\":\"url\",\"message\":\"m\"}",
		("{\"mode\":\"url\",\"message\":\"m\",\"url\":\"https://e.test/"
		 "\",\"elicitationId\":7}") };
	size_t i;

	ck_assert_int_eq(
	    judge("elicitation/create", LINK("https://e.test/a?b=c")), 0);
	ck_assert_uint_eq(bits, CALL_CLIENT_ELICIT_URL);
	ck_assert_int_eq(
	    judge("elicitation/create", LINK("HTTP://127.0.0.1:8/")), 0);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(judge("elicitation/create", bad[i]) == ERR_PARAMS,
		    "%s", bad[i]);
}
END_TEST

#define ASK(messages_) "{\"maxTokens\":1,\"messages\":[" messages_ "]}"
#define TEXT "{\"type\":\"text\",\"text\":\"t\"}"
#define USER(content_) "{\"role\":\"user\",\"content\":" content_ "}"
#define MODEL(content_) "{\"role\":\"assistant\",\"content\":" content_ "}"
#define USE(id_) \
	"{\"type\":\"tool_use\",\"id\":\"" id_ "\",\"name\":\"n\",\"input\":{}}"
#define RESULT(id_) \
	"{\"type\":\"tool_result\",\"toolUseId\":\"" id_ "\",\"content\":[]}"

START_TEST(a_model_is_asked_in_its_own_terms) /* SAMP-02, SAMP-03, SAMP-05 */
{
	static const struct {
		const char *params;
		unsigned bits; /* beside CALL_CLIENT_SAMPLING */
	} good[] = {
		{ ASK(""), 0 },
		{ ASK(USER(TEXT)), 0 },
		{ ASK(USER(TEXT) "," MODEL(TEXT)), 0 },
		{ ASK(USER("{\"type\":\"image\",\"data\":\"\","
			   "\"mimeType\":\"image/png\"}")),
		    0 },
		{ ASK(USER("{\"type\":\"audio\",\"data\":\"\","
			   "\"mimeType\":\"audio/wav\"}")),
		    CALL_CLIENT_SAMPLING_AUDIO },
		{ ASK(USER("[" TEXT "," TEXT "]")),
		    CALL_CLIENT_SAMPLING_BLOCKS },
		{ ASK(MODEL(USE("1")) "," USER(RESULT("1"))),
		    CALL_CLIENT_SAMPLING_TOOLS },
		{ "{\"maxTokens\":1,\"messages\":[],\"systemPrompt\":\"s\","
		  "\"temperature\":0.5,\"stopSequences\":[],\"metadata\":{},"
		  "\"modelPreferences\":{\"hints\":[],\"costPriority\":1,"
		  "\"speedPriority\":0},\"includeContext\":\"none\"}",
		    0 },
		{ "{\"maxTokens\":1,\"messages\":[],"
		  "\"toolChoice\":{\"mode\":\"auto\"}}",
		    CALL_CLIENT_SAMPLING_TOOLS },
		{ "{\"maxTokens\":1,\"messages\":[],"
		  "\"includeContext\":\"thisServer\"}",
		    CALL_CLIENT_SAMPLING_CONTEXT },
	};
	static const char *const bad[] = {
		"{\"messages\":[]}",
		"{\"maxTokens\":1}",
		"{\"maxTokens\":0,\"messages\":[]}",
		"{\"maxTokens\":1.5,\"messages\":[]}",
		"{\"maxTokens\":\"1\",\"messages\":[]}",
		ASK("7"),
		ASK("{\"role\":\"system\",\"content\":" TEXT "}"),
		ASK(USER("\"t\"")),
		ASK("{\"role\":\"user\"}"),
		ASK(USER("{\"type\":\"text\"}")),
		ASK(USER("{\"type\":\"image\",\"data\":\"\"}")),
		ASK(USER("{\"type\":\"video\"}")),
		"{\"maxTokens\":1,\"messages\":[],\"temperature\":\"hot\"}",
		"{\"maxTokens\":1,\"messages\":[],\"tools\":{}}",
		"{\"maxTokens\":1,\"messages\":[],\"toolChoice\":{\"mode\":1}}",
		"{\"maxTokens\":1,\"messages\":[],\"includeContext\":\"all\"}",
		"{\"maxTokens\":1,\"messages\":[],\"modelPreferences\":[]}",
		("{\"maxTokens\":1,\"messages\":[],"
		 "\"modelPreferences\":{\"costPriority\":1.1}}"),
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(good); i++) {
		ck_assert_msg(
		    judge("sampling/createMessage", good[i].params) == 0,
		    "%s: %s", good[i].params, err.text);
		ck_assert_msg(bits == (CALL_CLIENT_SAMPLING | good[i].bits),
		    "%s: %u", good[i].params, bits);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(
		    judge("sampling/createMessage", bad[i]) == ERR_PARAMS, "%s",
		    bad[i]);
}
END_TEST

START_TEST(each_use_of_a_tool_has_its_result_behind_it) /* SAMP-04 */
{
	static const char *const good[] = {
		ASK(MODEL("[" TEXT "," USE("1") "," USE("2") "]") "," USER(
		    "[" RESULT("2") "," RESULT("1") "]") "," MODEL(TEXT)),
	};
	static const char *const bad[] = {
		ASK(MODEL(USE("1"))),
		ASK(USER(RESULT("1"))),
		ASK(MODEL(USE("1")) "," USER(TEXT)),
		ASK(MODEL(USE("1")) "," USER(RESULT("2"))),
		ASK(MODEL(USE("1")) "," USER("[" RESULT("1") "," TEXT "]")),
		ASK(MODEL("[" USE("1") "," USE("2") "]") "," USER(RESULT("1"))),
		ASK(MODEL("[" USE("1") "," USE("2") "]") "," USER(
		    "[" RESULT("1") "," RESULT("1") "]")),
		ASK(MODEL(USE("1")) "," MODEL(TEXT) "," USER(RESULT("1"))),
		ASK(USER(USE("1")) "," USER(RESULT("1"))),
		ASK(MODEL(USE("1")) "," MODEL(RESULT("1"))),
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(good); i++)
		ck_assert_msg(judge("sampling/createMessage", good[i]) == 0,
		    "%s: %s", good[i], err.text);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_msg(
		    judge("sampling/createMessage", bad[i]) == ERR_PARAMS, "%s",
		    bad[i]);
		ck_assert_ptr_nonnull(strstr(err.text, "messages"));
	}
}
END_TEST

UNIT_MAIN("call/question", every_kind_of_field_is_known,
    a_field_that_no_client_knows_is_refused,
    what_surrounds_the_fields_is_judged_too, a_form_has_bounds,
    a_form_asks_for_no_secret, a_link_is_one, a_model_is_asked_in_its_own_terms,
    each_use_of_a_tool_has_its_result_behind_it)
