/* SPDX-License-Identifier: Apache-2.0 */
/* The tools that answer by themselves, and the table of all entries. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <toolpost/ext/complete.h>
#include <toolpost/ext/stream.h>

#include "conformance.h"

#define STEP_NS 10000000 /* how soon a cancellation is noticed */
#define BIG_MAX (8 << 20) /* test_big; the manifest says the same */
#define RETRY_MS 200 /* test_reconnection */
#define SECONDS_MAX 3600.0 /* slow_compute; the manifest says the same */

int64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int
pause_until(const struct tp_call *call, int64_t until)
{
	int64_t left;

	while ((left = until - now_ns()) > 0) {
		struct timespec step = { 0, STEP_NS };

		if (left < STEP_NS)
			step.tv_nsec = (long)left;
		if (tp_cancelled(call))
			return TP_ECANCELLED;
		(void)nanosleep(&step, NULL); /* a signal: look again */
	}
	return tp_cancelled(call) ? TP_ECANCELLED : TP_OK;
}

static int
simple_text(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(
	    call, tp_cstr("This is a simple text response for testing."));
}

static int
image_content(struct tp_call *call, void *state)
{
	(void)state;
	return tp_image(call, media_png(), "image/png");
}

static int
audio_content(struct tp_call *call, void *state)
{
	(void)state;
	return tp_audio(call, media_wav(), "audio/wav");
}

static int
embedded_resource(struct tp_call *call, void *state)
{
	(void)state;
	return tp_embed(call, tp_cstr("test://embedded-resource"), "text/plain",
	    tp_cstr("This is an embedded resource content."), 0);
}

static int
multiple_content_types(struct tp_call *call, void *state)
{
	int rc = tp_text(call, tp_cstr("Multiple content types test:"));

	(void)state;
	if (rc == TP_OK)
		rc = tp_image(call, media_png(), "image/png");
	if (rc == TP_OK)
		rc = tp_embed(call, tp_cstr("test://mixed-content-resource"),
		    "application/json",
		    tp_cstr("{\"test\":\"data\",\"value\":123}"), 0);
	return rc;
}

static int
error_handling(struct tp_call *call, void *state)
{
	(void)state;
	return tp_fail(call, TP_EFAIL,
	    "This tool intentionally returns an error for testing");
}

/* The stream ends at once, the result comes 100 ms later. */
static int
reconnection(struct tp_call *call, void *state)
{
	const struct conformance *c = (const struct conformance *)state;
	const struct tp_stream *stream = tp_stream_of(c->plugin);
	int64_t start = now_ns();
	int rc;

	if (stream != NULL) /* a client that cannot come back just waits */
		(void)stream->release(call, RETRY_MS);
	rc = pause_until(call, start + (int64_t)100000000);
	if (rc != TP_OK)
		return rc;
	return tp_text(call, tp_cstr("Reconnection test completed."));
}

static int
tool_with_progress(struct tp_call *call, void *state)
{
	int64_t start = now_ns();
	int i, rc;

	(void)state;
	for (i = 0; i <= 2; i++) {
		rc = pause_until(call, start + i * (int64_t)50000000);
		if (rc != TP_OK)
			return rc;
		(void)tp_progress(call, i * 50, 100, NULL);
	}
	return tp_text(call, tp_cstr("Tool with progress completed."));
}

static int
tool_with_logging(struct tp_call *call, void *state)
{
	static const char *const steps[] = { "Tool execution started",
		"Tool processing data", "Tool execution completed" };
	int64_t start = now_ns();
	int i, rc;

	(void)state;
	for (i = 0; i <= 2; i++) {
		rc = pause_until(call, start + i * (int64_t)50000000);
		if (rc != TP_OK)
			return rc;
		(void)tp_tell(
		    call, TP_MESSAGE_INFO, "conformance", tp_cstr(steps[i]));
	}
	return tp_text(call, tp_cstr("Tool with logging completed."));
}

static int
json_schema(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr("The arguments match the schema."));
}

/* Nothing is asked of the client: the stream holds the answer alone. */
static int
streaming_elicitation(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr("No request was sent to the client."));
}

static int
logging_tool(struct tp_call *call, void *state)
{
	(void)state;
	(void)tp_tell(call, TP_MESSAGE_INFO, NULL,
	    tp_cstr("test_logging_tool was called"));
	return tp_text(call, tp_cstr("Logged."));
}

