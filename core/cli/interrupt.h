/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

/* [any] A descriptor that is readable once SIGINT or SIGTERM has come, which
 * ends nothing until cli_interrupt_end(); negative: they end us as ever. */
int cli_interrupt_begin(void);
/* [any] What has come meanwhile ends us here. */
void cli_interrupt_end(int fd);

#endif
