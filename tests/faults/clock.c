/* A wall clock that a test sets while the daemon runs, loaded before it (LD_PRELOAD). The moment is read at each call from
 * the file STAMPD_CLOCK, which tests/support/faults.rs writes; between two settings the clock stands still. The time since
 * boot stays real.
 *
 * libfaketime keeps the moment that it last read in a variable of all threads without a lock, so that a thread which is
 * delayed between reading and storing brings an old moment back for the others. Here nothing outlives a call. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The file: seconds since 1970-01-01 UTC, and their complement, by which a half-written moment is known. */
struct moment {
    volatile int64_t seconds;
    volatile int64_t check;
};

static struct moment *moment;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

static void begin(void) {
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("STAMPD_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) abort();
    void *seen = mmap(NULL, sizeof *moment, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (seen == MAP_FAILED) abort();
    moment = seen;
}

static int64_t now(void) {
    pthread_once(&once, begin);
    for (;;) {
        int64_t seconds = moment->seconds;
        if (moment->check == ~seconds) return seconds;
    }
}

int clock_gettime(clockid_t id, struct timespec *told) {
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) {
        *told = (struct timespec){.tv_sec = now(), .tv_nsec = 0};
        return 0;
    }
    pthread_once(&once, begin);
    return real_clock_gettime(id, told);
}

int gettimeofday(struct timeval *restrict told, void *restrict zone) {
    (void)zone;
    *told = (struct timeval){.tv_sec = now(), .tv_usec = 0};
    return 0;
}

time_t time(time_t *told) {
    int64_t seconds = now();
    if (told) *told = seconds;
    return seconds;
}
