/* SPDX-License-Identifier: Apache-2.0 */
/* A task as it is stored, and as each era writes it. */
#include "base/clock.h"
#include "mcp/task_priv.h"

/* Status, revision, error, place, scope, four times, length of the message. */
#define HEAD_LEN (1 + 1 + 1 + 4 + 8 + 4 * 8 + 4)

static const struct str names[] = {
	[MCP_TASK_WORKING] = STR("working"),
	[MCP_TASK_INPUT_REQUIRED] = STR("input_required"),
	[MCP_TASK_COMPLETED] = STR("completed"),
	[MCP_TASK_FAILED] = STR("failed"),
	[MCP_TASK_CANCELLED] = STR("cancelled"),
};

bool
mcp_task_may_turn(enum mcp_task_status from, enum mcp_task_status to)
{
	return !mcp_task_is_over(from) && from != to;
}

struct str
mcp_task_status_name(enum mcp_task_status s)
{
	return names[s];
}

static void
number_write(struct buf *out, uint64_t n, unsigned bytes)
{
	while (bytes-- > 0)
		buf_char(out, (char)(n >> (8 * bytes) & 0xff));
}

static uint64_t
number_read(const char **at, unsigned bytes)
{
	uint64_t n = 0;

	while (bytes-- > 0)
		n = n << 8 | (unsigned char)*(*at)++;
	return n;
}

void
mcp_task_row_write(struct buf *out, const struct mcp_task_row *row)
{
	buf_char(out, (char)row->status);
	buf_char(out, (char)row->revision);
	buf_char(out, (char)row->is_error);
	number_write(out, row->place, 4);
	number_write(out, row->scope, 8);
	number_write(out, (uint64_t)row->created_ns, 8);
	number_write(out, (uint64_t)row->updated_ns, 8);
	number_write(out, (uint64_t)row->ttl_ns, 8);
	number_write(out, (uint64_t)row->poll_ns, 8);
	number_write(out, row->message.len, 4);
	buf_str(out, row->message);
	buf_str(out, row->payload);
}

bool
mcp_task_row_read(const struct store_row *stored, struct mcp_task_row *row)
{
	const char *at = stored->value.ptr;
	uint64_t status, revision, len;

	if (stored->format != MCP_TASK_FORMAT || stored->value.len < HEAD_LEN)
		return false;
	status = number_read(&at, 1);
	revision = number_read(&at, 1);
	row->is_error = number_read(&at, 1) != 0;
	row->place = (unsigned)number_read(&at, 4);
	row->scope = number_read(&at, 8);
	row->created_ns = (int64_t)number_read(&at, 8);
	row->updated_ns = (int64_t)number_read(&at, 8);
	row->ttl_ns = (int64_t)number_read(&at, 8);
	row->poll_ns = (int64_t)number_read(&at, 8);
	len = number_read(&at, 4);
	if (status > MCP_TASK_CANCELLED || revision > MCP_2026_07_28
	    || len > stored->value.len - HEAD_LEN)
		return false;
	row->status = (enum mcp_task_status)status;
	row->revision = (enum mcp_revision)revision;
	row->id = stored->id;
	row->principal = stored->principal;
	row->version = stored->version;
	row->expires_ns = stored->expires_ns;
	row->message = str_sub(stored->value, HEAD_LEN, HEAD_LEN + len);
	row->payload =
	    str_sub(stored->value, HEAD_LEN + len, stored->value.len);
	return true;
}

static void
time_write(struct buf *out, const char *key, int64_t wall_ns)
{
	char text[32];

	clock_format_rfc3339(wall_ns, text);
	buf_printf(out, "\"%s\":\"%s\",", key, text);
}

/* TKX-20: nothing is called the same in both eras. */
void
mcp_task_write(struct buf *out, const struct mcp_task_row *row)
{
	bool stateless = mcp_revision_is_stateless(row->revision);

	BUF_LIT(out, "\"taskId\":\"");
	buf_str(out, row->id);
	BUF_LIT(out, "\",\"status\":\"");
	buf_str(out, names[row->status]);
	BUF_LIT(out, "\",");
	if (row->message.len > 0) {
		BUF_LIT(out, "\"statusMessage\":");
		buf_json(out, row->message);
		buf_char(out, ',');
	}
	time_write(out, "createdAt", row->created_ns);
	time_write(out, "lastUpdatedAt", row->updated_ns);
	buf_cstr(out, stateless ? "\"ttlMs\":" : "\"ttl\":");
	buf_i64(out, row->ttl_ns / NS_PER_MS);
	buf_cstr(
	    out, stateless ? ",\"pollIntervalMs\":" : ",\"pollInterval\":");
	buf_i64(out, row->poll_ns / NS_PER_MS);
	buf_char(out, ',');
}

void
mcp_task_detail_write(struct buf *out, const struct mcp_task_row *row)
{
	static const char *const members[] = {
		[MCP_TASK_INPUT_REQUIRED] = "\"inputRequests\":",
		[MCP_TASK_COMPLETED] = "\"result\":",
		[MCP_TASK_FAILED] = "\"error\":",
		[MCP_TASK_CANCELLED] = NULL,
	};

	mcp_task_write(out, row);
	if (!mcp_revision_is_stateless(row->revision) || row->payload.len == 0
	    || members[row->status] == NULL)
		return;
	buf_cstr(out, members[row->status]);
	buf_str(out, row->payload);
	buf_char(out, ',');
}

void
mcp_task_principal_write(struct buf *out, const struct mcp_exchange *x)
{
	if (x->principal.len > 0) {
		BUF_LIT(out, "p:");
		buf_str(out, x->principal);
	} else { /* nobody has said who they are: a session, or all others */
		BUF_LIT(out, "s:");
		buf_u64(out, x->scope);
	}
}

bool
mcp_task_may_see(const struct mcp_exchange *x, const struct mcp_task_row *row)
{
	struct str principal = row->principal;

	if (mcp_exchange_is_stateless(x)
	    != mcp_revision_is_stateless(row->revision))
		return false; /* TKX-20 */
	if (!str_starts(principal, S("p:")))
		return x->principal.len == 0; /* who has the id (TKL-06) */
	return x->principal.len > 0
	    && str_equal(str_sub(principal, 2, principal.len), x->principal);
}

void
mcp_related_task_write(struct buf *out, struct str id)
{
	BUF_LIT(out, "\"_meta\":{\"" MCP_RELATED_TASK "\":{\"taskId\":\"");
	buf_str(out, id);
	BUF_LIT(out, "\"}}");
}
