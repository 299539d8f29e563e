/* Time that only goes forward. */
#ifndef CLOCK_H
#define CLOCK_H

long long now_ms(void);

#endif
