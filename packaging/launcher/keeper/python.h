/* Python: how it is started, plain and with its hook (agent/keeper/hooks/python.py). */
#ifndef PYTHON_H
#define PYTHON_H

#include "arm.h"

char **python_plain_line(const struct plan *plan);

/* Puts the hook into the armed launch, where there is a place; false where only Python can. */
bool python_prepare(struct launches *launches, const struct plan *plan);

#endif
