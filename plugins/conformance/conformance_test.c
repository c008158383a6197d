/* SPDX-License-Identifier: Apache-2.0 */
#include <toolpost/test.h>

#define CALL(name_, args_) tp_test_call(h, name_, args_)

static void
content_has_the_types_that_the_suite_expects(struct tp_test_host *h)
{
	struct tp_test_result *c = CALL("test_multiple_content_types", NULL);
	const struct tp_test_note *n;

	TP_TEST(c->status == TP_OK && c->content.len == 3);
	TP_TEST_IS(tp_test_text(c), "Multiple content types test:");
	n = tp_test_nth(&c->content, 1);
	TP_TEST(n->number == TP_IMAGE);
	TP_TEST_IS(n->mime, "image/png");
	TP_TEST(n->len > 8 && memcmp(n->text, "\x89PNG\r\n\x1a\n", 8) == 0);
	n = tp_test_nth(&c->content, 2);
	TP_TEST(n->number == TP_EMBED);
	TP_TEST_IS(n->key, "test://mixed-content-resource");
	TP_TEST_IS(n->text, "{\"test\":\"data\",\"value\":123}");
	tp_test_free(c);

	c = CALL("test_audio_content", NULL);
	n = tp_test_nth(&c->content, 0);
	TP_TEST(n->number == TP_AUDIO && memcmp(n->text, "RIFF", 4) == 0);
	TP_TEST_IS(n->mime, "audio/wav");
	tp_test_free(c);

	c = CALL("test_error_handling", NULL);
	TP_TEST(c->status == TP_EFAIL);
	TP_TEST_IS(
	    c->message, "This tool intentionally returns an error for testing");
	tp_test_free(c);
}

static void
reconnection_lets_go_of_its_stream(struct tp_test_host *h)
{
	struct tp_test_result *c = CALL("test_reconnection", NULL);

	TP_TEST(c->status == TP_OK && c->released == 0);
	tp_test_free(c);
	h->release = 1;
	c = CALL("test_reconnection", NULL);
	h->release = 0;
	TP_TEST(c->status == TP_OK && c->released == 1 && c->retry_ms == 200);
	TP_TEST_IS(tp_test_text(c), "Reconnection test completed.");
	tp_test_free(c);
}

static void
progress_comes_three_times_and_grows(struct tp_test_host *h)
{
	struct tp_test_result *c = CALL("test_tool_with_progress", NULL);

	TP_TEST(c->status == TP_OK && c->progress.len == 3);
	TP_TEST(c->progress.first->done < 1 && c->progress.last->done > 99);
	tp_test_free(c);
}

static void
messages_to_the_client_come_three_times(struct tp_test_host *h)
{
	struct tp_test_result *c = CALL("test_tool_with_logging", NULL);

	TP_TEST(c->status == TP_OK && c->messages.len == 3);
	TP_TEST_IS(c->messages.first->text, "Tool execution started");
	TP_TEST_IS(c->messages.first->name, "conformance");
	TP_TEST(c->messages.last->number == TP_MESSAGE_INFO);
	tp_test_free(c);
}

static void
words_complete_what_was_typed(struct tp_test_host *h)
{
	struct tp_test_result *c =
	    tp_test_complete(h, "test_prompt_with_arguments",
		"{\"argument\": {\"name\": \"arg1\", \"value\": \"par\"}}");

	TP_TEST(tp_test_run(c) == TP_OK && c->content.len == 3);
	TP_TEST_IS(tp_test_text(c), "paris");
	tp_test_free(c);
}

static void
slow_compute_stops_when_it_is_cancelled(struct tp_test_host *h)
{
	struct tp_test_result *c;

	c = tp_test_new(h, "slow_compute", "{\"seconds\": 3600}");
	tp_test_cancel(c);
	TP_TEST(tp_test_run(c) == TP_ECANCELLED);
	TP_TEST(c->content.len == 0 && c->progress.len == 0);
	tp_test_free(c);

	c = CALL("slow_compute", "{\"seconds\": 0, \"label\": \"x\"}");
	TP_TEST_IS(tp_test_text(c), "x: done after 0 s");
	tp_test_free(c);
	c = CALL("slow_compute", "{\"seconds\": 0.12}");
	TP_TEST(c->status == TP_OK && c->progress.len == 3);
	tp_test_free(c);
	c = CALL("slow_compute", "{\"seconds\": -1}");
	TP_TEST(c->status == TP_EPARAMS);
	tp_test_free(c);
}

