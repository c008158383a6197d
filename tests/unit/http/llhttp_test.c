/* SPDX-License-Identifier: Apache-2.0 */
/* The request blocks of the public llhttp suite, in syntax mode, whole and
 * bytewise, against the list of exceptions below.  T-08. */
#include "http/parser.h"

#include <dirent.h>
#include <sys/stat.h>

#include "unit/http/trace.h"
#include "unit/unit.h"

/* Why we differ, block by block.  "pause": llhttp stops for an Upgrade or a
 * tunnel, for us the request is sound or plain.  An entry that no longer
 * differs, or a difference without an entry, fails. */
struct exception {
	const char *file;
	const char *heading;
	const char *why;
};

/* clang-format off */
static const struct exception exceptions[] = {
	{ "connection.md",
	  "No restart when keep-alive is off (1.0)",
	  "data after the last request: the connection's business" },
	{ "connection.md",
	  "CRLF between requests, implicit `keep-alive`",
	  "two empty lines; one is allowed" },
	{ "connection.md",
	  "Setting a flag and pausing",
	  "pause" },
	{ "connection.md",
	  "Emitting part of body and pausing",
	  "pause" },
	{ "content-length.md",
	  "Content-Length reset when no body is received",
	  "an option of llhttp skips the content" },
	{ "invalid.md",
	  "HTTP protocol and ANNOUNCE method",
	  "no method table in syntax mode" },
	{ "invalid.md",
	  "Invalid method",
	  "no method table in syntax mode" },
	{ "method.md",
	  "CONNECT request with CAPS",
	  "pause" },
	{ "method.md",
	  "SOURCE request with ICE",
	  "ICE" },
	{ "method.md",
	  "OPTIONS request with RTSP",
	  "RTSP" },
	{ "method.md",
	  "ANNOUNCE request with RTSP",
	  "RTSP" },
	{ "sample.md",
	  "No HTTP version",
	  "HTTP/0.9" },
	{ "transfer-encoding.md",
	  "Trailing headers",
	  "equal, but trailers are dropped" },
	{ "transfer-encoding.md",
	  "POST with `chunked` as last transfer-encoding",
	  "fragment in the target" },
	{ "transfer-encoding.md",
	  "POST with `chunked` as last transfer-encoding (multiple headers)",
	  "fragment in the target" },
	{ "uri.md",
	  "Quotes in URI",
	  "quote in the target" },
	{ "uri.md",
	  "Query URL with vertical bar character",
	  "bar in the target" },
	{ "uri.md",
	  "Fragment in URI",
	  "fragment in the target" },
	{ "uri.md",
	  "Underscore in hostname",
	  "pause" },
	{ "uri.md",
	  "`host:port` and basic auth",
	  "userinfo" },
};
/* clang-format on */
static bool excused[sizeof(exceptions) / sizeof(exceptions[0])];

static const struct http_limits limits = {
	.request_line = 8192,
	.head = 16384,
	.fields = 100,
	.trailers = 4096,
	.body = 4 * 1024 * 1024,
	.syntax_only = true,
};

struct block {
	const char *file;
	struct str heading;
	struct str http; /* as in the file */
	struct str log;
};

static unsigned blocks, accepted, refused, differ;

/* Line ends become CRLF, a backslash at a line's end joins it with the next,
 * and \r \n \t \f \xHH stand for a character in UTF-8. */
static void
unescape(struct buf *out, struct str text)
{
	static const char names[] = "rntf", bytes[] = "\r\n\t\f";

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		char next = i + 1 < text.len ? text.ptr[i + 1] : '\0';
		const char *name = next != '\0' ? strchr(names, next) : NULL;

		if (c == '\n') {
			buf_cstr(out, "\r\n");
		} else if (c == '\\' && next == '\n') {
			i++;
		} else if (c == '\\' && next == 'x') {
			char hex[3] = { text.ptr[i + 2], text.ptr[i + 3], 0 };
			unsigned long n = strtoul(hex, NULL, 16);

			if (n >= 0x80)
				buf_char(out, (char)(0xc0 | n >> 6));
			buf_char(
			    out, (char)(n >= 0x80 ? 0x80 | (n & 0x3f) : n));
			i += 3;
		} else if (c == '\\' && name != NULL) {
			buf_char(out, bytes[name - names]);
			i++;
		} else {
			buf_char(out, c);
		}
	}
}

