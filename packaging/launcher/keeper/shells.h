/* bash and sh: how they are started, plain and with their hook (agent/keeper/hooks/shells.py). */
#ifndef SHELLS_H
#define SHELLS_H

#include "arm.h"

char **shells_plain_line(const struct plan *plan);

/* Tells whether a command's name is bash's. */
bool shells_is_bash(const char *name);

/* Put the hook into the armed launch, where there is a place; false where only Python can. */
bool shells_prepare_bash(struct launches *launches, const struct plan *plan);
bool shells_prepare_sh(struct launches *launches, const struct plan *plan);

#endif
