/* A system without some isolation: the calls in WEAK_CALLS answer that the kernel does not have them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

long syscall(long number, ...) {
    static long (*next)(long, ...);
    const char *missing = getenv("WEAK_CALLS");
    char name[32];
    snprintf(name, sizeof name, ",%ld,", number);
    if (missing && strstr(missing, name)) {
        errno = ENOSYS;
        return -1;
    }
    if (!next) next = dlsym(RTLD_NEXT, "syscall");
    va_list list;
    va_start(list, number);
    long a[6];
    for (int at = 0; at < 6; at++) a[at] = va_arg(list, long);
    va_end(list);
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