static void
an_answer_that_makes_no_sense_is_asked_for_again(struct tp_test_host *h)
{
	static const char *const bad[] = { "{\"user_name\": 12345}", "null",
		"{\"other\": {\"action\": \"accept\"}}",
		"{\"user_name\": {\"action\": \"accept\"}}",
		"{\"user_name\": {\"action\": \"accept\", \"content\": 7}}",
		"{\"user_name\": {\"action\": \"dance\"}}" };
	struct tp_test_result *c;
	size_t i;

	c = tp_test_new(h, "test_input_required_result_elicitation", NULL);
	TP_TEST(tp_test_run(c) == TP_INPUT && c->requests.len == 1);
	TP_TEST_IS(c->requests.first->key, "user_name");
	TP_TEST_IS(c->requests.first->name, "elicitation/create");
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		tp_test_answers(c, bad[i]);
		TP_TEST(tp_test_run(c) == TP_INPUT);
		TP_TEST(c->requests.len == 1 && c->content.len == 0);
	}
	tp_test_answers(c,
	    "{\"x\": 1, \"user_name\": {\"action\": \"accept\","
	    " \"content\": {\"name\": \"Ada\"}}}");
	TP_TEST(tp_test_run(c) == TP_OK);
	TP_TEST_IS(tp_test_text(c), "Hello, Ada!");
	tp_test_answers(c, "{\"user_name\": {\"action\": \"decline\"}}");
	TP_TEST(tp_test_run(c) == TP_OK);
	TP_TEST_IS(tp_test_text(c), "The user did not answer.");
	tp_test_free(c);
}

static void
several_inputs_are_asked_for_at_once_and_completed_in_parts(
    struct tp_test_host *h)
{
	struct tp_test_result *c;

	c = tp_test_new(h, "test_input_required_result_multiple_inputs", NULL);
	TP_TEST(tp_test_run(c) == TP_INPUT && c->requests.len == 3);
	tp_test_answers(c,
	    "{\"greeting\": {\"role\": \"assistant\", "
	    "\"content\": {\"type\": \"text\", \"text\": \"Hi\"}}}");
	TP_TEST(tp_test_run(c) == TP_INPUT && c->requests.len == 2);
	tp_test_answers(c,
	    "{\"greeting\": {\"role\": \"assistant\", "
	    "\"content\": [{\"type\": \"text\", \"text\": \"Hi\"}]}, "
	    "\"client_roots\": {\"roots\": [{\"uri\": \"file:///a\"}]}, "
	    "\"user_name\": {\"action\": \"accept\", "
	    "\"content\": {\"name\": \"Ada\"}}}");
	TP_TEST(tp_test_run(c) == TP_OK);
	TP_TEST_IS(tp_test_text(c), "Ada: Hi (1 roots)");
	tp_test_free(c);
}

static void
rounds_follow_each_other(struct tp_test_host *h)
{
	struct tp_test_result *c;

	c = tp_test_new(h, "test_input_required_result_multi_round", NULL);
	TP_TEST(tp_test_run(c) == TP_INPUT);
	TP_TEST_IS(c->requests.first->key, "step1");
	tp_test_answers(c,
	    "{\"step1\": {\"action\": \"accept\", "
	    "\"content\": {\"name\": \"Ada\"}}}");
	TP_TEST(tp_test_run(c) == TP_INPUT && c->requests.len == 1);
	TP_TEST_IS(c->requests.first->key, "step2");
	tp_test_answers(c,
	    "{\"step1\": {\"action\": \"accept\", "
	    "\"content\": {\"name\": \"Ada\"}}, \"step2\": {\"action\": "
	    "\"accept\", \"content\": {\"color\": \"blue\"}}}");
	TP_TEST(tp_test_run(c) == TP_OK);
	TP_TEST_IS(tp_test_text(c), "Ada likes blue.");
	tp_test_free(c);
}

