/*
 * vgpu-stub: the DMA queue, its registers and its turns
 *
 * Nothing of the guest's memory is held between turns, and no turn begins
 * within another one. An interrupt is the last thing that a turn does, since
 * the guest says where an MSI writes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "queue.h"
#include "compat.h"

/*
 * Microseconds: how long a turn may go on copying, in the main loop and while
 * the guest's processor waits for its doorbell, and the pause after a turn that
 * was not through, in which the guest's processors have theirs.
 */
#define QUEUE_TURN_US 500
#define QUEUE_DOORBELL_US 200
#define QUEUE_PAUSE_US 50

/*
 * Milliseconds after which a place that was not used gives its memory back, and
 * the pause when there is more of it than fits into a turn
 */
#define QUEUE_TRIM_MS 1000
#define QUEUE_TRIM_PAUSE_MS 1

/* Submissions that are read together */
#define QUEUE_TAKE 16

static bool queue_is_on(const VgpuStubQueue *queue)
{
    return queue->state == VGPU_STUB_QUEUE_ON;
}

/* A guest that is stopped is not written to, its state may be being saved. */
static bool queue_may_touch_memory(const VgpuStubQueue *queue)
{
    return runstate_is_running() &&
           (pci_get_word(queue->pci_dev->config + PCI_COMMAND) &
            PCI_COMMAND_MASTER);
}

static void queue_wake(VgpuStubQueue *queue, int64_t us)
{
    if (queue->pci_dev) {
        timer_mod(&queue->turn, vgpu_stub_deadline(us));
    }
}

/* What was left to tell the mediator, whatever the queue's state */
static void queue_tell(VgpuStubQueue *queue)
{
    vgpu_stub_contexts_tell(&queue->contexts);
    vgpu_stub_link_queue_flush(queue->contexts.link);
}

/* Every submission has ended, without a completion. */
static void queue_stop(VgpuStubQueue *queue, uint32_t state, uint32_t error)
{
    trace_vgpu_stub_queue_stop(queue, state, error);
    queue->state = state;
    queue->error = error;
    vgpu_stub_contexts_close(&queue->contexts);
    timer_del(&queue->turn);
}

/* What is wrong with the ring; the guest is told by the caller. */
static bool queue_broke(VgpuStubQueue *queue, uint32_t error)
{
    if (error) {
        queue_stop(queue, VGPU_STUB_QUEUE_BROKEN, error);
    }
    return error;
}

/* Turns */

/* Take @pending submissions of the ring. */
static uint32_t queue_take_pending(VgpuStubQueue *queue, uint32_t pending)
{
    struct vgpu_stub_submission submissions[QUEUE_TAKE];
    uint32_t error, count, i;

    while (pending) {
        count = MIN(pending, QUEUE_TAKE);
        error = vgpu_stub_ring_take(&queue->ring, submissions, &count);
        if (error) {
            return error;
        }
        for (i = 0; i < count; i++) {
            vgpu_stub_contexts_submit(&queue->contexts, &submissions[i]);
        }
        pending -= count;
    }
    return VGPU_STUB_QUEUE_ERROR_NONE;
}

/*
 * Take all that is there, before anything is copied, so that a cancel is seen.
 * The driver cannot keep this going: the ring has an end, and nothing is
 * completed here.
 */
static uint32_t queue_take(VgpuStubQueue *queue)
{
    uint32_t pending;
    uint32_t error;

    do {
        error = vgpu_stub_ring_look(&queue->ring, &pending);
        if (!error) {
            error = queue_take_pending(queue, pending);
        }
    } while (!error && pending);
    return error;
}

/* Write what has ended into the ring. *@passed: the guest is to be told. */
static uint32_t queue_complete(VgpuStubQueue *queue, bool *passed)
{
    VgpuStubEntries *done = &queue->contexts.done;
    VgpuStubEntry *entry;
    uint32_t error = VGPU_STUB_QUEUE_ERROR_NONE;
    bool now = false;

    while (!error && (entry = QTAILQ_FIRST(done))) {
        trace_vgpu_stub_queue_completion(queue, entry->completion.user_data,
                                         entry->completion.status,
                                         entry->completion.response_length,
                                         entry->completion.bulk_moved);
        error = vgpu_stub_ring_complete(&queue->ring, &entry->completion);
        QTAILQ_REMOVE(done, entry, next);
        vgpu_stub_entry_free(entry);
    }
    if (!error) {
        error = vgpu_stub_ring_publish(&queue->ring, &now);
    }
    *passed |= now;
    return error;
}

/*
 * The answers first: they make room for requests. What fails while it is sent
 * is completed after that. Returns false when the time was up.
 */
static bool queue_work(VgpuStubQueue *queue, int64_t deadline, bool *passed)
{
    bool in_time;

    if (queue_broke(queue, queue_take(queue))) {
        return true;
    }
    in_time = vgpu_stub_contexts_answer(&queue->contexts, deadline);
    if (queue_broke(queue, queue_complete(queue, passed))) {
        return true;
    }
    vgpu_stub_contexts_tell(&queue->contexts);
    in_time &= vgpu_stub_contexts_send(&queue->contexts, deadline);
    queue_broke(queue, queue_complete(queue, passed));
    return in_time;
}

