/* SPDX-License-Identifier: Apache-2.0 */
/* The host as a plugin sees it: each function checks what it is given, since
 * it comes from code that is not ours, and hands it to the call. */
#include "plugin/host.h"

#include <string.h>
#include <toolpost/ext/draft/elicit.h>
#include <toolpost/ext/draft/task.h>
#include <toolpost/ext/stream.h>

#include "base/log.h"
#include "data/json.h"
#include "plugin/dynamic.h"

#define LOG_TEXT_MAX 4096
#define CONTENT_SIZE_MIN \
	(offsetof(struct tp_content, data) + sizeof(struct tp_str))

static struct call *
call_of(const struct tp_call *c)
{
	struct call *call = (struct call *)(uintptr_t)c;

	OBJ_CHECK(call, CALL_MAGIC);
	return call;
}

static const struct json_node *
node_of(const struct tp_json *v)
{
	return (const struct json_node *)(const void *)v;
}

static const struct tp_json *
json_of(const struct json_node *n)
{
	return (const struct tp_json *)(const void *)n;
}

static struct str
str_from(struct tp_str s)
{
	return (struct str){ s.ptr, s.ptr != NULL ? s.len : 0 };
}

static struct tp_str
str_to(struct str s)
{
	return (struct tp_str){ s.ptr != NULL ? s.ptr : "", s.len };
}

static int
status_of(int rc)
{
	switch (rc) {
	case 0:
		return TP_OK;
	case ERR_NOMEM:
	case ERR_LIMIT:
		return TP_ENOMEM;
	case ERR_CANCELLED:
		return TP_ECANCELLED;
	case ERR_BUSY:
		return TP_EBUSY;
	case ERR_UNSUPPORTED:
		return TP_ENOTSUP;
	case ERR_SYNTAX:
	case ERR_PARAMS:
	case ERR_EXISTS:
		return TP_EPARAMS;
	default:
		return TP_EFAIL;
	}
}

