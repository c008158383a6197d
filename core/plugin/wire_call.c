/* SPDX-License-Identifier: Apache-2.0 */
/* A call as frames.  Read and write of one kind stand side by side. */
#include "plugin/wire_call.h"

#include <math.h>

#include <toolpost/ext/stream.h>

#include "plugin/host.h"

enum result_bits {
	RESULT_TOO_LARGE = 1,
	RESULT_STATE = 2, /* next_state is set */
	RESULT_STRUCTURED = 4,
	RESULT_TASK = 8 /* task_wanted */
};
enum call_bits { BITS_CAN_TASK = 1, BITS_TASK = 2, BITS_RELEASE = 4 };
enum message_bits { MESSAGE_JSON = 1, MESSAGE_LINK = 2 };
enum content_bits { CONTENT_BINARY = 1, CONTENT_ASSISTANT = 2 };

#define SPLICES_MAX 32

/* A frame in the making, whose long strings are not copied into it. */
struct spliced {
	struct buf *out;
	struct wire_splice splices[SPLICES_MAX];
	size_t len;
};

static void
spliced_str(struct spliced *sp, struct str s)
{
	if (s.len < WIRE_SPLICE_MIN || s.len > WIRE_BODY_MAX
	    || sp->len == SPLICES_MAX) {
		wire_put_str(sp->out, s);
		return;
	}
	wire_put_u32(sp->out, (uint32_t)s.len);
	sp->splices[sp->len++] = (struct wire_splice){ sp->out->len, s };
}

static void
spliced_end(struct spliced *sp, size_t at)
{
	wire_end_spliced(sp->out, at, sp->splices, sp->len);
}

void
wire_call_write(
    struct buf *out, uint64_t id, uint32_t entry, const struct call *c)
{
	struct spliced sp;
	size_t at = wire_begin(out, WIRE_CALL, id);

	sp.out = out;
	sp.len = 0;
	wire_put_u32(out, entry);
	wire_put_u32(out, c->kind);
	wire_put_str(out, c->name);
	spliced_str(&sp, json_raw(c->args));
	spliced_str(&sp, json_raw(c->answers));
	wire_put_str(out, c->state);
	wire_put_u32(out, c->client);
	wire_put_u32(out,
	    (c->can_task ? BITS_CAN_TASK : 0u)
		| (c->task_wanted ? BITS_TASK : 0u)
		| (c->releasable ? BITS_RELEASE : 0u));
	wire_put_u32(out, (uint32_t)c->log_level);
	wire_put_u64(out, (uint64_t)c->deadline_ns);
	spliced_end(&sp, at);
}

int
wire_call_read(struct str body, struct wire_call *out)
{
	struct wire_in in = wire_in_of(body);
	uint32_t bits;

	out->entry = wire_get_u32(&in);
	out->kind = (enum call_kind)wire_get_u32(&in);
	out->name = wire_get_str(&in);
	out->args = wire_get_str(&in);
	out->answers = wire_get_str(&in);
	out->state = wire_get_str(&in);
	out->client = wire_get_u32(&in);
	bits = wire_get_u32(&in);
	out->can_task = (bits & BITS_CAN_TASK) != 0;
	out->task_wanted = (bits & BITS_TASK) != 0;
	out->releasable = (bits & BITS_RELEASE) != 0;
	out->log_level = wire_get_u32(&in);
	out->deadline_ns = (int64_t)wire_get_u64(&in);
	return wire_get_end(&in) && out->kind >= CALL_TOOL
		&& out->kind <= CALL_COMPLETE
	    ? 0
	    : ERR_SYNTAX;
}

static void
content_write(struct spliced *sp, const struct call_content *block)
{
	struct buf *out = sp->out;

	wire_put_u32(out, block->type);
	wire_put_u32(out,
	    (block->binary ? CONTENT_BINARY : 0u)
		| (block->assistant ? CONTENT_ASSISTANT : 0u));
	spliced_str(sp, block->data);
	wire_put_str(out, block->mime);
	wire_put_str(out, block->uri);
	wire_put_str(out, block->name);
}

