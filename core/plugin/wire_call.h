/* SPDX-License-Identifier: Apache-2.0 */
/* A call as frames: the request to a runner, and what comes back. */
#ifndef PLUGIN_WIRE_CALL_H
#define PLUGIN_WIRE_CALL_H

#include "call/call.h"
#include "plugin/wire.h"

/* What a runner is asked to do; borrowed from the frame. */
struct wire_call {
	uint32_t entry; /* index in its set; behind them: the completer */
	enum call_kind kind;
	struct str name;
	struct str args; /* JSON, or empty */
	struct str answers;
	struct str state;
	uint32_t client; /* enum call_client */
	bool can_task, task_wanted, releasable;
	uint32_t log_level;
	int64_t deadline_ns; /* the same clock on both sides */
};

/* The host's side. */
void wire_call_write(
    struct buf *out, uint64_t id, uint32_t entry, const struct call *c);
/* [reactor] Reads a result into c: 0 and the handler's status, or ERR_SYNTAX
 * for what no runner of ours sends. */
int wire_result_read(struct str body, struct call *c, int *status);
int wire_progress_read(struct str body, struct call *c);
int wire_message_read(struct str body, struct call *c);
int wire_task_read(struct str body, struct call *c);
int wire_release_read(struct str body, struct call *c);

/* The runner's side. */
int wire_call_read(struct str body, struct wire_call *out);
void wire_result_write(
    struct buf *out, uint64_t id, const struct call *c, int status);
void wire_progress_write(
    struct buf *out, uint64_t id, double done, double total, struct str text);
void wire_message_write(
    struct buf *out, uint64_t id, const struct call_log *log);
void wire_task_write(
    struct buf *out, uint64_t id, const struct call *c, struct str status);
void wire_release_write(struct buf *out, uint64_t id, int64_t retry_ms);

#endif
