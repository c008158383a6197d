/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of the socket pairs: the process that holds one plugin. */
#ifndef PLUGIN_RUNNER_MAIN_H
#define PLUGIN_RUNNER_MAIN_H

/* "toolpost-runner CHANNELS NAME", with the control channel as descriptor 3
 * and those of the reactors behind it.  Returns the exit status. */
int plugin_runner_main(int argc, char **argv);

#endif
