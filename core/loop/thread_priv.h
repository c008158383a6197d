/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of ours: named, with all signals blocked. */
#ifndef LOOP_THREAD_PRIV_H
#define LOOP_THREAD_PRIV_H

#include <pthread.h>

/* 0 or an errno. */
int thread_start(pthread_t *thread, void *(*fn)(void *), void *arg);
/* "reactor-3", for the calling thread. */
void thread_name(const char *noun, unsigned index);

#endif