/* ERR_SYNTAX; what does not fit is the call's own failure, as in process. */
static int
content_read(struct wire_in *in, struct call *c)
{
	struct call_content block = { 0 };
	uint32_t type = wire_get_u32(in), bits = wire_get_u32(in);

	block.type = (enum call_content_type)type;
	block.binary = (bits & CONTENT_BINARY) != 0;
	block.assistant = (bits & CONTENT_ASSISTANT) != 0;
	block.data = wire_get_str(in);
	block.mime = wire_get_str(in);
	block.uri = wire_get_str(in);
	block.name = wire_get_str(in);
	if (in->bad || type < CALL_TEXT || type > CALL_EMBED
	    || plugin_content_check(&block) < 0)
		return ERR_SYNTAX;
	(void)call_content_add(c, &block); /* remembered in the call */
	return 0;
}

static int
need_read(struct wire_in *in, struct call *c)
{
	struct str key = wire_get_str(in);
	struct str method = wire_get_str(in);
	struct str params = wire_get_str(in);
	int rc;

	if (in->bad)
		return ERR_SYNTAX;
	rc = call_need_add(c, key, method, params);
	return rc == ERR_PARAMS || rc == ERR_UNSUPPORTED || rc == ERR_EXISTS
	    ? ERR_SYNTAX
	    : 0;
}

void
wire_result_write(
    struct buf *out, uint64_t id, const struct call *c, int status)
{
	struct spliced sp;
	size_t at = wire_begin(out, WIRE_RESULT, id);

	sp.out = out;
	sp.len = 0;
	wire_put_u32(out, (uint32_t)status);
	wire_put_u32(out,
	    (c->too_large ? RESULT_TOO_LARGE : 0u)
		| (c->state_set ? RESULT_STATE : 0u)
		| (c->structured.ptr != NULL ? RESULT_STRUCTURED : 0u)
		| (c->task_wanted ? RESULT_TASK : 0u));
	wire_put_u32(out, c->refused);
	wire_put_str(out, c->message);
	spliced_str(&sp, c->structured);
	wire_put_str(out, c->next_state);
	wire_put_str(out, c->links);
	wire_put_u32(out, (uint32_t)c->contents_len);
	for (const struct call_content *b = c->contents; b != NULL; b = b->next)
		content_write(&sp, b);
	wire_put_u32(out, (uint32_t)c->needs_len);
	for (const struct call_need *n = c->needs; n != NULL; n = n->next) {
		wire_put_str(out, n->key);
		wire_put_str(out, n->method);
		wire_put_str(out, n->params);
	}
	spliced_end(&sp, at);
}

int
wire_result_read(struct str body, struct call *c, int *status)
{
	struct wire_in in = wire_in_of(body);
	uint32_t bits, n;
	struct str message, structured, state, links;
	int rc = 0;

	*status = (int)wire_get_u32(&in);
	bits = wire_get_u32(&in);
	c->refused |= wire_get_u32(&in);
	message = wire_get_str(&in);
	structured = wire_get_str(&in);
	state = wire_get_str(&in);
	links = wire_get_str(&in);
	if (in.bad
	    || ((bits & RESULT_STRUCTURED) != 0
		&& !plugin_json_check(structured)))
		return ERR_SYNTAX;
	for (n = wire_get_u32(&in); n > 0 && rc == 0; n--)
		rc = content_read(&in, c);
	if (rc == 0 && (n = wire_get_u32(&in)) > CALL_NEEDS_MAX)
		rc = ERR_SYNTAX;
	for (; n > 0 && rc == 0; n--)
		rc = need_read(&in, c);
	if (rc < 0 || !wire_get_end(&in))
		return ERR_SYNTAX;
	if ((bits & RESULT_STRUCTURED) != 0)
		(void)call_structured_set(c, structured); /* as above */
	if (((bits & RESULT_STATE) != 0 && call_state_set(c, state) < 0)
	    || (links.len > 0 && call_links_require(c, links) < 0))
		return ERR_SYNTAX;
	if (message.len > 0)
		(void)call_fail(c, 0, message);
	c->task_wanted =
	    c->task_wanted || (c->can_task && (bits & RESULT_TASK) != 0);
	c->too_large = c->too_large || (bits & RESULT_TOO_LARGE) != 0;
	return 0;
}

