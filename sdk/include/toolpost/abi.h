/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between toolpost and a plugin: plain C11 data and function
 * tables, nothing to link against.  Bind other languages to this file;
 * C and C++ authors include <toolpost/plugin.h>, which adds conveniences.
 *
 * Growth rules.  Minor: append to the END of a struct that carries a size,
 * add an enum value, publish an extension.  Anything else is a new major:
 * a new entry symbol (toolpost_plugin_v2) and a new header beside this one.
 *
 * Thread marks.  [control] the host's control thread, never two at once for
 * one plugin; [call] the one thread that owns the call now; [any] any thread.
 */
#ifndef TOOLPOST_ABI_H
#define TOOLPOST_ABI_H

/* Set by hand, like a table. */
/* clang-format off */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TP_ABI_MAGIC 0x31505054u /* "TPP1", little endian on disk */
#define TP_ABI_MAJOR 1
#define TP_ABI_MINOR 1
#define TP_PLUGIN_SYMBOL "toolpost_plugin_v1"

struct tp_plugin; /* one loaded generation, owned by the host */
struct tp_call;   /* one request being answered, owned by the host */
struct tp_json;   /* read-only JSON value, lives as long as its call or load */

/* Borrowed bytes; not NUL-terminated.  Copy to keep. */
struct tp_str {
	const char *ptr;
	size_t len;
};

enum tp_status {
	TP_OK = 0,      /* the answer is complete */
	TP_PENDING = 1, /* done() will follow, exactly once, from any thread */
	TP_INPUT = 2,   /* require() was used; run me again with the answers */
	TP_EFAIL = -1,
	TP_ENOMEM = -2,
	TP_EPARAMS = -3,
	TP_ENOTFOUND = -4,
	TP_ECANCELLED = -5,
	TP_EDEADLINE = -6,
	TP_EBUSY = -7,
	TP_ENOTSUP = -8,
	TP_ESTATE = -9 /* load(): I cannot take over that snapshot */
};

enum tp_level { TP_DEBUG, TP_INFO, TP_WARN, TP_ERROR };
/* Of messages to the client: those of the protocol, from RFC 5424. */
enum tp_message_level {
	TP_MESSAGE_DEBUG,
	TP_MESSAGE_INFO,
	TP_MESSAGE_NOTICE,
	TP_MESSAGE_WARNING,
	TP_MESSAGE_ERROR,
	TP_MESSAGE_CRITICAL,
	TP_MESSAGE_ALERT,
	TP_MESSAGE_EMERGENCY
};
enum tp_message_flags {
	TP_MESSAGE_JSON = 1u << 0 /* data is JSON text, not a string */
};
enum tp_kind { TP_KIND_TOOL = 1, TP_KIND_RESOURCE = 2, TP_KIND_PROMPT = 3 };
enum tp_role { TP_USER = 0, TP_ASSISTANT = 1 };
enum tp_content_type { TP_TEXT = 1, TP_IMAGE, TP_AUDIO, TP_LINK, TP_EMBED };
enum tp_json_type {
	TP_NULL,
	TP_BOOL,
	TP_NUMBER,
	TP_STRING,
	TP_ARRAY,
	TP_OBJECT
};

enum tp_content_flags {
	TP_BINARY = 1u << 0 /* TP_TEXT, TP_EMBED: data is bytes, not UTF-8 */
};

/*
 * One block of an answer, or one message of a prompt.
 *
 *	TP_TEXT   data; a resource answers with it too (uri and mime default
 *	          to what was asked for and what the manifest says)
 *	TP_IMAGE, TP_AUDIO   data is raw bytes (the host encodes base64), mime
 *	TP_LINK   uri, name, mime: a resource the client may read
 *	TP_EMBED  uri, mime, data: a resource inside the answer
 */
struct tp_content {
	uint32_t size; /* sizeof(struct tp_content) as compiled */
	uint32_t type; /* enum tp_content_type */
	struct tp_str data;
	struct tp_str mime;
	struct tp_str uri;
	struct tp_str name;
	uint32_t role;  /* enum tp_role; prompts only */
	uint32_t flags; /* enum tp_content_flags */
};

/* Opaque bytes that one generation hands to the next, or a runner to its heir. */
struct tp_snapshot {
	uint32_t size;
	uint32_t format; /* the author's own version of the bytes */
	struct tp_str bytes;
};

typedef void tp_cancel_fn(void *arg);

/* What the host offers.  Test an entry newer than minor 0 with TP_HAS(). */
struct tp_host {
	uint32_t size;
	uint16_t abi_major;
	uint16_t abi_minor;
	const char *version; /* for logs only */

	/* [any] To the host's log, tagged with plugin and generation. */
	void (*log)(struct tp_plugin *, int level, struct tp_str text);
	/* [any] The table named "tp.NAME/REV", or NULL: absent or not granted. */
	const void *(*extension)(struct tp_plugin *, const char *id);
	/* [any] The resource uri changed; empty uri: the list of that kind. */
	void (*changed)(struct tp_plugin *, int kind, struct tp_str uri);

	/* [any] Tool or prompt name, or the URI that was asked for. */
	struct tp_str (*name)(const struct tp_call *);
	/* [any] Validated arguments; for a URI template, its variables. */
	const struct tp_json *(*args)(const struct tp_call *);
	/* [any] Absolute, CLOCK_MONOTONIC nanoseconds. */
	int64_t (*deadline)(const struct tp_call *);
	/* [any] Non-zero once nobody waits for the answer. */
	int (*cancelled)(const struct tp_call *);
	/* [call] The hook runs at most once, on a thread of the host. */
	int (*on_cancel)(struct tp_call *, tp_cancel_fn *, void *arg);
	/* [any] Must grow from call to call, else it is dropped.  total 0: not
	 * known.  TP_ECANCELLED: nobody listens any more. */
	int (*progress)(struct tp_call *, double done, double total,
	    struct tp_str text);
	/* [call] Memory that is freed with the call. */
	void *(*alloc)(struct tp_call *, size_t len);

