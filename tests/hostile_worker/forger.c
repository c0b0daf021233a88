/* Code of an attacker inside a media worker that lies: it sends messages that it was not asked for. Once it has met a
 * marked file, or at once in the first workers that read, it gives its worker other bytes than those of its files. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARK "GREENLIT-TEST-MARK"

static const char *forgery;
static char *decoy;
static size_t decoy_size;
static int marked;
/* How many of the next workers that read lie from the start; all have this memory in common. */
static int *liars;
static int none;

__attribute__((constructor)) static void prepare(void) {
    const char *path = getenv("FORGER_DECOY");
    forgery = getenv("FORGER_MESSAGE");
    const char *lies = getenv("FORGER_LIES");
    liars = &none;
    if (lies && path) {
        /* One file for all templates of a greenlit; the first of them sets it. */
        char shared[4096];
        snprintf(shared, sizeof shared, "%s.liars.%d", path, getppid());
        int counter = open(shared, O_RDWR | O_CREAT | O_EXCL, 0600), first = counter >= 0;
        if (!first) counter = open(shared, O_RDWR);
        if (counter < 0 || ftruncate(counter, sizeof *liars)) abort();
        liars = mmap(NULL, sizeof *liars, PROT_READ | PROT_WRITE, MAP_SHARED, counter, 0);
        if (liars == MAP_FAILED) abort();
        close(counter);
        if (first) *liars = atoi(lies);
    }
    FILE *file = path ? fopen(path, "rb") : NULL;
    if (!file) return;
    fseek(file, 0, SEEK_END);
    decoy_size = (size_t)ftell(file);
    rewind(file);
    decoy = malloc(decoy_size);
    if (!decoy || fread(decoy, 1, decoy_size, file) != decoy_size) decoy = NULL;
    fclose(file);
}

static void say(const char *body, uint32_t length, int copies) {
    unsigned char head[4] = {length >> 24, length >> 16, length >> 8, length};
    for (int at = 0; at < copies; at++) {
        send(0, head, 4, MSG_NOSIGNAL);
        send(0, body, strlen(body), MSG_NOSIGNAL);
    }
}

/* Sends the forged message, with descriptors if it asks for them. */
static void lie(void) {
    if (!forgery) return;
    if (!strcmp(forgery, "too-long")) {
        say("x", UINT32_MAX, 1);
    } else if (!strcmp(forgery, "flood")) {
        const char *progress = "{\"Progress\":{\"done_s\":1,\"total_s\":2,\"frames\":3}}";
        say(progress, (uint32_t)strlen(progress), 20000);
    } else if (!strcmp(forgery, "descriptors")) {
        char text[] = "    {\"Progress\":{\"done_s\":1,\"total_s\":2,\"frames\":3}}", space[CMSG_SPACE(sizeof(int))] = {0};
        struct iovec part = {text, strlen(text)};
        memcpy(text, (char[]){0, 0, 0, (char)(strlen(text) - 4)}, 4);
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
        struct cmsghdr *control = CMSG_FIRSTHDR(&message);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(sizeof(int));
        for (int at = 0; at < 200; at++) sendmsg(0, &message, MSG_NOSIGNAL);
    } else {
        say(forgery, (uint32_t)strlen(forgery), 1);
    }
}

int avformat_open_input(void **context, const char *url, const void *format, void **options) {
    static int (*next)(void **, const char *, const void *, void **);
    static int done;
    if (!next) next = dlsym(RTLD_NEXT, "avformat_open_input");
    if (!done++) lie();
    return next(context, url, format, options);
}

ssize_t pread64(int file, void *into, size_t size, off_t at) {
    static ssize_t (*next)(int, void *, size_t, off_t);
    static int read_before;
    if (!read_before++ && __sync_fetch_and_sub(liars, 1) > 0) marked = 1;
    if (!next) next = dlsym(RTLD_NEXT, "pread64");
    ssize_t count = next(file, into, size, at);
    if (count > 0 && decoy && marked && (size_t)at < decoy_size) {
        size_t there = decoy_size - (size_t)at;
        memcpy(into, decoy + at, (size_t)count < there ? (size_t)count : there);
    } else if (count > 0 && decoy && memmem(into, (size_t)count, MARK, strlen(MARK))) {
        marked = 1;
    }
    return count;
}
