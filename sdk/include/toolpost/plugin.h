/* SPDX-License-Identifier: Apache-2.0 */
/* Conveniences for plugin authors in C and C++.  All inline; the contract
 * itself is <toolpost/abi.h>; writing JSON is <toolpost/json.h>.  This
 * file is long because it is the whole of what C authors call. */
#ifndef TOOLPOST_PLUGIN_H
#define TOOLPOST_PLUGIN_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <toolpost/abi.h>

#define TP_FMT(s_) (int)(s_).len, (s_).ptr /* for "%.*s" */

/* clang-format off */
#define TP_TOOL(name_, fn_) { TP_KIND_TOOL, 0, name_, fn_ }
#define TP_RESOURCE(uri_, fn_) { TP_KIND_RESOURCE, 0, uri_, fn_ }
#define TP_PROMPT(name_, fn_) { TP_KIND_PROMPT, 0, name_, fn_ }
/* With enum tp_entry_flags: TP_TOOL_FLAGS("add", add, TP_NONBLOCKING). */
#define TP_TOOL_FLAGS(name_, fn_, flags_) \
	{ TP_KIND_TOOL, flags_, name_, fn_ }
#define TP_RESOURCE_FLAGS(uri_, fn_, flags_) \
	{ TP_KIND_RESOURCE, flags_, uri_, fn_ }
#define TP_PROMPT_FLAGS(name_, fn_, flags_) \
	{ TP_KIND_PROMPT, flags_, name_, fn_ }

#ifdef __cplusplus
#define TP_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define TP_EXPORT extern __attribute__((visibility("default")))
#endif

/* A plugin without state. */
#define TP_PLUGIN(name_, version_, entries_) \
	TP_PLUGIN_STATE(name_, version_, entries_, 0, NULL, NULL, NULL)

/* A plugin with state, and perhaps hand-over of that state. */
#define TP_PLUGIN_STATE(name_, version_, entries_, flags_, load_, save_, \
	unload_) \
	TP_DESCRIBE(name_, version_, entries_, NULL, 0, flags_, load_, save_, \
	    unload_)

/* A plugin that also offers hooks: completion, watching. */
#define TP_PLUGIN_OFFERS(name_, version_, entries_, offers_, flags_, load_, \
	save_, unload_) \
	TP_DESCRIBE(name_, version_, entries_, offers_, \
	    sizeof(offers_) / sizeof((offers_)[0]), flags_, load_, save_, \
	    unload_)

#define TP_DESCRIBE(name_, version_, entries_, offers_, offers_len_, flags_, \
	load_, save_, unload_) \
	TP_EXPORT const struct tp_plugin_desc toolpost_plugin_v1; \
	const struct tp_plugin_desc toolpost_plugin_v1 = { \
		{ TP_ABI_MAGIC, TP_ABI_MAJOR, TP_ABI_MINOR, \
		    (uint32_t)sizeof(struct tp_plugin_desc), \
		    (uint16_t)sizeof(struct tp_entry), \
		    (uint16_t)(8 * sizeof(void *)) }, \
		name_, version_, __VERSION__, \
		entries_, sizeof(entries_) / sizeof((entries_)[0]), \
		offers_, offers_len_, \
		flags_, 0, load_, save_, unload_ \
	}
/* clang-format on */

static inline struct tp_str
tp_cstr(const char *s)
{
	struct tp_str v = { s, s != NULL ? strlen(s) : 0 };

	return v;
}

static inline struct tp_str
tp_arg_str(const struct tp_call *call, const char *key, const char *fallback)
{
	const struct tp_host *h = call->host;
	const struct tp_json *v = h->json_get(h->args(call), key);

	return h->json_type(v) == TP_STRING ? h->json_str(v)
					    : tp_cstr(fallback);
}

static inline double
tp_arg_num(const struct tp_call *call, const char *key, double fallback)
{
	const struct tp_host *h = call->host;
	const struct tp_json *v = h->json_get(h->args(call), key);

	return h->json_type(v) == TP_NUMBER ? h->json_num(v) : fallback;
}

static inline int64_t
tp_arg_int(const struct tp_call *call, const char *key, int64_t fallback)
{
	const struct tp_host *h = call->host;
	int64_t n;

	if (h->json_int(h->json_get(h->args(call), key), &n) != TP_OK)
		return fallback;
	return n;
}

/* json_raw() tells true from false: the table has no function for it. */
static inline int
tp_json_true(const struct tp_host *h, const struct tp_json *v, int fallback)
{
	if (h->json_type(v) != TP_BOOL)
		return fallback;
	return h->json_raw(v).len == 4; /* "true" */
}

static inline int
tp_arg_bool(const struct tp_call *call, const char *key, int fallback)
{
	const struct tp_host *h = call->host;

	return tp_json_true(h, h->json_get(h->args(call), key), fallback);
}

static inline struct tp_content
tp_block(uint32_t type, struct tp_str data)
{
	struct tp_content c;

	memset(&c, 0, sizeof c);
	c.size = sizeof c;
	c.type = type;
	c.data = data;
	return c;
}

static inline int
tp_text(struct tp_call *call, struct tp_str text)
{
	struct tp_content c = tp_block(TP_TEXT, text);

	return call->host->content(call, &c);
}

/* One message of a prompt. */
static inline int
tp_message(struct tp_call *call, enum tp_role role, struct tp_str text)
{
	struct tp_content c = tp_block(TP_TEXT, text);

	c.role = (uint32_t)role;
	return call->host->content(call, &c);
}

/* What a resource answers with when it is bytes; mime NULL: the manifest's. */
static inline int
tp_bytes(struct tp_call *call, struct tp_str data, const char *mime)
{
	struct tp_content c = tp_block(TP_TEXT, data);

	c.mime = tp_cstr(mime);
	c.flags = TP_BINARY;
	return call->host->content(call, &c);
}

