/*
 * The registers of the example devices: DATA_IN goes in, an operation takes
 * its time, DATA_OUT comes out
 *
 * STATUS says BUSY while the operation runs and DATA_READY when its result is
 * there. A new one that is started too early is not done and sets ERROR.
 * CONTROL.RESET clears all of this. A message that arrives becomes DATA_IN and
 * starts an operation too. The interrupt line is high while DATA_READY is set
 * and CONTROL.INTERRUPT was, when it was last written.
 *
 * Time is the simulator's: it is told here that an operation has begun, and
 * says when it is over.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_MODELS_DATA_UNIT_H
#define SST_MODELS_DATA_UNIT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an operation is */
typedef struct DataUnitOperation {
    /* Whether it begins when software writes this to a register */
    bool (*begins)(unsigned reg, uint32_t value);

    /* Its result; what is above 32 bits is in the message only. */
    uint64_t (*result)(uint32_t operand);
} DataUnitOperation;

extern const DataUnitOperation data_unit_echo;      /* DATA_IN itself */
extern const DataUnitOperation data_unit_compute;   /* on START: its square */

typedef struct DataUnit {
    const DataUnitOperation *operation;
    uint32_t in;
    uint32_t operand;           /* of the operation: DATA_IN when it began */
    uint32_t out;
    uint32_t status;
    bool interrupt;             /* CONTROL.INTERRUPT */
} DataUnit;

/* What the simulator has to do then, in this order */
enum {
    DATA_UNIT_CANCEL = 1,       /* an operation that runs has no end */
    DATA_UNIT_BEGIN = 2,        /* call data_unit_finish() after its time */
};

void data_unit_init(DataUnit *unit, const DataUnitOperation *operation);

/* Whether an access of software lies in the registers */
bool data_unit_has(uint64_t offset, unsigned size);

/*
 * An access to the registers, of 1, 2, 4 or 8 bytes, at a multiple of that.
 * Wider than a register: one after the other; narrower: the other bytes stay as
 * they are. A write, and a message, return what to do: DATA_UNIT_….
 */
uint64_t data_unit_read(const DataUnit *unit, uint64_t offset, unsigned size);
unsigned data_unit_write(DataUnit *unit, uint64_t offset, unsigned size,
                         uint64_t data);
unsigned data_unit_receive(DataUnit *unit, uint64_t message);

/* Whether the interrupt line is high; may change with each of these calls. */
bool data_unit_interrupts(const DataUnit *unit);

/* The operation is over. Returns the message to send. */
uint64_t data_unit_finish(DataUnit *unit);

#ifdef __cplusplus
}
#endif

#endif /* SST_MODELS_DATA_UNIT_H */
