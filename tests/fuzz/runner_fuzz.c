/* SPDX-License-Identifier: Apache-2.0 */
/* What a runner sends about a call: whatever it is, it is read inside its
 * bounds, or refused, and the call ends once. */
#include <sys/mman.h>

#include <stdint.h>
#include <string.h>

#include "plugin/wire_call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	struct loop *loop;
	struct call_reactor calls;
	struct call_target target;
	int ended;
} rig;

static int
run(struct call_target *t, struct call *c)
{
	(void)t;
	(void)c;
	return CALL_PENDING;
}

static void
pin(struct call_target *t)
{
	(void)t;
}

static void
progressed(struct call *c, double done, double total, struct str text)
{
	(void)c;
	CHECK(done >= 0 && total >= 0 && str_is_utf8(text));
}

static void
messaged(struct call *c, const struct call_log *log)
{
	(void)c;
	CHECK(str_is_utf8(log->data) && str_is_utf8(log->logger));
}

static void
finished(struct call *c, enum call_status status)
{
	(void)status;
	for (const struct call_content *b = c->contents; b != NULL; b = b->next)
		CHECK(b->binary || str_is_utf8(b->data));
	rig.ended++;
}

static const struct call_target_ops ops = { run, pin, pin };
static void
let_go(struct call *c, int64_t retry_ms)
{
	(void)c;
	CHECK(retry_ms >= 0);
}

static void
tasked(struct call *c, struct str text)
{
	CHECK(c->can_task && str_is_utf8(text));
	CHECK(text.len <= CALL_TASK_TEXT_MAX);
}

static const struct call_sink sink = { progressed, finished, messaged, let_go,
	tasked };

static void
rig_start(void)
{
	struct err err;

	rig.loop = loop_create(&err);
	CHECK(rig.loop != NULL);
	call_reactor_init(&rig.calls, rig.loop, NULL);
	call_target_init(&rig.target, &ops);
	rig.target.remote = true;
}

/* A datagram: what is read as a frame lies in it, and it comes to an end. */
static void
datagram_read(struct str bytes)
{
	struct wire_arrivals a = {
		.left = { bytes }, .files = { -1 }, .len = 1
	};
	struct wire_frame f;
	size_t read = 0;

	while (wire_next(&a, &f) > 0) {
		CHECK(f.map == NULL && f.kind < WIRE_KINDS);
		CHECK(f.body.ptr >= bytes.ptr
		    && f.body.ptr + f.body.len <= bytes.ptr + bytes.len);
		read += sizeof(struct wire_head) + f.body.len;
		wire_frame_finish(&f);
	}
	CHECK(read <= bytes.len);
	wire_arrivals_finish(&a);
}

/* The same as a result that came in a file. */
static int
lent_read(struct str body, struct call *c, int *status)
{
	void *map = mmap(NULL, body.len + 1, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(map != MAP_FAILED);
	memcpy(map, body.ptr, body.len);
	call_lend(c, map, body.len + 1);
	return wire_result_read((struct str){ map, body.len }, c, status);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_call call;
	struct str body;
	struct call *c;
	int status = CALL_OK, rc = 0;

	if (rig.loop == NULL)
		rig_start();
	if (size < 1)
		return 0;
	body = (struct str){ (const char *)data + 1, size - 1 };
	rig.ended = 0;
	c = call_create(
	    &rig.calls, CALL_TOOL, &rig.target, S("x"), NULL, &sink, NULL);
	CHECK(c != NULL);
	c->client = ~0u;
	c->can_task = c->releasable = (data[0] & 8) != 0;
	call_start(c);
	switch (data[0] & 7) {
	case 0:
		rc = wire_result_read(body, c, &status);
		break;
	case 1:
		rc = wire_progress_read(body, c);
		break;
	case 2:
		rc = wire_message_read(body, c);
		break;
	case 4:
		rc = wire_task_read(body, c);
		break;
	case 5:
		rc = wire_release_read(body, c);
		break;
	case 6:
		datagram_read(body);
		break;
	case 7:
		rc = lent_read(body, c, &status);
		break;
	default:
		(void)wire_call_read(body, &call); /* the runner's side */
	}
	if (rc < 0)
		call_lose(c, S("it broke the rules"), S("{}"));
	else
		call_finish(c, status);
	CHECK(rig.ended == 1);
	return 0;
}
