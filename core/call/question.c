/* SPDX-License-Identifier: Apache-2.0 */
#include "call/question.h"

#include "call/call.h"
#include "data/uri.h"

int
call_url_check(const struct json_node *params, struct err *err)
{
	struct str url = json_str(json_get(params, S("url")));
	const struct json_node *id = json_get(params, S("elicitationId"));
	struct uri_parts parts;

	if (json_type(json_get(params, S("message"))) != JSON_STRING)
		return err_set(err, ERR_PARAMS, "message must be a string");
	if (id != NULL && json_str(id).len == 0)
		return err_set(err, ERR_PARAMS,
		    "elicitationId must be a string with something in it");
	uri_split(url, &parts);
	if (!uri_is_valid(url) || parts.authority.len == 0
	    || (!str_equal_nocase(parts.scheme, S("https"))
		&& !str_equal_nocase(parts.scheme, S("http"))))
		return err_set(
		    err, ERR_PARAMS, "url must be an http or https URL");
	if (str_find(parts.authority, '@') < parts.authority.len)
		return err_set(err, ERR_PARAMS,
		    "url must not hold a user name or a password");
	return 0;
}

static int
elicitation_check(
    const struct json_node *params, unsigned *bits, struct err *err)
{
	const struct json_node *mode = json_get(params, S("mode"));

	if (str_equal(json_str(mode), S("url"))) {
		*bits = CALL_CLIENT_ELICIT_URL;
		return call_url_check(params, err);
	}
	if (mode != NULL && !str_equal(json_str(mode), S("form")))
		return err_set(
		    err, ERR_PARAMS, "mode must be \"form\" or \"url\"");
	if (json_type(json_get(params, S("message"))) != JSON_STRING)
		return err_set(err, ERR_PARAMS, "message must be a string");
	*bits = CALL_CLIENT_ELICIT_FORM;
	return call_form_check(
	    json_get(params, S("requestedSchema")), bits, err);
}

int
call_question_check(struct str method, const struct json_node *params,
    unsigned *bits, struct err *err)
{
	bool object = json_type(params) == JSON_OBJECT;

	*bits = 0;
	if (str_equal(method, S("roots/list"))) {
		*bits = CALL_CLIENT_ROOTS;
		return params == NULL || object
		    ? 0
		    : err_set(err, ERR_PARAMS, "params must be an object");
	}
	if (!str_equal(method, S("elicitation/create"))
	    && !str_equal(method, S("sampling/createMessage")))
		return err_set(err, ERR_PARAMS,
		    "clients are asked by elicitation/create, "
		    "sampling/createMessage or roots/list");
	if (!object)
		return err_set(err, ERR_PARAMS, "params must be an object");
	if (str_equal(method, S("elicitation/create")))
		return elicitation_check(params, bits, err);
	*bits = CALL_CLIENT_SAMPLING;
	return call_sampling_check(params, bits, err);
}
