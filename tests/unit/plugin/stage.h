/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of plugins, a registry, a loop and a manager, for tests of their
 * life.  Everything runs on one thread; a watchdog ends what does not. */
#ifndef STAGE_H
#define STAGE_H

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/unit.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "call/call.h"
#include "loop/child.h"
#include "loop/loop.h"
#include "loop/pool.h"
#include "plugin/manager.h"
#include "registry/registry.h"

#define STAGE_WAIT_NS (30 * NS_PER_S)

#define SAMPLE(version_) \
	"plugin: sample\nversion: " version_ "\nabi: 1\n" \
	"module: sample.so\ntools:\n" \
	"  - name: version\n    description: Says which one it is.\n"

struct stage {
	char root[64];
	char plugins[96];
	char run[96];
	char exe[4096];
	struct loop *loop;
	struct registry *registry;
	struct plugin_manager *manager;
	struct call_reactor reactor;
	struct loop_pool *pool;
	struct loop_timer watchdog;
	struct plugin_changes changes; /* of the last batch */
	unsigned batch; /* of an enable */
	unsigned batches;
	unsigned wanted; /* batches to wait for */
	bool late;
	bool stopped;
	int log_fd;
	/* Of the last call. */
	bool answered;
	enum call_status status;
	char answer[4096];
	char message[256];
	char asked[256];
	struct call *call;
	const char *answers; /* given to the next call, as JSON */
};

/* The folder of the built test plugins lies beside this program. */
static inline void
stage_exe(char out[4096])
{
	ssize_t n = readlink("/proc/self/exe", out, 4095);

	ck_assert_int_gt(n, 0);
	out[n] = '\0';
}

static inline void
stage_module(char out[4096], const char *name)
{
	char exe[4096];

	stage_exe(exe);
	*strrchr(exe, '/') = '\0';
	(void)snprintf(out, 4096, "%.3000s/plugins/%.80s.so", exe, name);
}

static inline void
stage_read(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	ck_assert_msg(fd >= 0, "%s", path);
	do {
		ck_assert_int_eq(buf_reserve(out, 65536), 0);
		got = read(fd, out->ptr + out->len, 65536);
		ck_assert_int_ge(got, 0);
		out->len += (size_t)got;
	} while (got > 0);
	(void)close(fd);
}

static inline void
stage_write(const char *path, struct str bytes, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);

	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(file_write_all(fd, bytes.ptr, bytes.len), 0);
	ck_assert_int_eq(close(fd), 0);
}

enum stage_how { STAGE_OVER, STAGE_RENAME };

/* Brings bytes to plugins/name. */
static inline void
stage_put(
    struct stage *s, const char *name, struct str bytes, enum stage_how how)
{
	char path[256], next[300];

	(void)snprintf(path, sizeof path, "%s/%s", s->plugins, name);
	if (how == STAGE_OVER) {
		stage_write(path, bytes, O_TRUNC);
		return;
	}
	(void)snprintf(next, sizeof next, "%s/.next.%s", s->plugins, name);
	stage_write(next, bytes, O_TRUNC);
	ck_assert_int_eq(rename(next, path), 0);
}

static inline void
stage_put_module(
    struct stage *s, const char *built, const char *name, enum stage_how how)
{
	char path[4096];
	struct buf bytes;

	buf_init(&bytes);
	stage_module(path, built);
	stage_read(path, &bytes);
	stage_put(s, name, buf_view(&bytes), how);
	buf_finish(&bytes);
}

static inline void
stage_put_text(struct stage *s, const char *name, const char *text)
{
	stage_put(s, name, str_of(text), STAGE_RENAME);
}

static inline void
stage_describe(
    const struct registry_entry *e, unsigned dialect, struct buf *out)
{
	(void)dialect;
	BUF_LIT(out, "{\"name\":");
	buf_json(out, e->name);
	buf_char(out, '}');
}

