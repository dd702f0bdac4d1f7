/* A disk that fails on command, for the tests: loaded before the daemon (LD_PRELOAD), it stands between the program and
 * the calls that write and sync files whose path begins with STAMPD_FAULT_PREFIX. What it does is read at each call from
 * the file STAMPD_FAULT_CONTROL, which the test maps over and changes while the daemon runs (tests/support/faults.rs).
 *
 * Beside single calls that fail it is a whole disk that loses power: as long as STAMPD_FAULT_DISK is set it remembers
 * every write that was not yet synced, and at the chosen sync it undoes them, puts back what a real disk might have kept
 * (nothing; the first ones, the last of them torn at a sector; or any of them, out of order) when the process is dead. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CALL_WRITE = 1, CALL_SYNC = 2 };
enum { FAULT_NONE, FAULT_EIO, FAULT_ENOSPC, FAULT_SHORT, FAULT_POWER, FAULT_EROFS };

/* The control file; the same order stands in tests/support/faults.rs. */
struct control {
    uint32_t fault;
    uint32_t calls;
    uint32_t after; /* so many calls pass first */
    uint32_t times; /* then so many fail; 0: all */
    uint32_t seed;  /* of what a power cut leaves */
    _Atomic uint32_t seen;
    _Atomic uint32_t hits;
    _Atomic uint32_t lost; /* 1: the power went, and the disk holds what it kept */
};

static struct control *control;
static const char *prefix;
static int whole_disk;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    prefix = getenv("STAMPD_FAULT_PREFIX");
    whole_disk = getenv("STAMPD_FAULT_DISK") != NULL;
    const char *path = getenv("STAMPD_FAULT_CONTROL");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *seen = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (seen != MAP_FAILED) control = seen;
}

/* Whether the file behind fd is one that may fail; its path. */
static int ours(int fd, char *path, size_t size) {
    pthread_once(&once, begin);
    if (!control || !prefix) return 0;
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0) return 0;
    path[length] = 0;
    /* SQLite's index of its log lies in shared memory; the file behind it is made anew at each start. */
    if (length > 4 && strcmp(path + length - 4, "-shm") == 0) return 0;
    return strncmp(path, prefix, strlen(prefix)) == 0;
}

/* What this call must suffer. */
static uint32_t suffers(uint32_t call) {
    uint32_t fault = control->fault;
    if (fault == FAULT_NONE || !(control->calls & call)) return FAULT_NONE;
    uint32_t number = atomic_fetch_add(&control->seen, 1);
    if (number < control->after) return FAULT_NONE;
    if (control->times && number >= control->after + control->times) return FAULT_NONE;
    atomic_fetch_add(&control->hits, 1);
    return fault;
}

/* ---- the disk that loses power ---- */

struct unsynced {
    struct unsynced *next;
    char path[512];
    ino_t file;
    off_t size_before;
    off_t offset;
    size_t length, length_before;
    unsigned char *bytes, *bytes_before;
};

static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;
static struct unsynced *newest; /* the newest first */

static ssize_t write_remembered(int fd, const char *path, const void *bytes, size_t length, off_t offset) {
    struct stat stat;
    pthread_mutex_lock(&disk);
    struct unsynced *entry = fstat(fd, &stat) ? NULL : calloc(1, sizeof *entry);
    if (!entry) abort();
    snprintf(entry->path, sizeof entry->path, "%s", path);
    entry->file = stat.st_ino;
    entry->size_before = stat.st_size;
    entry->offset = offset;
    entry->bytes = malloc(length);
    entry->bytes_before = malloc(length);
    if (!entry->bytes || !entry->bytes_before) abort();
    memcpy(entry->bytes, bytes, length);
    int readable = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t before = readable < 0 ? 0 : pread(readable, entry->bytes_before, length, offset);
    if (readable >= 0) close(readable);
    entry->length_before = before > 0 ? (size_t)before : 0;
    ssize_t written = real_pwrite(fd, bytes, length, offset);
    entry->length = written > 0 ? (size_t)written : 0;
    entry->next = newest;
    newest = entry;
    pthread_mutex_unlock(&disk);
    return written;
}

static void synced(int fd) {
    struct stat stat;
    if (fstat(fd, &stat)) return;
    pthread_mutex_lock(&disk);
    for (struct unsynced **at = &newest; *at;) {
        struct unsynced *entry = *at;
        if (entry->file != stat.st_ino) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        free(entry->bytes);
        free(entry->bytes_before);
        free(entry);
    }
    pthread_mutex_unlock(&disk);
}

