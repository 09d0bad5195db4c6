/* web/wasi/sys/wait.h -- stands in for the one that wasi-libc lacks. */
#include "web/wasi/platform.h"