/* data is raw bytes: the host encodes them. */
static inline int
tp_image(struct tp_call *call, struct tp_str data, const char *mime)
{
	struct tp_content c = tp_block(TP_IMAGE, data);

	c.mime = tp_cstr(mime);
	return call->host->content(call, &c);
}

static inline int
tp_audio(struct tp_call *call, struct tp_str data, const char *mime)
{
	struct tp_content c = tp_block(TP_AUDIO, data);

	c.mime = tp_cstr(mime);
	return call->host->content(call, &c);
}

/* A resource inside the answer; flags TP_BINARY when data is not UTF-8. */
static inline int
tp_embed(struct tp_call *call, struct tp_str uri, const char *mime,
    struct tp_str data, uint32_t flags)
{
	struct tp_content c = tp_block(TP_EMBED, data);

	c.uri = uri;
	c.mime = tp_cstr(mime);
	c.flags = flags;
	return call->host->content(call, &c);
}

/* A resource that the client may read; mime may be NULL. */
static inline int
tp_link(struct tp_call *call, struct tp_str uri, struct tp_str name,
    const char *mime)
{
	struct tp_content c = tp_block(TP_LINK, tp_cstr(NULL));

	c.uri = uri;
	c.name = name;
	c.mime = tp_cstr(mime);
	return call->host->content(call, &c);
}

static inline int
tp_progress(struct tp_call *call, double done, double total, const char *text)
{
	return call->host->progress(call, done, total, tp_cstr(text));
}

/* A log message to the client of this call; TP_ENOTSUP: an older host.
 *	tp_tell(call, TP_MESSAGE_INFO, NULL, tp_cstr("half done")); */
static inline int
tp_tell(struct tp_call *call, enum tp_message_level level, const char *logger,
    struct tp_str text)
{
	if (!TP_HAS(call->host, message))
		return TP_ENOTSUP;
	return call->host->message(call, (int)level, tp_cstr(logger), text, 0);
}

/* The same with JSON text, such as tp_json_str() gives. */
static inline int
tp_tell_json(struct tp_call *call, enum tp_message_level level,
    const char *logger, struct tp_str json)
{
	if (!TP_HAS(call->host, message))
		return TP_ENOTSUP;
	return call->host->message(
	    call, (int)level, tp_cstr(logger), json, TP_MESSAGE_JSON);
}

/* return tp_ask(call, "confirm", "elicitation/create", params); */
static inline int
tp_ask(struct tp_call *call, const char *key, const char *method,
    struct tp_str params)
{
	int rc = call->host->require(call, key, tp_cstr(method), params);

	return rc == TP_OK ? TP_INPUT : rc;
}

/* The state of an earlier round; empty: there is none, or an older host. */
static inline struct tp_str
tp_state(const struct tp_call *call)
{
	return TP_HAS(call->host, state) ? call->host->state(call)
					 : tp_cstr("");
}

/* TP_ENOTSUP: an older host. */
static inline int
tp_set_state(struct tp_call *call, struct tp_str bytes)
{
	if (!TP_HAS(call->host, set_state))
		return TP_ENOTSUP;
	return call->host->set_state(call, bytes);
}

static inline int
tp_cancelled(const struct tp_call *call)
{
	return call->host->cancelled(call);
}

/* return tp_fail(call, TP_ENOTFOUND, "no such city"); */
static inline int
tp_fail(struct tp_call *call, int status, const char *message)
{
	return call->host->fail(call, status, tp_cstr(message));
}

static inline void
tp_log(struct tp_plugin *plugin, enum tp_level level, const char *text)
{
	plugin->host->log(plugin, level, tp_cstr(text));
}

/* The varargs end here: they never cross the boundary.  The text belongs to
 * the call; its ptr is NULL when there is no memory. */
__attribute__((format(printf, 2, 0))) static inline struct tp_str
tp_vformat(struct tp_call *call, const char *fmt, va_list ap)
{
	struct tp_str text = { NULL, 0 };
	va_list again;
	char *buf;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return text;
	buf = (char *)call->host->alloc(call, (size_t)n + 1);
	if (buf == NULL)
		return text;
	(void)vsnprintf(buf, (size_t)n + 1, fmt, ap);
	text.ptr = buf;
	text.len = (size_t)n;
	return text;
}

__attribute__((format(printf, 2, 3))) static inline struct tp_str
tp_format(struct tp_call *call, const char *fmt, ...)
{
	struct tp_str text;
	va_list ap;

	va_start(ap, fmt);
	text = tp_vformat(call, fmt, ap);
	va_end(ap);
	return text;
}

__attribute__((format(printf, 2, 3))) static inline int
tp_textf(struct tp_call *call, const char *fmt, ...)
{
	struct tp_str text;
	va_list ap;

	va_start(ap, fmt);
	text = tp_vformat(call, fmt, ap);
	va_end(ap);
	return text.ptr != NULL ? tp_text(call, text) : TP_ENOMEM;
}

__attribute__((format(printf, 3, 4))) static inline int
tp_failf(struct tp_call *call, int status, const char *fmt, ...)
{
	struct tp_str text;
	va_list ap;

	va_start(ap, fmt);
	text = tp_vformat(call, fmt, ap);
	va_end(ap);
	return text.ptr != NULL ? call->host->fail(call, status, text) : status;
}

__attribute__((format(printf, 3, 4))) static inline void
tp_logf(struct tp_plugin *plugin, enum tp_level level, const char *fmt, ...)
{
	char line[512]; /* what does not fit is cut */
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(line, sizeof line, fmt, ap) >= 0)
		plugin->host->log(plugin, level, tp_cstr(line));
	va_end(ap);
}

#endif