static void queue_turn(VgpuStubQueue *queue, int64_t us)
{
    bool passed = false;

    if (!queue->pci_dev) {
        return;
    }
    if (queue->in_turn) {
        queue_wake(queue, 0);
        return;
    }
    queue->in_turn = true;
    if (queue_is_on(queue) && queue_may_touch_memory(queue)) {
        if (!queue_work(queue, vgpu_stub_deadline(us), &passed)) {
            queue_wake(queue, QUEUE_PAUSE_US);
        }
        if (!timer_pending(&queue->trim)) {
            timer_mod(&queue->trim, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                                    QUEUE_TRIM_MS);
        }
        passed |= queue->state == VGPU_STUB_QUEUE_BROKEN;
    }
    queue_tell(queue);
    queue->in_turn = false;
    if (passed) {
        vgpu_stub_interrupt_raise(queue->interrupt,
                                  VGPU_STUB_INTERRUPT_QUEUE);
    }
}

static void queue_turn_timer(void *opaque)
{
    queue_turn(opaque, QUEUE_TURN_US);
}

static void queue_trim_timer(void *opaque)
{
    VgpuStubQueue *queue = opaque;
    int64_t now = qemu_clock_get_ms(QEMU_CLOCK_REALTIME);
    bool more;

    if (!vgpu_stub_contexts_trim(&queue->contexts,
                                 vgpu_stub_deadline(QUEUE_TURN_US), &more)) {
        timer_mod(&queue->trim, now + QUEUE_TRIM_PAUSE_MS);
    } else if (more) {
        timer_mod(&queue->trim, now + QUEUE_TRIM_MS);
    }
}

static void queue_vm_state(void *opaque, VgpuStubRunning running,
                           RunState state G_GNUC_UNUSED)
{
    if (running) {
        queue_wake(opaque, 0);
    }
}

/* Registers */

static bool queue_entries_fit(uint32_t entries)
{
    return entries >= VGPU_STUB_QUEUE_ENTRIES_MIN &&
           entries <= VGPU_STUB_QUEUE_ENTRIES_MAX && is_power_of_2(entries);
}

/* The ring is looked at when bus mastering allows it, else at a doorbell. */
static void queue_enable(VgpuStubQueue *queue)
{
    if (queue->state != VGPU_STUB_QUEUE_OFF) {
        return;
    }
    queue->state = VGPU_STUB_QUEUE_ON;
    vgpu_stub_ring_init(&queue->ring, queue->pci_dev, queue->ring_addr,
                        queue->entries);
    trace_vgpu_stub_queue_start(queue, queue->ring_addr, queue->entries);
    if (queue_entries_fit(queue->entries)) {
        queue_turn(queue, QUEUE_DOORBELL_US);
    } else {
        queue_broke(queue, VGPU_STUB_QUEUE_ERROR_ENTRIES);
        vgpu_stub_interrupt_raise(queue->interrupt,
                                  VGPU_STUB_INTERRUPT_QUEUE);
    }
}

static void queue_disable(VgpuStubQueue *queue)
{
    if (queue->state != VGPU_STUB_QUEUE_OFF) {
        queue_stop(queue, VGPU_STUB_QUEUE_OFF, VGPU_STUB_QUEUE_ERROR_NONE);
        queue_tell(queue);
    }
}

bool vgpu_stub_queue_has(const VgpuStubQueue *queue, hwaddr reg)
{
    return queue->present && reg >= VGPU_STUB_REG_QUEUE_ENTRIES_MAX &&
           reg < VGPU_STUB_REG_QUEUE_DOORBELL + 4;
}

uint32_t vgpu_stub_queue_read(const VgpuStubQueue *queue, hwaddr reg)
{
    switch (reg) {
    case VGPU_STUB_REG_QUEUE_ENTRIES_MAX:
        return VGPU_STUB_QUEUE_ENTRIES_MAX;
    case VGPU_STUB_REG_QUEUE_TRANSFER_MAX:
        return VGPU_STUB_QUEUE_TRANSFER_MAX;
    case VGPU_STUB_REG_QUEUE_SEGMENTS_MAX:
        return VGPU_STUB_QUEUE_SEGMENTS_MAX;
    case VGPU_STUB_REG_QUEUE_RING_LO:
        return queue->ring_addr;
    case VGPU_STUB_REG_QUEUE_RING_HI:
        return queue->ring_addr >> 32;
    case VGPU_STUB_REG_QUEUE_ENTRIES:
        return queue->entries;
    case VGPU_STUB_REG_QUEUE_CONTROL:
        return queue->state == VGPU_STUB_QUEUE_OFF ? VGPU_STUB_QUEUE_DISABLE
                                                   : VGPU_STUB_QUEUE_ENABLE;
    case VGPU_STUB_REG_QUEUE_STATE:
        return queue->state;
    case VGPU_STUB_REG_QUEUE_ERROR:
        return queue->error;
    default:
        return 0; /* DOORBELL and what is reserved between them */
    }
}

