/* SPDX-License-Identifier: Apache-2.0 */
/* Answers for people: text as it is, everything else in one line. */
#include "cli/result.h"

#include <unistd.h>

/* Ends the line that is open. */
static void
line_end(struct buf *out)
{
	if (out->len > 0 && out->ptr[out->len - 1] != '\n')
		buf_char(out, '\n');
}

static void
text_add(struct buf *out, struct str text, bool terminal)
{
	line_end(out);
	cli_text(out, text, terminal);
	line_end(out);
}

/* "[image image/png, 1234 bytes]" */
static void
data_add(struct buf *out, struct str kind, struct str mime, struct str base64)
{
	size_t pad = str_ends(base64, S("==")) ? 2
	    : str_ends(base64, S("="))         ? 1
					       : 0;

	line_end(out);
	BUF_LIT(out, "[");
	cli_line(out, kind);
	buf_char(out, ' ');
	cli_line(out, mime);
	buf_printf(out, ", %zu bytes]\n",
	    base64.len / 4 * 3 - (base64.len >= 4 ? pad : 0));
}

/* The contents of a resource. */
static void
contents_add(struct buf *out, const struct json_node *r, bool terminal)
{
	const struct json_node *text = json_get(r, S("text"));
	struct str mime = json_str(json_get(r, S("mimeType")));

	if (text != NULL)
		text_add(out, json_str(text), terminal);
	else
		data_add(out, json_str(json_get(r, S("uri"))), mime,
		    json_str(json_get(r, S("blob"))));
}

static void
block_add(struct buf *out, const struct json_node *block, bool terminal)
{
	struct str type = json_str(json_get(block, S("type")));

	if (str_equal(type, S("text"))) {
		text_add(out, json_str(json_get(block, S("text"))), terminal);
	} else if (str_equal(type, S("resource"))) {
		contents_add(out, json_get(block, S("resource")), terminal);
	} else if (str_equal(type, S("resource_link"))) {
		line_end(out);
		BUF_LIT(out, "[link ");
		cli_line(out, json_str(json_get(block, S("uri"))));
		buf_char(out, ' ');
		cli_line(out, json_str(json_get(block, S("name"))));
		BUF_LIT(out, "]\n");
	} else {
		data_add(out, type, json_str(json_get(block, S("mimeType"))),
		    json_str(json_get(block, S("data"))));
	}
}

static void
messages_add(struct buf *out, const struct json_node *messages, bool terminal)
{
	JSON_EACH_ELEMENT (m, messages) {
		line_end(out);
		cli_line(out, json_str(json_get(m, S("role"))));
		BUF_LIT(out, ":\n");
		block_add(out, json_get(m, S("content")), terminal);
	}
}

static void
result_text(struct buf *out, const struct json_node *result, bool terminal)
{
	const struct json_node *content = json_get(result, S("content"));
	const struct json_node *data = json_get(result, S("structuredContent"));

	messages_add(out, json_get(result, S("messages")), terminal);
	JSON_EACH_ELEMENT (r, json_get(result, S("contents"))) {
		contents_add(out, r, terminal);
	}
	JSON_EACH_ELEMENT (b, content) {
		block_add(out, b, terminal);
	}
	if (json_count(content) == 0 && data != NULL)
		text_add(out, json_raw(data), terminal);
}

/* A result of the tool that says it failed: its text is the message. */
static int
tool_error(const struct cli *c, const struct json_node *result)
{
	struct buf text;
	struct err err = { ERR_PARAMS, "" };
	struct str line;

	buf_init(&text);
	result_text(&text, result, false);
	line = buf_view(&text);
	while (line.len > 0 && line.ptr[line.len - 1] == '\n')
		line.len--;
	(void)err_set(&err, ERR_PARAMS, "%s: %.*s",
	    c->words.len > 0 ? c->words.items[0] : "the server", STR_FMT(line));
	buf_finish(&text);
	return cli_fail(c, CLI_TOOL, &err);
}

int
cli_result_print(const struct cli *c, const struct json_node *result)
{
	bool failed = json_type(json_get(result, S("isError"))) == JSON_TRUE;
	struct buf out;
	int rc = CLI_DONE;

	if (str_equal(json_str(json_get(result, S("resultType"))),
		S("input_required")))
		return cli_failf(c, CLI_TOOL,
		    "the server asks for input, which this command cannot "
		    "give");
	buf_init(&out);
	if (c->json) {
		buf_str(&out, json_raw(result));
		buf_char(&out, '\n');
	} else if (!failed) {
		result_text(&out, result, cli_is_terminal(STDOUT_FILENO));
	}
	if (out.failed)
		rc = cli_failf(c, CLI_USAGE, "no memory");
	else
		rc = cli_print(c, buf_view(&out));
	buf_finish(&out);
	return failed && rc == CLI_DONE ? tool_error(c, result) : rc;
}
