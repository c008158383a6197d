/* SPDX-License-Identifier: Apache-2.0 */
/* The fixtures that the public conformance suite expects of a server. */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <toolpost/json.h>
#include <toolpost/plugin.h>

/* The state of every call: what changed() and log() need. */
struct conformance {
	struct tp_plugin *plugin;
};

/* media.c */
struct tp_str media_png(void);
struct tp_str media_wav(void);

int64_t now_ns(void);
/* Sleeps in small steps.  TP_ECANCELLED as soon as nobody waits. */
int pause_until(const struct tp_call *call, int64_t until);

/* jobs.c: tools that are tasks. */
tp_call_fn failing_job;
tp_call_fn protocol_error_job;
tp_call_fn confirm_delete;
tp_call_fn multi_input;
tp_call_fn tool_with_task;

/* input.c: tools and a prompt that ask the client in the middle. */
/* A string from a form.  TP_OK; TP_INPUT: not answered (asked for again);
 * TP_ENOTFOUND: the person declined. */
int form_string(struct tp_call *call, const char *key, const char *params,
    const char *field, struct tp_str *out);
int declined(struct tp_call *call);

tp_call_fn test_sampling;
tp_call_fn test_elicitation;
tp_call_fn test_elicitation_sep1034_defaults;
tp_call_fn test_elicitation_sep1330_enums;
tp_call_fn test_missing_capability;
tp_call_fn input_elicitation;
tp_call_fn input_sampling;
tp_call_fn input_list_roots;
tp_call_fn input_request_state;
tp_call_fn input_multiple_inputs;
tp_call_fn input_multi_round;
tp_call_fn input_capabilities;
tp_call_fn input_prompt;

/* content.c: resources and prompts. */
tp_call_fn static_text;
tp_call_fn static_binary;
tp_call_fn watched_resource;
tp_call_fn template_data;
tp_call_fn simple_prompt;
tp_call_fn prompt_with_arguments;
tp_call_fn prompt_with_embedded_resource;
tp_call_fn prompt_with_image;

#endif