static uint32_t thrown(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* What the disk keeps of the unsynced writes, once nothing runs on it any more. */
static void unsynced_lost(void) {
    uint32_t state = control->seed | 1;
    uint32_t way = thrown(&state) % 3;
    /* Back to what was synced, the newest write first; the list turns round on the way. */
    struct unsynced *oldest = NULL;
    uint32_t count = 0;
    for (struct unsynced *entry = newest, *next; entry; entry = next) {
        next = entry->next;
        entry->next = oldest;
        oldest = entry;
        count++;
        int fd = open(entry->path, O_RDWR | O_CLOEXEC);
        struct stat stat;
        if (fd >= 0 && !fstat(fd, &stat) && stat.st_ino == entry->file) {
            if (entry->length_before) real_pwrite(fd, entry->bytes_before, entry->length_before, entry->offset);
            if (ftruncate(fd, entry->size_before)) abort();
        }
        if (fd >= 0) close(fd);
    }
    uint32_t first_ones = count ? thrown(&state) % (count + 1) : 0;
    for (struct unsynced *entry = oldest; entry; entry = entry->next) {
        int kept = way == 0 ? 0 : way == 1 ? first_ones > 0 : thrown(&state) & 1;
        size_t length = entry->length;
        /* The last one that reached the disk is torn at a sector. */
        if (way == 1 && first_ones == 1) length = length > 512 ? thrown(&state) % (length / 512) * 512 : 0;
        if (first_ones) first_ones--;
        int fd = kept && length ? open(entry->path, O_RDWR | O_CLOEXEC) : -1;
        struct stat stat;
        if (fd >= 0 && !fstat(fd, &stat) && stat.st_ino == entry->file)
            real_pwrite(fd, entry->bytes, length, entry->offset);
        if (fd >= 0) close(fd);
    }
}

/* The process ends first, all its threads: none may see, or act on, a disk that is half undone. A copy of the process
 * outlives it for that, without any of its files. */
static void power_cut(void) {
    pthread_mutex_lock(&disk);
    int whole = syscall(SYS_pidfd_open, getpid(), 0);
    if (whole < 0) abort();
    pid_t copy = fork();
    if (copy < 0) abort();
    if (copy > 0)
        for (;;) pause();
    if (dup2(whole, 0) != 0 || syscall(SYS_close_range, 1, ~0U, 0)) abort();
    if (syscall(SYS_pidfd_send_signal, 0, SIGKILL, NULL, 0)) abort();
    struct pollfd ended = { .fd = 0, .events = POLLIN };
    while (poll(&ended, 1, -1) != 1) {}
    unsynced_lost();
    atomic_store(&control->lost, 1);
    _exit(0);
}

/* ---- the calls ---- */

static ssize_t written(int fd, const void *bytes, size_t length, off_t offset, int placed) {
    char path[512];
    if (!ours(fd, path, sizeof path)) return placed ? real_pwrite(fd, bytes, length, offset) : real_write(fd, bytes, length);
    switch (suffers(CALL_WRITE)) {
    case FAULT_EIO: errno = EIO; return -1;
    case FAULT_ENOSPC: errno = ENOSPC; return -1;
    case FAULT_EROFS: errno = EROFS; return -1;
    case FAULT_SHORT: length = length > 1 ? length / 2 : length; break;
    }
    if (whole_disk && placed) return write_remembered(fd, path, bytes, length, offset);
    return placed ? real_pwrite(fd, bytes, length, offset) : real_write(fd, bytes, length);
}

ssize_t write(int fd, const void *bytes, size_t length) { return written(fd, bytes, length, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return written(fd, bytes, length, offset, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) { return written(fd, bytes, length, offset, 1); }

static int sync_file(int fd, int (**real)(int)) {
    char path[512];
    int may_fail = ours(fd, path, sizeof path);
    if (may_fail) {
        switch (suffers(CALL_SYNC)) {
        case FAULT_EIO:
        case FAULT_SHORT: errno = EIO; return -1;
        case FAULT_ENOSPC: errno = ENOSPC; return -1;
        case FAULT_POWER: power_cut();
        }
    }
    int failed = (*real)(fd);
    if (may_fail && !failed && whole_disk) synced(fd);
    return failed;
}

int fsync(int fd) { return sync_file(fd, &real_fsync); }
int fdatasync(int fd) { return sync_file(fd, &real_fdatasync); }
