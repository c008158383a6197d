/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/message.h"

#include <string.h>

#include "base/check.h"

bool
rpc_id_is_valid(const struct json_node *id)
{
	if (id == NULL || id->raw_len > RPC_ID_MAX)
		return false;
	return id->type == JSON_STRING
	    || (id->type == JSON_NUMBER && id->integer);
}

bool
rpc_id_equal(struct str raw, const struct json_node *id)
{
	struct json_doc doc;
	bool equal;

	if (str_equal(raw, json_raw(id)))
		return true;
	/* Rare: the same string spelt with other escapes. */
	if (json_type(id) != JSON_STRING || raw.len == 0 || raw.ptr[0] != '"')
		return false;
	json_doc_init(&doc);
	equal = json_parse(&doc, raw, JSON_GRAMMAR) == 0
	    && str_equal(json_str(doc.nodes), json_str(id));
	json_doc_finish(&doc);
	return equal;
}

/* Known members in one walk: the order is the sender's. */
static void
members_read(const struct json_node *root, struct rpc_message *m,
    const struct json_node **version, const struct json_node **method,
    bool *answer)
{
	JSON_EACH_MEMBER (k, v, root) {
		struct str key = json_str(k);

		if (str_equal(key, S("jsonrpc")))
			*version = v;
		else if (str_equal(key, S("id")))
			m->id = v;
		else if (str_equal(key, S("method")))
			*method = v;
		else if (str_equal(key, S("params")))
			m->params = v;
		else if (str_equal(key, S("result")))
			m->result = v;
		else if (str_equal(key, S("error")))
			m->error = v;
	}
	*answer = m->result != NULL || m->error != NULL;
}

static const char *
fault_find(const struct rpc_message *m, const struct json_node *version,
    const struct json_node *method, const struct json_node *id, bool answer)
{
	if (!str_equal(json_str(version), S("2.0")))
		return "jsonrpc must be the string \"2.0\"";
	if (id != NULL && m->id == NULL)
		return "id must be a string or an integer of at most 1024 "
		       "bytes";
	if (method == NULL)
		return answer ? NULL : "method is missing";
	if (method->type != JSON_STRING || method->text_len == 0
	    || method->text_len > RPC_METHOD_MAX)
		return "method must be a string of 1 to 256 bytes";
	if (answer)
		return "a message has method, or result, or error";
	if (m->params != NULL && m->params->type != JSON_OBJECT)
		return "params must be an object";
	return NULL;
}

void
rpc_message_read(const struct json_node *root, struct rpc_message *m)
{
	const struct json_node *version = NULL, *method = NULL, *id;
	bool answer = false;

	memset(m, 0, sizeof *m);
	if (json_type(root) != JSON_OBJECT) {
		m->fault = "a message must be an object";
		return;
	}
	members_read(root, m, &version, &method, &answer);
	id = m->id;
	if (!rpc_id_is_valid(id))
		m->id = NULL;
	m->fault = fault_find(m, version, method, id, answer);
	if (m->fault != NULL)
		return;
	if (method == NULL) {
		m->kind = RPC_RESPONSE;
		return;
	}
	m->method = json_str(method);
	m->kind = m->id != NULL ? RPC_REQUEST : RPC_NOTIFICATION;
}

void
rpc_write_result(struct buf *out, struct str id)
{
	BUF_LIT(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	buf_str(out, id);
	BUF_LIT(out, ",\"result\":");
}

void
rpc_write_error(struct buf *out, struct str id, int code, struct str message,
    struct str data)
{
	/* ERR-02, ERR-03: the reserved ranges are closed. */
	CHECK(code > -32000 || code < -32099 || code == RPC_RESOURCE_NOT_FOUND
	    || code == RPC_LINKS_REQUIRED
	    || (code <= RPC_HEADER_MISMATCH
		&& code >= RPC_UNSUPPORTED_VERSION));
	BUF_LIT(out, "{\"jsonrpc\":\"2.0\"");
	if (id.len > 0) {
		BUF_LIT(out, ",\"id\":");
		buf_str(out, id);
	}
	BUF_LIT(out, ",\"error\":{\"code\":");
	buf_i64(out, code);
	BUF_LIT(out, ",\"message\":");
	if (json_write_str(out, message) < 0)
		BUF_LIT(out, "\"Internal error\"");
	if (data.len > 0) {
		BUF_LIT(out, ",\"data\":");
		buf_str(out, data);
	}
	BUF_LIT(out, "}}");
}

void
rpc_write_request(struct buf *out, struct str id, struct str method)
{
	BUF_LIT(out, "{\"jsonrpc\":\"2.0\",\"id\":\"");
	buf_str(out, id);
	BUF_LIT(out, "\",\"method\":\"");
	buf_str(out, method);
	buf_char(out, '"');
}

void
rpc_write_notification(struct buf *out, struct str method)
{
	BUF_LIT(out, "{\"jsonrpc\":\"2.0\",\"method\":\"");
	buf_str(out, method);
	BUF_LIT(out, "\",\"params\":");
}