void
wire_progress_write(
    struct buf *out, uint64_t id, double done, double total, struct str text)
{
	size_t at = wire_begin(out, WIRE_PROGRESS, id);

	wire_put_f64(out, done);
	wire_put_f64(out, total);
	wire_put_str(out, text);
	wire_end(out, at);
}

int
wire_progress_read(struct str body, struct call *c)
{
	struct wire_in in = wire_in_of(body);
	double done = wire_get_f64(&in), total = wire_get_f64(&in);
	struct str text = wire_get_str(&in);

	/* Also refuses NaN. */
	if (!wire_get_end(&in) || !(done >= 0) || !(total >= 0)
	    || !isfinite(done) || !isfinite(total) || !str_is_utf8(text)
	    || text.len > CALL_PROGRESS_TEXT_MAX)
		return ERR_SYNTAX;
	(void)call_progress(c, done, total, text); /* nobody may listen */
	return 0;
}

void
wire_message_write(struct buf *out, uint64_t id, const struct call_log *log)
{
	size_t at = wire_begin(out, WIRE_MESSAGE, id);

	wire_put_u32(out, (uint32_t)log->level);
	wire_put_u32(out,
	    (log->is_json ? MESSAGE_JSON : 0u)
		| (log->is_link_done ? MESSAGE_LINK : 0u));
	wire_put_str(out, log->logger);
	wire_put_str(out, log->data);
	wire_end(out, at);
}

int
wire_message_read(struct str body, struct call *c)
{
	struct wire_in in = wire_in_of(body);
	struct call_log log = { 0 };
	uint32_t level = wire_get_u32(&in), bits = wire_get_u32(&in);

	log.level = (int)level;
	log.is_json = (bits & MESSAGE_JSON) != 0;
	log.logger = wire_get_str(&in);
	log.data = wire_get_str(&in);
	if (wire_get_end(&in) && (bits & MESSAGE_LINK) != 0)
		return call_link_done(c, log.data) == ERR_PARAMS ? ERR_SYNTAX
								 : 0;
	if (!wire_get_end(&in) || level > TP_MESSAGE_EMERGENCY
	    || !str_is_utf8(log.logger) || !str_is_utf8(log.data)
	    || log.data.len > CALL_LOG_DATA_MAX
	    || log.logger.len > CALL_LOG_LOGGER_MAX
	    || (log.is_json && !plugin_json_check(log.data)))
		return ERR_SYNTAX;
	(void)call_message(c, &log); /* nobody may listen */
	return 0;
}

void
wire_task_write(
    struct buf *out, uint64_t id, const struct call *c, struct str status)
{
	size_t at = wire_begin(out, WIRE_TASK, id);

	wire_put_u32(out, c->task_wanted);
	wire_put_str(out, status);
	wire_end(out, at);
}

int
wire_task_read(struct str body, struct call *c)
{
	struct wire_in in = wire_in_of(body);
	bool begins = wire_get_u32(&in) != 0;
	struct str status = wire_get_str(&in);

	if (!wire_get_end(&in) || !c->can_task
	    || status.len > CALL_TASK_TEXT_MAX || !str_is_utf8(status))
		return ERR_SYNTAX;
	if (begins)
		(void)call_task_begin(c, status); /* nobody may listen */
	else
		(void)call_task_status(c, status); /* the same */
	return 0;
}

void
wire_release_write(struct buf *out, uint64_t id, int64_t retry_ms)
{
	size_t at = wire_begin(out, WIRE_RELEASE, id);

	wire_put_u64(out, (uint64_t)retry_ms);
	wire_end(out, at);
}

int
wire_release_read(struct str body, struct call *c)
{
	struct wire_in in = wire_in_of(body);
	int64_t retry_ms = (int64_t)wire_get_u64(&in);

	if (!wire_get_end(&in) || !c->releasable || retry_ms < 0
	    || retry_ms > TP_STREAM_RETRY_MAX_MS)
		return ERR_SYNTAX;
	(void)call_release(c, retry_ms); /* nobody may listen */
	return 0;
}
