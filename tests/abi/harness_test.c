/* SPDX-License-Identifier: Apache-2.0 */
/* The test host of the SDK finds what it says it finds. */
#include <toolpost/test.h>

/* A call that a thread completes when it is told to. */
struct job {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	struct tp_call *call;
	int go;
	int cancelled;
};

static struct job job;

static void *
job_run(void *arg)
{
	struct job *j = (struct job *)arg;
	int cancelled;

	(void)pthread_mutex_lock(&j->lock);
	while (!j->go)
		(void)pthread_cond_wait(&j->changed, &j->lock);
	cancelled = j->cancelled;
	(void)pthread_mutex_unlock(&j->lock);
	if (!cancelled)
		(void)tp_text(j->call, tp_cstr("from a thread"));
	j->call->host->done(j->call, cancelled ? TP_ECANCELLED : TP_OK);
	return NULL;
}

static void
job_go(struct job *j, int cancelled)
{
	(void)pthread_mutex_lock(&j->lock);
	j->go = 1;
	j->cancelled |= cancelled;
	(void)pthread_cond_broadcast(&j->changed);
	(void)pthread_mutex_unlock(&j->lock);
}

static void
job_cancel(void *arg)
{
	job_go((struct job *)arg, 1);
}

static int
later(struct tp_call *call, void *state)
{
	(void)state;
	job.call = call;
	job.go = job.cancelled = 0;
	(void)call->host->on_cancel(call, job_cancel, &job);
	if (pthread_create(&job.thread, NULL, job_run, &job) != 0)
		return TP_EBUSY;
	return TP_PENDING;
}

static int
twice(struct tp_call *call, void *state)
{
	(void)state;
	call->host->done(call, TP_OK);
	call->host->done(call, TP_OK);
	(void)tp_text(call, tp_cstr("too late"));
	return TP_PENDING;
}

static int
bad_text(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr("\xff"));
}

static int
bad_json(struct tp_call *call, void *state)
{
	(void)state;
	return call->host->structured(call, tp_cstr("{\"a\": 1,}"));
}

static int
bad_input(struct tp_call *call, void *state)
{
	(void)call;
	(void)state;
	return TP_INPUT;
}

static int
asks(struct tp_call *call, void *state)
{
	const struct tp_json *v = call->host->input(call, "k");

	(void)state;
	if (v != NULL)
		return tp_text(call, call->host->json_str(v));
	(void)call->host->require(
	    call, "k", tp_cstr("roots/list"), tp_cstr("{}"));
	return TP_INPUT;
}

static int
arguments(struct tp_call *call, void *state)
{
	const struct tp_host *h = call->host;
	const struct tp_json *args = h->args(call);

	(void)state;
	(void)tp_progress(call, 1, 2, "one");
	(void)tp_progress(call, 1, 2, "dropped");
	(void)tp_progress(call, 2, 2, NULL);
	return tp_textf(call, "%lld %d %d %g %.*s %d",
	    (long long)tp_arg_int(call, "big", -1),
	    (int)tp_arg_int(call, "half", -1), tp_arg_bool(call, "yes", 0),
	    tp_arg_num(call, "half", 0),
	    TP_FMT(h->json_raw(h->json_get(args, "list"))),
	    (int)h->json_len(h->json_get(args, "list")));
}

static int
is_late(struct tp_call *call, void *state)
{
	(void)state;
	return tp_cancelled(call) ? TP_EDEADLINE : TP_OK;
}

static struct tp_plugin *self;

/* {"done": id, "links": [..]} */
static int
links(struct tp_call *call, void *state)
{
	const struct tp_host *h = call->host;
	const struct tp_elicit *elicit = tp_elicit_of(self);
	const struct tp_json *id = h->json_get(h->args(call), "done");
	const struct tp_json *list = h->json_get(h->args(call), "links");

	(void)state;
	if (id != NULL)
		return elicit->complete(call, h->json_str(id));
	return elicit->required(call, h->json_raw(list));
}

