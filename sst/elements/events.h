/*
 * What components say to each other: accesses, their answers, interrupts,
 * messages
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SST_ELEMENTS_EVENTS_H
#define SST_ELEMENTS_EVENTS_H

#include <cstdint>
#include <sst/core/event.h>

namespace QemuBridge {

/* A load or store of the software in QEMU, on its way to a device */
class AccessEvent : public SST::Event
{
public:
    bool write = false;
    uint32_t size = 0;          /* bytes: 1, 2, 4 or 8 */
    uint64_t offset = 0;        /* in the device, not necessarily a multiple
                                 * of size; the access ends within it */
    uint64_t data = 0;          /* what is written */

    void serialize_order(SST::Core::Serialization::serializer &ser) override
    {
        Event::serialize_order(ser);
        SST_SER(write);
        SST_SER(size);
        SST_SER(offset);
        SST_SER(data);
    }

    ImplementSerializable(QemuBridge::AccessEvent);
};

/* The answer to it */
class AnswerEvent : public SST::Event
{
public:
    bool ok = false;
    uint64_t data = 0;          /* what is read */

    void serialize_order(SST::Core::Serialization::serializer &ser) override
    {
        Event::serialize_order(ser);
        SST_SER(ok);
        SST_SER(data);
    }

    ImplementSerializable(QemuBridge::AnswerEvent);
};

/* A device sets its interrupt line. */
class InterruptEvent : public SST::Event
{
public:
    bool level = false;

    void serialize_order(SST::Core::Serialization::serializer &ser) override
    {
        Event::serialize_order(ser);
        SST_SER(level);
    }

    ImplementSerializable(QemuBridge::InterruptEvent);
};

/* From one device to another */
class MessageEvent : public SST::Event
{
public:
    uint64_t value = 0;

    void serialize_order(SST::Core::Serialization::serializer &ser) override
    {
        Event::serialize_order(ser);
        SST_SER(value);
    }

    ImplementSerializable(QemuBridge::MessageEvent);
};

} // namespace QemuBridge

#endif /* SST_ELEMENTS_EVENTS_H */
