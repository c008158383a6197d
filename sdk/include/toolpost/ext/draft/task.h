/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that outlive their request, offered by the host: the handler of a tool
 * lets its caller go with a task and works on; the caller asks for the task,
 * or is told of it, until the result is there.
 *
 * A tool may be a task when its manifest says so:
 *
 *	task: {support: optional, by: handler}
 *
 * With `by: host`, the default, the host makes the task before the handler
 * runs, for every client that can follow one; the handler need not know.  With
 * `by: handler` it decides itself, for example after it has asked the user:
 *
 *	rc = tp_task_begin(plugin, call, "building");
 *	if (rc != TP_OK && rc != TP_ENOTSUP)
 *		return rc;
 *	return build(call);
 *
 * TP_ENOTSUP is no failure: this client waits for the result.  The handler
 * answers as ever; input that it asks for behind tp_task_begin() becomes part
 * of the task.
 */
#ifndef TOOLPOST_EXT_TASK_H
#define TOOLPOST_EXT_TASK_H

#include <string.h>
#include <toolpost/abi.h>

#define TP_EXT_TASK "tp.task/1"

struct tp_task {
	uint32_t size;
	uint32_t reserved;

	/* [call] The caller need not wait any longer; status says what is being
	 * done, may be empty, and is copied.  TP_ENOTSUP: this one has to, or
	 * the manifest has no `task:`.  TP_ECANCELLED, TP_EPARAMS. */
	int (*begin)(struct tp_call *, struct tp_str status);
	/* [any] What the task does now, at most 1 KiB of text; copied.  Nothing
	 * where the call is no task.  TP_EBUSY: too many reports are on their
	 * way; TP_ECANCELLED, TP_ENOTSUP, TP_EPARAMS. */
	int (*status)(struct tp_call *, struct tp_str status);
};

static inline const struct tp_task *
tp_task_table(struct tp_plugin *plugin)
{
	return (const struct tp_task *)plugin->host->extension(
	    plugin, TP_EXT_TASK);
}

static inline struct tp_str
tp_task_text(const char *text)
{
	struct tp_str v = { text != NULL ? text : "",
		text != NULL ? strlen(text) : 0 };

	return v;
}

/* TP_ENOTSUP also of an older host. */
static inline int
tp_task_begin(
    struct tp_plugin *plugin, struct tp_call *call, const char *status)
{
	const struct tp_task *t = tp_task_table(plugin);

	return t != NULL ? t->begin(call, tp_task_text(status)) : TP_ENOTSUP;
}

static inline int
tp_task_status(
    struct tp_plugin *plugin, struct tp_call *call, const char *status)
{
	const struct tp_task *t = tp_task_table(plugin);

	return t != NULL ? t->status(call, tp_task_text(status)) : TP_ENOTSUP;
}

#endif