static const struct tp_entry entries[] = {
	TP_TOOL("later", later),
	TP_TOOL("twice", twice),
	TP_TOOL("bad_text", bad_text),
	TP_TOOL("bad_json", bad_json),
	TP_TOOL("bad_input", bad_input),
	TP_TOOL("asks", asks),
	TP_TOOL("arguments", arguments),
	TP_TOOL("is_late", is_late),
	TP_TOOL("links", links),
};

TP_PLUGIN("harness", "1.0.0", entries);

static void
pending_calls_end_from_a_thread_or_by_cancellation(struct tp_test_host *h)
{
	struct tp_test_result *r = tp_test_new(h, "later", NULL);

	TP_TEST(tp_test_start(r) == TP_PENDING);
	TP_TEST(tp_test_wait(r, 0) == TP_TEST_TIMEOUT);
	job_go(&job, 0);
	TP_TEST(tp_test_wait(r, TP_TEST_WAIT_MS) == TP_OK);
	(void)pthread_join(job.thread, NULL);
	TP_TEST_IS(tp_test_text(r), "from a thread");
	tp_test_free(r);

	r = tp_test_new(h, "later", NULL);
	TP_TEST(tp_test_start(r) == TP_PENDING);
	tp_test_cancel(r);
	TP_TEST(tp_test_wait(r, TP_TEST_WAIT_MS) == TP_ECANCELLED);
	(void)pthread_join(job.thread, NULL);
	tp_test_free(r);
}

static void
misuse_is_counted(struct tp_test_host *h)
{
	struct tp_test_result *r = tp_test_call(h, "twice", NULL);

	TP_TEST(h->misuse == 2 && r->content.len == 0);
	tp_test_free(r);
	r = tp_test_call(h, "bad_text", NULL);
	TP_TEST(h->misuse == 3 && r->status == TP_EPARAMS);
	tp_test_free(r);
	r = tp_test_call(h, "bad_json", NULL);
	TP_TEST(h->misuse == 4 && r->status == TP_EPARAMS);
	tp_test_free(r);
	r = tp_test_call(h, "bad_input", NULL);
	TP_TEST(h->misuse == 5 && r->status == TP_INPUT);
	tp_test_free(r);
	h->misuse = 0; /* all of it was meant */
}

static void
answers_arguments_and_deadlines_reach_the_handler(struct tp_test_host *h)
{
	struct tp_test_result *r = tp_test_new(h, "asks", NULL);

	TP_TEST(tp_test_run(r) == TP_INPUT && r->requests.len == 1);
	tp_test_answers(r, "{\"k\": \"v\"}");
	TP_TEST(tp_test_run(r) == TP_OK);
	TP_TEST_IS(tp_test_text(r), "v");
	tp_test_free(r);

	r = tp_test_call(h, "arguments",
	    "{\"big\": 9007199254740993, "
	    "\"half\": 0.5, \"yes\": true, \"list\": [1, [2]]}");
	TP_TEST_IS(tp_test_text(r), "9007199254740993 -1 1 0.5 [1, [2]] 2");
	TP_TEST(r->progress.len == 2);
	tp_test_free(r);

	r = tp_test_new(h, "is_late", NULL);
	TP_TEST(tp_test_run(r) == TP_OK);
	r->deadline_ns = 1;
	TP_TEST(tp_test_run(r) == TP_EDEADLINE);
	tp_test_free(r);
}

#define A_LINK \
	"{\"mode\":\"url\",\"message\":\"m\",\"url\":\"https://e.test/\"," \
	"\"elicitationId\":\"e\"}"

