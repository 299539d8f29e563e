/* How the launcher hands over to the interpreter: the one contract of start.c and interpreter.c.
 *
 * The dynamic loader between them obeys LD_PRELOAD, LD_DEBUG, GLIBC_TUNABLES and more, and writes
 * into the build's log. So every variable of the environment is handed over with HIDING in front,
 * which nobody knows, and the interpreter takes it away again, in place: from then on
 * /proc/PID/environ shows just what the runner gave.
 *
 * The command line is
 *
 *     NAME LOADER_OPTION... PROGRAM_FILE  HANDED_ROOT HANDED_PROGRAM HANDED_DESCRIPTORS ARGUMENT...
 *
 * and is put right in the same way, to NAME ARGUMENT...
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#define HIDING '-' /* in front of each variable */

/* What stands behind the program's name: */
#define HANDED_ROOT 1        /* the directory with all files; empty: all is in memory */
#define HANDED_PROGRAM 2     /* the path by which others start the agent */
#define HANDED_DESCRIPTORS 3 /* in memory: the modules' descriptor, then the libraries' */
#define HANDED_WORDS 4       /* the arguments begin here */

#define MODULES_FILE "modules"
#define PROGRAM_FILE "program"

#endif
