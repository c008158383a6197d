/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a process that runs nothing of what others left for its end. */
#ifndef BASE_LEAVE_H
#define BASE_LEAVE_H

/* [any] As _exit(): no destructor and no atexit() of a plugin's runs.  A build
 * that counts lines keeps its counters. */
__attribute__((noreturn)) void leave(int status);

#endif