static void
an_answer_counts_with_the_state_of_its_question(struct tp_test_host *h)
{
	static const char answer[] = "{\"confirm\": {\"action\": \"accept\", "
				     "\"content\": {\"ok\": true}}}";
	struct tp_test_result *c;

	c = tp_test_new(h, "test_input_required_result_request_state", NULL);
	tp_test_answers(c, answer);
	TP_TEST(tp_test_run(c) == TP_INPUT && c->requests.len == 1);
	TP_TEST(c->state.len == 0 && c->next_state.len == 1);
	TP_TEST_IS(c->next_state.first->text, "asked");
	TP_TEST(tp_test_run(c) == TP_OK);
	TP_TEST_IS(c->state.first->text, "asked");
	TP_TEST_IS(tp_test_text(c), "state-ok");
	tp_test_free(c);
}

static void
only_what_the_client_offers_is_asked_for(struct tp_test_host *h)
{
	struct tp_test_result *c;

	h->capabilities = TP_TEST_SAMPLING;
	c = CALL("test_input_required_result_capabilities", NULL);
	TP_TEST(c->status == TP_INPUT && c->requests.len == 1);
	TP_TEST_IS(c->requests.first->name, "sampling/createMessage");
	tp_test_free(c);
	h->capabilities = 0;
	c = CALL("test_missing_capability", NULL);
	TP_TEST(c->status == TP_ENOTSUP && c->requests.len == 0);
	tp_test_free(c);
	c = CALL("test_sampling", "{\"prompt\": \"x\"}");
	TP_TEST(c->status == TP_ENOTSUP);
	tp_test_free(c);
	h->capabilities = TP_TEST_EVERYTHING;
}

static void
requests_of_the_older_era_are_asked_and_reported(struct tp_test_host *h)
{
	struct tp_test_result *c;

	c = tp_test_new(h, "test_sampling", "{\"prompt\": \"a \\\"b\\\"\\n\"}");
	TP_TEST(tp_test_run(c) == TP_INPUT);
	TP_TEST(strstr(c->requests.first->text, "a \\\"b\\\"\\u000a") != NULL);
	tp_test_answers(c,
	    "{\"sample\": {\"content\": {\"type\": \"text\", "
	    "\"text\": \"yes\"}}}");
	TP_TEST(tp_test_run(c) == TP_OK);
	TP_TEST_IS(tp_test_text(c), "LLM response: yes");
	tp_test_free(c);

	c = tp_test_new(h, "test_elicitation_sep1330_enums", NULL);
	TP_TEST(tp_test_run(c) == TP_INPUT);
	tp_test_answers(c,
	    "{\"form\": {\"action\": \"accept\", "
	    "\"content\": {\"legacyEnum\": \"opt1\"}}}");
	TP_TEST(tp_test_run(c) == TP_OK);
	TP_TEST_IS(tp_test_text(c),
	    "Elicitation completed: action=accept, "
	    "content={\"legacyEnum\": \"opt1\"}");
	tp_test_free(c);

	c = CALL("test_elicitation", "{\"message\": \"Who?\"}");
	TP_TEST(c->status == TP_INPUT);
	tp_test_free(c);
	c = CALL("test_elicitation_sep1034_defaults", NULL);
	TP_TEST(c->status == TP_INPUT);
	tp_test_free(c);
}