static bool
take_until(struct str *text, const char *mark, struct str *before)
{
	struct str m = str_of(mark);

	for (size_t i = 0; i + m.len <= text->len; i++)
		if (memcmp(text->ptr + i, m.ptr, m.len) == 0) {
			*before = str_sub(*text, 0, i);
			*text = str_sub(*text, i + m.len, text->len);
			return true;
		}
	return false;
}

/* All bytes that the log's spans of this kind name, in a row.  Its values
 * keep their trailing white space; ours do not (RFC 9112 5.1). */
static void
log_spans(struct buf *out, struct str log, const char *kind, struct str raw)
{
	struct str rest = log, line;
	char form[64];

	snprintf(form, sizeof(form), "off=%%u len=%%u span[%s]=", kind);
	while (rest.len > 0) {
		char text[64];
		unsigned at, len;
		int end = 0;

		line = str_split(rest, '\n', &rest);
		snprintf(text, sizeof(text), "%.*s", STR_FMT(line));
		if (sscanf(text, "off=%u len=%u span[%n", &at, &len, &end) < 2
		    || end == 0 || strncmp(text + end, kind, strlen(kind)) != 0
		    || text[end + (int)strlen(kind)] != ']')
			continue;
		if (strcmp(kind, "header_value") == 0)
			buf_str(out, str_trim(str_sub(raw, at, at + len)));
		else
			buf_str(out, str_sub(raw, at, at + len));
		if (strcmp(kind, "body") != 0)
			buf_char(out, '|');
	}
}

/* The same rows from our parser. */
struct rows {
	struct buf method, url, name, value, body;
};

static void
rows_of(struct rows *r, struct str raw)
{
	struct http_parser p;
	char *bytes = malloc(raw.len + 1);
	size_t base = 0;
	enum http_result result;

	memcpy(bytes, raw.ptr, raw.len);
	while (base < raw.len) {
		char *b = bytes + base;

		http_parser_init(&p, &limits);
		result = http_parser_feed(&p, b, raw.len - base);
		if (result != HTTP_HEAD_DONE)
			break;
		buf_str(&r->method, http_slice(b, p.method_text));
		buf_char(&r->method, '|');
		buf_str(&r->url, http_slice(b, p.target));
		buf_char(&r->url, '|');
		for (uint32_t i = 0; i < p.fields_len; i++) {
			buf_str(&r->name, http_slice(b, p.fields[i].name));
			buf_char(&r->name, '|');
			buf_str(&r->value, http_slice(b, p.fields[i].value));
			buf_char(&r->value, '|');
		}
		result = http_parser_feed(&p, b, raw.len - base);
		buf_str(&r->body, http_slice(b, p.body));
		if (result != HTTP_COMPLETE)
			break;
		base += p.consumed;
	}
	free(bytes);
}

static bool
row_is(
    const struct block *k, const char *kind, struct buf *ours, struct str raw)
{
	struct buf theirs;
	bool same;

	buf_init(&theirs);
	log_spans(&theirs, k->log, kind, raw);
	same = str_equal(buf_view(&theirs), buf_view(ours));
	if (!same)
		printf("  %s: \"%.*s\", ours \"%.*s\"\n", kind,
		    STR_FMT(buf_view(&theirs)), STR_FMT(buf_view(ours)));
	buf_finish(&theirs);
	buf_finish(ours);
	return same;
}

static bool
spans_equal(const struct block *k, struct str raw)
{
	struct rows r;
	bool same = true;

	memset(&r, 0, sizeof(r));
	rows_of(&r, raw);
	same = row_is(k, "method", &r.method, raw) && same;
	same = row_is(k, "url", &r.url, raw) && same;
	same = row_is(k, "header_field", &r.name, raw) && same;
	same = row_is(k, "header_value", &r.value, raw) && same;
	same = row_is(k, "body", &r.body, raw) && same;
	return same;
}