static void
host_log(struct tp_plugin *p, int level, struct tp_str text)
{
	static const enum log_level levels[] = { LOG_LEVEL_DEBUG,
		LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
	const struct plugin_generation *g = plugin_generation_of(p);
	enum log_level ours = LOG_LEVEL_INFO;

	if (level >= TP_DEBUG && level <= TP_ERROR)
		ours = levels[level];
	LOG_AT(ours, "plugin says", F_STR("plugin", g->manifest->name),
	    F_INT("generation", g->number),
	    F_STR("text", str_sub(str_from(text), 0, LOG_TEXT_MAX)));
}

static int
host_release(struct tp_call *c, uint32_t retry_ms)
{
	if (retry_ms > TP_STREAM_RETRY_MAX_MS)
		return TP_EPARAMS;
	return status_of(call_release(call_of(c), retry_ms));
}

static const struct tp_stream stream_table = {
	.size = sizeof(struct tp_stream),
	.release = host_release,
};

static int
task_begin(struct tp_call *c, struct tp_str status)
{
	struct str text = str_from(status);

	if (!str_is_utf8(text) || text.len > CALL_TASK_TEXT_MAX)
		return TP_EPARAMS;
	return status_of(call_task_begin(call_of(c), text));
}

static int
task_status(struct tp_call *c, struct tp_str status)
{
	struct str text = str_from(status);

	if (!str_is_utf8(text) || text.len > CALL_TASK_TEXT_MAX)
		return TP_EPARAMS;
	return status_of(call_task_status(call_of(c), text));
}

static const struct tp_task task_table = { sizeof task_table, 0, task_begin,
	task_status };

static int
elicit_complete(struct tp_call *c, struct tp_str id)
{
	return status_of(call_link_done(call_of(c), str_from(id)));
}

static int
elicit_required(struct tp_call *c, struct tp_str links)
{
	int rc = call_links_require(call_of(c), str_from(links));

	return rc == 0 ? TP_EFAIL : status_of(rc);
}

static const struct tp_elicit elicit_table = { sizeof elicit_table, 0,
	elicit_complete, elicit_required };

/* What is not for all is offered where the manifest grants it. */
static const void *
host_extension(struct tp_plugin *p, const char *id)
{
	const struct plugin_generation *g = plugin_generation_of(p);

	if (id == NULL)
		return NULL;
	if (strcmp(id, TP_EXT_TASK) == 0)
		return &task_table;
	if (strcmp(id, TP_EXT_ELICIT) == 0)
		return &elicit_table;
	if (strcmp(id, TP_EXT_DYNAMIC) == 0 && g->manifest->dynamic.max > 0)
		return g->hub->batches != NULL ? g->hub->batches
					       : &plugin_dynamic_table;
	if (strcmp(id, TP_EXT_STREAM) == 0 && g->manifest->release)
		return &stream_table;
	return NULL;
}

static void
host_changed(struct tp_plugin *p, int kind, struct tp_str uri)
{
	struct plugin_generation *g = plugin_generation_of(p);
	struct str what = str_from(uri);

	if (kind < TP_KIND_TOOL || kind > TP_KIND_PROMPT)
		return;
	if (what.len == 0) {
		plugin_hub_touch(g->hub, (unsigned)kind);
		return;
	}
	if (kind != TP_KIND_RESOURCE || what.len > PLUGIN_URI_MAX
	    || plugin_hub_resource(g->hub, what) < 0)
		LOG_WARN("plugin change dropped",
		    F_STR("plugin", g->manifest->name),
		    F_INT("generation", g->number), F_STR("uri", what));
}

static struct tp_str
host_name(const struct tp_call *c)
{
	return str_to(call_of(c)->name);
}

static const struct tp_json *
host_args(const struct tp_call *c)
{
	return json_of(call_of(c)->args);
}

static int64_t
host_deadline(const struct tp_call *c)
{
	return call_of(c)->deadline_ns;
}

static int
host_cancelled(const struct tp_call *c)
{
	return call_is_cancelled(call_of(c)) ? 1 : 0;
}

static int
host_on_cancel(struct tp_call *c, tp_cancel_fn *hook, void *arg)
{
	if (hook == NULL)
		return TP_EPARAMS;
	return status_of(call_on_cancel(call_of(c), hook, arg));
}

static int
host_progress(struct tp_call *c, double done, double total, struct tp_str text)
{
	struct str words = str_from(text);

	/* Also refuses NaN. */
	if (!(done >= 0) || !(total >= 0) || !str_is_utf8(words))
		return TP_EPARAMS;
	return status_of(call_progress(call_of(c), done, total, words));
}

static void *
host_alloc(struct tp_call *c, size_t len)
{
	return arena_alloc(&call_of(c)->arena, len > 0 ? len : 1);
}

int
plugin_content_check(const struct call_content *block)
{
	bool media = block->type == CALL_IMAGE || block->type == CALL_AUDIO;

	if (media && block->mime.len == 0)
		return ERR_PARAMS;
	if ((block->type == CALL_LINK || block->type == CALL_EMBED)
	    && block->uri.len == 0)
		return ERR_PARAMS;
	if ((!block->binary && !str_is_utf8(block->data))
	    || !str_is_utf8(block->mime) || !str_is_utf8(block->uri)
	    || !str_is_utf8(block->name))
		return ERR_PARAMS;
	return 0;
}

static int
host_content(struct tp_call *c, const struct tp_content *given)
{
	struct call_content block;
	struct tp_content in;
	int rc;

	if (given == NULL || given->size < CONTENT_SIZE_MIN)
		return TP_EPARAMS;
	memset(&in, 0, sizeof in);
	memcpy(&in, given, given->size < sizeof in ? given->size : sizeof in);
	if (in.type < TP_TEXT || in.type > TP_EMBED || in.role > TP_ASSISTANT)
		return TP_EPARAMS;
	memset(&block, 0, sizeof block);
	block.type = (enum call_content_type)in.type;
	block.data = str_from(in.data);
	block.mime = str_from(in.mime);
	block.uri = str_from(in.uri);
	block.name = str_from(in.name);
	block.assistant = in.role == TP_ASSISTANT;
	block.binary = (in.flags & TP_BINARY) != 0 || in.type == TP_IMAGE
	    || in.type == TP_AUDIO;
	rc = plugin_content_check(&block);
	if (rc < 0)
		return status_of(rc);
	return status_of(call_content_add(call_of(c), &block));
}

bool
plugin_json_check(struct str text)
{
	struct json_doc doc;
	int rc;

	json_doc_init(&doc);
	rc = json_parse(&doc, text, JSON_PROTOCOL);
	json_doc_finish(&doc);
	return rc == 0;
}

static int
host_structured(struct tp_call *c, struct tp_str json)
{
	struct str text = str_from(json);

	if (!plugin_json_check(text))
		return TP_EPARAMS;
	return status_of(call_structured_set(call_of(c), text));
}

static int
host_fail(struct tp_call *c, int status, struct tp_str message)
{
	struct str text = str_from(message);

	if (!str_is_utf8(text))
		text = S("the tool failed with a message that is not UTF-8");
	return call_fail(call_of(c), status, text);
}

static const struct tp_json *
host_input(struct tp_call *c, const char *key)
{
	const struct json_node *answer;

	if (key == NULL)
		return NULL;
	/* Every answer is an object: anything else counts as none (MRTR-13). */
	answer = json_get(call_of(c)->answers, str_of(key));
	return json_type(answer) == JSON_OBJECT ? json_of(answer) : NULL;
}

static int
host_require(struct tp_call *c, const char *key, struct tp_str method,
    struct tp_str params)
{
	return status_of(call_need_add(
	    call_of(c), str_of(key), str_from(method), str_from(params)));
}

static struct tp_str
host_state(const struct tp_call *c)
{
	return str_to(call_of(c)->state);
}

static int
host_set_state(struct tp_call *c, struct tp_str bytes)
{
	return status_of(call_state_set(call_of(c), str_from(bytes)));
}

static void
host_done(struct tp_call *c, int status)
{
	struct call *call = call_of(c);
	const struct plugin_target *t =
	    CONTAINER_OF(call->target, struct plugin_target, target);
	struct panic_scope scope = t->scope;

	/* The call, and with it the generation, may be gone behind this. */
	if (call_done(call, status) == ERR_EXISTS)
		LOG_ERROR("plugin called done twice",
		    F_CSTR("plugin", scope.plugin),
		    F_CSTR("entry", scope.entry),
		    F_INT("generation", scope.generation));
}

static int
host_message(struct tp_call *c, int level, struct tp_str logger,
    struct tp_str data, uint32_t flags)
{
	struct call_log log = {
		.level = level,
		.is_json = (flags & TP_MESSAGE_JSON) != 0,
		.logger = str_from(logger),
		.data = str_from(data),
	};

	if (level < TP_MESSAGE_DEBUG || level > TP_MESSAGE_EMERGENCY
	    || (flags & ~(uint32_t)TP_MESSAGE_JSON) != 0
	    || !str_is_utf8(log.logger) || !str_is_utf8(log.data)
	    || (log.is_json && !plugin_json_check(log.data)))
		return TP_EPARAMS;
	return status_of(call_message(call_of(c), &log));
}

static int
host_json_type(const struct tp_json *v)
{
	static const int types[] = {
		[JSON_NULL] = TP_NULL,
		[JSON_FALSE] = TP_BOOL,
		[JSON_TRUE] = TP_BOOL,
		[JSON_NUMBER] = TP_NUMBER,
		[JSON_STRING] = TP_STRING,
		[JSON_ARRAY] = TP_ARRAY,
		[JSON_OBJECT] = TP_OBJECT,
	};

	return types[json_type(node_of(v))];
}

static const struct tp_json *
host_json_get(const struct tp_json *v, const char *key)
{
	if (key == NULL || json_type(node_of(v)) != JSON_OBJECT)
		return NULL;
	return json_of(json_get(node_of(v), str_of(key)));
}

static const struct tp_json *
host_json_at(const struct tp_json *v, size_t index)
{
	if (json_type(node_of(v)) != JSON_ARRAY)
		return NULL;
	return json_of(json_at(node_of(v), index));
}

static size_t
host_json_len(const struct tp_json *v)
{
	return json_count(node_of(v));
}

static struct tp_str
host_json_str(const struct tp_json *v)
{
	return str_to(json_str(node_of(v)));
}

/* true reads as 1, all that is not a number as 0. */
static double
host_json_num(const struct tp_json *v)
{
	double value;

	if (json_type(node_of(v)) == JSON_TRUE)
		return 1;
	if (json_type(node_of(v)) != JSON_NUMBER
	    || json_double(node_of(v), &value) < 0)
		return 0;
	return value;
}

static int
host_json_int(const struct tp_json *v, int64_t *out)
{
	if (out == NULL || json_type(node_of(v)) != JSON_NUMBER
	    || json_i64(node_of(v), out) < 0)
		return TP_EPARAMS;
	return TP_OK;
}

static struct tp_str
host_json_raw(const struct tp_json *v)
{
	return str_to(json_raw(node_of(v)));
}

const struct tp_host plugin_host = {
	.size = sizeof(struct tp_host),
	.abi_major = TP_ABI_MAJOR,
	.abi_minor = TP_ABI_MINOR,
	.version = TOOLPOST_VERSION,
	.log = host_log,
	.extension = host_extension,
	.changed = host_changed,
	.name = host_name,
	.args = host_args,
	.deadline = host_deadline,
	.cancelled = host_cancelled,
	.on_cancel = host_on_cancel,
	.progress = host_progress,
	.alloc = host_alloc,
	.content = host_content,
	.structured = host_structured,
	.fail = host_fail,
	.input = host_input,
	.require = host_require,
	.done = host_done,
	.json_type = host_json_type,
	.json_get = host_json_get,
	.json_at = host_json_at,
	.json_len = host_json_len,
	.json_str = host_json_str,
	.json_num = host_json_num,
	.json_int = host_json_int,
	.json_raw = host_json_raw,
	.message = host_message,
	.state = host_state,
	.set_state = host_set_state,
};
