/* The keeper: runs a build step, holds a failed one, and ends as the step did.
 *
 * The keeper in Python (agent/keeper/) is the reference, and RULES.md there has the rules. This one
 * takes what is plainly valid, with no interpreter: a step that passes costs a fraction of a
 * millisecond. Everything else is left to Python.
 */
#ifndef KEEPER_H
#define KEEPER_H

#define LEAVE_TO_PYTHON (-1)

/* Runs `agent run`; `words` is what follows that. Returns LEAVE_TO_PYTHON, with nothing done that
 * an exec does not undo, where not all is plainly valid; else only with 126 or 127, where this
 * process should have become the step and could not. */
int keeper_main(const char *program, char **words, char **environment);

#endif