/* What says where the ring is stays as it is while there is one. */
static void queue_place_ring(VgpuStubQueue *queue, hwaddr reg, uint32_t value)
{
    if (queue->state != VGPU_STUB_QUEUE_OFF) {
        return;
    }
    switch (reg) {
    case VGPU_STUB_REG_QUEUE_RING_LO:
        queue->ring_addr = deposit64(queue->ring_addr, 0, 32,
                                     value & -VGPU_STUB_QUEUE_RING_ALIGN);
        break;
    case VGPU_STUB_REG_QUEUE_RING_HI:
        queue->ring_addr = deposit64(queue->ring_addr, 32, 32, value);
        break;
    case VGPU_STUB_REG_QUEUE_ENTRIES:
        queue->entries = value;
        break;
    }
}

void vgpu_stub_queue_write(VgpuStubQueue *queue, hwaddr reg, uint32_t value)
{
    if (!queue->pci_dev) {
        return;
    }
    switch (reg) {
    case VGPU_STUB_REG_QUEUE_CONTROL:
        if (value == VGPU_STUB_QUEUE_ENABLE) {
            queue_enable(queue);
        } else if (value == VGPU_STUB_QUEUE_DISABLE) {
            queue_disable(queue);
        }
        break;
    case VGPU_STUB_REG_QUEUE_DOORBELL:
        queue_turn(queue, QUEUE_DOORBELL_US);
        break;
    default:
        queue_place_ring(queue, reg, value);
        break;
    }
}

/* Life */

void vgpu_stub_queue_init(VgpuStubQueue *queue, PCIDevice *pci_dev,
                          VgpuStubLink *link, VgpuStubInterrupt *interrupt)
{
    vgpu_stub_contexts_init(&queue->contexts, pci_dev, link);
    if (!queue->present) {
        return;
    }
    queue->pci_dev = pci_dev;
    queue->interrupt = interrupt;
    timer_init_ns(&queue->turn, QEMU_CLOCK_REALTIME, queue_turn_timer, queue);
    timer_init_ms(&queue->trim, QEMU_CLOCK_REALTIME, queue_trim_timer, queue);
    queue->vm_state = qemu_add_vm_change_state_handler(queue_vm_state, queue);
}

void vgpu_stub_queue_exit(VgpuStubQueue *queue)
{
    if (!queue->pci_dev) {
        return;
    }
    queue->pci_dev = NULL;
    queue->state = VGPU_STUB_QUEUE_OFF;
    qemu_del_vm_change_state_handler(queue->vm_state);
    timer_del(&queue->turn);
    timer_del(&queue->trim);
    vgpu_stub_contexts_forget(&queue->contexts);
}

void vgpu_stub_queue_reset(VgpuStubQueue *queue)
{
    if (!queue->pci_dev) {
        return;
    }
    timer_del(&queue->turn);
    vgpu_stub_contexts_forget(&queue->contexts);
    queue->ring_addr = 0;
    queue->entries = 0;
    queue->state = VGPU_STUB_QUEUE_OFF;
    queue->error = VGPU_STUB_QUEUE_ERROR_NONE;
}

bool vgpu_stub_queue_is_used(const VgpuStubQueue *queue)
{
    return queue->ring_addr || queue->entries || queue->state;
}

const char *vgpu_stub_queue_loaded(VgpuStubQueue *queue)
{
    bool broken = queue->state == VGPU_STUB_QUEUE_BROKEN;

    if (!queue->present && vgpu_stub_queue_is_used(queue)) {
        return "it has a DMA queue, this device has none (queue=off)";
    }
    if (queue->state > VGPU_STUB_QUEUE_BROKEN) {
        return "QUEUE_STATE is none that there is";
    }
    if (queue->error > VGPU_STUB_QUEUE_ERROR_RESTORED ||
        broken != (queue->error != VGPU_STUB_QUEUE_ERROR_NONE)) {
        return "QUEUE_ERROR does not fit QUEUE_STATE";
    }
    if (queue->ring_addr & (VGPU_STUB_QUEUE_RING_ALIGN - 1)) {
        return "QUEUE_RING is not aligned";
    }
    if (queue_is_on(queue)) {
        queue->state = VGPU_STUB_QUEUE_BROKEN;
        queue->error = VGPU_STUB_QUEUE_ERROR_RESTORED;
        queue->interrupt->status |= VGPU_STUB_INTERRUPT_QUEUE;
    }
    return NULL;
}

/* From the link */

/* All that was said together has been heard. */
void vgpu_stub_queue_received(VgpuStubQueue *queue)
{
    queue_turn(queue, QUEUE_TURN_US);
}

/* It may be said in the middle of a turn: another one follows. */
void vgpu_stub_queue_room(VgpuStubQueue *queue)
{
    queue_wake(queue, 0);
}

void vgpu_stub_queue_lost(VgpuStubQueue *queue)
{
    vgpu_stub_contexts_lost(&queue->contexts);
    queue_wake(queue, 0);
}