static int
trigger_tool_change(struct tp_call *call, void *state)
{
	const struct conformance *s = state;

	call->host->changed(s->plugin, TP_KIND_TOOL, tp_cstr(""));
	return tp_text(call, tp_cstr("The list of tools changed."));
}

static int
trigger_prompt_change(struct tp_call *call, void *state)
{
	const struct conformance *s = state;

	call->host->changed(s->plugin, TP_KIND_PROMPT, tp_cstr(""));
	return tp_text(call, tp_cstr("The list of prompts changed."));
}

static int
touch_watched_resource(struct tp_call *call, void *state)
{
	const struct conformance *s = state;

	call->host->changed(
	    s->plugin, TP_KIND_RESOURCE, tp_cstr("test://watched-resource"));
	return tp_text(call, tp_cstr("test://watched-resource changed."));
}

static int
x_mcp_header(struct tp_call *call, void *state)
{
	struct tp_str region = tp_arg_str(call, "region", "");

	(void)state;
	return tp_textf(call, "region=%.*s, level=%lld", TP_FMT(region),
	    (long long)tp_arg_int(call, "level", 0));
}

static int
structured_content(struct tp_call *call, void *state)
{
	struct tp_json_text w = tp_json_begin(call);

	(void)state;
	tp_json_open(&w, NULL, '{');
	tp_json_put_num(
	    &w, "sum", tp_arg_num(call, "a", 0) + tp_arg_num(call, "b", 0));
	tp_json_close(&w, '}');
	return tp_json_answer(&w);
}

static int
big(struct tp_call *call, void *state)
{
	int64_t len = tp_arg_int(call, "bytes", 0);
	struct tp_str text;
	char *at;
	int64_t i;

	(void)state;
	if (len < 0 || len > BIG_MAX)
		return tp_failf(
		    call, TP_EPARAMS, "bytes: must be from 0 to %d", BIG_MAX);
	at = call->host->alloc(call, (size_t)len + 1);
	if (at == NULL)
		return TP_ENOMEM;
	for (i = 0; i < len; i++)
		at[i] = (char)('a' + i % 26);
	text.ptr = at;
	text.len = (size_t)len;
	return tp_text(call, text);
}

static int
greet(struct tp_call *call, void *state)
{
	struct tp_str name = tp_arg_str(call, "name", "world");

	(void)state;
	return tp_textf(call, "Hello, %.*s!", TP_FMT(name));
}

/* Progress ten times a second of work at most, and the end. */
static int
slow_compute(struct tp_call *call, void *state)
{
	double seconds = tp_arg_num(call, "seconds", 0);
	struct tp_str label = tp_arg_str(call, "label", "work");
	int64_t start = now_ns();
	int64_t end, next;
	int rc;

	(void)state;
	/* Written so that a value that is no number is refused too. */
	if (!(seconds >= 0 && seconds <= SECONDS_MAX))
		return tp_failf(call, TP_EPARAMS,
		    "seconds: must be from 0 to %.0f", SECONDS_MAX);
	end = start + (int64_t)(seconds * 1e9);
	for (next = start; next < end; next += 100000000) {
		rc = pause_until(call, next);
		if (rc != TP_OK)
			return rc;
		(void)tp_progress(
		    call, (double)(next - start) / 1e9, seconds, NULL);
	}
	rc = pause_until(call, end);
	if (rc != TP_OK)
		return rc;
	if (seconds > 0)
		(void)tp_progress(call, seconds, seconds, NULL);
	return tp_textf(call, "%.*s: done after %g s", TP_FMT(label), seconds);
}

/* The words that begin with what the user has typed. */
static int
complete(struct tp_call *call, void *state)
{
	static const char *const words[] = { "test", "testing", "tested",
		"paris", "park", "party" };
	const struct tp_host *h = call->host;
	struct tp_str typed = h->json_str(
	    h->json_get(h->json_get(h->args(call), "argument"), "value"));
	size_t i;
	int rc = TP_OK;

	(void)state;
	for (i = 0; i < sizeof words / sizeof words[0] && rc == TP_OK; i++)
		if (typed.len <= strlen(words[i])
		    && memcmp(words[i], typed.ptr, typed.len) == 0)
			rc = tp_text(call, tp_cstr(words[i]));
	return rc;
}