static void
links_and_their_ends_are_kept(struct tp_test_host *h)
{
	static const char *const bad[] = { "{\"links\": []}", "{\"links\": {}}",
		"{\"links\": [7]}", "{\"links\": [{}]}",
		"{\"links\": [" A_LINK ", {\"mode\":\"url\"}]}", "{}",
		"{\"done\": \"\"}" };
	struct tp_test_result *r;
	size_t i;

	self = &h->plugin;
	r = tp_test_call(h, "links", "{\"links\": [" A_LINK "]}");
	TP_TEST(r->status == TP_EFAIL && r->links.len == 1);
	TP_TEST_IS(r->links.first->text, "[" A_LINK "]");
	tp_test_free(r);
	r = tp_test_call(h, "links", "{\"done\": \"e\"}");
	TP_TEST(r->status == TP_OK && r->links_done.len == 1);
	TP_TEST_IS(r->links_done.first->text, "e");
	tp_test_free(r);
	r = tp_test_new(h, "links", "{\"done\": \"e\"}");
	tp_test_cancel(r);
	TP_TEST(tp_test_run(r) == TP_ECANCELLED && r->links_done.len == 0);
	tp_test_free(r);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		r = tp_test_call(h, "links", bad[i]);
		TP_TEST(r->status == TP_EPARAMS && r->links.len == 0);
		TP_TEST(h->misuse == (int)i + 1);
		tp_test_free(r);
	}
	h->misuse = 0; /* all of it was meant */
	h->capabilities = TP_TEST_EVERYTHING & ~(unsigned)TP_TEST_LINKS;
	r = tp_test_call(h, "links", "{\"done\": \"e\"}");
	TP_TEST(r->status == TP_ENOTSUP);
	tp_test_free(r);
	r = tp_test_call(h, "links", "{}");
	TP_TEST(r->status == TP_ENOTSUP);
	tp_test_free(r);
	h->capabilities = TP_TEST_EVERYTHING;
}

static void
the_reader_is_strict(void)
{
	static const char *const bad[] = { "", " ", "{", "[1,]", "{\"a\":1,}",
		"01", "1.", "-", "1e", "+1", "nul", "\"\x01\"", "\"\\x\"",
		"\"\\ud800\"", "\"\\udc00\"", "\"\xff\"", "\"\xc0\xaf\"", "1 2",
		"{\"a\":1,\"a\":2}", "{1:2}", "[1 2]", "\"a", "'a'", "NaN" };
	static const char *const good[] = { "1", "-0", "1.5e+3",
		"\"\\ud83d\\ude00\"", " [ ] ", "{}", "[null,true,false]",
		"{\"a\":{\"b\":[]}}" };
	struct tp_test_json doc;
	char deep[160];
	size_t i;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		doc = tp_test_json_parse(tp_cstr(bad[i]));
		if (!TP_TEST(doc.root == NULL && doc.error[0] != '\0'))
			(void)fprintf(stderr, "\ttaken: %s\n", bad[i]);
		tp_test_json_free(&doc);
	}
	for (i = 0; i < sizeof good / sizeof good[0]; i++) {
		doc = tp_test_json_parse(tp_cstr(good[i]));
		if (!TP_TEST(doc.root != NULL))
			(void)fprintf(stderr, "\trefused: %s\n", good[i]);
		tp_test_json_free(&doc);
	}
	memset(deep, '[', 80);
	memset(deep + 80, ']', 80);
	deep[159] = '\0';
	doc = tp_test_json_parse(tp_cstr(deep));
	TP_TEST(doc.root == NULL && strstr(doc.error, "too deep") != NULL);
	tp_test_json_free(&doc);
}

int
main(void)
{
	struct tp_test_host host;

	(void)pthread_mutex_init(&job.lock, NULL);
	(void)pthread_cond_init(&job.changed, NULL);
	if (tp_test_host_init(&host, &toolpost_plugin_v1) < 0)
		return 1;
	TP_TEST(tp_test_load(&host, NULL, NULL) == TP_OK);
	pending_calls_end_from_a_thread_or_by_cancellation(&host);
	misuse_is_counted(&host);
	answers_arguments_and_deadlines_reach_the_handler(&host);
	links_and_their_ends_are_kept(&host);
	the_reader_is_strict();
	tp_test_close(&host);
	return tp_test_end();
}
