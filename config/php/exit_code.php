<?php // Knows nothing of hearken: its exit code is all it says. 75 is "try again later" (sysexits.h).

fwrite(STDERR, "the queue is full\n");
exit(75);