static int
load(struct tp_plugin *plugin, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{
	struct conformance *s = malloc(sizeof *s);

	(void)config;
	(void)previous;
	if (s == NULL)
		return TP_ENOMEM;
	s->plugin = plugin;
	*state = s;
	return TP_OK;
}

static void
unload(struct tp_plugin *plugin, void *state)
{
	(void)plugin;
	free(state);
}

#define QUICK(name_, fn_) TP_TOOL_FLAGS(name_, fn_, TP_NONBLOCKING)

static const struct tp_entry entries[] = {
	QUICK("test_simple_text", simple_text),
	QUICK("test_image_content", image_content),
	QUICK("test_audio_content", audio_content),
	QUICK("test_embedded_resource", embedded_resource),
	QUICK("test_multiple_content_types", multiple_content_types),
	QUICK("test_error_handling", error_handling),
	TP_TOOL("test_tool_with_progress", tool_with_progress),
	TP_TOOL("test_tool_with_logging", tool_with_logging),
	QUICK("json_schema_2020_12_tool", json_schema),
	QUICK("test_sampling", test_sampling),
	QUICK("test_elicitation", test_elicitation),
	QUICK("test_elicitation_sep1034_defaults",
	    test_elicitation_sep1034_defaults),
	QUICK("test_elicitation_sep1330_enums", test_elicitation_sep1330_enums),
	QUICK("test_missing_capability", test_missing_capability),
	QUICK("test_streaming_elicitation", streaming_elicitation),
	QUICK("test_logging_tool", logging_tool),
	QUICK("test_trigger_tool_change", trigger_tool_change),
	QUICK("test_trigger_prompt_change", trigger_prompt_change),
	QUICK("touch_watched_resource", touch_watched_resource),
	QUICK("test_x_mcp_header", x_mcp_header),
	QUICK("test_structured_content", structured_content),
	QUICK("test_input_required_result_elicitation", input_elicitation),
	QUICK("test_input_required_result_sampling", input_sampling),
	QUICK("test_input_required_result_list_roots", input_list_roots),
	QUICK("test_input_required_result_request_state", input_request_state),
	QUICK("test_input_required_result_multiple_inputs",
	    input_multiple_inputs),
	QUICK("test_input_required_result_multi_round", input_multi_round),
	QUICK("test_input_required_result_tampered_state", input_request_state),
	QUICK("test_input_required_result_capabilities", input_capabilities),
	TP_TOOL("test_reconnection", reconnection),
	TP_TOOL("test_big", big),
	QUICK("greet", greet),
	TP_TOOL("slow_compute", slow_compute),
	TP_TOOL("failing_job", failing_job),
	QUICK("protocol_error_job", protocol_error_job),
	QUICK("confirm_delete", confirm_delete),
	QUICK("multi_input", multi_input),
	TP_TOOL("test_tool_with_task", tool_with_task),

	TP_RESOURCE_FLAGS("test://static-text", static_text, TP_NONBLOCKING),
	TP_RESOURCE_FLAGS(
	    "test://static-binary", static_binary, TP_NONBLOCKING),
	TP_RESOURCE_FLAGS(
	    "test://watched-resource", watched_resource, TP_NONBLOCKING),
	TP_RESOURCE_FLAGS(
	    "test://template/{id}/data", template_data, TP_NONBLOCKING),

	TP_PROMPT_FLAGS("test_simple_prompt", simple_prompt, TP_NONBLOCKING),
	TP_PROMPT_FLAGS("test_prompt_with_arguments", prompt_with_arguments,
	    TP_NONBLOCKING),
	TP_PROMPT_FLAGS("test_prompt_with_embedded_resource",
	    prompt_with_embedded_resource, TP_NONBLOCKING),
	TP_PROMPT_FLAGS(
	    "test_prompt_with_image", prompt_with_image, TP_NONBLOCKING),
	TP_PROMPT_FLAGS(
	    "test_input_required_result_prompt", input_prompt, TP_NONBLOCKING),
};

static const struct tp_complete completer = { sizeof completer, TP_NONBLOCKING,
	complete };

static const struct tp_offer offers[] = { { TP_EXT_COMPLETE, &completer } };

TP_PLUGIN_OFFERS(
    "conformance", "1.0.0", entries, offers, TP_CLOSABLE, load, NULL, unload);