static bool
excuse(const struct block *k)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(*exceptions); i++)
		if (strcmp(exceptions[i].file, k->file) == 0
		    && str_equal(k->heading, str_of(exceptions[i].heading))) {
			excused[i] = true;
			return true;
		}
	return false;
}

static void
block_check(const struct block *k)
{
	struct str log = k->log, before;
	bool error = take_until(&log, " error code=", &before), same;
	struct buf raw;
	struct trace t;

	buf_init(&raw);
	trace_init(&t);
	unescape(&raw, k->http);
	trace_run(&t, buf_view(&raw), &limits, cut_whole, NULL);
	trace_same(&t, buf_view(&raw), &limits, cut_one, NULL, k->file, 1);
	same = error == (t.status != 0);
	if (same && !error)
		same = spans_equal(k, buf_view(&raw));
	blocks++;
	accepted += same && !error;
	refused += same && error;
	if (!same) {
		differ++;
		if (!excuse(k))
			ck_abort_msg("%s, \"%.*s\": theirs %s, ours %d\n%.*s",
			    k->file, STR_FMT(k->heading),
			    error ? "error" : "accepted", t.status,
			    STR_FMT(buf_view(&t.text)));
	}
	trace_finish(&t);
	buf_finish(&raw);
}

/* Walks one file: headings, and blocks whose meta says type request. */
static void
file_check(const char *file, struct str text)
{
	struct block k = { .file = file };
	struct str meta, rest = text, before;

	while (take_until(&rest, "<!-- meta=", &before)) {
		struct str scan = before, line;

		while (scan.len > 0) {
			line = str_split(scan, '\n', &scan);
			if (str_starts(line, S("#")))
				k.heading = str_trim(str_sub(
				    line, str_find(line, ' '), line.len));
		}
		if (!take_until(&rest, "-->", &meta))
			return;
		if (!take_until(&meta, "\"request\"", &before))
			continue;
		if (!take_until(&rest, "```http\n", &before)
		    || !take_until(&rest, "\n```", &k.http)
		    || !take_until(&rest, "```log\n", &before)
		    || !take_until(&rest, "\n```", &k.log))
			return;
		block_check(&k);
	}
}

static char folder[512];

static bool
folder_find(void)
{
	const char *env = getenv("TOOLPOST_TESTDATA");
	struct stat st;

	snprintf(folder, sizeof(folder), "%s/llhttp/test/request",
	    env != NULL ? env : "../shared/testdata");
	return stat(folder, &st) == 0 && S_ISDIR(st.st_mode);
}

START_TEST(request_blocks_end_as_llhttp_says_but_for_the_list)
{
	static const char *const files[] = { "connection.md",
		"content-length.md", "invalid.md",
		"lenient-header-value-relaxed.md", "lenient-headers.md",
		"lenient-version.md", "method.md", "pausing.md",
		"pipelining.md", "sample.md", "transfer-encoding.md",
		"uri.md" };
	char path[1024];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct buf text;

		buf_init(&text);
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		ck_assert_msg(test_file(&text, path), "%s", path);
		file_check(files[i], buf_view(&text));
		buf_finish(&text);
	}
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(*exceptions); i++)
		ck_assert_msg(excused[i], "no longer an exception: %s, %s",
		    exceptions[i].file, exceptions[i].heading);
	printf("llhttp: %u blocks, %u accepted with equal spans, %u refused, "
	       "%u exceptions\n",
	    blocks, accepted, refused, differ);
	ck_assert_uint_ge(blocks, 130);
	ck_assert_uint_eq(accepted + refused + differ, blocks);
}
END_TEST

int llhttp_main(void);

#define main llhttp_main
UNIT_MAIN("http/llhttp", request_blocks_end_as_llhttp_says_but_for_the_list)
#undef main

int
main(void)
{
	if (!folder_find()) {
		printf("SKIP llhttp\n");
		return 77;
	}
	return llhttp_main();
}