static void
resources_and_prompts_answer(struct tp_test_host *h)
{
	struct tp_test_result *c;

	c = CALL("test://static-text", NULL);
	TP_TEST_IS(tp_test_text(c),
	    "This is the content of the static text resource.");
	tp_test_free(c);
	c = CALL("test://static-binary", NULL);
	TP_TEST(
	    c->status == TP_OK && (c->content.first->flags & TP_BINARY) != 0);
	tp_test_free(c);
	c = tp_test_read(h, "test://template/{id}/data",
	    "test://template/123/data", "{\"id\": \"123\"}");
	TP_TEST_IS(tp_test_text(c),
	    "{\"id\":\"123\",\"templateTest\":true,"
	    "\"data\":\"Data for ID: 123\"}");
	tp_test_free(c);
	c = CALL("test_prompt_with_arguments",
	    "{\"arg1\": \"hello\", \"arg2\": \"world\"}");
	TP_TEST_IS(tp_test_text(c),
	    "Prompt with arguments: arg1='hello', arg2='world'");
	tp_test_free(c);
	c = CALL("test_prompt_with_embedded_resource",
	    "{\"resourceUri\": \"test://x\"}");
	TP_TEST(c->content.len == 2);
	TP_TEST_IS(c->content.first->key, "test://x");
	tp_test_free(c);
	c = CALL("test_input_required_result_prompt", NULL);
	TP_TEST(c->status == TP_INPUT);
	tp_test_free(c);
}

static void
changes_are_reported(struct tp_test_host *h)
{
	tp_test_free(CALL("test_trigger_tool_change", NULL));
	tp_test_free(CALL("test_trigger_prompt_change", NULL));
	tp_test_free(CALL("touch_watched_resource", NULL));
	tp_test_free(CALL("test_logging_tool", NULL));
	TP_TEST(h->changes.len == 3 && h->logs.len == 0);
	TP_TEST(h->changes.first->number == TP_KIND_TOOL);
	TP_TEST_IS(h->changes.first->key, "");
	TP_TEST_IS(h->changes.last->key, "test://watched-resource");
}

static void
large_and_structured_answers_are_whole(struct tp_test_host *h)
{
	struct tp_test_result *c;

	c = CALL("test_big", "{\"bytes\": 1000000}");
	TP_TEST(c->status == TP_OK && c->content.first->len == 1000000);
	tp_test_free(c);
	c = CALL("test_big", "{\"bytes\": 8388609}");
	TP_TEST(c->status == TP_EPARAMS);
	tp_test_free(c);
	c = tp_test_new(h, "test_big", "{\"bytes\": 10}");
	c->fail_alloc = 1;
	TP_TEST(tp_test_run(c) == TP_ENOMEM);
	tp_test_free(c);
	c = CALL("test_structured_content", "{\"a\": 1.5, \"b\": 2}");
	TP_TEST_IS(tp_test_text(c), "{\"sum\":3.5}");
	TP_TEST(tp_test_found_num(c, "/sum") > 3.4);
	tp_test_free(c);
	c = CALL("test_x_mcp_header", "{\"region\": \"eu\", \"level\": 3}");
	TP_TEST_IS(tp_test_text(c), "region=eu, level=3");
	tp_test_free(c);
}

int
main(int argc, char **argv)
{
	struct tp_test_host host;

	if (argc < 2 || tp_test_open(&host, argv[1]) < 0)
		return 1;
	TP_TEST(tp_test_load(&host, NULL, NULL) == TP_OK);
	content_has_the_types_that_the_suite_expects(&host);
	reconnection_lets_go_of_its_stream(&host);
	progress_comes_three_times_and_grows(&host);
	messages_to_the_client_come_three_times(&host);
	words_complete_what_was_typed(&host);
	slow_compute_stops_when_it_is_cancelled(&host);
	an_answer_that_makes_no_sense_is_asked_for_again(&host);
	several_inputs_are_asked_for_at_once_and_completed_in_parts(&host);
	rounds_follow_each_other(&host);
	an_answer_counts_with_the_state_of_its_question(&host);
	only_what_the_client_offers_is_asked_for(&host);
	requests_of_the_older_era_are_asked_and_reported(&host);
	resources_and_prompts_answer(&host);
	changes_are_reported(&host);
	large_and_structured_answers_are_whole(&host);
	tp_test_close(&host);
	return tp_test_end();
}
