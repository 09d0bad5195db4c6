/* cli/startup.h -- what happens before anything else does.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_STARTUP_H
#define CAI_STARTUP_H

void startup(char **argv); /* main's first call */

#endif
