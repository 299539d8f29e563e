/* Shows the plan that is made of our own command line and environment: one line for each field. */
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

#include "plan.h"

#define NOT_PLAIN_EXIT 3

static void show(const char *name, const char *value)
{
    printf("%s=%s%c", name, value, 0);
}

int main(int count, char **arguments)
{
    struct plan plan;
    if (count < 1 || !plan_begin(&plan, arguments + 1, environ) ||
        !plan_complete(&plan, environ))
        return NOT_PLAIN_EXIT;
    static const char *const shells[] = {"", "bash", "sh", "python"};
    show("shell", shells[plan.shell]);
    show("never", plan.never ? "1" : "");
    show("errexit", plan.errexit ? "1" : "");
    show("token", plan.token);
    if (!plan.never) {
        show("always", plan.always ? "1" : "");
        printf("max_timeout=%ld%c", plan.max_timeout, 0);
        printf("linger=%ld%c", plan.linger, 0);
        printf("step_timeout=%ld%c", plan.step_timeout, 0);
    }
    if (plan.text != NULL)
        show("text", plan.text);
    for (char **word = plan.command; *word != NULL; word++)
        show("word", *word);
    for (char **entry = plan.environment; *entry != NULL; entry++)
        show("environment", *entry);
    return 0;
}
