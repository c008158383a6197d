/* SPDX-License-Identifier: Apache-2.0 */
/* Resources and prompts with fixed content. */
#include "conformance.h"

int
static_text(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(
	    call, tp_cstr("This is the content of the static text resource."));
}

int
static_binary(struct tp_call *call, void *state)
{
	(void)state;
	return tp_bytes(call, media_png(), "image/png");
}

int
watched_resource(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr("Watched resource content."));
}

int
template_data(struct tp_call *call, void *state)
{
	struct tp_json_text w = tp_json_begin(call);
	struct tp_str id = tp_arg_str(call, "id", "");
	struct tp_str data = tp_format(call, "Data for ID: %.*s", TP_FMT(id));

	(void)state;
	if (data.ptr == NULL)
		return TP_ENOMEM;
	tp_json_open(&w, NULL, '{');
	tp_json_put_str(&w, "id", id);
	tp_json_put_bool(&w, "templateTest", 1);
	tp_json_put_str(&w, "data", data);
	tp_json_close(&w, '}');
	if (w.status != TP_OK)
		return w.status;
	return tp_text(call, tp_json_str(&w));
}

int
simple_prompt(struct tp_call *call, void *state)
{
	(void)state;
	return tp_message(
	    call, TP_USER, tp_cstr("This is a simple prompt for testing."));
}

int
prompt_with_arguments(struct tp_call *call, void *state)
{
	struct tp_str arg1 = tp_arg_str(call, "arg1", "");
	struct tp_str arg2 = tp_arg_str(call, "arg2", "");

	(void)state;
	return tp_textf(call, "Prompt with arguments: arg1='%.*s', arg2='%.*s'",
	    TP_FMT(arg1), TP_FMT(arg2));
}

int
prompt_with_embedded_resource(struct tp_call *call, void *state)
{
	int rc;

	(void)state;
	rc = tp_embed(call, tp_arg_str(call, "resourceUri", ""), "text/plain",
	    tp_cstr("Embedded resource content for testing."), 0);
	if (rc != TP_OK)
		return rc;
	return tp_message(call, TP_USER,
	    tp_cstr("Please process the embedded resource above."));
}

int
prompt_with_image(struct tp_call *call, void *state)
{
	int rc;

	(void)state;
	rc = tp_image(call, media_png(), "image/png");
	if (rc != TP_OK)
		return rc;
	return tp_message(
	    call, TP_USER, tp_cstr("Please analyze the image above."));
}