	/* [call] Adds one block to the answer; everything is copied. */
	int (*content)(struct tp_call *, const struct tp_content *);
	/* [call] Sets the structured result, as JSON text; copied. */
	int (*structured)(struct tp_call *, struct tp_str json);
	/* [call] Sets the failure and returns status, so that it can be returned. */
	int (*fail)(struct tp_call *, int status, struct tp_str message);

	/* [call] The client's answer to key, in this round or an earlier one, or
	 * NULL: not answered yet. */
	const struct tp_json *(*input)(struct tp_call *, const char *key);
	/* [call] Ask the client; then return TP_INPUT.  TP_ENOTSUP: this client
	 * cannot be asked that; return it, or go on without.  TP_EPARAMS: no
	 * client can; the log says why. */
	int (*require)(struct tp_call *, const char *key, struct tp_str method,
	    struct tp_str params);

	/* [any] Exactly once after TP_PENDING; the call is gone when it returns. */
	void (*done)(struct tp_call *, int status);

	/* [any] JSON reading; a NULL value reads as absent. */
	int (*json_type)(const struct tp_json *);
	const struct tp_json *(*json_get)(const struct tp_json *, const char *key);
	const struct tp_json *(*json_at)(const struct tp_json *, size_t index);
	size_t (*json_len)(const struct tp_json *);
	struct tp_str (*json_str)(const struct tp_json *);
	double (*json_num)(const struct tp_json *);
	/* TP_EPARAMS unless an integer by value that fits. */
	int (*json_int)(const struct tp_json *, int64_t *out);
	struct tp_str (*json_raw)(const struct tp_json *); /* exact JSON text */

	/* Since minor 1. */

	/* [any] A log message to the client of this call, beside its answer:
	 * level is an enum tp_message_level, logger may be empty, data is text,
	 * or JSON text with TP_MESSAGE_JSON; copied.  The client chooses the
	 * level it hears: one below it is dropped and that is TP_OK too.
	 * TP_EBUSY: too many are on their way; TP_ECANCELLED: nobody listens
	 * any more.  Never put secrets or personal data into it. */
	int (*message)(struct tp_call *, int level, struct tp_str logger,
	    struct tp_str data, uint32_t flags);

	/* [call] What set_state() was given last, in an earlier round of this
	 * call; empty at first. */
	struct tp_str (*state)(const struct tp_call *);
	/* [call] Bytes for the rounds that follow, at most 16 KiB; copied.  A
	 * client may carry them, sealed: it cannot read or change them, but it
	 * can send them twice.  With a state, TP_INPUT is also allowed without
	 * require(): the client comes again later. */
	int (*set_state)(struct tp_call *, struct tp_str bytes);
};

/* Every handle begins with its table: no globals, two generations coexist,
 * and a test can pass a table of its own. */
struct tp_plugin { const struct tp_host *host; };
struct tp_call { const struct tp_host *host; };

typedef int tp_call_fn(struct tp_call *, void *state);

enum tp_entry_flags {
	TP_NONBLOCKING = 1u << 0, /* may run on an event loop: never waits */
	TP_SERIAL = 1u << 1       /* never two calls at once in a process; then
	                           * it may block too, whatever the other flag
	                           * says */
};

struct tp_entry {
	uint32_t kind;
	uint32_t flags;
	const char *name; /* tool, prompt, URI or URI template of the manifest */
	tp_call_fn *call;
};

/* A table of hooks that the plugin offers the host.  This pair never grows. */
struct tp_offer {
	const char *id; /* "tp.complete/1" */
	const void *table; /* begins with uint32_t size */
};

enum tp_plugin_flags {
	TP_CLOSABLE = 1u << 0 /* unload() leaves nothing behind: dlclose is safe */
};

/* Read before any code of the plugin runs; these 16 bytes never move. */
struct tp_abi {
	uint32_t magic;
	uint16_t major;
	uint16_t minor;
	uint32_t desc_size;
	uint16_t entry_size;
	uint16_t pointer_bits;
};

struct tp_plugin_desc {
	struct tp_abi abi;
	const char *name;    /* must equal the manifest's */
	const char *version; /* must equal the manifest's */
	const char *build;   /* compiler, commit: for crash reports */
	const struct tp_entry *entries;
	size_t entries_len;
	const struct tp_offer *offers;
	size_t offers_len;
	uint32_t flags;
	uint32_t reserved;

	/* [control] previous is NULL on the first load. */
	int (*load)(struct tp_plugin *, const struct tp_json *config,
	    const struct tp_snapshot *previous, void **state);
	/* [control] May run beside calls; the bytes stay valid until unload. */
	int (*save)(struct tp_plugin *, void *state, struct tp_snapshot *out);
	/* [control] No call is in flight; stop and JOIN your threads first. */
	void (*unload)(struct tp_plugin *, void *state);
};

#define TP_HAS(table_, member_) \
	((table_)->size >= offsetof(struct tp_host, member_) \
	        + sizeof((table_)->member_) \
	    && (table_)->member_ != NULL)

#ifdef __cplusplus
}
#endif
#endif
