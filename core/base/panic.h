/* SPDX-License-Identifier: Apache-2.0 */
/* When the process must end: a report that says what the thread was doing,
 * then the signal goes on.  Never recovery. */
#ifndef BASE_PANIC_H
#define BASE_PANIC_H

/* What the current thread works on, for the report.  All borrowed, all may be
 * NULL; set around a plugin's handler. */
struct panic_scope {
	const char *plugin;
	const char *version;
	const char *entry;
	const char *build;
	unsigned generation;
};

/* [any] NULL: outside plugin code. */
void panic_scope_set(const struct panic_scope *scope);
/* Handlers for SEGV, BUS, FPE, ILL, ABRT on an alternate stack, and for an
 * exit() within a scope. */
void panic_install(void);
/* [any] The report of a failed check; at most one report a process. */
void panic_report_check(const char *file, int line, const char *what);
/* [any] Each thread that runs plugin code needs its own alternate stack. */
void panic_thread_init(void);
void panic_thread_finish(void);

#endif
