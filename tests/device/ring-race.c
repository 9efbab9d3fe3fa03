/*
 * ring-race RAM RING QTEST DOORBELL MESSAGE ROUNDS (doorbells|interrupts)
 *
 * A driver of the queue that is as fast as a processor, for the moments in
 * which the two sides of a ring miss each other. RAM is the file that is the
 * guest's memory; all entries of the ring at the address RING are cancels,
 * which complete at once. QTEST is the descriptor of the connection to QEMU,
 * DOORBELL the address of the register, MESSAGE that of the word that the
 * device's MSI writes 1 to. Addresses are hexadecimal.
 *
 * Each round sleeps or publishes at another moment of the device's turn. Prints
 * how often either outcome came. Exit status 1: one side waits for nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "vgpu-stub-ring.h"

#define RAM_SIZE (32u << 20)
#define PATIENCE_S 60
#define SECONDS 5           /* fewer rounds where much else is going on */
#define SPINS_MAX 100000
#define SPREAD 1000         /* the device's turns are not all as long */
#define BATCH 16            /* submissions that keep the device busy */

static struct {
    struct vgpu_stub_ring_driver *driver;
    struct vgpu_stub_ring_device *device;
    uint32_t *message;
    uint32_t tail;
    int qtest;
    char doorbell[64];
    unsigned owed;          /* answers of QEMU */
    int spins;              /* before the moment; where either outcome comes */
    unsigned seen[2];
} race;

static uint32_t load(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void store(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void wait_for(const uint32_t *word, uint32_t value, const char *what)
{
    time_t end = time(NULL) + PATIENCE_S;

    while (load(word) != value) {
        if (time(NULL) > end) {
            errx(1, "%s is missing, after %u and %u", what, race.seen[0],
                 race.seen[1]);
        }
    }
}

static void ring_doorbell(void)
{
    size_t length = strlen(race.doorbell);

    if (send(race.qtest, race.doorbell, length, 0) != (ssize_t)length) {
        err(2, "doorbell");
    }
    race.owed++;
}

/* Until QEMU has done all that it was told, an interrupt included */
static void wait_for_qemu(void)
{
    struct pollfd readable = { .fd = race.qtest, .events = POLLIN };
    char text[256];
    ssize_t length, i;

    while (race.owed) {
        if (poll(&readable, 1, PATIENCE_S * 1000) != 1) {
            errx(1, "QEMU does not answer");
        }
        length = recv(race.qtest, text, sizeof(text), 0);
        if (length <= 0) {
            err(2, "QEMU");
        }
        for (i = 0; i < length; i++) {
            race.owed -= text[i] == '\n';
        }
    }
}

/* Returns whether the device wants to be told. */
static int publish(uint32_t count)
{
    uint32_t before = race.tail;

    race.tail += count;
    store(&race.driver->sq_tail, race.tail);
    return vgpu_stub_ring_passed(load(&race.device->sq_event), before,
                                 race.tail);
}

/* Some rounds come a little before that moment, others after it. */
static void pass_time(void)
{
    volatile int i;
    int spins = race.spins + rand() % SPREAD - SPREAD / 2;

    for (i = 0; i < spins; i++) {
    }
}

static void moment_was(int late)
{
    int step = 10 + race.spins / 16;

    race.seen[late]++;
    race.spins += late ? -step : step;
    if (race.spins < 0 || race.spins > SPINS_MAX) {
        race.spins = 0;
    }
}

static void race_for_doorbell(void)
{
    int wanted;

    if (!publish(BATCH)) {
        errx(1, "sq_event is not where the device has looked");
    }
    ring_doorbell();
    pass_time();
    wanted = publish(1);
    if (wanted) {
        ring_doorbell();
    }
    moment_was(wanted);
    wait_for(&race.device->cq_tail, race.tail, "a doorbell");
    wait_for_qemu();
}

static void race_for_interrupt(void)
{
    uint32_t taken = race.tail;
    int there;

    store(race.message, 0);
    store(&race.driver->cq_event, taken + (1u << 30));
    publish(1);
    ring_doorbell();
    pass_time();
    store(&race.driver->cq_event, taken);
    there = load(&race.device->cq_tail) == race.tail;
    moment_was(there);
    if (!there) {
        wait_for(race.message, 1, "an interrupt");
    }
    wait_for_qemu();
}

int main(int argc, char **argv)
{
    unsigned long round, rounds;
    time_t end = time(NULL) + SECONDS;
    uint8_t *ram, *ring;
    int fd;

    if (argc != 8) {
        errx(2, "see the beginning of %s", __FILE__);
    }
    fd = open(argv[1], O_RDWR);
    ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ram == MAP_FAILED) {
        err(2, "%s", argv[1]);
    }
    ring = ram + strtoul(argv[2], NULL, 16);
    race.driver = (void *)(ring + VGPU_STUB_RING_DRIVER);
    race.device = (void *)(ring + VGPU_STUB_RING_DEVICE);
    race.qtest = atoi(argv[3]);
    snprintf(race.doorbell, sizeof(race.doorbell), "writel 0x%s 1\n", argv[4]);
    race.message = (void *)(ram + strtoul(argv[5], NULL, 16));
    race.tail = load(&race.driver->sq_tail);
    rounds = strtoul(argv[6], NULL, 10);
    for (round = 0; round < rounds && time(NULL) < end; round++) {
        if (argv[7][0] == 'd') {
            race_for_doorbell();
        } else {
            race_for_interrupt();
        }
    }
    printf("%u %u\n", race.seen[0], race.seen[1]);
    return 0;
}