static inline void
stage_late(void *arg)
{
	struct stage *s = arg;

	s->late = true;
	loop_stop(s->loop);
}

static inline void
stage_batch(void *arg, const struct plugin_changes *c)
{
	struct stage *s = arg;

	s->changes = *c;
	s->batches++;
	if (s->batches == s->wanted)
		loop_stop(s->loop);
}

/* Before the stage is up: where things will be. */
static inline void
stage_init(struct stage *s)
{
	memset(s, 0, sizeof *s);
	(void)snprintf(s->root, sizeof s->root, "/tmp/toolpost-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(s->root));
	(void)snprintf(s->plugins, sizeof s->plugins, "%s/plugins", s->root);
	(void)snprintf(s->run, sizeof s->run, "%s/run", s->root);
	ck_assert_int_eq(mkdir(s->plugins, 0755), 0);
	stage_exe(s->exe);
}

static inline void
stage_start_with(struct stage *s, const struct plugin_override *overrides,
    size_t len, int64_t resident_max)
{
	struct str dir = str_of(s->plugins);
	struct settings_strs dirs = { &dir, 1 };
	struct plugin_manager_options o = {
		.dirs = &dirs,
		.run_dir = str_of(s->run),
		.rehearse_exe = str_of(s->exe),
		.resident_max = resident_max,
		.overrides = overrides,
		.overrides_len = len,
	};
	char path[128];
	struct err err;

	(void)snprintf(path, sizeof path, "%s/log", s->root);
	s->log_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ge(s->log_fd, 0);
	log_open(s->log_fd, LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	s->loop = loop_create(&err);
	ck_assert_ptr_nonnull(s->loop);
	s->registry = registry_create(stage_describe, &err);
	ck_assert_ptr_nonnull(s->registry);
	s->pool = loop_pool_create(2, 64, NULL, NULL, &err);
	ck_assert_ptr_nonnull(s->pool);
	call_reactor_init(&s->reactor, s->loop, s->pool);
	loop_timer_init(&s->watchdog, stage_late, s);
	s->manager = plugin_manager_create(s->loop, s->registry, &o, &err);
	ck_assert_msg(s->manager != NULL, "%s", err.text);
	plugin_manager_on_batch(s->manager, stage_batch, s);
	ck_assert_int_eq(
	    plugin_manager_load_all(s->manager, &s->changes, &err), 0);
}

static inline void
stage_start(struct stage *s)
{
	static const struct plugin_override consent = { .name = STR("sample"),
		.may_close = true };

	stage_start_with(s, &consent, 1, 0);
}

static inline void
stage_watch(struct stage *s)
{
	struct err err;

	ck_assert_int_eq(plugin_manager_watch(s->manager, &err), 0);
}

/* Runs until loop_stop(), at most STAGE_WAIT_NS. */
static inline void
stage_run(struct stage *s)
{
	s->late = false;
	loop_timer_set(s->loop, &s->watchdog, clock_now_ns() + STAGE_WAIT_NS);
	loop_run(s->loop);
	loop_timer_clear(&s->watchdog);
	ck_assert_msg(!s->late, "waited too long");
}

/* Runs until the watched folders have given n more batches. */
static inline void
stage_wait(struct stage *s, unsigned n)
{
	s->wanted = s->batches + n;
	stage_run(s);
}

struct stage_turned {
	struct stage *s;
	bool done;
};

static inline void
stage_turn_over(void *arg)
{
	struct stage_turned *t = arg;

	t->done = true;
	loop_stop(t->s->loop);
}

/* One turn: what has been posted is done. */
static inline void
stage_turn(struct stage *s)
{
	struct stage_turned turned = { s, false };
	struct loop_timer soon;

	loop_timer_init(&soon, stage_turn_over, &turned);
	loop_timer_set(s->loop, &soon, clock_now_ns());
	while (!turned.done)
		stage_run(s);
}

static inline void
stage_stopped(void *arg)
{
	struct stage *s = arg;

	s->stopped = true;
	loop_stop(s->loop);
}

static inline void
stage_progress(struct call *c, double done, double total, struct str text)
{
	(void)c;
	(void)done;
	(void)total;
	(void)text;
}

static inline void
stage_finished(struct call *c, enum call_status status)
{
	struct stage *s = c->sink_arg;
	size_t used = 0;

	s->status = status;
	s->answered = true;
	s->call = NULL;
	s->answer[0] = '\0';
	(void)snprintf(
	    s->message, sizeof s->message, "%.*s", STR_FMT(c->message));
	s->asked[0] = '\0';
	if (c->needs != NULL)
		(void)snprintf(s->asked, sizeof s->asked, "%.*s %.*s %.*s",
		    STR_FMT(c->needs->key), STR_FMT(c->needs->method),
		    STR_FMT(c->needs->params));
	for (const struct call_content *b = c->contents;
	     b != NULL && used < sizeof s->answer; b = b->next)
		if (b->type == CALL_TEXT)
			used += (size_t)snprintf(s->answer + used,
			    sizeof s->answer - used, "%.*s", STR_FMT(b->data));
	loop_stop(s->loop);
}

static inline const struct registry_entry *
stage_find(struct stage *s, enum registry_kind kind, const char *key)
{
	return registry_find(registry_current(s->registry), kind, str_of(key));
}

/* Starts a call of a tool. */
static inline void
stage_begin(struct stage *s, const char *tool, const char *json)
{
	static const struct call_sink sink = { .progress = stage_progress,
		.finished = stage_finished };
	const struct registry_entry *e = stage_find(s, REGISTRY_TOOL, tool);
	struct json_doc doc, answers;

	ck_assert_msg(e != NULL, "no tool %s", tool);
	json_doc_init(&doc);
	json_doc_init(&answers);
	ck_assert_int_eq(json_parse(&doc, str_of(json), JSON_PROTOCOL), 0);
	s->call = call_create(&s->reactor, CALL_TOOL, e->target, str_of(tool),
	    &doc.nodes[0], &sink, s);
	ck_assert_ptr_nonnull(s->call);
	if (s->answers != NULL) {
		ck_assert_int_eq(
		    json_parse(&answers, str_of(s->answers), JSON_PROTOCOL), 0);
		s->call->answers = &answers.nodes[0];
	}
	s->call->client = CALL_CLIENT_ELICIT_FORM;
	s->answered = false;
	call_start(s->call);
	json_doc_finish(&doc);
	json_doc_finish(&answers);
}

/* Calls a tool and gives the text of its answer. */
static inline const char *
stage_call(struct stage *s, const char *tool, const char *json)
{
	stage_begin(s, tool, json);
	if (!s->answered)
		stage_run(s);
	else
		stage_turn(s); /* takes the loop_stop() back */
	return s->answer;
}

struct stage_status {
	const char *name;
	bool found;
	char error[1024];
	char state[32];
	unsigned generation, tools, resources, templates, prompts, resident;
};

static inline void
stage_status_one(const struct plugin_status *p, void *arg)
{
	struct stage_status *out = arg;

	if (!str_equal(p->name, str_of(out->name)))
		return;
	out->found = true;
	(void)snprintf(
	    out->error, sizeof out->error, "%.*s", STR_FMT(p->last_error));
	(void)snprintf(
	    out->state, sizeof out->state, "%.*s", STR_FMT(p->state));
	out->generation = p->generation;
	out->tools = p->tools;
	out->resources = p->resources;
	out->templates = p->templates;
	out->prompts = p->prompts;
	out->resident = p->resident;
}

static inline struct stage_status
stage_status(struct stage *s, const char *name)
{
	struct stage_status out = { .name = name };

	plugin_manager_each(s->manager, stage_status_one, &out);
	return out;
}

/* What was refused, for this reason. */
static inline void
stage_expect_error(struct stage *s, const char *name, const char *text)
{
	struct stage_status status = stage_status(s, name);

	ck_assert_msg(strstr(status.error, text) != NULL,
	    "\"%s\" is not in: %s", text, status.error);
}

/* The log so far holds this text. */
static inline bool
stage_log_has(struct stage *s, const char *text)
{
	struct buf log;
	char path[128];
	bool found;

	buf_init(&log);
	(void)snprintf(path, sizeof path, "%s/log", s->root);
	stage_read(path, &log);
	buf_char(&log, '\0');
	found = strstr(log.ptr, text) != NULL;
	if (!found)
		(void)fprintf(
		    stderr, "log without \"%s\":\n%s\n", text, log.ptr);
	buf_finish(&log);
	return found;
}

static inline size_t
stage_log_count(struct stage *s, const char *text)
{
	struct buf log;
	char path[128];
	size_t n = 0;

	buf_init(&log);
	(void)snprintf(path, sizeof path, "%s/log", s->root);
	stage_read(path, &log);
	buf_char(&log, '\0');
	for (const char *at = log.ptr; (at = strstr(at, text)) != NULL; at++)
		n++;
	buf_finish(&log);
	return n;
}

static inline void
stage_remove_all(const char *dir)
{
	char command[4096];
	const char *argv[] = { "/bin/rm", "-rf", command, NULL };
	struct buf out, errors;
	int status;

	(void)snprintf(command, sizeof command, "%s", dir);
	buf_init(&out);
	buf_init(&errors);
	(void)loop_child_run(
	    argv, NULL, STAGE_WAIT_NS, &status, &out, &errors, NULL);
	buf_finish(&out);
	buf_finish(&errors);
}

/* Stops, and sees that every generation was unloaded. */
static inline void
stage_finish(struct stage *s)
{
	plugin_manager_stop(
	    s->manager, clock_now_ns() + STAGE_WAIT_NS, stage_stopped, s);
	stage_run(s);
	ck_assert(s->stopped);
	plugin_manager_destroy(s->manager);
	call_reactor_finish(&s->reactor);
	if (s->pool != NULL)
		loop_pool_destroy(s->pool);
	registry_destroy(s->registry);
	loop_destroy(s->loop);
	ck_assert_uint_eq(stage_log_count(s, "plugin warm"),
	    stage_log_count(s, "plugin unloaded"));
	log_open(-1, LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	(void)close(s->log_fd);
	stage_remove_all(s->root);
}

/* The test program is its own rehearsal. */
#define STAGE_MAIN(name_, ...) \
	static int stage_tests(void); \
	int main(int argc, char **argv) \
	{ \
		if (argc >= 3 && strcmp(argv[1], "rehearse") == 0) \
			return plugin_rehearse_main( \
			    argv[2], argc > 3 ? argv[3] : NULL); \
		return stage_tests(); \
	} \
	STAGE_TESTS(name_, __VA_ARGS__)
#define STAGE_TESTS(name_, ...) \
	static int stage_tests(void) \
	{ \
		const TTest *const tests_[] = { __VA_ARGS__ }; \
		Suite *suite_ = suite_create(name_); \
		TCase *tcase_ = tcase_create(name_); \
		SRunner *runner_; \
		int failed_; \
		for (size_t i_ = 0; i_ < sizeof tests_ / sizeof tests_[0]; \
		     i_++) \
			tcase_add_test(tcase_, tests_[i_]); \
		tcase_set_timeout(tcase_, 120); \
		suite_add_tcase(suite_, tcase_); \
		runner_ = srunner_create(suite_); \
		srunner_run_all(runner_, CK_NORMAL); \
		failed_ = srunner_ntests_failed(runner_); \
		srunner_free(runner_); \
		return failed_ == 0 ? EXIT_SUCCESS : EXIT_FAILURE; \
	}

#endif
