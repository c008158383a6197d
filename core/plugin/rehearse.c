/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides of a rehearsal: the child that loads, the parent that reads. */
#include "plugin/rehearse.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/leave.h"
#include "data/json.h"
#include "loop/child.h"
#include "plugin/codes.h"
#include "plugin/generation.h"
#include "plugin/loader.h"
#include "plugin/manager.h"
#include "plugin/names.h"
#include "plugin/report.h"

/* The child's bounds.  Shadow memory of sanitizers does not fit in AS. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHILD_MEMORY RLIM_INFINITY
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CHILD_MEMORY RLIM_INFINITY
#endif
#endif
#ifndef CHILD_MEMORY
#define CHILD_MEMORY ((rlim_t)1024 * 1024 * 1024)
#endif
#define CHILD_CPU_S 2
#define CHILD_FILE ((rlim_t)1024 * 1024 * 1024) /* that load() may write */
#define USER_VARIABLE "TOOLPOST_REHEARSE_USER" /* "UID:GID" */
#define CONFIG_VARIABLE "TOOLPOST_REHEARSE_CONFIG"
#define CHILD_FILES 64
#define REASON_MARK "refused: "

static void
limit(int what, rlim_t value)
{
	struct rlimit r = { value, value };

	(void)setrlimit(what, &r); /* without it the parent's limit remains */
}

static void
child_confine(rlim_t files)
{
	(void)signal(SIGXFSZ, SIG_IGN); /* a write fails, that is enough */
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, CHILD_CPU_S);
	limit(RLIMIT_NOFILE, CHILD_FILES);
#ifdef TOOLPOST_COUNTERS
	(void)files; /* the counters are written too */
#else
	limit(RLIMIT_FSIZE, files);
#endif
	limit(RLIMIT_AS, CHILD_MEMORY);
	/* Where the kernel has none of these the rest remains. */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Keeps the pipe for us: what a constructor prints goes nowhere. */
