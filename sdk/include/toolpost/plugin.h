/* SPDX-License-Identifier: Apache-2.0 */
/* Conveniences for plugin authors in C and C++.  All inline; the contract
 * itself is <toolpost/abi.h>. */
#ifndef TOOLPOST_PLUGIN_H
#define TOOLPOST_PLUGIN_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <toolpost/abi.h>

#define TP_FMT(s_) (int)(s_).len, (s_).ptr /* for "%.*s" */

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

	return h->json_type(v) == TP_STRING ? h->json_str(v) : tp_cstr(fallback);
}

static inline double
tp_arg_num(const struct tp_call *call, const char *key, double fallback)
{
	const struct tp_host *h = call->host;
	const struct tp_json *v = h->json_get(h->args(call), key);

	return h->json_type(v) == TP_NUMBER ? h->json_num(v) : fallback;
}

static inline int
tp_text(struct tp_call *call, struct tp_str text)
{
	struct tp_content c;

	memset(&c, 0, sizeof c);
	c.size = sizeof c;
	c.type = TP_TEXT;
	c.data = text;
	return call->host->content(call, &c);
}

/* The varargs end here: they never cross the boundary. */
__attribute__((format(printf, 2, 3))) static inline int
tp_textf(struct tp_call *call, const char *fmt, ...)
{
	struct tp_str text;
	va_list ap;
	char *buf;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return TP_EFAIL;
	buf = (char *)call->host->alloc(call, (size_t)n + 1);
	if (buf == NULL)
		return TP_ENOMEM;
	va_start(ap, fmt);
	(void)vsnprintf(buf, (size_t)n + 1, fmt, ap);
	va_end(ap);
	text.ptr = buf;
	text.len = (size_t)n;
	return tp_text(call, text);
}

#endif