static int
take_output(void)
{
	int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (out < 0 || null < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -1;
	(void)close(null); /* written through standard output */
	return out;
}

/* The mark tells our reason from what the object itself may print. */
static int
child_say(const char *text)
{
	struct buf line;

	buf_init(&line);
	buf_printf(&line, "\n%s%s\n", REASON_MARK, text);
	(void)file_write_all(
	    STDERR_FILENO, line.ptr, line.len); /* the status says it */
	buf_finish(&line);
	return EXIT_FAILURE;
}

/* What it will do here, in the child: with its manifest and its configuration,
 * and a loop that nobody runs. */
static int
child_load(const char *copy, const char *manifest, struct err *err)
{
	const char *config = getenv(CONFIG_VARIABLE);
	struct loop *loop = loop_create(err);
	struct plugin_generation *g = NULL;
	struct plugin_manifest *m;
	struct plugin_hub *hub;
	struct diags diags;

	diags_init(&diags);
	hub = loop != NULL ? plugin_hub_create(loop, &diags) : NULL;
	m = plugin_manifest_load(manifest, NULL, &diags);
	if (m != NULL && hub != NULL)
		g = plugin_generation_open(
		    hub, m, copy, 1, str_of(config), NULL, &diags);
	if (g == NULL)
		return err_set(err, ERR_CONFIG, "%s",
		    diags.len > 0 ? diags.items[0].message : "out of memory");
	if (plugin_generation_load(g, NULL, err) != TP_OK)
		return ERR_CONFIG;
	if (g->module.desc.unload != NULL)
		g->module.desc.unload(&g->handle, g->state);
	return 0; /* the rest ends with the process */
}

/* As who its runner would be: the object has not been looked into yet. */
static int
child_become(char *copy, struct err *err)
{
	struct str gid, uid = str_of(getenv(USER_VARIABLE));
	uint64_t user, group;

	if (uid.len == 0)
		return 0;
	uid = str_split(uid, ':', &gid);
	if (str_to_u64(uid, &user) < 0 || str_to_u64(gid, &group) < 0)
		return err_set(err, ERR_PARAMS, "rehearse: no such user");
	return plugin_user_become((uint32_t)user, (uint32_t)group, copy, err);
}

int
plugin_rehearse_main(const char *copy, const char *manifest)
{
	struct plugin_module module;
	struct buf text;
	struct err err;
	char path[4096];
	int out, rc;

	if (copy == NULL || copy[0] != '/' || strlen(copy) >= sizeof path)
		return child_say("rehearse: an absolute path is needed");
	(void)snprintf(path, sizeof path, "%s", copy); /* it fits */
	out = take_output();
	if (out < 0)
		return child_say("rehearse: no output");
	if (child_become(path, &err) < 0)
		return child_say(err.text);
	child_confine(manifest != NULL ? CHILD_FILE : 0);
	if (plugin_loader_open(&module, path, &err) < 0)
		leave(child_say(err.text));
	buf_init(&text);
	plugin_module_describe(&module, &text);
	rc = text.failed ? ERR_NOMEM : file_write_all(out, text.ptr, text.len);
	buf_finish(&text);
	if (rc == 0 && manifest != NULL && child_load(copy, manifest, &err) < 0)
		leave(child_say(err.text));
	/* Destructors of the object are not part of the rehearsal. */
	leave(rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

__attribute__((format(printf, 4, 5))) static int
refuse(const struct plugin_manifest *m, struct diags *diags, const char *hint,
    const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	if (vsnprintf(text, sizeof text, fmt, args) < 0)
		text[0] = '\0';
	va_end(args);
	return diags_add(diags, DIAG_ERROR, TP_MODULE_OPEN, m->path,
	    m->module_at, hint, "module: %.*s: %s", STR_FMT(m->module), text);
}

/* The last marked line on standard error; the rest was said by the object. */
static struct str
reason_of(struct str text)
{
	struct str reason = STR_NONE;

	while (text.len > 0) {
		struct str line = str_split(text, '\n', &text);

		if (str_starts(line, S(REASON_MARK)))
			reason =
			    str_sub(line, sizeof REASON_MARK - 1, line.len);
	}
	return reason;
}

static int
explain_failure(const struct plugin_manifest *m, int status, struct str errors,
    struct diags *diags)
{
	struct plugin_sentence said;
	char line[ERR_TEXT_MAX];
	struct str last = reason_of(errors);

	if (WIFSIGNALED(status))
		return refuse(m, diags,
		    "its constructors run at load: it must have none, or ones "
		    "that cannot fail",
		    "ended the rehearsal by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) != EXIT_FAILURE || last.len == 0)
		return refuse(m, diags, "a constructor must not call exit()",
		    "ended the rehearsal with exit status %d",
		    WEXITSTATUS(status));
	(void)snprintf(line, sizeof line, "%.*s",
	    last.len < sizeof line ? (int)last.len : (int)sizeof line - 1,
	    last.ptr); /* may be cut */
	plugin_sentence_split(&said, line);
	return refuse(
	    m, diags, said.hint[0] != '\0' ? said.hint : NULL, "%s", said.text);
}

static int
compare(
    const struct plugin_manifest *m, struct str printed, struct diags *diags)
{
	struct json_doc doc;
	int rc;

	if (printed.len >= LOOP_CHILD_OUTPUT_MAX)
		return refuse(m, diags, "split the plugin",
		    "its descriptor has more names than a rehearsal reports "
		    "(%zu bytes)",
		    LOOP_CHILD_OUTPUT_MAX);
	json_doc_init(&doc);
	if (json_parse(&doc, printed, JSON_PROTOCOL) < 0
	    || doc.nodes[0].type != JSON_OBJECT)
		rc = refuse(m, diags, "a constructor must not call exit()",
		    "the rehearsal ended before it was done");
	else
		rc = plugin_names_compare(m, &doc.nodes[0], diags);
	json_doc_finish(&doc);
	return rc;
}

/* What a child that has ended says about the module. */
static int
judge(const struct plugin_manifest *m, bool late, int status, struct str out,
    struct str errors, struct diags *diags)
{
	if (late)
		return refuse(m, diags, "its constructors must not wait",
		    "the rehearsal took longer than %d s",
		    (int)(PLUGIN_REHEARSAL_NS / NS_PER_S));
	return status != 0 ? explain_failure(m, status, errors, diags)
			   : compare(m, out, diags);
}

struct plugin_rehearsal {
	struct loop_child *child; /* NULL: it is over */
	bool late;
	int status;
	struct buf out, errors;
	void (*told)(void *arg);
	void *arg;
};

static void
rehearsal_over(void *arg, const struct loop_child_end *end)
{
	struct plugin_rehearsal *r = arg;

	r->child = NULL;
	r->late = end->timed_out;
	r->status = end->status;
	buf_str(&r->out, end->out);
	buf_str(&r->errors, end->errors);
	r->told(r->arg);
}

static void
rehearsal_free(struct plugin_rehearsal *r)
{
	buf_finish(&r->out);
	buf_finish(&r->errors);
	free(r);
}

static struct plugin_rehearsal *
rehearsal_create(void (*told)(void *arg), void *arg)
{
	struct plugin_rehearsal *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	buf_init(&r->out);
	buf_init(&r->errors);
	r->told = told;
	r->arg = arg;
	return r;
}

/* The environment's one variable; empty: none. */
static void
environment_write(
    const char *config, const struct plugin_identity *who, struct buf *env)
{
	buf_init(env);
	if (config != NULL) /* it may be secret: no argument */
		buf_printf(env, "%s=%s", CONFIG_VARIABLE, config);
	else if (who != NULL && who->changes)
		buf_printf(env, USER_VARIABLE "=%u:%u", who->uid, who->gid);
	else
		return;
	buf_char(env, '\0');
}

struct plugin_rehearsal *
plugin_rehearse_begin(struct loop *loop, const struct plugin_manifest *m,
    struct str exe, const char *copy, const char *config,
    const struct plugin_identity *who, void (*told)(void *arg), void *arg,
    struct diags *diags)
{
	bool load = m->rehearse_load && config != NULL;
	char program[4096];
	const char *argv[] = { program, "rehearse", copy, load ? m->path : NULL,
		NULL };
	const char *envp[] = { NULL, NULL };
	struct plugin_rehearsal *r;
	struct buf env;
	struct err err;

	if (exe.len >= sizeof program) {
		(void)refuse(m, diags, NULL, "the program's path is too long");
		return NULL;
	}
	(void)snprintf(
	    program, sizeof program, "%.*s", STR_FMT(exe)); /* it fits */
	environment_write(load ? config : NULL, who, &env);
	envp[0] = env.failed ? NULL : env.ptr;
	r = rehearsal_create(told, arg);
	if (r == NULL || env.failed)
		(void)err_set(&err, ERR_NOMEM, "out of memory");
	else
		r->child = loop_child_start(loop, argv, envp,
		    PLUGIN_REHEARSAL_NS, rehearsal_over, r, &err);
	buf_finish(&env);
	if (r != NULL && r->child != NULL)
		return r;
	free(r);
	(void)refuse(m, diags, NULL, "no rehearsal: %s", err.text);
	return NULL;
}

bool
plugin_rehearse_is_over(const struct plugin_rehearsal *r)
{
	return r->child == NULL;
}

int
plugin_rehearse_end(const struct plugin_manifest *m, struct plugin_rehearsal *r,
    struct diags *diags)
{
	int rc;

	if (r->child != NULL)
		loop_child_wait(r->child, PLUGIN_REHEARSAL_NS);
	rc = judge(m, r->late, r->status, buf_view(&r->out),
	    buf_view(&r->errors), diags);
	rehearsal_free(r);
	return rc;
}

void
plugin_rehearse_drop(struct plugin_rehearsal *r)
{
	if (r == NULL)
		return;
	loop_child_cancel(r->child);
	rehearsal_free(r);
}

int
plugin_rehearse(const struct plugin_manifest *m, struct str exe,
    const char *copy, struct diags *diags)
{
	char program[4096];
	const char *argv[] = { program, "rehearse", copy, NULL };
	const char *envp[] = { NULL };
	struct buf out, errors;
	int rc, status = 0;
	struct err err;

	if (exe.len >= sizeof program)
		return refuse(m, diags, NULL, "the program's path is too long");
	(void)snprintf(
	    program, sizeof program, "%.*s", STR_FMT(exe)); /* it fits */
	buf_init(&out);
	buf_init(&errors);
	rc = loop_child_run(
	    argv, envp, PLUGIN_REHEARSAL_NS, &status, &out, &errors, &err);
	if (rc < 0 && rc != ERR_TIMEOUT)
		rc = refuse(m, diags, NULL, "no rehearsal: %s", err.text);
	else
		rc = judge(m, rc < 0, status, buf_view(&out), buf_view(&errors),
		    diags);
	buf_finish(&out);
	buf_finish(&errors);
	return rc;
}
